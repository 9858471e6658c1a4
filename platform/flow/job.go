package flow

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"runtime/debug"

	"github.com/cumulite/cumulite/platform/auth"
	"github.com/cumulite/cumulite/platform/errs"
	"github.com/cumulite/cumulite/platform/flow/ledger"
	"github.com/cumulite/cumulite/platform/flow/roll"
	"github.com/cumulite/cumulite/platform/store"
)

// job is an operation that this engine has claimed, in the hands of one worker.
type job struct {
	e            *Engine
	kind         *kind
	ledger.Entry // as it is stored
	bound        binding

	hand *roll.Work
	more bool // once it is recorded: there may be an operation of its key to claim
}

// work makes attempts at the operation's steps until it ends or is given back.
// base ends with the engine.
func (j *job) work(base context.Context) {
	ctx, err := j.identify(base)
	if err == nil {
		err = j.load()
	}
	if err != nil {
		j.settle(base, j.retry(err), nil)
		return
	}
	if err := j.mayGoOn(); err != nil && j.Fence == 1 {
		next := j.judge(err)
		next.Step = -1 // nothing was begun, so there is nothing to undo
		if !j.settle(base, next, nil) {
			return
		}
	}
	for j.turn(ctx, base) {
	}
}

// load decodes what is stored.
func (j *job) load() (err error) {
	j.bound, err = j.kind.bind(j.Entry)
	return err
}

// identify gives a context that speaks for whoever started the operation.
func (j *job) identify(ctx context.Context) (context.Context, error) {
	var caller auth.Grant
	if err := json.Unmarshal([]byte(j.Caller), &caller); err != nil {
		return nil, errs.Wrap(err, "decode the caller of operation %s", j.ID)
	}
	return auth.WithRequestID(auth.With(ctx, caller), j.RequestID), nil
}

// turn makes one attempt at the step at hand and records what came of it. It
// is false when the operation is no longer this worker's.
func (j *job) turn(ctx, base context.Context) bool {
	if base.Err() != nil {
		return j.settle(base, j.free(), nil)
	}
	ev := StepEvent{Undo: j.Undoing, Attempt: j.Attempt + 1, Started: j.e.clk.Now()}
	j.bound.prepare(ev.Attempt, j.Claims > 1, j.Cause)
	attempt, end := j.attempt(ctx)
	step := j.forth
	if j.Undoing {
		step = j.back
	}
	next, err := step(attempt, &ev)
	end()
	switch {
	case err == nil:
		j.accept(next)
		return !next.Over
	case errors.Is(err, roll.ErrLost) || j.e.killed.Load():
		return false
	case errors.Is(err, errMoved):
		return true
	case base.Err() != nil:
		return j.settle(base, j.free(), nil)
	}
	ev.Err, ev.Finished = err, j.e.clk.Now()
	next = j.judge(err)
	ev.Final, ev.Next = next.Undoing && !j.Undoing, next.Due
	if ev.Final {
		j.bound.prepare(ev.Attempt, j.Claims > 1, next.Cause)
	}
	return j.settle(ctx, next, func(ctx context.Context, tx *store.Tx) error { return j.bound.observe(ctx, tx, ev) })
}

// attempt gives an attempt a context that ends with the time for it.
func (j *job) attempt(ctx context.Context) (context.Context, func()) {
	now, limit := j.e.clk.Now(), j.Deadline
	if j.Undoing || j.kind.forward {
		limit = now.Add(j.kind.deadline)
	}
	if limit.Before(now.Add(j.e.opts.Lease / 3)) {
		defer j.e.stir() // the dispatcher looks that often by itself
	}
	return j.hand.Attempt(ctx, limit, !j.Undoing && !j.kind.forward)
}

