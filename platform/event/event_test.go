package event_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/cumulite/cumulite/platform/auth"
	"github.com/cumulite/cumulite/platform/clock"
	"github.com/cumulite/cumulite/platform/event"
	"github.com/cumulite/cumulite/platform/store"
	"github.com/cumulite/cumulite/platform/store/storetest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var start = time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC)

// desk is a store and a clock in a bubble; buses on them come and go.
type desk struct {
	*testing.T
	db  *store.Store
	clk *clock.Manual
}

// inBubble runs a test in which synctest.Wait waits until all is delivered.
func inBubble(t *testing.T, test func(d *desk)) {
	synctest.Test(t, func(t *testing.T) {
		test(&desk{t, storetest.Open(t, event.Migrations()), clock.NewManual(start)})
	})
}

func (d *desk) bus() *event.Bus {
	return event.New(d.db, d.clk, &event.Options{Logger: slog.New(slog.DiscardHandler)})
}

// run runs the bus until stop is called, which waits for its end.
func (d *desk) run(b *event.Bus) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- b.Run(ctx) }()
	stop = sync.OnceFunc(func() {
		cancel()
		require.NoError(d, <-done)
	})
	d.Cleanup(stop)
	return stop
}

func (d *desk) emit(b *event.Bus, typ string, payload any) {
	d.Helper()
	require.NoError(d, d.db.Write(context.Background(), func(ctx context.Context, tx *store.Tx) error {
		return b.Emit(ctx, tx, "identity", typ, "r1", payload)
	}))
}

func (d *desk) stored() int {
	var n int
	require.NoError(d, d.db.QueryRow(context.Background(), "SELECT count(*) FROM event_events").Scan(&n))
	return n
}

// ear remembers the payloads it was told of, and fails while told to.
type ear struct {
	mu    sync.Mutex
	heard []string
	fail  func(payload string) error
}

func (e *ear) listen(_ context.Context, ev event.Event) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	payload := string(ev.Payload)
	e.heard = append(e.heard, payload)
	if e.fail != nil {
		return e.fail(payload)
	}
	return nil
}

func (e *ear) got() []string {
	e.mu.Lock()
	defer e.mu.Unlock()
	return append([]string{}, e.heard...)
}

func TestEventCarriesWhoAndWhat(t *testing.T) {
	inBubble(t, func(d *desk) {
		b := d.bus()
		var got event.Event
		b.Subscribe("x", []string{"*"}, func(_ context.Context, ev event.Event) error { got = ev; return nil })
		d.run(b)
		ctx := auth.With(context.Background(), auth.Authenticated(auth.Claims{User: auth.Ref{ID: "u"}, Project: auth.Ref{ID: "p"}}))
		ctx = auth.WithRequestID(ctx, "req-1")
		require.NoError(d, d.db.Write(ctx, func(ctx context.Context, tx *store.Tx) error {
			return b.Emit(ctx, tx, "compute", "server.created", "s1", map[string]any{"name": "it's"})
		}))
		synctest.Wait()
		require.Len(d, got.ID, 36)
		require.JSONEq(d, `{"name":"it's"}`, string(got.Payload))
		got.ID, got.Payload = "", nil
		require.Equal(d, event.Event{Seq: 1, Type: "compute.server.created", Service: "compute", Resource: "s1",
			ProjectID: "p", UserID: "u", RequestID: "req-1", At: start}, got)
	})
}

func TestEventsOfAFailedTransactionNeverWere(t *testing.T) {
	inBubble(t, func(d *desk) {
		b, e := d.bus(), &ear{}
		b.Subscribe("x", []string{"*"}, e.listen)
		d.run(b)
		require.Error(d, d.db.Write(context.Background(), func(ctx context.Context, tx *store.Tx) error {
			require.NoError(d, b.Emit(ctx, tx, "identity", "a", "", 1))
			return errors.New("no")
		}))
		require.Error(d, d.db.Write(context.Background(), func(ctx context.Context, tx *store.Tx) error {
			return b.Emit(ctx, tx, "identity", "a", "", func() {})
		}), "what is not JSON")
		d.emit(b, "a", 2)
		synctest.Wait()
		require.Equal(d, []string{"2"}, e.got())
	})
}

