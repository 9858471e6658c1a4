package lease_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/cumulite/cumulite/platform/clock"
	"github.com/cumulite/cumulite/platform/lease"
	"github.com/cumulite/cumulite/platform/store"
	"github.com/cumulite/cumulite/platform/store/storetest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var noon = time.Date(2030, 1, 1, 12, 0, 0, 0, time.UTC)

const ttl = 6 * time.Second

// process is a holder with a clock of its own: one that stands still is frozen.
type process struct {
	*lease.Leases
	clk *clock.Manual
	db  *store.Store
}

func start(db *store.Store, name string) process {
	clk := clock.NewManual(noon)
	return process{lease.New(db, clk, name, &lease.Options{TTL: ttl}), clk, db}
}

// held is work that runs under a lease.
type held struct {
	fence int64
	ctx   context.Context
	end   chan error // ends it
}

// hold gives what is begun under the lease, each time that it is.
func (p process) hold(ctx context.Context, t *testing.T, name string) <-chan held {
	begun, over := make(chan held), make(chan struct{})
	go func() {
		defer close(over)
		_ = p.Hold(ctx, name, func(ctx context.Context, fence int64) error {
			h := held{fence, ctx, make(chan error)}
			select {
			case begun <- h:
			case <-ctx.Done():
				return ctx.Err()
			}
			select {
			case err := <-h.end:
				return err
			case <-ctx.Done():
				return ctx.Err()
			}
		})
	}()
	t.Cleanup(func() { <-over })
	return begun
}

// advance moves the clock in steps, so that what wakes can set its next waker.
func (p process) advance(d time.Duration) {
	for range 20 {
		p.clk.Advance(d / 20)
		time.Sleep(5 * time.Millisecond)
	}
}

func (p process) guard(name string, fence int64) error {
	return p.db.Write(context.Background(), func(ctx context.Context, tx *store.Tx) error { return lease.Guard(ctx, tx, name, fence) })
}

func requireNobody(t *testing.T, begun <-chan held) {
	t.Helper()
	select {
	case <-begun:
		require.Fail(t, "the lease has another holder")
	default:
	}
}

func TestOneHoldsWhileItLives(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	db := storetest.Open(t, lease.Migrations())
	a, b := start(db, "a"), start(db, "b")
	mine := <-a.hold(ctx, t, "work")
	yours := b.hold(ctx, t, "work")
	for range 5 {
		a.advance(ttl / 2)
		b.advance(ttl / 2)
		requireNobody(t, yours)
	}
	require.NoError(t, mine.ctx.Err())
	require.NoError(t, a.guard("work", mine.fence))
	other := <-b.hold(ctx, t, "other work")
	require.NoError(t, b.guard("other work", other.fence))
	cancel()
}

func TestAFrozenHolderLosesItsLeaseAndLearnsIt(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	db := storetest.Open(t, lease.Migrations())
	a, b := start(db, "a"), start(db, "b")
	begunAtA := a.hold(ctx, t, "work")
	mine := <-begunAtA
	yours := b.hold(ctx, t, "work")
	b.advance(ttl - time.Second)
	requireNobody(t, yours)
	b.advance(2 * time.Second) // a's clock stands still
	taken := <-yours
	require.Equal(t, mine.fence+1, taken.fence)
	require.ErrorIs(t, a.guard("work", mine.fence), lease.ErrLost, "what it still writes is refused")
	require.NoError(t, b.guard("work", taken.fence))

	a.clk.Advance(time.Hour)
	<-mine.ctx.Done()
	require.ErrorIs(t, context.Cause(mine.ctx), lease.ErrLost)
	close(taken.end)
	a.advance(ttl)
	again := <-begunAtA
	require.Equal(t, taken.fence+1, again.fence, "it was given back and taken anew")
	cancel()
}

func TestAHolderThatSleptLongKeepsWhatNobodyTook(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	a := start(storetest.Open(t, lease.Migrations()), "a")
	mine := <-a.hold(ctx, t, "work")
	require.Eventually(t, func() bool { return a.clk.Waiting() == 1 }, 10*time.Second, time.Millisecond)
	a.clk.Advance(24 * time.Hour)
	require.Eventually(t, func() bool { return a.clk.Waiting() == 1 }, 10*time.Second, time.Millisecond, "it was renewed and sleeps again")
	require.NoError(t, mine.ctx.Err())
	require.NoError(t, a.guard("work", mine.fence))
	cancel()
}

