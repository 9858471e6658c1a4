package sqlite

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func TestLiteralsBecomeArguments(t *testing.T) {
	for _, c := range []struct {
		query, text string
		args        []any
	}{
		{`SELECT "a" FROM "t" WHERE "id" = 'abc' LIMIT 10`, `SELECT "a" FROM "t" WHERE "id" = ? LIMIT 10`, []any{"abc"}},
		{`SELECT * FROM t WHERE name = 'it''s' AND n > 12`, `SELECT * FROM t WHERE name = ? AND n > ?`, []any{"it's", int64(12)}},
		{`SELECT * FROM t WHERE host <> '' AND a LIKE 'x%y' ESCAPE '\'`, `SELECT * FROM t WHERE host <> '' AND a LIKE ? ESCAPE '\'`, []any{"x%y"}},
		{`SELECT 1 FROM "it's 5" ORDER BY 1`, `SELECT 1 FROM "it's 5" ORDER BY 1`, nil},
		{`INSERT INTO "t1" ("a1") VALUES (7, NULL, X'0aff', 1.5, 'four')`, `INSERT INTO "t1" ("a1") VALUES (?, NULL, X'0aff', 1.5, ?)`, []any{int64(7), "four"}},
		{`UPDATE t2 SET "version" = 3 WHERE (version = 2)`, `UPDATE t2 SET "version" = ? WHERE (version = ?)`, []any{int64(3), int64(2)}},
		{`CREATE TABLE t (a TEXT DEFAULT 'none')`, `CREATE TABLE t (a TEXT DEFAULT 'none')`, nil},
	} {
		text, args := lift(c.query)
		require.Equal(t, c.text, text)
		require.Equal(t, c.args, values(args), c.query)
	}
}

func values(args []driver.NamedValue) (all []any) {
	for _, a := range args {
		all = append(all, a.Value)
	}
	return all
}

func TestLongListsStayAsTheyAre(t *testing.T) {
	query := "SELECT * FROM t WHERE id IN ('id" + strings.Repeat("', 'id", maxLifted) + "')"
	text, args := lift(query)
	require.Equal(t, query, text)
	require.Empty(t, args)
}

// What comes back must be the same with and without lifting.
func TestLiftedStatementsSayTheSame(t *testing.T) {
	e, err := Open(filepath.Join(t.TempDir(), "lift.db"), nil)
	require.NoError(t, err)
	defer e.Close()
	plain, err := sql.Open("sqlite", filepath.Join(t.TempDir(), "plain.db"))
	require.NoError(t, err)
	defer plain.Close()
	rapid.Check(t, func(t *rapid.T) {
		text := strings.ReplaceAll(rapid.StringMatching(`[a-z'"?0-9 %_\\=,(]{0,12}`).Draw(t, "text"), "'", "''")
		number := rapid.Int64().Draw(t, "number")
		query := fmt.Sprintf(`SELECT '%s' AS "a'1", %d, '%s' = '%[1]s', length('%[1]s'), 7 > %[2]d WHERE '%[1]s' LIKE '%%' ORDER BY 1 LIMIT 3`, text, number, text+"x")
		var want, got [5]any
		require.NoError(t, plain.QueryRowContext(context.Background(), query).Scan(&want[0], &want[1], &want[2], &want[3], &want[4]))
		require.NoError(t, e.Reader().QueryRowContext(context.Background(), query).Scan(&got[0], &got[1], &got[2], &got[3], &got[4]))
		require.Equal(t, want, got, query)
	})
}
