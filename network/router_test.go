package network_test

import (
	"net/netip"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/cumulite/cumulite/network"
	"github.com/cumulite/cumulite/platform/errs"
	"github.com/cumulite/cumulite/platform/store"
)

func TestRouterTakesAnAddressOfItsExternalNetwork(t *testing.T) {
	s := newSite(t)
	ext, sub := s.external("203.0.113.0/24")
	r := s.router(ext)
	require.Equal(t, ext.ID, r.GatewayNetworkID)
	require.True(t, r.EnableSNAT)
	require.Len(t, r.GatewayAddresses, 1)
	require.Equal(t, sub.ID, r.GatewayAddresses[0].SubnetID)
	require.Equal(t, *r, *ok(s.GetRouter(s.ann, r.ID))(s))

	p := ok(s.GetPort(s.admin, r.GatewayPortID))(s)
	require.Equal(t, "network:router_gateway", p.DeviceOwner)
	require.Empty(t, p.ProjectID)
	require.Empty(t, p.Groups)
	s.requireFault(second(s.GetPort(s.ann, r.GatewayPortID)), errs.NotFound, "PortNotFound")
	require.Equal(t, 1, s.used("ann", "router"))
	require.Zero(t, s.used("ann", "port"))
}

func TestGatewayIsMovedAndTakenAway(t *testing.T) {
	s := newSite(t)
	ext, sub := s.external("203.0.113.0/24")
	other, _ := s.external("198.51.100.0/24")
	r := s.router(ext)
	old := r.GatewayPortID
	wanted := []network.Address{{SubnetID: sub.ID, IP: netip.MustParseAddr("203.0.113.77")}}
	r = ok(s.UpdateRouter(s.admin, r.ID, network.UpdateRouter{Gateway: &network.Gateway{NetworkID: ext.ID, SNAT: to(false), Addresses: wanted}}))(s)
	require.Equal(t, wanted, r.GatewayAddresses)
	require.False(t, r.EnableSNAT)
	require.Equal(t, old, r.GatewayPortID, "the same port")

	r = ok(s.UpdateRouter(s.ann, r.ID, network.UpdateRouter{Gateway: &network.Gateway{NetworkID: other.ID}}))(s)
	require.Equal(t, other.ID, r.GatewayNetworkID)
	require.True(t, r.EnableSNAT)
	s.requireFault(second(s.GetPort(s.admin, old)), errs.NotFound, "PortNotFound")

	r = ok(s.UpdateRouter(s.ann, r.ID, network.UpdateRouter{Gateway: &network.Gateway{}}))(s)
	require.Empty(t, r.GatewayNetworkID)
	require.Empty(t, r.GatewayPortID)
	require.Empty(t, r.GatewayAddresses)
	require.NoError(t, s.DeleteNetwork(s.admin, other.ID))
}

func TestGatewaysThatMakeNoSense(t *testing.T) {
	s := newSite(t)
	n, _ := s.network(s.ann, "10.1.0.0/24")
	ext, sub := s.external("203.0.113.0/24")
	hidden, _ := s.network(s.bob, "10.2.0.0/24")
	for _, c := range []struct {
		gateway network.Gateway
		kind    errs.Kind
		code    string
	}{
		{network.Gateway{NetworkID: n.ID}, errs.Invalid, "BadRequest"},
		{network.Gateway{NetworkID: hidden.ID}, errs.NotFound, "NetworkNotFound"},
		{network.Gateway{NetworkID: ext.ID, SNAT: to(false)}, errs.Forbidden, ""},
		{network.Gateway{NetworkID: ext.ID, Addresses: []network.Address{{SubnetID: sub.ID}}}, errs.Forbidden, ""},
	} {
		_, err := s.CreateRouter(s.ann, network.CreateRouter{Gateway: &c.gateway})
		s.requireFault(err, c.kind, c.code)
	}
	_, err := s.CreateRouter(s.admin, network.CreateRouter{Gateway: &network.Gateway{NetworkID: ext.ID, Addresses: []network.Address{{IP: sub.GatewayIP}}}})
	s.requireFault(err, errs.Invalid, "BadRequest")
	require.Equal(t, "Bad router request: External IP 203.0.113.1 is the same as the gateway IP.", errs.Message(err))
	require.Zero(t, s.used("ann", "router"), "nothing is left")
}

