package store_test

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"math/rand/v2"
	"runtime"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/uptrace/bun"

	"github.com/cumulite/cumulite/platform/errs"
	"github.com/cumulite/cumulite/platform/store"
	"github.com/cumulite/cumulite/platform/store/storetest"
)

//go:embed testdata/*.sql
var files embed.FS

// shelf is the schema of these tests.
func shelf() store.Migrations {
	sub, err := fs.Sub(files, "testdata")
	if err != nil {
		panic(err)
	}
	return store.Migrations{Name: "shelf", Files: sub}
}

// book uses every sort of column that services use.
type book struct {
	bun.BaseModel `bun:"table:shelf_books"`

	ID       string            `bun:"id,pk"`
	Title    string            `bun:"title"`
	Author   string            `bun:"author,nullzero"`
	Pages    int               `bun:"pages,notnull"`
	Rating   *float64          `bun:"rating"`
	Lent     bool              `bun:"lent"`
	Tags     []string          `bun:"tags"`
	Meta     map[string]string `bun:"meta"`
	BoughtAt time.Time         `bun:"bought_at"`
	ReadAt   time.Time         `bun:"read_at,nullzero"`
	Version  int64             `bun:"version"`
}

var noon = time.Date(2030, 1, 1, 12, 0, 0, 0, time.UTC)

func insert(t testing.TB, db *store.Store, books ...book) {
	t.Helper()
	require.NoError(t, db.Write(context.Background(), func(ctx context.Context, tx *store.Tx) error {
		for i := range books {
			if err := store.Insert(ctx, tx, &books[i]); err != nil {
				return err
			}
		}
		return nil
	}))
}

func write(db *store.Store, b book) error {
	return db.Write(context.Background(), func(ctx context.Context, tx *store.Tx) error { return store.Insert(ctx, tx, &b) })
}

// hold keeps the writer busy until release is called.
func hold(t testing.TB, db *store.Store) (release func()) {
	t.Helper()
	held, let := make(chan struct{}), make(chan struct{})
	go func() {
		_ = db.Write(context.Background(), func(context.Context, *store.Tx) error {
			close(held)
			<-let
			return nil
		})
	}()
	<-held
	release = sync.OnceFunc(func() { close(let) })
	t.Cleanup(release)
	return release
}

// waitFor waits until so many calls of Write are under way.
func waitFor(t testing.TB, db *store.Store, calls int) {
	t.Helper()
	require.Eventually(t, func() bool { return store.Calls(db) == calls }, 10*time.Second, time.Millisecond)
}

// together runs the functions so that they share one commit.
func together(t testing.TB, db *store.Store, fns ...func(ctx context.Context, tx *store.Tx) error) []error {
	t.Helper()
	release := hold(t, db)
	results := make([]error, len(fns))
	var wg sync.WaitGroup
	for i, fn := range fns {
		wg.Go(func() { results[i] = db.Write(context.Background(), fn) })
	}
	waitFor(t, db, len(fns)+1)
	release()
	wg.Wait()
	return results
}

func TestAFailureIsItsOwn(t *testing.T) {
	commits := 0
	db := storetest.OneWriter(t, &store.Options{Logger: slog.New(slog.DiscardHandler), Fault: func(op string) error {
		if op == "commit" {
			commits++
		}
		return nil
	}}, shelf())
	mine := errors.New("changed my mind")
	add := func(id string, then func() error) func(context.Context, *store.Tx) error {
		return func(ctx context.Context, tx *store.Tx) error {
			if err := store.Insert(ctx, tx, &book{ID: id, BoughtAt: noon}); err != nil {
				return err
			}
			return then()
		}
	}
	fine := func() error { return nil }
	results := together(t, db, add("1", fine), add("2", func() error { return mine }), add("3", func() error { panic("oh") }),
		add("4", fine), add("4b", func() error { return errs.Missing("book", "5") }), add("6", fine))
	require.NoError(t, results[0])
	require.ErrorIs(t, results[1], mine)
	require.ErrorContains(t, results[2], "panic in a transaction: oh")
	require.NoError(t, results[3])
	require.True(t, errs.Is(results[4], errs.NotFound))
	require.NoError(t, results[5])
	require.Equal(t, []string{"6", "4", "1"}, find(t, db, store.Query{}))
	require.LessOrEqual(t, commits, 3, "they shared their commit: one for who held the writer, one or two for the rest")
}

