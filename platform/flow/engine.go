package flow

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/cumulite/cumulite/platform/clock"
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
	// Poll is how often to look for operations started by other processes.
	// Default: never; those started through this engine wake it.
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
	db    *store.Store
	clk   clock.Clock
	opts  Options
	kinds map[string]*kind
	woken chan struct{}

	mu      sync.Mutex
	running map[string]*job
	claims  bool          // being made: what is claimed is not yet running
	changed chan struct{} // closed and made anew by each pass of the dispatcher
	stop    context.CancelCauseFunc
	killed  bool
}

//go:embed *.sql
var files embed.FS

// Migrations gives the table of operations.
func Migrations() store.Migrations { return store.Migrations{Name: "flow", Files: files} }

// New gives an Engine on a store that has the table of Migrations.
func New(db *store.Store, clk clock.Clock, opts *Options) *Engine {
	e := &Engine{db: db, clk: clk, kinds: map[string]*kind{}, woken: make(chan struct{}, 1),
		running: map[string]*job{}, changed: make(chan struct{})}
	if opts != nil {
		e.opts = *opts
	}
	o := &e.opts
	if o.Owner == "" {
		o.Owner = uuid.NewString()
	}
	if o.Workers <= 0 {
		o.Workers = 64
	}
	if o.Lease <= 0 {
		o.Lease = 30 * time.Second
	}
	if o.Backoff == nil {
		o.Backoff = func(attempt int) time.Duration {
			return min(100*time.Millisecond<<min(attempt-1, 16), time.Minute)
		}
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Fault == nil {
		o.Fault = func(string, string, Point) error { return nil }
	}
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
	e.stop = stop
	e.mu.Unlock()
	var jobs sync.WaitGroup
	e.dispatch(ctx, &jobs)
	jobs.Wait()
	e.notify()
	if e.isKilled() {
		return ErrKilled
	}
	return nil
}

// dispatch claims what is due whenever there is a free worker, keeps the
// leases, and sleeps in between.
func (e *Engine) dispatch(ctx context.Context, jobs *sync.WaitGroup) {
	failures, released := 0, false
	beat := e.clk.Now()
	for ctx.Err() == nil {
		wake, err := e.pass(ctx, jobs, &released, &beat)
		failures++
		if err == nil {
			failures = 0
			e.notify()
		} else if ctx.Err() == nil {
			wake = e.clk.Now().Add(e.opts.Backoff(failures))
			e.opts.Logger.Error("operations cannot be claimed", "failures", failures, "error", err)
		}
		e.sleep(ctx, wake)
	}
}

// pass is one round of dispatch; it says when the next one is due by itself.
func (e *Engine) pass(ctx context.Context, jobs *sync.WaitGroup, released *bool, beat *time.Time) (time.Time, error) {
	if !*released {
		if err := e.release(ctx); err != nil {
			return time.Time{}, err
		}
		*released = true
	}
	now := e.clk.Now()
	if e.busy() == 0 {
		*beat = now
	} else if !now.Before(beat.Add(e.opts.Lease / 3)) {
		if err := e.heartbeat(ctx, now); err != nil {
			return time.Time{}, err
		}
		*beat = now
	}
	next, err := e.fill(ctx, jobs)
	if err != nil {
		return time.Time{}, err
	}
	if e.busy() > 0 {
		next = earliest(next, beat.Add(e.opts.Lease/3))
	}
	if e.opts.Poll > 0 {
		next = earliest(next, now.Add(e.opts.Poll))
	}
	return earliest(next, e.expire(now)), nil
}

// fill gives free workers what is due, and says when something will be.
func (e *Engine) fill(ctx context.Context, jobs *sync.WaitGroup) (time.Time, error) {
	for {
		free := e.opts.Workers - e.busy()
		if free <= 0 {
			return time.Time{}, nil
		}
		next, err := e.nextDue(ctx)
		if err != nil || next.IsZero() || next.After(e.clk.Now()) {
			return next, err
		}
		if err := e.take(ctx, jobs, free); err != nil {
			return time.Time{}, err
		}
	}
}

func (e *Engine) take(ctx context.Context, jobs *sync.WaitGroup, most int) error {
	e.setClaims(true)
	defer e.setClaims(false)
	claimed, err := e.claim(ctx, most)
	for _, r := range claimed {
		e.begin(ctx, jobs, r)
	}
	return err
}

func (e *Engine) setClaims(on bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.claims = on
}

// begin starts a claimed operation's worker.
func (e *Engine) begin(ctx context.Context, jobs *sync.WaitGroup, r row) {
	j := &job{e: e, kind: e.kinds[r.kind], row: r}
	e.mu.Lock()
	e.running[r.id] = j
	e.mu.Unlock()
	jobs.Go(func() {
		defer e.ended(j)
		j.work(ctx)
	})
}

func (e *Engine) ended(j *job) {
	e.mu.Lock()
	delete(e.running, j.id)
	e.mu.Unlock()
	e.wake()
}

// expire cancels the attempts whose time is over, and says when the next one's is.
func (e *Engine) expire(now time.Time) (next time.Time) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, j := range e.running {
		switch {
		case j.limit.IsZero():
		case now.Before(j.limit):
			next = earliest(next, j.limit)
		default:
			j.cancel(errDeadline)
		}
	}
	return next
}

// sleep waits until it is woken or, unless until is zero, until then.
func (e *Engine) sleep(ctx context.Context, until time.Time) {
	var due <-chan struct{}
	if !until.IsZero() {
		var stop func()
		due, stop = e.clk.At(until)
		defer stop()
	}
	select {
	case <-e.woken:
	case <-due:
	case <-ctx.Done():
	}
}

func (e *Engine) wake() {
	select {
	case e.woken <- struct{}{}:
	default: // it is awake
	}
}

// kill makes the engine dead, as a test wants it.
func (e *Engine) kill() {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.killed = true
	if e.stop != nil {
		e.stop(ErrKilled)
	}
}

func (e *Engine) isKilled() bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.killed
}

func (e *Engine) busy() int {
	e.mu.Lock()
	defer e.mu.Unlock()
	return len(e.running)
}

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
		if e.isKilled() {
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
	if e.active() {
		return false, nil
	}
	next, err := e.nextDue(ctx)
	if err != nil {
		return false, fmt.Errorf("wait for operations: %w", err)
	}
	return !e.active() && (next.IsZero() || next.After(e.clk.Now())), nil
}

func (e *Engine) active() bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.claims || len(e.running) > 0
}

func earliest(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}

func questionMarks(n int) string { return strings.TrimSuffix(strings.Repeat("?, ", n), ", ") }

var (
	errDeadline = errors.New("the time for it is over")
	errLost     = errors.New("the lease was lost")
)