func TestInterfaceOfASubnetHasItsGatewaysAddress(t *testing.T) {
	s := newSite(t)
	n, sub := s.network(s.ann, "10.1.0.0/24")
	r := s.router(nil)
	got := ok(s.AddRouterInterface(s.ann, r.ID, at(sub)))(s)
	require.Equal(t, network.RouterPort{RouterID: r.ID, ProjectID: "ann", PortID: got.PortID, NetworkID: n.ID, SubnetIDs: []string{sub.ID}}, *got)
	p := ok(s.GetPort(s.ann, got.PortID))(s)
	require.Equal(t, []network.Address{{SubnetID: sub.ID, IP: sub.GatewayIP}}, p.Addresses)
	require.Equal(t, "network:router_interface", p.DeviceOwner)
	require.Equal(t, r.ID, p.DeviceID)
	require.Equal(t, 1, s.used("ann", "port"))
	s.requireFault(s.DeletePort(s.ann, p.ID), errs.Conflict, "ServicePortInUse")
	s.requireFault(s.DeleteRouter(s.ann, r.ID), errs.Conflict, "RouterInUse")
	s.requireFault(s.DeleteSubnet(s.ann, sub.ID), errs.Conflict, "SubnetInUse")

	gone := ok(s.RemoveRouterInterface(s.ann, r.ID, at(sub)))(s)
	require.Equal(t, got.PortID, gone.PortID)
	require.Zero(t, s.used("ann", "port"))
	require.NoError(t, s.DeleteRouter(s.ann, r.ID))
	require.NoError(t, s.DeleteNetwork(s.ann, n.ID))
	require.Zero(t, s.used("ann", "router"))
}

func TestInterfaceOfAPort(t *testing.T) {
	s := newSite(t)
	n, sub := s.network(s.ann, "10.1.0.0/24")
	r, p := s.router(nil), s.port(s.ann, n)
	got := ok(s.AddRouterInterface(s.ann, r.ID, network.InterfaceOf{PortID: p.ID}))(s)
	require.Equal(t, p.ID, got.PortID)
	require.Equal(t, []string{sub.ID}, got.SubnetIDs)
	_, err := s.AddRouterInterface(s.ann, s.router(nil).ID, network.InterfaceOf{PortID: p.ID})
	s.requireFault(err, errs.Conflict, "PortInUse")
	_, far := s.network(s.ann, "10.2.0.0/24")
	_, err = s.RemoveRouterInterface(s.ann, r.ID, network.InterfaceOf{PortID: p.ID, SubnetID: far.ID})
	s.requireFault(err, errs.Invalid, "SubnetMismatchForPort")
	ok(s.RemoveRouterInterface(s.ann, r.ID, network.InterfaceOf{PortID: p.ID, SubnetID: sub.ID}))(s)
	s.requireFault(second(s.GetPort(s.ann, p.ID)), errs.NotFound, "PortNotFound")
	_, err = s.RemoveRouterInterface(s.ann, r.ID, network.InterfaceOf{PortID: p.ID})
	s.requireFault(err, errs.NotFound, "RouterInterfaceNotFound")
	_, err = s.RemoveRouterInterface(s.ann, r.ID, at(sub))
	s.requireFault(err, errs.NotFound, "RouterInterfaceNotFoundForSubnet")
}

