package rpc

import (
	"context"
	"maps"
	"slices"
	"sync"
)

// Roster holds the drivers of hosts by their names, while hosts come and go.
type Roster[T any] struct {
	mu      sync.RWMutex
	posts   map[string]*post[T]
	changed chan struct{} // closed and replaced at each change
}

// post is the place of one driver: a driver that is replaced leaves it.
type post[T any] struct {
	name   string
	driver T
}

// NewRoster gives a roster of these drivers.
func NewRoster[T any](drivers map[string]T) *Roster[T] {
	r := &Roster[T]{posts: map[string]*post[T]{}, changed: make(chan struct{})}
	for name, d := range drivers {
		r.posts[name] = &post[T]{name, d}
	}
	return r
}

// Add has a host called through driver, instead of the one it had.
func (r *Roster[T]) Add(name string, driver T) {
	r.change(func() { r.posts[name] = &post[T]{name, driver} })
}

// Remove forgets a host.
func (r *Roster[T]) Remove(name string) { r.change(func() { delete(r.posts, name) }) }

func (r *Roster[T]) change(fn func()) {
	r.mu.Lock()
	defer r.mu.Unlock()
	fn()
	close(r.changed)
	r.changed = make(chan struct{})
}

// Get gives the driver of a host.
func (r *Roster[T]) Get(name string) (driver T, there bool) {
	r.mu.RLock()
	defer r.mu.RUnlock()
	p, there := r.posts[name]
	if there {
		driver = p.driver
	}
	return driver, there
}

// Names gives the names of all hosts, sorted.
func (r *Roster[T]) Names() []string {
	posts, _ := r.now()
	return slices.Sorted(maps.Keys(posts))
}

func (r *Roster[T]) now() (map[string]*post[T], <-chan struct{}) {
	r.mu.RLock()
	defer r.mu.RUnlock()
	return maps.Clone(r.posts), r.changed
}

// Each runs fn for every driver that there is, all at once, and waits for them.
func (r *Roster[T]) Each(fn func(name string, driver T)) {
	var running sync.WaitGroup
	posts, _ := r.now()
	for name, p := range posts {
		running.Go(func() { fn(name, p.driver) })
	}
	running.Wait()
}

// Follow runs fn for every driver as long as it is there, until ctx is done:
// those that come later as well. It waits for what it started. fn's ctx ends
// with ctx, and when its driver goes.
func (r *Roster[T]) Follow(ctx context.Context, fn func(ctx context.Context, name string, driver T)) {
	var running sync.WaitGroup
	defer running.Wait()
	ends := map[*post[T]]context.CancelFunc{}
	for {
		posts, changed := r.now()
		for name, p := range posts {
			if ends[p] == nil {
				here, end := context.WithCancel(ctx)
				ends[p] = end
				running.Go(func() { fn(here, name, p.driver) })
			}
		}
		for p, end := range ends {
			if posts[p.name] != p {
				end()
				delete(ends, p)
			}
		}
		select {
		case <-changed:
		case <-ctx.Done():
			for _, end := range ends {
				end()
			}
			return
		}
	}
}
