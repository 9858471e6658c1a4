package flow_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/cumulite/cumulite/platform/clock"
	"github.com/cumulite/cumulite/platform/errs"
	"github.com/cumulite/cumulite/platform/flow"
	"github.com/cumulite/cumulite/platform/store"
	"github.com/cumulite/cumulite/platform/store/storetest"
)

// failing gives a function that fails so many times before it succeeds.
func (y *yard) failing(what string, times int, err error) func(context.Context, *flow.Run[args]) error {
	return func(_ context.Context, r *flow.Run[args]) error {
		y.say(fmt.Sprintf("%s #%d", what, r.Attempt))
		if times--; times >= 0 {
			return err
		}
		return nil
	}
}

func TestATransientErrorIsTriedAgainWithBackoff(t *testing.T) {
	inBubble(t, func(y *yard) {
		e := y.engine("one")
		op := y.operation()
		op.Steps[1].Do = y.failing("do b", 2, errs.New(errs.Unavailable, "The host is away."))
		h := flow.Register(e, op)
		y.run(e)
		y.start(h, "k", args{})
		synctest.Wait()
		require.Equal(t, []string{"do a", "do b #1"}, y.said())
		info := y.list(e, "k")[0]
		require.Equal(t, "b", info.Step)
		require.Equal(t, 1, info.Attempt)
		require.Empty(t, info.Owner)
		require.Equal(t, "The host is away.", errs.Message(info.LastError))
		require.Equal(t, start.Add(time.Minute), info.Due)
		require.NoError(t, e.Idle(context.Background()), "what waits for its time does not count")

		y.clk.Advance(59 * time.Second)
		synctest.Wait()
		require.Empty(t, y.said())
		y.clk.Advance(time.Second)
		synctest.Wait()
		require.Equal(t, []string{"do b #2"}, y.said())
		y.clk.Advance(2 * time.Minute)
		synctest.Wait()
		require.Equal(t, []string{"do b #3", "do c", "done"}, y.said())
	})
}

func TestPastItsDeadlineAnOperationIsUndone(t *testing.T) {
	inBubble(t, func(y *yard) {
		e := y.engine("one")
		op := y.operation()
		op.Deadline = 90 * time.Second
		op.Steps[1].Do = y.failing("do b", 99, errors.New("flaky"))
		var cause error
		op.Failed = func(_ context.Context, _ *store.Tx, _ *flow.Run[args], err error) error { cause = err; return nil }
		h := flow.Register(e, op)
		y.run(e)
		y.start(h, "k", args{})
		synctest.Wait()
		y.clk.Advance(time.Minute)
		synctest.Wait()
		y.clk.Advance(30 * time.Second)
		synctest.Wait()
		require.Equal(t, []string{"do a", "do b #1", "do b #2", "undo b", "undo a"}, y.said())
		require.True(t, errs.Is(cause, errs.Timeout), "%v", cause)
		require.ErrorContains(t, cause, "flaky")
	})
}

func TestAHangingStepIsCancelledAtTheDeadline(t *testing.T) {
	inBubble(t, func(y *yard) {
		e := y.engine("one")
		op := y.operation()
		op.Steps[0].Do = func(ctx context.Context, _ *flow.Run[args]) error { <-ctx.Done(); return ctx.Err() }
		h := flow.Register(e, op)
		y.run(e)
		y.start(h, "k", args{})
		synctest.Wait()
		y.clk.Advance(time.Hour)
		synctest.Wait()
		require.Equal(t, []string{"undo a", "failed: The operation did not end in time."}, y.said())
	})
}

func TestAnUndoIsTriedUntilItSucceedsAlsoPastTheDeadline(t *testing.T) {
	inBubble(t, func(y *yard) {
		e := y.engine("one")
		op := y.operation()
		op.Steps[1].Do = func(context.Context, *flow.Run[args]) error { return flow.Final(errors.New("broken")) }
		op.Steps[1].Undo = y.failing("undo b", 3, errs.Conflictf("Still in use."))
		h := flow.Register(e, op)
		y.run(e)
		y.start(h, "k", args{})
		synctest.Wait()
		require.Equal(t, []string{"do a", "undo b #1"}, y.said())
		info := y.list(e, "k")[0]
		require.True(t, info.Undo)
		require.Equal(t, "Still in use.", errs.Message(info.LastError))
		for range 3 {
			y.clk.Advance(2 * time.Hour)
			synctest.Wait()
		}
		require.Equal(t, []string{"undo b #2", "undo b #3", "undo b #4", "undo a", "failed: "}, y.said())
	})
}

