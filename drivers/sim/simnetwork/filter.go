package simnetwork

import (
	"net/netip"
	"slices"

	"github.com/cumulite/cumulite/network"
	"github.com/cumulite/cumulite/network/frame"
)

// mayClaim tells whether a port may send from the addresses in f.
func mayClaim(p network.PortSpec, f frame.Frame) bool {
	if f.SrcMAC == p.MAC && (!f.Src.IsValid() || f.Src.IsUnspecified() || f.Src == linkLocal(p.MAC)) {
		return true
	}
	if f.SrcMAC == p.MAC && slices.ContainsFunc(p.Addresses, func(a network.Address) bool { return a.IP == f.Src }) {
		return true
	}
	return slices.ContainsFunc(p.Pairs, func(pair network.Pair) bool {
		return (pair.MAC == f.SrcMAC || pair.MAC == "" && f.SrcMAC == p.MAC) && pair.Prefix.Contains(f.Src)
	})
}

// served tells whether f is of a service that hosts give and guests must not:
// answers of DHCP, advertisements of routers.
func served(f frame.Frame) bool {
	return f.Protocol == frame.UDP && (f.SrcPort == 67 && f.DstPort == 68 || f.SrcPort == 547 && f.DstPort == 546) ||
		f.Protocol == frame.ICMPv6 && f.SrcPort == 134
}

// passes tells whether a port's groups let f through in that direction, and
// remembers it, so that answers pass.
func (s *State) passes(p network.PortSpec, dir network.Direction, f frame.Frame) bool {
	if !p.PortSecurity || f.Kind != frame.IP {
		return true
	}
	if s.answers(p, dir, f) {
		return true
	}
	allowed, stateful := s.allowed(p, dir, f)
	if allowed && stateful {
		s.flows[flowOf(p.ID, f)] = true
	}
	return allowed
}

// answers tells whether f answers what was let through, and still would be.
func (s *State) answers(p network.PortSpec, dir network.Direction, f frame.Frame) bool {
	asked := question(f)
	if !s.flows[flowOf(p.ID, asked)] {
		return false
	}
	other := network.Egress
	if dir == network.Egress {
		other = network.Ingress
	}
	allowed, stateful := s.allowed(p, other, asked)
	return allowed && stateful
}

// question gives the frame that f would answer.
func question(f frame.Frame) frame.Frame {
	q := f.Reply(nil)
	switch {
	case f.Protocol == frame.ICMP && f.SrcPort == 0:
		q.SrcPort = 8
	case f.Protocol == frame.ICMPv6 && f.SrcPort == 129:
		q.SrcPort = 128
	}
	return q
}

func flowOf(place string, f frame.Frame) flow {
	return flow{place: place, protocol: f.Protocol, src: f.Src, dst: f.Dst, srcPort: f.SrcPort, dstPort: f.DstPort}
}

func (s *State) allowed(p network.PortSpec, dir network.Direction, f frame.Frame) (allowed, stateful bool) {
	for _, id := range p.Groups {
		g, known := s.groups[id]
		if !known {
			continue
		}
		if slices.ContainsFunc(g.Rules, func(r network.RuleSpec) bool { return s.matches(r, dir, f) }) {
			allowed, stateful = true, stateful || g.Stateful
		}
	}
	return allowed, stateful
}

func (s *State) matches(r network.RuleSpec, dir network.Direction, f frame.Frame) bool {
	remote := f.Src
	if dir == network.Egress {
		remote = f.Dst
	}
	switch {
	case r.Direction != dir || r.IPv6 != remote.Is6():
		return false
	case r.Protocol != 0 && r.Protocol != f.Protocol:
		return false
	case r.Remote.IsValid() && !r.Remote.Contains(remote):
		return false
	case r.RemoteGroup != "" && !s.isMember(r.RemoteGroup, remote):
		return false
	}
	return r.Protocol == 0 || matchesPorts(r, f)
}

func (s *State) isMember(group string, a netip.Addr) bool {
	return slices.ContainsFunc(s.groups[group].Members, func(p netip.Prefix) bool { return p.Contains(a) })
}

func matchesPorts(r network.RuleSpec, f frame.Frame) bool {
	if f.IsICMP() {
		return (r.PortMin < 0 || r.PortMin == f.SrcPort) && (r.PortMax < 0 || r.PortMax == f.DstPort)
	}
	return r.PortMin < 0 || r.PortMin <= f.DstPort && f.DstPort <= r.PortMax
}

// linkLocal gives the address that a guest makes of its MAC (RFC 4291, appendix A).
func linkLocal(mac string) netip.Addr {
	m, err := parseMAC(mac)
	if err != nil {
		return netip.Addr{}
	}
	a := [16]byte{0: 0xfe, 1: 0x80, 8: m[0] ^ 2, 9: m[1], 10: m[2], 11: 0xff, 12: 0xfe, 13: m[3], 14: m[4], 15: m[5]}
	return netip.AddrFrom16(a)
}
