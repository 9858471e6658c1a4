package simnetwork

import (
	"net/netip"
	"sync"

	"github.com/cumulite/cumulite/network"
)

// State is what is in force on the simulated machine. It outlives the Host, as
// a real machine's links and filters outlive the process that made them.
type State struct {
	*Underlay
	tunnel   netip.Addr
	networks map[string]network.NetworkSpec
	ports    map[string]network.PortSpec
	groups   map[string]network.GroupSpec
	routers  map[string]network.RouterSpec
	metadata map[string]map[string][]byte // by port and path
	flows    map[flow]bool                // what was let through, whose answers pass
	nat      map[natKey]natEntry
}

// flow is one conversation as a port's filter sees it.
type flow struct {
	place            string
	protocol         int
	src, dst         netip.Addr
	srcPort, dstPort int
}

// NewState gives a machine with nothing on it, and no others around it.
func NewState() *State { return NewUnderlay().NewState(netip.Addr{}) }

// Underlay is what machines reach each other by. One lock is for all of them.
type Underlay struct {
	mu       sync.Mutex
	machines map[netip.Addr]*State // by where their tunnels end
}

// NewUnderlay gives an underlay without machines.
func NewUnderlay() *Underlay { return &Underlay{machines: map[netip.Addr]*State{}} }

// NewState gives a machine with nothing on it. Others reach it at an address,
// unless that is not valid.
func (u *Underlay) NewState(tunnel netip.Addr) *State {
	s := newState(u, tunnel)
	if tunnel.IsValid() {
		u.mu.Lock()
		defer u.mu.Unlock()
		u.machines[tunnel] = s
	}
	return s
}

func newState(u *Underlay, tunnel netip.Addr) *State {
	return &State{
		Underlay: u, tunnel: tunnel,
		networks: map[string]network.NetworkSpec{}, ports: map[string]network.PortSpec{},
		groups: map[string]network.GroupSpec{}, routers: map[string]network.RouterSpec{},
		metadata: map[string]map[string][]byte{}, flows: map[flow]bool{}, nat: map[natKey]natEntry{},
	}
}

func (s *State) with(fn func(s *State) error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return fn(s)
}

// Port gives what is in force for a port; false when there is none.
func (s *State) Port(id string) (network.PortSpec, bool) { return get(s, s.ports, id) }

// Network gives what is in force for a network.
func (s *State) Network(id string) (network.NetworkSpec, bool) { return get(s, s.networks, id) }

// Group gives what is in force for a security group.
func (s *State) Group(id string) (network.GroupSpec, bool) { return get(s, s.groups, id) }

// Router gives what is in force for a router.
func (s *State) Router(id string) (network.RouterSpec, bool) { return get(s, s.routers, id) }

func get[T any](s *State, all map[string]T, id string) (T, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	spec, there := all[id]
	return spec, there
}

func (s *State) inventory() network.Inventory {
	s.mu.Lock()
	defer s.mu.Unlock()
	return network.Inventory{
		Networks: generations(s.networks, func(n network.NetworkSpec) int64 { return n.Generation }),
		Ports:    generations(s.ports, func(p network.PortSpec) int64 { return p.Generation }),
		Groups:   generations(s.groups, func(g network.GroupSpec) int64 { return g.Generation }),
		Routers:  generations(s.routers, func(r network.RouterSpec) int64 { return r.Generation }),
	}
}

func generations[T any](all map[string]T, of func(T) int64) map[string]int64 {
	out := make(map[string]int64, len(all))
	for id, spec := range all {
		out[id] = of(spec)
	}
	return out
}
