package wire

import (
	"encoding/json"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/cumulite/cumulite/platform/httpapi/microversion"
)

// encoder appends a value's JSON.
type encoder func(b []byte, v reflect.Value) ([]byte, error)

// lazyEncoder is made when first used, so that types may contain themselves.
type lazyEncoder struct {
	once sync.Once
	enc  encoder
	size atomic.Int64 // of the last whole answer, which the next one is made room for
}

// Encode writes v as microversion at shows it. It differs from encoding/json
// in that fields outside their since and until are left out, that nil slices
// and maps are [] and {} (a pointer is what may be null), and that a map
// tagged api:"inline" adds its entries to its struct's.
func (c *Codec) Encode(v any, at microversion.Version) ([]byte, error) {
	if v == nil {
		return []byte("null"), nil
	}
	rv := reflect.ValueOf(v)
	last := &c.lazy(rv.Type(), at).size
	b, err := c.encoder(rv.Type(), at)(make([]byte, 0, last.Load()+512), rv)
	last.Store(int64(len(b)))
	return b, err
}

func (c *Codec) lazy(t reflect.Type, at microversion.Version) *lazyEncoder {
	entry, ok := c.encoders.Load(planKey{t, at})
	if !ok {
		entry, _ = c.encoders.LoadOrStore(planKey{t, at}, &lazyEncoder{})
	}
	return entry.(*lazyEncoder)
}

func (c *Codec) encoder(t reflect.Type, at microversion.Version) encoder {
	lazy := c.lazy(t, at)
	return func(b []byte, v reflect.Value) ([]byte, error) {
		lazy.once.Do(func() { lazy.enc = c.newEncoder(t, at) })
		return lazy.enc(b, v)
	}
}

func (c *Codec) newEncoder(t reflect.Type, at microversion.Version) encoder {
	if isLeaf(t) && t.Kind() != reflect.Interface {
		return encodeLeaf
	}
	switch t.Kind() {
	case reflect.Struct:
		return c.structEncoder(t, at)
	case reflect.Pointer:
		return nullable(c.encoder(t.Elem(), at))
	case reflect.Interface:
		return nullable(func(b []byte, v reflect.Value) ([]byte, error) { return c.encoder(v.Type(), at)(b, v) })
	case reflect.Slice, reflect.Array:
		if t.Elem().Kind() != reflect.Uint8 {
			return c.listEncoder(t, at)
		}
	case reflect.Map:
		if t.Key().Kind() == reflect.String {
			return c.mapEncoder(t, at)
		}
	case reflect.String:
		return func(b []byte, v reflect.Value) ([]byte, error) { return appendString(b, v.String()), nil }
	case reflect.Bool:
		return func(b []byte, v reflect.Value) ([]byte, error) { return strconv.AppendBool(b, v.Bool()), nil }
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return func(b []byte, v reflect.Value) ([]byte, error) { return strconv.AppendInt(b, v.Int(), 10), nil }
	}
	return encodeLeaf
}

func encodeLeaf(b []byte, v reflect.Value) ([]byte, error) {
	enc, err := json.Marshal(v.Interface())
	return append(b, enc...), err
}

func nullable(elem encoder) encoder {
	return func(b []byte, v reflect.Value) ([]byte, error) {
		if v.IsNil() {
			return append(b, "null"...), nil
		}
		return elem(b, v.Elem())
	}
}

func (c *Codec) listEncoder(t reflect.Type, at microversion.Version) encoder {
	elem := c.encoder(t.Elem(), at)
	return func(b []byte, v reflect.Value) (_ []byte, err error) {
		b = append(b, '[')
		for i := range v.Len() {
			if i > 0 {
				b = append(b, ',')
			}
			if b, err = elem(b, v.Index(i)); err != nil {
				return nil, err
			}
		}
		return append(b, ']'), nil
	}
}

func (c *Codec) mapEncoder(t reflect.Type, at microversion.Version) encoder {
	elem := c.encoder(t.Elem(), at)
	return func(b []byte, v reflect.Value) ([]byte, error) {
		b, err := appendEntries(append(b, '{'), v, elem)
		return append(b, '}'), err
	}
}

// appendEntries writes a map's entries in the order of their keys.
func appendEntries(b []byte, m reflect.Value, elem encoder) (_ []byte, err error) {
	keys := m.MapKeys()
	slices.SortFunc(keys, func(x, y reflect.Value) int { return strings.Compare(x.String(), y.String()) })
	for _, k := range keys {
		b = append(appendString(comma(b), k.String()), ':')
		if b, err = elem(b, m.MapIndex(k)); err != nil {
			return nil, err
		}
	}
	return b, nil
}

// comma separates from the member before, if there is one.
func comma(b []byte) []byte {
	if b[len(b)-1] == '{' {
		return b
	}
	return append(b, ',')
}

type member struct {
	field
	key    []byte // "name":
	encode encoder
}

func (c *Codec) structEncoder(t reflect.Type, at microversion.Version) encoder {
	var members []member
	for _, f := range c.fields(t, at) {
		m := member{f, append(appendString(nil, f.name), ':'), nil}
		if f.api.inline {
			m.encode = c.encoder(f.typ.Elem(), at)
		} else {
			m.encode = c.encoder(f.typ, at)
		}
		members = append(members, m)
	}
	return func(b []byte, v reflect.Value) (_ []byte, err error) {
		b = append(b, '{')
		for i := range members {
			if b, err = members[i].append(b, v.FieldByIndex(members[i].index)); err != nil {
				return nil, err
			}
		}
		return append(b, '}'), nil
	}
}

func (m *member) append(b []byte, v reflect.Value) ([]byte, error) {
	switch {
	case m.api.inline:
		return appendEntries(b, v, m.encode)
	case m.omitEmpty && isEmpty(v), m.omitZero && isZero(v):
		return b, nil
	}
	return m.encode(append(comma(b), m.key...), v)
}

func isEmpty(v reflect.Value) bool {
	switch v.Kind() {
	case reflect.Slice, reflect.Map, reflect.Array, reflect.String:
		return v.Len() == 0
	case reflect.Struct:
		return false
	}
	return v.IsZero()
}

func isZero(v reflect.Value) bool {
	if z, ok := v.Interface().(interface{ IsZero() bool }); ok && v.Kind() != reflect.Pointer {
		return z.IsZero()
	}
	return v.IsZero()
}

// appendString quotes s; plain ASCII, which is nearly all there is, by itself.
func appendString(b []byte, s string) []byte {
	for i := range len(s) {
		if c := s[i]; c < ' ' || c >= 0x7f || c == '"' || c == '\\' {
			enc, _ := json.Marshal(s) // a string always has an encoding
			return append(b, enc...)
		}
	}
	b = append(append(b, '"'), s...)
	return append(b, '"')
}
