package identity

import "sync"

// cache remembers at most size values, and longest those that are asked for:
// when the young generation is full it becomes the old one, and what nobody
// asked for meanwhile is forgotten with the one before.
type cache[K comparable, V any] struct {
	mu         sync.RWMutex
	half       int
	young, old map[K]V
}

func newCache[K comparable, V any](size int) *cache[K, V] {
	return &cache[K, V]{half: max(size/2, 1), young: map[K]V{}}
}

func (c *cache[K, V]) get(k K) (V, bool) {
	c.mu.RLock()
	v, young := c.young[k]
	old := false
	if !young {
		v, old = c.old[k]
	}
	c.mu.RUnlock()
	if old {
		c.put(k, v)
	}
	return v, young || old
}

func (c *cache[K, V]) put(k K, v V) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.young) >= c.half {
		c.young, c.old = map[K]V{}, c.young
	}
	c.young[k] = v
}
