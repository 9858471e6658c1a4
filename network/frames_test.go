package network_test

import (
	"net/netip"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/cumulite/cumulite/drivers/sim/fault"
	"github.com/cumulite/cumulite/network"
	"github.com/cumulite/cumulite/network/frame"
)

// plugged makes a port of ann's and plugs it in, as compute does for a guest.
func (s *site) plugged(n *network.Network, groups ...string) *network.Port {
	s.Helper()
	p := s.port(s.ann, n, groups...)
	b := network.Binding{Host: "hv1", DeviceID: uuid.NewString(), DeviceOwner: "compute:nova"}
	ok(s.Plug(s.service(), p.ID, b))(s)
	return p
}

// packet gives a frame from one port to another of the same network.
func packet(from, to *network.Port, protocol, srcPort, dstPort int) frame.Frame {
	return frame.Frame{SrcMAC: from.MAC, DstMAC: to.MAC, Src: from.Addresses[0].IP, Dst: to.Addresses[0].IP,
		Protocol: protocol, SrcPort: srcPort, DstPort: dstPort, Payload: []byte("ping")}
}

// out gives the frame as it comes out at place once hosts are as the rows say, nil when it does not.
func (s *site) out(from, place string, f frame.Frame) *frame.Frame {
	s.Helper()
	s.settle()
	for _, d := range s.state.Send(from, f) {
		if d.Place == place {
			return &d.Frame
		}
	}
	return nil
}

func (s *site) requireReaches(from, place string, f frame.Frame) frame.Frame {
	s.Helper()
	got := s.out(from, place, f)
	require.NotNil(s, got, "%+v does not arrive", f)
	return *got
}

func (s *site) requireDropped(from, place string, f frame.Frame) {
	s.Helper()
	require.Nil(s, s.out(from, place, f), "%+v arrives", f)
}

// allow adds a rule to a group, and gives its id.
func (s *site) allow(g *network.SecurityGroup, in network.CreateSecurityGroupRule) string {
	s.Helper()
	in.GroupID = g.ID
	if in.Direction == "" {
		in.Direction = network.Ingress
	}
	return ok(s.CreateSecurityGroupRule(s.ann, in))(s).ID
}

func TestMembersOfTheDefaultGroupReachEachOtherOnly(t *testing.T) {
	s := newSite(t)
	s.run(t)
	n, _ := s.network(s.ann, "10.1.0.0/24")
	a, b, stranger := s.plugged(n), s.plugged(n), s.plugged(n, s.group("apart").ID)
	s.requireReaches(a.ID, b.ID, packet(a, b, frame.TCP, 1000, 80))
	s.requireDropped(stranger.ID, b.ID, packet(stranger, b, frame.TCP, 1000, 80))
	s.requireReaches(b.ID, a.ID, packet(b, a, frame.ICMP, 8, 0))
}

func TestTrafficFollowsRulesAsTheyChange(t *testing.T) {
	s := newSite(t)
	s.run(t)
	n, _ := s.network(s.ann, "10.1.0.0/24")
	web := s.group("web")
	client, server := s.plugged(n), s.plugged(n, web.ID)
	port := func(n int) frame.Frame { return packet(client, server, frame.TCP, 1000, n) }
	s.requireDropped(client.ID, server.ID, port(80))

	first := s.allow(web, network.CreateSecurityGroupRule{Protocol: "tcp", PortMin: to(80), PortMax: to(81), RemoteIPPrefix: "10.1.0.5/25"})
	s.requireReaches(client.ID, server.ID, port(80))
	s.requireReaches(client.ID, server.ID, port(81))
	s.requireDropped(client.ID, server.ID, port(82))
	s.requireDropped(client.ID, server.ID, packet(client, server, frame.UDP, 1000, 80))

	s.allow(web, network.CreateSecurityGroupRule{Protocol: "icmp", PortMin: to(8), PortMax: to(0)})
	s.requireReaches(client.ID, server.ID, packet(client, server, frame.ICMP, 8, 0))
	s.requireDropped(client.ID, server.ID, packet(client, server, frame.ICMP, 13, 0))

	require.NoError(t, s.DeleteSecurityGroupRule(s.ann, first))
	s.requireDropped(client.ID, server.ID, packet(client, server, frame.TCP, 1001, 80))

	s.allow(web, network.CreateSecurityGroupRule{Protocol: "6"})
	s.requireReaches(client.ID, server.ID, packet(client, server, frame.TCP, 1002, 9999))
}

