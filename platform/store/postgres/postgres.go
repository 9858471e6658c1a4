// Package postgres is the engine of a store that several processes share:
// PostgreSQL 15 or later, whose commits are on disk (and on its synchronous
// standbys, where it has some) when they are acknowledged.
//
//	engine, err := postgres.Open(ctx, "postgres://cumulite@db.example/cumulite", nil)
//	db, err := store.Open(ctx, engine, nil, migrations...)
//
// Several transactions run at once, each on a connection of its own and each
// with a commit of its own, which the server puts together. They see what was
// committed before each statement (READ COMMITTED): store.Tx.Lock makes those
// wait for each other that must not run at the same time. A server that is
// gone, starts, or became a standby is errs.Unavailable to every call, until
// it or another of the address answers again.
package postgres

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"maps"
	"net"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgconn/ctxwatch"
	"github.com/jackc/pgx/v5/stdlib"

	"github.com/cumulite/cumulite/platform/store"
)

// Options are the engine's settings; nil means the defaults.
type Options struct {
	// Writers is how many transactions run at once. Default: 16.
	Writers int
	// Readers is how many queries outside of them run at once. Default: 16.
	Readers int
}

const (
	defaultPool = 16
	patience    = 30 * time.Second // for one statement, and for a whole transaction to commit
	idle        = 5 * time.Minute
)

type engine struct {
	writer, reader *sql.DB
	dialect        *dialect
}

// Open connects to the server that a URL or "key=value" text names, as libpq
// takes it. With several addresses in it and target_session_attrs=read-write
// it finds the one that is the primary.
func Open(ctx context.Context, address string, opts *Options) (store.Engine, error) {
	config, err := pgx.ParseConfig(address)
	if err != nil {
		return nil, errors.New("the database's address cannot be understood") // the cause may show a password
	}
	var o Options
	if opts != nil {
		o = *opts
	}
	e := &engine{
		writer:  pool(config, false, o.Writers),
		reader:  pool(config, true, o.Readers),
		dialect: newDialect(),
	}
	if err := e.check(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("open the database: %w", err), e.Close())
	}
	return e, nil
}

func (e *engine) Writer() *sql.DB             { return e.writer }
func (e *engine) Reader() *sql.DB             { return e.reader }
func (e *engine) Dialect() store.Dialect      { return e.dialect }
func (e *engine) Ready(context.Context) error { return nil }
func (e *engine) Close() error                { return errors.Join(e.reader.Close(), e.writer.Close()) }

// check refuses what would go wrong later.
func (e *engine) check(ctx context.Context) error {
	var version int
	var encoding string
	err := e.writer.QueryRowContext(ctx, "SELECT current_setting('server_version_num')::bigint, current_setting('server_encoding')").Scan(&version, &encoding)
	switch {
	case err != nil:
		return err
	case version < 150000:
		return fmt.Errorf("the server's version is %d, and has to be 15 or later", version/10000)
	case encoding != "UTF8":
		return fmt.Errorf("the database's encoding is %s, and has to be UTF8", encoding)
	}
	return nil
}

// pool opens connections whose settings do not depend on the server's.
func pool(config *pgx.ConnConfig, reads bool, size int) *sql.DB {
	config = config.Copy()
	settings := map[string]string{
		"timezone":                            "UTC",
		"statement_timeout":                   milliseconds(patience),
		"idle_in_transaction_session_timeout": milliseconds(2 * patience),
	}
	if reads { // several queries in a transaction see the same state
		settings["default_transaction_read_only"] = "on"
		settings["default_transaction_isolation"] = "repeatable read"
	} else {
		settings["synchronous_commit"] = "on"
		settings["default_transaction_isolation"] = "read committed"
	}
	maps.Copy(config.RuntimeParams, settings)
	config.DialFunc = (&net.Dialer{Timeout: 5 * time.Second, KeepAliveConfig: net.KeepAliveConfig{
		Enable: true, Idle: 5 * time.Second, Interval: 2 * time.Second, Count: 3}}).DialContext
	// A caller who gives up costs the server a cancelled query, not the connection.
	config.BuildContextWatcherHandler = func(c *pgconn.PgConn) ctxwatch.Handler {
		return &pgconn.CancelRequestContextWatcherHandler{Conn: c, DeadlineDelay: time.Second}
	}
	if size <= 0 {
		size = defaultPool
	}
	db := sql.OpenDB(&connector{inner: stdlib.GetConnector(*config), reads: reads})
	db.SetMaxOpenConns(size)
	db.SetMaxIdleConns(size)
	db.SetConnMaxIdleTime(idle)
	return db
}

func milliseconds(d time.Duration) string { return fmt.Sprint(d.Milliseconds()) }
