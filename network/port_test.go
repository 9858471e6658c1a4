package network_test

import (
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/cumulite/cumulite/network"
	"github.com/cumulite/cumulite/platform/auth"
	"github.com/cumulite/cumulite/platform/errs"
	"github.com/cumulite/cumulite/platform/store"
)

func TestPortHasDefaults(t *testing.T) {
	s := newSite(t)
	n, sub := s.network(s.ann, "10.0.0.0/24")
	p := ok(s.GetPort(s.ann, s.port(s.ann, n).ID))(s)
	require.Equal(t, []network.Address{{SubnetID: sub.ID, IP: addr("10.0.0.2")}}, p.Addresses)
	require.True(t, strings.HasPrefix(p.MAC, "fa:16:3e:"))
	require.True(t, p.AdminStateUp && p.PortSecurity)
	require.Equal(t, network.PortDown, p.Status)
	require.Equal(t, "normal", p.VNICType)
	require.Equal(t, network.Unbound, p.VIFType())
	groups, _, err := s.ListSecurityGroups(s.ann, store.Query{})
	require.NoError(t, err)
	require.Equal(t, []string{groups[0].ID}, p.Groups)
}

func TestPortsOfOthersDoNotExist(t *testing.T) {
	s := newSite(t)
	n, _ := s.network(s.ann, "10.0.0.0/24")
	p := s.port(s.ann, n)
	_, err := s.GetPort(s.bob, p.ID)
	s.requireFault(err, errs.NotFound, "PortNotFound")
	_, err = s.UpdatePort(s.bob, p.ID, network.UpdatePort{Name: to("x")})
	s.requireFault(err, errs.NotFound, "PortNotFound")
	s.requireFault(s.DeletePort(s.bob, p.ID), errs.NotFound, "PortNotFound")
	page, _, err := s.ListPorts(s.bob, store.Query{})
	require.NoError(t, err)
	require.Empty(t, page)
}

func TestGuestsOfASharedNetworkTakeWhatTheyGet(t *testing.T) {
	s := newSite(t)
	n := ok(s.CreateNetwork(s.admin, network.CreateNetwork{Shared: true}))(s)
	sub := s.subnet(s.admin, n, "10.0.0.0/24")
	p := ok(s.CreatePort(s.bob, network.CreatePort{NetworkID: n.ID, Addresses: &[]network.Address{{SubnetID: sub.ID}}}))(s)
	for name, in := range map[string]network.CreatePort{
		"MAC": {MAC: "fa:16:3e:00:00:01"}, "address": {Addresses: &[]network.Address{{IP: addr("10.0.0.9")}}}, "no security": {PortSecurity: to(false)},
		"pairs": {Pairs: []network.AddressPair{{IP: "10.0.0.9"}}}, "host": {Host: "hv1"}, "profile": {Profile: map[string]any{"a": 1}},
		"router's": {DeviceOwner: network.OwnerInterface},
	} {
		in.NetworkID = n.ID
		_, err := s.CreatePort(s.bob, in)
		require.Equal(t, errs.Forbidden, errs.KindOf(err), name)
	}
	for name, in := range map[string]network.UpdatePort{
		"MAC": {MAC: to("fa:16:3e:00:00:01")}, "address": {Addresses: &[]network.Address{}}, "pairs": {Pairs: &[]network.AddressPair{}},
		"host": {Host: to("hv1")}, "router's": {DeviceOwner: to(network.OwnerInterface)},
	} {
		_, err := s.UpdatePort(s.bob, p.ID, in)
		require.Equal(t, errs.Forbidden, errs.KindOf(err), name)
	}
	ok(s.GetPort(s.admin, p.ID))(s)
}

