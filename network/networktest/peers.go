package networktest

import (
	"net/netip"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/cumulite/cumulite/network"
	"github.com/cumulite/cumulite/network/frame"
)

var peerCases = []testCase{
	{"peers", "a network is one broadcast domain on all hosts that have each other as peers", paired(testPeers)},
	{"no peers", "frames go to and come from peers and no other host", paired(testNoPeers)},
	{"networks apart between hosts", "a network is one broadcast domain, whatever others have of its segment", paired(testApartBetweenHosts)},
	{"filters between hosts", "what the rules allow passes, all else is dropped, whichever host it comes from", paired(testFiltersBetweenHosts)},
	{"spoofing between hosts", "a port sends from its own MAC and addresses only, to other hosts too", paired(testSpoofingBetweenHosts)},
	{"services of each host", "what a host does for its own ports it does for no port of another host", paired(testServicesOfEachHost)},
	{"routers between hosts", "a router carries packets of ports on other hosts", paired(testRouterBetweenHosts)},
	{"floating addresses between hosts", "one external address is mapped to one fixed address, on whichever host", paired(testFloatingBetweenHosts)},
	{"routers that move", "a router on another host is found there", paired(testRouterMoves)},
	{"gateways of each host", "the gateway of an external network is each host's own", paired(testGatewayOfEachHost)},
	{"restart between hosts", "everything in force outlives the process that made it, tunnels too", paired(testRestartBetweenHosts)},
}

// pair is two machines that reach each other: the suite's own and another.
type pair struct {
	*suite
	other  *suite
	tunnel [2]netip.Addr
}

// paired makes a case out of one for two machines, for a technology with tunnels.
func paired(test func(p *pair)) func(s *suite) {
	return func(s *suite) {
		if s.machine.Second == nil {
			h, err := s.Describe(s.Context())
			require.NoError(s, err)
			require.False(s, h.Tunnel.IsValid(), "who has tunnels has a second machine")
			return
		}
		p := &pair{suite: s, other: begin(s.T, s.machine.Second(s.T), s.via)}
		p.other.made, p.other.generation = 100, 100
		for i, on := range []*suite{p.suite, p.other} {
			h, err := on.Describe(s.Context())
			require.NoError(s, err)
			require.True(s, h.Tunnel.IsValid())
			require.GreaterOrEqual(s, h.TunnelMTU, 1450)
			p.tunnel[i] = h.Tunnel
		}
		test(p)
	}
}

// shared ensures a network on both machines, each the other's peer.
func (p *pair) shared(cidr string, segment int) network.NetworkSpec {
	p.Helper()
	n := p.networkSpec(cidr)
	n.Type, n.Segment = "vxlan", segment
	p.share(n)
	return n
}

func (p *pair) share(n network.NetworkSpec) {
	p.Helper()
	for i, on := range []*suite{p.suite, p.other} {
		n.Generation, n.Peers = on.next(), []netip.Addr{p.tunnel[1-i]}
		on.ensureNetwork(n)
	}
}

// shareGroup ensures a group on both machines.
func (p *pair) shareGroup(members []netip.Prefix, rules ...network.RuleSpec) network.GroupSpec {
	p.Helper()
	g := p.group(members, rules...)
	p.other.ensureGroup(g)
	return g
}

func (p *pair) shareOpen() network.GroupSpec {
	return p.shareGroup(nil, allow(network.Ingress), allow(network.Egress))
}

// broadcast is f to everyone.
func broadcast(f frame.Frame) frame.Frame {
	f.DstMAC = frame.Broadcast
	return f
}

