package flow

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/cumulite/cumulite/platform/auth"
	"github.com/cumulite/cumulite/platform/store"
)

// errReleased says that the operation was given up until it is due again.
var errReleased = errors.New("flow: released")

// work carries an operation on until it has ended, waits for another try, or is lost.
func (e *Engine) work(ctx context.Context, r *row) {
	k := e.kinds[r.Kind]
	if k == nil {
		_ = e.later(ctx, r, nil, StepEvent{}, fmt.Errorf("no operation of kind %s is registered", r.Kind))
		return
	}
	p, err := k.open(r)
	if err != nil {
		_ = e.later(ctx, r, nil, StepEvent{}, err)
		return
	}
	ctx = auth.WithRequestID(auth.With(ctx, r.Caller), r.RequestID)
	for err == nil {
		if ctx.Err() != nil && !r.Cancelled {
			e.release(ctx, r)
			return
		}
		err = e.advance(ctx, r, p)
	}
	if !errors.Is(err, errEnded) && !errors.Is(err, errReleased) && !errors.Is(err, errLost) && !errors.Is(err, ErrKilled) {
		e.log.Warn("an operation could not be recorded", "operation", r.ID, "kind", r.Kind, "error", err)
		e.release(ctx, r)
	}
}

// errEnded says that the operation is no more.
var errEnded = errors.New("flow: ended")

// advance takes the next step of an operation, forwards or back.
func (e *Engine) advance(ctx context.Context, r *row, p process) error {
	if !r.Undoing && !r.Forward {
		switch {
		case e.wasCancelled(ctx, r):
			return e.turn(ctx, r, p, ErrCancelled)
		case !e.clk.Now().Before(r.Deadline):
			return e.turn(ctx, r, p, decodeCause(r.Cause))
		}
	}
	if r.Undoing {
		return e.stepBack(ctx, r, p)
	}
	return e.stepForward(ctx, r, p)
}

// stepForward does the present step and records it.
func (e *Engine) stepForward(ctx context.Context, r *row, p process) error {
	ev := StepEvent{Step: p.name(r.Step), Started: e.clk.Now(), Attempt: r.Tries + 1}
	err := e.fault(r.Kind, ev.Step, BeforeDo)
	if err == nil && r.Step < p.steps() {
		err = p.do(ctx, r.Step, ev.Attempt)
	}
	if err == nil {
		err = e.fault(r.Kind, ev.Step, AfterDo)
	}
	if err == nil {
		err = e.record(ctx, r, p, ev)
	}
	switch {
	case err == nil:
		return e.fault(r.Kind, ev.Step, AfterRecord)
	case errors.Is(err, ErrKilled), errors.Is(err, errLost), errors.Is(err, errEnded):
		return err
	case ctx.Err() != nil && e.ending(ctx):
		e.release(ctx, r)
		return errReleased
	case !r.Forward && (isFinal(err) || e.wasCancelled(ctx, r)):
		return e.turn(ctx, r, p, err)
	}
	ev.Err = err
	return e.later(ctx, r, p, ev, err)
}

// record stores the end of the present step, and of those behind it that
// change only rows; with the last one the operation ends.
func (e *Engine) record(ctx context.Context, r *row, p process, ev StepEvent) error {
	next := *r
	err := e.write(ctx, func(ctx context.Context, tx *store.Tx) error {
		next = *r
		ev.Finished, ev.Final = e.clk.Now(), true
		for next.Step < p.steps() {
			if err := p.save(ctx, tx, next.Step); err != nil {
				return err
			}
			if err := p.observe(ctx, tx, ev); err != nil {
				return err
			}
			next.Step, next.Tries, next.LastError = next.Step+1, 0, ""
			if next.Step < p.steps() && p.effect(next.Step) {
				return e.storeArgs(ctx, tx, &next, p)
			}
			ev.Step, ev.Started, ev.Attempt = p.name(next.Step), ev.Finished, 1
		}
		if err := e.fault(r.Kind, "finish", BeforeFinish); err != nil {
			return err
		}
		if err := p.done(ctx, tx); err != nil {
			return err
		}
		return next.remove(ctx, tx)
	})
	if err != nil {
		return err
	}
	*r = next
	if r.Step >= p.steps() {
		return errEnded
	}
	return nil
}

func (e *Engine) storeArgs(ctx context.Context, tx *store.Tx, r *row, p process) (err error) {
	if r.Args, err = p.args(); err != nil {
		return err
	}
	return r.store(ctx, tx, false)
}

