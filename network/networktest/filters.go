package networktest

import (
	"net/netip"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/cumulite/cumulite/network"
	"github.com/cumulite/cumulite/network/frame"
)

var filterCases = []testCase{
	{"anti-spoofing", "a port sends from its own MAC and addresses only, and from its allowed pairs", testSpoofing},
	{"port security off", "a port without port security has neither anti-spoofing nor groups", testNoPortSecurity},
	{"no groups", "no groups and PortSecurity: nothing passes but DHCP and metadata", testNoGroups},
	{"rules", "what the rules allow passes, all else is dropped", testRules},
	{"answers", "answers to what was allowed pass", testAnswers},
	{"rules taken away", "EnsureGroup makes the group as its spec says, whatever was there before", testRulesTakenAway},
	{"conversations end", "answers pass only to what is allowed still", testConversationsEnd},
	{"remote groups", "a rule with a remote group allows its members' addresses", testRemoteGroup},
	{"remote groups of many", "a rule with a remote group allows all that its members may take, also where they overlap", testRemoteGroupOfMany},
	{"unknown groups", "until a group is known it allows nothing", testUnknownGroup},
	{"guests that serve", "with port security a guest gives no DHCP answers", testRogueDHCP},
	{"admin down", "no traffic through what is disabled", testDisabled},
}

func (s *suite) open() network.GroupSpec {
	return s.group(nil, allow(network.Ingress), allow(network.Egress))
}

func testSpoofing(s *suite) {
	n, g := s.network("10.1.0.0/24"), s.open()
	a, b := s.port(n, 10, g), s.port(n, 11, g)
	good := packet(a, b, frame.UDP, 1000, 2000)
	s.requireReaches(a.ID, b.ID, good)

	stolenIP, stolenMAC, stolenARP := good, good, good
	stolenIP.Src = nth(n.Subnets[0].CIDR, 12)
	stolenMAC.SrcMAC = "fa:16:3e:ff:ff:01"
	stolenARP.Kind, stolenARP.Src = frame.WhoHas, nth(n.Subnets[0].CIDR, 12)
	for _, f := range []frame.Frame{stolenIP, stolenMAC, stolenARP} {
		s.requireDropped(a.ID, f)
	}

	a.Generation = s.next()
	a.Pairs = []network.Pair{{Prefix: netip.MustParsePrefix("10.1.0.12/32")}}
	s.ensurePort(a)
	s.requireReaches(a.ID, b.ID, stolenIP)
	s.requireReaches(a.ID, b.ID, stolenARP)
	s.requireDropped(a.ID, stolenMAC)
}

func testNoPortSecurity(s *suite) {
	n, g := s.network("10.1.0.0/24"), s.open()
	a, b := s.portSpec(n, 10), s.port(n, 11, g)
	a.PortSecurity = false
	s.ensurePort(a)
	f := packet(a, b, frame.UDP, 1000, 2000)
	f.Src, f.SrcMAC = nth(n.Subnets[0].CIDR, 99), "fa:16:3e:ff:ff:01"
	s.requireReaches(a.ID, b.ID, f)
	s.requireReaches(b.ID, a.ID, packet(b, a, frame.TCP, 1, 2))
}

func testNoGroups(s *suite) {
	n, g := s.network("10.1.0.0/24"), s.open()
	a, b := s.port(n, 10), s.port(n, 11, g)
	s.requireDropped(a.ID, packet(a, b, frame.TCP, 1000, 80))
	s.requireDropped(b.ID, packet(b, a, frame.TCP, 1000, 80))
	require.NotNil(s, s.discover(a))
}

func testRules(s *suite) {
	n, g := s.network("10.1.0.0/24"), s.open()
	from := s.port(n, 10, g)
	other := s.port(n, 200, g)
	near := tcp(network.Ingress, 443, 443)
	near.Remote = netip.MustParsePrefix("10.1.0.0/25")
	ping := network.RuleSpec{Direction: network.Ingress, Protocol: frame.ICMP, PortMin: 8, PortMax: 0}
	to := s.port(n, 11, s.group(nil, tcp(network.Ingress, 80, 81), near, ping))

	for _, port := range []int{80, 81, 443} {
		s.requireReaches(from.ID, to.ID, packet(from, to, frame.TCP, 1000, port))
	}
	s.requireReaches(from.ID, to.ID, packet(from, to, frame.ICMP, 8, 0))
	s.requireReaches(other.ID, to.ID, packet(other, to, frame.TCP, 1000, 80))
	for _, f := range []frame.Frame{
		packet(from, to, frame.TCP, 1000, 79), packet(from, to, frame.TCP, 1000, 82),
		packet(from, to, frame.UDP, 1000, 80), packet(from, to, frame.ICMP, 13, 0),
	} {
		s.requireDropped(from.ID, f)
	}
	s.requireDropped(other.ID, packet(other, to, frame.TCP, 1000, 443))
	s.requireDropped(to.ID, packet(to, from, frame.TCP, 1000, 80))
}

func testAnswers(s *suite) {
	n := s.network("10.1.0.0/24")
	client := s.port(n, 10, s.group(nil, allow(network.Egress)))
	server := s.port(n, 11, s.group(nil, allow(network.Ingress)))
	for _, asked := range []frame.Frame{packet(client, server, frame.TCP, 1000, 80), packet(client, server, frame.ICMP, 8, 0)} {
		answer := asked.Reply([]byte("pong"))
		s.requireDropped(server.ID, answer)
		s.requireReaches(client.ID, server.ID, asked)
		s.requireReaches(server.ID, client.ID, answer)
	}
	s.requireDropped(server.ID, packet(server, client, frame.TCP, 80, 1001))
}

