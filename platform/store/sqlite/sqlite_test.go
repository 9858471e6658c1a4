package sqlite_test

import (
	"context"
	"database/sql"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/uptrace/bun"
	"go.uber.org/goleak"

	"github.com/cumulite/cumulite/platform/store"
	"github.com/cumulite/cumulite/platform/store/sqlite"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func open(t *testing.T, name string, opts *sqlite.Options) (e store.Engine, path string) {
	t.Helper()
	path = filepath.Join(t.TempDir(), name)
	e, err := sqlite.Open(path, opts)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, e.Close()) })
	return e, path
}

func pragma(t *testing.T, db *sql.DB, name string) (value string) {
	t.Helper()
	require.NoError(t, db.QueryRow("PRAGMA "+name).Scan(&value))
	return value
}

func exec(t *testing.T, db *sql.DB, query string, args ...any) {
	t.Helper()
	_, err := db.Exec(query, args...)
	require.NoError(t, err)
}

func TestDurabilityIsWhatWasAskedFor(t *testing.T) {
	for want, opts := range map[string]*sqlite.Options{"2": nil, "1": {Normal: true}, "0": {Ephemeral: true}} {
		e, _ := open(t, "a.db", opts)
		require.Equal(t, min(want, "1"), pragma(t, e.Writer(), "synchronous"), "migrations do not wait for the disk")
		require.NoError(t, e.Ready(t.Context()))
		require.Equal(t, want, pragma(t, e.Writer(), "synchronous"))
		require.Equal(t, "wal", pragma(t, e.Writer(), "journal_mode"))
		require.Equal(t, "1", pragma(t, e.Writer(), "foreign_keys"))
		require.Equal(t, "1", pragma(t, e.Reader(), "query_only"))
	}
}

func TestFilesAreTheirOwnersOnly(t *testing.T) {
	e, path := open(t, "odd ?name#%41.db", nil)
	exec(t, e.Writer(), "CREATE TABLE a (id TEXT)")
	files, err := os.ReadDir(filepath.Dir(path))
	require.NoError(t, err)
	var names []string
	for _, f := range files {
		names = append(names, f.Name())
		info, err := f.Info()
		require.NoError(t, err)
		require.Equal(t, os.FileMode(0o600), info.Mode(), f.Name())
	}
	base := filepath.Base(path)
	require.Equal(t, []string{base, base + "-shm", base + "-wal"}, names)
}

func TestOpenFailsClearly(t *testing.T) {
	_, err := sqlite.Open(filepath.Join(t.TempDir(), "no", "such.db"), nil)
	require.ErrorIs(t, err, os.ErrNotExist)
	path := filepath.Join(t.TempDir(), "text.db")
	require.NoError(t, os.WriteFile(path, []byte("this is no database, but a text of more than a hundred bytes, which SQLite must refuse to open as such"), 0o600))
	_, err = sqlite.Open(path, nil)
	require.ErrorContains(t, err, "not a database")
}

func TestStatementsAreSafeToRunInsideTheirOwnRows(t *testing.T) {
	e, _ := open(t, "a.db", nil)
	w := e.Writer()
	exec(t, w, "CREATE TABLE n (n BIGINT)")
	for i := range 5 {
		exec(t, w, "INSERT INTO n VALUES (?)", i)
	}
	tx, err := w.Begin()
	require.NoError(t, err)
	const query = "SELECT n FROM n WHERE n >= ? ORDER BY n"
	outer, err := tx.Query(query, 0)
	require.NoError(t, err)
	var seen []int
	for outer.Next() {
		var n, m int
		require.NoError(t, outer.Scan(&n))
		require.NoError(t, tx.QueryRow(query, n).Scan(&m), "the same text while its rows are read")
		require.Equal(t, n, m)
		seen = append(seen, n)
	}
	require.NoError(t, outer.Err())
	require.NoError(t, outer.Close())
	require.Equal(t, []int{0, 1, 2, 3, 4}, seen)
	require.NoError(t, tx.Commit())
}

