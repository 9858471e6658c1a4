// Package filter keeps the packet filter of a host's bridges: which frames a
// port may send, which connections security groups allow, which connections
// are answers. The package linuxnet shows where its chains stand in the way of
// a frame.
//
// The kernel knows nothing of connections in the bridge family. It shows
// bridged IPv4 packets to the IP family though (bridge-nf-call-iptables), with
// the bridge as their link. There, a table puts each bridge's connections in a
// zone of its own, and marks packets that answer a connection. All decisions
// are in the bridge family, which sees ports and that mark.
//
// A connection lives as long as its first direction is allowed: only packets
// of the other direction are answers. When rules are taken away, or members
// leave, the connections that only they had allowed end at once.
package filter

import (
	"errors"
	"fmt"
	"maps"
	"net"
	"net/netip"
	"reflect"
	"slices"
	"sync"

	"github.com/cumulite/cumulite/drivers/linuxnet/namespace"
	"github.com/cumulite/cumulite/drivers/linuxnet/nft"
	"github.com/cumulite/cumulite/network"
)

// Names says by the beginnings of their names which links a filter is for. It
// touches no frame of other links.
type Names struct {
	Table    string // of the filter's tables
	Links    string // all that are ports of its bridges, and the bridges
	Bridges  string
	Taps     string
	Metadata string
	Tunnels  string // to other hosts
	Plugs    string // of the host itself, on the bridge
	Hosts    string // the host's own ends of them
}

// answer is the mark of packets that answer a connection, or are about one.
const answer = 0x10000000

// Bridge is one network.
type Bridge struct {
	Link string
	Zone uint16 // of its connections, no other bridge's
	// Segment is that of the bridge's VXLAN tunnels, no other bridge's, and
	// Peers are those that they come from, each once.
	Segment int
	Peers   []netip.Addr
}

// Port is a guest's place on a bridge.
type Port struct {
	Network  string // the bridge's id
	Tap      string
	MAC      net.HardwareAddr
	Fixed    []netip.Addr // its IPv4 addresses
	Pairs    []Pair       // more that it may send from
	Groups   []string
	Secure   bool             // false: it may send and get anything
	Blocked  bool             // it may send and get nothing
	DHCP     bool             // its requests are answered before they come here
	Metadata net.HardwareAddr // of the metadata service on its network
}

// OnlyOne tells whether the port can have no MAC but its own.
func (p Port) OnlyOne() bool {
	return p.Secure && !slices.ContainsFunc(p.Pairs, func(pair Pair) bool { return !slices.Equal(pair.MAC, p.MAC) })
}

// Pair is a sender that a port may be.
type Pair struct {
	MAC    net.HardwareAddr
	Prefix netip.Prefix
}

// Filter is the filter in one network namespace. Methods may be called at once.
type Filter struct {
	layout
	space *namespace.Space

	mu      sync.Mutex
	bridges map[string]Bridge
	ports   map[string]Port
	groups  map[string]network.GroupSpec
	made    map[string]bool // groups that have chains, known or only named by someone
	stale   bool            // it is not known what is in force
	ending  []Port          // whose connections are still to end
	overdue bool            // there may be connections that are not allowed
}

// New gives the filter with these objects by id and puts it in force in one
// step, in place of what an earlier process had. Groups that cannot be
// expressed are left out, and named in the error.
func New(space *namespace.Space, names Names, bridges map[string]Bridge, ports map[string]Port, groups map[string]network.GroupSpec) (*Filter, error) {
	f := &Filter{
		layout: layoutOf(names), space: space, overdue: true, made: map[string]bool{},
		bridges: maps.Clone(bridges), ports: maps.Clone(ports), groups: map[string]network.GroupSpec{},
	}
	var bad error
	for id, g := range groups {
		if err := check(g); err != nil {
			bad = errors.Join(bad, fmt.Errorf("security group %s: %w", id, err))
			continue
		}
		f.groups[id] = g
	}
	if err := f.load(); err != nil {
		return nil, err
	}
	return f, bad
}

// load renews both tables.
func (f *Filter) load() error {
	b, err := nft.Begin(f.space.FD())
	if err != nil {
		return err
	}
	made := map[string]bool{}
	b.Renew(f.frames)
	b.Renew(f.packets)
	f.base(b)
	for id := range f.named() {
		f.makeGroup(b, id)
		made[id] = true
	}
	for _, br := range f.bridges {
		f.setBridge(b, br)
	}
	for _, g := range f.groups {
		f.setGroup(b, g)
	}
	for id, p := range f.ports {
		f.setPort(b, id, p)
	}
	if err := b.Commit(); err != nil {
		return err
	}
	f.made, f.stale = made, false
	return nil
}

