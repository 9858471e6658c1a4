package soak

import (
	"sync"
	"time"

	"github.com/cumulite/cumulite/platform/clock"
)

// crooked is a clock that goes as the machine's does, until somebody sets it.
type crooked struct {
	mu      sync.Mutex
	true    clock.Clock
	offset  time.Duration
	waiting map[*alarm]struct{}
}

// alarm is somebody who waits for a time.
type alarm struct {
	at    time.Time
	due   chan struct{}
	timer *time.Timer
}

func newCrooked() *crooked {
	return &crooked{true: clock.System(), waiting: map[*alarm]struct{}{}}
}

// Now implements clock.Clock.
func (c *crooked) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now()
}

func (c *crooked) now() time.Time { return c.true.Now().Add(c.offset) }

// At implements clock.Clock.
func (c *crooked) At(t time.Time) (<-chan struct{}, func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	a := &alarm{at: t, due: make(chan struct{})}
	c.waiting[a] = struct{}{}
	a.timer = time.AfterFunc(t.Sub(c.now()), func() { c.ring(a) })
	return a.due, func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		a.timer.Stop()
		delete(c.waiting, a)
	}
}

func (c *crooked) ring(a *alarm) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if _, waits := c.waiting[a]; !waits {
		return
	}
	if left := a.at.Sub(c.now()); left > 0 { // the clock was set back meanwhile
		a.timer.Reset(left)
		return
	}
	delete(c.waiting, a)
	close(a.due)
}

// jump sets the clock forward, or back, by d.
func (c *crooked) jump(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.offset += d
	for a := range c.waiting {
		a.timer.Reset(a.at.Sub(c.now()))
	}
}