func TestSubscribersHearWhatTheyAskedForInOrder(t *testing.T) {
	inBubble(t, func(d *desk) {
		b := d.bus()
		ears := map[string]*ear{"whole": {}, "prefix": {}, "all": {}, "other": {}}
		b.Subscribe("whole", []string{"identity.project.deleted", "identity.user.deleted"}, ears["whole"].listen)
		b.Subscribe("prefix", []string{"identity.project.*"}, ears["prefix"].listen)
		b.Subscribe("all", []string{"*"}, ears["all"].listen)
		b.Subscribe("other", []string{"identity.project", "project.deleted", "compute.*"}, ears["other"].listen)
		d.emit(b, "project.created", 1) // before anyone runs
		d.run(b)
		d.emit(b, "project.deleted", 2)
		d.emit(b, "identity.user.deleted", 3)
		synctest.Wait()
		require.Equal(d, []string{"2", "3"}, ears["whole"].got())
		require.Equal(d, []string{"1", "2"}, ears["prefix"].got())
		require.Equal(d, []string{"1", "2", "3"}, ears["all"].got())
		require.Empty(d, ears["other"].got())
	})
}

func TestManyWritersAreHeardOnceEachInOrder(t *testing.T) {
	inBubble(t, func(d *desk) {
		b := d.bus()
		var seqs []int64
		b.Subscribe("x", []string{"*"}, func(_ context.Context, ev event.Event) error { seqs = append(seqs, ev.Seq); return nil })
		d.run(b)
		var wg sync.WaitGroup
		for range 10 {
			wg.Go(func() {
				for i := range 30 {
					d.emit(b, "a", i)
				}
			})
		}
		wg.Wait()
		synctest.Wait()
		require.Len(d, seqs, 300)
		for i, seq := range seqs {
			require.EqualValues(d, i+1, seq)
		}
	})
}

func TestAFailingHandlerIsAskedAgainAndHoldsUpOnlyItself(t *testing.T) {
	inBubble(t, func(d *desk) {
		b := d.bus()
		failures := 3
		bad := &ear{fail: func(payload string) error {
			if payload == "2" && failures > 0 {
				if failures--; failures == 1 {
					panic("worse")
				}
				return errors.New("not now")
			}
			return nil
		}}
		good := &ear{}
		b.Subscribe("bad", []string{"*"}, bad.listen)
		b.Subscribe("good", []string{"*"}, good.listen)
		d.run(b)
		for i := range 3 {
			d.emit(b, "a", i+1)
		}
		synctest.Wait()
		require.Equal(d, []string{"1", "2", "3"}, good.got())
		for _, step := range []struct {
			wait  time.Duration
			heard []string
		}{
			{0, []string{"1", "2"}},
			{time.Second, []string{"1", "2", "2"}},
			{time.Second, []string{"1", "2", "2"}}, // the second pause is two seconds
			{time.Second, []string{"1", "2", "2", "2"}},
			{4 * time.Second, []string{"1", "2", "2", "2", "2", "3"}},
		} {
			d.clk.Advance(step.wait)
			synctest.Wait()
			require.Equal(d, step.heard, bad.got())
		}
		require.Equal(d, []string{"1", "2", "3"}, good.got())
	})
}

func TestASubscriberGoesOnWhereItStopped(t *testing.T) {
	inBubble(t, func(d *desk) {
		var heard []string
		for i := range 3 {
			b, e := d.bus(), &ear{}
			b.Subscribe("x", []string{"*"}, e.listen)
			stop := d.run(b)
			d.emit(b, "a", 2*i)
			synctest.Wait()
			stop()
			d.emit(b, "a", 2*i+1) // while nobody listens
			heard = append(heard, e.got()...)
		}
		require.Equal(d, []string{"0", "1", "2", "3", "4"}, heard)
	})
}

func TestWhatWasHandledBeforeAStopDoesNotComeAgain(t *testing.T) {
	inBubble(t, func(d *desk) {
		b, e := d.bus(), &ear{}
		begun, finish := make(chan struct{}), make(chan struct{})
		b.Subscribe("x", []string{"*"}, func(ctx context.Context, ev event.Event) error {
			close(begun)
			<-finish
			return e.listen(ctx, ev)
		})
		d.emit(b, "a", 1)
		d.emit(b, "a", 2)
		ctx, cancel := context.WithCancel(context.Background())
		done := make(chan error, 1)
		go func() { done <- b.Run(ctx) }()
		<-begun
		cancel()
		close(finish)
		require.NoError(d, <-done)
		require.Equal(d, []string{"1"}, e.got())

		b = d.bus()
		b.Subscribe("x", []string{"*"}, e.listen)
		d.run(b)
		synctest.Wait()
		require.Equal(d, []string{"1", "2"}, e.got())
	})
}

func TestPollingFindsEventsOfOtherProcesses(t *testing.T) {
	inBubble(t, func(d *desk) {
		b, e := d.bus(), &ear{}
		b.Subscribe("x", []string{"*"}, e.listen)
		d.run(b)
		synctest.Wait()
		d.emit(d.bus(), "a", 1) // another bus on the same store: its commit wakes nobody here
		synctest.Wait()
		require.Empty(d, e.got())
		d.clk.Advance(time.Minute)
		synctest.Wait()
		require.Equal(d, []string{"1"}, e.got())
	})
}