// named gives the groups that are known, or that ports or rules name.
func (f *Filter) named() map[string]bool {
	named := map[string]bool{}
	for id, g := range f.groups {
		named[id] = true
		for _, r := range g.Rules {
			if r.RemoteGroup != "" {
				named[r.RemoteGroup] = true
			}
		}
	}
	for _, p := range f.ports {
		for _, id := range p.Groups {
			named[id] = true
		}
	}
	return named
}

// change applies one change of an object: its transaction, with the chains of
// groups that are named from now on before it, and those no longer named taken
// away after it. When it fails the object is put back.
func (f *Filter) change(apply func(b *nft.Batch), back func()) error {
	if f.stale {
		err := f.load()
		if err != nil {
			back()
		}
		return err
	}
	b, err := nft.Begin(f.space.FD())
	if err != nil {
		back()
		return err
	}
	named := f.named()
	for id := range named {
		if !f.made[id] {
			f.makeGroup(b, id)
		}
	}
	apply(b)
	for id := range f.made {
		if !named[id] {
			f.removeGroup(b, id)
		}
	}
	if err := b.Commit(); err != nil {
		f.stale = true
		back()
		return err
	}
	f.made = named
	return nil
}

// put sets m[id] and gives what puts it back.
func put[T any](m map[string]T, id string, value T) (back func()) {
	old, was := m[id]
	m[id] = value
	return func() {
		if was {
			m[id] = old
		} else {
			delete(m, id)
		}
	}
}

// take deletes m[id] and gives what it was and what puts it back.
func take[T any](m map[string]T, id string) (old T, was bool, back func()) {
	old, was = m[id]
	delete(m, id)
	return old, was, func() { m[id] = old }
}

// SetBridge puts a network in force. A zone never changes.
func (f *Filter) SetBridge(id string, br Bridge) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	old, was := f.bridges[id]
	if was && reflect.DeepEqual(old, br) && !f.stale {
		return nil
	}
	back := put(f.bridges, id, br)
	return f.change(func(b *nft.Batch) {
		if was {
			f.removeBridge(b, old)
		}
		f.setBridge(b, br)
	}, back)
}

// RemoveBridge takes a network away.
func (f *Filter) RemoveBridge(id string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	old, was, back := take(f.bridges, id)
	if !was {
		return nil
	}
	return f.change(func(b *nft.Batch) { f.removeBridge(b, old) }, back)
}

// SetPort puts a port in force.
func (f *Filter) SetPort(id string, p Port) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	old, was := f.ports[id]
	if was && reflect.DeepEqual(old, p) && !f.stale && !f.overdue {
		return nil
	}
	back := put(f.ports, id, p)
	if err := f.change(func(b *nft.Batch) { f.setPort(b, id, p) }, back); err != nil {
		return err
	}
	if was || f.overdue {
		return f.end()
	}
	return nil
}

// RemovePort takes a port away: nothing of it passes any more.
func (f *Filter) RemovePort(id string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	old, was, back := take(f.ports, id)
	if !was {
		return nil
	}
	if err := f.change(func(b *nft.Batch) { f.removePort(b, id, old) }, back); err != nil {
		return err
	}
	return f.end(old)
}

// SetGroup puts a security group in force. One that cannot be expressed is
// refused and changes nothing.
func (f *Filter) SetGroup(g network.GroupSpec) error {
	if err := check(g); err != nil {
		return err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	old := f.groups[g.ID]
	back := put(f.groups, g.ID, g)
	if err := f.change(func(b *nft.Batch) { f.setGroup(b, g) }, back); err != nil {
		return err
	}
	if narrower(old, g) || f.overdue {
		return f.end()
	}
	return nil
}

// RemoveGroup takes a security group away; ports that still name it get
// nothing from it.
func (f *Filter) RemoveGroup(id string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	_, was, back := take(f.groups, id)
	if !was {
		return nil
	}
	err := f.change(func(b *nft.Batch) {
		if f.made[id] {
			f.setGroup(b, network.GroupSpec{ID: id})
		}
	}, back)
	if err != nil {
		return err
	}
	return f.end()
}

// Remove takes all of the filter away.
func Remove(space *namespace.Space, names Names) error {
	b, err := nft.Begin(space.FD())
	if err != nil {
		return err
	}
	l := layoutOf(names)
	b.Remove(l.frames)
	b.Remove(l.packets)
	return b.Commit()
}
