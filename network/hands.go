package network

import (
	"context"
	"sync"
)

// hands see that what goes on with one object on one host goes on one after
// the other. The zero value is ready.
type hands struct {
	mu    sync.Mutex
	taken map[string]*hand
}

type hand struct {
	free  chan struct{} // holds a token while nobody has it
	users int
}

// take waits for the key to be free; done frees it.
func (h *hands) take(ctx context.Context, key string) (done func(), err error) {
	it := h.join(key)
	select {
	case <-it.free:
		return func() {
			it.free <- struct{}{}
			h.leave(key, it)
		}, nil
	case <-ctx.Done():
		h.leave(key, it)
		return nil, ctx.Err()
	}
}

func (h *hands) join(key string) *hand {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.taken == nil {
		h.taken = map[string]*hand{}
	}
	it := h.taken[key]
	if it == nil {
		it = &hand{free: make(chan struct{}, 1)}
		it.free <- struct{}{}
		h.taken[key] = it
	}
	it.users++
	return it
}

func (h *hands) leave(key string, it *hand) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if it.users--; it.users == 0 {
		delete(h.taken, key)
	}
}

// busy tells whether somebody has the key in hand.
func (h *hands) busy(key string) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.taken[key] != nil
}
