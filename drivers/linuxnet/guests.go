package linuxnet

import (
	"net/netip"
	"sync"

	"github.com/cumulite/cumulite/network"
)

// guests are those who may ask for metadata: who has which address on which
// network, and what each may read.
type guests struct {
	mu    sync.RWMutex
	ports map[place]string
	files map[string]map[string][]byte
}

type place struct {
	network string
	address netip.Addr
}

// set says where a port is; earlier places of it are no longer its own.
func (g *guests) set(p network.PortSpec) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.leave(p.ID)
	if g.ports == nil {
		g.ports = map[place]string{}
	}
	for _, a := range p.Addresses {
		g.ports[place{p.NetworkID, a.IP.Unmap()}] = p.ID
	}
}

func (g *guests) leave(id string) {
	for at, port := range g.ports {
		if port == id {
			delete(g.ports, at)
		}
	}
}

// tell sets what a port may read.
func (g *guests) tell(id string, files map[string][]byte) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.files == nil {
		g.files = map[string]map[string][]byte{}
	}
	g.files[id] = files
}

// forget takes a port away.
func (g *guests) forget(id string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.leave(id)
	delete(g.files, id)
}

// find gives the files of whoever has an address on a network.
func (g *guests) find(networkID string, a netip.Addr) (map[string][]byte, bool) {
	g.mu.RLock()
	defer g.mu.RUnlock()
	id, there := g.ports[place{networkID, a}]
	files, told := g.files[id]
	return files, there && told
}
