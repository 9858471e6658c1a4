// Package sqlite is the embedded engine of a store: SQLite without cgo, in
// WAL mode, with one connection that writes and a few that read.
//
//	engine, err := sqlite.Open("/var/lib/cumulite/state.db", nil)
//	db, err := store.Open(ctx, engine, nil, migrations...)
package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"

	"modernc.org/sqlite"

	"github.com/cumulite/cumulite/platform/store"
)

const readers = 4

// Options are the engine's settings; nil means a durable database.
type Options struct {
	// Ephemeral gives up durability for speed: nothing is synced to disk.
	Ephemeral bool
	// Normal syncs at checkpoints only: the last commits before a power
	// failure may be lost, the database stays whole.
	Normal bool
}

type engine struct {
	writer, reader *sql.DB
	dialect        *dialect
	full           bool // commits wait for the disk, once Ready
}

// Open opens the database file at path, or makes it, for its owner only.
func Open(path string, opts *Options) (store.Engine, error) {
	if opts == nil {
		opts = &Options{}
	}
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open the database: %w", err)
	}
	if err := f.Close(); err != nil {
		return nil, fmt.Errorf("open the database: %w", err)
	}
	drv, err := newDriver()
	if err != nil {
		return nil, err
	}
	e := &engine{
		writer:  pool(drv, source(path, writerPragmas(opts), "immediate"), false, 1),
		reader:  pool(drv, source(path, readerPragmas, ""), true, readers),
		dialect: newDialect(),
		full:    !opts.Ephemeral && !opts.Normal,
	}
	if err := e.synchronous("NORMAL"); err != nil { // until Ready
		return nil, errors.Join(fmt.Errorf("open the database: %w", err), e.Close())
	}
	return e, nil
}

func (e *engine) Writer() *sql.DB        { return e.writer }
func (e *engine) Reader() *sql.DB        { return e.reader }
func (e *engine) Dialect() store.Dialect { return e.dialect }

// Ready ends the time in which the log is whole without being synced: syncing
// it for the next commit covers all that stands before.
func (e *engine) Ready(context.Context) error { return e.synchronous("FULL") }

// synchronous sets how the writer's one connection commits. A connection that
// takes its place is opened as durable as was asked for.
func (e *engine) synchronous(how string) error {
	if !e.full {
		return e.writer.PingContext(context.Background())
	}
	_, err := e.writer.ExecContext(context.Background(), "PRAGMA synchronous("+how+")")
	return err
}

// Close ends the readers first, so that the writer can fold the log into the file.
func (e *engine) Close() error { return errors.Join(e.reader.Close(), e.writer.Close()) }

func pool(drv *sqlite.Driver, dsn string, reads bool, size int) *sql.DB {
	db := sql.OpenDB(&connector{drv: drv, dsn: dsn, reads: reads})
	db.SetMaxOpenConns(size)
	db.SetMaxIdleConns(size)
	return db
}

// LIKE minds case on both sides, as it does on the other engine.
var readerPragmas = []string{"busy_timeout(5000)", "query_only(1)", "case_sensitive_like(1)"}

func writerPragmas(opts *Options) []string {
	sync := "FULL"
	switch {
	case opts.Ephemeral:
		sync = "OFF"
	case opts.Normal:
		sync = "NORMAL"
	}
	// What savepoints may have to take back is kept in memory, not in a file beside each commit.
	return []string{"busy_timeout(5000)", "journal_mode(WAL)", "synchronous(" + sync + ")", "temp_store(MEMORY)", "foreign_keys(1)", "case_sensitive_like(1)"}
}

// source writes the name under which the driver opens path with these settings.
func source(path string, pragmas []string, lock string) string {
	v := url.Values{"_pragma": pragmas}
	if lock != "" {
		v.Set("_txlock", lock)
	}
	return "file:" + (&url.URL{Path: path}).EscapedPath() + "?" + v.Encode()
}
