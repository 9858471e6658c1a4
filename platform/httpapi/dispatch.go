package httpapi

import (
	"cmp"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"path"
	"reflect"
	"slices"
	"strings"
	"sync"

	"github.com/cumulite/cumulite/platform/clock"
	"github.com/cumulite/cumulite/platform/errs"
	"github.com/cumulite/cumulite/platform/httpapi/metrics"
	"github.com/cumulite/cumulite/platform/httpapi/schema"
	"github.com/cumulite/cumulite/platform/httpapi/wire"
)

// API serves one service's rows. It is an http.Handler for the paths below
// Config.Prefix.
type API struct {
	cfg     Config
	routes  []Route
	mux     *http.ServeMux
	entries map[string]*entry // by pattern
	codec   wire.Codec
	checks  sync.Map // checkKey → *schema.Validator
	metrics *metrics.HTTP
	crowd   crowd
}

// entry is one path with the rows of each method.
type entry struct {
	api     *API
	pattern string // with prefix and root
	rows    map[string][]*Route
}

// New builds the handler of routes. A row that lacks its Action or Handle, or
// that stands in another's way, is an error.
func New(cfg Config, routes []Route) (*API, error) {
	if cfg.Service == "" || cfg.Verifier == nil || cfg.Fault.Dress == nil {
		return nil, fmt.Errorf("httpapi: Service, Verifier and Fault are required")
	}
	cfg.Limits = cfg.Limits.withDefaults()
	cfg.Logger, cfg.Clock = cmp.Or(cfg.Logger, slog.New(slog.DiscardHandler)), cmp.Or(cfg.Clock, clock.System())
	a := &API{cfg: cfg, routes: slices.Clone(routes), mux: http.NewServeMux(), entries: map[string]*entry{},
		crowd: crowd{atOnce: cfg.Limits.AtOnce, lines: map[string]*line{}}}
	var err error
	if a.metrics, err = metrics.New(cfg.Metrics, cfg.Service); err != nil {
		return nil, err
	}
	for i := range a.routes {
		if err := a.add(&a.routes[i], cfg.Prefix+cfg.Root); err != nil {
			return nil, err
		}
		if err := a.addOld(a.routes[i]); err != nil {
			return nil, err
		}
	}
	a.mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) { w.(*exchange).fail(r, errNoPath) })
	documents := a.documents()
	for i := range documents {
		if err := a.add(&documents[i], ""); err != nil {
			return nil, err
		}
	}
	return a, nil
}

// Routes gives the rows, without the version and OpenAPI documents.
func (a *API) Routes() []Route { return slices.Clone(a.routes) }

// Config gives the API's configuration with its defaults filled in.
func (a *API) Config() Config { return a.cfg }

// add puts a row into the mux.
func (a *API) add(r *Route, root string) error {
	switch {
	case r.Action == "":
		return fmt.Errorf("httpapi: %s has no policy action", r.Key())
	case r.Handle == nil:
		return fmt.Errorf("httpapi: %s has no handler", r.Key())
	case r.BodyKey != "" && r.Raw:
		return fmt.Errorf("httpapi: %s cannot choose by a body that it does not read", r.Key())
	}
	pattern := root + r.Pattern
	e := a.entries[pattern]
	if e == nil {
		e = &entry{api: a, pattern: pattern, rows: map[string][]*Route{}}
		if err := handle(a.mux, pattern, e); err != nil {
			return err
		}
		a.entries[pattern] = e
	}
	for _, other := range e.rows[r.Method] {
		if err := r.beside(other); err != nil {
			return err
		}
	}
	e.rows[r.Method] = append(e.rows[r.Method], r)
	return nil
}

// addOld puts a row below the old root, if there is one and the row was there then.
func (a *API) addOld(r Route) error {
	if a.cfg.OldRoot == "" || a.cfg.Versions == nil || !a.cfg.Versions.Min.In(r.Since, r.Until) {
		return nil
	}
	r.old, r.Loose = true, true
	return a.add(&r, a.cfg.Prefix+a.cfg.OldRoot)
}

