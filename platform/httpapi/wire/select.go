package wire

import (
	"bytes"
	"encoding/json"
	"strings"
)

// Select cuts the resources in a body, {"network": {…}} or {"networks": [{…}],
// "networks_links": …}, to some fields.
func Select(body []byte, fields []string) ([]byte, error) {
	var doc map[string]any
	dec := json.NewDecoder(bytes.NewReader(body))
	dec.UseNumber()
	if err := dec.Decode(&doc); err != nil {
		return nil, err
	}
	for name, v := range doc {
		if strings.HasSuffix(name, "_links") {
			continue
		}
		switch v := v.(type) {
		case map[string]any:
			doc[name] = pick(v, fields)
		case []any:
			for i := range v {
				if object, ok := v[i].(map[string]any); ok {
					v[i] = pick(object, fields)
				}
			}
		}
	}
	return json.Marshal(doc)
}

func pick(object map[string]any, fields []string) map[string]any {
	out := make(map[string]any, len(fields))
	for _, f := range fields {
		if v, ok := object[f]; ok {
			out[f] = v
		}
	}
	return out
}