func TestStatementsOutliveSchemaChangesAndFailures(t *testing.T) {
	e, _ := open(t, "a.db", nil)
	w := e.Writer()
	exec(t, w, "CREATE TABLE a (id TEXT PRIMARY KEY)")
	const insert = "INSERT INTO a (id) VALUES (?)"
	exec(t, w, insert, "1")
	for range 3 {
		_, err := w.Exec(insert, "1")
		require.True(t, store.IsDuplicate(err))
	}
	exec(t, w, "ALTER TABLE a ADD COLUMN more TEXT DEFAULT 'x'")
	exec(t, w, insert, "2")
	var id, more string
	require.NoError(t, w.QueryRow("SELECT * FROM a WHERE id = ?", "2").Scan(&id, &more))
	require.Equal(t, "x", more)
	exec(t, w, "ALTER TABLE a DROP COLUMN more")
	require.Error(t, w.QueryRow("SELECT * FROM a WHERE id = ?", "2").Scan(&id, &more), "the columns of today")
	_, err := w.Exec(insert, "1")
	require.True(t, store.IsDuplicate(err))
	for i := range 300 { // more texts than are kept: the failed one goes, without harm to others
		var n int
		require.NoError(t, w.QueryRow(fmt.Sprintf("SELECT %d WHERE 1 = ?", i), 1).Scan(&n))
		require.Equal(t, i, n)
	}
	exec(t, w, insert, "3")
}

func TestRegexpIsRE2(t *testing.T) {
	e, _ := open(t, "a.db", nil)
	for _, c := range []struct {
		text, expr any
		want       sql.NullBool
	}{
		{"compute-01", `^compute-\d+$`, sql.NullBool{Bool: true, Valid: true}},
		{"compute-x", `^compute-\d+$`, sql.NullBool{Valid: true}},
		{"compute-x", `(?i)COMPUTE`, sql.NullBool{Bool: true, Valid: true}},
		{nil, `a`, sql.NullBool{}},
	} {
		var got sql.NullBool
		require.NoError(t, e.Reader().QueryRow("SELECT ? REGEXP ?", c.text, c.expr).Scan(&got))
		require.Equal(t, c.want, got)
	}
	var got sql.NullBool
	require.Error(t, e.Reader().QueryRow("SELECT ? REGEXP ?", "a", "(").Scan(&got))
}

func TestTimesSortAsText(t *testing.T) {
	e, _ := open(t, "a.db", nil)
	db := bun.NewDB(e.Writer(), e.Dialect())
	exec(t, e.Writer(), "CREATE TABLE a (n BIGINT, at TIMESTAMP)")
	base := time.Date(1999, 12, 31, 23, 59, 59, 0, time.UTC)
	for i, d := range []time.Duration{0, time.Microsecond, 10 * time.Microsecond, time.Millisecond, 900 * time.Millisecond, time.Second, 100 * 365 * 24 * time.Hour} {
		at := base.Add(d).In(time.FixedZone("", (i%3-1)*3600))
		if i%2 == 0 {
			exec(t, e.Writer(), "INSERT INTO a VALUES (?, ?)", i, at)
			continue
		}
		_, err := db.Exec("INSERT INTO a VALUES (?, ?)", i, at)
		require.NoError(t, err)
	}
	var order []int
	require.NoError(t, db.NewSelect().Table("a").Column("n").Order("at").Scan(context.Background(), &order))
	require.Equal(t, []int{0, 1, 2, 3, 4, 5, 6}, order)
	var at time.Time
	require.NoError(t, e.Reader().QueryRow("SELECT at FROM a WHERE n = ?", 2).Scan(&at))
	require.Equal(t, base.Add(10*time.Microsecond), at)
}

func TestACancelledReadEnds(t *testing.T) {
	e, _ := open(t, "a.db", nil)
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Millisecond)
	defer cancel()
	var n int
	err := e.Reader().QueryRowContext(ctx, "WITH RECURSIVE c(n) AS (SELECT ? UNION ALL SELECT n + 1 FROM c) SELECT max(n) FROM c", 1).Scan(&n)
	require.ErrorIs(t, err, context.DeadlineExceeded)
	require.NoError(t, e.Reader().QueryRow("SELECT n FROM (SELECT ? AS n)", 7).Scan(&n), "the connection goes on")
	require.Equal(t, 7, n)
}

func TestReadersDoNotWaitForAWriter(t *testing.T) {
	e, _ := open(t, "a.db", nil)
	exec(t, e.Writer(), "CREATE TABLE a (id TEXT)")
	tx, err := e.Writer().Begin()
	require.NoError(t, err)
	_, err = tx.Exec("INSERT INTO a VALUES (?)", "1")
	require.NoError(t, err)
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			var n int
			if err := e.Reader().QueryRow("SELECT count(*) FROM a").Scan(&n); err != nil || n != 0 {
				t.Errorf("%d rows, %v", n, err)
			}
		})
	}
	wg.Wait()
	require.NoError(t, tx.Commit())
	_, err = e.Reader().Exec("DELETE FROM a")
	require.Error(t, err, "readers change nothing")
}
