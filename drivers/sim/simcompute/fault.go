package simcompute

import (
	"context"
	"sync"

	"github.com/cumulite/cumulite/platform/errs"
)

// Step is one place inside a call where it can be delayed, fail or be cut:
// before anything was done ("begin"), between two effects, and after the last
// one, when only the answer is left to be lost ("end").
type Step struct {
	Method string // "create"
	Name   string // "begin", "disks", "end"; Steps lists them
	Guest  string // "" for describe and guests
	Call   int    // how many calls of this method came before, on this Host
}

// Steps lists the steps of each method, in their order.
var Steps = map[string][]string{
	"describe": {"begin"},
	"guests":   {"begin"},
	"console":  {"begin"},
	"watch":    {"begin"},
	"create":   {"begin", "disks", "define", "end"},
	"start":    {"begin", "define", "end"},
	"stop":     {"begin", "end"},
	"reset":    {"begin", "end"},
	"pause":    {"begin", "end"},
	"resume":   {"begin", "end"},
	"remove":   {"begin", "power off", "end"},
	"plug":     {"begin", "end"},
	"unplug":   {"begin", "end"},
	"suspend":  {"begin", "end"},
	"wake":     {"begin", "end"},
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
