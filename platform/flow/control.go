package flow

import (
	"context"

	"github.com/cumulite/cumulite/platform/errs"
	"github.com/cumulite/cumulite/platform/store"
)

// Cancel has the operations of key undone that can be: one at work has its
// ctx cancelled after the commit, one that never began ends with Failed at
// once. Forward operations, and those being undone, go on.
func (e *Engine) Cancel(ctx context.Context, tx *store.Tx, key string) error {
	now := e.clk.Now().UnixMicro()
	rows, err := tx.Query(ctx, cancelSQL, true, now, now, key)
	if err != nil {
		return errs.Wrap(err, "cancel the operations of %s", key)
	}
	defer func() { _ = rows.Close() }()
	var ids []string
	for rows.Next() {
		var id string
		if err := rows.Scan(&id); err != nil {
			return errs.Wrap(err, "cancel the operations of %s", key)
		}
		ids = append(ids, id)
	}
	tx.AfterCommit(func() { e.interrupt(ids) })
	return rows.Err()
}

func (e *Engine) interrupt(ids []string) {
	for _, id := range ids {
		e.mu.Lock()
		j := e.running[id]
		e.mu.Unlock()
		if j != nil {
			j.interrupt(ErrCancelled)
		}
	}
	e.wake()
}

// List gives the operations of key that have not ended, in the order in which
// they run; all of them, oldest first, when key is "".
func (e *Engine) List(ctx context.Context, key string) ([]Info, error) {
	rows, err := scanRows(e.db.Query(ctx, listSQL, key, key))
	if err != nil {
		return nil, errs.Wrap(err, "list the operations of %q", key)
	}
	infos := make([]Info, 0, len(rows))
	for _, r := range rows {
		infos = append(infos, e.info(r))
	}
	return infos, nil
}

func (e *Engine) info(r row) Info {
	i := Info{ID: r.id, Kind: r.kind, Key: r.key, Undo: r.undoing, Forward: r.forward, Cancelled: r.cancelled, Owner: r.owner, Attempt: r.attempt,
		LastError: decodeError(r.failure), Created: r.created, Due: r.due, Deadline: r.deadline}
	if k := e.kinds[r.kind]; k != nil && r.step >= 0 && r.step < len(k.steps) {
		i.Step = k.steps[r.step].name
	}
	return i
}
