package store

import (
	"context"
	"database/sql"
	"hash/fnv"

	"github.com/uptrace/bun"
)

// Tx is a transaction that Write has begun. It must not be used after the
// function that was given it has returned.
type Tx struct {
	bun.IDB
	raw    *sql.Tx
	models *bun.DB // scans rows into models
	engine Dialect
	last   []func(ctx context.Context) error
	after  []func()
}

// Last has fn run in the transaction once Write's function has returned nil:
// the place for rows that many transactions change, which then wait for each
// other over no more than the commit. Functions run in the order of their calls.
func (tx *Tx) Last(fn func(ctx context.Context) error) { tx.last = append(tx.last, fn) }

// AfterCommit has fn called once the transaction is on disk, before Write
// returns; never when it failed. fn may call Write itself.
func (tx *Tx) AfterCommit(fn func()) { tx.after = append(tx.after, fn) }

// Exec runs a hot statement with bound parameters ("?"), which the engine
// keeps prepared. bun's own statements never are.
func (tx *Tx) Exec(ctx context.Context, query string, args ...any) (sql.Result, error) {
	return tx.raw.ExecContext(ctx, tx.engine.Bind(query), args...)
}

// Query is Exec for statements that give rows.
func (tx *Tx) Query(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	return tx.raw.QueryContext(ctx, tx.engine.Bind(query), args...)
}

// QueryRow is Query for one row.
func (tx *Tx) QueryRow(ctx context.Context, query string, args ...any) *sql.Row {
	return tx.raw.QueryRowContext(ctx, tx.engine.Bind(query), args...)
}

// Lock waits until no other transaction has a lock of that name, and keeps
// them waiting until this one ends: what is read from then on holds. Begin
// with it, and take several in one order everywhere.
func (tx *Tx) Lock(ctx context.Context, name string) error { return tx.lock(ctx, name, false) }

// Share is Lock, except that transactions with Share run at the same time.
func (tx *Tx) Share(ctx context.Context, name string) error { return tx.lock(ctx, name, true) }

func (tx *Tx) lock(ctx context.Context, name string, shared bool) error {
	query := tx.engine.LockSQL(shared)
	if query == "" {
		return nil
	}
	sum := fnv.New64a()
	_, _ = sum.Write([]byte(name)) // never fails
	_, err := tx.raw.ExecContext(ctx, query, int64(sum.Sum64()))
	return err
}

type markKey struct{}

// mark gives the context of a transaction: known as such, and not cancelled
// with its caller, who shares the commit with others.
func mark(ctx context.Context) context.Context {
	return context.WithValue(context.WithoutCancel(ctx), markKey{}, true)
}

// InWrite reports whether ctx comes from Write: its holder must do no I/O and
// call no other service.
func InWrite(ctx context.Context) bool { return ctx.Value(markKey{}) != nil }
