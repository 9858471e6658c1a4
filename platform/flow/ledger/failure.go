package ledger

import (
	"encoding/json"
	"errors"
	"strings"

	"github.com/cumulite/cumulite/platform/errs"
)

// failure is how an error is stored.
type failure struct {
	Kind      errs.Kind `json:"kind"`
	Resource  string    `json:"resource,omitempty"`
	ID        string    `json:"id,omitempty"`
	Code      string    `json:"code,omitempty"`
	Msg       string    `json:"msg,omitempty"`
	Text      string    `json:"text"`
	Cancelled bool      `json:"cancelled,omitempty"`
}

const maxText = 2000 // bytes of an error's text that are kept

// Past gives err as it is read back once it was stored: its text, what errs
// knows of it, and whether it was ErrCancelled.
func Past(err error) error { return decode(encode(err)) }

func encode(err error) string {
	if err == nil {
		return ""
	}
	f := failure{Text: err.Error(), Cancelled: errors.Is(err, ErrCancelled)}
	var e *errs.Error
	if errors.As(err, &e) {
		f.Kind, f.Resource, f.ID, f.Code, f.Msg = e.Kind, e.Resource, e.ID, e.Code, e.Msg
	}
	if len(f.Text) > maxText {
		f.Text = strings.ToValidUTF8(f.Text[:maxText], "")
	}
	text, _ := json.Marshal(f) // strings and numbers
	return string(text)
}

func decode(text string) error {
	if text == "" {
		return nil
	}
	var f failure
	if err := json.Unmarshal([]byte(text), &f); err != nil {
		return errs.Wrap(err, "read a stored error")
	}
	known := &errs.Error{Kind: f.Kind, Resource: f.Resource, ID: f.ID, Code: f.Code, Msg: f.Msg}
	if f.Cancelled {
		known.Err = ErrCancelled
	}
	return past{f.Text, known}
}

type past struct {
	text  string
	known *errs.Error
}

func (p past) Error() string { return p.text }
func (p past) Unwrap() error { return p.known }
