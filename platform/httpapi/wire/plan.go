package wire

import (
	"encoding"
	"encoding/json"
	"reflect"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/cumulite/cumulite/platform/httpapi/microversion"
	"github.com/cumulite/cumulite/platform/secret"
)

// Codec encodes, decodes and gives schemas. It remembers what it worked out for
// each pair of type and version, and may be used by many goroutines.
type Codec struct {
	encoders sync.Map // planKey → *lazyEncoder
	plans    sync.Map // planKey → []field
}

type planKey struct {
	typ reflect.Type
	at  microversion.Version
}

// field is one JSON member of a struct.
type field struct {
	index     []int
	name      string
	typ       reflect.Type
	omitEmpty bool
	omitZero  bool
	since     microversion.Version
	until     microversion.Version
	api       options
}

// options is a parsed api tag.
type options struct {
	required, nullable, readonly, inline bool
	min, max, format, pattern            string
	enum                                 []string
}

var (
	typeTime      = reflect.TypeFor[time.Time]()
	typeSecret    = reflect.TypeFor[secret.String]()
	typeOptional  = reflect.TypeFor[optional]()
	typeSchemer   = reflect.TypeFor[Schemer]()
	typeMarshaler = reflect.TypeFor[json.Marshaler]()
	typeText      = reflect.TypeFor[encoding.TextMarshaler]()
	typeDecoder   = reflect.TypeFor[json.Unmarshaler]()
	typeReadText  = reflect.TypeFor[encoding.TextUnmarshaler]()
)

// fields gives the members that struct t has in a version.
func (c *Codec) fields(t reflect.Type, at microversion.Version) []field {
	key := planKey{t, at}
	if p, ok := c.plans.Load(key); ok {
		return p.([]field)
	}
	p, _ := c.plans.LoadOrStore(key, collect(t, at, nil))
	return p.([]field)
}

// collect flattens embedded structs, as encoding/json does.
func collect(t reflect.Type, at microversion.Version, index []int) []field {
	var fields []field
	for i := range t.NumField() {
		sf := t.Field(i)
		name, flags, _ := strings.Cut(sf.Tag.Get("json"), ",")
		at1 := append(slices.Clone(index), i)
		since, until := tagVersion(sf, "since"), tagVersion(sf, "until")
		switch {
		case !at.In(since, until) && !at.IsZero():
		case sf.Anonymous && name == "" && sf.Type.Kind() == reflect.Struct:
			fields = append(fields, collect(sf.Type, at, at1)...)
		case !sf.IsExported(), name == "-" && flags == "" && !parseOptions(sf).inline:
		default:
			if name == "" {
				name = sf.Name
			}
			flags := strings.Split(flags, ",")
			fields = append(fields, field{index: at1, name: name, typ: sf.Type, since: since, until: until, api: parseOptions(sf),
				omitEmpty: slices.Contains(flags, "omitempty"), omitZero: slices.Contains(flags, "omitzero")})
		}
	}
	return fields
}

func tagVersion(sf reflect.StructField, key string) microversion.Version {
	if s := sf.Tag.Get(key); s != "" {
		return microversion.V(s)
	}
	return microversion.Version{}
}

// parseOptions reads an api tag. A pattern stands last, since it may hold commas.
func parseOptions(sf reflect.StructField) options {
	var o options
	rest := sf.Tag.Get("api")
	for rest != "" {
		if p, ok := strings.CutPrefix(rest, "pattern="); ok {
			o.pattern = p
			break
		}
		var word string
		word, rest, _ = strings.Cut(rest, ",")
		name, value, _ := strings.Cut(word, "=")
		o.set(name, value)
	}
	return o
}

func (o *options) set(name, value string) {
	switch name {
	case "required":
		o.required = true
	case "nullable":
		o.nullable = true
	case "readonly":
		o.readonly = true
	case "inline":
		o.inline = true
	case "min":
		o.min = value
	case "max":
		o.max = value
	case "format":
		o.format = value
	case "enum":
		o.enum = strings.Split(value, "|")
	default:
		panic("wire: unknown api tag " + name)
	}
}

// isLeaf reports whether encoding/json knows better how to write a t.
func isLeaf(t reflect.Type) bool {
	return t.Implements(typeMarshaler) || t.Implements(typeText)
}
