// Package storetest opens stores for tests: on SQLite or, where the variable
// CUMULITE_TEST_ENGINE is "postgres", on a PostgreSQL that it starts.
package storetest

import (
	"context"
	"os"
	"path/filepath"
	"testing"

	"github.com/uptrace/bun/dialect"

	"github.com/cumulite/cumulite/platform/store"
	"github.com/cumulite/cumulite/platform/store/sqlite"
	"github.com/cumulite/cumulite/test/pgtest"
)

// Open gives an empty store with these tables, in memory as far as the system
// has it, that the test closes and removes at its end.
func Open(t testing.TB, m ...store.Migrations) *store.Store {
	t.Helper()
	return OpenWith(t, nil, m...)
}

// OpenWith is Open with options.
func OpenWith(t testing.TB, opts *store.Options, m ...store.Migrations) *store.Store {
	t.Helper()
	if pgtest.Wanted() {
		return Processes(t, m...)(opts)
	}
	return OneWriter(t, opts, m...)
}

// OneWriter is OpenWith on SQLite, whatever the engine of other tests is.
func OneWriter(t testing.TB, opts *store.Options, m ...store.Migrations) *store.Store {
	t.Helper()
	e, err := sqlite.Open(filepath.Join(Dir(t), "test.db"), &sqlite.Options{Ephemeral: true})
	return open(t, e, err, opts, m...)
}

func open(t testing.TB, e store.Engine, err error, opts *store.Options, m ...store.Migrations) *store.Store {
	t.Helper()
	if err != nil {
		t.Fatalf("open the engine: %v", err)
	}
	s, err := store.Open(context.Background(), e, opts, m...)
	if err != nil {
		t.Fatalf("open the store: %v", err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Errorf("close the store: %v", err)
		}
	})
	return s
}

// Tables gives the names of all tables of a store.
func Tables(t testing.TB, db *store.Store) (names []string) {
	t.Helper()
	query := "SELECT name FROM sqlite_schema WHERE type = 'table'"
	if db.Read().Dialect().Name() == dialect.PG {
		query = "SELECT table_name FROM information_schema.tables WHERE table_schema = 'public' AND table_type = 'BASE TABLE'"
	}
	if err := db.Read().NewRaw(query).Scan(context.Background(), &names); err != nil {
		t.Fatal(err)
	}
	return names
}

// Dir gives a directory for database files that is removed with the test:
// on /dev/shm where there is one, as syncing a disk is most of a test's time.
func Dir(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("/dev/shm", "cumulite-test-")
	if err != nil {
		return t.TempDir()
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}
