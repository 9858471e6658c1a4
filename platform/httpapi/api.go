// Package httpapi is the HTTP layer that all services share. From a table of
// rows an API gets dispatch, microversions, authentication, bounds on what a
// request may cost, validation, faults, paging, the access log, metrics and
// version documents; package openapi writes its OpenAPI document, which Config.OpenAPI serves.
//
//	api, err := httpapi.New(httpapi.Config{Service: "compute", Prefix: "/compute", Root: "/v2.1", …}, []httpapi.Route{
//		{Method: "GET", Pattern: "/servers/{id}", Action: compute.ServersShow, Response: serverBody{}, Handle: showServer},
//		{Method: "POST", Pattern: "/servers", Action: compute.ServersCreate, Request: createBody{}, Status: 202,
//			Handle: httpapi.Body(createServer)},
//	})
//	mux.Handle("/compute/", api)
//
// It checks who is calling; what the caller may do is checked by the service
// behind, by the grant in the request's context. The http.Server needs timeouts
// (ReadHeaderTimeout, ReadTimeout, WriteTimeout), for what stalls on paths that
// are none and answers that nobody takes; Raw rows lift them once the caller is
// known, as long as bytes move.
package httpapi

import (
	"cmp"
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/cumulite/cumulite/platform/auth"
	"github.com/cumulite/cumulite/platform/clock"
	"github.com/cumulite/cumulite/platform/httpapi/discovery"
	"github.com/cumulite/cumulite/platform/httpapi/fault"
	"github.com/cumulite/cumulite/platform/httpapi/listquery"
	"github.com/cumulite/cumulite/platform/httpapi/microversion"
	"github.com/cumulite/cumulite/platform/httpapi/stream"
	"github.com/cumulite/cumulite/platform/httpapi/wire"
	"github.com/cumulite/cumulite/platform/policy"
)

// What rows, handlers and configurations speak of, by shorter names.
type (
	Version         = microversion.Version // the zero Version is none
	Microversions   = microversion.Set     // what an API speaks, in which headers
	Optional[T any] = wire.Optional[T]     // a field that may be left out, null or a value
	Stream          = stream.Stream        // an answer of bytes
)

// V reads a microversion that stands in code, "2.79"; what is none panics.
func V(s string) Version { return microversion.V(s) }

// The two actions of rows that policy has no rule for.
const (
	Public        policy.Action = "httpapi:public"        // no token is asked for
	Authenticated policy.Action = "httpapi:authenticated" // any valid token will do
)

// Route is one row: what is served where, for whom, in which shape.
type Route struct {
	Method  string // "GET"; it serves HEAD too
	Pattern string // below Config.Root, "/servers/{id}/action"; rows of one path name their wildcards alike

	BodyKey string        // this row serves bodies {"BodyKey": …}: actions
	Action  policy.Action // what policy calls it; required
	Since   Version       // the microversions that have it,
	Until   Version       // both ends included, zero is open

	Query    any  // zero struct (json and api tags) of the query parameters taken; nil leaves them to Handle
	Request  any  // zero wire struct of the whole body; nil leaves a body unread
	Response any  // zero wire struct of the answer, for OpenAPI
	Status   int  // of success, default 200
	Loose    bool // unknown fields and parameters are ignored

	Raw          bool     // bytes in or out: the body is left to Handle, without limits of size, and of time while bytes move
	ReadOnly     bool     // changes nothing although its method may: open to read-only grants
	ContentTypes []string // of the body, default application/json

	Handle func(r *Request) (any, error) // gives what Encode writes, a Stream, or nil for an empty body

	unversioned bool // takes no microversion: version documents
	old         bool // below Config.OldRoot
}

// Key names the row in tests and errors: "POST /servers/{id}/action os-start",
// with " @2.74" behind when its microversions begin there.
func (r Route) Key() string {
	key := r.Method + " " + r.Pattern
	if r.BodyKey != "" {
		key += " " + r.BodyKey
	}
	if !r.Since.IsZero() {
		key += " @" + r.Since.String()
	}
	return key
}

// Limits bound what one request may cost. Zero fields are the defaults.
type Limits struct {
	Body    int64         // bytes, default 114688
	Depth   int           // of JSON, default 64
	Keys    int           // in one body, default 20,000
	Timeout time.Duration // of a request, default one minute
	AtOnce  int           // requests of one project that are served at once, default 64; four times as many may wait
}

func (l Limits) withDefaults() Limits {
	return Limits{cmp.Or(l.Body, 114688), cmp.Or(l.Depth, 64), cmp.Or(l.Keys, 20000), cmp.Or(l.Timeout, time.Minute), cmp.Or(l.AtOnce, 64)}
}

// Config says what an API is. Service, Verifier and Fault are required.
type Config struct {
	Service string // "compute", in logs and metrics
	Title   string // of the OpenAPI document
	Prefix  string // where it is mounted, "/compute"; "" on a port of its own
	Root    string // the versioned root of its routes below the prefix, "/v2.1"

	// OldRoot is a second root, "/v2", that serves the rows of the lowest
	// microversion, whatever a request asks for, and ignores unknown fields.
	OldRoot string

	PublicURL   string // what links begin with, "https://cloud.example"; without the prefix
	IdentityURL string // named to callers without a token, "https://cloud.example/identity"

	Verifier        auth.Verifier
	Fault           fault.Format               // how it words what went wrong
	Lists           listquery.Manner           // how Request.List reads parameters
	Versions        *Microversions             // nil: the API has none
	Document        *discovery.Document        // the version documents at Prefix and Prefix+Root; nil serves none
	OpenAPI         func(*API) ([]byte, error) // writes the document at Prefix/openapi.json, openapi.Document; nil serves none
	StrictQuery     Version                    // from here on unknown parameters of rows with a Query are refused, before they are ignored; zero: Loose decides
	StrictPaths     bool                       // a slash at a path's end is that of a missing id, as in compute and image; otherwise it is ignored
	SelectFields    bool                       // answers to GET are cut to the query's fields=, as in network
	RequestIDHeader string                     // a second header with the request id, "X-Compute-Request-Id"
	Vary            string                     // the header of requests that answers are said to depend on, beside the microversion's
	Limits          Limits

	Logger  *slog.Logger          // nil discards
	Metrics prometheus.Registerer // nil counts nothing
	Clock   clock.Clock           // nil is the machine's
}
