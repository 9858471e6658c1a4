package network_test

import (
	"net/netip"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/cumulite/cumulite/network"
	"github.com/cumulite/cumulite/platform/errs"
)

func addr(text string) netip.Addr     { return netip.MustParseAddr(text) }
func prefix(text string) netip.Prefix { return netip.MustParsePrefix(text) }

func pool(start, end string) network.Pool { return network.Pool{Start: addr(start), End: addr(end)} }

func TestSubnetHasDefaults(t *testing.T) {
	for cidr, want := range map[string]struct {
		gateway string
		pools   []network.Pool
	}{
		"10.0.0.7/24":   {"10.0.0.1", []network.Pool{pool("10.0.0.2", "10.0.0.254")}},
		"10.0.0.0/30":   {"10.0.0.1", []network.Pool{pool("10.0.0.2", "10.0.0.2")}},
		"2001:db8::/64": {"2001:db8::1", []network.Pool{pool("2001:db8::2", "2001:db8::ffff:ffff:ffff:ffff")}},
	} {
		s := newSite(t)
		_, sub := s.network(s.ann, cidr)
		got := ok(s.GetSubnet(s.ann, sub.ID))(s)
		require.Equal(t, addr(want.gateway), got.GatewayIP, cidr)
		require.Equal(t, want.pools, got.Pools, cidr)
		require.Equal(t, prefix(cidr).Masked(), got.CIDR)
		require.True(t, got.DHCP)
	}
}

func TestGatewayDividesThePool(t *testing.T) {
	s := newSite(t)
	n := ok(s.CreateNetwork(s.ann, network.CreateNetwork{}))(s)
	sub := ok(s.CreateSubnet(s.ann, network.CreateSubnet{NetworkID: n.ID, IPVersion: 4, CIDR: prefix("10.0.0.0/29"), GatewayIP: to(addr("10.0.0.3"))}))(s)
	require.Equal(t, []network.Pool{pool("10.0.0.1", "10.0.0.2"), pool("10.0.0.4", "10.0.0.6")}, sub.Pools)
	bare := ok(s.CreateSubnet(s.ann, network.CreateSubnet{NetworkID: n.ID, IPVersion: 4, CIDR: prefix("10.0.1.0/29"), GatewayIP: &netip.Addr{}}))(s)
	got := ok(s.GetSubnet(s.ann, bare.ID))(s)
	require.False(t, got.GatewayIP.IsValid())
	require.Equal(t, []network.Pool{pool("10.0.1.1", "10.0.1.6")}, got.Pools)
}

