package flow

import (
	"context"

	"github.com/cumulite/cumulite/platform/errs"
	"github.com/cumulite/cumulite/platform/flow/ledger"
	"github.com/cumulite/cumulite/platform/store"
)

// Cancel has the operations of key undone that can be: one at work has its
// ctx cancelled after the commit, one that never began ends with Failed at
// once. Forward operations, and those being undone, go on.
func (e *Engine) Cancel(ctx context.Context, tx *store.Tx, key string) error {
	ids, err := e.ledger.Cancel(ctx, tx, key, e.clk.Now())
	if err != nil {
		return errs.Wrap(err, "cancel the operations of %s", key)
	}
	tx.AfterCommit(func() {
		e.claiming <- struct{}{} // the claim may have been before and its worker not yet be there
		defer func() { <-e.claiming }()
		for id := range ids {
			e.roll.Interrupt(id, ErrCancelled)
		}
		e.wake()
	})
	return nil
}

// List gives the operations of these keys that have not ended, in one query:
// the oldest first, those of a key in the order in which they run. Without any
// key it gives all that there are.
func (e *Engine) List(ctx context.Context, keys ...string) ([]Info, error) {
	entries, err := e.ledger.List(ctx, keys)
	if err != nil {
		return nil, errs.Wrap(err, "list the operations of %q", keys)
	}
	infos := make([]Info, 0, len(entries))
	for _, en := range entries {
		infos = append(infos, e.info(en))
	}
	return infos, nil
}

func (e *Engine) info(en ledger.Entry) Info {
	i := Info{ID: en.ID, Kind: en.Kind, Key: en.Key, RequestID: en.RequestID, Undo: en.Undoing, Forward: en.Forward, Cancelled: en.Cancelled, Owner: en.Owner, Attempt: en.Attempt,
		LastError: en.Failure, Created: en.Created, Due: en.Due, Deadline: en.Deadline}
	if k := e.kinds[en.Kind]; k != nil {
		i.Step = k.stepName(en.Step)
	}
	return i
}
