package flow

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/cumulite/cumulite/platform/errs"
	"github.com/cumulite/cumulite/platform/store"
)

// move is what becomes of an operation's row.
type move struct {
	state
	owner string    // '' gives it back
	due   time.Time // when it is given back
	over  bool      // the row goes
}

var (
	errMoved = errors.New("an earlier record had been stored after all")
	errFence = errors.New("the row is not as this worker left it")
)

// hold keeps the operation.
func (j *job) hold() move { return move{state: j.state, owner: j.e.opts.Owner} }

// free gives the operation back as it is.
func (j *job) free() move { return move{state: j.state, due: j.e.clk.Now()} }

// retry gives the operation back for another attempt later.
func (j *job) retry(err error) move {
	next := j.free()
	next.attempt++
	next.failure = encodeError(err)
	next.due = next.due.Add(j.e.opts.Backoff(next.attempt))
	if !j.undoing && !j.kind.forward && next.due.After(j.deadline) {
		next.due = j.deadline
	}
	return next
}

// judge decides what follows a failed attempt: another one, or going back.
func (j *job) judge(err error) move {
	late := !j.e.clk.Now().Before(j.deadline)
	if j.undoing || j.kind.forward || !late && !errors.Is(err, ErrCancelled) && !isFinal(err) {
		return j.retry(err)
	}
	if late && !isFinal(err) {
		err = errs.New(errs.Timeout, "The operation did not end in time.").Because(j.lastOf(err))
	}
	next := j.hold()
	next.undoing, next.attempt = true, 0
	next.failure, next.cause = encodeError(err), encodeError(err)
	return next
}

// lastOf gives the error that says most about why the time did not suffice.
func (j *job) lastOf(err error) error {
	if before := decodeError(j.failure); before != nil && errors.Is(err, errDeadline) {
		return fmt.Errorf("%w: %w", err, before)
	}
	return err
}

// settle records what is next, as often as it takes; extra is left out when it
// fails by itself. It is false when the operation is no longer this worker's.
func (j *job) settle(base context.Context, next move, extra func(context.Context, *store.Tx) error) bool {
	for failures := 1; ; failures++ {
		err := j.record(base, &next, extra)
		switch {
		case err == nil:
			j.accept(next)
			return next.owner != ""
		case errors.Is(err, ErrCancelled):
			next = j.judge(err)
			continue
		case errors.Is(err, errMoved):
			return true
		case errors.Is(err, errLost) || j.e.isKilled():
			return false
		}
		j.e.opts.Logger.Error("the state of an operation cannot be stored", "kind", j.kind.name, "operation", j.id, "failures", failures, "error", err)
		if !errs.Is(err, errs.Unavailable) {
			extra = nil
		}
		if base.Err() != nil {
			return false // it stays ours: the next engine of this name, or the end of the lease, frees it
		}
		due, stop := j.e.clk.At(j.e.clk.Now().Add(j.e.opts.Backoff(failures)))
		select {
		case <-due:
		case <-base.Done():
		}
		stop()
	}
}

// record stores the next state of the row together with what extra changes,
// also when ctx has ended: an effect that is there should be known. It changes
// nothing, and gives ErrCancelled, when a cancelled operation would go on.
func (j *job) record(ctx context.Context, next *move, extra func(context.Context, *store.Tx) error) error {
	step := j.stepName()
	if err := j.e.fault(j.kind.name, step, BeforeRecord); err != nil {
		return err
	}
	err := j.e.write(context.WithoutCancel(ctx), func(ctx context.Context, tx *store.Tx) error {
		if extra != nil {
			if err := extra(ctx, tx); err != nil {
				return err
			}
		}
		return j.store(ctx, tx, next)
	})
	if errors.Is(err, errFence) {
		return j.reload(context.WithoutCancel(ctx))
	}
	if err != nil {
		return err
	}
	return j.e.fault(j.kind.name, step, AfterRecord)
}

// store is the engine's part of record.
func (j *job) store(ctx context.Context, tx *store.Tx, next *move) error {
	if err := j.encodeArgs(next); err != nil {
		return err
	}
	var result *sql.Row
	if next.over {
		result = tx.QueryRow(ctx, endSQL, j.id, j.e.opts.Owner, j.fence)
	} else {
		result = tx.QueryRow(ctx, recordSQL, next.step, next.undoing, next.attempt, next.args, next.failure, next.cause,
			next.owner, next.owner, next.due.UnixMicro(), j.id, j.e.opts.Owner, j.fence)
	}
	var cancelled bool
	err := result.Scan(&cancelled)
	switch {
	case store.IsNone(err):
		return errFence
	case err != nil:
		return err
	case cancelled && !next.undoing && !j.kind.forward:
		return ErrCancelled
	}
	return nil
}

// encodeArgs takes what the steps put into Args. A failure is recorded even when it cannot.
func (j *job) encodeArgs(next *move) error {
	if j.bound == nil {
		return nil
	}
	args, err := j.bound.args()
	if err == nil {
		next.args = args
	} else if next.failure == "" {
		return Final(errs.Wrap(err, "encode the arguments of %s", j.kind.name))
	}
	return nil
}

// reload finds out what became of a row whose fence is not as expected: an
// earlier record was stored although its commit reported an error, or another
// engine has the operation, or it has ended.
func (j *job) reload(ctx context.Context) error {
	var r row
	err := r.scan(j.e.db.QueryRow(ctx, reloadSQL, j.id, j.e.opts.Owner))
	if store.IsNone(err) {
		return errLost
	}
	if err != nil {
		return err
	}
	j.e.mu.Lock()
	j.row = r
	j.e.mu.Unlock()
	if err := j.load(); err != nil {
		return err
	}
	return errMoved
}

func (j *job) stepName() string {
	if j.step >= 0 && j.step < len(j.kind.steps) {
		return j.kind.steps[j.step].name
	}
	return ""
}

// accept takes over what was recorded.
func (j *job) accept(next move) {
	j.e.mu.Lock()
	defer j.e.mu.Unlock()
	j.state = next.state
	j.fence++
}