func TestAddressesAreGivenAsAskedFor(t *testing.T) {
	s := newSite(t)
	n, sub := s.network(s.ann, "10.0.0.0/24")
	second := s.subnet(s.ann, n, "10.0.1.0/24")
	for name, c := range map[string]struct {
		asked []network.Address
		want  []network.Address
	}{
		"none":          {[]network.Address{}, nil},
		"address":       {[]network.Address{{IP: addr("10.0.1.7")}}, []network.Address{{SubnetID: second.ID, IP: addr("10.0.1.7")}}},
		"subnet":        {[]network.Address{{SubnetID: second.ID}}, []network.Address{{SubnetID: second.ID, IP: addr("10.0.1.2")}}},
		"gateway":       {[]network.Address{{IP: addr("10.0.0.1")}}, []network.Address{{SubnetID: sub.ID, IP: addr("10.0.0.1")}}},
		"two of one":    {[]network.Address{{SubnetID: sub.ID}, {SubnetID: sub.ID}}, []network.Address{{SubnetID: sub.ID, IP: addr("10.0.0.2")}, {SubnetID: sub.ID, IP: addr("10.0.0.3")}}},
		"named and any": {[]network.Address{{SubnetID: sub.ID}, {IP: addr("10.0.0.2")}}, []network.Address{{SubnetID: sub.ID, IP: addr("10.0.0.2")}, {SubnetID: sub.ID, IP: addr("10.0.0.3")}}},
	} {
		p := ok(s.CreatePort(s.ann, network.CreatePort{NetworkID: n.ID, Addresses: &c.asked}))(s)
		require.Equal(t, c.want, ok(s.GetPort(s.ann, p.ID))(s).Addresses, name)
		require.NoError(t, s.DeletePort(s.ann, p.ID))
	}
	s.port(s.ann, n)
	_, elsewhere := s.network(s.ann, "10.9.0.0/24")
	for name, c := range map[string]struct {
		asked network.Address
		kind  errs.Kind
		code  string
	}{
		"taken":           {network.Address{IP: addr("10.0.0.2")}, errs.Conflict, "IpAddressAlreadyAllocated"},
		"outside":         {network.Address{IP: addr("192.0.2.1")}, errs.Invalid, "InvalidIpForNetwork"},
		"broadcast":       {network.Address{IP: addr("10.0.0.255")}, errs.Invalid, "InvalidIpForNetwork"},
		"not in subnet":   {network.Address{SubnetID: sub.ID, IP: addr("10.0.1.9")}, errs.Invalid, "InvalidIpForSubnet"},
		"another network": {network.Address{SubnetID: elsewhere.ID}, errs.Invalid, "InvalidInput"},
	} {
		_, err := s.CreatePort(s.ann, network.CreatePort{NetworkID: n.ID, Addresses: &[]network.Address{c.asked}})
		require.Error(t, err, name)
		s.requireFault(err, c.kind, c.code)
	}
	require.Equal(t, 1, s.used("ann", "port"), "what failed left nothing")
}

func TestAddressesOverflowToTheNextSubnet(t *testing.T) {
	s := newSite(t)
	n, first := s.network(s.ann, "10.0.0.0/30")
	second := s.subnet(s.ann, n, "10.0.1.0/30")
	require.Equal(t, first.ID, s.port(s.ann, n).Addresses[0].SubnetID)
	require.Equal(t, second.ID, s.port(s.ann, n).Addresses[0].SubnetID)
	_, err := s.CreatePort(s.ann, network.CreatePort{NetworkID: n.ID})
	s.requireFault(err, errs.Exhausted, "IpAddressGenerationFailure")
}

