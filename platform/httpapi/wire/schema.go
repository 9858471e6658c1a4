package wire

import (
	"encoding/json"
	"reflect"
	"strconv"

	"github.com/cumulite/cumulite/platform/httpapi/microversion"
)

// Schemer is a type that states its own JSON schema.
type Schemer interface{ JSONSchema() map[string]any }

// maxDepth ends the schema of a type that contains itself: what lies deeper is not checked.
const maxDepth = 12

// Shape says which schema of a type is meant.
type Shape struct {
	At     microversion.Version // the zero version: of all versions, with their ranges as x-openstack
	Loose  bool                 // unknown fields are taken
	Answer bool                 // of a response: read-only fields are in it
}

// Schema gives the JSON schema (draft 2020-12) of t.
func (c *Codec) Schema(t reflect.Type, sh Shape) map[string]any { return c.schema(t, sh, 0) }

func (c *Codec) schema(t reflect.Type, sh Shape, depth int) map[string]any {
	switch {
	case depth > maxDepth:
		return map[string]any{}
	case t.Kind() == reflect.Pointer:
		return c.schema(t.Elem(), sh, depth)
	case t.Implements(typeSchemer):
		return reflect.Zero(t).Interface().(Schemer).JSONSchema()
	case t == typeTime:
		return map[string]any{"type": "string", "format": "date-time"}
	case t == typeSecret:
		return map[string]any{"type": "string", "writeOnly": true}
	case t.Implements(typeOptional):
		return c.schema(reflect.Zero(t).Interface().(optional).elem(), sh, depth)
	case t.Kind() != reflect.Interface && t.Implements(typeMarshaler):
		return map[string]any{}
	case t.Implements(typeText):
		return map[string]any{"type": "string"}
	}
	return c.kindSchema(t, sh, depth)
}

func (c *Codec) kindSchema(t reflect.Type, sh Shape, depth int) map[string]any {
	switch t.Kind() {
	case reflect.String:
		return map[string]any{"type": "string"}
	case reflect.Bool:
		return map[string]any{"type": "boolean"}
	case reflect.Float32, reflect.Float64:
		return map[string]any{"type": "number"}
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return map[string]any{"type": "integer", "minimum": json.Number(strconv.FormatInt(-1<<(t.Bits()-1), 10)),
			"maximum": json.Number(strconv.FormatInt(1<<(t.Bits()-1)-1, 10))}
	case reflect.Slice, reflect.Array:
		return map[string]any{"type": "array", "items": c.schema(t.Elem(), sh, depth+1)}
	case reflect.Map:
		return map[string]any{"type": "object", "additionalProperties": c.schema(t.Elem(), sh, depth+1)}
	case reflect.Struct:
		return c.structSchema(t, sh, depth)
	}
	return map[string]any{}
}

func (c *Codec) structSchema(t reflect.Type, sh Shape, depth int) map[string]any {
	properties := map[string]any{}
	s := map[string]any{"type": "object", "properties": properties, "additionalProperties": sh.Loose || sh.Answer}
	var required []any
	for _, f := range c.fields(t, sh.At) {
		switch {
		case f.api.inline:
			s["additionalProperties"] = c.schema(f.typ.Elem(), sh, depth+1)
			continue
		case f.api.readonly && !sh.Answer:
			if !sh.Loose {
				properties[f.name] = false
			}
			continue
		case f.api.required:
			required = append(required, f.name)
		}
		property := f.api.restrict(c.schema(f.typ, sh, depth+1))
		if r := microversion.Range(f.since, f.until); sh.At.IsZero() && r != nil {
			property["x-openstack"] = r
		}
		properties[f.name] = property
	}
	if required != nil {
		s["required"] = required
	}
	return s
}

// restrict adds to a schema what an api tag says.
func (o options) restrict(s map[string]any) map[string]any {
	low, high := bounds(s["type"])
	if o.min != "" {
		s[low] = json.Number(o.min)
	}
	if o.max != "" {
		s[high] = json.Number(o.max)
	}
	if o.format != "" {
		s["format"] = o.format
	}
	if o.pattern != "" {
		s["pattern"] = o.pattern
	}
	if o.enum != nil {
		s["enum"] = o.values(s["type"])
	}
	if types, ok := s["type"].([]any); ok && o.nullable {
		s["type"] = append(types, "null")
	} else if typ, ok := s["type"].(string); ok && o.nullable {
		s["type"] = []any{typ, "null"}
	}
	return s
}

func (o options) values(typ any) []any {
	var values []any
	for _, e := range o.enum {
		if typ == "string" {
			values = append(values, e)
		} else {
			values = append(values, json.Number(e))
		}
	}
	if o.nullable {
		values = append(values, nil)
	}
	return values
}

// bounds names what min and max bound for a JSON type.
func bounds(typ any) (low, high string) {
	switch typ {
	case "string":
		return "minLength", "maxLength"
	case "array":
		return "minItems", "maxItems"
	case "object":
		return "minProperties", "maxProperties"
	}
	return "minimum", "maximum"
}
