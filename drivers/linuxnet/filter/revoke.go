package filter

import (
	"fmt"
	"net/netip"
	"slices"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/cumulite/cumulite/drivers/linuxnet/namespace"
	"github.com/cumulite/cumulite/network"
)

// narrower tells whether a group might allow less than before.
func narrower(old, now network.GroupSpec) bool {
	less := func(r network.RuleSpec) bool { return !slices.Contains(now.Rules, r) }
	gone := func(p netip.Prefix) bool { return !slices.Contains(now.Members, p) }
	return old.Stateful && !now.Stateful || slices.ContainsFunc(old.Rules, less) || slices.ContainsFunc(old.Members, gone)
}

// end ends the connections that are no longer allowed, so that the other side
// cannot go on answering, and those of ports that are gone. When that fails it
// is made up for with the next change.
func (f *Filter) end(gone ...Port) error {
	f.ending = append(f.ending, gone...)
	judge := f.judge()
	_, err := namespace.Whole(func() (uint, error) {
		return f.space.Links.ConntrackDeleteFilters(netlink.ConntrackTable, unix.AF_INET, judge)
	})
	if err != nil {
		f.overdue = true
		return fmt.Errorf("end connections: %w", err)
	}
	f.ending, f.overdue = nil, false
	return nil
}

// place is an address on a network.
type place struct {
	network string
	address netip.Addr
}

// judge tells which connections are not allowed.
type judge struct {
	groups map[string]network.GroupSpec
	zones  map[uint16]string // the networks'
	ports  map[place][]Port  // all that may have an address
	paired map[string][]Port // by network: those with address pairs
	gone   map[place]bool
}

func (f *Filter) judge() judge {
	j := judge{groups: f.groups, zones: map[uint16]string{}, ports: map[place][]Port{}, paired: map[string][]Port{}, gone: map[place]bool{}}
	for id, br := range f.bridges {
		j.zones[br.Zone] = id
	}
	for _, p := range f.ports {
		for _, a := range p.Fixed {
			at := place{p.Network, a}
			j.ports[at] = append(j.ports[at], p)
		}
		if len(p.Pairs) > 0 {
			j.paired[p.Network] = append(j.paired[p.Network], p)
		}
	}
	for _, p := range f.ending {
		for _, a := range p.Fixed {
			j.gone[place{p.Network, a}] = true
		}
	}
	return j
}

// MatchConntrackFlow tells whether a connection has to end.
func (j judge) MatchConntrackFlow(c *netlink.ConntrackFlow) bool {
	net, ours := j.zones[c.Zone]
	if !ours {
		return false
	}
	from, _ := netip.AddrFromSlice(c.Forward.SrcIP)
	to, _ := netip.AddrFromSlice(c.Forward.DstIP)
	from, to = from.Unmap(), to.Unmap()
	if j.gone[place{net, from}] || j.gone[place{net, to}] {
		return true
	}
	return j.forbids(place{net, from}, network.Egress, to, c.Forward) || j.forbids(place{net, to}, network.Ingress, from, c.Forward)
}

// forbids tells whether a port has an address and none that has lets the
// first direction of a connection pass.
func (j judge) forbids(at place, d network.Direction, far netip.Addr, t netlink.IPTuple) bool {
	ports := j.ports[at]
	for _, p := range j.paired[at.network] {
		if slices.ContainsFunc(p.Pairs, func(pair Pair) bool { return pair.Prefix.Contains(at.address) }) {
			ports = append(ports, p)
		}
	}
	return len(ports) > 0 && !slices.ContainsFunc(ports, func(p Port) bool { return j.allows(p, d, far, t) })
}

func (j judge) allows(p Port, d network.Direction, far netip.Addr, t netlink.IPTuple) bool {
	switch {
	case p.Blocked:
		return false
	case !p.Secure || metadata.Contains(far) || isDHCP(t):
		return true
	}
	for _, id := range p.Groups {
		g := j.groups[id]
		if g.Stateful && slices.ContainsFunc(g.Rules, func(r network.RuleSpec) bool { return j.matches(r, d, far, t) }) {
			return true
		}
	}
	return false
}

func isDHCP(t netlink.IPTuple) bool {
	return t.Protocol == udp && (t.DstPort == dhcpServer || t.DstPort == dhcpClient)
}

// matches is groupRule for a connection, of which the type of ICMP is not known.
func (j judge) matches(r network.RuleSpec, d network.Direction, far netip.Addr, t netlink.IPTuple) bool {
	switch {
	case r.Direction != d || r.IPv6 || r.Protocol != 0 && r.Protocol != int(t.Protocol):
		return false
	case r.Remote.IsValid() && !r.Remote.Contains(far):
		return false
	case r.RemoteGroup != "" && !j.isMember(r.RemoteGroup, far):
		return false
	}
	return !ported[r.Protocol] || r.PortMin < 0 || r.PortMin <= int(t.DstPort) && int(t.DstPort) <= r.PortMax
}

func (j judge) isMember(group string, a netip.Addr) bool {
	return slices.ContainsFunc(j.groups[group].Members, func(p netip.Prefix) bool { return p.Contains(a) })
}
