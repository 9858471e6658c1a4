package flow_test

import (
	"context"
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/cumulite/cumulite/platform/auth"
	"github.com/cumulite/cumulite/platform/errs"
	"github.com/cumulite/cumulite/platform/flow"
	"github.com/cumulite/cumulite/platform/store"
)

const cancelled = "failed: The operation was cancelled."

// hanging says what it does and waits for its ctx.
func (y *yard) hanging(what string) func(context.Context, *flow.Run[args]) error {
	return func(ctx context.Context, _ *flow.Run[args]) error {
		y.say(what)
		<-ctx.Done()
		return ctx.Err()
	}
}

func TestCancelInterruptsTheStepAtWorkAndUndoes(t *testing.T) {
	inBubble(t, func(y *yard) {
		e := y.engine("one")
		op := y.operation()
		op.Steps[1].Do = y.hanging("hang")
		h := flow.Register(e, op)
		y.run(e)
		y.start(h, "k", args{})
		y.start(h, "other", args{})
		synctest.Wait()
		y.said()
		y.cancel(e, "k")
		synctest.Wait()
		require.Equal(t, []string{"undo b", "undo a", cancelled}, y.said())
		require.Len(t, y.list(e, "other"), 1)
	})
}

func TestCancelEndsWhatNeverBeganWithoutUndo(t *testing.T) {
	inBubble(t, func(y *yard) {
		e := y.engine("one")
		h := flow.Register(e, y.operation())
		y.start(h, "k", args{})
		y.cancel(e, "k")
		require.True(t, y.list(e, "k")[0].Cancelled)
		y.run(e)
		synctest.Wait()
		require.Equal(t, []string{cancelled}, y.said())
	})
}

func TestCancelNeedNotWaitForTheNextAttempt(t *testing.T) {
	inBubble(t, func(y *yard) {
		e := y.engine("one")
		op := y.operation()
		op.Steps[0].Do = y.failing("do a", 9, errors.New("flaky"))
		h := flow.Register(e, op)
		y.run(e)
		y.start(h, "k", args{})
		synctest.Wait()
		y.cancel(e, "k")
		synctest.Wait()
		require.Equal(t, []string{"do a #1", "undo a", cancelled}, y.said())
	})
}

func TestAStepThatEndsInSpiteOfCancelIsUndone(t *testing.T) {
	for _, outcome := range []error{nil, errors.New("flaky")} {
		inBubble(t, func(y *yard) {
			e := y.engine("one")
			op := y.operation()
			op.Steps = op.Steps[:1]
			op.Steps[0].Do = func(ctx context.Context, _ *flow.Run[args]) error {
				y.say("do a")
				y.cancel(e, "k")
				require.ErrorIs(t, context.Cause(ctx), flow.ErrCancelled)
				return outcome
			}
			h := flow.Register(e, op)
			y.run(e)
			y.start(h, "k", args{})
			synctest.Wait()
			require.Equal(t, []string{"do a", "undo a", cancelled}, y.said())
		})
	}
}

func TestAnotherProcessCancelsThroughTheDatabase(t *testing.T) {
	inBubble(t, func(y *yard) {
		e, api := y.engine("one"), y.engine("api")
		op := y.operation()
		op.Steps[0].Do = y.hanging("hang")
		h := flow.Register(e, op)
		y.run(e)
		y.start(h, "k", args{})
		synctest.Wait()
		y.cancel(api, "k")
		y.clk.Advance(10 * time.Second) // a heartbeat
		synctest.Wait()
		require.Equal(t, []string{"hang", "undo a", cancelled}, y.said())
	})
}

func TestOperationsOfAKeyRunOneAtATimeInTheOrderStarted(t *testing.T) {
	inBubble(t, func(y *yard) {
		e := y.engine("one")
		op := y.operation()
		op.Steps[2].Do = y.failing("do c", 1, errors.New("flaky"))
		create := flow.Register(e, op)
		op = y.operation()
		op.Kind, op.Forward = "test.delete", true
		op.Steps = []flow.Step[args]{{Name: "d", Do: y.failing("delete", 0, nil)}}
		remove := flow.Register(e, op)
		y.run(e)
		y.start(create, "k", args{})
		y.start(remove, "k", args{})
		y.start(remove, "other", args{})
		synctest.Wait()
		require.Equal(t, []string{"test.make", "test.delete"}, []string{y.list(e, "k")[0].Kind, y.list(e, "k")[1].Kind})
		require.ElementsMatch(t, []string{"do a", "do b", "do c #1", "delete #1", "done"}, y.said())
		y.clk.Advance(time.Minute)
		synctest.Wait()
		require.Equal(t, []string{"do c #2", "done", "delete #1", "done"}, y.said())
		require.Equal(t, []string{"test.delete", "test.make"}, e.Kinds())
	})
}

func TestDeleteIsCancelAndStartInOneTransaction(t *testing.T) {
	inBubble(t, func(y *yard) {
		e := y.engine("one")
		op := y.operation()
		op.Steps[1].Do = y.hanging("hang")
		create := flow.Register(e, op)
		op = y.operation()
		op.Kind, op.Forward = "test.delete", true
		op.Steps = []flow.Step[args]{{Name: "d", Do: y.failing("delete", 0, nil)}}
		remove := flow.Register(e, op)
		y.run(e)
		y.start(create, "k", args{})
		synctest.Wait()
		require.NoError(t, y.db.Write(context.Background(), func(ctx context.Context, tx *store.Tx) error {
			if err := e.Cancel(ctx, tx, "k"); err != nil {
				return err
			}
			_, err := remove.Start(ctx, tx, "k", args{})
			return err
		}))
		synctest.Wait()
		require.Equal(t, []string{"do a", "hang", "undo b", "undo a", cancelled, "delete #1", "done"}, y.said())
	})
}

