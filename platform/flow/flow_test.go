package flow_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/cumulite/cumulite/platform/auth"
	"github.com/cumulite/cumulite/platform/clock"
	"github.com/cumulite/cumulite/platform/errs"
	"github.com/cumulite/cumulite/platform/flow"
	"github.com/cumulite/cumulite/platform/store"
	"github.com/cumulite/cumulite/platform/store/storetest"
)

// args are those of the operations under test.
type args struct{ Notes []string }

// world is an engine with one operation of three steps, and what it did.
type world struct {
	t      *testing.T
	db     *store.Store
	clk    *clock.Manual
	engine *flow.Engine
	handle *flow.Handle[args]

	mu     sync.Mutex
	log    []string
	things map[string]bool // effects that are there now
	do     func(ctx context.Context, step string, try int) error
	undo   func(step string, try int) error
	fault  func(kind, step string, at flow.Point) error
	stop   func()
}

func newWorld(t *testing.T, forward bool) *world {
	w := &world{t: t, db: storetest.Open(t, flow.Migrations()), clk: clock.NewManual(time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC)), things: map[string]bool{}}
	w.start(forward)
	t.Cleanup(func() { w.stop() })
	return w
}

// start runs an engine, as a new process does.
func (w *world) start(forward bool) {
	w.engine = flow.New(w.db, w.clk, &flow.Options{Fault: func(kind, step string, at flow.Point) error {
		w.mu.Lock()
		defer w.mu.Unlock()
		if w.fault != nil {
			return w.fault(kind, step, at)
		}
		return nil
	}})
	w.handle = flow.Register(w.engine, w.operation(forward))
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() { defer close(ended); _ = w.engine.Run(ctx) }()
	w.stop = func() { cancel(); <-ended }
}

func (w *world) operation(forward bool) flow.Operation[args] {
	op := flow.Operation[args]{Kind: "test", Deadline: time.Hour, Forward: forward,
		Done: func(context.Context, *store.Tx, *flow.Run[args]) error { w.note("done"); return nil },
		Failed: func(_ context.Context, _ *store.Tx, r *flow.Run[args], cause error) error {
			w.note("failed: " + cause.Error())
			return nil
		}}
	for _, name := range []string{"a", "b", "c"} {
		op.Steps = append(op.Steps, w.step(name))
	}
	return op
}

func (w *world) step(name string) flow.Step[args] {
	return flow.Step[args]{Name: name,
		Do: func(ctx context.Context, r *flow.Run[args]) error {
			w.note(name)
			if w.do != nil {
				if err := w.do(ctx, name, r.Attempt); err != nil {
					return err
				}
			}
			w.set(r.Key+"/"+name, true)
			r.Args.Notes = append(r.Args.Notes, name)
			return nil
		},
		Undo: func(_ context.Context, r *flow.Run[args]) error {
			w.note("-" + name)
			if w.undo != nil {
				if err := w.undo(name, r.Attempt); err != nil {
					return err
				}
			}
			w.set(r.Key+"/"+name, false)
			return nil
		}}
}

func (w *world) note(s string) { w.mu.Lock(); defer w.mu.Unlock(); w.log = append(w.log, s) }

func (w *world) set(thing string, is bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if delete(w.things, thing); is {
		w.things[thing] = true
	}
}

func (w *world) seen() []string { w.mu.Lock(); defer w.mu.Unlock(); return slices.Clone(w.log) }

func (w *world) begin(key string) {
	w.t.Helper()
	ctx := auth.AsService(context.Background(), "tester")
	require.NoError(w.t, w.db.Write(ctx, func(ctx context.Context, tx *store.Tx) error {
		_, err := w.handle.Start(ctx, tx, key, args{})
		return err
	}))
}

func (w *world) idle() {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	require.NoError(w.t, w.engine.Idle(ctx))
}

func (w *world) left() []flow.Info {
	infos, err := w.engine.List(context.Background(), "")
	require.NoError(w.t, err)
	return infos
}

func TestStepsRunInOrderAndEnd(t *testing.T) {
	w := newWorld(t, false)
	w.do = func(ctx context.Context, _ string, try int) error {
		require.Equal(t, "tester", auth.From(ctx).Service(), "a step has the caller's grant")
		require.Equal(t, 1, try)
		return nil
	}
	w.begin("k")
	w.idle()
	require.Equal(t, []string{"a", "b", "c", "done"}, w.seen())
	require.Empty(t, w.left())
	require.Equal(t, []string{"test"}, w.engine.Kinds())
}