func TestAGoroutineThatEndsInsideLeavesNothing(t *testing.T) {
	db := storetest.Open(t, shelf())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = db.Write(context.Background(), func(ctx context.Context, tx *store.Tx) error {
			_ = store.Insert(ctx, tx, &book{ID: "1", BoughtAt: noon})
			runtime.Goexit()
			return nil
		})
	}()
	<-ended
	insert(t, db, book{ID: "2", BoughtAt: noon})
	require.Equal(t, []string{"2"}, find(t, db, store.Query{}))
}

func TestOtherDoorsAreShutInsideAWrite(t *testing.T) {
	db := storetest.Open(t, shelf())
	ctx := context.Background()
	require.False(t, store.InWrite(ctx))
	err := db.Write(ctx, func(ctx context.Context, tx *store.Tx) error {
		require.True(t, store.InWrite(ctx))
		require.ErrorIs(t, db.Write(ctx, func(context.Context, *store.Tx) error { return nil }), store.ErrInWrite)
		_, err := store.Get[book](ctx, db.Read(), "1")
		require.ErrorIs(t, err, store.ErrInWrite)
		_, err = db.Read().BeginTx(ctx, nil)
		require.ErrorIs(t, err, store.ErrInWrite)
		_, err = db.Query(ctx, "SELECT id FROM shelf_books WHERE id = ?", "1")
		require.ErrorIs(t, err, store.ErrInWrite)
		_, err = db.Read().ExecContext(ctx, "SELECT 1")
		require.ErrorIs(t, err, store.ErrInWrite)
		return store.Insert(ctx, tx, &book{ID: "1", BoughtAt: noon})
	})
	require.NoError(t, err)
	_, err = db.Read().NewDelete().Model((*book)(nil)).Where("true").Exec(ctx)
	require.Error(t, err, "readers cannot write")
	require.Equal(t, []string{"1"}, find(t, db, store.Query{}))
}

func TestReadersSeeCommittedStateWhileAWriteRuns(t *testing.T) {
	db := storetest.Open(t, shelf())
	insert(t, db, book{ID: "1", BoughtAt: noon})
	require.NoError(t, db.Write(context.Background(), func(ctx context.Context, tx *store.Tx) error {
		require.NoError(t, store.Delete[book](ctx, tx, "1"))
		require.Equal(t, []string{"1"}, find(t, db, store.Query{}))
		rows, _, err := books.Find(ctx, tx, store.Query{}, nil)
		require.NoError(t, err)
		require.Empty(t, rows, "the transaction sees its own change")
		return nil
	}))
}

func TestACancelledCallerGetsItsAnswerOrNothingHappens(t *testing.T) {
	db := storetest.Open(t, shelf())
	ctx, cancel := context.WithCancel(context.Background())
	held, release := make(chan struct{}), make(chan struct{})
	first := make(chan error, 1)
	go func() {
		first <- db.Write(ctx, func(ctx context.Context, tx *store.Tx) error {
			close(held)
			<-release
			require.NoError(t, ctx.Err(), "the transaction does not end with its caller")
			return store.Insert(ctx, tx, &book{ID: "begun", BoughtAt: noon})
		})
	}()
	<-held
	second := make(chan error, 1)
	go func() {
		second <- db.Write(ctx, func(ctx context.Context, tx *store.Tx) error {
			return store.Insert(ctx, tx, &book{ID: "waiting", BoughtAt: noon})
		})
	}()
	waitFor(t, db, 2)
	cancel()
	require.ErrorIs(t, <-second, context.Canceled, "whoever waits is let go at once")
	close(release)
	require.NoError(t, <-first)
	require.ErrorIs(t, db.Write(ctx, func(context.Context, *store.Tx) error { panic("not reached") }), context.Canceled)
	require.Equal(t, []string{"begun"}, find(t, db, store.Query{}))
}

