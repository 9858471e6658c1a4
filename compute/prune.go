package compute

import (
	"context"
	"time"

	"github.com/uptrace/bun"

	"github.com/cumulite/cumulite/platform/store"
)

// prunedAtOnce is how many records one transaction removes: nobody else can
// write meanwhile.
const prunedAtOnce = 200

// prune removes the records of servers that were deleted long ago, with those
// of what was asked of them.
func (s *Service) prune(ctx context.Context) {
	before := s.Clock.Now().Add(-s.opts.Retention)
	for n := prunedAtOnce; n == prunedAtOnce; {
		err := s.DB.Write(ctx, func(ctx context.Context, tx *store.Tx) (err error) {
			n, err = pruneSome(ctx, tx, before)
			return err
		})
		if err != nil {
			if ctx.Err() == nil {
				s.log.Error("the records of deleted servers cannot be pruned", "error", err)
			}
			return
		}
	}
}

func pruneSome(ctx context.Context, tx *store.Tx, before time.Time) (n int, err error) {
	var ids []string
	err = tx.NewSelect().Table("compute_deleted_servers").Column("id").Where("terminated_at < ?", before).Order("terminated_at").Limit(prunedAtOnce).Scan(ctx, &ids)
	if err != nil || len(ids) == 0 {
		return 0, err
	}
	for _, remove := range []string{
		"DELETE FROM compute_action_events WHERE action_id IN (SELECT id FROM compute_actions WHERE server_id IN (?))",
		"DELETE FROM compute_actions WHERE server_id IN (?)",
		"DELETE FROM compute_deleted_servers WHERE id IN (?)",
	} {
		if _, err := tx.NewRaw(remove, bun.List(ids)).Exec(ctx); err != nil {
			return 0, err
		}
	}
	return len(ids), nil
}
