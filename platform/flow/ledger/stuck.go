package ledger

import (
	"context"
	"time"

	"github.com/cumulite/cumulite/platform/store"
)

// busyFor is how long what is due may wait while engines have other work.
const busyFor = 10 * time.Minute

// Stuck says why an entry, the oldest of its key, does not go on by itself; ""
// when it does. Leases are never longer than lease.
func (e *Entry) Stuck(now time.Time, lease time.Duration) string {
	switch late := now.Add(-busyFor); {
	case e.Due.Before(late):
		return "it is due, and nobody takes it up"
	case e.Due.After(now.Add(lease + busyFor)):
		return "it is kept for longer than any lease or pause"
	case !e.Forward && !e.Undoing && e.Deadline.Before(late):
		return "its time is over, and it is not undone"
	}
	return ""
}

const freeSQL = `UPDATE flow_operations SET owner = '', due_at = ?, fence = fence + 1 WHERE id = ? AND owner <> ?`

// Free takes an entry from whoever else has it, who cannot record any more,
// and has it come due.
func (l *Ledger) Free(ctx context.Context, id string, now time.Time) error {
	return l.db.Write(ctx, func(ctx context.Context, tx *store.Tx) error {
		_, err := tx.Exec(ctx, freeSQL, now.UnixMicro(), id, l.owner)
		return err
	})
}