func TestAfterCommitRunsOnceTheRowsAreThere(t *testing.T) {
	db := storetest.Open(t, shelf())
	var seen []string
	ctx := context.Background()
	require.NoError(t, db.Write(ctx, func(ctx context.Context, tx *store.Tx) error {
		tx.AfterCommit(func() { seen = append(seen, find(t, db, store.Query{})...) })
		tx.AfterCommit(func() { insert(t, db, book{ID: "2", BoughtAt: noon}) })
		return store.Insert(ctx, tx, &book{ID: "1", BoughtAt: noon})
	}))
	require.Equal(t, []string{"1"}, seen)
	require.Equal(t, []string{"2", "1"}, find(t, db, store.Query{}))
	require.Error(t, db.Write(ctx, func(ctx context.Context, tx *store.Tx) error {
		tx.AfterCommit(func() { seen = nil })
		return errors.New("no")
	}))
	require.Equal(t, []string{"1"}, seen)
}

func TestFaultsAtEachPoint(t *testing.T) {
	var failAt string
	cut := errors.New("cut")
	db := storetest.OpenWith(t, &store.Options{Fault: func(op string) error {
		if op == failAt {
			return cut
		}
		return nil
	}}, shelf())
	for _, c := range []struct {
		op   string
		rows []string
	}{{"begin", []string{}}, {"commit", []string{}}, {"committed", []string{"committed"}}} {
		failAt = c.op
		after := false
		err := db.Write(context.Background(), func(ctx context.Context, tx *store.Tx) error {
			tx.AfterCommit(func() { after = true })
			return store.Insert(ctx, tx, &book{ID: c.op, BoughtAt: noon})
		})
		require.ErrorIs(t, err, cut)
		require.False(t, after)
		require.Equal(t, c.rows, find(t, db, store.Query{}), c.op)
	}
	failAt = ""
	insert(t, db, book{ID: "fine", BoughtAt: noon})
}

func TestATransactionThatTheEngineGaveUpFailsForAll(t *testing.T) {
	db := storetest.OneWriter(t, nil, shelf())
	secret := errors.New("of one caller")
	results := together(t, db,
		func(ctx context.Context, tx *store.Tx) error {
			return store.Insert(ctx, tx, &book{ID: "1", BoughtAt: noon})
		},
		func(ctx context.Context, tx *store.Tx) error {
			_, err := tx.ExecContext(ctx, "ROLLBACK") // as SQLite itself may
			return errors.Join(err, errs.New(errs.Conflict, "for one caller").Because(secret))
		},
		func(ctx context.Context, tx *store.Tx) error {
			return store.Insert(ctx, tx, &book{ID: "2", BoughtAt: noon})
		},
	)
	there := find(t, db, store.Query{})
	require.True(t, errs.Is(results[1], errs.Unavailable))
	for i, id := range map[int]string{0: "1", 2: "2"} {
		require.Equal(t, results[i] == nil, slices.Contains(there, id), "it is there just when it was acknowledged")
		require.NotContains(t, errs.Message(results[i]), "caller")
	}
	insert(t, db, book{ID: "3", BoughtAt: noon})
	require.Contains(t, find(t, db, store.Query{}), "3")
}

