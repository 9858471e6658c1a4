// Package openapi writes the OpenAPI 3.1 document of an API from its rows.
package openapi

import (
	"encoding/json"
	"net/http"
	"reflect"
	"regexp"
	"strconv"
	"strings"

	"github.com/cumulite/cumulite/platform/httpapi"
	"github.com/cumulite/cumulite/platform/httpapi/microversion"
	"github.com/cumulite/cumulite/platform/httpapi/wire"
)

type object = map[string]any

// document is one being written.
type document struct{ codec wire.Codec }

var wildcard = regexp.MustCompile(`\{([^}.]+)(\.\.\.)?\}`)

// Document gives the document of api as JSON. Rows that share
// method and path are alternatives of one operation; x-openstack says which
// microversions have what, and which policy action a row asks for.
func Document(api *httpapi.API) ([]byte, error) {
	d := document{}
	cfg := api.Config()
	paths := object{}
	for _, r := range api.Routes() {
		name := wildcard.ReplaceAllString(cfg.Root+r.Pattern, "{$1}")
		item, ok := paths[name].(object)
		if !ok {
			item = object{"parameters": pathParameters(r.Pattern)}
			paths[name] = item
		}
		method := strings.ToLower(r.Method)
		op, ok := item[method].(object)
		if !ok {
			op = object{"responses": object{"default": object{"description": "A fault."}}, "x-openstack": object{"rows": []any{}}}
			item[method] = op
		}
		d.describe(op, r)
	}
	info := object{"title": cfg.Title, "version": "1"}
	if v := cfg.Versions; v != nil {
		info["version"], info["x-openstack"] = v.Max.String(), microversion.Range(v.Min, v.Max)
	}
	return json.Marshal(object{"openapi": "3.1.0", "info": info, "paths": paths,
		"servers": []object{{"url": cfg.PublicURL + cfg.Prefix}}, "components": object{"securitySchemes": object{
			"token": object{"type": "apiKey", "in": "header", "name": "X-Auth-Token"}}}})
}

func pathParameters(pattern string) []object {
	list := []object{}
	for _, m := range wildcard.FindAllStringSubmatch(pattern, -1) {
		list = append(list, object{"name": m[1], "in": "path", "required": true, "schema": object{"type": "string"}})
	}
	return list
}

// describe adds a row to its operation.
func (d *document) describe(op object, r httpapi.Route) {
	row := object{"policy": r.Action}
	if rng := microversion.Range(r.Since, r.Until); rng != nil {
		row["microversions"] = rng
	}
	if r.BodyKey != "" {
		row["action"] = r.BodyKey
	}
	x := op["x-openstack"].(object)
	x["rows"] = append(x["rows"].([]any), row)
	if r.Action != httpapi.Public {
		op["security"] = []object{{"token": []any{}}}
	}
	if r.Query != nil {
		op["parameters"] = d.queryParameters(r.Query)
	}
	if r.Request != nil {
		media := "application/json"
		if r.ContentTypes != nil {
			media = r.ContentTypes[0]
		}
		addSchema(op, "requestBody", media, d.rowSchema(r, r.Request, wire.Shape{Loose: r.Loose}))
	}
	status := strconv.Itoa(max(r.Status, http.StatusOK))
	responses := op["responses"].(object)
	if responses[status] == nil {
		responses[status] = object{"description": http.StatusText(max(r.Status, http.StatusOK))}
	}
	if r.Response != nil {
		addSchema(responses, status, "application/json", d.rowSchema(r, r.Response, wire.Shape{Answer: true}))
	}
}

func (d *document) rowSchema(r httpapi.Route, of any, sh wire.Shape) object {
	s := d.codec.Schema(reflect.TypeOf(of), sh)
	x := microversion.Range(r.Since, r.Until)
	if r.BodyKey != "" {
		if x == nil {
			x = object{}
		}
		x["action-name"] = r.BodyKey
		s = named(s, r.BodyKey)
	}
	if x != nil {
		s["x-openstack"] = x
	}
	return s
}

// named gives the schema of a body that is a map as one of the name that its row takes.
func named(s object, name string) object {
	inner, isMap := s["additionalProperties"].(object)
	if !isMap || s["properties"] != nil {
		return s
	}
	return object{"type": "object", "properties": object{name: inner}, "required": []any{name}, "additionalProperties": false}
}

// addSchema puts a schema at in[name].content[media], as an alternative to those there.
func addSchema(in object, name, media string, s object) {
	body, ok := in[name].(object)
	if !ok {
		body = object{}
		in[name] = body
	}
	content, ok := body["content"].(object)
	if !ok {
		content = object{}
		body["content"] = content
	}
	there, ok := content[media].(object)
	if !ok {
		content[media] = object{"schema": object{"anyOf": []any{s}}}
		return
	}
	alternatives := there["schema"].(object)
	alternatives["anyOf"] = append(alternatives["anyOf"].([]any), s)
}

func (d *document) queryParameters(of any) []object {
	list := []object{}
	properties, _ := d.codec.Schema(reflect.TypeOf(of), wire.Shape{})["properties"].(object)
	for name, s := range properties {
		list = append(list, object{"name": name, "in": "query", "schema": s})
	}
	return list
}
