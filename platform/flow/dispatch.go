package flow

import (
	"context"
	"time"

	"github.com/cumulite/cumulite/platform/flow/ledger"
	"github.com/cumulite/cumulite/platform/flow/roll"
)

// dispatcher is the goroutine of Run: it claims what is due whenever there is
// a free worker, keeps the leases, and sleeps in between.
type dispatcher struct {
	*Engine
	released   bool      // nothing has our name but what is at work here
	beat, seen time.Time // when the leases were last extended, and the clock was last read
	next, poll time.Time // when the next one is due that was seen, and when to look for more in any case
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
	d.roll.Finish()
	for d.busy() > 0 && !d.killed.Load() {
		if err := d.renew(ctx, d.clk.Now()); err != nil {
			d.opts.Logger.Error("leases cannot be extended", "error", err)
		}
		d.sleep(ctx, d.beat.Add(d.opts.Lease/3), d.woken)
	}
	d.roll.Wait()
}

// round says when the next one is due by itself.
func (d *dispatcher) round(ctx context.Context, now time.Time) (time.Time, error) {
	if !d.released || now.Before(d.seen) || !now.Before(d.poll) { // the poll finds starts whose answer was lost
		latest := now.Add(max(d.opts.Lease, d.opts.Backoff(64))) // nothing waits longer, unless the clock went back
		if err := d.ledger.Release(ctx, now, latest, d.roll.Close(now)); err != nil {
			return time.Time{}, err
		}
		d.released = true
		d.poll = now.Add(d.opts.Poll)
		d.roll.Open()
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
	return earliest(earliest(next, d.poll), d.roll.Expire(now)), nil
}

// renew extends the leases when it is time, and interrupts the jobs whose
// operation was cancelled by another process or lost to another engine.
func (d *dispatcher) renew(ctx context.Context, now time.Time) error {
	ids := d.roll.IDs()
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
			d.roll.Interrupt(id, roll.ErrLost)
		} else if cancelled {
			d.roll.Interrupt(id, ErrCancelled)
		}
	}
	return nil
}

// fill gives free workers what is due, and says when something will be. It
// looks when it was told to, and when something is due.
func (d *dispatcher) fill(ctx context.Context) (next time.Time, err error) {
	now := d.clk.Now()
	if !d.roll.SetBehind(false) && (d.next.IsZero() || now.Before(d.next)) {
		return d.next, nil
	}
	for {
		free := d.opts.Workers - d.busy()
		if free > 0 {
			d.next, err = d.ledger.NextDue(ctx, d.Kinds())
		}
		if free <= 0 || err != nil { // the next worker that is free looks again
			d.roll.SetBehind(true)
			return time.Time{}, err
		}
		if now = d.clk.Now(); d.next.IsZero() || d.next.After(now) {
			return d.next, nil
		}
		if err := d.take(ctx, free); err != nil {
			return time.Time{}, err
		}
	}
}

func (d *dispatcher) take(ctx context.Context, most int) error {
	d.claiming <- struct{}{}
	defer func() { <-d.claiming }()
	now := d.clk.Now()
	claimed, err := d.ledger.Claim(ctx, d.Kinds(), most, now, now.Add(d.opts.Lease))
	for _, entry := range claimed {
		d.begin(entry)
	}
	return err
}

// begin starts the worker of an operation that is this engine's. When the
// engine has ended meanwhile, all that is done is to give it back.
func (e *Engine) begin(entry ledger.Entry) {
	work, first := e.roll.Begin(entry.ID)
	j := &job{e: e, kind: e.kinds[entry.Kind], Entry: entry, hand: work}
	if work == nil {
		j.work(e.base)
		return
	}
	if first {
		e.stir() // for its lease
	}
	go func() {
		j.work(e.base)
		if work.End(j.more) {
			e.stir()
		}
		e.notify()
	}()
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
