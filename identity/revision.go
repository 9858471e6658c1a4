package identity

import (
	"context"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/cumulite/cumulite/platform/clock"
	"github.com/cumulite/cumulite/platform/errs"
	"github.com/cumulite/cumulite/platform/store"
)

// followEvery is how often the revision is read, to learn what other
// processes changed; maxMissed readings without success are a second.
const (
	followEvery = 500 * time.Millisecond
	maxMissed   = 2
)

// revision is the number that every change to identity's rows raises in its
// own transaction. What was computed at a lower one is computed again.
type revision struct {
	db       *store.Store
	known    atomic.Int64
	followed atomic.Bool // known is at most a second old
}

// current gives the revision in force: as it is known, or else as it stands in the database.
func (r *revision) current(ctx context.Context) (int64, error) {
	if r.followed.Load() {
		return r.known.Load(), nil
	}
	return r.read(ctx)
}

func (r *revision) read(ctx context.Context) (int64, error) {
	var n int64
	if err := r.db.QueryRow(ctx, "SELECT revision FROM identity_revision").Scan(&n); err != nil {
		return 0, errs.Wrap(err, "read the revision of identity")
	}
	return r.reached(n), nil
}

// reached notes that the revision is n or more, and gives what it is.
func (r *revision) reached(n int64) int64 {
	for {
		known := r.known.Load()
		if n <= known {
			return known
		}
		if r.known.CompareAndSwap(known, n) {
			return n
		}
	}
}

// raise counts a change in. This process knows of it once it is committed.
func (r *revision) raise(ctx context.Context, tx *store.Tx) error {
	var n int64
	if err := tx.QueryRow(ctx, "UPDATE identity_revision SET revision = revision + ? RETURNING revision", 1).Scan(&n); err != nil {
		return errs.Wrap(err, "raise the revision of identity")
	}
	tx.AfterCommit(func() { r.reached(n) })
	return nil
}

// follow reads the revision until ctx is done. It waits by the machine's
// clock: how old known may be is no matter of the time that a test owns.
func (r *revision) follow(ctx context.Context, log *slog.Logger) {
	defer r.followed.Store(false)
	for missed := 0; ctx.Err() == nil; {
		if err := r.readInTime(ctx); err == nil {
			missed = 0
		} else if missed++; missed == maxMissed {
			log.WarnContext(ctx, "the revision of identity cannot be read: every token is checked against the database", "error", err)
		}
		r.followed.Store(missed < maxMissed)
		sleep(ctx, clock.System(), followEvery)
	}
}

func (r *revision) readInTime(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, followEvery)
	defer cancel()
	_, err := r.read(ctx)
	return err
}

// sleep waits for d by the clock, or until ctx is done.
func sleep(ctx context.Context, clk clock.Clock, d time.Duration) {
	due, stop := clk.At(clk.Now().Add(d))
	defer stop()
	select {
	case <-due:
	case <-ctx.Done():
	}
}
