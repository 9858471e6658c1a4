package wire

import (
	"encoding/json"
	"reflect"
	"strconv"
)

// Schemer is a type that states its own JSON schema.
type Schemer interface{ JSONSchema() map[string]any }

// maxDepth ends the schema of a type that contains itself: what lies deeper is not checked.
const maxDepth = 12

// Schema gives the JSON schema (draft 2020-12) of what t takes in a version.
// Unknown fields are refused unless loose.
func (c *Codec) Schema(t reflect.Type, at Version, loose bool) map[string]any {
	return c.schema(t, at, loose, 0)
}

func (c *Codec) schema(t reflect.Type, at Version, loose bool, depth int) map[string]any {
	switch {
	case depth > maxDepth:
		return map[string]any{}
	case t.Implements(typeSchemer):
		return reflect.Zero(t).Interface().(Schemer).JSONSchema()
	case t == typeTime:
		return map[string]any{"type": "string", "format": "date-time"}
	case t == typeSecret:
		return map[string]any{"type": "string", "writeOnly": true}
	case t.Implements(typeOptional):
		return c.schema(reflect.Zero(t).Interface().(optional).elem(), at, loose, depth)
	case t.Kind() == reflect.Pointer:
		return c.schema(t.Elem(), at, loose, depth)
	case t.Kind() != reflect.Interface && t.Implements(typeMarshaler):
		return map[string]any{}
	case t.Implements(typeText):
		return map[string]any{"type": "string"}
	}
	return c.kindSchema(t, at, loose, depth)
}

func (c *Codec) kindSchema(t reflect.Type, at Version, loose bool, depth int) map[string]any {
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
		return map[string]any{"type": "array", "items": c.schema(t.Elem(), at, loose, depth+1)}
	case reflect.Map:
		return map[string]any{"type": "object", "additionalProperties": c.schema(t.Elem(), at, loose, depth+1)}
	case reflect.Struct:
		return c.structSchema(t, at, loose, depth)
	}
	return map[string]any{}
}

func (c *Codec) structSchema(t reflect.Type, at Version, loose bool, depth int) map[string]any {
	properties := map[string]any{}
	s := map[string]any{"type": "object", "properties": properties, "additionalProperties": loose}
	var required []any
	for _, f := range c.fields(t, at) {
		switch {
		case f.api.inline:
			s["additionalProperties"] = c.schema(f.typ.Elem(), at, loose, depth+1)
			continue
		case f.api.readonly:
			continue
		case f.api.required:
			required = append(required, f.name)
		}
		properties[f.name] = f.api.restrict(c.schema(f.typ, at, loose, depth+1))
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
	if typ, ok := s["type"].(string); ok && o.nullable {
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
