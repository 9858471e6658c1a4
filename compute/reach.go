package compute

import (
	"context"
	"errors"
	"sync"

	"github.com/cumulite/cumulite/platform/errs"
)

// errHostDown ends the calls to a host that was found to be down.
var errHostDown = errors.New("the host does not answer any more")

// calls are those under way, by host. The zero value is ready.
type calls struct {
	mu     sync.Mutex
	by     map[string]map[int]context.CancelCauseFunc
	number int
}

// enter gives the context of a call to a host, which cut ends.
func (c *calls) enter(ctx context.Context, host string) (context.Context, func()) {
	ctx, cancel := context.WithCancelCause(ctx)
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.by == nil {
		c.by = map[string]map[int]context.CancelCauseFunc{}
	}
	if c.by[host] == nil {
		c.by[host] = map[int]context.CancelCauseFunc{}
	}
	c.number++
	n := c.number
	c.by[host][n] = cancel
	return ctx, func() {
		cancel(nil)
		c.mu.Lock()
		defer c.mu.Unlock()
		delete(c.by[host], n)
	}
}

// cut ends the calls to a host.
func (c *calls) cut(host string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, cancel := range c.by[host] {
		cancel(errHostDown)
	}
}

// onHost makes calls to a host as long as that answers: nobody waits for one
// that was found to be down meanwhile. What is half done then is repeated, or
// undone.
func (s *Service) onHost(ctx context.Context, host string, fn func(ctx context.Context, h Hypervisor) error) error {
	h, err := s.hypervisor(host)
	if err != nil {
		return err
	}
	ctx, leave := s.calls.enter(ctx, host)
	defer leave()
	err = fn(ctx, h)
	if err != nil && errors.Is(context.Cause(ctx), errHostDown) {
		return unavailable(host).Because(err)
	}
	return err
}

func unavailable(host string) *errs.Error {
	return errs.New(errs.Unavailable, "Compute host %s is not available.", host)
}