func TestALeaseIsGivenBackAtTheEnd(t *testing.T) {
	db := storetest.Open(t, lease.Migrations())
	a, b := start(db, "a"), start(db, "b")
	for range 3 { // no clock advances
		for _, p := range []process{a, b} {
			require.NoError(t, p.Hold(t.Context(), "work", func(context.Context, int64) error { return nil }))
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	require.NoError(t, a.Hold(ctx, "work", func(ctx context.Context, fence int64) error {
		require.EqualValues(t, 7, fence)
		cancel()
		<-ctx.Done()
		return nil
	}), "its work was done")
	require.ErrorIs(t, a.Hold(ctx, "work", func(context.Context, int64) error { panic("not reached") }), context.Canceled)
}

func TestWorkThatFailsIsTriedAgain(t *testing.T) {
	a := start(storetest.Open(t, lease.Migrations()), "a")
	tries := make(chan int64)
	done := make(chan error, 1)
	go func() {
		done <- a.Hold(t.Context(), "work", func(_ context.Context, fence int64) error {
			tries <- fence
			if fence < 3 {
				return errors.New("not yet")
			}
			return nil
		})
	}()
	for want := range int64(3) {
		require.Equal(t, want+1, <-tries)
		a.advance(ttl / 3)
	}
	require.NoError(t, <-done)
}

func TestARestartedHolderNeedNotWait(t *testing.T) {
	db := storetest.Open(t, lease.Migrations())
	ctx, kill := context.WithCancel(t.Context())
	defer kill()
	first := <-start(db, "a").hold(ctx, t, "work")
	second := <-start(db, "a").hold(ctx, t, "work")
	require.Equal(t, first.fence+1, second.fence)
}

func TestADatabaseThatDoesNotAnswerEndsTheWorkInTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var down atomic.Bool
		db := storetest.OneWriter(t, &store.Options{Fault: func(string) error {
			if down.Load() {
				return errors.New("no connection")
			}
			return nil
		}}, lease.Migrations())
		l := lease.New(db, clock.System(), "a", &lease.Options{TTL: ttl})
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		begun := time.Now()
		err := l.Hold(ctx, "work", func(ctx context.Context, fence int64) error {
			if fence > 1 {
				return nil
			}
			time.Sleep(10 * ttl)
			require.NoError(t, ctx.Err())
			down.Store(true)
			begun = time.Now()
			<-ctx.Done()
			require.ErrorIs(t, context.Cause(ctx), lease.ErrLost)
			require.LessOrEqual(t, time.Since(begun), ttl)
			time.AfterFunc(ttl, func() { down.Store(false) })
			return ctx.Err()
		})
		require.NoError(t, err, "it was taken again when the database answered")
	})
}

// Many holders that die at odd moments: what is counted under Guard is what
// each of them counted, and no two held the lease at the same time.
func TestHoldersTakeTurns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		db := storetest.OneWriter(t, nil, lease.Migrations())
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		var inside, turns atomic.Int32
		var all sync.WaitGroup
		for i := range 8 {
			l := lease.New(db, clock.System(), fmt.Sprint(i), &lease.Options{TTL: ttl})
			all.Go(func() {
				for ctx.Err() == nil {
					_ = l.Hold(ctx, "work", func(ctx context.Context, _ int64) error {
						require.EqualValues(t, 1, inside.Add(1))
						defer inside.Add(-1)
						turns.Add(1)
						select {
						case <-time.After(700 * time.Millisecond):
						case <-ctx.Done():
						}
						return nil
					})
					time.Sleep(time.Millisecond)
				}
			})
		}
		all.Wait()
		require.Greater(t, turns.Load(), int32(20))
	})
}

func TestMembersAreThoseThatLive(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		db := storetest.OneWriter(t, nil, lease.Migrations())
		a := lease.New(db, clock.System(), "a", &lease.Options{TTL: ttl})
		b := start(db, "b")
		b.clk.Advance(time.Since(noon))
		ctx, cancel := context.WithCancel(t.Context())
		var all sync.WaitGroup
		all.Go(func() { _ = a.Join(ctx, "controllers", "10.0.0.1:6222") })
		all.Go(func() { _ = b.Join(ctx, "controllers", "10.0.0.2:6222") }) // its clock stands still
		synctest.Wait()
		members := func() []lease.Member {
			all, err := a.Members(t.Context(), "controllers")
			require.NoError(t, err)
			return all
		}
		require.Equal(t, []lease.Member{{Holder: "a", Data: "10.0.0.1:6222"}, {Holder: "b", Data: "10.0.0.2:6222"}}, members())
		time.Sleep(2 * ttl)
		require.Equal(t, []lease.Member{{Holder: "a", Data: "10.0.0.1:6222"}}, members(), "b has given no sign of life")
		cancel()
		all.Wait()
		require.Empty(t, members())
		others, err := a.Members(t.Context(), "others")
		require.NoError(t, err)
		require.Empty(t, others)
	})
}
