package flow_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/cumulite/cumulite/platform/clock"
	"github.com/cumulite/cumulite/platform/errs"
	"github.com/cumulite/cumulite/platform/flow"
	"github.com/cumulite/cumulite/platform/store"
	"github.com/cumulite/cumulite/platform/store/storetest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var start = time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC)

// yard is a store and a clock in a bubble; engines on them come and go. log
// has what steps did, in order.
type yard struct {
	*testing.T
	db  *store.Store
	clk *clock.Manual

	mu  sync.Mutex
	log []string
}

// inBubble runs a test in which synctest.Wait waits until engines rest.
func inBubble(t *testing.T, test func(y *yard)) {
	synctest.Test(t, func(t *testing.T) {
		test(&yard{T: t, db: storetest.Open(t, flow.Migrations()), clk: clock.NewManual(start)})
	})
}

func (y *yard) say(what string) {
	y.mu.Lock()
	defer y.mu.Unlock()
	y.log = append(y.log, what)
}

// said gives what was said since it was last asked.
func (y *yard) said() []string {
	y.mu.Lock()
	defer y.mu.Unlock()
	said := y.log
	y.log = nil
	return said
}

func (y *yard) engine(owner string) *flow.Engine {
	return flow.New(y.db, y.clk, &flow.Options{Owner: owner, Backoff: func(attempt int) time.Duration { return time.Duration(attempt) * time.Minute }})
}

// run runs the engine until stop is called, which waits for its end.
func (y *yard) run(e *flow.Engine) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- e.Run(ctx) }()
	stop = sync.OnceFunc(func() {
		cancel()
		if err := <-done; !errors.Is(err, flow.ErrKilled) {
			require.NoError(y, err)
		}
	})
	y.Cleanup(stop)
	return stop
}

type args struct {
	N     int
	Notes []string
}

// operation says what it does; the functions of its three steps can be set.
func (y *yard) operation() flow.Operation[args] {
	op := flow.Operation[args]{
		Kind: "test.make",
		Done: func(context.Context, *store.Tx, *flow.Run[args]) error { y.say("done"); return nil },
		Failed: func(_ context.Context, _ *store.Tx, _ *flow.Run[args], cause error) error {
			y.say("failed: " + errs.Message(cause))
			return nil
		},
	}
	for _, name := range []string{"a", "b", "c"} {
		op.Steps = append(op.Steps, flow.Step[args]{
			Name: name,
			Do:   func(context.Context, *flow.Run[args]) error { y.say("do " + name); return nil },
			Undo: func(context.Context, *flow.Run[args]) error { y.say("undo " + name); return nil },
		})
	}
	return op
}

func (y *yard) start(h *flow.Handle[args], key string, a args) (id string) {
	y.Helper()
	require.NoError(y, y.db.Write(context.Background(), func(ctx context.Context, tx *store.Tx) (err error) {
		id, err = h.Start(ctx, tx, key, a)
		return err
	}))
	return id
}

func (y *yard) cancel(e *flow.Engine, key string) {
	y.Helper()
	require.NoError(y, y.db.Write(context.Background(), func(ctx context.Context, tx *store.Tx) error { return e.Cancel(ctx, tx, key) }))
}

func (y *yard) list(e *flow.Engine, key string) []flow.Info {
	y.Helper()
	infos, err := e.List(context.Background(), key)
	require.NoError(y, err)
	return infos
}

func TestStepsRunInOrderAndTheRowGoes(t *testing.T) {
	inBubble(t, func(y *yard) {
		e := y.engine("one")
		h := flow.Register(e, y.operation())
		y.run(e)
		y.start(h, "k", args{})
		require.NoError(t, e.Idle(context.Background()))
		require.Equal(t, []string{"do a", "do b", "do c", "done"}, y.said())
		require.Empty(t, y.list(e, ""))
	})
}

func TestAFinalErrorUndoesFromTheStepThatFailed(t *testing.T) {
	inBubble(t, func(y *yard) {
		e := y.engine("one")
		op := y.operation()
		op.Steps[1].Do = func(context.Context, *flow.Run[args]) error { return errs.Conflictf("No room.") }
		h := flow.Register(e, op)
		y.run(e)
		y.start(h, "k", args{})
		synctest.Wait()
		require.Equal(t, []string{"do a", "undo b", "undo a", "failed: No room."}, y.said())
		require.Empty(t, y.list(e, ""))
	})
}

func TestASkippedStepIsLeftOutAndStillUndone(t *testing.T) {
	inBubble(t, func(y *yard) {
		op, commits := y.operation(), 0
		op.Steps[1].Skip = func(r *flow.Run[args]) bool { return r.Args.N == 0 }
		op.Steps[1].Save = func(context.Context, *store.Tx, *flow.Run[args]) error { y.say("save b"); return nil }
		op.Steps[2].Do = func(_ context.Context, r *flow.Run[args]) error {
			if y.say("do c"); r.Key == "bad" {
				return flow.Final(errors.New("no"))
			}
			return nil
		}
		op.Observe = func(context.Context, *store.Tx, *flow.Run[args], flow.StepEvent) error { commits++; return nil }
		e := y.engine("one")
		h := flow.Register(e, op)
		y.run(e)
		y.start(h, "without", args{})
		synctest.Wait()
		require.Equal(t, []string{"do a", "do c", "done"}, y.said())
		require.Equal(t, 2, commits)
		y.start(h, "with", args{N: 1})
		synctest.Wait()
		require.Equal(t, []string{"do a", "do b", "save b", "do c", "done"}, y.said())
		y.start(h, "bad", args{})
		synctest.Wait()
		require.Equal(t, []string{"do a", "do c", "undo c", "undo b", "undo a"}, y.said()[:5])
	})
}
