package store_test

import (
	"context"
	"fmt"
	"path/filepath"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/cumulite/cumulite/platform/errs"
	"github.com/cumulite/cumulite/platform/store"
	"github.com/cumulite/cumulite/platform/store/sqlite"
	"github.com/cumulite/cumulite/platform/store/storetest"
)

// schema makes migrations of "CREATE TABLE" statements, one version each.
func schema(name string, tables ...string) store.Migrations {
	files := fstest.MapFS{}
	for i, table := range tables {
		files[fmt.Sprintf("%05d_%s.sql", i+1, table)] = &fstest.MapFile{
			Data: fmt.Appendf(nil, "-- +goose Up\nCREATE TABLE %s_%s (id TEXT NOT NULL PRIMARY KEY);\n", name, table)}
	}
	return store.Migrations{Name: name, Files: files}
}

// reopen opens the database at path, checks that these tables are there, and closes it.
func reopen(t testing.TB, path string, m []store.Migrations, tables ...string) error {
	t.Helper()
	e, err := sqlite.Open(path, nil)
	require.NoError(t, err)
	db, err := store.Open(context.Background(), e, nil, m...)
	if err != nil {
		return err
	}
	for _, table := range tables {
		_, err := db.Read().ExecContext(context.Background(), "SELECT * FROM "+table)
		require.NoError(t, err)
	}
	return db.Close()
}

func TestMigrationsAreAppliedOnceEachServiceOnItsOwn(t *testing.T) {
	path := filepath.Join(storetest.Dir(t), "m.db")
	require.NoError(t, reopen(t, path, []store.Migrations{schema("a", "one"), schema("b", "one")}, "a_one", "b_one", "a_schema", "b_schema"))
	require.NoError(t, reopen(t, path, []store.Migrations{schema("a", "one"), schema("b", "one")}))
	require.NoError(t, reopen(t, path, []store.Migrations{schema("b", "one", "two"), schema("a", "one")}, "a_one", "b_two"))
	require.NoError(t, reopen(t, path, nil, "a_one"), "a service that is not there leaves its tables")
}

func TestADatabaseOfANewerProgramIsRefused(t *testing.T) {
	path := filepath.Join(storetest.Dir(t), "m.db")
	require.NoError(t, reopen(t, path, []store.Migrations{schema("a", "one", "two")}))
	err := reopen(t, path, []store.Migrations{schema("a", "one")})
	require.ErrorContains(t, err, "migrate a: the database has version 2, this program knows only 1")
}

func TestBrokenMigrationsAreErrors(t *testing.T) {
	for name, files := range map[string]fstest.MapFS{
		"none":      {},
		"no number": {"first.sql": {Data: []byte("-- +goose Up\n")}},
		"bad SQL":   {"00001_a.sql": {Data: []byte("-- +goose Up\nCREATE GARBAGE;\n")}},
	} {
		path := filepath.Join(storetest.Dir(t), "m.db")
		err := reopen(t, path, []store.Migrations{{Name: "a", Files: files}})
		require.ErrorContains(t, err, "migrate a", name)
		require.NoError(t, reopen(t, path, []store.Migrations{schema("a", "one")}, "a_one"), "a failed migration leaves nothing")
	}
}

func TestAFullDiskIsUnavailableAndPasses(t *testing.T) {
	e, err := sqlite.Open(filepath.Join(storetest.Dir(t), "full.db"), &sqlite.Options{Ephemeral: true})
	require.NoError(t, err)
	db, err := store.Open(context.Background(), e, nil, shelf())
	require.NoError(t, err)
	defer func() { require.NoError(t, db.Close()) }()
	limit := func(pages int) {
		_, err := e.Writer().Exec(fmt.Sprintf("PRAGMA max_page_count = %d", pages))
		require.NoError(t, err)
	}
	text := fmt.Sprintf("%065536d", 7)
	insert(t, db, book{ID: "before", BoughtAt: noon})
	limit(20)
	errsOf := together(t, db,
		func(ctx context.Context, tx *store.Tx) error {
			return store.Insert(ctx, tx, &book{ID: "big", Title: text, BoughtAt: noon})
		},
		func(ctx context.Context, tx *store.Tx) error {
			return store.Insert(ctx, tx, &book{ID: "big2", Title: text, BoughtAt: noon})
		},
	)
	for _, err := range errsOf {
		require.True(t, errs.Is(err, errs.Unavailable), "%v", err)
		require.ErrorIs(t, err, store.ErrFull)
		require.NotContains(t, errs.Message(err), "full", "the caller hears no details")
	}
	require.Equal(t, []string{"before"}, find(t, db, store.Query{}), "it can still be read")
	limit(100_000)
	insert(t, db, book{ID: "big", Title: text, BoughtAt: noon})
	require.Len(t, find(t, db, store.Query{}), 2)
}

// Opening a database whose tables are there must cost next to nothing for
// each service. The bound is far above what it takes, for slow machines.
func TestReopeningIsQuick(t *testing.T) {
	path := filepath.Join(storetest.Dir(t), "m.db")
	var all []store.Migrations
	for i := range 10 {
		all = append(all, schema(fmt.Sprintf("s%d", i), "one", "two"))
	}
	begun := time.Now()
	require.NoError(t, reopen(t, path, all))
	fresh := time.Since(begun)
	begun = time.Now()
	require.NoError(t, reopen(t, path, all))
	again := time.Since(begun)
	t.Logf("10 services: new %v, again %v", fresh, again)
	require.Less(t, again, time.Second)
}

func TestCloseWhileTheLastCallersGiveUp(t *testing.T) {
	for range 50 {
		db := storetest.Open(t)
		ctx, cancel := context.WithCancel(t.Context())
		held, hold := make(chan struct{}), make(chan struct{})
		var all sync.WaitGroup
		all.Go(func() {
			_ = db.Write(t.Context(), func(context.Context, *store.Tx) error {
				close(held)
				<-hold
				return nil
			})
		})
		<-held
		for range 8 {
			all.Go(func() { _ = db.Write(ctx, func(context.Context, *store.Tx) error { return nil }) })
		}
		all.Go(func() { _ = db.Close() })
		all.Go(cancel)
		close(hold)
		all.Wait()
	}
}

func TestACommitThatTheEngineRefusesLeavesNoTransactionOpen(t *testing.T) {
	db := storetest.Open(t, store.Migrations{Name: "a", Files: fstest.MapFS{"00001_a.sql": {Data: []byte("-- +goose Up\n" +
		"CREATE TABLE a_one (id TEXT NOT NULL PRIMARY KEY, parent TEXT REFERENCES a_one (id) DEFERRABLE INITIALLY DEFERRED);\n")}}})
	add := func(id, parent string) error {
		return db.Write(context.Background(), func(ctx context.Context, tx *store.Tx) error {
			_, err := tx.Exec(ctx, "INSERT INTO a_one (id, parent) VALUES (?, ?)", id, parent)
			return err
		})
	}
	require.Error(t, add("orphan", "nobody"))
	require.NoError(t, add("self", "self"))
	var n int
	require.NoError(t, db.QueryRow(context.Background(), "SELECT count(*) FROM a_one").Scan(&n))
	require.Equal(t, 1, n)
}
