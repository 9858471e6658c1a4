// Package store keeps state in SQL. It is the one door to the database:
// services hold a *Store, never an engine, and see bun's query builder, a few
// generic functions on rows, and Listing, which serves every list of the APIs.
//
//	engine, err := sqlite.Open(path, nil)
//	db, err := store.Open(ctx, engine, nil, image.Migrations())
//	err = db.Write(ctx, func(ctx context.Context, tx *store.Tx) error {
//		return store.Insert(ctx, tx, &img)
//	})
//	img, err := store.Get[Image](ctx, db.Read(), id)
//
// Write is the only way to change anything. On an engine with one writer,
// transactions run one after the other, and those that wait at the same time
// share one commit, each in a savepoint of its own, so that a durable commit
// is paid for once. On one with several, also of other processes, they run at
// the same time, and Tx.Lock has those wait for each other that must.
//
// Times are stored as UTC in microseconds (declare the column TIMESTAMP);
// slices, maps and structs as JSON (declare it TEXT).
package store

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"io/fs"
	"log/slog"
	"sync"

	"github.com/uptrace/bun"
	"github.com/uptrace/bun/schema"

	"github.com/cumulite/cumulite/platform/errs"
)

// Engine is a database that a Store works on: see the packages below this one.
// Its connections mark their errors: errors.Is tells ErrDuplicate, ErrRetry
// and ErrFull apart. The connections of Reader answer ErrInWrite when the
// context of a query is marked by Write.
type Engine interface {
	// Writer has a single connection, on which transactions begin as writers,
	// or as many as transactions shall run at once.
	Writer() *sql.DB
	// Reader is a pool that sees committed state and cannot change it.
	Reader() *sql.DB
	// Dialect says how the engine's SQL is written.
	Dialect() Dialect
	// Ready is called once the migrations are in, which need not each wait for
	// the disk. From then on a commit is as durable as was asked for, with all
	// that came before it.
	Ready(ctx context.Context) error
	// Close ends all connections.
	Close() error
}

// Dialect is bun's, and what bun does not know of an engine.
type Dialect interface {
	schema.Dialect
	// Bind turns the "?" of a statement into the engine's placeholders.
	Bind(query string) string
	// LockSQL locks a number, its one parameter, until the transaction ends:
	// for it alone, or for all that ask for a shared lock. It is "" where
	// transactions run one at a time.
	LockSQL(shared bool) string
	// JSONEach gives the rows, with a key and a value as text, of the JSON
	// object in a column.
	JSONEach(column string) string
	// Regexp gives the operator that stands between a column and an RE2
	// expression, and the expression as the engine writes it.
	Regexp(expr string) (operator, pattern string)
}

// What an engine says of an error, and the store's own refusals.
var (
	// ErrDuplicate marks a violated unique constraint.
	ErrDuplicate = errors.New("duplicate row")
	// ErrRetry marks a serialization failure: the transaction is worth another try.
	ErrRetry = errors.New("transaction lost a race")
	// ErrFull marks a disk that is full or fails. Write makes it errs.Unavailable.
	ErrFull = errors.New("database cannot be written")
	// ErrInWrite is the answer to a second Write, or a read outside the
	// transaction, with the context that Write gave to its function.
	ErrInWrite = errors.New("not allowed inside store.Write")
	// ErrClosed is the answer of a Store that was closed.
	ErrClosed = errs.New(errs.Unavailable, "The database is closed.")
)

// Migrations are the versions of one service's schema.
type Migrations struct {
	// Name is the prefix of the service's tables: "identity" has
	// "identity_users", and "identity_schema" remembers its version.
	Name string
	// Files has goose's SQL files at its root: "00001_users.sql".
	Files fs.FS
}

// Options are a Store's settings; nil means the defaults.
type Options struct {
	// Logger is told of panics in transactions; nil discards.
	Logger *slog.Logger
	// Fault is a seam for tests, called at "begin", "commit" and "committed"
	// of each group of transactions. Its error takes the place of the
	// engine's; at "committed" the rows are there and the callers are told
	// that they may not be, as when a connection is cut.
	Fault func(op string) error
}

// Store is an open database. Its methods may be called from any goroutine.
type Store struct {
	engine Engine
	reader *bun.DB
	writer *bun.DB
	log    *slog.Logger
	fault  func(op string) error

	writers int // goroutines, each with a connection of its own
	queue   chan *op
	serving sync.WaitGroup

	mu     sync.Mutex
	calls  int // of Write, under way
	closed bool
}

// Open applies the migrations that e does not have yet and gives its Store,
// which owns e from then on, also when Open fails.
func Open(ctx context.Context, e Engine, opts *Options, m ...Migrations) (*Store, error) {
	var o Options
	if opts != nil {
		o = *opts
	}
	o.Logger = cmp.Or(o.Logger, slog.New(slog.DiscardHandler))
	if o.Fault == nil {
		o.Fault = func(string) error { return nil }
	}
	for _, each := range m {
		if err := migrate(ctx, e, each); err != nil {
			return nil, errors.Join(errs.Wrap(err, "migrate %s", each.Name), e.Close())
		}
	}
	if err := e.Ready(ctx); err != nil {
		return nil, errors.Join(err, e.Close())
	}
	s := &Store{
		engine: e, log: o.Logger, fault: o.Fault,
		reader: bun.NewDB(e.Reader(), e.Dialect()),
		writer: bun.NewDB(e.Writer(), e.Dialect()),
		queue:  make(chan *op), writers: max(1, e.Writer().Stats().MaxOpenConnections),
	}
	for range s.writers {
		s.serving.Go(s.serve)
	}
	return s, nil
}

// Read gives the readers: what is committed. A query with the context of a
// Write is answered with ErrInWrite, since it would not see that Write's rows.
func (s *Store) Read() bun.IDB { return s.reader }

// Query runs a hot statement on the readers, with bound parameters ("?") that
// let the engine keep it prepared. bun's own queries never are.
func (s *Store) Query(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	return s.engine.Reader().QueryContext(ctx, s.engine.Dialect().Bind(query), args...)
}

// QueryRow is Query for one row.
func (s *Store) QueryRow(ctx context.Context, query string, args ...any) *sql.Row {
	return s.engine.Reader().QueryRowContext(ctx, s.engine.Dialect().Bind(query), args...)
}

// Writers gives how many transactions run at once, of this process.
func (s *Store) Writers() int { return s.writers }

// Close refuses new transactions, waits for those that were accepted, and
// closes the engine.
func (s *Store) Close() error {
	first := s.shut()
	s.serving.Wait()
	if !first {
		return nil
	}
	return s.engine.Close()
}

// shut refuses calls from now on, and tells whether it was the first to.
func (s *Store) shut() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return false
	}
	s.closed = true
	if s.calls == 0 {
		close(s.queue)
	}
	return true
}

// enter counts a call of Write in, unless the store is closed.
func (s *Store) enter() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.closed {
		s.calls++
	}
	return !s.closed
}

// leave counts it out; the last one after Close lets the writers end.
func (s *Store) leave() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.calls--; s.closed && s.calls == 0 {
		close(s.queue)
	}
}

// IsNone reports whether err says that a row is not there.
func IsNone(err error) bool { return errors.Is(err, sql.ErrNoRows) }

// IsDuplicate reports whether err says that a unique constraint was violated.
func IsDuplicate(err error) bool { return errors.Is(err, ErrDuplicate) }
