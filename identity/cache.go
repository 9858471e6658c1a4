package identity

import "sync"

// cache remembers about so many values at most, each with the revision that it
// was worked out at. It keeps two generations: when the young one is full it
// becomes the old one, and the old one is forgotten. What is used is carried
// over, so that what falls out is what nobody asked for.
type cache[K comparable, V any] struct {
	size int // of one generation

	mu         sync.RWMutex
	young, old map[K]cached[V]
}

type cached[V any] struct {
	value    V
	revision int64
}

func newCache[K comparable, V any](size int) *cache[K, V] {
	return &cache[K, V]{size: max(size/2, 1), young: map[K]cached[V]{}}
}

// get gives what is remembered at a revision.
func (c *cache[K, V]) get(k K, revision int64) (v V, ok bool) {
	c.mu.RLock()
	e, ok := c.young[k]
	aged := false
	if !ok {
		e, aged = c.old[k]
	}
	c.mu.RUnlock()
	if (!ok && !aged) || e.revision != revision {
		return v, false
	}
	if aged {
		c.put(k, e.value, revision)
	}
	return e.value, true
}

// put remembers v.
func (c *cache[K, V]) put(k K, v V, revision int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if _, ok := c.young[k]; !ok && len(c.young) >= c.size {
		c.young, c.old = make(map[K]cached[V], c.size), c.young
	}
	c.young[k] = cached[V]{v, revision}
}

// drop forgets k.
func (c *cache[K, V]) drop(k K) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.young, k)
	delete(c.old, k)
}
