package quota_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/cumulite/cumulite/platform/errs"
	"github.com/cumulite/cumulite/platform/quota"
	"github.com/cumulite/cumulite/platform/store"
	"github.com/cumulite/cumulite/platform/store/storetest"
)

type amounts = map[quota.Resource]int

var ctx = context.Background()

func newBook() *quota.Book {
	return quota.New("compute", amounts{"instances": 10, "cores": 20, "ram": quota.Unlimited})
}

func use(db *store.Store, b *quota.Book, project string, deltas amounts) error {
	return db.Write(ctx, func(ctx context.Context, tx *store.Tx) error { return b.Use(ctx, tx, project, deltas) })
}

func used(t require.TestingT, db *store.Store, b *quota.Book, project string) amounts {
	usage, err := b.Usage(ctx, db.Read(), project)
	require.NoError(t, err)
	counts := amounts{}
	for r, u := range usage {
		counts[r] = u.Used
	}
	return counts
}

func TestUseCountsUpAndDown(t *testing.T) {
	db, b := storetest.Open(t, quota.Migrations()), newBook()
	require.NoError(t, use(db, b, "p", amounts{"instances": 2, "cores": 8, "ram": 1 << 40}))
	require.NoError(t, use(db, b, "p", amounts{"instances": 1, "cores": -4}))
	require.NoError(t, use(db, b, "p", amounts{"instances": 0}))
	usage, err := b.Usage(ctx, db.Read(), "p")
	require.NoError(t, err)
	require.Equal(t, map[quota.Resource]quota.Usage{"instances": {10, 3}, "cores": {20, 4}, "ram": {-1, 1 << 40}}, usage)
	require.NoError(t, use(db, b, "p", amounts{"instances": -5}))
	require.Zero(t, used(t, db, b, "p")["instances"], "never below zero")
	require.NoError(t, use(db, b, "new", amounts{"cores": -5}))
	require.Zero(t, used(t, db, b, "new")["cores"])
}

func TestUsePastALimitSaysWhichAndChangesNothing(t *testing.T) {
	db, b := storetest.Open(t, quota.Migrations()), newBook()
	require.NoError(t, use(db, b, "p", amounts{"instances": 9, "cores": 19}))
	err := db.Write(ctx, func(ctx context.Context, tx *store.Tx) error {
		err := b.Use(ctx, tx, "p", amounts{"ram": 5, "cores": -19, "instances": 2})
		var e *quota.Exceeded
		require.ErrorAs(t, err, &e)
		require.Equal(t, quota.Exceeded{Resource: "instances", Requested: 2, Used: 9, Limit: 10}, *e)
		require.Contains(t, e.Error(), "instances")
		require.True(t, errs.Is(err, errs.Quota))
		require.Equal(t, "Quota exceeded for instances: Requested 2, but already used 9 of 10 instances", errs.Message(err))
		return nil // even when the caller goes on
	})
	require.NoError(t, err)
	require.Equal(t, amounts{"instances": 9, "cores": 19, "ram": 0}, used(t, db, b, "p"))
	require.NoError(t, use(db, b, "p", amounts{"instances": 1, "cores": 1}), "the limit itself can be had")
}

func TestCountPassesALimitThatUseMeets(t *testing.T) {
	db, b := storetest.Open(t, quota.Migrations()), newBook()
	count := func(deltas amounts) error {
		return db.Write(ctx, func(ctx context.Context, tx *store.Tx) error { return b.Count(ctx, tx, "p", deltas) })
	}
	require.NoError(t, count(amounts{"instances": 11, "cores": 1}))
	require.Equal(t, amounts{"instances": 11, "cores": 1, "ram": 0}, used(t, db, b, "p"))
	require.Equal(t, errs.Quota, errs.KindOf(use(db, b, "p", amounts{"instances": 1})))
	require.NoError(t, count(amounts{"instances": -2}))
	require.NoError(t, use(db, b, "p", amounts{"instances": 1}))
	require.Error(t, count(amounts{"disks": 1}))
}

func TestAFailedTransactionCountsNothing(t *testing.T) {
	db, b := storetest.Open(t, quota.Migrations()), newBook()
	require.Error(t, db.Write(ctx, func(ctx context.Context, tx *store.Tx) error {
		require.NoError(t, b.Use(ctx, tx, "p", amounts{"instances": 1}))
		return errors.New("no host")
	}))
	require.Zero(t, used(t, db, b, "p")["instances"])
}

func TestProjectsAndServicesAreCountedApart(t *testing.T) {
	db, b := storetest.Open(t, quota.Migrations()), newBook()
	other := quota.New("network", amounts{"instances": 1})
	require.NoError(t, use(db, b, "p", amounts{"instances": 10}))
	require.NoError(t, use(db, b, "q", amounts{"instances": 10}))
	require.NoError(t, use(db, other, "p", amounts{"instances": 1}))
	require.True(t, errs.Is(use(db, other, "p", amounts{"instances": 1}), errs.Quota))
}

