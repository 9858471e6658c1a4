package lease

import (
	"context"
	"errors"
	"time"
)

// Hold runs fn while this holder has the lease, and waits for the lease
// before. fn's ctx ends when ctx does, or with the cause ErrLost when the lease
// is no longer certain to be ours; fn must return then. Hold takes the lease
// again whenever it was lost or fn failed, and returns once fn has returned nil
// or ctx is done. The lease is given back at once when fn has returned.
//
// A process may hold a name only once at a time.
func (l *Leases) Hold(ctx context.Context, name string, fn func(ctx context.Context, fence int64) error) error {
	for ctx.Err() == nil {
		now := l.clk.Now()
		fence, again, err := l.take(ctx, name, now)
		if err == nil && fence > 0 {
			err = l.with(ctx, name, fence, now.Add(l.ttl), fn)
			if err == nil {
				return nil
			}
		}
		if err != nil && ctx.Err() == nil {
			l.log.Warn("work under a lease was interrupted", "lease", name, "error", err)
			again = now.Add(l.ttl / 3)
		}
		l.sleep(ctx, again)
	}
	return ctx.Err()
}

// with runs fn under the lease, which is ours until the given time.
func (l *Leases) with(ctx context.Context, name string, fence int64, until time.Time, fn func(ctx context.Context, fence int64) error) error {
	work, lose := context.WithCancelCause(ctx)
	defer lose(nil)
	done := make(chan error, 1)
	go func() { done <- fn(work, fence) }()
	kept := make(chan struct{})
	go func() {
		defer close(kept)
		l.keep(work, name, fence, until, lose)
	}()
	err := <-done
	lost := errors.Is(context.Cause(work), ErrLost)
	lose(nil)
	<-kept
	if lost {
		return errors.Join(ErrLost, err)
	}
	// Whoever waits need not wait for the end of the lease; if this fails, it will.
	if given := l.change(context.WithoutCancel(ctx), giveSQL, name, fence); given != nil && !errors.Is(given, ErrLost) {
		l.log.Warn("a lease could not be given back", "lease", name, "error", given)
	}
	return err
}

// keep extends the lease until ctx is done, and ends the work when it cannot
// in time: also while the database does not answer.
func (l *Leases) keep(ctx context.Context, name string, fence int64, until time.Time, lose context.CancelCauseFunc) {
	for l.sleep(ctx, until.Add(-l.ttl*2/3)) {
		// Who wakes too late, as after a freeze, is told by the answer rather than by the time.
		over, stop := l.clk.At(latest(until, l.clk.Now().Add(l.ttl/3)))
		next := make(chan time.Time, 1)
		go func() { next <- l.renew(ctx, name, fence, until) }()
		select {
		case until = <-next:
		case <-over:
			// It may have been renewed this very moment; only an answer tells.
			lose(ErrLost)
			<-next
		}
		stop()
		if until.IsZero() {
			lose(ErrLost)
		}
	}
}

// renew says until when the lease is ours now: zero when it is another's.
func (l *Leases) renew(ctx context.Context, name string, fence int64, until time.Time) time.Time {
	for {
		now := l.clk.Now()
		err := l.change(ctx, renewSQL, now.Add(l.ttl).UnixMicro(), name, fence)
		switch {
		case err == nil:
			return now.Add(l.ttl)
		case errors.Is(err, ErrLost):
			return time.Time{}
		case !l.sleep(ctx, now.Add(l.ttl/20)):
			return until
		}
	}
}

func latest(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}
