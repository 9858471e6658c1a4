package flow_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/cumulite/cumulite/platform/clock"
	"github.com/cumulite/cumulite/platform/flow"
	"github.com/cumulite/cumulite/platform/store"
	"github.com/cumulite/cumulite/platform/store/storetest"
)

// What follows are mishaps: answers of commits that are lost, clocks that
// jump, steps that do not end when they are told to.

// lossy opens a yard whose database loses the answer of the n-th commit.
func lossy(t *testing.T, n *int, test func(y *yard)) {
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		db := storetest.OpenWith(t, &store.Options{Fault: func(op string) error {
			mu.Lock()
			defer mu.Unlock()
			if op == "committed" {
				if *n--; *n == 0 {
					return errors.New("cut")
				}
			}
			return nil
		}}, flow.Migrations())
		test(&yard{T: t, db: db, clk: clock.NewManual(start)})
	})
}

func TestAClaimWhoseAnswerWasLostIsMadeAgain(t *testing.T) {
	n := 0
	lossy(t, &n, func(y *yard) {
		e := y.engine("one")
		h := flow.Register(e, y.operation())
		y.start(h, "k", args{})
		n = 2 // after the release
		y.run(e)
		synctest.Wait()
		y.clk.Advance(time.Minute) // the backoff
		synctest.Wait()
		require.Equal(t, []string{"do a", "do b", "do c", "done"}, y.said())
	})
}

func TestAStartWhoseAnswerWasLostIsFoundByThePoll(t *testing.T) {
	n := 0
	lossy(t, &n, func(y *yard) {
		e := y.engine("one")
		h := flow.Register(e, y.operation())
		y.run(e)
		synctest.Wait()
		n = 1
		require.Error(t, y.db.Write(context.Background(), func(ctx context.Context, tx *store.Tx) error {
			_, err := h.Start(ctx, tx, "k", args{})
			return err
		}))
		y.clk.Advance(time.Minute)
		synctest.Wait()
		require.Equal(t, []string{"do a", "do b", "do c", "done"}, y.said())
	})
}

func TestAnOperationTakenUpAgainWhileItsLastWorkerLeavesIsStillWatched(t *testing.T) {
	inBubble(t, func(y *yard) {
		leave := make(chan struct{})
		e := flow.New(y.db, y.clk, &flow.Options{Owner: "one", Backoff: func(int) time.Duration { return time.Minute },
			Fault: func(_, _ string, when flow.Point) error {
				if when == flow.AfterRecord {
					<-leave // it was given back, but its worker has not left
				}
				return nil
			}})
		op := y.operation()
		op.Deadline = 2 * time.Minute
		op.Steps[0].Do = func(ctx context.Context, r *flow.Run[args]) error {
			y.say(fmt.Sprintf("do a #%d", r.Attempt))
			if r.Attempt == 1 {
				return errors.New("flaky")
			}
			<-ctx.Done()
			return ctx.Err()
		}
		h := flow.Register(e, op)
		y.run(e)
		y.start(h, "k", args{})
		synctest.Wait()
		y.start(h, "other", args{}) // wakes the dispatcher, once it may be claimed again
		y.clk.Advance(time.Minute)
		synctest.Wait()
		close(leave)
		synctest.Wait()
		y.said()
		y.clk.Advance(time.Minute)
		synctest.Wait()
		require.Contains(t, y.said(), "undo a")
		require.Empty(t, y.list(e, "k"))
	})
}

func TestAnOperationThatCannotBeReadIsTriedAtItsPaceAlsoPastItsDeadline(t *testing.T) {
	inBubble(t, func(y *yard) {
		attempts := 0
		e := flow.New(y.db, y.clk, &flow.Options{Owner: "one", Backoff: func(int) time.Duration { return time.Minute },
			Fault: func(_, _ string, when flow.Point) error {
				if attempts++; attempts > 100 {
					return flow.ErrKilled // or it would go on for ever
				}
				return nil
			}})
		y.start(flow.Register(y.engine("old"), y.operation()), "k", args{})
		flow.Register(e, flow.Operation[[]int]{Kind: "test.make"}) // of another release
		y.run(e)
		synctest.Wait()
		y.clk.Advance(2 * time.Hour)
		synctest.Wait()
		require.Less(t, attempts, 10)
		require.Equal(t, 2, y.list(e, "k")[0].Attempt)
	})
}