func TestInterfacesThatMakeNoSense(t *testing.T) {
	s := newSite(t)
	n, sub := s.network(s.ann, "10.1.0.0/24")
	ext, _ := s.external("203.0.113.0/24")
	r := s.router(ext, sub)
	_, same := s.network(s.ann, "10.1.0.128/25")
	_, outside := s.network(s.ann, "203.0.113.128/25")
	bare := ok(s.CreateSubnet(s.ann, network.CreateSubnet{NetworkID: n.ID, CIDR: netip.MustParsePrefix("10.9.0.0/24"), IPVersion: 4, GatewayIP: &netip.Addr{}}))(s)
	hidden, theirs := s.network(s.bob, "10.3.0.0/24")
	shared := ok(s.CreateNetwork(s.admin, network.CreateNetwork{Shared: true}))(s)
	common := s.subnet(s.admin, shared, "10.4.0.0/24")
	noAddress := ok(s.CreatePort(s.ann, network.CreatePort{NetworkID: n.ID, Addresses: &[]network.Address{}}))(s)
	for what, c := range map[string]struct {
		at   network.InterfaceOf
		code string
	}{
		"nothing":                       {network.InterfaceOf{}, "BadRequest"},
		"no id":                         {network.InterfaceOf{SubnetID: "x"}, "BadRequest"},
		"both":                          {network.InterfaceOf{SubnetID: sub.ID, PortID: noAddress.ID}, "BadRequest"},
		"twice":                         {at(sub), "BadRequest"},
		"overlap":                       {at(same), "BadRequest"},
		"overlap with the outside":      {at(outside), "BadRequest"},
		"no gateway":                    {at(bare), "BadRequest"},
		"another project's":             {at(theirs), "SubnetNotFound"},
		"shared by another project":     {at(common), "BadRequest"},
		"port without address":          {network.InterfaceOf{PortID: noAddress.ID}, "BadRequest"},
		"another project's port":        {network.InterfaceOf{PortID: s.port(s.bob, hidden).ID}, "PortNotFound"},
		"second port on the same place": {network.InterfaceOf{PortID: s.port(s.ann, n).ID}, "BadRequest"},
	} {
		_, err := s.AddRouterInterface(s.ann, r.ID, c.at)
		require.Equal(t, c.code, errs.CodeOf(err), "%s: %v", what, err)
	}
	_, err := s.AddRouterInterface(s.bob, r.ID, at(theirs))
	s.requireFault(err, errs.NotFound, "RouterNotFound")
	_, err = s.AddRouterInterface(s.reader, r.ID, at(sub))
	s.requireFault(err, errs.Forbidden, "")
	taken := s.router(nil)
	_, err = s.AddRouterInterface(s.ann, taken.ID, at(sub))
	s.requireFault(err, errs.Conflict, "IpAddressAlreadyAllocated")
}

func TestGatewayBesideAnOverlappingInterfaceIsRefused(t *testing.T) {
	s := newSite(t)
	ext, _ := s.external("203.0.113.0/24")
	_, sub := s.network(s.ann, "203.0.113.0/26")
	r := s.router(nil, sub)
	_, err := s.UpdateRouter(s.ann, r.ID, network.UpdateRouter{Gateway: &network.Gateway{NetworkID: ext.ID}})
	s.requireFault(err, errs.Invalid, "BadRequest")
	require.Contains(t, errs.Message(err), "overlaps with cidr 203.0.113.0/26")
}

func TestIPv6SubnetsOfANetworkShareOneInterface(t *testing.T) {
	s := newSite(t)
	n, a := s.network(s.ann, "2001:db8:1::/64")
	b := s.subnet(s.ann, n, "2001:db8:2::/64")
	r := s.router(nil)
	first := ok(s.AddRouterInterface(s.ann, r.ID, at(a)))(s)
	again := ok(s.AddRouterInterface(s.ann, r.ID, at(b)))(s)
	require.Equal(t, first.PortID, again.PortID)
	require.Len(t, ok(s.GetPort(s.ann, first.PortID))(s).Addresses, 2)
	_, err := s.AddRouterInterface(s.ann, r.ID, network.InterfaceOf{PortID: s.port(s.ann, n).ID})
	s.requireFault(err, errs.Invalid, "BadRequest")
	require.Equal(t, first.PortID, ok(s.RemoveRouterInterface(s.ann, r.ID, at(a)))(s).PortID)
	require.Len(t, ok(s.GetPort(s.ann, first.PortID))(s).Addresses, 1)
	ok(s.RemoveRouterInterface(s.ann, r.ID, at(b)))(s)
	require.NoError(t, s.DeleteRouter(s.ann, r.ID))
}

