package networktest

import (
	"net/netip"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/cumulite/cumulite/network"
	"github.com/cumulite/cumulite/network/frame"
)

var routerCases = []testCase{
	{"routing", "a router carries packets between the networks of its interfaces", testRouting},
	{"answers of the router", "a router answers for its own addresses", testRouterAnswers},
	{"extra routes", "a router follows its routes", testExtraRoutes},
	{"source NAT", "with SNAT, packets to outside leave with the gateway's address, and answers find back", testSNAT},
	{"floating addresses", "one external address is mapped to one fixed address, both ways", testFloating},
	{"removal of a router", "Remove takes the object and all its traces away", testRemoveRouter},
}

// leg gives a router's interface at the n-th address of a network.
func (s *suite) leg(n network.NetworkSpec, host int) network.RouterInterface {
	s.made++
	cidr := n.Subnets[0].CIDR
	return network.RouterInterface{
		PortID: uuid.NewString(), NetworkID: n.ID, MAC: "fa:16:3e:01:00:" + hex(s.made),
		Addresses: []netip.Prefix{netip.PrefixFrom(nth(cidr, host), cidr.Bits())},
	}
}

func hex(n int) string { return string("0123456789abcdef"[n>>4&15]) + string("0123456789abcdef"[n&15]) }

func (s *suite) router(r network.RouterSpec) network.RouterSpec {
	s.Helper()
	if r.ID == "" {
		r.ID = uuid.NewString()
	}
	r.Generation = s.next()
	require.NoError(s, s.EnsureRouter(s.Context(), r))
	return r
}

// external ensures an external network, on which the host has the gateway's address.
func (s *suite) external() network.NetworkSpec {
	n := s.network("203.0.113.0/24")
	n.Generation, n.External, n.Subnets[0].DHCP = s.next(), true, false
	s.ensureNetwork(n)
	return n
}

// via makes f go by a router's leg.
func via(f frame.Frame, l network.RouterInterface) frame.Frame {
	f.DstMAC = l.MAC
	return f
}

func testRouting(s *suite) {
	red, blue, g := s.network("10.1.0.0/24"), s.network("10.2.0.0/24"), s.open()
	a, b := s.port(red, 10, g), s.port(blue, 10, g)
	legs := []network.RouterInterface{s.leg(red, 1), s.leg(blue, 1)}
	r := s.router(network.RouterSpec{Interfaces: legs})
	asked := via(packet(a, b, frame.TCP, 1000, 80), legs[0])
	got := s.requireReaches(a.ID, b.ID, asked)
	require.Equal(s, legs[1].MAC, got.SrcMAC)
	require.Equal(s, b.MAC, got.DstMAC)
	require.Equal(s, asked.Payload, got.Payload)
	require.Equal(s, a.Addresses[0].IP, got.Src)
	s.requireReaches(b.ID, a.ID, got.Reply([]byte("pong")))

	r.Disabled = true
	s.router(r)
	s.requireDropped(a.ID, asked)
}

func testRouterAnswers(s *suite) {
	n, g := s.network("10.1.0.0/24"), s.open()
	a, leg := s.port(n, 10, g), s.leg(n, 1)
	s.router(network.RouterSpec{Interfaces: []network.RouterInterface{leg}})
	at := s.requireReaches(a.ID, a.ID, frame.Frame{
		Kind: frame.WhoHas, SrcMAC: a.MAC, DstMAC: frame.Broadcast, Src: a.Addresses[0].IP, Dst: nth(n.Subnets[0].CIDR, 1),
	})
	require.Equal(s, frame.IsAt, at.Kind)
	require.Equal(s, leg.MAC, at.SrcMAC)
	ping := frame.Frame{
		SrcMAC: a.MAC, DstMAC: leg.MAC, Src: a.Addresses[0].IP, Dst: nth(n.Subnets[0].CIDR, 1),
		Protocol: frame.ICMP, SrcPort: 8, Payload: []byte("ping"),
	}
	require.Equal(s, 0, s.requireReaches(a.ID, a.ID, ping).SrcPort)
}

