package flow

import (
	"cmp"
	"context"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/uuid"

	"github.com/cumulite/cumulite/platform/clock"
	"github.com/cumulite/cumulite/platform/errs"
	"github.com/cumulite/cumulite/platform/flow/ledger"
	"github.com/cumulite/cumulite/platform/flow/roll"
	"github.com/cumulite/cumulite/platform/store"
)

// Options are an Engine's settings; nil means the defaults.
type Options struct {
	// Owner names this engine among those on the same database. One that
	// keeps its name over a restart takes up at once what it had left.
	// Default: a random name, whose operations wait for the end of their lease.
	Owner string
	// Workers is how many operations run at once. Default: 64.
	Workers int
	// Lease is how long an engine that shows no sign of life keeps its
	// operations from others. Default: 30 s.
	Lease time.Duration
	// Poll is how often to look for operations started by other processes, or
	// in a commit whose answer was lost: all others wake the engine. Default: a minute.
	Poll time.Duration
	// Backoff is how long to wait after so many failed attempts at a step.
	// Default: 100 ms, doubled up to a minute.
	Backoff func(attempt int) time.Duration
	Logger  *slog.Logger // nil discards
	// Fault is a seam for tests: its error takes the place of what happens at
	// that point of an attempt at a step.
	Fault func(kind, step string, when Point) error
}

// Engine runs operations.
type Engine struct {
	db     *store.Store
	ledger *ledger.Ledger
	clk    clock.Clock
	opts   Options
	kinds  map[string]*kind
	roll   *roll.Roll
	woken  chan struct{}

	mu      sync.Mutex
	changed chan struct{}   // closed and made anew by each round of the dispatcher
	base    context.Context // of Run
	stop    context.CancelCauseFunc

	// claiming is full until what is claimed is running: a lock that is held
	// over a commit, and lets the time of a test's bubble go on meanwhile.
	claiming chan struct{}
	killed   atomic.Bool
}

// Migrations gives the table of operations.
func Migrations() store.Migrations { return ledger.Migrations() }

// New gives an Engine on a store that has the table of Migrations.
func New(db *store.Store, clk clock.Clock, opts *Options) *Engine {
	e := &Engine{db: db, clk: clk, kinds: map[string]*kind{}, woken: make(chan struct{}, 1), changed: make(chan struct{}), claiming: make(chan struct{}, 1)}
	if opts != nil {
		e.opts = *opts
	}
	o := &e.opts
	o.Owner = cmp.Or(o.Owner, uuid.NewString())
	o.Logger = cmp.Or(o.Logger, slog.New(slog.DiscardHandler))
	if o.Workers <= 0 {
		o.Workers = 64
	}
	if o.Lease <= 0 {
		o.Lease = 30 * time.Second
	}
	if o.Poll <= 0 {
		o.Poll = time.Minute
	}
	if o.Backoff == nil {
		o.Backoff = func(attempt int) time.Duration {
			return min(100*time.Millisecond<<min(attempt-1, 16), time.Minute)
		}
	}
	if o.Fault == nil {
		o.Fault = func(string, string, Point) error { return nil }
	}
	e.ledger, e.roll = ledger.New(db, o.Owner), roll.New(o.Workers, o.Lease)
	return e
}

// Kinds gives the registered kinds, sorted.
func (e *Engine) Kinds() []string { return slices.Sorted(maps.Keys(e.kinds)) }

// Run carries operations through until ctx is done. Then the steps at work
// have their ctx cancelled; once they have returned, their operations are
// free for the next engine and Run returns nil. It must not be called twice.
func (e *Engine) Run(ctx context.Context) error {
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	e.mu.Lock()
	e.stop, e.base = stop, ctx
	e.mu.Unlock()
	(&dispatcher{Engine: e}).run(ctx)
	e.notify()
	if e.killed.Load() {
		return ErrKilled
	}
	return nil
}

// wake has the dispatcher look for operations to claim.
func (e *Engine) wake() {
	e.roll.SetBehind(true)
	e.stir()
}

// stir has the dispatcher look at the clock.
func (e *Engine) stir() {
	select {
	case e.woken <- struct{}{}:
	default: // it is awake
	}
}

// kill makes the engine dead, as a test wants it.
func (e *Engine) kill() {
	e.killed.Store(true)
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.stop != nil {
		e.stop(ErrKilled)
	}
}

func (e *Engine) busy() int { return len(e.roll.IDs()) }

// notify tells those who wait in Idle to look again.
func (e *Engine) notify() {
	e.mu.Lock()
	defer e.mu.Unlock()
	close(e.changed)
	e.changed = make(chan struct{})
}

// Idle waits until no operation is due or run by this engine. Operations that
// wait for another attempt, and those behind them, do not count. Without a
// Run it only returns when there is nothing to do.
func (e *Engine) Idle(ctx context.Context) error {
	for {
		e.mu.Lock()
		changed := e.changed
		e.mu.Unlock()
		if e.killed.Load() {
			return ErrKilled
		}
		rests, err := e.rests(ctx)
		if err != nil || rests {
			return err
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func (e *Engine) rests(ctx context.Context) (bool, error) {
	e.claiming <- struct{}{}
	defer func() { <-e.claiming }()
	if e.busy() > 0 {
		return false, nil
	}
	next, err := e.ledger.NextDue(ctx, e.Kinds())
	return next.IsZero() || next.After(e.clk.Now()), errs.Wrap(err, "wait for operations")
}