func TestSubnetsThatMakeNoSense(t *testing.T) {
	for name, c := range map[string]struct {
		in   network.CreateSubnet
		kind errs.Kind
		code string
	}{
		"overlap":             {network.CreateSubnet{CIDR: prefix("10.0.0.128/25")}, errs.Invalid, "InvalidInput"},
		"no address":          {network.CreateSubnet{}, errs.Invalid, "InvalidInput"},
		"other family":        {network.CreateSubnet{CIDR: prefix("2001:db8::/64")}, errs.Invalid, "InvalidInput"},
		"gateway's family":    {network.CreateSubnet{CIDR: prefix("10.1.0.0/24"), GatewayIP: to(addr("2001:db8::1"))}, errs.Invalid, "InvalidInput"},
		"gateway broadcast":   {network.CreateSubnet{CIDR: prefix("10.1.0.0/24"), GatewayIP: to(addr("10.1.0.255"))}, errs.Invalid, "InvalidInput"},
		"gateway in pool":     {network.CreateSubnet{CIDR: prefix("10.1.0.0/24"), Pools: []network.Pool{pool("10.1.0.1", "10.1.0.9")}}, errs.Conflict, "GatewayConflictWithAllocationPools"},
		"pool backwards":      {network.CreateSubnet{CIDR: prefix("10.1.0.0/24"), Pools: []network.Pool{pool("10.1.0.9", "10.1.0.2")}}, errs.Invalid, "InvalidAllocationPool"},
		"pool outside":        {network.CreateSubnet{CIDR: prefix("10.1.0.0/24"), Pools: []network.Pool{pool("10.1.0.9", "10.1.1.2")}}, errs.Invalid, "OutOfBoundsAllocationPool"},
		"pool with broadcast": {network.CreateSubnet{CIDR: prefix("10.1.0.0/24"), Pools: []network.Pool{pool("10.1.0.9", "10.1.0.255")}}, errs.Invalid, "OutOfBoundsAllocationPool"},
		"pools overlap":       {network.CreateSubnet{CIDR: prefix("10.1.0.0/24"), Pools: []network.Pool{pool("10.1.0.5", "10.1.0.9"), pool("10.1.0.2", "10.1.0.5")}}, errs.Conflict, "OverlappingAllocationPools"},
		"everything":          {network.CreateSubnet{CIDR: prefix("0.0.0.0/0")}, errs.Invalid, "InvalidInput"},
		"too small for DHCP":  {network.CreateSubnet{CIDR: prefix("10.1.0.0/31")}, errs.Invalid, "InvalidInput"},
		"multicast":           {network.CreateSubnet{CIDR: prefix("224.0.0.0/24")}, errs.Invalid, "InvalidInput"},
		"mode on IPv4":        {network.CreateSubnet{CIDR: prefix("10.1.0.0/24"), RAMode: network.SLAAC}, errs.Invalid, "InvalidInput"},
		"modes differ":        {network.CreateSubnet{IPVersion: 6, CIDR: prefix("fd00::/64"), RAMode: network.SLAAC, AddressMode: network.Stateful}, errs.Invalid, "InvalidInput"},
		"mode without DHCP":   {network.CreateSubnet{IPVersion: 6, CIDR: prefix("fd00::/64"), RAMode: network.SLAAC, DHCP: to(false)}, errs.Invalid, "InvalidInput"},
		"SLAAC is for /64":    {network.CreateSubnet{IPVersion: 6, CIDR: prefix("fd00::/56"), RAMode: network.SLAAC, AddressMode: network.SLAAC}, errs.Invalid, "InvalidInput"},
		"unknown mode":        {network.CreateSubnet{IPVersion: 6, CIDR: prefix("fd00::/64"), RAMode: "magic"}, errs.Invalid, "InvalidInput"},
		"route's family":      {network.CreateSubnet{CIDR: prefix("10.1.0.0/24"), Routes: []network.Route{{Destination: prefix("fd00::/64"), NextHop: addr("10.1.0.9")}}}, errs.Invalid, "InvalidInput"},
		"too many servers":    {network.CreateSubnet{CIDR: prefix("10.1.0.0/24"), DNS: make6(addr("10.1.0.9"))}, errs.Invalid, "DNSNameServersExhausted"},
		"service type":        {network.CreateSubnet{CIDR: prefix("10.1.0.0/24"), ServiceTypes: []string{"tea"}}, errs.Invalid, "InvalidSubnetServiceType"},
		"network":             {network.CreateSubnet{NetworkID: "none", CIDR: prefix("10.1.0.0/24")}, errs.NotFound, "NetworkNotFound"},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSite(t)
			n, _ := s.network(s.admin, "10.0.0.0/24")
			if c.in.NetworkID == "" {
				c.in.NetworkID = n.ID
			}
			if c.in.IPVersion == 0 {
				c.in.IPVersion = 4
			}
			_, err := s.CreateSubnet(s.admin, c.in)
			s.requireFault(err, c.kind, c.code)
			require.Equal(t, 1, s.used("admin", "subnet"), "nothing is left of it")
		})
	}
}

func make6(a netip.Addr) (all []netip.Addr) {
	for range 6 {
		all = append(all, a)
	}
	return all
}

func TestSubnetChanges(t *testing.T) {
	s := newSite(t)
	n, sub := s.network(s.ann, "10.0.0.0/24")
	got := ok(s.UpdateSubnet(s.ann, sub.ID, network.UpdateSubnet{
		Name: to("a"), GatewayIP: &netip.Addr{}, DNS: to([]netip.Addr{addr("9.9.9.9")}), DHCP: to(false), Pools: to([]network.Pool{pool("10.0.0.10", "10.0.0.20")}),
	}))(s)
	require.False(t, got.GatewayIP.IsValid())
	require.Equal(t, []netip.Addr{addr("9.9.9.9")}, got.DNS)
	require.Equal(t, addr("10.0.0.10"), s.port(s.ann, n).Addresses[0].IP)
	_, err := s.UpdateSubnet(s.ann, sub.ID, network.UpdateSubnet{GatewayIP: to(addr("10.0.0.12"))})
	s.requireFault(err, errs.Conflict, "GatewayConflictWithAllocationPools")
	ok(s.UpdateSubnet(s.ann, sub.ID, network.UpdateSubnet{GatewayIP: to(addr("10.0.0.1"))}))(s)
	s.router(nil, sub)
	_, err = s.UpdateSubnet(s.ann, sub.ID, network.UpdateSubnet{GatewayIP: to(addr("10.0.0.2"))})
	s.requireFault(err, errs.Conflict, "GatewayIpInUse")
	s.requireFault(s.DeleteSubnet(s.ann, sub.ID), errs.Conflict, "SubnetInUse")
	_, err = s.UpdateSubnet(s.bob, sub.ID, network.UpdateSubnet{Name: to("b")})
	s.requireFault(err, errs.NotFound, "SubnetNotFound")
}
