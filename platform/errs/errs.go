// Package errs is the one vocabulary of errors that all services and drivers
// speak. An Error says what kind of failure it was, in which operation, on
// which resource, what the caller may read of it, and (never shown) its cause.
//
//	if server == nil {
//		return errs.NotFound("server", id)
//	}
//	if err := disk.Create(…); err != nil {
//		return errs.Wrap(err, "create the disk of server %s", id)
//	}
//
// The httpapi package holds the one table from kinds to statuses; each
// service's fault format decides how the message is dressed.
package errs

import (
	"errors"
	"fmt"
)

// Kind says what sort of failure an error is. The zero Kind is Internal, so
// that an error nobody thought about is never shown to a caller.
type Kind uint8

// The kinds. The comment gives the usual HTTP status; a service may differ
// where the original does (a quota is 403 in compute, 409 in network).
const (
	Internal        Kind = iota // 500: a fault of ours; the caller sees only a request id
	Invalid                     // 400: the request is wrong in itself
	Unauthenticated             // 401: who is calling is not known
	Forbidden                   // 403: the caller may never do this
	NotFound                    // 404: not there, or not to be seen
	MethodMissing               // 405: the route exists, this method does not
	NotAcceptable               // 406: no such representation or microversion
	Conflict                    // 409: not in this state, or already there
	Gone                        // 410: was there, is no more
	Precondition                // 412: an If-Match or version guard failed
	TooLarge                    // 413: body or object over its limit
	Unsupported                 // 415: media type not taken
	BadRange                    // 416: range outside the object
	Quota                       // 403, 409 or 413: a limit of the project is used up
	Exhausted                   // 409: no address, no host, no capacity left
	RateLimited                 // 429: too many at once
	NotSupported                // 501 or 400: an ability that this backend lacks
	Unavailable                 // 503: a part that is needed does not answer; try again
	Timeout                     // 504: it took longer than its deadline
)

var names = [...]string{"internal", "invalid", "unauthenticated", "forbidden", "not found", "method missing",
	"not acceptable", "conflict", "gone", "precondition", "too large", "unsupported", "bad range", "quota",
	"exhausted", "rate limited", "not supported", "unavailable", "timeout"}

// String gives the kind's name in lower case.
func (k Kind) String() string {
	if int(k) < len(names) {
		return names[k]
	}
	return "internal"
}

// Error is an error with its kind and what the caller may be told.
type Error struct {
	Kind     Kind
	Resource string // the noun, "server", where there is one
	ID       string // its id or name as the caller gave it
	Code     string // the service's own name of the fault ("IpAddressGenerationFailure"), where its API has one
	Msg      string // for the caller; empty when Kind is Internal
	Err      error  // the cause, for logs only
}

// Error gives the message with its cause: the form for logs, not for callers.
func (e *Error) Error() string {
	msg := e.Msg
	if msg == "" {
		msg = e.Kind.String()
	}
	if e.Err != nil {
		return msg + ": " + e.Err.Error()
	}
	return msg
}

// Unwrap gives the cause.
func (e *Error) Unwrap() error { return e.Err }

// New makes an error of kind k whose message the caller may read. A %w in the
// format keeps the cause, but also shows it: use Because to keep it hidden.
func New(k Kind, format string, args ...any) *Error {
	err := fmt.Errorf(format, args...)
	return &Error{Kind: k, Msg: err.Error(), Err: nil}
}

// Because attaches a cause that only logs show.
func (e *Error) Because(cause error) *Error {
	e.Err = cause
	return e
}

// WithCode sets the service's own name of the fault.
func (e *Error) WithCode(code string) *Error {
	e.Code = code
	return e
}

// NotFoundf makes a NotFound error.
func NotFoundf(format string, args ...any) *Error { return New(NotFound, format, args...) }

// Invalidf makes an Invalid error.
func Invalidf(format string, args ...any) *Error { return New(Invalid, format, args...) }

// Conflictf makes a Conflict error.
func Conflictf(format string, args ...any) *Error { return New(Conflict, format, args...) }

// Forbiddenf makes a Forbidden error.
func Forbiddenf(format string, args ...any) *Error { return New(Forbidden, format, args...) }

// Missing is the NotFound error of a resource that is not there, or that the
// caller may not see: both read the same.
func Missing(resource, id string) *Error {
	return &Error{Kind: NotFound, Resource: resource, ID: id, Msg: fmt.Sprintf("%s %s could not be found.", resource, id)}
}

// Wrap says what was being done when err happened. The kind, code and message
// for the caller stay those of err; without any it is Internal. A nil err gives nil.
func Wrap(err error, format string, args ...any) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf(format+": %w", append(args, err)...)
}

// KindOf gives the kind of the first Error in err's chain, Internal without one.
func KindOf(err error) Kind {
	var e *Error
	if errors.As(err, &e) {
		return e.Kind
	}
	return Internal
}

// Is reports whether err is of kind k. A nil err is of no kind.
func Is(err error, k Kind) bool { return err != nil && KindOf(err) == k }

// Message gives what the caller may read of err; "" when it is Internal.
func Message(err error) string {
	var e *Error
	if errors.As(err, &e) && e.Kind != Internal {
		return e.Msg
	}
	return ""
}

// CodeOf gives the service's own name of the fault, "" without one.
func CodeOf(err error) string {
	var e *Error
	if errors.As(err, &e) {
		return e.Code
	}
	return ""
}

// Transient reports whether the same call may succeed later without anyone
// changing anything: the kinds Unavailable, Timeout and RateLimited, and
// errors of no kind at all, since nobody judged them final.
func Transient(err error) bool {
	var e *Error
	if !errors.As(err, &e) {
		return err != nil
	}
	switch e.Kind {
	case Unavailable, Timeout, RateLimited, Internal:
		return true
	}
	return false
}
