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
		e.claiming.Lock() // the claim may have been before and its worker not yet be there
		defer e.claiming.Unlock()
		for id := range ids {
			e.interrupt(id, ErrCancelled)
		}
		e.wake()
	})
	return nil
}

// List gives the operations of key that have not ended, in the order in which
// they run; all of them, oldest first, when key is "".
func (e *Engine) List(ctx context.Context, key string) ([]Info, error) {
	entries, err := e.ledger.List(ctx, key)
	if err != nil {
		return nil, errs.Wrap(err, "list the operations of %q", key)
	}
	infos := make([]Info, 0, len(entries))
	for _, en := range entries {
		infos = append(infos, e.info(en))
	}
	return infos, nil
}

func (e *Engine) info(en ledger.Entry) Info {
	i := Info{ID: en.ID, Kind: en.Kind, Key: en.Key, Undo: en.Undoing, Forward: en.Forward, Cancelled: en.Cancelled, Owner: en.Owner, Attempt: en.Attempt,
		LastError: en.Failure, Created: en.Created, Due: en.Due, Deadline: en.Deadline}
	if k := e.kinds[en.Kind]; k != nil {
		i.Step = k.stepName(en.Step)
	}
	return i
}
