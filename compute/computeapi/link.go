package computeapi

import (
	"encoding/json"
	"time"

	"github.com/cumulite/cumulite/platform/httpapi"
)

// link points to a resource.
type link struct {
	Rel  string `json:"rel"`
	Href string `json:"href"`
	Type string `json:"type,omitempty"`
}

// links point to a resource at "/servers/42": within this version, and without one.
func (h handler) links(path string) []link {
	base := h.cfg.PublicURL + h.cfg.Prefix
	return []link{{Rel: "self", Href: base + h.cfg.Root + path}, {Rel: "bookmark", Href: base + path}}
}

// bookmark is the one link of what is mentioned in another resource.
func (h handler) bookmark(path string) []link { return h.links(path)[1:] }

// next points to the page after the one that ends with marker; there is none when more is false.
func next(r *httpapi.Request, more bool, marker string) []link {
	if !more {
		return nil
	}
	return []link{{Rel: "next", Href: r.NextLink(marker)}}
}

// paging are the parameters of lists in pages.
type paging struct {
	Limit  *integer `json:"limit" api:"min=0"`
	Marker string   `json:"marker"`
}

// last gives the key of the last of a page, "" of an empty one.
func last[T any](page []T, key func(*T) string) string {
	if len(page) == 0 {
		return ""
	}
	return key(&page[len(page)-1])
}

// zoned writes a time as most of the API shows it: 2030-01-01T00:00:00Z.
func zoned(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05Z") }

// naive writes a time as what shows rows as they are does: 2030-01-01T00:00:00.000000.
func naive(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000000") }

// naiveRef is naive of a time that may not be.
func naiveRef(t *time.Time) *string {
	if t == nil || t.IsZero() {
		return nil
	}
	s := naive(*t)
	return &s
}

// text writes a value as JSON text; what it is given always has an encoding.
func text(v any) string {
	b, _ := json.Marshal(v)
	return string(b)
}
