// Package lease shares work among the processes on one database: what only one
// of them may do at a time, and which of them are there.
//
//	leases := lease.New(db, clk, "controller-a", nil)
//	go leases.Hold(ctx, "event.deliver", func(ctx context.Context, fence int64) error {
//		…                                                  // until ctx is done
//		err := db.Write(ctx, func(ctx context.Context, tx *store.Tx) error {
//			if err := lease.Guard(ctx, tx, "event.deliver", fence); err != nil {
//				return err                                 // another one has it
//			}
//			…
//		})
//	})
//
// A holder that shows no sign of life loses its lease when its time is over.
// It may not know, since it may have been frozen: each taking raises the
// lease's fence, and what a holder writes under an old fence Guard refuses.
//
// Times are those of the clocks that the processes were given; these may be
// apart by much less than Options.TTL. Correctness rests on the fence alone.
package lease

import (
	"cmp"
	"context"
	"embed"
	"errors"
	"log/slog"
	"time"

	"github.com/cumulite/cumulite/platform/clock"
	"github.com/cumulite/cumulite/platform/store"
)

// ErrLost is the answer of Guard to a holder that is none any more, and the
// cause with which the context of its work ends.
var ErrLost = errors.New("the lease was lost")

// Options are the settings of Leases; nil means the defaults.
type Options struct {
	// TTL is how long a holder or member that shows no sign of life keeps its
	// place. Signs are given three times in it. Default: 6 s.
	TTL    time.Duration
	Logger *slog.Logger // nil discards
}

// Leases is the view that one holder has of all leases.
type Leases struct {
	db     *store.Store
	clk    clock.Clock
	holder string
	ttl    time.Duration
	log    *slog.Logger
}

//go:embed *.sql
var files embed.FS

// Migrations gives the tables of leases and members.
func Migrations() store.Migrations { return store.Migrations{Name: "lease", Files: files} }

// New gives holder's view of the leases in db. No two processes that live have
// the same name; one that keeps its name over a restart has its leases back at once.
func New(db *store.Store, clk clock.Clock, holder string, opts *Options) *Leases {
	var o Options
	if opts != nil {
		o = *opts
	}
	return &Leases{db: db, clk: clk, holder: holder, ttl: cmp.Or(max(o.TTL, 0), 6*time.Second),
		log: cmp.Or(o.Logger, slog.New(slog.DiscardHandler))}
}

const (
	lookSQL = `SELECT expires_at FROM lease_leases WHERE name = ? AND holder <> ?`
	takeSQL = `INSERT INTO lease_leases (name, holder, fence, expires_at) VALUES (?, ?, 1, ?)
		ON CONFLICT (name) DO UPDATE SET holder = excluded.holder, fence = lease_leases.fence + 1, expires_at = excluded.expires_at
		WHERE lease_leases.expires_at <= ? OR lease_leases.holder = excluded.holder RETURNING fence`
	renewSQL = `UPDATE lease_leases SET expires_at = ? WHERE name = ? AND fence = ? RETURNING fence`
	guardSQL = `UPDATE lease_leases SET fence = fence WHERE name = ? AND fence = ? RETURNING fence` // locks the row
	giveSQL  = `UPDATE lease_leases SET holder = '', expires_at = 0 WHERE name = ? AND fence = ? RETURNING fence`
)

// Guard makes tx fail with ErrLost unless the lease was last taken under this
// fence. Nobody takes it before tx has ended.
func Guard(ctx context.Context, tx *store.Tx, name string, fence int64) error {
	return owned(tx.QueryRow(ctx, guardSQL, name, fence).Scan(&fence))
}

func owned(err error) error {
	if store.IsNone(err) {
		return ErrLost
	}
	return err
}

// take gives the fence under which the lease is held from now on, or 0 and the
// time at which to try again.
func (l *Leases) take(ctx context.Context, name string, now time.Time) (fence int64, again time.Time, err error) {
	var expires int64
	err = l.db.QueryRow(ctx, lookSQL, name, l.holder).Scan(&expires)
	if err == nil && expires > now.UnixMicro() {
		return 0, time.UnixMicro(min(expires, now.Add(l.ttl/3).UnixMicro())), nil
	}
	if err != nil && !store.IsNone(err) {
		return 0, time.Time{}, err
	}
	err = l.db.Write(ctx, func(ctx context.Context, tx *store.Tx) error {
		return tx.QueryRow(ctx, takeSQL, name, l.holder, now.Add(l.ttl).UnixMicro(), now.UnixMicro()).Scan(&fence)
	})
	if store.IsNone(err) { // another one was quicker
		return 0, now.Add(l.ttl / 3), nil
	}
	return fence, time.Time{}, err
}

// change runs one of the statements that need the fence.
func (l *Leases) change(ctx context.Context, statement string, args ...any) error {
	return l.db.Write(ctx, func(ctx context.Context, tx *store.Tx) error {
		var fence int64
		return owned(tx.QueryRow(ctx, statement, args...).Scan(&fence))
	})
}

// sleep waits until t by the clock. It is false when ctx is done.
func (l *Leases) sleep(ctx context.Context, t time.Time) bool {
	due, stop := l.clk.At(t)
	defer stop()
	select {
	case <-due:
	case <-ctx.Done():
	}
	return ctx.Err() == nil
}