func route(destination, hop string) network.Route {
	return network.Route{Destination: netip.MustParsePrefix(destination), NextHop: netip.MustParseAddr(hop)}
}

func TestExtraRoutes(t *testing.T) {
	s := newSite(t)
	_, sub := s.network(s.ann, "10.1.0.0/24")
	r := s.router(nil, sub)
	one, two := route("192.168.0.0/16", "10.1.0.9"), route("172.16.0.0/12", "10.1.0.9")
	require.Equal(t, []network.Route{one}, ok(s.AddExtraRoutes(s.ann, r.ID, []network.Route{one, one}))(s).Routes)
	require.Equal(t, []network.Route{one, two}, ok(s.AddExtraRoutes(s.ann, r.ID, []network.Route{two, one}))(s).Routes)
	_, err := s.RemoveRouterInterface(s.ann, r.ID, at(sub))
	s.requireFault(err, errs.Conflict, "RouterInterfaceInUseByRoute")
	require.Equal(t, []network.Route{two}, ok(s.RemoveExtraRoutes(s.ann, r.ID, []network.Route{one, route("0.0.0.0/0", "10.1.0.3")}))(s).Routes)
	require.Equal(t, []network.Route{two}, ok(s.GetRouter(s.ann, r.ID))(s).Routes)

	for _, bad := range []network.Route{route("192.168.0.0/16", "10.7.0.9"), route("192.168.0.0/16", "10.1.0.1")} {
		_, err := s.AddExtraRoutes(s.ann, r.ID, []network.Route{bad})
		s.requireFault(err, errs.Invalid, "InvalidRoutes")
	}
	_, err = s.UpdateRouter(s.ann, r.ID, network.UpdateRouter{Routes: &[]network.Route{one, one}})
	require.Equal(t, errs.Invalid, errs.KindOf(err))
	var many []network.Route
	for i := range 31 {
		many = append(many, network.Route{Destination: netip.PrefixFrom(netip.AddrFrom4([4]byte{172, 16, byte(i), 0}), 24), NextHop: one.NextHop})
	}
	_, err = s.AddExtraRoutes(s.ann, r.ID, many)
	s.requireFault(err, errs.Quota, "OverQuota")
	for _, err := range []error{second(s.AddExtraRoutes(s.reader, r.ID, nil)), second(s.RemoveExtraRoutes(s.reader, r.ID, nil))} {
		s.requireFault(err, errs.Forbidden, "")
	}
	require.Empty(t, ok(s.UpdateRouter(s.ann, r.ID, network.UpdateRouter{Routes: &[]network.Route{}}))(s).Routes)
	ok(s.RemoveRouterInterface(s.ann, r.ID, at(sub)))(s)
}

func TestGatewayThatARouteNeedsStays(t *testing.T) {
	s := newSite(t)
	ext, _ := s.external("203.0.113.0/24")
	r := s.router(ext)
	ok(s.AddExtraRoutes(s.ann, r.ID, []network.Route{route("192.168.0.0/16", "203.0.113.9")}))(s)
	_, err := s.UpdateRouter(s.ann, r.ID, network.UpdateRouter{Gateway: &network.Gateway{}})
	s.requireFault(err, errs.Invalid, "InvalidRoutes")
}