func TestAHangingUndoIsCancelledAndTriedAgain(t *testing.T) {
	inBubble(t, func(y *yard) {
		e := y.engine("one")
		op := y.operation()
		op.Steps[0].Do = func(context.Context, *flow.Run[args]) error { return errs.Conflictf("No.") }
		hangs := true
		op.Steps[0].Undo = func(ctx context.Context, _ *flow.Run[args]) error {
			if hangs {
				hangs = false
				<-ctx.Done()
				return ctx.Err()
			}
			return nil
		}
		h := flow.Register(e, op)
		y.run(e)
		y.start(h, "k", args{})
		synctest.Wait()
		y.clk.Advance(time.Hour)
		synctest.Wait()
		y.clk.Advance(time.Minute)
		synctest.Wait()
		require.Equal(t, []string{"failed: No."}, y.said())
	})
}

func TestForwardOperationsGoOnUntilTheySucceed(t *testing.T) {
	inBubble(t, func(y *yard) {
		e := y.engine("one")
		op := y.operation()
		op.Forward = true
		op.Steps[1].Do = y.failing("do b", 2, errs.Conflictf("Still in use."))
		h := flow.Register(e, op)
		y.run(e)
		y.start(h, "k", args{})
		synctest.Wait()
		y.cancel(e, "k")
		require.Equal(t, "Still in use.", errs.Message(y.list(e, "k")[0].LastError))
		require.False(t, y.list(e, "k")[0].Cancelled)
		require.True(t, y.list(e, "k")[0].Forward)
		for range 2 {
			y.clk.Advance(2 * time.Hour)
			synctest.Wait()
		}
		require.Equal(t, []string{"do a", "do b #1", "do b #2", "do b #3", "do c", "done"}, y.said())
	})
}

func TestAPanicIsAnErrorOfTheStep(t *testing.T) {
	inBubble(t, func(y *yard) {
		e := y.engine("one")
		op := y.operation()
		calm := false
		op.Steps[1].Do = func(context.Context, *flow.Run[args]) error {
			if !calm {
				panic("boom")
			}
			return nil
		}
		h := flow.Register(e, op)
		y.run(e)
		y.start(h, "k", args{})
		synctest.Wait()
		require.ErrorContains(t, y.list(e, "k")[0].LastError, "boom")
		require.Empty(t, errs.Message(y.list(e, "k")[0].LastError), "its owner reads nothing of it")
		calm = true
		y.clk.Advance(time.Minute)
		synctest.Wait()
		require.Equal(t, []string{"do a", "do c", "done"}, y.said())
	})
}

func TestAnErrorOfSaveOrDoneRollsBackAndCountsAsOneOfTheStep(t *testing.T) {
	inBubble(t, func(y *yard) {
		e := y.engine("one")
		op := y.operation()
		saves, dones := 0, 0
		op.Steps[0].Save = func(ctx context.Context, tx *store.Tx, r *flow.Run[args]) error {
			if saves++; saves == 1 {
				return errors.New("not now")
			}
			return nil
		}
		op.Done = func(context.Context, *store.Tx, *flow.Run[args]) error {
			if dones++; dones == 1 {
				return errors.New("not now")
			}
			y.say("done")
			return nil
		}
		h := flow.Register(e, op)
		y.run(e)
		y.start(h, "k", args{})
		synctest.Wait()
		y.clk.Advance(time.Minute)
		synctest.Wait()
		y.clk.Advance(time.Minute)
		synctest.Wait()
		require.Equal(t, []string{"do a", "do a", "do b", "do c", "do c", "done"}, y.said())
	})
}

func TestArgsAreStoredWhenAStepEnds(t *testing.T) {
	inBubble(t, func(y *yard) {
		e := y.engine("one")
		op := y.operation()
		note := func(name string, err error) func(context.Context, *flow.Run[args]) error {
			return func(_ context.Context, r *flow.Run[args]) error {
				r.Args.Notes = append(r.Args.Notes, name)
				return err
			}
		}
		op.Steps[0].Do = note("a", nil)
		op.Steps[1].Do = func(_ context.Context, r *flow.Run[args]) error {
			if r.Attempt == 1 {
				return note("b", errors.New("once"))(nil, r)
			}
			y.say(fmt.Sprint(r.Args.N, r.Args.Notes))
			return nil
		}
		h := flow.Register(e, op)
		y.run(e)
		y.start(h, "k", args{N: 7})
		synctest.Wait()
		y.clk.Advance(time.Minute)
		synctest.Wait()
		require.Equal(t, []string{"7 [a b]", "do c", "done"}, y.said())
	})
}

func TestADayIdleCostsNothingAndRealTimeWorks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		y := &yard{T: t, db: storetest.Open(t, flow.Migrations())}
		e := flow.New(y.db, clock.System(), nil)
		op := y.operation()
		op.Deadline = 48 * time.Hour
		op.Steps[1].Do = y.failing("do b", 3, errors.New("flaky"))
		h := flow.Register(e, op)
		y.run(e)
		time.Sleep(24 * time.Hour)
		y.start(h, "k", args{})
		time.Sleep(700 * time.Millisecond)
		synctest.Wait()
		require.Equal(t, []string{"do a", "do b #1", "do b #2", "do b #3", "do b #4", "do c", "done"}, y.said())
	})
}
