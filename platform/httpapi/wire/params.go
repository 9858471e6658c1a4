package wire

import (
	"encoding/json"
	"net/url"
	"reflect"
	"strings"

	"github.com/cumulite/cumulite/platform/httpapi/microversion"
)

// Params writes a query's parameters as the document that struct t takes:
// lists where it has lists, numbers and booleans where the text is one.
func (c *Codec) Params(t reflect.Type, at microversion.Version, p url.Values) map[string]any {
	properties, _ := c.Schema(t, Shape{At: at})["properties"].(map[string]any)
	doc := map[string]any{}
	for name, values := range p {
		s, _ := properties[name].(map[string]any)
		items, isList := s["items"].(map[string]any)
		if !isList {
			doc[name] = scalar(s["type"], values[len(values)-1])
			continue
		}
		list := make([]any, len(values))
		for i, v := range values {
			list[i] = scalar(items["type"], v)
		}
		doc[name] = list
	}
	return doc
}

// scalar reads a parameter as the type that its schema names, as text when it is none.
func scalar(typ any, text string) any {
	switch typ {
	case "integer", "number":
		doc, _ := Parse([]byte(text), 0, 0)
		if n, ok := doc.(json.Number); ok {
			return n
		}
	case "boolean":
		switch strings.ToLower(text) {
		case "true", "1", "yes", "on", "t", "y":
			return true
		case "false", "0", "no", "off", "f", "n":
			return false
		}
	}
	return text
}