func TestStartThatIsRolledBackStartsNothing(t *testing.T) {
	w := newWorld(t, false)
	err := w.db.Write(t.Context(), func(ctx context.Context, tx *store.Tx) error {
		_, err := w.handle.Start(ctx, tx, "k", args{})
		require.NoError(t, err)
		return errors.New("changed my mind")
	})
	require.Error(t, err)
	w.idle()
	require.Empty(t, w.seen())
}

func TestFinalFailureUnwindsFromTheStepThatFailed(t *testing.T) {
	for n, step := range []string{"a", "b", "c"} {
		w := newWorld(t, false)
		w.do = func(_ context.Context, s string, _ int) error {
			if s == step {
				return errs.Invalidf("no such format")
			}
			return nil
		}
		w.begin("k")
		w.idle()
		want := [][]string{{"a", "-a"}, {"a", "b", "-b", "-a"}, {"a", "b", "c", "-c", "-b", "-a"}}[n]
		require.Equal(t, want, w.seen()[:len(want)])
		require.Contains(t, w.seen()[len(want)], "failed: no such format")
		require.Empty(t, w.things, "nothing is left behind")
		require.Empty(t, w.left())
	}
}

func TestTransientFailureIsTriedAgainWhenItIsDue(t *testing.T) {
	w := newWorld(t, false)
	w.do = func(_ context.Context, s string, try int) error {
		if s == "b" && try < 3 {
			return errs.New(errs.Unavailable, "host away")
		}
		return nil
	}
	w.begin("k")
	w.idle()
	require.Equal(t, []string{"a", "b"}, w.seen())
	info := w.left()[0]
	require.Equal(t, "b", info.Step)
	require.Equal(t, 1, info.Tries)
	require.Contains(t, info.LastError, "host away")
	for range 2 {
		w.clk.Advance(time.Second)
		w.idle()
	}
	require.Equal(t, []string{"a", "b", "b", "b", "c", "done"}, w.seen())
}

func TestDeadlineUnwindsWithTheLastError(t *testing.T) {
	w := newWorld(t, false)
	w.do = func(_ context.Context, s string, _ int) error {
		if s == "c" {
			return errs.New(errs.Unavailable, "host away")
		}
		return nil
	}
	w.begin("k")
	w.idle()
	w.clk.Advance(2 * time.Hour)
	w.idle()
	require.Empty(t, w.things)
	require.Empty(t, w.left())
	require.Contains(t, w.seen()[len(w.seen())-1], "failed: host away")
}

func TestUndoIsTriedUntilItSucceeds(t *testing.T) {
	w := newWorld(t, false)
	w.do = func(_ context.Context, s string, _ int) error {
		if s == "b" {
			return errs.Invalidf("no")
		}
		return nil
	}
	w.undo = func(s string, try int) error {
		if s == "a" && try < 4 {
			return errs.Invalidf("not yet")
		}
		return nil
	}
	w.begin("k")
	for range 5 {
		w.idle()
		w.clk.Advance(5 * time.Hour)
	}
	w.idle()
	require.Empty(t, w.things)
	require.Empty(t, w.left())
}

func TestForwardOperationNeverUnwinds(t *testing.T) {
	w := newWorld(t, true)
	w.do = func(_ context.Context, s string, try int) error {
		if s == "b" && try < 3 {
			return errs.Invalidf("final, but not here")
		}
		return nil
	}
	w.begin("k")
	require.NoError(t, w.db.Write(t.Context(), func(ctx context.Context, tx *store.Tx) error { return w.engine.Cancel(ctx, tx, "k") }))
	for range 3 {
		w.idle()
		w.clk.Advance(9 * time.Hour)
	}
	w.idle()
	require.Equal(t, "done", w.seen()[len(w.seen())-1])
	require.NotContains(t, w.seen(), "-a")
}