func TestPortWithoutGroupsHearsNothing(t *testing.T) {
	s := newSite(t)
	s.run(t)
	n, _ := s.network(s.ann, "10.1.0.0/24")
	open := s.group("open")
	s.allow(open, network.CreateSecurityGroupRule{})
	a := s.plugged(n, open.ID)
	b := ok(s.CreatePort(s.ann, network.CreatePort{NetworkID: n.ID, Groups: &[]string{}}))(s)
	ok(s.Plug(s.service(), b.ID, network.Binding{Host: "hv1", DeviceID: "vm", DeviceOwner: "compute:nova"}))(s)
	s.requireDropped(a.ID, b.ID, packet(a, b, frame.TCP, 1000, 80))
	s.requireDropped(b.ID, a.ID, packet(b, a, frame.TCP, 1000, 80))
	ok(s.UpdatePort(s.ann, b.ID, network.UpdatePort{Groups: &[]string{open.ID}}))(s)
	s.requireReaches(a.ID, b.ID, packet(a, b, frame.TCP, 1001, 80))
	s.requireReaches(b.ID, a.ID, packet(b, a, frame.TCP, 1001, 80))
}

func TestMembershipIsFollowed(t *testing.T) {
	s := newSite(t)
	s.run(t)
	n, _ := s.network(s.ann, "10.1.0.0/24")
	friends, db := s.group("friends"), s.group("db")
	s.allow(db, network.CreateSecurityGroupRule{Protocol: "tcp", RemoteGroupID: friends.ID})
	server := s.plugged(n, db.ID)
	_, known := s.state.Group(friends.ID)
	require.True(t, known, "a host has the groups that its ports' rules name")

	a := s.plugged(n, friends.ID)
	s.requireReaches(a.ID, server.ID, packet(a, server, frame.TCP, 1000, 5432))
	ok(s.UpdatePort(s.ann, a.ID, network.UpdatePort{Groups: &[]string{s.defaultGroup().ID}}))(s)
	s.requireDropped(a.ID, server.ID, packet(a, server, frame.TCP, 1001, 5432))

	b := s.plugged(n)
	shared := netip.MustParseAddr("10.1.0.200")
	ok(s.UpdatePort(s.ann, b.ID, network.UpdatePort{Groups: &[]string{friends.ID}}))(s)
	ok(s.UpdatePort(s.ann, b.ID, network.UpdatePort{Pairs: &[]network.AddressPair{{IP: shared.String()}}}))(s)
	virtual := packet(b, server, frame.TCP, 1002, 5432)
	virtual.Src = shared
	s.requireReaches(b.ID, server.ID, virtual)
	ok(s.UpdatePort(s.ann, b.ID, network.UpdatePort{Pairs: &[]network.AddressPair{{IP: "10.1.0.201/25"}}}))(s)
	virtual.SrcPort, virtual.Src = 1003, netip.MustParseAddr("10.1.0.129")
	s.requireReaches(b.ID, server.ID, virtual)
	require.NoError(t, s.DeletePort(s.ann, b.ID))
	s.settle()
	spec, _ := s.state.Group(friends.ID)
	require.Empty(t, spec.Members)
}

