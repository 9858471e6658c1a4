package httpapi

import (
	"encoding/json"
	"net/http"
	"sync"

	"github.com/cumulite/cumulite/platform/httpapi/discovery"
)

// documents gives the rows of the version documents and of the OpenAPI
// document. They ask for no token and take no microversion.
func (a *API) documents() (rows []Route) {
	c, row := a.cfg, func(pattern string, handle func(*Request) (any, error)) {
		rows = append(rows, Route{Method: http.MethodGet, Pattern: pattern, Action: Public, unversioned: true, Handle: handle})
	}
	if c.OpenAPI != nil {
		row(c.Prefix+"/openapi.json", a.openAPI())
	}
	d := c.Document
	if d == nil {
		return rows
	}
	root := c.Prefix
	if root == "" {
		root = "/{$}"
	}
	add := func(pattern string, write func(discovery.Place) (int, any)) {
		if write != nil {
			row(pattern, c.describe(write))
		}
	}
	add(root, d.List)
	add(c.Prefix+"/versions", d.Versions)
	if c.Root != "" {
		add(c.Prefix+c.Root, d.Show)
	}
	if c.OldRoot != "" {
		add(c.Prefix+c.OldRoot, d.ShowOld)
	}
	return rows
}

func (c Config) describe(write func(discovery.Place) (int, any)) func(*Request) (any, error) {
	return func(r *Request) (any, error) {
		status, body := write(discovery.Place{URL: c.PublicURL + c.Prefix, Root: c.Root, OldRoot: c.OldRoot, Set: c.Versions})
		r.Status(status)
		if status == http.StatusMultipleChoices {
			r.Header().Set("Location", r.URLFor("/"))
		}
		return body, nil
	}
}

// openAPI answers with the OpenAPI document, which is written when it is first asked for.
func (a *API) openAPI() func(*Request) (any, error) {
	document := sync.OnceValues(func() ([]byte, error) { return a.cfg.OpenAPI(a) })
	return func(*Request) (any, error) {
		body, err := document()
		return json.RawMessage(body), err
	}
}
