// Package fault is the seam at which tests delay, fail, hang and cut the calls
// of simulated drivers.
//
//	host.SetFault(fault.FailAt("create", "disks", 1, nil))
//	hang, reached, release := fault.HangAt("start", "begin")
package fault

import (
	"context"
	"sync"
	"time"

	"github.com/cumulite/cumulite/platform/clock"
	"github.com/cumulite/cumulite/platform/errs"
)

// Step is one place inside a call where it can be delayed, fail or be cut:
// before anything was done ("begin"), between two effects, and after the last
// one, when only the answer is left to be lost ("end").
type Step struct {
	Method string // "create", "ensure port"
	Name   string // "begin", "disks", "end"
	Object string // the id of what it is about; "" when it is about the host
	Call   int    // how many calls of this method came before, on this host
}

// Func is called at each step. An error ends the call there, with what was
// done up to then in place; one that waits for ctx or a channel hangs it.
type Func func(ctx context.Context, at Step) error

// FailAt fails the first times calls that reach a step of a method; step ""
// is "begin". A nil err is an errs.Unavailable.
func FailAt(method, step string, times int, err error) Func {
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
func HangAt(method, step string) (fault Func, reached <-chan struct{}, release func()) {
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

// Seam is where the calls of one host pass.
type Seam struct {
	clock   clock.Clock
	latency func(method string) time.Duration

	mu    sync.Mutex
	fault Func
	count map[string]int
}

// NewSeam gives a seam at which nothing happens but that each method takes
// its latency; nil is none.
func NewSeam(c clock.Clock, latency func(method string) time.Duration) *Seam {
	return &Seam{clock: c, latency: latency, count: map[string]int{}}
}

// Set sets what happens at each step from now on; nil: nothing.
func (s *Seam) Set(f Func) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.fault = f
}

// Enter takes the time of a call and passes its first step.
func (s *Seam) Enter(ctx context.Context, method, object string) (Step, error) {
	at := Step{Method: method, Object: object, Call: s.next(method)}
	if s.latency != nil {
		if err := s.Wait(ctx, s.latency(method)); err != nil {
			return at, err
		}
	}
	return at, s.Pass(ctx, at, "begin")
}

// Pass passes another step of the call at at.
func (s *Seam) Pass(ctx context.Context, at Step, name string) error {
	s.mu.Lock()
	fault := s.fault
	s.mu.Unlock()
	if err := ctx.Err(); err != nil || fault == nil {
		return err
	}
	at.Name = name
	return fault(ctx, at)
}

func (s *Seam) next(method string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.count[method]++
	return s.count[method] - 1
}

// Wait takes some of the host's time.
func (s *Seam) Wait(ctx context.Context, d time.Duration) error {
	due, stop := s.clock.At(s.clock.Now().Add(d))
	defer stop()
	select {
	case <-due:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