func TestArgumentsThatCannotBeReadAreKept(t *testing.T) {
	inBubble(t, func(y *yard) {
		e, newer := y.engine("one"), y.engine("two")
		op := y.operation()
		op.Steps[0].Do = func(_ context.Context, r *flow.Run[args]) error { y.say(fmt.Sprint(r.Args.N)); return nil }
		y.start(flow.Register(newer, op), "k", args{N: 7})
		flow.Register(e, flow.Operation[[]int]{Kind: "test.make"})
		stop := y.run(e)
		synctest.Wait()
		require.ErrorContains(t, y.list(e, "k")[0].LastError, "decode the arguments")
		stop()
		y.run(newer)
		y.clk.Advance(time.Minute)
		synctest.Wait()
		require.Equal(t, []string{"7", "do b", "do c", "done"}, y.said())
	})
}

func TestAShortDeadlineIsKept(t *testing.T) {
	inBubble(t, func(y *yard) {
		e := y.engine("one")
		op := y.operation()
		op.Deadline = 5 * time.Second
		op.Steps[1].Do = y.hanging("hang")
		h := flow.Register(e, op)
		y.run(e)
		y.start(h, "k", args{})
		synctest.Wait()
		y.clk.Advance(5 * time.Second)
		synctest.Wait()
		require.Equal(t, []string{"do a", "hang", "undo b", "undo a", "failed: The operation did not end in time."}, y.said())
	})
}

func TestAnEngineThatStopsKeepsItsLeasesUntilItsStepsEnd(t *testing.T) {
	inBubble(t, func(y *yard) {
		one, two := y.engine("one"), y.engine("two")
		op, end := y.operation(), make(chan struct{})
		op.Steps[0].Do = func(context.Context, *flow.Run[args]) error { y.say("do a"); <-end; return nil }
		h := flow.Register(one, op)
		flow.Register(two, op)
		stop := y.run(one)
		y.start(h, "k", args{})
		synctest.Wait()
		go stop()
		y.run(two)
		for range 9 {
			y.clk.Advance(10 * time.Second)
			synctest.Wait()
		}
		require.Equal(t, []string{"do a"}, y.said())
		close(end)
		synctest.Wait()
		y.clk.Advance(time.Minute)
		synctest.Wait()
		require.Equal(t, []string{"do b", "do c", "done"}, y.said())
	})
}

func TestAClockThatGoesBackStopsNoHeartbeat(t *testing.T) {
	inBubble(t, func(y *yard) {
		e, api := y.engine("one"), y.engine("api")
		op := y.operation()
		op.Steps[0].Do = y.hanging("hang")
		h := flow.Register(e, op)
		y.run(e)
		y.start(h, "k", args{})
		synctest.Wait()
		y.clk.Advance(-30 * time.Minute)
		y.cancel(api, "k")
		y.cancel(e, "other") // wakes the dispatcher, as time would
		synctest.Wait()
		require.Contains(t, y.said(), "undo a")
	})
}

func TestAClockThatGoesBackDelaysNoRetryForLong(t *testing.T) {
	for name, restart := range map[string]bool{"while it runs": false, "before it starts": true} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(y *yard) {
				op := y.operation()
				op.Deadline = 48 * time.Hour
				op.Steps[0].Do = y.failing("do a", 1, errors.New("flaky"))
				e := y.engine("one")
				h := flow.Register(e, op)
				stop := y.run(e)
				y.start(h, "k", args{})
				synctest.Wait()
				if restart {
					stop()
				}
				y.clk.Advance(-24 * time.Hour)
				if restart {
					e = y.engine("two")
					h = flow.Register(e, op)
					y.run(e)
				}
				y.start(h, "other", args{}) // wakes the dispatcher, as time would
				synctest.Wait()
				require.Contains(t, y.said(), "do b", "the other one")
				require.Equal(t, y.clk.Now().Add(64*time.Minute), y.list(e, "k")[0].Due, "the longest backoff")
				y.clk.Advance(64 * time.Minute)
				synctest.Wait()
				require.Equal(t, []string{"do a #2", "do b", "do c", "done"}, y.said())
			})
		})
	}
}