func TestAddressesRiseAndAreGivenAgainOnceThePoolHasEnded(t *testing.T) {
	s := newSite(t)
	n, _ := s.network(s.ann, "10.0.0.0/29") // .2 to .6
	given := func() string { return ok(s.GetPort(s.ann, s.port(s.ann, n).ID))(s).Addresses[0].IP.String() }
	require.Equal(t, "10.0.0.2", given())
	second := s.port(s.ann, n)
	require.NoError(t, s.DeletePort(s.ann, s.port(s.ann, n).ID))
	require.Equal(t, "10.0.0.4", given(), "nobody has a higher one")
	require.NoError(t, s.DeletePort(s.ann, second.ID))
	for _, want := range []string{"10.0.0.5", "10.0.0.6", "10.0.0.3"} {
		require.Equal(t, want, given())
	}
	_, err := s.CreatePort(s.ann, network.CreatePort{NetworkID: n.ID})
	s.requireFault(err, errs.Exhausted, "IpAddressGenerationFailure")
}

func TestLastAddressesGoToOneEach(t *testing.T) {
	s := newSite(t)
	n, _ := s.network(s.ann, "10.0.0.0/28") // 13 addresses beside the gateway's
	var mu sync.Mutex
	given, failed := map[string]bool{}, 0
	var all sync.WaitGroup
	for range 100 {
		all.Go(func() {
			p, err := s.CreatePort(s.ann, network.CreatePort{NetworkID: n.ID})
			mu.Lock()
			defer mu.Unlock()
			if err == nil {
				given[p.Addresses[0].IP.String()] = true
			} else if errs.CodeOf(err) == "IpAddressGenerationFailure" {
				failed++
			}
		})
	}
	all.Wait()
	require.Len(t, given, 13)
	require.Equal(t, 87, failed)
	require.Equal(t, 13, s.used("ann", "port"))
}

