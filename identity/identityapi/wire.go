package identityapi

import (
	"context"
	"encoding/json"
	"net/url"

	"github.com/cumulite/cumulite/identity"
	"github.com/cumulite/cumulite/platform/auth"
	"github.com/cumulite/cumulite/platform/errs"
	"github.com/cumulite/cumulite/platform/httpapi"
	"github.com/cumulite/cumulite/platform/store"
)

// object is what every resource shows.
type object struct {
	ID    string `json:"id"`
	Links self   `json:"links"`
}

// self links an object, or a body that is no page, to itself.
type self struct {
	Self string `json:"self"`
}

func (o object) key() string { return o.ID }

// object gives the id and link of a resource of a collection, "domains".
func (h handler) object(collection, id string) object {
	return object{ID: id, Links: self{h.url("/" + collection + "/" + url.PathEscape(id))}}
}

// url gives the public URL of a path below the versioned root.
func (h handler) url(path string) string { return h.root + path }

// page is what every list shows beside its resources.
type page struct {
	Links     pageLinks `json:"links"`
	Truncated bool      `json:"truncated,omitempty"`
}

type pageLinks struct {
	Self     string  `json:"self"`
	Previous *string `json:"previous"`
	Next     *string `json:"next"`
}

// whole is the page of a list that is not cut.
func (h handler) whole(r *httpapi.Request) page {
	return page{Links: pageLinks{Self: h.public + r.URL.RequestURI()}}
}

// list reads a request's parameters, finds a page of rows and shows each.
func list[T any, B interface{ key() string }](h handler, r *httpapi.Request, find func(context.Context, store.Query) ([]T, bool, error),
	show func(*T) B, filters ...string) ([]B, page, error) {
	p := h.whole(r)
	q, err := r.List(filters...)
	if err != nil {
		return nil, p, err
	}
	rows, more, err := find(r.Ctx(), q)
	if err != nil {
		return nil, p, err
	}
	out := each(rows, show)
	if more && len(out) > 0 {
		next := r.NextLink(out[len(out)-1].key())
		p.Truncated, p.Links.Next = true, &next
	}
	return out, p, nil
}

// each shows every row.
func each[T, B any](rows []T, show func(*T) B) []B {
	out := make([]B, len(rows))
	for i := range rows {
		out[i] = show(&rows[i])
	}
	return out
}

// options are those of a domain, project or role, as they are sent.
type options map[string]*bool

// JSONSchema implements wire.Schemer.
func (options) JSONSchema() map[string]any { return optionSchema(identity.Immutable) }

// userOptions are those of a user, as they are sent.
type userOptions map[string]*bool

// JSONSchema implements wire.Schemer.
func (userOptions) JSONSchema() map[string]any { return optionSchema(identity.UserOptions()...) }

func optionSchema(names ...string) map[string]any {
	properties := map[string]any{}
	for _, name := range names {
		properties[name] = map[string]any{"type": []any{"boolean", "null"}}
	}
	return map[string]any{"type": "object", "properties": properties, "additionalProperties": false}
}

// unread is a value that is not looked at: of any kind, perhaps a secret.
type unread struct{}

// JSONSchema implements wire.Schemer.
func (unread) JSONSchema() map[string]any { return map[string]any{"writeOnly": true} }

// UnmarshalJSON implements json.Unmarshaler.
func (*unread) UnmarshalJSON([]byte) error { return nil }

// echo is what clients send back of an object that they were shown.
type echo struct {
	ID    httpapi.Optional[string] `json:"id" api:"nullable"`
	Links unread                   `json:"links"`
}

// names refuses a body that names another object than the path.
func (e echo) names(id string) error { return unchanged("Cannot change ID", e.ID, id) }

// unchanged refuses to change what cannot be: the value may be left out, null, or as it is.
func unchanged(refusal string, sent httpapi.Optional[string], have string) error {
	if sent.Or(have) != have {
		return errs.Invalidf("%s", refusal)
	}
	return nil
}

// flag is a boolean that Keystone also takes as a word.
type flag bool

// JSONSchema implements wire.Schemer.
func (flag) JSONSchema() map[string]any {
	return map[string]any{"type": []any{"boolean", "string"}, "enum": []any{true, "True", "TRUE", "true", false, "False", "FALSE", "false", "",
		"1", "0", "y", "Y", "n", "N", "on", "ON", "off", "OFF", "yes", "no"}}
}

// UnmarshalJSON implements json.Unmarshaler.
func (f *flag) UnmarshalJSON(b []byte) error {
	var v any
	if err := json.Unmarshal(b, &v); err != nil {
		return err
	}
	switch v {
	case true, "True", "TRUE", "true", "1", "y", "Y", "on", "ON", "yes":
		*f = true
	default:
		*f = false
	}
	return nil
}

// asked reports whether a parameter that needs no value is given, and not as "0".
func asked(r *httpapi.Request, name string) bool {
	return r.Params().Has(name) && r.Params().Get(name) != "0"
}

// text gives a text to set: nil for one left out, empty for null.
func text(o httpapi.Optional[string]) *string {
	if !o.Set {
		return nil
	}
	return &o.Value
}

// truth gives a boolean to set, nil for one left out.
func truth(o httpapi.Optional[flag]) *bool { return (*bool)(o.Ptr()) }

// ref gives nil for what is empty, where Keystone shows null.
func ref(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

// ownDomain gives the domain for something new that names none: the one that the
// caller is scoped to, else the default domain.
func ownDomain(r *httpapi.Request) string {
	if id := auth.From(r.Ctx()).DomainID(); id != "" {
		return id
	}
	return identity.DefaultDomain
}