func TestCancelInterruptsTheStepAndUnwinds(t *testing.T) {
	w := newWorld(t, false)
	begun := make(chan struct{})
	w.do = func(ctx context.Context, s string, _ int) error {
		if s != "b" {
			return nil
		}
		close(begun)
		<-ctx.Done()
		return ctx.Err()
	}
	w.begin("k")
	<-begun
	require.NoError(t, w.db.Write(t.Context(), func(ctx context.Context, tx *store.Tx) error { return w.engine.Cancel(ctx, tx, "k") }))
	w.idle()
	require.Equal(t, []string{"a", "b", "-b", "-a"}, w.seen()[:4])
	require.Empty(t, w.things)
	require.Empty(t, w.left())
}

func TestOperationsOfOneResourceRunOneAfterTheOther(t *testing.T) {
	w := newWorld(t, false)
	open := make(chan struct{})
	w.do = func(_ context.Context, s string, _ int) error {
		if s == "a" {
			<-open
		}
		return nil
	}
	w.begin("k")
	w.begin("k")
	close(open)
	w.idle()
	require.Equal(t, []string{"a", "b", "c", "done", "a", "b", "c", "done"}, w.seen())
}

func TestPanicIsAFinalFailure(t *testing.T) {
	w := newWorld(t, false)
	w.do = func(context.Context, string, int) error { panic("boom") }
	w.begin("k")
	w.idle()
	require.Contains(t, w.seen()[2], "failed: ")
	require.Empty(t, w.left())
}

func TestStoppedEngineGivesUpWhatItHas(t *testing.T) {
	w := newWorld(t, false)
	begun := make(chan struct{}, 2)
	w.do = func(ctx context.Context, s string, _ int) error {
		if s == "b" && len(begun) == 0 {
			begun <- struct{}{}
			<-ctx.Done()
			return ctx.Err()
		}
		return nil
	}
	w.begin("k")
	for len(begun) == 0 {
		time.Sleep(time.Millisecond)
	}
	w.stop()
	require.Equal(t, 0, w.left()[0].Tries)
	w.start(false)
	w.idle()
	require.Equal(t, []string{"a", "b", "b", "c", "done"}, w.seen())
}

// A process that is killed at any point is taken over by the next one, and the
// operation ends: well, or with nothing left behind.
func TestKillAtAnyPointConverges(t *testing.T) {
	points := []flow.Point{flow.BeforeDo, flow.AfterDo, flow.AfterRecord, flow.BeforeUndo, flow.AfterUndo, flow.BeforeFinish}
	for _, fails := range []bool{false, true} {
		for _, step := range []string{"a", "b", "c", "finish"} {
			for _, at := range points {
				t.Run(fmt.Sprint(fails, step, at), func(t *testing.T) { killAt(t, fails, step, at) })
			}
		}
	}
}

func killAt(t *testing.T, fails bool, step string, at flow.Point) {
	w := newWorld(t, false)
	w.do = func(_ context.Context, s string, _ int) error {
		if fails && s == "c" {
			return errs.Invalidf("no")
		}
		return nil
	}
	killed := false
	w.fault = func(_, s string, p flow.Point) error {
		if !killed && s == step && p == at {
			killed = true
			return flow.ErrKilled
		}
		return nil
	}
	w.begin("k")
	w.idle()
	w.stop()
	w.start(false)
	w.idle()
	require.Empty(t, w.left())
	if fails {
		require.Empty(t, w.things)
	} else {
		require.Len(t, w.things, 3)
		require.Equal(t, "done", w.seen()[len(w.seen())-1])
	}
}

func BenchmarkOperation(b *testing.B) {
	db := storetest.Open(b, flow.Migrations())
	e := flow.New(db, clock.System(), nil)
	nothing := func(context.Context, *flow.Run[args]) error { return nil }
	h := flow.Register(e, flow.Operation[args]{Kind: "bench", Steps: []flow.Step[args]{{Name: "a", Do: nothing}, {Name: "b", Do: nothing}, {Name: "c", Do: nothing}}})
	ctx, cancel := context.WithCancel(b.Context())
	defer cancel()
	go func() { _ = e.Run(ctx) }()
	for n := 0; b.Loop(); n++ {
		if err := db.Write(ctx, func(ctx context.Context, tx *store.Tx) error {
			_, err := h.Start(ctx, tx, fmt.Sprint(n), args{})
			return err
		}); err != nil {
			b.Fatal(err)
		}
	}
	if err := e.Idle(ctx); err != nil {
		b.Fatal(err)
	}
}
