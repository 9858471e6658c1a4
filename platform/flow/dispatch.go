package flow

import (
	"context"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/cumulite/cumulite/platform/flow/ledger"
)

// dispatcher is the goroutine of Run: it claims what is due whenever there is
// a free worker, keeps the leases, and sleeps in between.
type dispatcher struct {
	*Engine
	jobs       sync.WaitGroup
	released   bool      // nothing has our name but what is at work here
	beat, seen time.Time // when the leases were last extended, and the clock was last read
}

func (d *dispatcher) run(ctx context.Context) {
	failures := 0
	for ctx.Err() == nil {
		wake, err := d.round(ctx, d.clk.Now())
		failures++
		if err == nil {
			failures = 0
			d.notify()
		} else if ctx.Err() == nil {
			d.released = false // a claim may have been stored in spite of its error
			wake = d.clk.Now().Add(d.opts.Backoff(failures))
			d.opts.Logger.Error("operations cannot be claimed", "failures", failures, "error", err)
		}
		d.sleep(ctx, wake, d.woken)
	}
	d.drain(context.WithoutCancel(ctx))
}

// drain keeps the leases of steps that take their time to end.
func (d *dispatcher) drain(ctx context.Context) {
	for d.busy() > 0 && !d.killed.Load() {
		if err := d.renew(ctx, d.clk.Now()); err != nil {
			d.opts.Logger.Error("leases cannot be extended", "error", err)
		}
		d.sleep(ctx, d.beat.Add(d.opts.Lease/3), d.woken)
	}
	d.jobs.Wait()
}

// round says when the next one is due by itself.
func (d *dispatcher) round(ctx context.Context, now time.Time) (time.Time, error) {
	if !d.released || now.Before(d.seen) {
		latest := now.Add(max(d.opts.Lease, d.opts.Backoff(64))) // nothing waits longer, unless the clock went back
		if err := d.ledger.Release(ctx, now, latest, d.atWork()); err != nil {
			return time.Time{}, err
		}
		d.released = true
	}
	d.seen = now
	if err := d.renew(ctx, now); err != nil {
		return time.Time{}, err
	}
	next, err := d.fill(ctx)
	if err != nil {
		return time.Time{}, err
	}
	if d.busy() > 0 {
		next = earliest(next, d.beat.Add(d.opts.Lease/3))
	}
	return earliest(earliest(next, now.Add(d.opts.Poll)), d.expire(now)), nil
}

// renew extends the leases when it is time, and interrupts the jobs whose
// operation was cancelled by another process or lost to another engine.
func (d *dispatcher) renew(ctx context.Context, now time.Time) error {
	ids := d.atWork()
	if since := now.Sub(d.beat); len(ids) > 0 && since >= 0 && since < d.opts.Lease/3 {
		return nil
	}
	d.beat = now
	if len(ids) == 0 {
		return nil
	}
	owned, err := d.ledger.Renew(ctx, now.Add(d.opts.Lease))
	if err != nil {
		return err
	}
	for _, id := range ids {
		if cancelled, mine := owned[id]; !mine {
			d.interrupt(id, errLost)
		} else if cancelled {
			d.interrupt(id, ErrCancelled)
		}
	}
	return nil
}

// fill gives free workers what is due, and says when something will be.
func (d *dispatcher) fill(ctx context.Context) (time.Time, error) {
	for {
		free := d.opts.Workers - d.busy()
		if free <= 0 {
			return time.Time{}, nil
		}
		next, err := d.ledger.NextDue(ctx, d.Kinds())
		if err != nil || next.IsZero() || next.After(d.clk.Now()) {
			return next, err
		}
		if err := d.take(ctx, free); err != nil {
			return time.Time{}, err
		}
	}
}

func (d *dispatcher) take(ctx context.Context, most int) error {
	d.claiming.Lock()
	defer d.claiming.Unlock()
	now := d.clk.Now()
	claimed, err := d.ledger.Claim(ctx, d.Kinds(), most, now, now.Add(d.opts.Lease))
	for _, entry := range claimed {
		d.begin(ctx, entry)
	}
	return err
}

// begin starts a claimed operation's worker.
func (d *dispatcher) begin(ctx context.Context, entry ledger.Entry) {
	j := &job{e: d.Engine, kind: d.kinds[entry.Kind], Entry: entry}
	d.mu.Lock()
	d.running[j.ID] = j
	d.mu.Unlock()
	d.jobs.Go(func() {
		defer d.ended(j)
		j.work(ctx)
	})
}

func (e *Engine) ended(j *job) {
	e.mu.Lock()
	if e.running[j.ID] == j { // it may have been taken up again since it was given back
		delete(e.running, j.ID)
	}
	e.mu.Unlock()
	e.wake()
}

// atWork gives the ids of the operations that are run.
func (e *Engine) atWork() []string {
	e.mu.Lock()
	defer e.mu.Unlock()
	return slices.Collect(maps.Keys(e.running))
}

// expire cancels the attempts whose time is over, and says when the next one's is.
func (e *Engine) expire(now time.Time) (next time.Time) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, j := range e.running {
		switch {
		case j.limit.IsZero():
		case now.Before(j.limit):
			next = earliest(next, j.limit)
		default:
			j.cancel(errDeadline)
		}
	}
	return next
}

// sleep waits until it is woken or, unless until is zero, until then.
func (e *Engine) sleep(ctx context.Context, until time.Time, woken <-chan struct{}) {
	var due <-chan struct{}
	if !until.IsZero() {
		var stop func()
		due, stop = e.clk.At(until)
		defer stop()
	}
	select {
	case <-woken:
	case <-due:
	case <-ctx.Done():
	}
}

func earliest(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}