func TestGroupNamedByANewRuleComesToTheHost(t *testing.T) {
	s := newSite(t)
	s.run(t)
	n, _ := s.network(s.ann, "10.1.0.0/24")
	friends, db := s.group("friends"), s.group("db")
	server, far := s.plugged(n, db.ID), s.port(s.ann, n, friends.ID)
	s.settle()
	_, known := s.state.Group(friends.ID)
	require.False(t, known, "no host needs it")
	rule := s.allow(db, network.CreateSecurityGroupRule{RemoteGroupID: friends.ID})
	s.settle()
	spec, known := s.state.Group(friends.ID)
	require.True(t, known)
	require.Equal(t, []netip.Prefix{netip.PrefixFrom(far.Addresses[0].IP, 32)}, spec.Members)
	require.NoError(t, s.DeleteSecurityGroupRule(s.ann, rule))
	s.settle()
	_, known = s.state.Group(friends.ID)
	require.False(t, known, "of no more use there")
	require.NoError(t, s.DeletePort(s.ann, server.ID))
}

// toOutside is a packet of a guest to the host on the external network.
func (s *routed) toOutside(p *network.Port, srcPort int) frame.Frame {
	s.Helper()
	leg := s.leg()
	return frame.Frame{SrcMAC: p.MAC, DstMAC: leg.MAC, Src: p.Addresses[0].IP, Dst: s.around.GatewayIP,
		Protocol: frame.UDP, SrcPort: srcPort, DstPort: 53, Payload: []byte("ping")}
}

// leg gives the router's interface on the inside.
func (s *routed) leg() network.RouterInterface {
	s.Helper()
	s.settle()
	spec, there := s.state.Router(s.router.ID)
	require.True(s, there)
	require.Len(s, spec.Interfaces, 1)
	return spec.Interfaces[0]
}

func TestGuestsGoOutsideWithTheRoutersAddress(t *testing.T) {
	s := newRouted(t)
	s.run(t)
	p := s.plugged(s.inside)
	got := s.requireReaches(p.ID, s.outside.ID, s.toOutside(p, 1000))
	require.Equal(t, s.router.GatewayAddresses[0].IP, got.Src)
	require.Equal(t, p.Addresses[0].IP, s.requireReaches(s.outside.ID, p.ID, got.Reply([]byte("pong"))).Dst)
	for _, owner := range []string{s.router.GatewayPortID, s.leg().PortID} {
		require.Equal(t, network.PortActive, ok(s.GetPort(s.admin, owner))(s.site).Status)
	}

	ok(s.UpdateRouter(s.admin, s.router.ID, network.UpdateRouter{Gateway: &network.Gateway{NetworkID: s.outside.ID, SNAT: to(false)}}))(s.site)
	require.Equal(t, p.Addresses[0].IP, s.requireReaches(p.ID, s.outside.ID, s.toOutside(p, 1001)).Src)

	ok(s.UpdateRouter(s.ann, s.router.ID, network.UpdateRouter{Gateway: &network.Gateway{}}))(s.site)
	s.requireDropped(p.ID, s.outside.ID, s.toOutside(p, 1002))
}

func TestRouterFollowsTheGatewayOfItsExternalSubnet(t *testing.T) {
	s := newRouted(t)
	s.run(t)
	s.settle()
	moved := netip.MustParseAddr("203.0.113.254")
	ok(s.UpdateSubnet(s.admin, s.around.ID, network.UpdateSubnet{Pools: &[]network.Pool{{Start: moved.Prev().Prev(), End: moved.Prev()}}, GatewayIP: &moved}))(s.site)
	s.settle()
	spec, _ := s.state.Router(s.router.ID)
	require.Equal(t, []netip.Addr{moved}, spec.GatewayIP)
}

func TestRouterFollowsTheAddressOfItsPort(t *testing.T) {
	s := newRouted(t)
	s.run(t)
	ok(s.UpdatePort(s.ann, s.leg().PortID, network.UpdatePort{Addresses: &[]network.Address{{IP: netip.MustParseAddr("10.1.0.99")}}}))(s.site)
	require.Equal(t, []netip.Prefix{netip.MustParsePrefix("10.1.0.99/24")}, s.leg().Addresses)
	ok(s.UpdatePort(s.admin, s.leg().PortID, network.UpdatePort{MAC: to("fa:16:3e:00:00:99")}))(s.site)
	require.Equal(t, "fa:16:3e:00:00:99", s.leg().MAC)
}