func TestAStartThatIsRolledBackNeverRuns(t *testing.T) {
	inBubble(t, func(y *yard) {
		e := y.engine("one")
		h := flow.Register(e, y.operation())
		y.run(e)
		require.Error(t, y.db.Write(context.Background(), func(ctx context.Context, tx *store.Tx) error {
			_, err := h.Start(ctx, tx, "k", args{})
			require.NoError(t, err)
			return errors.New("no")
		}))
		require.NoError(t, e.Idle(context.Background()))
		require.Empty(t, y.said())
	})
}

func TestStepsSpeakForWhoeverStartedTheOperation(t *testing.T) {
	inBubble(t, func(y *yard) {
		e := y.engine("one")
		op := y.operation()
		look := func(ctx context.Context) {
			y.say(auth.From(ctx).UserID() + " " + auth.RequestID(ctx))
		}
		op.Steps[0].Do = func(ctx context.Context, r *flow.Run[args]) error {
			look(ctx)
			if r.Attempt == 1 {
				return errors.New("flaky")
			}
			return nil
		}
		op.Observe = func(ctx context.Context, _ *store.Tx, _ *flow.Run[args], _ flow.StepEvent) error {
			look(ctx)
			return nil
		}
		op.Done = func(ctx context.Context, _ *store.Tx, _ *flow.Run[args]) error { look(ctx); return nil }
		op.Steps = op.Steps[:1]
		h := flow.Register(e, op)
		ctx := auth.WithRequestID(context.Background(), "req-1")
		ctx = auth.With(ctx, auth.Authenticated(auth.Claims{User: auth.Ref{ID: "alice"}}))
		require.NoError(t, y.db.Write(ctx, func(ctx context.Context, tx *store.Tx) error {
			_, err := h.Start(ctx, tx, "k", args{})
			return err
		}))
		y.run(e)
		synctest.Wait()
		y.clk.Advance(time.Minute)
		synctest.Wait()
		require.Equal(t, slices.Repeat([]string{"alice req-1"}, 5), y.said(), "each attempt, what observes it, and the end")
	})
}

func TestObserveHearsOfEachAttempt(t *testing.T) {
	inBubble(t, func(y *yard) {
		e := y.engine("one")
		op := y.operation()
		op.Steps[1].Do = func(_ context.Context, r *flow.Run[args]) error {
			if r.Attempt == 1 {
				return errors.New("flaky")
			}
			return errs.Conflictf("No.")
		}
		var events []flow.StepEvent
		op.Observe = func(_ context.Context, _ *store.Tx, _ *flow.Run[args], ev flow.StepEvent) error {
			require.False(t, ev.Started.IsZero() || ev.Finished.Before(ev.Started))
			ev.Started, ev.Finished = time.Time{}, time.Time{}
			if ev.Err != nil {
				ev.Err = errors.New(errs.KindOf(ev.Err).String())
			}
			events = append(events, ev)
			return nil
		}
		h := flow.Register(e, op)
		y.run(e)
		y.start(h, "k", args{})
		synctest.Wait()
		y.clk.Advance(time.Minute)
		synctest.Wait()
		require.Equal(t, []flow.StepEvent{
			{Step: "a", Attempt: 1},
			{Step: "b", Attempt: 1, Err: errors.New("internal"), Next: start.Add(time.Minute)},
			{Step: "b", Attempt: 2, Err: errors.New("conflict"), Final: true},
			{Step: "b", Undo: true, Attempt: 1},
			{Step: "a", Undo: true, Attempt: 1},
		}, events)
	})
}

func TestStepsWithoutDoAreRecordedWithTheOneBefore(t *testing.T) {
	inBubble(t, func(y *yard) {
		records := 0
		e := flow.New(y.db, y.clk, &flow.Options{Fault: func(_, _ string, when flow.Point) error {
			if when == flow.AfterRecord {
				records++
			}
			return nil
		}})
		save := func(name string) func(context.Context, *store.Tx, *flow.Run[args]) error {
			return func(context.Context, *store.Tx, *flow.Run[args]) error { y.say("save " + name); return nil }
		}
		op := y.operation()
		op.Steps = []flow.Step[args]{{Name: "x", Save: save("x")}, op.Steps[0], {Name: "y", Save: save("y")}, {Name: "z", Save: save("z")}}
		op.Steps[1].Save = save("a")
		h := flow.Register(e, op)
		y.run(e)
		y.start(h, "k", args{})
		synctest.Wait()
		require.Equal(t, []string{"save x", "do a", "save a", "save y", "save z", "done"}, y.said())
		require.Equal(t, 2, records)
	})
}

func TestAnOperationWithoutStepsIsDone(t *testing.T) {
	inBubble(t, func(y *yard) {
		e := y.engine("one")
		op := y.operation()
		op.Steps = nil
		h := flow.Register(e, op)
		y.run(e)
		y.start(h, "k", args{})
		synctest.Wait()
		require.Equal(t, []string{"done"}, y.said())
	})
}

func TestRegisteringAKindTwiceIsAProgrammingError(t *testing.T) {
	e := flow.New(nil, nil, nil)
	flow.Register(e, flow.Operation[args]{Kind: "x"})
	require.Panics(t, func() { flow.Register(e, flow.Operation[args]{Kind: "x"}) })
	require.Panics(t, func() { flow.Register(e, flow.Operation[args]{}) })
	require.NoError(t, flow.Final(nil))
}
