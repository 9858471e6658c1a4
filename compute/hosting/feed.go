package hosting

import (
	"context"
	"sync"

	"github.com/cumulite/cumulite/compute"
)

// Feed tells watchers of changes of guests. Telling never blocks: a watcher
// that is slow gets the last state of each guest that changed meanwhile. The
// zero Feed is ready.
type Feed struct {
	mu       sync.Mutex
	watchers map[*watcher]struct{}
}

type watcher struct {
	pending []compute.Guest // at most one for each guest
	wake    chan struct{}   // holds one token while pending is not empty
	broken  chan struct{}
}

// Watch gives a channel of the changes told from now on. It is closed when ctx
// ends or the feed breaks.
func (f *Feed) Watch(ctx context.Context) <-chan compute.Guest {
	w := &watcher{wake: make(chan struct{}, 1), broken: make(chan struct{})}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.watchers == nil {
		f.watchers = map[*watcher]struct{}{}
	}
	f.watchers[w] = struct{}{}
	out := make(chan compute.Guest)
	go f.serve(ctx, w, out)
	return out
}

// Tell says that g is now as it is.
func (f *Feed) Tell(g compute.Guest) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for w := range f.watchers {
		w.put(g)
	}
}

// Break closes the channels of all watchers: something may have been missed.
func (f *Feed) Break() {
	f.mu.Lock()
	defer f.mu.Unlock()
	for w := range f.watchers {
		close(w.broken)
		delete(f.watchers, w)
	}
}

func (f *Feed) serve(ctx context.Context, w *watcher, out chan<- compute.Guest) {
	defer close(out)
	defer f.forget(w)
	for {
		select {
		case <-w.wake:
		case <-w.broken:
			return
		case <-ctx.Done():
			return
		}
		for _, g := range f.take(w) {
			select {
			case out <- g:
			case <-w.broken:
				return
			case <-ctx.Done():
				return
			}
		}
	}
}

func (f *Feed) take(w *watcher) []compute.Guest {
	f.mu.Lock()
	defer f.mu.Unlock()
	pending := w.pending
	w.pending = nil
	return pending
}

func (f *Feed) forget(w *watcher) {
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.watchers, w)
}

// put is called with the feed's lock held.
func (w *watcher) put(g compute.Guest) {
	for i := range w.pending {
		if w.pending[i].ID == g.ID {
			w.pending[i] = g
			return
		}
	}
	w.pending = append(w.pending, g)
	select {
	case w.wake <- struct{}{}:
	default:
	}
}