func testPeers(p *pair) {
	n, g := p.shared("10.1.0.0/24", 7), p.shareOpen()
	a, b := p.port(n, 10, g), p.other.port(n, 11, g)
	asked := broadcast(frame.Frame{Kind: frame.WhoHas, SrcMAC: a.MAC, Src: a.Addresses[0].IP, Dst: b.Addresses[0].IP})
	p.requireReaches(a.ID, b.ID, asked)
	for _, f := range []frame.Frame{packet(a, b, frame.UDP, 1000, 2000), packet(a, b, frame.ICMP, 8, 0), packet(a, b, frame.TCP, 1000, 80)} {
		p.requireReaches(a.ID, b.ID, f)
		p.other.requireReaches(b.ID, a.ID, f.Reply([]byte("pong")))
	}
	long := packet(b, a, frame.UDP, 1000, 2000)
	long.Payload = make([]byte, n.MTU-28)
	p.other.requireReaches(b.ID, a.ID, long)
	c := p.port(n, 12, g)
	out := p.other.machine.Send(p.T, b.ID, broadcast(packet(b, a, frame.UDP, 1000, 2000)))
	require.Len(p, out, 2, "each port once")
	require.ElementsMatch(p, []string{a.ID, c.ID}, []string{out[0].Place, out[1].Place})
}

func testNoPeers(p *pair) {
	n, g := p.shared("10.1.0.0/24", 7), p.shareOpen()
	a, b := p.port(n, 10, g), p.other.port(n, 11, g)
	there, back := packet(a, b, frame.UDP, 1000, 2000), packet(b, a, frame.UDP, 3000, 4000)
	p.requireReaches(a.ID, b.ID, there)
	p.other.requireReaches(b.ID, a.ID, back)

	n.Generation, n.Peers = p.next(), nil // while the other still has this one
	p.ensureNetwork(n)
	for range 2 {
		p.requireDropped(a.ID, there)
		p.requireDropped(a.ID, broadcast(there))
		p.other.requireDropped(b.ID, back)
		p.other.requireDropped(b.ID, broadcast(back))
		p.restart()
	}
	p.share(n)
	p.requireReaches(a.ID, b.ID, there)
	p.other.requireReaches(b.ID, a.ID, back)
	require.NoError(p, p.RemovePort(p.Context(), a.ID))
	require.NoError(p, p.RemoveNetwork(p.Context(), n.ID))
	p.other.requireDropped(b.ID, broadcast(back))
}

func testApartBetweenHosts(p *pair) {
	g := p.shareOpen()
	red, blue := p.shared("10.1.0.0/24", 7), p.shared("10.1.0.0/24", 8)
	a, b, c := p.port(red, 10, g), p.other.port(red, 11, g), p.other.port(blue, 12, g)
	out := p.machine.Send(p.T, a.ID, broadcast(packet(a, b, frame.UDP, 1000, 2000)))
	require.Len(p, out, 1)
	require.Equal(p, b.ID, out[0].Place)
	p.requireDropped(a.ID, packet(a, c, frame.UDP, 1000, 2000))

	// A host that has a network still whose segment another got meanwhile.
	old, late := p.networkSpec("10.1.0.0/24"), p.networkSpec("10.1.0.0/24")
	old.Type, old.Segment, old.Peers = "vxlan", 9, []netip.Addr{p.tunnel[1]}
	late.Type, late.Segment, late.Peers = "vxlan", 9, []netip.Addr{netip.MustParseAddr("192.0.2.99")}
	p.ensureNetwork(old)
	p.other.ensureNetwork(late)
	d, e := p.port(old, 13, g), p.other.port(late, 14, g)
	p.requireDropped(d.ID, packet(d, e, frame.UDP, 1000, 2000))
	p.requireDropped(d.ID, broadcast(packet(d, e, frame.UDP, 1000, 2000)))
}

