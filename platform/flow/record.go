package flow

import (
	"context"
	"errors"
	"fmt"

	"github.com/cumulite/cumulite/platform/errs"
	"github.com/cumulite/cumulite/platform/flow/ledger"
	"github.com/cumulite/cumulite/platform/flow/roll"
	"github.com/cumulite/cumulite/platform/store"
)

var errMoved = errors.New("an earlier record had been stored after all")

// hold keeps the operation.
func (j *job) hold() ledger.Move { return ledger.Move{State: j.State, Keep: true} }

// free gives the operation back as it is.
func (j *job) free() ledger.Move { return ledger.Move{State: j.State, Due: j.e.clk.Now()} }

// retry gives the operation back for another attempt later.
func (j *job) retry(err error) ledger.Move {
	next := j.free()
	next.Attempt++
	next.Failure = ledger.Past(err)
	now := next.Due
	next.Due = now.Add(j.e.opts.Backoff(next.Attempt))
	if !j.Undoing && !j.kind.forward && now.Before(j.Deadline) && next.Due.After(j.Deadline) {
		next.Due = j.Deadline
	}
	return next
}

// judge decides what follows a failed attempt: another one, or going back.
func (j *job) judge(err error) ledger.Move {
	late := !j.e.clk.Now().Before(j.Deadline)
	if j.Undoing || j.kind.forward || !late && !errors.Is(err, ErrCancelled) && !isFinal(err) {
		return j.retry(err)
	}
	if late && !isFinal(err) {
		err = errs.New(errs.Timeout, "The operation did not end in time.").Because(j.lastOf(err))
	}
	next := j.hold()
	next.Undoing, next.Attempt = true, 0
	next.Failure = ledger.Past(err)
	next.Cause = next.Failure
	return next
}

// lastOf gives the error that says most about why the time did not suffice.
func (j *job) lastOf(err error) error {
	if j.Failure != nil && errors.Is(err, roll.ErrDeadline) {
		return fmt.Errorf("%w: %w", err, j.Failure)
	}
	return err
}

// settle records what is next, as often as it takes; extra is left out when it
// fails by itself. It is false when the operation is no longer this worker's.
func (j *job) settle(base context.Context, next ledger.Move, extra func(context.Context, *store.Tx) error) bool {
	for failures := 1; ; failures++ {
		done, err := j.record(base, next, extra)
		switch {
		case err == nil:
			j.accept(done)
			return done.Keep
		case errors.Is(err, ErrCancelled):
			next = j.judge(err)
			continue
		case errors.Is(err, errMoved):
			return true
		case errors.Is(err, roll.ErrLost) || j.e.killed.Load():
			return false
		}
		j.e.opts.Logger.Error("the state of an operation cannot be stored", "kind", j.kind.name, "operation", j.ID, "failures", failures, "error", err)
		if !errs.Is(err, errs.Unavailable) {
			extra = nil
		}
		if base.Err() != nil {
			return false // it stays ours: the next engine of this name, or the end of the lease, frees it
		}
		j.e.sleep(base, j.e.clk.Now().Add(j.e.opts.Backoff(failures)), nil)
	}
}

// record stores the next state of the row together with what extra changes,
// also when ctx has ended: an effect that is there should be known. It changes
// nothing, and gives ErrCancelled, when a cancelled operation would go on.
func (j *job) record(ctx context.Context, next ledger.Move, extra func(context.Context, *store.Tx) error) (ledger.Move, error) {
	ctx = context.WithoutCancel(ctx)
	step := j.kind.stepName(j.Step)
	if err := j.e.fault(j.kind.name, step, BeforeRecord); err != nil {
		return next, err
	}
	if j.e.killed.Load() {
		return next, ErrKilled
	}
	var more bool
	err := j.e.db.Write(ctx, func(ctx context.Context, tx *store.Tx) (err error) {
		if extra != nil {
			if err := extra(ctx, tx); err != nil {
				return err
			}
		}
		if next.Args, err = j.encodeArgs(next); err != nil {
			return err
		}
		more, err = j.e.ledger.Record(ctx, tx, &j.Entry, next)
		return err
	})
	if errors.Is(err, ledger.ErrFence) {
		return next, j.reload(ctx)
	}
	if err != nil {
		return next, err
	}
	if err := j.e.fault(j.kind.name, step, AfterRecord); err != nil {
		return next, err
	}
	j.more = more
	return next, nil
}

// encodeArgs takes what the steps put into Args. A failure is recorded even when it cannot.
func (j *job) encodeArgs(next ledger.Move) (string, error) {
	if j.bound == nil {
		return next.Args, nil
	}
	args, err := j.bound.args()
	switch {
	case err == nil:
		return string(args), nil
	case next.Failure != nil:
		return next.Args, nil //nolint:nilerr // the failure that is recorded says more
	}
	return "", Final(errs.Wrap(err, "encode the arguments of %s", j.kind.name))
}

// reload finds out what became of a row whose fence is not as expected: an
// earlier record was stored although its commit reported an error, or another
// engine has the operation, or it has ended.
func (j *job) reload(ctx context.Context) error {
	entry, err := j.e.ledger.Own(ctx, j.ID)
	if store.IsNone(err) {
		return roll.ErrLost
	}
	if err != nil {
		return err
	}
	j.Entry = entry
	if err := j.load(); err != nil {
		return err
	}
	return errMoved
}

// accept takes over what was recorded.
func (j *job) accept(next ledger.Move) {
	j.State, j.Claims = next.State, 1
	j.Fence++
}