// beside reports whether two rows of one method and path can be told apart.
func (r *Route) beside(o *Route) error {
	overlap := r.Since.In(Version{}, o.Until) && (r.Until.IsZero() || r.Until.In(o.Since, Version{}))
	switch {
	case r.BodyKey == o.BodyKey && overlap:
		return fmt.Errorf("httpapi: %s stands twice in the same microversions", r.Key())
	case (r.Action == Public) != (o.Action == Public), r.Raw != o.Raw, (r.BodyKey == "") != (o.BodyKey == ""):
		return fmt.Errorf("httpapi: the rows of %s differ in what is known before the body is read", r.Key())
	}
	return nil
}

// handle registers a pattern; ServeMux answers a conflict with a panic.
func handle(mux *http.ServeMux, pattern string, h http.Handler) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("httpapi: %v", p)
		}
	}()
	mux.Handle(pattern, h)
	return nil
}

// ServeHTTP implements http.Handler.
func (a *API) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	x := a.begin(w, r)
	defer x.end(r)
	trimmed, ok := trim(r)
	if !ok || a.cfg.StrictPaths && trimmed.URL.Path != r.URL.Path && !a.document(trimmed.URL.Path) {
		x.fail(r, errNoPath)
		return
	}
	a.mux.ServeHTTP(x, trimmed)
}

// document tells whether a path is that of a version document.
func (a *API) document(path string) bool {
	e := a.entries[path]
	return path == "/" || e != nil && slices.ContainsFunc(e.rows[http.MethodGet], func(r *Route) bool { return r.unversioned })
}

var errNoPath = errs.NotFoundf("The resource could not be found.")

// trim takes the slashes off the path's end. A path that ServeMux would
// redirect (//, ..), or with a NUL, is none of ours.
func trim(r *http.Request) (*http.Request, bool) {
	u, out := *r.URL, *r
	u.RawPath = cmp.Or(strings.TrimRight(u.EscapedPath(), "/"), "/")
	u.Path, _ = url.PathUnescape(u.RawPath) // what was parsed can be
	out.URL = &u
	return &out, u.RawPath[0] == '/' && path.Clean(u.RawPath) == u.RawPath && !strings.Contains(u.Path, "\x00")
}

// ServeHTTP serves a path that exists.
func (e *entry) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	x := w.(*exchange)
	x.route = e.pattern
	method := r.Method
	if method == http.MethodHead && e.rows[method] == nil {
		method = http.MethodGet
	}
	rows := e.rows[method]
	if rows == nil {
		x.Header().Set("Allow", e.allow())
		x.fail(r, errs.New(errs.MethodMissing, "The method %s is not allowed for this resource.", r.Method))
		return
	}
	if err := x.serve(r, rows); err != nil {
		x.fail(r, err)
	}
}

// allow lists the methods of the path.
func (e *entry) allow() string {
	var methods []string
	for m := range e.rows {
		methods = append(methods, m)
		if m == http.MethodGet && e.rows[http.MethodHead] == nil {
			methods = append(methods, http.MethodHead)
		}
	}
	slices.Sort(methods)
	return strings.Join(methods, ", ")
}

// choose picks the row for a body and a microversion.
func (c *Config) choose(rows []*Route, key string, at Version) (*Route, error) {
	known := false
	for _, r := range rows {
		if r.BodyKey != key {
			continue
		}
		if at.IsZero() || at.In(r.Since, r.Until) {
			return r, nil
		}
		known = true
	}
	if !known && key != "" {
		words := cmp.Or(c.Fault.NoAction, "There is no such action: %[1]s")
		return nil, errs.Invalidf(words, key[:min(len(key), 255)], rows[0].BodyKey)
	}
	return nil, errNoPath
}

type checkKey struct {
	typ   reflect.Type
	shape wire.Shape
}

// check gives what is wrong with a document that should be an in.
func (r *Request) check(in, doc any, loose bool) (*schema.Problem, error) {
	a, key := r.api, checkKey{reflect.TypeOf(in), wire.Shape{At: r.Version, Loose: loose}}
	v, ok := a.checks.Load(key)
	if !ok {
		v, _ = a.checks.LoadOrStore(key, schema.New(a.codec.Schema(key.typ, key.shape)))
	}
	return v.(*schema.Validator).Check(doc)
}
