package simnetwork

import (
	"net/netip"
	"slices"

	"github.com/cumulite/cumulite/network"
	"github.com/cumulite/cumulite/network/frame"
)

// maxHops ends loops between routers, as a packet's time to live does.
const maxHops = 16

// natKey is a translated conversation as its answers look.
type natKey struct {
	router string
	answer flow
}

// natEntry is what the answers' addresses become again.
type natEntry struct{ src, dst netip.Addr }

// leg is a router's interface; gateway tells whether it is the external one.
type leg struct {
	network.RouterInterface
	gateway bool
}

func legs(r network.RouterSpec) []leg {
	var all []leg
	for _, i := range r.Interfaces {
		all = append(all, leg{RouterInterface: i})
	}
	if r.Gateway != nil {
		all = append(all, leg{RouterInterface: *r.Gateway, gateway: true})
	}
	return all
}

func (l leg) has(a netip.Addr) bool {
	return slices.ContainsFunc(l.Addresses, func(p netip.Prefix) bool { return p.Addr() == a })
}

// toRouter hands a frame on a network to a router that has a leg there.
func (w walk) toRouter(r network.RouterSpec, n network.NetworkSpec, from string, f frame.Frame) {
	if r.Disabled {
		return
	}
	for _, l := range legs(r) {
		if l.NetworkID != n.ID || l.PortID == from {
			continue
		}
		switch {
		case f.Kind == frame.WhoHas && (l.has(f.Dst) || l.gateway && floats(r, f.Dst)):
			w.across(n, l.PortID, isAt(l.MAC, f))
		case f.Kind == frame.IP && f.DstMAC == l.MAC:
			w.route(r, l, f)
		}
	}
}

func floats(r network.RouterSpec, a netip.Addr) bool {
	return slices.ContainsFunc(r.Floating, func(x network.FloatingSpec) bool { return x.External == a })
}

// route sends a packet that came in at a leg on its way.
func (w walk) route(r network.RouterSpec, in leg, f frame.Frame) {
	if w.hops++; w.hops > maxHops {
		return
	}
	came := f
	f, answer := w.translateBack(r, f)
	if !answer {
		f.Dst = fixedOf(r, f.Dst)
	}
	if slices.ContainsFunc(legs(r), func(l leg) bool { return l.has(f.Dst) }) {
		w.ping(r, in, f)
		return
	}
	out, next, found := hop(r, f.Dst)
	if !found {
		return
	}
	if !answer {
		f.Src = source(r, in, out, came, f)
		w.remember(r, came, f)
	}
	w.send(r, out, next, f)
}

// ping answers who pings the router itself.
func (w walk) ping(r network.RouterSpec, in leg, f frame.Frame) {
	if protocol, typ := frame.EchoRequest(f.Dst); f.Protocol != protocol || f.SrcPort != typ {
		return
	}
	w.send(r, in, f.Src, f.Reply(f.Payload))
}

// send puts a packet on the network of a leg, to the next hop's MAC address.
func (w walk) send(r network.RouterSpec, out leg, next netip.Addr, f frame.Frame) {
	n := w.networks[out.NetworkID]
	mac, known := w.macOf(n, next)
	if !known {
		return
	}
	f.SrcMAC, f.DstMAC = out.MAC, mac
	w.across(n, out.PortID, f)
}

// hop finds the leg and the address that a packet goes to next.
func hop(r network.RouterSpec, dst netip.Addr) (out leg, next netip.Addr, found bool) {
	if l, on := connected(r, dst); on {
		return l, dst, true
	}
	best := -1
	for _, route := range r.Routes {
		l, on := connected(r, route.NextHop)
		if on && route.Destination.Contains(dst) && route.Destination.Bits() > best {
			out, next, found, best = l, route.NextHop, true, route.Destination.Bits()
		}
	}
	if found || r.Gateway == nil {
		return out, next, found
	}
	for _, gw := range r.GatewayIP {
		if gw.Is4() == dst.Is4() {
			return leg{RouterInterface: *r.Gateway, gateway: true}, gw, true
		}
	}
	return leg{}, netip.Addr{}, false
}

func connected(r network.RouterSpec, a netip.Addr) (leg, bool) {
	for _, l := range legs(r) {
		if slices.ContainsFunc(l.Addresses, func(p netip.Prefix) bool { return p.Masked().Contains(a) }) {
			return l, true
		}
	}
	return leg{}, false
}

// macOf gives who has an address on a network.
func (w walk) macOf(n network.NetworkSpec, a netip.Addr) (string, bool) {
	if n.External && slices.ContainsFunc(n.Subnets, func(s network.SubnetSpec) bool { return s.Gateway == a }) {
		return hostMAC(n.ID), true
	}
	if mac, known := w.macHere(n, a); known {
		return mac, true
	}
	for there, m := range w.beyond(n) {
		if mac, known := there.macHere(m, a); known {
			return mac, true
		}
	}
	return "", false
}

// macHere gives which port or router of this machine has an address.
func (w walk) macHere(n network.NetworkSpec, a netip.Addr) (string, bool) {
	for _, p := range w.ports {
		if p.NetworkID == n.ID && slices.ContainsFunc(p.Addresses, func(x network.Address) bool { return x.IP == a }) {
			return p.MAC, true
		}
	}
	for _, r := range w.routers {
		for _, l := range legs(r) {
			if l.NetworkID == n.ID && (l.has(a) || l.gateway && floats(r, a)) {
				return l.MAC, true
			}
		}
	}
	return "", false
}

// fixedOf gives where a floating address leads; other addresses stay.
func fixedOf(r network.RouterSpec, dst netip.Addr) netip.Addr {
	for _, x := range r.Floating {
		if x.External == dst {
			return x.Fixed
		}
	}
	return dst
}

// source gives the address that a packet leaves with: outside, and inside when
// it went to a floating address, senders have their own floating address, or
// with SNAT the router's.
func source(r network.RouterSpec, in, out leg, came, f frame.Frame) netip.Addr {
	turned := !in.gateway && came.Dst != f.Dst
	if in.gateway || !out.gateway && !turned || !f.Src.Is4() {
		return f.Src
	}
	for _, x := range r.Floating {
		if x.Fixed == f.Src {
			return x.External
		}
	}
	if r.SNAT && r.Gateway != nil {
		for _, p := range r.Gateway.Addresses {
			if p.Addr().Is4() {
				return p.Addr()
			}
		}
	}
	return f.Src
}

// remember keeps how a conversation was translated, for its answers.
func (w walk) remember(r network.RouterSpec, came, f frame.Frame) {
	if came.Src == f.Src && came.Dst == f.Dst {
		return
	}
	w.nat[natKey{router: r.ID, answer: flowOf("", f.Reply(nil))}] = natEntry{src: came.Dst, dst: came.Src}
}

func (w walk) translateBack(r network.RouterSpec, f frame.Frame) (frame.Frame, bool) {
	e, known := w.nat[natKey{router: r.ID, answer: flowOf("", f)}]
	if known {
		f.Src, f.Dst = e.src, e.dst
	}
	return f, known
}