// forth does the step at hand and records its success.
func (j *job) forth(ctx context.Context, ev *StepEvent) (ledger.Move, error) {
	if err := j.mayGoOn(); err != nil {
		return ledger.Move{}, err
	}
	first := j.Step
	if first < len(j.kind.steps) {
		ev.Step = j.kind.steps[first].name
		if j.kind.steps[first].do {
			if err := j.call(ctx, ev.Step, BeforeDo, AfterDo, func() error { return j.bound.do(ctx, first) }); err != nil {
				return ledger.Move{}, err
			}
		}
	}
	if errors.Is(context.Cause(ctx), ErrCancelled) {
		return ledger.Move{}, ErrCancelled
	}
	ev.Finished = j.e.clk.Now()
	next := j.hold()
	next.Step, next.Attempt, next.Failure = j.afterSaves(first), 0, nil
	next.Over = next.Step >= len(j.kind.steps)
	return j.record(ctx, next, func(ctx context.Context, tx *store.Tx) error {
		return j.saveSteps(ctx, tx, first, next, *ev)
	})
}

// mayGoOn is the reason to undo an operation instead of doing its next step.
func (j *job) mayGoOn() error {
	switch {
	case j.kind.forward:
		return nil
	case j.Cancelled:
		return ErrCancelled
	case !j.e.clk.Now().Before(j.Deadline):
		return roll.ErrDeadline
	}
	return nil
}

// afterSaves gives the step that comes once step is done: those without an
// effect, or that are skipped, are recorded with the one before.
func (j *job) afterSaves(step int) int {
	for step++; step < len(j.kind.steps) && (!j.kind.steps[step].do || j.bound.skips(step)); step++ {
	}
	return step
}

// saveSteps is the service's part of the transaction that records steps as done.
func (j *job) saveSteps(ctx context.Context, tx *store.Tx, first int, next ledger.Move, ev StepEvent) error {
	for i := first; i < next.Step && i < len(j.kind.steps); i++ {
		if i > first && j.bound.skips(i) {
			continue
		}
		if err := j.bound.save(ctx, tx, i); err != nil {
			return err
		}
		ev.Step = j.kind.steps[i].name
		if err := j.bound.observe(ctx, tx, ev); err != nil {
			return err
		}
		ev.Attempt, ev.Started = 1, ev.Finished
	}
	if next.Over {
		return j.bound.done(ctx, tx)
	}
	return nil
}

// back undoes the step at hand, or the nearest one before that has an Undo,
// and records its success.
func (j *job) back(ctx context.Context, ev *StepEvent) (ledger.Move, error) {
	at := j.undoable(j.Step)
	if at >= 0 {
		ev.Step = j.kind.steps[at].name
		if err := j.call(ctx, ev.Step, BeforeUndo, AfterUndo, func() error { return j.bound.undo(ctx, at) }); err != nil {
			return ledger.Move{}, err
		}
	}
	ev.Finished = j.e.clk.Now()
	next := j.hold()
	next.Step, next.Attempt, next.Failure = at-1, 0, nil
	next.Over = j.undoable(at-1) < 0
	return j.record(ctx, next, func(ctx context.Context, tx *store.Tx) error {
		if at >= 0 {
			if err := j.bound.observe(ctx, tx, *ev); err != nil {
				return err
			}
		}
		if next.Over {
			return j.bound.failed(ctx, tx)
		}
		return nil
	})
}

// undoable gives the last step up to this one that has an Undo, or -1.
func (j *job) undoable(step int) int {
	for step = min(step, len(j.kind.steps)-1); step >= 0 && !j.kind.steps[step].undo; step-- {
	}
	return step
}

// call runs a function of the service between two points of Options.Fault. A
// panic becomes an error; when the attempt was interrupted, so does the reason.
func (j *job) call(ctx context.Context, step string, before, after Point, fn func() error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			j.e.opts.Logger.Error("panic in an operation", "kind", j.kind.name, "step", step, "panic", p, "stack", string(debug.Stack()))
			err = fmt.Errorf("panic in step %s: %v", step, p)
		}
		if why := context.Cause(ctx); err != nil && why != nil {
			err = fmt.Errorf("%w: %w", why, err)
		}
	}()
	if err := j.e.fault(j.kind.name, step, before); err != nil {
		return err
	}
	if err := fn(); err != nil {
		return err
	}
	return j.e.fault(j.kind.name, step, after)
}

func (e *Engine) fault(kind, step string, when Point) error {
	err := e.opts.Fault(kind, step, when)
	if errors.Is(err, ErrKilled) {
		e.kill()
	}
	return err
}
