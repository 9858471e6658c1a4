// Package fault dresses errors for callers: the status that each errs.Kind
// has, and the body that each original service puts around the message.
package fault

import "github.com/cumulite/cumulite/platform/errs"

// Fault is an error as a caller may see it.
type Fault struct {
	Status     int
	Kind       errs.Kind
	Code       string // the service's own name of it, where its API has one
	Message    string
	RequestID  string
	RetryAfter int // seconds, 0 for none
}

// Format is how one service shows faults.
type Format struct {
	Statuses map[errs.Kind]int                           // where the service differs from Status
	Dress    func(Fault) (contentType string, body []byte) // the body around the message
}
