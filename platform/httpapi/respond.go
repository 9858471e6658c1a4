package httpapi

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"time"

	"github.com/cumulite/cumulite/platform/errs"
	"github.com/cumulite/cumulite/platform/httpapi/fault"
)

// Stream is an answer of bytes. Ranges (206, 416) are served by opening it at
// an offset.
type Stream struct {
	Open        func(ctx context.Context, offset int64) (io.ReadCloser, error)
	Size        int64  // bytes
	ContentType string // default application/octet-stream
}

// respond writes what a handler gave.
func (x *exchange) respond(r *Request, out any) error {
	status := r.status
	if status == 0 {
		status = max(r.row.Status, http.StatusOK)
	}
	switch out := out.(type) {
	case nil:
		if x.status == 0 { // a handler may have written by itself
			x.write(status, nil)
		}
		return nil
	case Stream:
		return x.stream(r, out)
	}
	body, err := x.api.codec.Encode(out, r.Version)
	if err == nil && len(r.Fields) > 0 {
		body, err = selectFields(body, r.Fields)
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

// selectFields cuts {"network": {…}} and {"networks": [{…}]} to some fields.
func selectFields(body []byte, fields []string) ([]byte, error) {
	var doc map[string]any
	if err := json.Unmarshal(body, &doc); err != nil {
		return nil, err
	}
	for name, v := range doc {
		switch v := v.(type) {
		case map[string]any:
			doc[name] = pick(v, fields)
		case []any:
			for i := range v {
				if object, ok := v[i].(map[string]any); ok {
					v[i] = pick(object, fields)
				}
			}
		}
	}
	return json.Marshal(doc)
}

func pick(object map[string]any, fields []string) map[string]any {
	out := make(map[string]any, len(fields))
	for _, f := range fields {
		if v, ok := object[f]; ok {
			out[f] = v
		}
	}
	return out
}

// stream serves bytes with ranges, by http.ServeContent.
func (x *exchange) stream(r *Request, s Stream) error {
	src := &source{ctx: r.Context(), Stream: s}
	defer src.close()
	if r.Request.Header.Get("Range") == "" && r.Method != http.MethodHead {
		if src.open(); src.err != nil { // before anything is written
			return src.err
		}
	}
	if s.ContentType == "" {
		s.ContentType = "application/octet-stream"
	}
	x.Header().Set("Content-Type", s.ContentType)
	http.ServeContent(x, r.Request, "", time.Time{}, src)
	return src.err
}

// source is a Stream as the io.ReadSeeker that http.ServeContent asks for; it
// is opened when it is first read.
type source struct {
	Stream
	ctx    context.Context
	offset int64 // where the next Read begins
	at     int64 // where body is
	body   io.ReadCloser
	err    error
}

// Seek implements io.Seeker.
func (s *source) Seek(offset int64, whence int) (int64, error) {
	switch whence {
	case io.SeekCurrent:
		offset += s.offset
	case io.SeekEnd:
		offset += s.Size
	}
	if offset < 0 {
		return 0, errors.New("httpapi: seek before the start")
	}
	s.offset = offset
	return offset, nil
}

// Read implements io.Reader.
func (s *source) Read(p []byte) (int, error) {
	if s.err == nil && (s.body == nil || s.at != s.offset) {
		s.open()
	}
	if s.err != nil {
		return 0, s.err
	}
	n, err := s.body.Read(p)
	s.at += int64(n)
	s.offset = s.at
	if err != nil && err != io.EOF {
		s.err = err
	}
	return n, err
}

func (s *source) open() {
	s.close()
	s.at = s.offset
	s.body, s.err = s.Stream.Open(s.ctx, s.offset)
}

func (s *source) close() {
	if s.body != nil {
		_ = s.body.Close() // it was only read
		s.body = nil
	}
}

// fail answers with the fault of err.
func (x *exchange) fail(r *http.Request, err error) {
	x.err = err
	if errors.Is(r.Context().Err(), context.Canceled) {
		x.status = statusGone
		return
	}
	if x.status != 0 { // the answer has begun: it must not look whole
		panic(http.ErrAbortHandler)
	}
	f := x.fault(err)
	f.Accept = r.Header.Get("Accept")
	contentType, body := x.api.cfg.Fault.Dress(f)
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
	f := fault.Fault{Status: x.api.cfg.Fault.Status(kind), Kind: kind, Code: errs.CodeOf(err), Message: message, RequestID: x.id}
	if kind == errs.RateLimited || kind == errs.Unavailable {
		f.RetryAfter = 1
	}
	return f
}
