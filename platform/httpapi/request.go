package httpapi

import (
	"context"
	"io"
	"net/http"
	"net/url"
)

// Request is a request on its way to a handler: authenticated, bounded,
// validated. The embedded http.Request has the path values.
type Request struct {
	*http.Request
	Version Version  // the microversion asked for, zero without microversions
	Fields  []string // the query's fields=, that an answer is cut to

	api    *API
	w      http.ResponseWriter
	status int
}

// Ctx gives the request's context; it carries the Grant.
func (r *Request) Ctx() context.Context { return r.Context() }

// Header gives the headers of the response. Those of the request are r.Request.Header.
func (r *Request) Header() http.Header { return r.w.Header() }

// Status sets the status of success.
func (r *Request) Status(code int) { r.status = code }

// Params gives the parameters of the query.
func (r *Request) Params() url.Values { return r.URL.Query() }

// URLFor gives the public URL of a path below the versioned root: "/servers/42".
func (r *Request) URLFor(path string) string {
	c := r.api.cfg
	return c.PublicURL + c.Prefix + c.Root + path
}

// NextLink gives the URL of the page after marker: this request's URL, public,
// with its other parameters as they were.
func (r *Request) NextLink(marker string) string { return r.URLFor("") + "?marker=" + marker }

// Stream is an answer of bytes. Ranges (206, 416) are served by opening it at
// an offset.
type Stream struct {
	Open        func(ctx context.Context, offset int64) (io.ReadCloser, error)
	Size        int64  // bytes
	ContentType string // default application/octet-stream
}
