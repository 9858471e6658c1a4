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
	for {
		var removed int64
		err := b.db.Write(ctx, func(ctx context.Context, tx *store.Tx) error {
			res, err := tx.Exec(ctx, `DELETE FROM event_events WHERE at < ? AND seq <= (
				SELECT max(seq) FROM (SELECT seq, at FROM event_events ORDER BY seq LIMIT ?) AS oldest
				WHERE at < ? AND seq <= coalesce((SELECT min(seq) FROM event_cursors WHERE seen_at >= ?), seq))`,
				old, pruneBatch, old, old)
			if err != nil {
				return err
			}
			removed, err = res.RowsAffected()
			return err
		})
		if err != nil || removed < pruneBatch {
			return err
		}
	}
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
