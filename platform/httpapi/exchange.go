package httpapi

import (
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"regexp"
	"runtime/debug"
	"time"

	"github.com/google/uuid"

	"github.com/cumulite/cumulite/platform/auth"
)

// statusGone is logged when the caller went away before the answer.
const statusGone = 499

// exchange is one request with its answer, as they are logged and counted.
type exchange struct {
	http.ResponseWriter
	api    *API
	id     string
	global string // the id that the caller gave to a chain of requests
	route  string // "" for a path that does not exist
	start  time.Time
	status int
	bytes  int64
	grant  auth.Grant
	err    error
	moving *movingBytes // of a Raw row, nil before the caller is known
}

// WriteHeader implements http.ResponseWriter.
func (x *exchange) WriteHeader(status int) {
	if x.status == 0 {
		x.status = status
	}
	x.ResponseWriter.WriteHeader(status)
}

// Write implements io.Writer.
func (x *exchange) Write(b []byte) (int, error) {
	if x.status == 0 {
		x.status = http.StatusOK
	}
	if x.moving != nil {
		x.moving.out()
	}
	n, err := x.ResponseWriter.Write(b)
	x.bytes += int64(n)
	return n, err
}

// Unwrap is for http.ResponseController.
func (x *exchange) Unwrap() http.ResponseWriter { return x.ResponseWriter }

// globalID is what a caller's own request id looks like.
var globalID = regexp.MustCompile(`^req-[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$`)

func (a *API) begin(w http.ResponseWriter, r *http.Request) *exchange {
	x := &exchange{ResponseWriter: w, api: a, id: "req-" + uuid.NewString(), start: a.cfg.Clock.Now()}
	w.Header().Set("X-Openstack-Request-Id", x.id)
	if a.cfg.RequestIDHeader != "" {
		w.Header().Set(a.cfg.RequestIDHeader, x.id)
	}
	if a.cfg.Vary != "" {
		w.Header().Set("Vary", a.cfg.Vary)
	}
	if g := r.Header.Get("X-Openstack-Request-Id"); globalID.MatchString(g) {
		x.global = g
	}
	return x
}

// end turns a panic into a fault, logs and counts. It is deferred.
func (x *exchange) end(r *http.Request) {
	p := recover()
	if p != nil && p != http.ErrAbortHandler { //nolint:errorlint // a recovered value, never wrapped
		x.api.cfg.Logger.ErrorContext(r.Context(), "panic while serving a request", "request_id", x.id,
			"panic", fmt.Sprint(p), "stack", string(debug.Stack()))
		p = x.failAfterPanic(r)
	}
	if x.moving != nil {
		x.moving.end()
	}
	took := x.api.cfg.Clock.Now().Sub(x.start)
	x.api.metrics.Count(x.route, r.Method, x.status, took)
	x.log(r, took)
	if p != nil {
		panic(p)
	}
}

// failAfterPanic answers 500, or gives what ends a connection whose answer had begun.
func (x *exchange) failAfterPanic(r *http.Request) (p any) {
	defer func() { p = recover() }()
	x.fail(r, errors.New("panic"))
	return nil
}

// log writes the one line of the access log. Neither query nor body nor token stands in it.
func (x *exchange) log(r *http.Request, took time.Duration) {
	level := slog.LevelInfo
	attrs := []slog.Attr{slog.String("method", r.Method), slog.String("route", x.route), slog.Int("status", x.status),
		slog.Int64("bytes", x.bytes), slog.Duration("took", took), slog.String("request_id", x.id),
		slog.String("user", x.grant.UserID()), slog.String("project", x.grant.ProjectID())}
	if x.global != "" {
		attrs = append(attrs, slog.String("global_request_id", x.global))
	}
	if x.err != nil && (x.status < 400 || x.status >= statusGone) {
		level = slog.LevelError
		attrs = append(attrs, slog.String("error", x.err.Error()))
	}
	x.api.cfg.Logger.LogAttrs(r.Context(), level, x.api.cfg.Service+" request", attrs...)
}
