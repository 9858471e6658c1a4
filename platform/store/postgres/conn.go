package postgres

import (
	"context"
	"database/sql/driver"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"

	"github.com/cumulite/cumulite/platform/errs"
	"github.com/cumulite/cumulite/platform/store"
)

type connector struct {
	inner driver.Connector
	reads bool // for readers: no queries inside store.Write
}

func (c *connector) Driver() driver.Driver { return c.inner.Driver() }

func (c *connector) Connect(ctx context.Context) (driver.Conn, error) {
	inner, err := c.inner.Connect(ctx)
	if err != nil {
		return nil, unreachable(ctx, err)
	}
	return &conn{Conn: inner.(*stdlib.Conn), reads: c.reads}, nil
}

// conn is a connection that marks errors as the store wants them, refuses
// contexts of store.Write on the reading side, and waits for no statement for
// ever. Statements with bound arguments are kept prepared; those of bun, which
// writes arguments into the text, are parsed and run in one round trip.
type conn struct {
	*stdlib.Conn
	reads bool
}

func (c *conn) check(ctx context.Context) error {
	if c.reads && store.InWrite(ctx) {
		return errs.Wrap(store.ErrInWrite, "a query outside the transaction")
	}
	return nil
}

func (c *conn) BeginTx(ctx context.Context, opts driver.TxOptions) (driver.Tx, error) {
	if err := c.check(ctx); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, 2*patience) // the commit has this context, too
	t, err := c.Conn.BeginTx(ctx, opts)
	if err != nil {
		defer cancel()
		if c.Conn.Conn().IsClosed() { // nothing is lost yet: another connection may do
			err = driver.ErrBadConn
		}
		return nil, marked(ctx, err)
	}
	return tx{t, ctx, cancel}, nil
}

func (c *conn) PrepareContext(ctx context.Context, query string) (driver.Stmt, error) {
	if err := c.check(ctx); err != nil {
		return nil, err
	}
	s, err := c.Conn.PrepareContext(ctx, query)
	return s, marked(ctx, err)
}

func (c *conn) ExecContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Result, error) {
	if err := c.check(ctx); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	res, err := c.Conn.ExecContext(ctx, query, args)
	return res, marked(ctx, err)
}

func (c *conn) QueryContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Rows, error) {
	if err := c.check(ctx); err != nil {
		return nil, err
	}
	if len(args) == 0 {
		args = []driver.NamedValue{{Ordinal: 1, Value: pgx.QueryExecModeExec}}
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	r, err := c.Conn.QueryContext(ctx, query, args)
	if err != nil {
		defer cancel()
		return nil, marked(ctx, err)
	}
	return &rows{r, ctx, cancel}, nil
}

// Ping tells a server that is gone from a context that ended.
func (c *conn) Ping(ctx context.Context) error { return marked(ctx, c.Conn.Ping(ctx)) }

// CheckNamedValue binds times in UTC, since columns keep no zone.
func (c *conn) CheckNamedValue(v *driver.NamedValue) error {
	value, err := driver.DefaultParameterConverter.ConvertValue(v.Value)
	if err != nil {
		return err
	}
	if t, ok := value.(time.Time); ok {
		value = t.UTC()
	}
	v.Value = value
	return nil
}

type tx struct {
	driver.Tx
	ctx    context.Context
	cancel context.CancelFunc
}

func (t tx) Commit() error {
	defer t.cancel()
	return marked(t.ctx, t.Tx.Commit())
}

func (t tx) Rollback() error {
	defer t.cancel()
	return marked(t.ctx, t.Tx.Rollback())
}

type rows struct {
	driver.Rows
	ctx    context.Context
	cancel context.CancelFunc
}

func (r *rows) Next(dest []driver.Value) error { return marked(r.ctx, r.Rows.Next(dest)) }

func (r *rows) Close() error {
	defer r.cancel()
	return marked(r.ctx, r.Rows.Close())
}