func TestLimitsOfAProject(t *testing.T) {
	db, b := storetest.Open(t, quota.Migrations()), newBook()
	set := func(limits amounts) error {
		return db.Write(ctx, func(ctx context.Context, tx *store.Tx) error { return b.SetLimits(ctx, tx, "p", limits) })
	}
	require.NoError(t, set(amounts{"instances": 3}))
	require.NoError(t, set(amounts{"instances": 2, "cores": quota.Unlimited, "ram": 0}))
	limits, err := b.Limits(ctx, db.Read(), "p")
	require.NoError(t, err)
	require.Equal(t, amounts{"instances": 2, "cores": -1, "ram": 0}, limits)
	require.NoError(t, use(db, b, "p", amounts{"instances": 2, "cores": 1000}))
	require.True(t, errs.Is(use(db, b, "p", amounts{"ram": 1}), errs.Quota))

	require.NoError(t, set(amounts{"instances": 1}), "a limit may be below what is used")
	require.True(t, errs.Is(use(db, b, "p", amounts{"instances": 1}), errs.Quota))
	require.NoError(t, use(db, b, "p", amounts{"instances": -1}))

	for _, bad := range []amounts{{"instances": -2}, {"planets": 1}, {"cores": 1, "planets": 1}} {
		require.True(t, errs.Is(set(bad), errs.Invalid))
	}
	require.NoError(t, db.Write(ctx, func(ctx context.Context, tx *store.Tx) error { return b.ClearLimits(ctx, tx, "p") }))
	limits, err = b.Limits(ctx, db.Read(), "p")
	require.NoError(t, err)
	require.Equal(t, b.Defaults(), limits)
	b.Defaults()["instances"] = 99
	require.Equal(t, 10, b.Defaults()["instances"], "defaults are a copy")
}

func TestProjectsWithLimitsOfTheirOwnAreListed(t *testing.T) {
	db, b := storetest.Open(t, quota.Migrations()), newBook()
	require.NoError(t, db.Write(ctx, func(ctx context.Context, tx *store.Tx) error {
		return errors.Join(b.SetLimits(ctx, tx, "p", amounts{"cores": 1}), b.SetLimits(ctx, tx, quota.Everyone, amounts{"instances": 3}),
			quota.New("network", amounts{"port": 1}).SetLimits(ctx, tx, "q", amounts{"port": 2}))
	}))
	all, err := b.OwnLimits(ctx, db.Read())
	require.NoError(t, err)
	require.Equal(t, map[string]amounts{"p": {"cores": 1, "instances": 3, "ram": -1}}, all)
}

func TestUnknownResourcesAreAFaultOfOurs(t *testing.T) {
	db, b := storetest.Open(t, quota.Migrations()), newBook()
	err := use(db, b, "p", amounts{"planets": 1})
	require.ErrorContains(t, err, "planets")
	require.True(t, errs.Is(err, errs.Internal))
}

// Concurrent Use by many never passes a limit, and the counts are the sums of
// what succeeded.
func TestConcurrentUseNeverPassesTheLimit(t *testing.T) {
	db, b := storetest.Open(t, quota.Migrations()), newBook()
	seed := time.Now().UnixNano()
	t.Logf("seed %d", seed)
	var mu sync.Mutex
	sums := map[string]amounts{"p": {"instances": 0, "cores": 0, "ram": 0}, "q": {"instances": 0, "cores": 0, "ram": 0}}
	refused := 0
	var wg sync.WaitGroup
	for w := range 16 {
		rnd := rand.New(rand.NewPCG(uint64(seed), uint64(w)))
		wg.Go(func() {
			project := []string{"p", "q"}[w%2]
			mine := amounts{} // a writer gives back only what it has, so counts never stop at zero
			for range 50 {
				deltas := amounts{}
				for _, r := range []quota.Resource{"instances", "cores", "ram"} {
					deltas[r] = rnd.IntN(mine[r]+4) - mine[r]
				}
				err := use(db, b, project, deltas)
				mu.Lock()
				if err != nil {
					refused++
				} else {
					for r, d := range deltas {
						mine[r] += d
						sums[project][r] += d
					}
				}
				mu.Unlock()
				if now := used(t, db, b, project); now["instances"] > 10 || now["cores"] > 20 {
					t.Errorf("%s has %v", project, now)
				}
			}
		})
	}
	wg.Wait()
	require.Positive(t, refused)
	require.Equal(t, sums["p"], used(t, db, b, "p"))
	require.Equal(t, sums["q"], used(t, db, b, "q"))
}

// A random sequence of changes and limits does what a simple model does.
func TestBookAgreesWithAModel(t *testing.T) {
	names := []quota.Resource{"cores", "instances", "ram"}
	db := storetest.Open(t, quota.Migrations())
	project := 0
	rapid.Check(t, func(rt *rapid.T) {
		b := newBook()
		project++
		p := fmt.Sprint(project)
		model, limits := amounts{"cores": 0, "instances": 0, "ram": 0}, b.Defaults()
		draw := func(low, high int) amounts {
			m := amounts{}
			for _, r := range rapid.SliceOfDistinct(rapid.SampledFrom(names), rapid.ID).Draw(rt, "names") {
				m[r] = rapid.IntRange(low, high).Draw(rt, string(r))
			}
			return m
		}
		for range rapid.IntRange(1, 12).Draw(rt, "steps") {
			if rapid.IntRange(0, 4).Draw(rt, "what") == 0 {
				set := draw(-1, 15)
				require.NoError(rt, db.Write(ctx, func(ctx context.Context, tx *store.Tx) error { return b.SetLimits(ctx, tx, p, set) }))
				for r, n := range set {
					limits[r] = n
				}
				continue
			}
			deltas := draw(-12, 12)
			fits := true
			for r, d := range deltas {
				fits = fits && (d <= 0 || limits[r] == -1 || model[r]+d <= limits[r])
			}
			err := use(db, b, p, deltas)
			require.Equal(rt, fits, err == nil, "%v", err)
			for r, d := range deltas {
				if fits {
					model[r] = max(0, model[r]+d)
				}
			}
			require.Equal(rt, model, used(rt, db, b, p))
		}
	})
}