func TestAnIdleBusDoesNothingUntilItsPoll(t *testing.T) {
	inBubble(t, func(d *desk) {
		b := d.bus()
		b.Subscribe("x", []string{"*"}, (&ear{}).listen)
		d.run(b)
		synctest.Wait()
		require.Equal(d, 2, d.clk.Waiting(), "one poll and one pruning wait for the clock")
	})
}

const day = 24 * time.Hour

func TestDeliveredEventsArePrunedAfterTheirRetention(t *testing.T) {
	inBubble(t, func(d *desk) {
		b := d.bus()
		stuck := errors.New("stuck")
		e := &ear{fail: func(string) error { return stuck }}
		b.Subscribe("x", []string{"*"}, e.listen)
		d.run(b)
		for i := range 1200 { // more than one transaction removes
			d.emit(b, "a", i)
		}
		d.clk.Advance(4 * day)
		synctest.Wait()
		d.emit(b, "a", "young")
		d.clk.Advance(4 * day)
		synctest.Wait()
		require.Equal(d, 1201, d.stored(), "what was not delivered is kept, however old")
		e.mu.Lock()
		e.fail = nil
		e.mu.Unlock()
		d.clk.Advance(5 * time.Minute)
		synctest.Wait()
		d.clk.Advance(8 * time.Hour)
		synctest.Wait()
		require.Equal(d, 1, d.stored())
		d.clk.Advance(8 * day)
		synctest.Wait()
		require.Zero(d, d.stored())
		d.emit(b, "a", "next")
		synctest.Wait()
		heard := e.got()
		require.Equal(d, []string{`"young"`, `"next"`}, heard[len(heard)-2:], "numbers go on when all rows are gone")
	})
}

func TestASubscriberThatIsGoneDoesNotKeepEvents(t *testing.T) {
	inBubble(t, func(d *desk) {
		old := d.bus()
		old.Subscribe("gone", []string{"*"}, (&ear{}).listen)
		stop := d.run(old)
		synctest.Wait()
		stop()
		b, e := d.bus(), &ear{}
		b.Subscribe("here", []string{"*"}, e.listen)
		d.run(b)
		d.emit(b, "a", 1)
		d.clk.Advance(6 * day)
		synctest.Wait()
		require.Equal(d, 1, d.stored(), "it may come back")
		for range 3 {
			d.clk.Advance(day)
			synctest.Wait()
		}
		require.Zero(d, d.stored())
	})
}

func TestTwoBusesInOneProcess(t *testing.T) {
	inBubble(t, func(d *desk) {
		other := &desk{d.T, storetest.Open(d.T, event.Migrations()), d.clk}
		for i, each := range []*desk{d, other} {
			b, e := each.bus(), &ear{}
			b.Subscribe("x", []string{"*"}, e.listen)
			each.run(b)
			each.emit(b, "a", i)
			synctest.Wait()
			require.Equal(d, []string{fmt.Sprint(i)}, e.got())
		}
	})
}

func TestEventsOfAClockThatWasAheadDoNotKeepOthers(t *testing.T) {
	inBubble(t, func(d *desk) {
		b := d.bus()
		d.clk.Advance(365 * day)
		for i := range 600 {
			d.emit(b, "ahead", i)
		}
		d.clk.Advance(-365 * day)
		for i := range 1200 { // more than one transaction removes
			d.emit(b, "a", i)
		}
		d.run(b)
		synctest.Wait()
		d.clk.Advance(8 * day)
		synctest.Wait()
		require.Equal(d, 600, d.stored())
	})
}

// How far a subscriber came is stored later when it could not be at once, also
// if nothing happens any more.
func TestHowFarASubscriberCameIsStoredInTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var full atomic.Bool
		db := storetest.OneWriter(t, &store.Options{Fault: func(string) error {
			if full.Load() {
				return errors.New("the disk is full")
			}
			return nil
		}}, event.Migrations())
		d := &desk{t, db, clock.NewManual(start)}
		b := d.bus()
		e := &ear{fail: func(string) error { full.Store(true); return nil }}
		b.Subscribe("ear", []string{"*"}, e.listen)
		stop := d.run(b)
		synctest.Wait()
		d.emit(b, "x", "one")
		synctest.Wait()
		behind := func() (n int) {
			require.NoError(t, db.QueryRow(t.Context(), "SELECT count(*) FROM event_cursors AS c JOIN event_events AS e ON e.seq > c.seq").Scan(&n))
			return n
		}
		require.Equal(t, 1, behind())
		full.Store(false)
		d.clk.Advance(time.Second)
		synctest.Wait()
		require.Zero(t, behind())
		require.Len(t, e.got(), 1, "it is not told again")
		stop()
	})
}
