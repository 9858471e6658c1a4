package simnetwork

import (
	"context"
	"sync"

	"github.com/cumulite/cumulite/platform/errs"
)

// Step is one place inside a call where it can be delayed, fail or be cut:
// before anything was done ("begin"), and when only the answer is left to be
// lost ("end").
type Step struct {
	Method string // "ensure port"
	Name   string // "begin", "end"
	Object string // the id of what it is about; "" for describe and inventory
	Call   int    // how many calls of this method came before, on this Host
}

// Methods are the changing methods, each with the steps "begin" and "end";
// "describe" and "inventory" have only the first.
var Methods = []string{
	"ensure network", "remove network", "ensure port", "remove port", "set metadata",
	"ensure group", "remove group", "ensure router", "remove router",
}

// Fault is called at each step. An error ends the call there, with what was
// done up to then in place; one that waits for ctx or a channel hangs it.
type Fault func(ctx context.Context, at Step) error

// FailAt fails the first times calls that reach a step of a method; step ""
// is "begin". A nil err is an errs.Unavailable.
func FailAt(method, step string, times int, err error) Fault {
	if err == nil {
		err = errs.New(errs.Unavailable, "simulated failure of %s", method)
	}
	if step == "" {
		step = "begin"
	}
	var mu sync.Mutex
	return func(_ context.Context, at Step) error {
		mu.Lock()
		defer mu.Unlock()
		if at.Method != method || at.Name != step || times == 0 {
			return nil
		}
		times--
		return err
	}
}

// HangAt hangs the calls that reach a step of a method, until their ctx ends
// or release is called. reached is closed when the first has come there.
func HangAt(method, step string) (fault Fault, reached <-chan struct{}, release func()) {
	here, gone := make(chan struct{}), make(chan struct{})
	var first, last sync.Once
	fault = func(ctx context.Context, at Step) error {
		if at.Method != method || at.Name != step {
			return nil
		}
		first.Do(func() { close(here) })
		select {
		case <-gone:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return fault, here, func() { last.Do(func() { close(gone) }) }
}
