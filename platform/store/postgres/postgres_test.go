package postgres_test

import (
	"context"
	"database/sql"
	"fmt"
	"regexp"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/cumulite/cumulite/platform/errs"
	"github.com/cumulite/cumulite/platform/store"
	"github.com/cumulite/cumulite/platform/store/postgres"
	"github.com/cumulite/cumulite/platform/store/storetest"
	"github.com/cumulite/cumulite/test/pgtest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func setting(t *testing.T, db *sql.DB, name string) (value string) {
	t.Helper()
	require.NoError(t, db.QueryRow("SELECT current_setting($1)", name).Scan(&value))
	return value
}

func TestConnectionsAreSetAsPromised(t *testing.T) {
	e, err := postgres.Open(t.Context(), storetest.URL(t, storetest.Database(t))+"&synchronous_commit=off", &postgres.Options{Writers: 2})
	require.NoError(t, err)
	defer func() { require.NoError(t, e.Close()) }()
	require.Equal(t, "on", setting(t, e.Writer(), "synchronous_commit"))
	require.Equal(t, "read committed", setting(t, e.Writer(), "transaction_isolation"))
	require.Equal(t, "on", setting(t, e.Reader(), "transaction_read_only"))
	require.Equal(t, "repeatable read", setting(t, e.Reader(), "transaction_isolation"))
	require.Equal(t, 2, e.Writer().Stats().MaxOpenConnections)
}

func TestOpenFailsClearlyAndTellsNoPassword(t *testing.T) {
	_, err := postgres.Open(t.Context(), "postgres://me:hunter2@[broken", nil)
	require.ErrorContains(t, err, "cannot be understood")
	require.NotContains(t, err.Error(), "hunter2")
	_, err = postgres.Open(t.Context(), "postgres://me:hunter2@127.0.0.1:1/none?connect_timeout=1", nil)
	require.True(t, errs.Is(err, errs.Unavailable), "%v", err)
	require.NotContains(t, err.Error(), "hunter2")
}

// A regular expression must match the same texts on both engines.
func TestRegexpMeansTheSameAsRE2(t *testing.T) {
	e, err := postgres.Open(t.Context(), storetest.URL(t, storetest.Database(t)), nil)
	require.NoError(t, err)
	defer func() { require.NoError(t, e.Close()) }()
	texts := []string{"", "a", "ab", "A", "compute-01", "50% of\nit", "50 birds", "b\\c", "x.y", "Ünïcode", "ſ", "aaa", "a]b", "tab\tx", "'quote'"}
	for _, expr := range []string{"", "a", "^a$", `^compute-\d+$`, `(?i)COMPUTE`, `(?i)s`, `^50\b.*[fs]$`, `\Bb`, "(?m)^it$", "(?s)of.it", "of.it", "a{2,3}", "(a|b)+c?",
		`[^a-z]`, `\\`, `\.`, `x.y`, "[]a]", `\pL`, "(?P<name>a)b", "a*?b", `\t`, "'", `\z`, "[[:alpha:]]+", "(?:)", "a{300}"} {
		re := regexp.MustCompile(expr)
		operator, pattern := e.Dialect().Regexp(expr)
		for _, text := range texts {
			var got bool
			err := e.Reader().QueryRow("SELECT $1::text "+operator+" $2::text", text, pattern).Scan(&got)
			require.NoError(t, err, "%q", expr)
			require.Equal(t, re.MatchString(text), got, "%q on %q", expr, text)
		}
	}
}

func counter(t *testing.T) (open func(*store.Options) *store.Store) {
	t.Helper()
	open = storetest.Processes(t)
	exec(t, open(nil), "CREATE TABLE counter (n BIGINT NOT NULL)")
	exec(t, open(nil), "INSERT INTO counter VALUES (?)", 0)
	return open
}

func exec(t *testing.T, db *store.Store, statement string, args ...any) {
	t.Helper()
	require.NoError(t, db.Write(context.Background(), func(ctx context.Context, tx *store.Tx) error {
		_, err := tx.Exec(ctx, statement, args...)
		return err
	}))
}

// Read, then write what follows from it: lost without a lock.
func TestLocksMakeTransactionsOfSeveralProcessesWait(t *testing.T) {
	open := counter(t)
	var all sync.WaitGroup
	for range 3 {
		db := open(nil)
		for range 8 {
			all.Go(func() {
				for range 10 {
					err := db.Write(t.Context(), func(ctx context.Context, tx *store.Tx) error {
						if err := tx.Lock(ctx, "counter"); err != nil {
							return err
						}
						var n int
						if err := tx.QueryRow(ctx, "SELECT n FROM counter").Scan(&n); err != nil {
							return err
						}
						_, err := tx.Exec(ctx, "UPDATE counter SET n = ?", n+1)
						return err
					})
					if err != nil {
						t.Error(err)
					}
				}
			})
		}
	}
	all.Wait()
	var n int
	require.NoError(t, open(nil).QueryRow(t.Context(), "SELECT n FROM counter").Scan(&n))
	require.Equal(t, 240, n)
}