// turn begins to unwind, with the step at hand, which may have run half.
func (e *Engine) turn(ctx context.Context, r *row, p process, cause error) error {
	r.Undoing, r.Cause, r.Tries, r.LastError = true, encodeCause(cause), 0, cause.Error()
	r.Step = min(r.Step, p.steps()-1)
	r.DueAt = e.clk.Now()
	return e.write(ctx, func(ctx context.Context, tx *store.Tx) error {
		ev := StepEvent{Step: p.name(r.Step), Started: r.DueAt, Finished: r.DueAt, Attempt: r.Tries + 1, Err: cause, Final: true}
		if err := p.observe(ctx, tx, ev); err != nil {
			return err
		}
		return e.storeArgs(ctx, tx, r, p)
	})
}

// stepBack undoes the present step and records it; behind the first the operation has failed.
func (e *Engine) stepBack(ctx context.Context, r *row, p process) error {
	cause := decodeCause(r.Cause)
	if r.Step < 0 {
		return e.fail(ctx, r, p, cause)
	}
	ev := StepEvent{Step: p.name(r.Step), Undo: true, Started: e.clk.Now(), Attempt: r.Tries + 1}
	err := e.fault(r.Kind, ev.Step, BeforeUndo)
	if err == nil {
		err = p.undo(e.undisturbed(ctx), r.Step, ev.Attempt, cause)
	}
	if err == nil {
		err = e.fault(r.Kind, ev.Step, AfterUndo)
	}
	if errors.Is(err, ErrKilled) {
		return err
	}
	if err != nil {
		ev.Err = err
		return e.later(ctx, r, p, ev, err)
	}
	r.Step, r.Tries = r.Step-1, 0
	return e.write(ctx, func(ctx context.Context, tx *store.Tx) error {
		ev.Finished, ev.Final = e.clk.Now(), true
		if err := p.observe(ctx, tx, ev); err != nil {
			return err
		}
		return e.storeArgs(ctx, tx, r, p)
	})
}

// fail ends an operation of which nothing is left.
func (e *Engine) fail(ctx context.Context, r *row, p process, cause error) error {
	err := e.write(ctx, func(ctx context.Context, tx *store.Tx) error {
		if err := e.fault(r.Kind, "finish", BeforeFinish); err != nil {
			return err
		}
		if err := p.failed(ctx, tx, cause); err != nil {
			return err
		}
		return r.remove(ctx, tx)
	})
	if err == nil {
		return errEnded
	}
	if errors.Is(err, ErrKilled) || errors.Is(err, errLost) {
		return err
	}
	return e.later(ctx, r, p, StepEvent{Step: "finish", Undo: true, Started: e.clk.Now(), Attempt: r.Tries + 1, Err: err}, err)
}

// later gives the operation up until it is time for another try. The deadline,
// when it comes sooner, is when it is looked at again.
func (e *Engine) later(ctx context.Context, r *row, p process, ev StepEvent, cause error) error {
	r.Tries++
	r.LastError, r.DueAt = cause.Error(), e.clk.Now().Add(e.opts.Backoff(r.Tries))
	if !r.Undoing {
		r.Cause = encodeCause(cause)
		if !r.Forward && r.DueAt.After(r.Deadline) {
			r.DueAt = r.Deadline
		}
	}
	err := e.write(ctx, func(ctx context.Context, tx *store.Tx) error {
		if p != nil {
			ev.Finished = e.clk.Now()
			if err := p.observe(ctx, tx, ev); err != nil {
				return err
			}
		}
		return r.store(ctx, tx, true)
	})
	if err == nil {
		err = errReleased
	}
	return err
}

// release gives the operation up as it is, to be taken up at once.
func (e *Engine) release(ctx context.Context, r *row) {
	err := e.write(ctx, func(ctx context.Context, tx *store.Tx) error {
		_, err := tx.Exec(ctx, "UPDATE flow_operations SET owner = ''"+guard, r.ID, r.Owner, r.Attempt)
		return err
	})
	if err != nil {
		e.log.Warn("an operation stays claimed until its lease ends", "operation", r.ID, "error", err)
	}
}

// write is store.Write for what must be recorded although ctx may have ended.
func (e *Engine) write(ctx context.Context, fn func(ctx context.Context, tx *store.Tx) error) error {
	return e.db.Write(context.WithoutCancel(ctx), fn)
}

// backoff doubles from 100 ms up to a minute.
func backoff(tries int) time.Duration {
	return min(100*time.Millisecond<<min(tries-1, 10), time.Minute)
}
