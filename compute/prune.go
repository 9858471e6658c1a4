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
// of what was asked of them, and what was asked of living ones longer ago still.
func (s *Service) prune(ctx context.Context) {
	now := s.Clock.Now()
	for what, some := range map[string]func(ctx context.Context, tx *store.Tx) (int, error){
		"deleted servers": func(ctx context.Context, tx *store.Tx) (int, error) {
			return pruneSome(ctx, tx, now.Add(-s.opts.Retention))
		},
		"actions": func(ctx context.Context, tx *store.Tx) (int, error) {
			return pruneActions(ctx, tx, now.Add(-s.opts.ActionRetention))
		},
	} {
		if err := s.pruneAll(ctx, some); err != nil && ctx.Err() == nil {
			s.log.Error("old records cannot be pruned", "of", what, "error", err)
		}
	}
}

func (s *Service) pruneAll(ctx context.Context, some func(ctx context.Context, tx *store.Tx) (int, error)) error {
	for n := prunedAtOnce; n == prunedAtOnce; {
		err := s.write(ctx, func(ctx context.Context, tx *store.Tx) (err error) {
			n, err = some(ctx, tx)
			return err
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// pruneActions removes what was asked of servers before a time.
func pruneActions(ctx context.Context, tx *store.Tx, before time.Time) (n int, err error) {
	var ids []string
	err = tx.NewSelect().Table("compute_actions").Column("id").Where("started_at < ?", before).Order("started_at").Limit(prunedAtOnce).Scan(ctx, &ids)
	if err != nil || len(ids) == 0 {
		return 0, err
	}
	for _, remove := range []string{"DELETE FROM compute_action_events WHERE action_id IN (?)", "DELETE FROM compute_actions WHERE id IN (?)"} {
		if _, err := tx.NewRaw(remove, bun.List(ids)).Exec(ctx); err != nil {
			return 0, err
		}
	}
	return len(ids), nil
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