func testExtraRoutes(s *suite) {
	red, blue, g := s.network("10.1.0.0/24"), s.network("10.2.0.0/24"), s.open()
	a, hop := s.port(red, 10, g), s.portSpec(blue, 10, g)
	hop.PortSecurity = false
	s.ensurePort(hop)
	leg := s.leg(red, 1)
	r := network.RouterSpec{Interfaces: []network.RouterInterface{leg, s.leg(blue, 1)}}
	r = s.router(r)
	f := via(packet(a, hop, frame.UDP, 1000, 2000), leg)
	f.Dst = netip.MustParseAddr("192.168.7.7")
	s.requireDropped(a.ID, f)
	r.Routes = []network.Route{{Destination: netip.MustParsePrefix("192.168.0.0/16"), NextHop: hop.Addresses[0].IP}}
	s.router(r)
	require.Equal(s, f.Dst, s.requireReaches(a.ID, hop.ID, f).Dst)
}

// outside gives a router between a network and an external one.
func (s *suite) outside(n, ext network.NetworkSpec) (r network.RouterSpec, leg network.RouterInterface) {
	leg = s.leg(n, 1)
	gw := s.leg(ext, 20)
	r = network.RouterSpec{
		Interfaces: []network.RouterInterface{leg}, Gateway: &gw, GatewayIP: []netip.Addr{ext.Subnets[0].Gateway}, SNAT: true,
	}
	return r, leg
}

// toHost is a packet of a port to the host on an external network.
func toHost(p network.PortSpec, ext network.NetworkSpec, leg network.RouterInterface) frame.Frame {
	return frame.Frame{
		SrcMAC: p.MAC, DstMAC: leg.MAC, Src: p.Addresses[0].IP, Dst: ext.Subnets[0].Gateway,
		Protocol: frame.UDP, SrcPort: 1000, DstPort: 53, Payload: []byte("ping"),
	}
}

func testSNAT(s *suite) {
	n, ext := s.network("10.1.0.0/24"), s.external()
	a := s.port(n, 10, s.group(nil, allow(network.Egress)))
	spec, leg := s.outside(n, ext)
	r := s.router(spec)
	got := s.requireReaches(a.ID, ext.ID, toHost(a, ext, leg))
	require.Equal(s, r.Gateway.Addresses[0].Addr(), got.Src)
	answer := s.requireReaches(ext.ID, a.ID, got.Reply([]byte("pong")))
	require.Equal(s, a.Addresses[0].IP, answer.Dst)
	require.Equal(s, "pong", string(answer.Payload))

	r.SNAT = false
	s.router(r)
	second := toHost(a, ext, leg)
	second.SrcPort = 1001
	require.Equal(s, a.Addresses[0].IP, s.requireReaches(a.ID, ext.ID, second).Src)
}

func testFloating(s *suite) {
	n, ext := s.network("10.1.0.0/24"), s.external()
	a := s.port(n, 10, s.open())
	spec, leg := s.outside(n, ext)
	external := netip.MustParseAddr("203.0.113.50")
	spec.Floating = []network.FloatingSpec{{ID: uuid.NewString(), External: external, Fixed: a.Addresses[0].IP}}
	r := s.router(spec)

	out := s.requireReaches(a.ID, ext.ID, toHost(a, ext, leg))
	require.Equal(s, external, out.Src)
	in := frame.Frame{
		SrcMAC: out.DstMAC, DstMAC: r.Gateway.MAC, Src: ext.Subnets[0].Gateway, Dst: external,
		Protocol: frame.TCP, SrcPort: 5000, DstPort: 22, Payload: []byte("hello"),
	}
	got := s.requireReaches(ext.ID, a.ID, in)
	require.Equal(s, a.Addresses[0].IP, got.Dst)
	require.Equal(s, in.Src, got.Src)
	require.Equal(s, external, s.requireReaches(a.ID, ext.ID, got.Reply(nil)).Src)

	r.Floating = nil
	s.router(r)
	in.SrcPort = 5001
	s.requireDropped(ext.ID, in)
}

func testRemoveRouter(s *suite) {
	red, blue, g := s.network("10.1.0.0/24"), s.network("10.2.0.0/24"), s.open()
	a, b, leg := s.port(red, 10, g), s.port(blue, 10, g), s.leg(red, 1)
	r := s.router(network.RouterSpec{Interfaces: []network.RouterInterface{leg, s.leg(blue, 1)}})
	f := via(packet(a, b, frame.TCP, 1000, 80), leg)
	s.requireReaches(a.ID, b.ID, f)
	for range 2 {
		require.NoError(s, s.RemoveRouter(s.Context(), r.ID))
		s.requireDropped(a.ID, f)
	}
}
