package metadata

import (
	"net"
	"net/netip"
	"sync"
)

// perGuest is how many connections one address may have at a time. With it no
// guest can use up what all share.
const perGuest = 16

// limited closes connections over an address's limit at once.
type limited struct {
	net.Listener
	most int

	mu   sync.Mutex
	open map[netip.Addr]int
}

func limit(l net.Listener, most int) net.Listener {
	return &limited{Listener: l, most: most, open: map[netip.Addr]int{}}
}

// Accept waits for a connection within the limits.
func (l *limited) Accept() (net.Conn, error) {
	for {
		c, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		from, err := netip.ParseAddrPort(c.RemoteAddr().String())
		if err == nil && l.take(from.Addr()) {
			return &counted{Conn: c, free: sync.OnceFunc(func() { l.give(from.Addr()) })}, nil
		}
		c.Close()
	}
}

func (l *limited) take(from netip.Addr) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.open[from] >= l.most {
		return false
	}
	l.open[from]++
	return true
}

func (l *limited) give(from netip.Addr) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.open[from]--; l.open[from] == 0 {
		delete(l.open, from)
	}
}

type counted struct {
	net.Conn
	free func()
}

// Close gives the connection's place back.
func (c *counted) Close() error {
	c.free()
	return c.Conn.Close()
}