func TestAnOperationIsItsEnginesFromTheStart(t *testing.T) {
	inBubble(t, func(y *yard) {
		e := y.engine("one")
		op := y.operation()
		op.Steps[0].Do = y.hanging("hang")
		h := flow.Register(e, op)
		y.start(h, "before", args{})
		require.Empty(t, y.list(e, "before")[0].Owner, "nothing runs yet")
		stop := y.run(e)
		synctest.Wait()
		y.start(h, "k", args{})
		y.start(h, "k", args{})
		require.Equal(t, "one", y.list(e, "k")[0].Owner)
		require.Empty(t, y.list(e, "k")[1].Owner, "it waits for the first")
		stop()
		for _, info := range y.list(e, "k") {
			require.Empty(t, info.Owner, "it is free for the next engine")
		}
	})
}

func TestAnOperationThatStartsAsItsEngineEndsIsGivenBack(t *testing.T) {
	inBubble(t, func(y *yard) {
		e := y.engine("one")
		h := flow.Register(e, y.operation())
		stop := y.run(e)
		synctest.Wait()
		require.NoError(t, y.db.Write(context.Background(), func(ctx context.Context, tx *store.Tx) error {
			_, err := h.Start(ctx, tx, "k", args{})
			stop()
			return err
		}))
		require.Empty(t, y.said())
		require.Empty(t, y.list(e, "k")[0].Owner)
		two := y.engine("two")
		flow.Register(two, y.operation())
		y.run(two)
		synctest.Wait()
		require.Equal(t, []string{"do a", "do b", "do c", "done"}, y.said())
	})
}

func TestACancelAtAnyMomentOfAClaimIsHeard(t *testing.T) {
	inBubble(t, func(y *yard) {
		e := y.engine("one")
		op := y.operation()
		op.Steps[0].Do = y.hanging("hang")
		h := flow.Register(e, op)
		y.run(e)
		for i := range 300 {
			key := fmt.Sprint(i)
			y.start(h, key, args{})
			for range i % 30 {
				runtime.Gosched()
			}
			y.cancel(e, key)
			synctest.Wait()
			require.Empty(t, y.list(e, key), "no heartbeat was needed")
		}
	})
}

func TestAStepIsToldThatAnotherMayHaveBeenAtIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		db := storetest.Open(t, flow.Migrations())
		clk := clock.NewManual(start)
		var again []bool
		engine := func(f func(kind, step string, when flow.Point) error) (*flow.Engine, *flow.Handle[args]) {
			e := flow.New(db, clk, &flow.Options{Owner: "one", Fault: f})
			step := func(_ context.Context, r *flow.Run[args]) error {
				again = append(again, r.Again)
				if len(again) == 3 {
					return errors.New("once") // what a worker said itself is known
				}
				return nil
			}
			return e, flow.Register(e, flow.Operation[args]{Kind: "k", Steps: []flow.Step[args]{{Name: "a", Do: step}, {Name: "b", Do: step}, {Name: "c", Do: step}}})
		}
		e, h := engine(func(_, step string, when flow.Point) error {
			if step == "b" && when == flow.AfterDo {
				return flow.ErrKilled
			}
			return nil
		})
		require.NoError(t, db.Write(t.Context(), func(ctx context.Context, tx *store.Tx) error {
			_, err := h.Start(ctx, tx, "k", args{})
			return err
		}))
		require.ErrorIs(t, e.Run(t.Context()), flow.ErrKilled)
		e, _ = engine(nil)
		ctx, stop := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- e.Run(ctx) }()
		synctest.Wait()
		clk.Advance(time.Minute)
		synctest.Wait()
		stop()
		require.NoError(t, <-done)
		require.Equal(t, []bool{false, false, true, false, false}, again)
	})
}
