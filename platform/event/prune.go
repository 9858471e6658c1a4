package event

import (
	"context"
	"time"

	"github.com/cumulite/cumulite/platform/store"
)

// pruneBatch is how many events one transaction removes, so that others wait
// for it briefly only.
const pruneBatch = 500

func (b *Bus) runPrune(ctx context.Context) {
	for {
		if err := b.prune(ctx); err != nil && ctx.Err() == nil {
			b.opts.Logger.Warn("events were not pruned", "error", err)
		}
		if !b.sleep(ctx, b.opts.Retention/24, nil) {
			return
		}
	}
}

// prune removes events that are old and were delivered. A subscriber that has
// not been there for as long as events are kept is not waited for.
func (b *Bus) prune(ctx context.Context) error {
	now := b.clk.Now()
	if err := b.touch(ctx, now); err != nil {
		return err
	}
	old := now.Add(-b.opts.Retention)
	var last int64 // looked for outside of a transaction, since it reads all that is kept
	err := b.db.QueryRow(ctx, `SELECT coalesce(max(seq), 0) FROM event_events
		WHERE at < ? AND seq <= coalesce((SELECT min(seq) FROM event_cursors WHERE seen_at >= ?), seq)`, old, old).Scan(&last)
	for err == nil && last > 0 {
		var removed int64
		removed, err = b.remove(ctx, old, last)
		if removed < pruneBatch {
			break
		}
	}
	return err
}

// remove takes a batch of the old events up to last. A clock that was ahead
// has left events that are not old between them.
func (b *Bus) remove(ctx context.Context, old time.Time, last int64) (removed int64, err error) {
	err = b.db.Write(ctx, func(ctx context.Context, tx *store.Tx) error {
		res, err := tx.Exec(ctx, `DELETE FROM event_events WHERE seq IN (
			SELECT seq FROM event_events WHERE seq <= ? AND at < ? ORDER BY seq LIMIT ?)`, last, old, pruneBatch)
		if err != nil {
			return err
		}
		removed, err = res.RowsAffected()
		return err
	})
	return removed, err
}

// touch notes that this bus's subscribers are there, also when nothing happens.
func (b *Bus) touch(ctx context.Context, now time.Time) error {
	return b.db.Write(ctx, func(ctx context.Context, tx *store.Tx) error {
		for _, s := range b.subs {
			_, err := tx.Exec(ctx, `INSERT INTO event_cursors (name, seq, seen_at) VALUES (?, 0, ?)
				ON CONFLICT (name) DO UPDATE SET seen_at = excluded.seen_at`, s.name, now)
			if err != nil {
				return err
			}
		}
		return nil
	})
}