func TestRoutersOfOtherProjectsAreNotThere(t *testing.T) {
	s := newSite(t)
	r := s.router(nil)
	for _, err := range []error{
		second(s.GetRouter(s.bob, r.ID)), second(s.UpdateRouter(s.bob, r.ID, network.UpdateRouter{})), s.DeleteRouter(s.bob, r.ID),
		second(s.AddExtraRoutes(s.bob, r.ID, nil)), second(s.GetRouter(s.bob, "")),
	} {
		s.requireFault(err, errs.NotFound, "RouterNotFound")
	}
	all, _, err := s.ListRouters(s.bob, store.Query{})
	require.NoError(t, err)
	require.Empty(t, all)
	s.requireFault(second(s.CreateRouter(s.reader, network.CreateRouter{})), errs.Forbidden, "")
	s.requireFault(s.DeleteRouter(s.reader, r.ID), errs.Forbidden, "")
	s.limit("ann", "router", 1)
	s.requireFault(second(s.CreateRouter(s.ann, network.CreateRouter{})), errs.Quota, "OverQuota")
}

func TestPortsCannotBeSaidToBePartOfARouter(t *testing.T) {
	s := newSite(t)
	n, _ := s.network(s.bob, "10.1.0.0/24")
	_, inside := s.network(s.ann, "10.2.0.0/24")
	r := s.router(nil, inside)
	for _, owner := range []string{"network:router_interface", "network:router_gateway"} {
		_, err := s.CreatePort(s.bob, network.CreatePort{NetworkID: n.ID, DeviceOwner: owner, DeviceID: r.ID})
		s.requireFault(err, errs.Conflict, "DeviceIDNotOwnedByTenant")
		p := s.port(s.bob, n)
		_, err = s.UpdatePort(s.bob, p.ID, network.UpdatePort{DeviceOwner: &owner, DeviceID: &r.ID})
		s.requireFault(err, errs.Conflict, "DeviceIDNotOwnedByTenant")
	}
	legs, _, err := s.ListPorts(s.ann, store.Query{Filters: []store.Filter{{Field: "device_id", Values: []string{r.ID}}}})
	require.NoError(t, err)
	require.Len(t, legs, 1)
	_, err = s.UpdatePort(s.ann, legs[0].ID, network.UpdatePort{DeviceID: to("")})
	s.requireFault(err, errs.Conflict, "PortInUse")
}

func TestGatewayTakesAnAddressOfANewSubnet(t *testing.T) {
	s := newSite(t)
	ext := ok(s.CreateNetwork(s.admin, network.CreateNetwork{External: true}))(s)
	first, second := s.router(ext), s.router(ext)
	require.Empty(t, first.GatewayAddresses)
	pool := []network.Pool{{Start: netip.MustParseAddr("203.0.113.9"), End: netip.MustParseAddr("203.0.113.9")}}
	ok(s.CreateSubnet(s.admin, network.CreateSubnet{NetworkID: ext.ID, IPVersion: 4, CIDR: netip.MustParsePrefix("203.0.113.0/24"), Pools: pool}))(s)
	require.Equal(t, pool[0].Start, ok(s.GetRouter(s.ann, first.ID))(s).GatewayAddresses[0].IP)
	require.Empty(t, ok(s.GetRouter(s.ann, second.ID))(s).GatewayAddresses, "there was one only")
	s.subnet(s.admin, ext, "198.51.100.0/24")
	require.Len(t, ok(s.GetRouter(s.ann, first.ID))(s).GatewayAddresses, 1)
	require.Len(t, ok(s.GetRouter(s.ann, second.ID))(s).GatewayAddresses, 1)
	s.subnet(s.admin, ext, "2001:db8::/64")
	require.Len(t, ok(s.GetRouter(s.ann, first.ID))(s).GatewayAddresses, 2)
}

func TestInterfacesOfRoutersDoNotNeedRoomInTheQuotaOfPorts(t *testing.T) {
	s := newSite(t)
	n, sub := s.network(s.ann, "10.0.0.0/24")
	s.limit("ann", "port", 0)
	r := s.router(nil, sub)
	require.Equal(t, 1, s.used("ann", "port"))
	_, err := s.CreatePort(s.ann, network.CreatePort{NetworkID: n.ID, DeviceOwner: network.OwnerInterface})
	s.requireFault(err, errs.Quota, "OverQuota")
	ok(s.RemoveRouterInterface(s.ann, r.ID, at(sub)))(s)
	require.Zero(t, s.used("ann", "port"))
}
