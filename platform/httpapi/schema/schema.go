// Package schema checks JSON documents against JSON schemas (draft 2020-12)
// and says what is wrong in the words that callers of OpenStack know, without
// repeating a secret to them.
package schema

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math/big"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/santhosh-tekuri/jsonschema/v6/kind"
)

// Problem is the first thing found wrong with a document. Values of secrets,
// and of names that are not known, do not stand in it.
type Problem struct {
	Path     []string // of the value that is wrong, empty for the document itself
	Value    string   // as the originals print it, at most 1 KiB
	Reason   string   // in the originals' words: "'x' is too long"
	Missing  string   // the required name that is not there, else ""
	Unknown  []string // the names that are not known, else nil
	ReadOnly bool     // the one unknown name is known, but not in this direction
	Method   string   // of the request, "" outside of one
}

// Validator checks documents against one schema. It is compiled when first
// used, and may be used by many goroutines.
type Validator struct {
	once     sync.Once
	schema   map[string]any
	compiled *jsonschema.Schema
	err      error
}

// New makes the validator of a schema. What it marks as writeOnly is secret.
func New(schema map[string]any) *Validator { return &Validator{schema: schema} }

// Check gives what is wrong with doc, nil when nothing is. An error is a
// mistake in the schema.
func (v *Validator) Check(doc any) (*Problem, error) {
	v.once.Do(v.compile)
	if v.err != nil {
		return nil, v.err
	}
	var invalid *jsonschema.ValidationError
	if !errors.As(v.compiled.Validate(doc), &invalid) {
		return nil, nil
	}
	return v.problem(first(invalid), doc), nil
}

func (v *Validator) compile() {
	c := jsonschema.NewCompiler()
	c.DefaultDraft(jsonschema.Draft2020)
	c.AssertFormat()
	c.RegisterVocabulary(&jsonschema.Vocabulary{URL: "schema:text-bounds", Compile: compileTextBounds})
	c.AssertVocabs()
	c.RegisterFormat(&jsonschema.Format{Name: "uuid", Validate: validateUUID})
	var schema any
	if schema, v.err = plain(v.schema); v.err == nil {
		v.err = c.AddResource("schema:body", schema)
	}
	if v.err == nil {
		v.compiled, v.err = c.Compile("schema:body")
	}
}

// plain gives the schema with only the types that the compiler knows: a
// Schemer may use Go's own.
func plain(schema map[string]any) (any, error) {
	text, err := json.Marshal(schema)
	if err != nil {
		return nil, err
	}
	return jsonschema.UnmarshalJSON(bytes.NewReader(text))
}

// textBounds holds numbers that are written as text to the bounds of a schema
// that takes both, as the originals do.
type textBounds struct{ least, most int64 }

func compileTextBounds(_ *jsonschema.CompilerContext, schema map[string]any) (jsonschema.SchemaExt, error) {
	types, _ := schema["type"].([]any)
	var b textBounds
	n, _ := fmt.Sscan(fmt.Sprint(schema["minimum"], " ", schema["maximum"]), &b.least, &b.most) // "<nil>" is no bound
	if n < 2 || !slices.Contains(types, any("string")) {
		return nil, nil
	}
	return b, nil
}

// Validate implements jsonschema.SchemaExt.
func (b textBounds) Validate(ctx *jsonschema.ValidatorContext, v any) {
	text, _ := v.(string)
	switch n, err := strconv.ParseInt(text, 10, 64); {
	case errors.Is(err, strconv.ErrSyntax): // it is for a pattern
	case n < b.least:
		ctx.AddError(&kind.Minimum{Want: big.NewRat(b.least, 1)})
	case n > b.most || err != nil:
		ctx.AddError(&kind.Maximum{Want: big.NewRat(b.most, 1)})
	}
}

// validateUUID takes 32 hexadecimal digits with or without dashes, as the originals do.
func validateUUID(v any) error {
	s, ok := v.(string)
	digits := strings.ReplaceAll(s, "-", "")
	if ok && (len(digits) != 32 || strings.Trim(digits, "0123456789abcdefABCDEF") != "") {
		return fmt.Errorf("not a uuid")
	}
	return nil
}

// first gives the error nearest to the top, always the same one.
func first(err *jsonschema.ValidationError) *jsonschema.ValidationError {
	return slices.MinFunc(leaves(err), func(a, b *jsonschema.ValidationError) int {
		return cmp.Or(cmp.Compare(len(a.InstanceLocation), len(b.InstanceLocation)),
			slices.Compare(a.InstanceLocation, b.InstanceLocation), cmp.Compare(rank(a), rank(b)))
	})
}

func leaves(err *jsonschema.ValidationError) (all []*jsonschema.ValidationError) {
	if len(err.Causes) == 0 {
		return []*jsonschema.ValidationError{err}
	}
	for _, cause := range err.Causes {
		all = append(all, leaves(cause)...)
	}
	return all
}

// rank puts what is missing before what is too much.
func rank(e *jsonschema.ValidationError) int {
	switch e.ErrorKind.(type) {
	case *kind.Required:
		return 0
	case *kind.AdditionalProperties:
		return 2
	}
	return 1
}

