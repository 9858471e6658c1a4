// Package roll keeps in memory what operations an engine of package flow has
// in hand: which it is about to begin, which it works at, until when the
// attempt at each may take, and why it should stop. It starts and stores
// nothing, and knows no time but what it is told.
package roll

import (
	"context"
	"errors"
	"maps"
	"slices"
	"sync"
	"time"
)

// Why attempts are interrupted, besides what Interrupt is told.
var (
	ErrDeadline = errors.New("the time for it is over")
	ErrLost     = errors.New("the lease was lost")
)

// Roll is what one engine has in hand. Its methods may be called from any goroutine.
type Roll struct {
	workers int
	lease   time.Duration

	mu     sync.Mutex
	open   bool             // takes on what is reserved
	ended  bool             // lets nothing begin any more
	behind bool             // there may be operations to claim
	soon   map[string]*Work // reserved; nobody knows yet whether their transactions were committed
	here   map[string]*Work // worked at
	all    sync.WaitGroup   // of here
}

// New gives the roll of an engine with so many workers. It is closed at first.
func New(workers int, lease time.Duration) *Roll {
	return &Roll{workers: workers, lease: lease, soon: map[string]*Work{}, here: map[string]*Work{}}
}

// Work is one operation in hand.
type Work struct {
	roll *Roll
	id   string
	at   time.Time // reserved

	cancel      context.CancelCauseFunc // of the attempt under way
	cancellable bool                    // the attempt is
	limit       time.Time               // when its time is over
	why         error                   // it, and any other, should end
}

// Reserve takes an operation on that is being stored as this engine's, and
// gives the end of its lease; zero when there is no free worker, or the roll is
// closed, and it is for whoever claims it. It is to begin in a moment.
func (r *Roll) Reserve(id string, now time.Time) (lease time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.open || len(r.here)+len(r.soon) >= r.workers {
		return time.Time{}
	}
	r.soon[id] = &Work{roll: r, id: id, at: now}
	return now.Add(r.lease)
}

// Begin enters an operation that is this engine's, reserved or claimed, and
// says whether nothing else is worked at. It gives nil after Finish.
func (r *Roll) Begin(id string) (w *Work, first bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	w = r.soon[id]
	delete(r.soon, id)
	if r.ended {
		return nil, false
	}
	if w == nil {
		w = &Work{roll: r, id: id}
	}
	first = len(r.here) == 0
	r.here[id] = w
	r.all.Add(1)
	return w, first
}

// End strikes an operation off; more says that there may be something to claim
// because of its end, as look says for all that ended.
func (w *Work) End(more bool) (look bool) {
	r := w.roll
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.here[w.id] == w { // it may have been taken up again since it was given back
		delete(r.here, w.id)
	}
	r.behind = r.behind || more
	r.all.Done()
	return r.behind || r.ended
}

// Finish lets nothing begin from now on.
func (r *Roll) Finish() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.open, r.ended = false, true
}

// Wait waits, after Finish, until nothing is worked at.
func (r *Roll) Wait() { r.all.Wait() }

// Open has the roll take on what is reserved. What there was before is to be claimed.
func (r *Roll) Open() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.open, r.behind = true, true
}

// Close has it take on nothing, and gives the ids of all that is this
// engine's, or will be. From reservations of a third of a lease ago nothing is expected:
// their transactions failed, or the answer was lost.
func (r *Roll) Close(now time.Time) []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.open = false
	maps.DeleteFunc(r.soon, func(_ string, w *Work) bool { return now.Sub(w.at) >= r.lease/3 })
	return slices.AppendSeq(slices.Collect(maps.Keys(r.here)), maps.Keys(r.soon))
}

// IDs gives the ids of the operations that are worked at.
func (r *Roll) IDs() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Collect(maps.Keys(r.here))
}

// SetBehind says whether there may be operations to claim, and tells whether
// there might have been.
func (r *Roll) SetBehind(behind bool) (before bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	before, r.behind = r.behind, behind
	return before
}

// Attempt gives an attempt a context that ends at limit, or when the operation
// is interrupted; unless it is cancellable, only because of ErrLost.
func (w *Work) Attempt(ctx context.Context, limit time.Time, cancellable bool) (_ context.Context, end func()) {
	ctx, cancel := context.WithCancelCause(ctx)
	w.roll.mu.Lock()
	defer w.roll.mu.Unlock()
	w.cancel, w.limit, w.cancellable = cancel, limit, cancellable
	w.interrupt()
	return ctx, func() {
		w.roll.mu.Lock()
		defer w.roll.mu.Unlock()
		w.limit = time.Time{}
		cancel(nil)
	}
}

// Interrupt ends the attempt under way at an operation, and all that follow
// here: because of ErrLost, or because somebody asked for it.
func (r *Roll) Interrupt(id string, why error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, w := range []*Work{r.here[id], r.soon[id]} {
		if w != nil && !errors.Is(w.why, ErrLost) {
			w.why = why
			w.interrupt()
		}
	}
}

// interrupt is called with the lock held.
func (w *Work) interrupt() {
	if w.cancel != nil && w.why != nil && (w.cancellable || errors.Is(w.why, ErrLost)) {
		w.cancel(w.why)
	}
}

// Expire ends the attempts whose time is over, and says when the next one's is.
func (r *Roll) Expire(now time.Time) (next time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, w := range r.here {
		switch {
		case w.limit.IsZero():
		case !now.Before(w.limit):
			w.cancel(ErrDeadline)
		case next.IsZero() || w.limit.Before(next):
			next = w.limit
		}
	}
	return next
}
