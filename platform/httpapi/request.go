package httpapi

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"reflect"

	"github.com/cumulite/cumulite/platform/errs"
	"github.com/cumulite/cumulite/platform/httpapi/listquery"
	"github.com/cumulite/cumulite/platform/store"
)

// Request is a request on its way to a handler: authenticated, bounded,
// validated. The embedded http.Request has the path values.
type Request struct {
	*http.Request
	Version Version  // the microversion asked for, zero without microversions
	Fields  []string // of the query's fields=, that the answer is cut to

	api    *API
	row    *Route
	w      http.ResponseWriter
	doc    any // the body, parsed and validated
	params url.Values
	status int
}

// Ctx gives the request's context; it carries the Grant.
func (r *Request) Ctx() context.Context { return r.Context() }

// Header gives the headers of the response. Those of the request are r.Request.Header.
func (r *Request) Header() http.Header { return r.w.Header() }

// Writer gives the bare response, for rows that answer in a way of their own.
// Such a handler returns nil.
func (r *Request) Writer() http.ResponseWriter { return r.w }

// Status sets the status of success.
func (r *Request) Status(code int) { r.status = code }

// Params gives the parameters of the query.
func (r *Request) Params() url.Values {
	if r.params == nil {
		r.params = r.URL.Query()
	}
	return r.params
}

// URLFor gives the public URL of a path below the versioned root: "/servers/42".
func (r *Request) URLFor(path string) string {
	c := r.api.cfg
	return c.PublicURL + c.Prefix + c.Root + path
}

// NextLink gives the public URL of the page after marker, with the other
// parameters as they were. The path is as the caller wrote it.
func (r *Request) NextLink(marker string) string { return r.pageLink(marker, false) }

// PreviousLink gives the public URL of the page that ends just before marker.
func (r *Request) PreviousLink(marker string) string { return r.pageLink(marker, true) }

func (r *Request) pageLink(marker string, reverse bool) string {
	q := r.URL.Query()
	q.Del("page_reverse")
	q.Set("marker", marker)
	if reverse {
		q.Set("page_reverse", "True")
	}
	return r.api.cfg.PublicURL + r.URL.EscapedPath() + "?" + q.Encode()
}

// List reads the parameters of a list in the API's manner; see listquery.Read.
func (r *Request) List(filters ...string) (store.Query, error) {
	q, err := listquery.Read(r.api.cfg.Lists, r.Params(), filters)
	q.Fields = r.Fields
	return q, err
}

// Body gives the handler of a row with a body: fn gets it decoded. The row's
// Request must be a T.
func Body[T any](fn func(r *Request, in *T) (any, error)) func(*Request) (any, error) {
	return func(r *Request) (any, error) {
		if want := reflect.TypeFor[T](); reflect.TypeOf(r.row.Request) != want {
			return nil, fmt.Errorf("httpapi: the row %s declares %T and handles %s", r.row.Key(), r.row.Request, want)
		}
		in := new(T)
		if err := r.api.codec.Decode(r.doc, r.Version, in); err != nil {
			return nil, errs.Invalidf("%s", r.api.cfg.Fault.Malformed).Because(err)
		}
		return fn(r, in)
	}
}

// Query decodes the parameters that the row's Query, a T, declares.
func Query[T any](r *Request) (*T, error) {
	in := new(T)
	err := r.api.codec.Decode(r.api.codec.Params(reflect.TypeFor[T](), r.Version, r.Params()), r.Version, in)
	if err != nil {
		return nil, errs.Invalidf("The query is not valid.").Because(err)
	}
	return in, nil
}

// validate checks body and query against what the row declares.
func (r *Request) validate() error {
	if r.row.Request != nil && !r.row.Raw {
		p, err := r.check(r.row.Request, r.doc, r.row.Loose)
		if err != nil {
			return err
		}
		if p != nil {
			p.Method = r.Method
			return errs.Invalidf("%s", r.api.cfg.Fault.Invalid(*p))
		}
	}
	if r.row.Query == nil {
		return nil
	}
	loose := r.row.Loose || !r.Version.AtLeast(r.api.cfg.StrictQuery)
	p, err := r.check(r.row.Query, r.api.codec.Params(reflect.TypeOf(r.row.Query), r.Version, r.Params()), loose)
	if err != nil || p == nil {
		return err
	}
	if len(p.Path) == 0 {
		return errs.Invalidf("%s", p.Reason)
	}
	return errs.Invalidf("Invalid input for query parameters %s. Value: %s. %s", p.Path[0], p.Value, p.Reason)
}
