// Package clock tells the time that is stored, or compared with stored time.
// A cloud is given one Clock; a test gives a Manual one and owns the time:
// advancing it wakes what has become due and nothing else.
//
//	clk := clock.NewManual(time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC))
//	wake, stop := clk.At(clk.Now().Add(time.Hour))
//	defer stop()
//	clk.Advance(2 * time.Hour)
//	<-wake
//
// Timeouts inside a process are not its business: they use a context.
package clock

import (
	"sync"
	"time"
)

// Clock is a source of time. Its methods may be called from any goroutine.
type Clock interface {
	// Now gives the time in UTC, without a monotonic part, in microseconds:
	// what both database engines store without loss.
	Now() time.Time
	// At gives a channel that is closed once the time is t or later. stop
	// releases what it holds and may be called more than once.
	At(t time.Time) (due <-chan struct{}, stop func())
}

// System is the machine's clock.
func System() Clock { return system{} }

type system struct{}

func (system) Now() time.Time { return time.Now().UTC().Truncate(time.Microsecond) }

func (system) At(t time.Time) (<-chan struct{}, func()) {
	due := make(chan struct{})
	timer := time.AfterFunc(time.Until(t), func() { close(due) })
	return due, func() { timer.Stop() }
}

// Manual is a clock that stands still until it is advanced.
type Manual struct {
	mu      sync.Mutex
	now     time.Time
	waiting map[*waiter]struct{}
}

type waiter struct {
	at  time.Time
	due chan struct{}
}

// NewManual gives a clock that shows start.
func NewManual(start time.Time) *Manual {
	return &Manual{now: start.UTC().Truncate(time.Microsecond), waiting: map[*waiter]struct{}{}}
}

// Now gives the time last set.
func (m *Manual) Now() time.Time {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.now
}

// At implements Clock.
func (m *Manual) At(t time.Time) (<-chan struct{}, func()) {
	m.mu.Lock()
	defer m.mu.Unlock()
	w := &waiter{at: t, due: make(chan struct{})}
	if !t.After(m.now) {
		close(w.due)
		return w.due, func() {}
	}
	m.waiting[w] = struct{}{}
	return w.due, func() {
		m.mu.Lock()
		defer m.mu.Unlock()
		delete(m.waiting, w)
	}
}

// Advance moves the clock forward by d and wakes everything due by then at once.
func (m *Manual) Advance(d time.Duration) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.now = m.now.Add(d)
	for w := range m.waiting {
		if !w.at.After(m.now) {
			close(w.due)
			delete(m.waiting, w)
		}
	}
}

// Waiting gives how many wakers are not yet due: tests use it to see that a
// goroutine has come to rest.
func (m *Manual) Waiting() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return len(m.waiting)
}