func testFiltersBetweenHosts(p *pair) {
	n := p.shared("10.1.0.0/24", 7)
	friends := p.shareGroup([]netip.Prefix{netip.MustParsePrefix("10.1.0.10/32")}, allow(network.Egress))
	strangers := p.shareGroup(nil, allow(network.Egress))
	db := tcp(network.Ingress, 5432, 5432)
	db.RemoteGroup = friends.ID
	ping := network.RuleSpec{Direction: network.Ingress, Protocol: frame.ICMP, PortMin: 8, PortMax: 0}
	served := p.shareGroup(nil, db, ping)
	a, x := p.port(n, 10, friends), p.port(n, 11, strangers)
	b := p.other.port(n, 12, served)
	asked := packet(a, b, frame.TCP, 1000, 5432)
	p.other.requireDropped(b.ID, asked.Reply(nil))
	p.requireReaches(a.ID, b.ID, asked)
	p.other.requireReaches(b.ID, a.ID, asked.Reply([]byte("pong")))
	p.requireDropped(a.ID, packet(a, b, frame.TCP, 1000, 5433))
	p.requireDropped(x.ID, packet(x, b, frame.TCP, 1000, 5432))
	p.requireReaches(x.ID, b.ID, packet(x, b, frame.ICMP, 8, 0))
	p.other.requireDropped(b.ID, packet(b, a, frame.TCP, 1000, 80))

	friends.Generation, friends.Members = p.next()+p.other.next(), nil
	for _, on := range []*suite{p.suite, p.other} {
		on.ensureGroup(friends)
	}
	p.requireDropped(a.ID, packet(a, b, frame.TCP, 1001, 5432))
	p.other.requireDropped(b.ID, asked.Reply(nil))
}

func testSpoofingBetweenHosts(p *pair) {
	n, g := p.shared("10.1.0.0/24", 7), p.shareOpen()
	a, b, c := p.port(n, 10, g), p.other.port(n, 11, g), p.other.port(n, 12, g)
	good := packet(a, b, frame.UDP, 1000, 2000)
	p.requireReaches(a.ID, b.ID, good)
	stolenIP, stolenMAC, stolenARP := good, good, good
	stolenIP.Src, stolenMAC.SrcMAC = c.Addresses[0].IP, c.MAC
	stolenARP.Kind, stolenARP.Src = frame.IsAt, c.Addresses[0].IP
	for _, f := range []frame.Frame{stolenIP, stolenMAC, stolenARP} {
		p.requireDropped(a.ID, f)
		p.requireDropped(a.ID, broadcast(f))
	}
	p.other.requireReaches(b.ID, c.ID, packet(b, c, frame.UDP, 1000, 2000))
}

func testServicesOfEachHost(p *pair) {
	n, g := p.shared("10.1.0.0/24", 7), p.shareOpen()
	a, b := p.port(n, 10, g), p.other.port(n, 11, g)
	loose := p.other.portSpec(n, 12)
	loose.PortSecurity = false // it would hear what is asked across
	p.other.ensurePort(loose)
	ports := map[*suite]network.PortSpec{p.suite: a, p.other: b}
	for s, port := range ports {
		offer := s.discover(port)
		require.NotNil(p, offer)
		require.Equal(p, port.Addresses[0].IP.String(), offer.YourIPAddr.String())
	}
	asked := broadcast(frame.Frame{Kind: frame.WhoHas, SrcMAC: a.MAC, Src: a.Addresses[0].IP, Dst: netip.MustParseAddr("169.254.169.254")})
	for _, d := range p.machine.Send(p.T, a.ID, asked) {
		require.Equal(p, a.ID, d.Place, "who is the metadata service is asked on one's own host")
	}
	const path = "openstack/latest/meta_data.json"
	for s, port := range ports {
		require.NoError(p, s.SetMetadata(p.Context(), port.ID, network.Metadata{Files: map[string][]byte{path: []byte(port.ID)}}))
		got, there := s.machine.Metadata(p.T, port.ID, "/"+path)
		require.True(p, there)
		require.Equal(p, port.ID, string(got))
	}
}

func testRouterBetweenHosts(p *pair) {
	g := p.shareOpen()
	red, blue := p.shared("10.1.0.0/24", 7), p.shared("10.2.0.0/24", 8)
	a, b := p.port(red, 10, g), p.other.port(blue, 10, g)
	legs := []network.RouterInterface{p.leg(red, 1), p.leg(blue, 1)}
	p.router(network.RouterSpec{Interfaces: legs})
	asked := via(packet(a, b, frame.TCP, 1000, 80), legs[0])
	got := p.requireReaches(a.ID, b.ID, asked)
	require.Equal(p, legs[1].MAC, got.SrcMAC)
	p.other.requireReaches(b.ID, a.ID, got.Reply([]byte("pong")))
	c := p.other.port(red, 11, g)
	p.other.requireReaches(c.ID, b.ID, via(packet(c, b, frame.TCP, 1000, 80), legs[0]))
}