func TestQuotaIsExactUnderConcurrency(t *testing.T) {
	s := newSite(t)
	n, _ := s.network(s.ann, "10.0.0.0/24")
	s.limit("ann", "port", 10)
	var all sync.WaitGroup
	for range 20 {
		all.Go(func() {
			for range 5 {
				p, err := s.CreatePort(s.ann, network.CreatePort{NetworkID: n.ID})
				if err == nil {
					err = s.DeletePort(s.ann, p.ID)
				}
				if err != nil && errs.KindOf(err) != errs.Quota {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
	require.Zero(t, s.used("ann", "port"))
	for range 10 {
		s.port(s.ann, n)
	}
	_, err := s.CreatePort(s.ann, network.CreatePort{NetworkID: n.ID})
	s.requireFault(err, errs.Quota, "OverQuota")
	require.Equal(t, "Quota exceeded for resources: ['port'].", errs.Message(err))
}

func TestPortMakesItsOwnAddressWhereTheSubnetSaysSo(t *testing.T) {
	s := newSite(t)
	n, v4 := s.network(s.ann, "10.0.0.0/24")
	before := ok(s.CreatePort(s.ann, network.CreatePort{NetworkID: n.ID, MAC: "fa:16:3e:00:00:01"}))(s)
	auto := ok(s.CreateSubnet(s.ann, network.CreateSubnet{
		NetworkID: n.ID, IPVersion: 6, CIDR: prefix("2001:db8::/64"), RAMode: network.SLAAC, AddressMode: network.SLAAC,
	}))(s)
	own := network.Address{SubnetID: auto.ID, IP: addr("2001:db8::f816:3eff:fe00:1")}
	require.Equal(t, []network.Address{before.Addresses[0], own}, ok(s.GetPort(s.ann, before.ID))(s).Addresses, "also ports that were there")
	after := ok(s.CreatePort(s.ann, network.CreatePort{NetworkID: n.ID, MAC: "fa:16:3e:00:00:02"}))(s)
	require.Equal(t, []network.Address{{SubnetID: v4.ID, IP: addr("10.0.0.3")}, {SubnetID: auto.ID, IP: addr("2001:db8::f816:3eff:fe00:2")}}, after.Addresses)
	_, err := s.CreatePort(s.ann, network.CreatePort{NetworkID: n.ID, Addresses: &[]network.Address{{IP: addr("2001:db8::9")}}})
	s.requireFault(err, errs.Invalid, "InvalidInput")
	require.NoError(t, s.DeleteSubnet(s.ann, auto.ID), "addresses that ports made do not hold a subnet")
	require.Equal(t, before.Addresses, ok(s.GetPort(s.ann, before.ID))(s).Addresses)
}

func TestPortsThatMakeNoSense(t *testing.T) {
	pairs := func(n int) (all []network.AddressPair) {
		for i := range n {
			all = append(all, network.AddressPair{IP: fmt.Sprintf("10.0.0.%d", i)})
		}
		return all
	}
	for name, c := range map[string]struct {
		in   network.CreatePort
		kind errs.Kind
		code string
	}{
		"MAC":              {network.CreatePort{MAC: "tea"}, errs.Invalid, "HTTPBadRequest"},
		"multicast MAC":    {network.CreatePort{MAC: "01:00:5e:00:00:01"}, errs.Invalid, "HTTPBadRequest"},
		"taken MAC":        {network.CreatePort{MAC: "FA:16:3E:00:00:01"}, errs.Conflict, "MacAddressInUse"},
		"pair":             {network.CreatePort{Pairs: []network.AddressPair{{IP: "tea"}}}, errs.Invalid, ""},
		"pair twice":       {network.CreatePort{Pairs: []network.AddressPair{{IP: "10.0.0.9"}, {IP: "10.0.0.9"}}}, errs.Invalid, "DuplicateAddressPairInRequest"},
		"too many pairs":   {network.CreatePort{Pairs: pairs(11)}, errs.Invalid, "AllowedAddressPairExhausted"},
		"pairs unsecured":  {network.CreatePort{Pairs: pairs(1), PortSecurity: to(false)}, errs.Conflict, "AddressPairAndPortSecurityRequired"},
		"name":             {network.CreatePort{DNSName: "a b"}, errs.Invalid, ""},
		"option":           {network.CreatePort{DHCPOptions: []network.ExtraDHCPOpt{{Name: "mtu"}}}, errs.Invalid, "ExtraDhcpOptBadData"},
		"VNIC type":        {network.CreatePort{VNICType: "tea"}, errs.Invalid, ""},
		"id by a user":     {network.CreatePort{ID: "5a9b9dbf-1d3e-4c62-a6a6-0a3f0f5c2d11"}, errs.Invalid, ""},
		"no network":       {network.CreatePort{NetworkID: "none"}, errs.NotFound, "NetworkNotFound"},
		"unknown group":    {network.CreatePort{Groups: &[]string{"none"}}, errs.NotFound, "SecurityGroupNotFound"},
		"groups unsecured": {network.CreatePort{PortSecurity: to(false), Groups: &[]string{"default"}}, errs.Conflict, "PortSecurityPortHasSecurityGroup"},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSite(t)
			n, _ := s.network(s.ann, "10.0.0.0/24")
			first := ok(s.CreatePort(s.ann, network.CreatePort{NetworkID: n.ID, MAC: "fa:16:3e:00:00:01"}))(s)
			if c.in.NetworkID == "" {
				c.in.NetworkID = n.ID
			}
			if c.in.Groups != nil && (*c.in.Groups)[0] == "default" {
				c.in.Groups = &first.Groups
			}
			_, err := s.CreatePort(s.ann, c.in)
			s.requireFault(err, c.kind, c.code)
			require.Equal(t, 1, s.used("ann", "port"))
		})
	}
}

func TestServicesChooseThePortsID(t *testing.T) {
	s := newSite(t)
	n, _ := s.network(s.ann, "10.0.0.0/24")
	ctx := auth.AsService(s.ann, "compute")
	in := network.CreatePort{ID: "5a9b9dbf-1d3e-4c62-a6a6-0a3f0f5c2d11", NetworkID: n.ID}
	require.Equal(t, in.ID, ok(s.CreatePort(ctx, in))(s).ID)
	_, err := s.CreatePort(ctx, in)
	require.Equal(t, errs.Conflict, errs.KindOf(err))
	require.Equal(t, "ann", ok(s.GetPort(s.ann, in.ID))(s).ProjectID)
}

func TestPortChanges(t *testing.T) {
	s := newSite(t)
	n, sub := s.network(s.ann, "10.0.0.0/24")
	p := s.port(s.ann, n)
	got := ok(s.UpdatePort(s.ann, p.ID, network.UpdatePort{
		Name: to("web"), AdminStateUp: to(false), DNSName: to("web"), Groups: &[]string{}, Pairs: &[]network.AddressPair{{IP: "10.0.0.0/28"}},
		DHCPOptions: &[]network.ExtraDHCPOpt{{Name: "mtu", Value: "1400"}, {Name: "42", Value: "10.0.0.3"}},
		Addresses:   &[]network.Address{{SubnetID: sub.ID}, {IP: addr("10.0.0.9")}},
	}))(s)
	require.Equal(t, []network.Address{{SubnetID: sub.ID, IP: addr("10.0.0.2")}, {SubnetID: sub.ID, IP: addr("10.0.0.9")}}, got.Addresses, "it keeps the one it had")
	require.Equal(t, []network.AddressPair{{IP: "10.0.0.0/28", MAC: p.MAC}}, got.Pairs)
	require.Empty(t, got.Groups)
	require.EqualValues(t, 2, got.Version)
	got = ok(s.UpdatePort(s.ann, p.ID, network.UpdatePort{DHCPOptions: &[]network.ExtraDHCPOpt{{Name: "mtu"}}, Addresses: &[]network.Address{}}))(s)
	require.Equal(t, []network.ExtraDHCPOpt{{Name: "42", Value: "10.0.0.3", Version: 4}}, got.DHCPOptions)
	require.Empty(t, got.Addresses)
	require.Equal(t, addr("10.0.0.2"), s.port(s.ann, n).Addresses[0].IP, "what it had is free")
	_, err := s.UpdatePort(s.ann, p.ID, network.UpdatePort{PortSecurity: to(false)})
	s.requireFault(err, errs.Conflict, "AddressPairAndPortSecurityRequired")
}

func TestPortsAreFiltered(t *testing.T) {
	s := newSite(t)
	n, sub := s.network(s.ann, "10.0.0.0/24")
	a, b := s.port(s.ann, n), s.port(s.ann, n)
	ok(s.UpdatePort(s.ann, a.ID, network.UpdatePort{DeviceOwner: to("compute:nova"), DeviceID: to("d")}))(s)
	for name, c := range map[string]struct {
		field, value string
		want         []string
	}{
		"address": {"fixed_ips", "ip_address=10.0.0.3", []string{b.ID}}, "subnet": {"fixed_ips", "subnet_id=" + sub.ID, []string{a.ID, b.ID}},
		"part of it": {"fixed_ips", "ip_address_substr=0.0.2", []string{a.ID}}, "wildcard is none": {"fixed_ips", "ip_address_substr=%", nil},
		"owner": {"device_owner", "compute:nova", []string{a.ID}}, "all compute": {"device_owner", "compute:", []string{a.ID}},
		"device": {"device_id", "d", []string{a.ID}}, "group": {"security_groups", a.Groups[0], []string{a.ID, b.ID}}, "network": {"network_id", "none", nil},
		"MAC": {"mac_address", b.MAC, []string{b.ID}},
	} {
		page, _, err := s.ListPorts(s.ann, store.Query{Filters: []store.Filter{{Field: c.field, Values: []string{c.value}}}})
		require.NoError(t, err, name)
		var ids []string
		for _, p := range page {
			ids = append(ids, p.ID)
		}
		require.ElementsMatch(t, c.want, ids, name)
	}
	_, _, err := s.ListPorts(s.ann, store.Query{Filters: []store.Filter{{Field: "fixed_ips", Values: []string{"tea=1"}}}})
	require.Equal(t, errs.Invalid, errs.KindOf(err))
}
