package httpapi

import (
	"net/http"

	"github.com/cumulite/cumulite/platform/httpapi/discovery"
)

// documents gives the rows of the version documents. They ask for no token
// and take no microversion.
func (c Config) documents() []Route {
	d := c.Document
	if d == nil {
		return nil
	}
	root := c.Prefix
	if root == "" {
		root = "/{$}"
	}
	var rows []Route
	add := func(pattern string, write func(discovery.Place) (int, any)) {
		if write != nil {
			rows = append(rows, Route{Method: http.MethodGet, Pattern: pattern, Action: Public, unversioned: true, Handle: c.describe(write)})
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