func testFloatingBetweenHosts(p *pair) {
	n, ext := p.shared("10.1.0.0/24", 7), p.external()
	a := p.other.port(n, 10, p.shareOpen())
	spec, leg := p.outside(n, ext)
	external := netip.MustParseAddr("203.0.113.50")
	spec.Floating = []network.FloatingSpec{{ID: uuid.NewString(), External: external, Fixed: a.Addresses[0].IP}}
	r := p.router(spec)
	out := p.other.requireReaches(a.ID, ext.ID, toHost(a, ext, leg))
	require.Equal(p, external, out.Src)
	in := frame.Frame{
		SrcMAC: out.DstMAC, DstMAC: r.Gateway.MAC, Src: ext.Subnets[0].Gateway, Dst: external,
		Protocol: frame.TCP, SrcPort: 5000, DstPort: 22, Payload: []byte("hello"),
	}
	got := p.requireReaches(ext.ID, a.ID, in)
	require.Equal(p, external, p.other.requireReaches(a.ID, ext.ID, got.Reply(nil)).Src)
}

func testRouterMoves(p *pair) {
	g := p.shareOpen()
	red, blue := p.shared("10.1.0.0/24", 7), p.shared("10.2.0.0/24", 8)
	a, b := p.port(red, 10, g), p.other.port(blue, 10, g)
	legs := []network.RouterInterface{p.leg(red, 1), p.leg(blue, 1)}
	r := p.router(network.RouterSpec{Interfaces: legs})
	f := via(packet(a, b, frame.UDP, 1000, 80), legs[0])
	got := p.requireReaches(a.ID, b.ID, f)
	p.other.requireReaches(b.ID, a.ID, got.Reply(nil))
	require.NoError(p, p.RemoveRouter(p.Context(), r.ID))
	p.requireDropped(a.ID, f)

	p.other.router(r)
	got = p.requireReaches(a.ID, b.ID, f)
	p.other.requireReaches(b.ID, a.ID, got.Reply(nil))
	require.NoError(p, p.other.RemoveRouter(p.Context(), r.ID))
	p.router(r)
	p.requireReaches(a.ID, b.ID, f)
}

func testGatewayOfEachHost(p *pair) {
	ext := p.networkSpec("203.0.113.0/24")
	ext.Type, ext.Segment, ext.External, ext.Subnets[0].DHCP = "vxlan", 7, true, false
	p.share(ext)
	g := p.shareOpen()
	a, b := p.port(ext, 10, g), p.other.port(ext, 11, g)
	asked := broadcast(frame.Frame{Kind: frame.WhoHas, SrcMAC: a.MAC, Src: a.Addresses[0].IP, Dst: ext.Subnets[0].Gateway})
	answers := 0
	for _, d := range p.machine.Send(p.T, a.ID, asked) {
		if d.Frame.Kind == frame.IsAt {
			answers++
		}
	}
	require.Equal(p, 1, answers)
	p.requireReaches(a.ID, b.ID, packet(a, b, frame.UDP, 1000, 2000))
}

func testRestartBetweenHosts(p *pair) {
	n, g := p.shared("10.1.0.0/24", 7), p.shareOpen()
	a, b := p.port(n, 10, g), p.other.port(n, 11, g)
	f := packet(a, b, frame.TCP, 1000, 80)
	p.restart()
	p.requireReaches(a.ID, b.ID, f)
	p.other.restart()
	p.other.requireReaches(b.ID, a.ID, f.Reply(nil))
	late := n
	late.Generation, late.Peers = 0, nil
	p.ensureNetwork(late)
	p.requireReaches(a.ID, b.ID, f)
}
