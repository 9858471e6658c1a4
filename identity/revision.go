package identity

import (
	"context"
	"sync/atomic"

	"github.com/cumulite/cumulite/platform/store"
)

// revision numbers the states of all that grants are worked out from. It is
// raised in the transaction of each change; what was worked out at an older
// one is not believed.
//
// The order makes it safe: whoever works something out reads the number first
// and the rows after, so that what is marked with a number is never older than
// it. Other processes learn of a change by load.
type revision struct {
	db    *store.Store
	value atomic.Int64
}

// now gives the revision that this process knows of.
func (r *revision) now() int64 { return r.value.Load() }

// raise counts a change that tx makes. The new number holds once tx is committed.
func (r *revision) raise(ctx context.Context, tx *store.Tx) error {
	var next int64
	if err := tx.QueryRow(ctx, "UPDATE identity_revision SET value = value + 1 WHERE id = ? RETURNING value", 1).Scan(&next); err != nil {
		return err
	}
	tx.AfterCommit(func() { r.reached(next) })
	return nil
}

// load reads the number that the store has.
func (r *revision) load(ctx context.Context) error {
	var stored int64
	if err := r.db.QueryRow(ctx, "SELECT value FROM identity_revision WHERE id = ?", 1).Scan(&stored); err != nil {
		return err
	}
	r.reached(stored)
	return nil
}

// reached takes note of a number; those of commits may come out of order.
func (r *revision) reached(n int64) {
	for {
		old := r.value.Load()
		if old >= n || r.value.CompareAndSwap(old, n) {
			return
		}
	}
}

// change runs fn in a transaction, and has all that was worked out before it
// forgotten when it is committed.
func (s *Service) change(ctx context.Context, fn func(ctx context.Context, tx *store.Tx) error) error {
	return s.DB.Write(ctx, func(ctx context.Context, tx *store.Tx) error {
		if err := fn(ctx, tx); err != nil {
			return err
		}
		return s.revision.raise(ctx, tx)
	})
}