func TestALostRaceRunsTheGroupAgain(t *testing.T) {
	races := 2
	db := storetest.OpenWith(t, &store.Options{Fault: func(op string) error {
		if op == "commit" && races > 0 {
			races--
			return fmt.Errorf("race: %w", store.ErrRetry)
		}
		return nil
	}}, shelf())
	runs := 0
	require.NoError(t, db.Write(context.Background(), func(ctx context.Context, tx *store.Tx) error {
		runs++
		tx.AfterCommit(func() { runs += 10 })
		return store.Insert(ctx, tx, &book{ID: "1", BoughtAt: noon})
	}))
	require.Equal(t, 13, runs, "three runs, and what follows the commit once")
	races = 1000
	require.True(t, errs.Is(write(db, book{ID: "2", BoughtAt: noon}), errs.Unavailable), "it gives up in the end")
	require.Equal(t, 990, races)
	races = 0
	tries := 0
	require.NoError(t, db.Write(context.Background(), func(ctx context.Context, tx *store.Tx) error {
		if tries++; tries < 3 {
			return fmt.Errorf("a statement: %w", store.ErrRetry)
		}
		return nil
	}))
	require.Equal(t, []string{"1"}, find(t, db, store.Query{}))
}

func TestCloseWaitsForWhatItAccepted(t *testing.T) {
	db := storetest.Open(t, shelf())
	release := hold(t, db)
	results := make([]error, 20)
	var wg sync.WaitGroup
	for i := range results {
		wg.Go(func() { results[i] = write(db, book{ID: fmt.Sprint(i), BoughtAt: noon}) })
	}
	waitFor(t, db, len(results)+1)
	closed := make(chan error, 1)
	go func() { closed <- db.Close() }()
	require.Eventually(t, func() bool { return store.Closed(db) }, 10*time.Second, time.Millisecond)
	require.ErrorIs(t, write(db, book{ID: "late"}), store.ErrClosed)
	release()
	wg.Wait()
	require.Equal(t, make([]error, len(results)), results)
	require.NoError(t, <-closed)
	require.NoError(t, db.Close(), "closing twice is harmless")
}

// Random writers that fail, panic and cancel: what was acknowledged is there,
// and nothing else.
func TestOnlyAcknowledgedRowsAreThere(t *testing.T) {
	db := storetest.OpenWith(t, &store.Options{Logger: slog.New(slog.DiscardHandler)}, shelf())
	seed := time.Now().UnixNano()
	t.Logf("seed %d", seed)
	var mu sync.Mutex
	acknowledged := []string{}
	var wg sync.WaitGroup
	for w := range 16 {
		rnd := rand.New(rand.NewPCG(uint64(seed), uint64(w)))
		wg.Go(func() {
			for i := range 60 {
				id, what := fmt.Sprintf("%02d-%03d", w, i), rnd.IntN(5)
				ctx, cancel := context.WithCancel(context.Background())
				if what == 3 {
					go cancel()
				}
				err := db.Write(ctx, func(ctx context.Context, tx *store.Tx) error {
					if err := store.Insert(ctx, tx, &book{ID: id, BoughtAt: noon}); err != nil {
						return err
					}
					switch what {
					case 1:
						return errors.New("no")
					case 2:
						panic("no")
					}
					return nil
				})
				cancel()
				if err == nil {
					mu.Lock()
					acknowledged = append(acknowledged, id)
					mu.Unlock()
				}
			}
		})
	}
	wg.Wait()
	slices.Sort(acknowledged)
	require.Equal(t, acknowledged, find(t, db, store.Query{Sorts: []store.Sort{{Field: "id"}}}))
}

func TestStoreWorksInABubble(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		db := storetest.OneWriter(t, nil, shelf())
		begun := time.Now()
		var wg sync.WaitGroup
		for i := range 10 {
			wg.Go(func() {
				require.NoError(t, db.Write(context.Background(), func(ctx context.Context, tx *store.Tx) error {
					time.Sleep(time.Hour) // the writer waits as long as it takes
					return store.Insert(ctx, tx, &book{ID: fmt.Sprint(i), BoughtAt: noon})
				}))
			})
		}
		wg.Wait()
		require.Len(t, find(t, db, store.Query{}), 10)
		require.Equal(t, 10*time.Hour, time.Since(begun))
	})
}