func testRulesTakenAway(s *suite) {
	n := s.network("10.1.0.0/24")
	g := s.group(nil, tcp(network.Ingress, 80, 80))
	from, to := s.port(n, 10, s.open()), s.port(n, 11, g)
	f := packet(from, to, frame.TCP, 1000, 80)
	s.requireReaches(from.ID, to.ID, f)
	g.Generation, g.Rules = s.next(), []network.RuleSpec{tcp(network.Ingress, 22, 22)}
	s.ensureGroup(g)
	s.requireDropped(from.ID, packet(from, to, frame.TCP, 1001, 80))
	s.requireReaches(from.ID, to.ID, packet(from, to, frame.TCP, 1000, 22))
	require.NoError(s, s.RemoveGroup(s.Context(), g.ID))
	s.requireDropped(from.ID, packet(from, to, frame.TCP, 1002, 22))
}

func testConversationsEnd(s *suite) {
	n := s.network("10.1.0.0/24")
	g := s.group(nil, tcp(network.Ingress, 80, 80), tcp(network.Ingress, 22, 22))
	from, to := s.port(n, 10, s.open()), s.port(n, 11, g)
	web, shell := packet(from, to, frame.TCP, 1000, 80), packet(from, to, frame.TCP, 1000, 22)
	for _, f := range []frame.Frame{web, shell} {
		s.requireReaches(from.ID, to.ID, f)
		s.requireReaches(to.ID, from.ID, f.Reply(nil))
	}
	g.Generation, g.Rules = s.next(), []network.RuleSpec{tcp(network.Ingress, 22, 22)}
	s.ensureGroup(g)
	s.requireDropped(to.ID, web.Reply(nil))
	s.requireReaches(to.ID, from.ID, shell.Reply(nil))

	to.Generation, to.Groups = s.next(), nil
	s.ensurePort(to)
	s.requireDropped(to.ID, shell.Reply(nil))
}

func testRemoteGroup(s *suite) {
	n, g := s.network("10.1.0.0/24"), s.open()
	a, b := s.port(n, 10, g), s.port(n, 11, g)
	friends := s.group([]netip.Prefix{alone(a)})
	rule := allow(network.Ingress)
	rule.RemoteGroup = friends.ID
	to := s.port(n, 12, s.group(nil, rule))
	s.requireReaches(a.ID, to.ID, packet(a, to, frame.TCP, 1000, 80))
	s.requireDropped(b.ID, packet(b, to, frame.TCP, 1000, 80))

	friends.Generation, friends.Members = s.next(), []netip.Prefix{alone(b)}
	s.ensureGroup(friends)
	s.requireReaches(b.ID, to.ID, packet(b, to, frame.TCP, 1000, 80))
	s.requireDropped(a.ID, packet(a, to, frame.TCP, 1001, 80))
}

func testRemoteGroupOfMany(s *suite) {
	n, g := s.network("10.1.0.0/24"), s.open()
	a, b, out := s.port(n, 16, g), s.port(n, 23, g), s.port(n, 24, g)
	pair := netip.MustParsePrefix("10.1.0.16/29")
	friends := s.group([]netip.Prefix{netip.MustParsePrefix("10.1.0.1/32"), netip.MustParsePrefix("10.1.0.2/32"), alone(a), pair, netip.MustParsePrefix("10.1.0.20/30")})
	rule := allow(network.Ingress)
	rule.RemoteGroup = friends.ID
	to := s.port(n, 12, s.group(nil, rule))
	for _, p := range []network.PortSpec{a, b} {
		s.requireReaches(p.ID, to.ID, packet(p, to, frame.TCP, 1000, 80))
	}
	s.requireDropped(out.ID, packet(out, to, frame.TCP, 1000, 80))

	friends.Generation, friends.Members = s.next(), []netip.Prefix{netip.MustParsePrefix("0.0.0.0/0")}
	s.ensureGroup(friends)
	s.requireReaches(out.ID, to.ID, packet(out, to, frame.TCP, 1001, 80))
	friends.Generation, friends.Members = s.next(), []netip.Prefix{alone(out)}
	s.ensureGroup(friends)
	s.requireDropped(b.ID, packet(b, to, frame.TCP, 1002, 80))
}

func testUnknownGroup(s *suite) {
	n := s.network("10.1.0.0/24")
	late := network.GroupSpec{ID: uuid.NewString(), Stateful: true, Rules: []network.RuleSpec{allow(network.Ingress)}}
	from, to := s.port(n, 10, s.open()), s.port(n, 11, late)
	f := packet(from, to, frame.TCP, 1000, 80)
	s.requireDropped(from.ID, f)
	late.Generation = s.next()
	s.ensureGroup(late)
	s.requireReaches(from.ID, to.ID, f)
}

func testRogueDHCP(s *suite) {
	n, g := s.network("10.1.0.0/24"), s.open()
	a, b := s.port(n, 10, g), s.port(n, 11, g)
	s.requireDropped(a.ID, packet(a, b, frame.UDP, 67, 68))
	s.requireReaches(a.ID, b.ID, packet(a, b, frame.UDP, 69, 68))
}

func testDisabled(s *suite) {
	n, g := s.network("10.1.0.0/24"), s.open()
	a, b := s.port(n, 10, g), s.port(n, 11, g)
	f := packet(a, b, frame.TCP, 1000, 80)
	b.Generation, b.Disabled = s.next(), true
	s.ensurePort(b)
	s.requireDropped(a.ID, f)
	s.requireDropped(b.ID, packet(b, a, frame.TCP, 1000, 80))
	b.Generation, b.Disabled = s.next(), false
	s.ensurePort(b)
	s.requireReaches(a.ID, b.ID, f)
	n.Generation, n.Disabled = s.next(), true
	s.ensureNetwork(n)
	s.requireDropped(a.ID, f)
}