func (v *Validator) problem(e *jsonschema.ValidationError, doc any) *Problem {
	p := &Problem{Path: e.InstanceLocation}
	value := redact(doc, v.schema)
	for _, step := range e.InstanceLocation {
		value = child(value, step)
	}
	p.Value = show(value)
	switch k := e.ErrorKind.(type) {
	case *kind.Required:
		p.Missing = slices.Min(k.Missing)
		p.Reason = show(p.Missing) + " is a required property"
	case *kind.AdditionalProperties:
		p.Unknown = slices.Sorted(slices.Values(k.Properties))
		p.Reason = unexpected(p.Unknown)
	case *kind.FalseSchema:
		return readOnly(e.InstanceLocation)
	default:
		p.Reason = reason(k, p.Value)
	}
	return p
}

// readOnly is the problem with a name that answers have and requests must not:
// for most of the originals it is as unknown as any other.
func readOnly(at []string) *Problem {
	if len(at) == 0 {
		return &Problem{Value: show(hidden{}), Reason: "The document is not allowed"}
	}
	name := at[len(at)-1]
	return &Problem{Path: at[:len(at)-1], Value: show(hidden{}), Reason: unexpected([]string{name}), Unknown: []string{name}, ReadOnly: true}
}

func unexpected(names []string) string {
	verb := "were"
	if len(names) == 1 {
		verb = "was"
	}
	list := show(names[0])
	for _, n := range names[1:] {
		list = cut(list + ", " + show(n))
	}
	return fmt.Sprintf("Additional properties are not allowed (%s %s unexpected)", list, verb)
}

// reason words what is wrong with a value as Python's jsonschema does, whose
// words the originals' callers know.
func reason(k jsonschema.ErrorKind, value string) string {
	switch k := k.(type) {
	case *kind.Type:
		return value + " is not of type '" + strings.Join(k.Want, "', '") + "'"
	case *kind.Enum:
		return value + " is not one of " + show(k.Want)
	case *kind.Format:
		return value + " is not a '" + k.Want + "'"
	case *kind.Pattern:
		return value + " does not match '" + k.Want + "'"
	case *kind.Minimum:
		return value + " is less than the minimum of " + k.Want.RatString()
	case *kind.Maximum:
		return value + " is greater than the maximum of " + k.Want.RatString()
	case *kind.MinLength, *kind.MinItems:
		return value + " is too short"
	case *kind.MaxLength, *kind.MaxItems:
		return value + " is too long"
	case *kind.MinProperties:
		return value + " does not have enough properties"
	case *kind.MaxProperties:
		return value + " has too many properties"
	case *kind.UniqueItems:
		return value + " has non-unique elements"
	}
	return value + " is not valid under any of the given schemas"
}

// redact gives doc without the values of secrets and of unknown names.
func redact(doc any, schema map[string]any) any {
	if schema["writeOnly"] == true {
		return hidden{}
	}
	switch d := doc.(type) {
	case map[string]any:
		properties, _ := schema["properties"].(map[string]any)
		rest, _ := schema["additionalProperties"].(map[string]any)
		out := make(map[string]any, len(d))
		for k, val := range d {
			out[k] = hidden{}
			if s, ok := properties[k].(map[string]any); ok {
				out[k] = redact(val, s)
			} else if rest != nil {
				out[k] = redact(val, rest)
			}
		}
		return out
	case []any:
		items, _ := schema["items"].(map[string]any)
		out := make([]any, len(d))
		for i := range d {
			out[i] = redact(d[i], items)
		}
		return out
	}
	return doc
}

// hidden stands for a value that is not shown.
type hidden struct{}

func child(v any, step string) any {
	switch v := v.(type) {
	case map[string]any:
		return v[step]
	case []any:
		if i, err := strconv.Atoi(step); err == nil && i < len(v) {
			return v[i]
		}
	}
	return hidden{}
}

// maxPrinted bounds a value in a message.
const maxPrinted = 1024

// show prints a value as Python would.
func show(v any) string {
	switch v := v.(type) {
	case nil:
		return "None"
	case hidden:
		return "***"
	case bool:
		return map[bool]string{true: "True", false: "False"}[v]
	case string:
		return cut("'" + v + "'")
	case []any:
		return showEach("[", "]", len(v), func(i int) string { return show(v[i]) })
	case map[string]any:
		keys := slices.Sorted(maps.Keys(v))
		return showEach("{", "}", len(keys), func(i int) string { return show(keys[i]) + ": " + show(v[keys[i]]) })
	}
	return cut(fmt.Sprint(v))
}

func showEach(open, end string, n int, each func(i int) string) string {
	var b strings.Builder
	b.WriteString(open)
	for i := 0; i < n && b.Len() <= maxPrinted; i++ {
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteString(each(i))
	}
	b.WriteString(end)
	return cut(b.String())
}

func cut(s string) string {
	if len(s) <= maxPrinted {
		return s
	}
	return strings.ToValidUTF8(s[:maxPrinted], "") + "…"
}
