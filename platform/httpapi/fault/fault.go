// Package fault dresses errors for callers: the status that each errs.Kind
// has, and the body that a service puts around the message. What the body is
// like is the service's own affair: a Format, which its API states.
//
//	status := format.Status(errs.KindOf(err))
//	contentType, body := format.Body(fault.Fault{Status: status, Message: errs.Message(err)})
package fault

import (
	"encoding/json"
	"net/http"

	"github.com/cumulite/cumulite/platform/errs"
	"github.com/cumulite/cumulite/platform/httpapi/schema"
)

// Fault is an error as a caller may see it.
type Fault struct {
	Status     int
	Kind       errs.Kind
	Code       string // the service's own name of it, where its API has one
	Message    string
	RetryAfter int    // seconds, 0 for none
	Accept     string // the media types the caller asked for
}

// Format is how one service shows faults.
type Format struct {
	Statuses map[errs.Kind]int                             // where it differs from the table
	Dress    func(Fault) (contentType string, body []byte) // the body around the message, Titled for instance
	Invalid  func(schema.Problem) string                   // words for what a schema refuses
	Internal string                                        // says that the fault is ours; the request id follows

	Malformed string // says that a body is no JSON
	MediaType string // says that a body's media type is not taken
	NoAction  string // says that a body's one name (%[1]s) is none that its path takes, as %[2]s; "" is Nova's
}

// statuses is the one table from kinds to statuses.
var statuses = [...]int{
	errs.Internal:        http.StatusInternalServerError,
	errs.Invalid:         http.StatusBadRequest,
	errs.Unauthenticated: http.StatusUnauthorized,
	errs.Forbidden:       http.StatusForbidden,
	errs.NotFound:        http.StatusNotFound,
	errs.MethodMissing:   http.StatusMethodNotAllowed,
	errs.NotAcceptable:   http.StatusNotAcceptable,
	errs.Conflict:        http.StatusConflict,
	errs.Gone:            http.StatusGone,
	errs.Precondition:    http.StatusPreconditionFailed,
	errs.TooLarge:        http.StatusRequestEntityTooLarge,
	errs.Unsupported:     http.StatusUnsupportedMediaType,
	errs.BadRange:        http.StatusRequestedRangeNotSatisfiable,
	errs.Quota:           http.StatusForbidden,
	errs.Exhausted:       http.StatusConflict,
	errs.RateLimited:     http.StatusTooManyRequests,
	errs.NotSupported:    http.StatusNotImplemented,
	errs.Unavailable:     http.StatusServiceUnavailable,
	errs.Timeout:         http.StatusGatewayTimeout,
}

// Status gives the status of a kind, 500 for one that is not known.
func (f Format) Status(k errs.Kind) int {
	if s, ok := f.Statuses[k]; ok {
		return s
	}
	if int(k) < len(statuses) {
		return statuses[k]
	}
	return http.StatusInternalServerError
}

// Body gives the body of a fault. Who has no valid token is answered by all
// services alike, as by the middleware that the originals share.
func (f Format) Body(x Fault) (contentType string, body []byte) {
	if x.Status == http.StatusUnauthorized {
		return Titled(x)
	}
	return f.Dress(x)
}

// Titled is the body {"error": {"code": 404, "title": "Not Found", "message": …}}.
func Titled(f Fault) (contentType string, body []byte) {
	return JSON(map[string]any{"error": map[string]any{"code": f.Status, "message": f.Message, "title": http.StatusText(f.Status)}})
}

// JSON gives the body that is v, which always has an encoding.
func JSON(v any) (contentType string, body []byte) {
	body, _ = json.Marshal(v)
	return "application/json", body
}
