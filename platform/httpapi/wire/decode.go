package wire

import (
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"unicode/utf8"

	"github.com/cumulite/cumulite/platform/httpapi/microversion"
)

// Decode fills the struct (or slice, map …) that dst points to from doc, a
// decoded JSON document that was checked against its Schema. It takes exactly what
// was validated: names must match in case, a repeated name counts once, fields
// outside their versions and unknown ones are left alone, the latter unless
// the struct has a map tagged api:"inline".
func (c *Codec) Decode(doc any, at microversion.Version, dst any) error {
	return c.decode(doc, at, reflect.ValueOf(dst).Elem())
}

func (c *Codec) decode(doc any, at microversion.Version, v reflect.Value) error {
	p := v.Addr()
	if o, ok := p.Interface().(optionalTarget); ok {
		return o.decode(c, doc, at)
	}
	if p.Type().Implements(typeDecoder) || p.Type().Implements(typeReadText) {
		return decodeLeaf(doc, v)
	}
	switch d := doc.(type) {
	case map[string]any:
		switch v.Kind() {
		case reflect.Struct:
			return c.decodeStruct(d, at, v)
		case reflect.Map:
			return c.decodeMap(d, at, v)
		}
	case []any:
		if v.Kind() == reflect.Slice {
			return c.decodeList(d, at, v)
		}
	}
	if v.Kind() == reflect.Pointer && doc != nil {
		v.Set(reflect.New(v.Type().Elem()))
		return c.decode(doc, at, v.Elem())
	}
	return decodeLeaf(doc, v)
}

func decodeLeaf(doc any, v reflect.Value) error {
	b, err := json.Marshal(doc)
	if err != nil {
		return err
	}
	return json.Unmarshal(b, v.Addr().Interface())
}

func (c *Codec) decodeStruct(doc map[string]any, at microversion.Version, v reflect.Value) error {
	fields := c.fields(v.Type(), at)
	known := make(map[string]bool, len(fields))
	for _, f := range fields {
		known[f.name] = !f.api.inline
		val, ok := doc[f.name]
		if !ok || f.api.inline || f.api.readonly {
			continue
		}
		if err := c.decode(val, at, v.FieldByIndex(f.index)); err != nil {
			return fmt.Errorf("%s: %w", f.name, err)
		}
	}
	for _, f := range fields {
		if f.api.inline {
			return c.decodeMap(without(doc, known), at, v.FieldByIndex(f.index))
		}
	}
	return nil
}

func without(doc map[string]any, known map[string]bool) map[string]any {
	rest := map[string]any{}
	for k, val := range doc {
		if !known[k] {
			rest[k] = val
		}
	}
	return rest
}

func (c *Codec) decodeMap(doc map[string]any, at microversion.Version, v reflect.Value) error {
	t := v.Type()
	if t.Key().Kind() != reflect.String {
		return decodeLeaf(doc, v)
	}
	v.Set(reflect.MakeMapWithSize(t, len(doc)))
	for k, d := range doc {
		elem := reflect.New(t.Elem()).Elem()
		if err := c.decode(d, at, elem); err != nil {
			return fmt.Errorf("%s: %w", k, err)
		}
		v.SetMapIndex(reflect.ValueOf(k).Convert(t.Key()), elem)
	}
	return nil
}

func (c *Codec) decodeList(doc []any, at microversion.Version, v reflect.Value) error {
	v.Set(reflect.MakeSlice(v.Type(), len(doc), len(doc)))
	for i, d := range doc {
		if err := c.decode(d, at, v.Index(i)); err != nil {
			return fmt.Errorf("%d: %w", i, err)
		}
	}
	return nil
}

// optionalTarget is a *Optional of some type.
type optionalTarget interface {
	decode(c *Codec, doc any, at microversion.Version) error
}

func (o *Optional[T]) decode(c *Codec, doc any, at microversion.Version) error {
	*o = Optional[T]{Set: true, Null: doc == nil}
	if o.Null {
		return nil
	}
	return c.Decode(doc, at, &o.Value)
}

// Parse reads one JSON document in UTF-8 of at most depth levels and keys
// names; what is more is refused before anything is built of it. Numbers stay
// as written.
func Parse(body []byte, depth, keys int) (any, error) {
	if err := bound(body, depth, keys); err != nil {
		return nil, err
	}
	dec := json.NewDecoder(strings.NewReader(string(body)))
	dec.UseNumber()
	var doc any
	if err := dec.Decode(&doc); err != nil {
		return nil, err
	}
	if dec.More() || !utf8.Valid(body) {
		return nil, fmt.Errorf("wire: this is not one document in UTF-8")
	}
	return doc, nil
}

// bound counts brackets and colons outside strings, and looks for NUL in them.
func bound(body []byte, depth, keys int) error {
	inString := false
	for i := 0; i < len(body); i++ {
		switch c := body[i]; {
		case c == '"':
			inString = !inString
		case inString && c == '\\' && string(body[i:min(i+6, len(body))]) == `\u0000`:
			keys = -1 // no database has it in text
		case inString && c == '\\':
			i++
		case inString:
		case c == '{' || c == '[':
			depth--
		case c == '}' || c == ']':
			depth++
		case c == ':':
			keys--
		}
		if depth < 0 || keys < 0 {
			return fmt.Errorf("wire: the document is too deep, has too many names, or a NUL")
		}
	}
	return nil
}
