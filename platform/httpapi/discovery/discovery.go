// Package discovery is about the version documents by which clients find out
// what a service speaks: what its prefix answers, and its versioned root. Each
// API states its own, in its original's form.
package discovery

import "github.com/cumulite/cumulite/platform/httpapi/microversion"

// Place is where a service is served.
type Place struct {
	URL     string            // public, with the prefix: "https://cloud.example/compute"
	Root    string            // the versioned root below: "/v2.1"
	OldRoot string            // the root of the version before, "" without one
	Set     *microversion.Set // nil without microversions
}

// Document is the version documents of one service, in its original's form.
// A nil function serves none.
type Document struct {
	List     func(Place) (status int, body any) // of the prefix
	Versions func(Place) (status int, body any) // of /versions below it
	Show     func(Place) (status int, body any) // of the versioned root
	ShowOld  func(Place) (status int, body any) // of the old root
}

// Links gives the links of a version whose root is at href.
func Links(href string) []map[string]any { return []map[string]any{{"rel": "self", "href": href}} }

// MediaTypes gives the media types of a version in which it is typ.
func MediaTypes(typ string) []map[string]any {
	return []map[string]any{{"base": "application/json", "type": typ}}
}
