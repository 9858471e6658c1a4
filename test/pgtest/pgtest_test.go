package pgtest_test

import (
	"database/sql"
	"testing"

	_ "github.com/jackc/pgx/v5/stdlib"
	"github.com/stretchr/testify/require"

	"github.com/cumulite/cumulite/test/pgtest"
)

func query(t *testing.T, url, statement string) (n int) {
	t.Helper()
	db, err := sql.Open("pgx", url)
	require.NoError(t, err)
	defer func() { require.NoError(t, db.Close()) }()
	require.NoError(t, db.QueryRow(statement).Scan(&n))
	return n
}

func TestAKilledServerKeepsWhatItAcknowledged(t *testing.T) {
	s := pgtest.Start(t)
	require.Equal(t, 1, query(t, s.URL("postgres"), "WITH made AS (SELECT set_config('a.b', 'c', false)) SELECT count(*) FROM made"))
	db, err := sql.Open("pgx", s.URL("postgres"))
	require.NoError(t, err)
	_, err = db.Exec("CREATE TABLE kept (n BIGINT)")
	require.NoError(t, err)
	_, err = db.Exec("INSERT INTO kept VALUES (7)")
	require.NoError(t, err)
	require.NoError(t, db.Close())
	for range 2 {
		s.Kill(t)
		s.Restart(t)
		require.Equal(t, 7, query(t, s.URL("postgres"), "SELECT n FROM kept"))
	}
}

func TestTheSharedServerIsOneForAll(t *testing.T) {
	require.Equal(t, pgtest.Shared(t), pgtest.Shared(t))
	require.Equal(t, 1, query(t, pgtest.Shared(t), "SELECT 1::bigint"))
}
