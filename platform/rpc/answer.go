package rpc

import (
	"context"
	"encoding/json"
	"errors"

	"github.com/cumulite/cumulite/platform/errs"
)

// answer is what goes back over the wire: a result or an error.
type answer struct {
	Result json.RawMessage `json:"result,omitempty"`
	Error  *wireError      `json:"error,omitempty"`
}

// wireError is an error without its cause.
type wireError struct {
	Kind     errs.Kind `json:"kind"`
	Resource string    `json:"resource,omitempty"`
	ID       string    `json:"id,omitempty"`
	Code     string    `json:"code,omitempty"`
	Msg      string    `json:"msg,omitempty"`
	Context  string    `json:"context,omitempty"` // the method's ctx "canceled" or its "deadline"
}

// Refusal is the answer that says err: what a transport gives for a request that it does not pass on.
func Refusal(err error) []byte {
	encoded, _ := json.Marshal(answer{Error: encodeError(err)})
	return encoded
}

func encodeError(err error) *wireError {
	var e *errs.Error
	switch {
	case errors.As(err, &e):
		return &wireError{Kind: e.Kind, Resource: e.Resource, ID: e.ID, Code: e.Code, Msg: e.Msg}
	case errors.Is(err, context.Canceled):
		return &wireError{Context: "canceled"}
	case errors.Is(err, context.DeadlineExceeded):
		return &wireError{Context: "deadline"}
	}
	return &wireError{Msg: err.Error()} // Internal: for the controller's log, never shown to a caller
}

func (w *wireError) decode() error {
	switch w.Context {
	case "canceled":
		return context.Canceled
	case "deadline":
		return context.DeadlineExceeded
	}
	return &errs.Error{Kind: w.Kind, Resource: w.Resource, ID: w.ID, Code: w.Code, Msg: w.Msg}
}