func TestSharedLocksDoNotWaitForEachOther(t *testing.T) {
	db := counter(t)(nil)
	inside, both := make(chan struct{}), make(chan struct{})
	share := func(ctx context.Context, tx *store.Tx) error {
		if err := tx.Share(ctx, "counter"); err != nil {
			return err
		}
		select {
		case inside <- struct{}{}:
			<-both
		case <-inside:
			close(both)
		}
		return nil
	}
	var all sync.WaitGroup
	for range 2 {
		all.Go(func() { require.NoError(t, db.Write(t.Context(), share)) })
	}
	all.Wait()
}

func TestADeadlockIsResolvedByRunningAgain(t *testing.T) {
	db := counter(t)(nil)
	first, second := make(chan struct{}), make(chan struct{})
	cross := func(a, b string, mine, other chan struct{}) error {
		reached := sync.OnceFunc(func() { close(mine) })
		return db.Write(t.Context(), func(ctx context.Context, tx *store.Tx) error {
			if err := tx.Lock(ctx, a); err != nil {
				return err
			}
			reached()
			<-other
			if err := tx.Lock(ctx, b); err != nil {
				return err
			}
			_, err := tx.Exec(ctx, "UPDATE counter SET n = n + ?", 1)
			return err
		})
	}
	var all sync.WaitGroup
	all.Go(func() { require.NoError(t, cross("a", "b", first, second)) })
	all.Go(func() { require.NoError(t, cross("b", "a", second, first)) })
	all.Wait()
	var n int
	require.NoError(t, db.QueryRow(t.Context(), "SELECT n FROM counter").Scan(&n))
	require.Equal(t, 2, n)
}

// The server is killed under load, again and again: calls fail as Unavailable
// and nothing else, they work again by themselves, and what was acknowledged is there.
func TestAcknowledgedRowsSurviveAKillOfTheServer(t *testing.T) {
	server := pgtest.Start(t)
	e, err := postgres.Open(t.Context(), server.URL("postgres"), nil)
	require.NoError(t, err)
	db, err := store.Open(t.Context(), e, nil)
	require.NoError(t, err)
	defer func() { require.NoError(t, db.Close()) }()
	exec(t, db, "CREATE TABLE kept (id TEXT NOT NULL PRIMARY KEY)")
	ctx, stop := context.WithCancel(t.Context())
	var mu sync.Mutex
	acknowledged := map[string]bool{}
	count := func() int { mu.Lock(); defer mu.Unlock(); return len(acknowledged) }
	var all sync.WaitGroup
	for w := range 8 {
		all.Go(func() {
			for i := 0; ctx.Err() == nil; i++ {
				id := fmt.Sprintf("%d-%d", w, i)
				err := db.Write(context.Background(), func(ctx context.Context, tx *store.Tx) error {
					_, err := tx.Exec(ctx, "INSERT INTO kept VALUES (?)", id)
					return err
				})
				if err == nil {
					mu.Lock()
					acknowledged[id] = true
					mu.Unlock()
					continue
				}
				if !errs.Is(err, errs.Unavailable) {
					t.Errorf("%v", err)
				}
				var n int
				if err := db.QueryRow(context.Background(), "SELECT count(*) FROM kept").Scan(&n); err != nil && !errs.Is(err, errs.Unavailable) {
					t.Errorf("%v", err)
				}
				time.Sleep(time.Millisecond)
			}
		})
	}
	for range 3 {
		before := count()
		require.Eventually(t, func() bool { return count() > before+100 }, 30*time.Second, time.Millisecond)
		server.Kill(t)
		server.Restart(t)
	}
	before := count()
	require.Eventually(t, func() bool { return count() > before+100 }, 30*time.Second, time.Millisecond)
	stop()
	all.Wait()
	rows, err := db.Query(t.Context(), "SELECT id FROM kept")
	require.NoError(t, err)
	there := map[string]bool{}
	for rows.Next() {
		var id string
		require.NoError(t, rows.Scan(&id))
		there[id] = true
	}
	require.NoError(t, rows.Err())
	require.NoError(t, rows.Close())
	for id := range acknowledged {
		require.True(t, there[id], "%s was acknowledged and is lost", id)
	}
}

func TestACancelledReadEndsAndItsConnectionGoesOn(t *testing.T) {
	db := counter(t)(nil)
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	var n string
	err := db.QueryRow(ctx, "SELECT pg_sleep(?)::text", 20).Scan(&n)
	require.ErrorIs(t, err, context.DeadlineExceeded)
	require.NoError(t, db.QueryRow(t.Context(), "SELECT n FROM counter").Scan(&n))
}

func TestProcessesThatStartTogetherMigrateOnce(t *testing.T) {
	name := storetest.Database(t)
	var all sync.WaitGroup
	for range 3 {
		all.Go(func() {
			e, err := postgres.Open(t.Context(), storetest.URL(t, name), &postgres.Options{Writers: 2, Readers: 1})
			require.NoError(t, err)
			db, err := store.Open(t.Context(), e, nil, shelf())
			require.NoError(t, err)
			require.NoError(t, db.Close())
		})
	}
	all.Wait()
}