func TestRouterThatIsDownCarriesNothing(t *testing.T) {
	s := newRouted(t)
	s.run(t)
	p := s.plugged(s.inside)
	ok(s.UpdateRouter(s.ann, s.router.ID, network.UpdateRouter{AdminStateUp: to(false)}))(s.site)
	s.requireDropped(p.ID, s.outside.ID, s.toOutside(p, 1000))
	ok(s.UpdateRouter(s.ann, s.router.ID, network.UpdateRouter{AdminStateUp: to(true)}))(s.site)
	s.requireReaches(p.ID, s.outside.ID, s.toOutside(p, 1001))
}

func TestStatusSaysWhatTheHostOfARouterDoes(t *testing.T) {
	s := newRouted(t)
	p, f := s.port(s.ann, s.inside), s.floating()
	ok(s.lead(f, p.ID))(s.site)
	statuses := func() (all []network.PortStatus) {
		s.Helper()
		s.settle()
		gateway := ok(s.GetPort(s.admin, s.router.GatewayPortID))(s.site)
		return []network.PortStatus{gateway.Status, ok(s.GetFloatingIP(s.ann, f.ID))(s.site).Status}
	}
	up, down := []network.PortStatus{network.PortActive, network.PortActive}, []network.PortStatus{network.PortDown, network.PortDown}
	s.run(t)
	require.Equal(t, up, statuses())
	ok(s.UpdateRouter(s.ann, s.router.ID, network.UpdateRouter{AdminStateUp: to(false)}))(s.site)
	require.Equal(t, down, statuses())
	ok(s.UpdateRouter(s.ann, s.router.ID, network.UpdateRouter{AdminStateUp: to(true)}))(s.site)
	require.Equal(t, up, statuses())

	fault, reached, release := fault.HangAt("ensure router", "begin")
	defer release()
	s.host.SetFault(fault)
	ok(s.UpdateFloatingIP(s.ann, f.ID, network.UpdateFloatingIP{Description: to("web")}))(s.site)
	<-reached
	require.Equal(t, network.PortActive, ok(s.GetFloatingIP(s.ann, f.ID))(s.site).Status, "it leads where it did")
	other := s.port(s.ann, s.inside)
	require.Equal(t, network.PortDown, ok(s.lead(f, other.ID))(s.site).Status)
	release()
	require.Equal(t, up, statuses())
}

func TestRouterCarriesBetweenItsNetworks(t *testing.T) {
	s := newRouted(t)
	s.run(t)
	other, sub := s.network(s.ann, "10.2.0.0/24")
	a, b := s.plugged(s.inside), s.plugged(other)
	f := packet(a, b, frame.TCP, 1000, 80)
	f.DstMAC = s.leg().MAC
	s.requireDropped(a.ID, b.ID, f)
	ok(s.AddRouterInterface(s.ann, s.router.ID, at(sub)))(s.site)
	require.Equal(t, a.Addresses[0].IP, s.requireReaches(a.ID, b.ID, f).Src)
	ok(s.RemoveRouterInterface(s.ann, s.router.ID, at(sub)))(s.site)
	f.SrcPort = 1001
	s.requireDropped(a.ID, b.ID, f)
	require.NoError(t, s.DeletePort(s.ann, b.ID))
	s.settle()
	_, there := s.state.Network(other.ID)
	require.False(t, there, "of no more use on the host")
}

