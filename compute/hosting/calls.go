// Package hosting holds what every driver of hosts does the same way to keep
// the contract of compute.Hypervisor: one call after the other for a guest,
// each operation's effect once, the same refusals, and a feed of changes that
// never blocks the one who tells them.
package hosting

import (
	"context"
	"slices"
	"sync"
)

// Remembered is how many calls of a guest are remembered.
const Remembered = 64

// Journal keeps the calls that a guest has seen, oldest first, for as long as
// the guest itself is kept: in its record or in a file beside its disks. A
// guest without any, or that is not there, has none.
type Journal interface {
	Calls(guest string) ([]string, error)
	SetCalls(guest string, calls []string) error
}

// Calls runs the calls for each guest one after the other and those that are
// repeated only once.
type Calls struct {
	journal Journal
	mu      sync.Mutex
	busy    map[string]*turn
}

// turn is held by the one call of a guest that runs; users counts it and those
// that wait.
type turn struct {
	token chan struct{}
	users int
}

// NewCalls makes a Calls over journal.
func NewCalls(journal Journal) *Calls {
	return &Calls{journal: journal, busy: map[string]*turn{}}
}

// Do runs fn for guest when its turn comes, unless call was made with the same
// op before and succeeded. call names the method and what it is about, "plug"
// and the port's id. It gives ctx's error when ctx ends before the turn comes.
func (c *Calls) Do(ctx context.Context, guest, call, op string, fn func() error) error {
	return c.Turn(ctx, guest, func() error {
		if op == "" {
			return fn()
		}
		key := call + " " + op
		seen, err := c.journal.Calls(guest)
		if err != nil {
			return err
		}
		if slices.Contains(seen, key) {
			return nil
		}
		if err := fn(); err != nil {
			return err
		}
		seen = append(seen, key)
		return c.journal.SetCalls(guest, seen[max(0, len(seen)-Remembered):])
	})
}

// Turn runs fn for guest when its turn comes.
func (c *Calls) Turn(ctx context.Context, guest string, fn func() error) error {
	t := c.queue(guest)
	defer c.leave(guest, t)
	select {
	case t.token <- struct{}{}:
	case <-ctx.Done():
		return ctx.Err()
	}
	defer func() { <-t.token }()
	if err := ctx.Err(); err != nil {
		return err
	}
	return fn()
}

func (c *Calls) queue(guest string) *turn {
	c.mu.Lock()
	defer c.mu.Unlock()
	t := c.busy[guest]
	if t == nil {
		t = &turn{token: make(chan struct{}, 1)}
		c.busy[guest] = t
	}
	t.users++
	return t
}

func (c *Calls) leave(guest string, t *turn) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if t.users--; t.users == 0 {
		delete(c.busy, guest)
	}
}
