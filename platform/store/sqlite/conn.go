package sqlite

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"slices"
	"time"

	"modernc.org/sqlite"
	lib "modernc.org/sqlite/lib"

	"github.com/cumulite/cumulite/platform/errs"
	"github.com/cumulite/cumulite/platform/store"
)

// connector opens connections with a cache of prepared statements each.
type connector struct {
	drv   *sqlite.Driver
	dsn   string
	reads bool // for readers: no queries inside store.Write
}

func (c *connector) Driver() driver.Driver { return c.drv }

func (c *connector) Connect(ctx context.Context) (driver.Conn, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	inner, err := c.drv.Open(c.dsn)
	if err != nil {
		return nil, marked(err)
	}
	full, ok := inner.(driverConn)
	if !ok {
		return nil, errors.Join(fmt.Errorf("the SQLite driver's %T lacks methods", inner), inner.Close())
	}
	return &conn{driverConn: full, reads: c.reads, cache: newCache()}, nil
}

// driverConn is what the SQLite driver's connections can do.
type driverConn interface {
	driver.Conn
	driver.ConnBeginTx
	driver.ConnPrepareContext
	driver.ExecerContext
	driver.QueryerContext
	driver.SessionResetter
	driver.Validator
}

// driverStmt is what its prepared statements can do.
type driverStmt interface {
	driver.Stmt
	driver.StmtExecContext
	driver.StmtQueryContext
}

// conn is a connection that keeps statements prepared, marks errors as the
// store wants them, and on the reading side refuses contexts of store.Write.
// bun writes arguments into the text: they are lifted out of it again, as only
// statements with bound arguments are worth keeping.
type conn struct {
	driverConn
	reads bool
	cache *cache
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
	t, err := c.driverConn.BeginTx(ctx, opts)
	if err != nil {
		return nil, marked(err)
	}
	return tx{t}, nil
}

func (c *conn) PrepareContext(ctx context.Context, query string) (driver.Stmt, error) {
	if err := c.check(ctx); err != nil {
		return nil, err
	}
	s, err := c.driverConn.PrepareContext(ctx, query)
	return s, marked(err)
}

func (c *conn) ExecContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Result, error) {
	if err := c.check(ctx); err != nil {
		return nil, err
	}
	if len(args) == 0 {
		query, args = lift(query)
	}
	if len(args) == 0 {
		res, err := c.driverConn.ExecContext(ctx, query, args)
		return res, marked(err)
	}
	s, err := c.take(ctx, query)
	if err != nil {
		return nil, marked(err)
	}
	res, err := s.ExecContext(ctx, args)
	return res, marked(errors.Join(err, c.cache.put(query, s)))
}

func (c *conn) QueryContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Rows, error) {
	if err := c.check(ctx); err != nil {
		return nil, err
	}
	if len(args) == 0 {
		query, args = lift(query)
	}
	if len(args) == 0 {
		r, err := c.driverConn.QueryContext(ctx, query, args)
		if err != nil {
			return nil, marked(err)
		}
		return &rows{Rows: r}, nil
	}
	s, err := c.take(ctx, query)
	if err != nil {
		return nil, marked(err)
	}
	r, err := s.QueryContext(ctx, args)
	if err != nil {
		return nil, marked(errors.Join(err, c.cache.put(query, s)))
	}
	return &rows{Rows: r, release: func() error { return c.cache.put(query, s) }}, nil
}

// take gives the prepared statement, out of the cache while it is in use: the
// same text may run again while its rows are being read.
func (c *conn) take(ctx context.Context, query string) (driverStmt, error) {
	if s := c.cache.take(query); s != nil {
		return s, nil
	}
	s, err := c.driverConn.PrepareContext(ctx, query)
	if err != nil {
		return nil, err
	}
	full, ok := s.(driverStmt)
	if !ok {
		return nil, errors.Join(fmt.Errorf("the SQLite driver's %T lacks methods", s), s.Close())
	}
	return full, nil
}

// CheckNamedValue binds times in the form in which the dialect writes them.
func (c *conn) CheckNamedValue(v *driver.NamedValue) error {
	value, err := driver.DefaultParameterConverter.ConvertValue(v.Value)
	if err != nil {
		return err
	}
	if t, ok := value.(time.Time); ok {
		value = t.UTC().Format(timeFormat)
	}
	v.Value = value
	return nil
}

func (c *conn) Close() error { return errors.Join(c.cache.clear(), c.driverConn.Close()) }

type tx struct{ driver.Tx }

func (t tx) Commit() error   { return marked(t.Tx.Commit()) }
func (t tx) Rollback() error { return marked(t.Tx.Rollback()) }

type rows struct {
	driver.Rows
	release func() error // gives the statement back; nil when it is not kept
}

func (r *rows) Next(dest []driver.Value) error { return marked(r.Rows.Next(dest)) }

func (r *rows) Close() error {
	err := r.Rows.Close()
	if r.release != nil {
		err = errors.Join(err, r.release())
		r.release = nil
	}
	return marked(err)
}

// unwritable are the codes of a disk that is full or fails, and of another
// process that has held the file for longer than busy_timeout.
var unwritable = []int{lib.SQLITE_FULL, lib.SQLITE_IOERR, lib.SQLITE_BUSY, lib.SQLITE_LOCKED}

// marked says in the store's words what SQLite's code means.
func marked(err error) error {
	var e *sqlite.Error
	if err == nil || !errors.As(err, &e) {
		return err
	}
	switch code := e.Code(); {
	case code == lib.SQLITE_CONSTRAINT_UNIQUE, code == lib.SQLITE_CONSTRAINT_PRIMARYKEY:
		return fmt.Errorf("%w: %w", store.ErrDuplicate, err)
	case slices.Contains(unwritable, code&0xff):
		return fmt.Errorf("%w: %w", store.ErrFull, err)
	}
	return err
}