func TestFloatingAddressLeadsInAndOut(t *testing.T) {
	s := newRouted(t)
	s.run(t)
	open := s.group("open")
	s.allow(open, network.CreateSecurityGroupRule{Protocol: "tcp", PortMin: to(22), PortMax: to(22)})
	p, f := s.plugged(s.inside, open.ID), s.floating()
	ok(s.lead(f, p.ID))(s.site)
	out := s.requireReaches(p.ID, s.outside.ID, s.toOutside(p, 1000))
	require.Equal(t, f.Address, out.Src)

	gateway := func() frame.Frame {
		spec, _ := s.state.Router(s.router.ID)
		return frame.Frame{SrcMAC: out.DstMAC, DstMAC: spec.Gateway.MAC, Src: s.around.GatewayIP, Dst: f.Address,
			Protocol: frame.TCP, SrcPort: 5000, DstPort: 22, Payload: []byte("hello")}
	}
	in := gateway()
	got := s.requireReaches(s.outside.ID, p.ID, in)
	require.Equal(t, p.Addresses[0].IP, got.Dst)
	require.Equal(t, f.Address, s.requireReaches(p.ID, s.outside.ID, got.Reply(nil)).Src)
	in.DstPort = 23
	s.requireDropped(s.outside.ID, p.ID, in)

	other := s.plugged(s.inside, open.ID)
	ok(s.lead(f, other.ID))(s.site)
	in = gateway()
	in.SrcPort = 5001
	s.requireReaches(s.outside.ID, other.ID, in)
	s.requireDropped(s.outside.ID, p.ID, in)
	require.NoError(t, s.DeletePort(s.ann, other.ID))
	in.SrcPort = 5002
	s.requireDropped(s.outside.ID, other.ID, in)
	spec, _ := s.state.Router(s.router.ID)
	require.Empty(t, spec.Floating)
}

func TestExtraRouteIsFollowed(t *testing.T) {
	s := newRouted(t)
	s.run(t)
	other, sub := s.network(s.ann, "10.2.0.0/24")
	leg := s.leg()
	ok(s.AddRouterInterface(s.ann, s.router.ID, at(sub)))(s.site)
	a := s.plugged(s.inside)
	hop := ok(s.CreatePort(s.ann, network.CreatePort{NetworkID: other.ID, PortSecurity: to(false)}))(s.site)
	ok(s.Plug(s.service(), hop.ID, network.Binding{Host: "hv1", DeviceID: "vm", DeviceOwner: "compute:nova"}))(s.site)
	f := packet(a, hop, frame.UDP, 1000, 2000)
	f.DstMAC, f.Dst = leg.MAC, netip.MustParseAddr("192.168.7.7")
	s.requireDropped(a.ID, hop.ID, f)
	ok(s.AddExtraRoutes(s.ann, s.router.ID, []network.Route{route("192.168.0.0/16", hop.Addresses[0].IP.String())}))(s.site)
	require.Equal(t, f.Dst, s.requireReaches(a.ID, hop.ID, f).Dst)
}

func TestChangesOfAProcessThatDiedReachTheHost(t *testing.T) {
	s := newRouted(t)
	web := s.group("web")
	p := s.plugged(s.inside, web.ID)
	s.allow(web, network.CreateSecurityGroupRule{Protocol: "tcp", PortMin: to(22), PortMax: to(22)})
	f := ok(s.lead(s.floating(), p.ID))(s.site)
	_, there := s.state.Router(s.router.ID)
	require.False(t, there, "nobody carried anything out")

	s.start(t) // another process over the same rows and the same machine
	s.run(t)
	s.settle()
	spec, there := s.state.Router(s.router.ID)
	require.True(t, there)
	require.Equal(t, []network.FloatingSpec{{ID: f.ID, External: f.Address, Fixed: *f.FixedIP}}, spec.Floating)
	group, _ := s.state.Group(web.ID)
	require.Len(t, group.Rules, 3)
}

func TestHostThatFailsIsToldAgain(t *testing.T) {
	s := newRouted(t)
	s.host.SetFault(fault.FailAt("ensure router", "end", 2, nil))
	s.run(t)
	require.Eventually(t, func() bool {
		s.settle()
		return ok(s.GetPort(s.admin, s.router.GatewayPortID))(s.site).Status == network.PortActive
	}, 10*time.Second, 5*time.Millisecond)
	require.NoError(t, s.DeleteFloatingIP(s.ann, s.floating().ID))
	ok(s.RemoveRouterInterface(s.ann, s.router.ID, at(s.within)))(s.site)
	require.NoError(t, s.DeleteRouter(s.ann, s.router.ID))
	s.settle()
	_, there := s.state.Router(s.router.ID)
	require.False(t, there)
	_, there = s.state.Network(s.outside.ID)
	require.False(t, there, "nothing is left on the host")
}
