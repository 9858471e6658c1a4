package httpapi

import (
	"context"
	"errors"
	"io"
	"mime"
	"net/http"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/cumulite/cumulite/platform/auth"
	"github.com/cumulite/cumulite/platform/errs"
	"github.com/cumulite/cumulite/platform/httpapi/wire"
	"github.com/cumulite/cumulite/platform/policy"
	"github.com/cumulite/cumulite/platform/secret"
)

// serve takes a request through authentication, microversion, body, choice of
// the row, validation and handler to its answer.
func (x *exchange) serve(r *http.Request, rows []*Route) error {
	bounded, cancel := context.WithTimeout(r.Context(), x.api.cfg.Limits.Timeout)
	defer cancel()
	if !rows[0].Raw {
		r = r.WithContext(bounded)
	}
	ctx, err := x.authenticate(r, rows[0].Action)
	if err != nil {
		return err
	}
	leave, err := x.api.crowd.enter(bounded, lineOf(r, x.grant, rows[0].Raw))
	if err != nil {
		return err
	}
	defer leave()
	r = r.WithContext(ctx)
	if rows[0].Raw { // the server's timeouts are for requests of bounded size
		x.moving = &movingBytes{r.Body, http.NewResponseController(x.ResponseWriter), x.api.cfg.Limits.Timeout}
		_ = x.moving.control.SetReadDeadline(time.Time{})
		r.Body = x.moving
	}
	req := &Request{Request: r, api: x.api, w: x}
	if v := x.api.cfg.Versions; rows[0].old {
		req.Version = v.Min
	} else if v != nil && !rows[0].unversioned {
		if req.Version, err = v.Negotiate(r.Header, x.Header()); err != nil {
			return err
		}
	}
	if err := x.readBody(req, rows); err != nil {
		return err
	}
	if err := x.allowed(req); err != nil {
		return err
	}
	if err := req.validate(); err != nil {
		return err
	}
	if x.api.cfg.SelectFields && r.Method == http.MethodGet {
		req.Fields = req.Params()["fields"]
	}
	out, err := req.row.Handle(req)
	if err != nil {
		return err
	}
	return x.respond(req, out)
}

// identityHeaders begin the names of headers by which the originals' services
// are told who is calling; here they say nothing.
var identityHeaders = []string{"X-Identity", "X-User", "X-Project", "X-Domain", "X-Role", "X-Tenant", "X-System-Scope",
	"X-Is-Admin", "X-Service-Identity", "X-Service-User", "X-Service-Project", "X-Service-Domain", "X-Service-Role", "Openstack-System-Scope"}

// authenticate gives the context that carries the caller's grant. Rows that
// are Public look at no token.
func (x *exchange) authenticate(r *http.Request, action policy.Action) (context.Context, error) {
	for name := range r.Header {
		if slices.ContainsFunc(identityHeaders, func(p string) bool { return strings.HasPrefix(name, p) }) {
			r.Header.Del(name)
		}
	}
	ctx := r.Context()
	if action == Public {
		return auth.WithRequestID(ctx, x.id), nil
	}
	token := r.Header.Get("X-Auth-Token")
	if token == "" {
		return nil, errNoToken
	}
	grant, err := x.api.cfg.Verifier.Verify(auth.WithRequestID(ctx, x.id), secret.New(token))
	switch {
	case errs.Is(err, errs.Unauthenticated), errs.Is(err, errs.NotFound), err == nil && grant.IsZero():
		return nil, errNoToken
	case err != nil:
		return nil, errs.Wrap(err, "verify the token")
	}
	x.grant = grant
	return auth.WithRequestID(auth.With(ctx, grant), x.id), nil
}

var errNoToken = errs.New(errs.Unauthenticated, "The request you have made requires authentication.")

// allowed holds read-only grants to rows that change nothing.
func (x *exchange) allowed(r *Request) error {
	reads := r.Method == http.MethodGet || r.Method == http.MethodHead || r.row.ReadOnly
	if x.grant.Claims().ReadOnly && !reads {
		return errs.Forbiddenf("The credential in use is read-only.")
	}
	return nil
}

// readBody reads what is needed of the body and chooses the row.
func (x *exchange) readBody(r *Request, rows []*Route) (err error) {
	key, keyed := "", rows[0].BodyKey != ""
	if keyed {
		if err := x.parse(r, rows[0]); err != nil {
			return err
		}
		if key, err = actionKey(r.doc); err != nil {
			return errs.Invalidf("%s", x.api.cfg.Fault.Malformed)
		}
	}
	if r.row, err = x.api.cfg.choose(rows, key, r.Version); err != nil || keyed {
		return err
	}
	if r.row.Raw && r.row.ContentTypes != nil && !r.row.takes(r.Request.Header.Get("Content-Type")) {
		return errs.New(errs.Unsupported, "%s", x.api.cfg.Fault.MediaType)
	}
	if r.row.Request == nil || r.row.Raw {
		return nil
	}
	return x.parse(r, r.row)
}

// actionKey gives the one name of an action's body.
func actionKey(doc any) (key string, err error) {
	object, _ := doc.(map[string]any)
	if len(object) != 1 {
		return "", errors.New("an action has one name")
	}
	for key = range object {
	}
	return key, nil
}

// parse reads a bounded body into r.doc; an empty one is null.
func (x *exchange) parse(r *Request, row *Route) error {
	limits := x.api.cfg.Limits
	control := http.NewResponseController(x.ResponseWriter)
	if deadline, ok := r.Context().Deadline(); ok {
		_ = control.SetReadDeadline(deadline) // writers that cannot are tests'
	}
	body, err := io.ReadAll(http.MaxBytesReader(x.ResponseWriter, r.Body, limits.Body))
	if err == nil { // else it stays, so that the server does not wait for the rest
		_ = control.SetReadDeadline(time.Time{})
	}
	switch tooLarge := (*http.MaxBytesError)(nil); {
	case errors.As(err, &tooLarge):
		return errs.New(errs.TooLarge, "Request is too large.")
	case errors.Is(err, os.ErrDeadlineExceeded):
		return context.DeadlineExceeded
	case err != nil:
		return errs.Invalidf("%s", x.api.cfg.Fault.Malformed).Because(err)
	case len(body) == 0:
		return nil
	}
	if !row.takes(r.Request.Header.Get("Content-Type")) {
		return errs.New(errs.Unsupported, "%s", x.api.cfg.Fault.MediaType)
	}
	if r.doc, err = wire.Parse(body, limits.Depth, limits.Keys); err != nil {
		return errs.Invalidf("%s", x.api.cfg.Fault.Malformed)
	}
	return nil
}

// takes reports whether a body of that type is read; without a type it is.
func (r *Route) takes(contentType string) bool {
	media, _, err := mime.ParseMediaType(contentType)
	if contentType == "" {
		return true
	}
	if r.ContentTypes == nil {
		return err == nil && media == "application/json"
	}
	return err == nil && slices.Contains(r.ContentTypes, media)
}
