package httpapi

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"

	"github.com/cumulite/cumulite/platform/errs"
	"github.com/cumulite/cumulite/platform/httpapi/fault"
	"github.com/cumulite/cumulite/platform/httpapi/stream"
	"github.com/cumulite/cumulite/platform/httpapi/wire"
)

// respond writes what a handler gave.
func (x *exchange) respond(r *Request, out any) error {
	status := cmp.Or(r.status, r.row.Status, http.StatusOK)
	switch out := out.(type) {
	case nil:
		if x.status == 0 { // a handler may have written by itself
			x.write(status, nil)
		}
		return nil
	case Stream:
		return stream.Serve(x, r.Request, out)
	}
	body, err := x.api.codec.Encode(out, r.Version)
	if err == nil && len(r.Fields) > 0 {
		body, err = wire.Select(body, r.Fields)
	}
	if err != nil {
		return errs.Wrap(err, "encode the answer of %s", r.row.Key())
	}
	if x.Header().Get("Content-Type") == "" {
		x.Header().Set("Content-Type", "application/json")
	}
	x.write(status, body)
	return nil
}

func (x *exchange) write(status int, body []byte) {
	if status != http.StatusNoContent {
		x.Header().Set("Content-Length", strconv.Itoa(len(body)))
	}
	x.WriteHeader(status)
	_, _ = x.Write(body) // a caller that is gone is seen by the server
}

// fail answers with the fault of err.
func (x *exchange) fail(r *http.Request, err error) {
	x.err = err
	if x.status != 0 { // the answer has begun: it must not look whole
		panic(http.ErrAbortHandler)
	}
	// A body that stalls until the deadline cancels the context too, yet someone waits.
	if errors.Is(r.Context().Err(), context.Canceled) && !errors.Is(err, context.DeadlineExceeded) {
		x.write(statusGone, nil) // a caller that only closed its half must not take it for success
		return
	}
	f := x.fault(err)
	f.Accept = r.Header.Get("Accept")
	contentType, body := x.api.cfg.Fault.Body(f)
	h := x.Header()
	h.Set("Content-Type", contentType)
	if f.Status == http.StatusUnauthorized {
		h.Set("WWW-Authenticate", fmt.Sprintf("Keystone uri=%q", x.api.cfg.IdentityURL))
	}
	if f.RetryAfter > 0 {
		h.Set("Retry-After", strconv.Itoa(f.RetryAfter))
	}
	x.write(f.Status, body)
}

// fault says what a caller is shown of err.
func (x *exchange) fault(err error) fault.Fault {
	kind, message := errs.KindOf(err), errs.Message(err)
	if kind == errs.Internal && errors.Is(err, context.DeadlineExceeded) {
		kind, message = errs.Timeout, "The request took too long."
	}
	if kind == errs.Internal {
		message = x.api.cfg.Fault.Internal + " Request id: " + x.id
	}
	f := fault.Fault{Status: x.api.cfg.Fault.Status(kind), Kind: kind, Code: errs.CodeOf(err), Message: message}
	if kind == errs.RateLimited || kind == errs.Unavailable {
		f.RetryAfter = 1
	}
	return f
}
