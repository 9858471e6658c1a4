package network_test

import (
	"net/netip"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/cumulite/cumulite/network"
	"github.com/cumulite/cumulite/platform/errs"
	"github.com/cumulite/cumulite/platform/store"
)

// routed is a site where ann has a network that is routed to the outside.
type routed struct {
	*site
	inside, outside *network.Network
	within, around  *network.Subnet
	router          *network.Router
}

func newRouted(t *testing.T) *routed {
	r := &routed{site: newSite(t)}
	r.outside, r.around = r.external("203.0.113.0/24")
	r.inside, r.within = r.network(r.ann, "10.1.0.0/24")
	r.router = r.site.router(r.outside, r.within)
	return r
}

func (s *routed) floating() *network.FloatingIP {
	s.Helper()
	return ok(s.CreateFloatingIP(s.ann, network.CreateFloatingIP{NetworkID: s.outside.ID}))(s.site)
}

// lead has f lead to a port, as ann asks.
func (s *routed) lead(f *network.FloatingIP, portID string) (*network.FloatingIP, error) {
	return s.UpdateFloatingIP(s.ann, f.ID, network.UpdateFloatingIP{PortID: &portID})
}

func TestFloatingIPLeadsToAPortAndNoMore(t *testing.T) {
	s := newRouted(t)
	f := s.floating()
	require.Equal(t, network.PortDown, f.Status)
	require.True(t, s.around.CIDR.Contains(f.Address))
	require.Empty(t, f.RouterID)
	p := s.port(s.ann, s.inside)
	f = ok(s.lead(f, p.ID))(s.site)
	require.Equal(t, network.PortDown, f.Status, "no host knows")
	require.Equal(t, s.router.ID, f.RouterID)
	require.Equal(t, p.Addresses[0].IP, *f.FixedIP)
	require.Equal(t, network.PortDetails{NetworkID: s.inside.ID, MACAddress: p.MAC, AdminStateUp: true, Status: "DOWN"}, *f.PortDetails)
	require.Equal(t, *f, *ok(s.GetFloatingIP(s.ann, f.ID))(s.site))
	described := ok(s.UpdateFloatingIP(s.ann, f.ID, network.UpdateFloatingIP{Description: to("web")}))(s.site)
	require.Equal(t, p.ID, described.PortID, "a change that names no port leaves it")
	f = ok(s.lead(f, ""))(s.site)
	require.Equal(t, network.PortDown, f.Status)
	require.Nil(t, f.FixedIP)
	require.Nil(t, f.PortDetails)
	require.Empty(t, f.RouterID)
}

func TestFloatingIPIsHeldByAPortThatItsUserDoesNotSee(t *testing.T) {
	s := newRouted(t)
	f := s.floating()
	p := ok(s.GetPort(s.admin, f.FloatingPortID))(s.site)
	require.Equal(t, "network:floatingip", p.DeviceOwner)
	require.Equal(t, f.ID, p.DeviceID)
	require.Empty(t, p.ProjectID)
	s.requireFault(second(s.GetPort(s.ann, p.ID)), errs.NotFound, "PortNotFound")
	s.requireFault(s.DeletePort(s.admin, p.ID), errs.Conflict, "ServicePortInUse")
	require.Equal(t, 1, s.used("ann", "floatingip"))
	require.NoError(t, s.DeleteFloatingIP(s.ann, f.ID))
	s.requireFault(second(s.GetPort(s.admin, p.ID)), errs.NotFound, "PortNotFound")
	require.Zero(t, s.used("ann", "floatingip"))
	s.limit("ann", "floatingip", 0)
	s.requireFault(second(s.CreateFloatingIP(s.ann, network.CreateFloatingIP{NetworkID: s.outside.ID})), errs.Quota, "OverQuota")
	all, _, err := s.ListPorts(s.admin, store.Query{Filters: []store.Filter{{Field: "device_owner", Values: []string{"network:floatingip"}}}})
	require.NoError(t, err)
	require.Empty(t, all, "what was refused left no port")
}

func TestAddressOfAFloatingIPIsChosenByThoseWhoMay(t *testing.T) {
	s := newRouted(t)
	want := network.CreateFloatingIP{NetworkID: s.outside.ID, Address: netip.MustParseAddr("203.0.113.99")}
	s.requireFault(second(s.CreateFloatingIP(s.ann, want)), errs.Forbidden, "")
	manager := as(t.Context(), "ann", "manager", "member", "reader")
	require.Equal(t, want.Address, ok(s.CreateFloatingIP(manager, want))(s.site).Address)
	s.requireFault(second(s.CreateFloatingIP(s.admin, want)), errs.Conflict, "IpAddressAlreadyAllocated")
	want.Address = netip.MustParseAddr("192.0.2.1")
	require.Equal(t, errs.Invalid, errs.KindOf(second(s.CreateFloatingIP(s.admin, want))))
	more := s.subnet(s.admin, s.outside, "198.51.100.0/24")
	f := ok(s.CreateFloatingIP(s.ann, network.CreateFloatingIP{NetworkID: s.outside.ID, SubnetID: more.ID}))(s.site)
	require.True(t, more.CIDR.Contains(f.Address))
}

func TestFloatingIPsThatMakeNoSense(t *testing.T) {
	s := newRouted(t)
	p := s.port(s.ann, s.inside)
	far, _ := s.network(s.ann, "10.2.0.0/24")
	two := ok(s.CreatePort(s.ann, network.CreatePort{NetworkID: s.inside.ID, Addresses: &[]network.Address{{SubnetID: s.within.ID}, {SubnetID: s.within.ID}}}))(s.site)
	none := ok(s.CreatePort(s.ann, network.CreatePort{NetworkID: s.inside.ID, Addresses: &[]network.Address{}}))(s.site)
	six, _ := s.external("2001:db8::/64")
	theirs, _ := s.network(s.bob, "10.3.0.0/24")
	for what, c := range map[string]struct {
		in   network.CreateFloatingIP
		code string
	}{
		"network inside":          {network.CreateFloatingIP{NetworkID: s.inside.ID}, "BadRequest"},
		"no such network":         {network.CreateFloatingIP{NetworkID: p.ID}, "NetworkNotFound"},
		"another's network":       {network.CreateFloatingIP{NetworkID: theirs.ID}, "NetworkNotFound"},
		"no IPv4 there":           {network.CreateFloatingIP{NetworkID: six.ID}, "BadRequest"},
		"no such port":            {network.CreateFloatingIP{NetworkID: s.outside.ID, PortID: s.inside.ID}, "PortNotFound"},
		"another's port":          {network.CreateFloatingIP{NetworkID: s.outside.ID, PortID: s.port(s.bob, theirs).ID}, "PortNotFound"},
		"no way there":            {network.CreateFloatingIP{NetworkID: s.outside.ID, PortID: s.port(s.ann, far).ID}, "ExternalGatewayForFloatingIPNotFound"},
		"port without address":    {network.CreateFloatingIP{NetworkID: s.outside.ID, PortID: none.ID}, "BadRequest"},
		"port with two":           {network.CreateFloatingIP{NetworkID: s.outside.ID, PortID: two.ID}, "BadRequest"},
		"address without port":    {network.CreateFloatingIP{NetworkID: s.outside.ID, FixedIP: p.Addresses[0].IP}, "BadRequest"},
		"address of another port": {network.CreateFloatingIP{NetworkID: s.outside.ID, PortID: p.ID, FixedIP: two.Addresses[0].IP}, "BadRequest"},
		"IPv6 address":            {network.CreateFloatingIP{NetworkID: s.outside.ID, PortID: p.ID, FixedIP: netip.MustParseAddr("::1")}, "BadRequest"},
	} {
		_, err := s.CreateFloatingIP(s.ann, c.in)
		require.Equal(t, c.code, errs.CodeOf(err), "%s: %v", what, err)
	}
	require.Zero(t, s.used("ann", "floatingip"))
	f := ok(s.CreateFloatingIP(s.ann, network.CreateFloatingIP{NetworkID: s.outside.ID, PortID: two.ID, FixedIP: two.Addresses[1].IP}))(s.site)
	require.Equal(t, two.Addresses[1].IP, *f.FixedIP)
}

func TestOneOfTwoFloatingIPsGetsThePort(t *testing.T) {
	s := newRouted(t)
	p := s.port(s.ann, s.inside)
	failed := make([]error, 4)
	var all sync.WaitGroup
	for i := range failed {
		f := s.floating()
		all.Go(func() { _, failed[i] = s.lead(f, p.ID) })
	}
	all.Wait()
	refused := 0
	for _, err := range failed {
		if err != nil {
			s.requireFault(err, errs.Conflict, "FloatingIPPortAlreadyAssociated")
			refused++
		}
	}
	require.Equal(t, len(failed)-1, refused)
}

func TestFloatingIPThatLeadsNowhereGoesWithItsNetwork(t *testing.T) {
	s := newSite(t)
	outside, _ := s.external("203.0.113.0/24")
	f := ok(s.CreateFloatingIP(s.ann, network.CreateFloatingIP{NetworkID: outside.ID}))(s)
	require.NoError(t, s.DeleteNetwork(s.admin, outside.ID))
	_, err := s.GetFloatingIP(s.ann, f.ID)
	s.requireFault(err, errs.NotFound, "FloatingIPNotFound")

	r := newRouted(t)
	free, used := r.floating(), r.floating()
	used = ok(r.lead(used, r.port(r.ann, r.inside).ID))(r.site)
	r.requireFault(r.DeleteNetwork(r.admin, r.outside.ID), errs.Conflict, "NetworkInUse")
	for _, kept := range []string{free.ID, used.ID} {
		ok(r.GetFloatingIP(r.ann, kept))(r.site)
	}
}

func TestDeletedPortFreesItsFloatingIP(t *testing.T) {
	s := newRouted(t)
	p, f := s.port(s.ann, s.inside), s.floating()
	f = ok(s.lead(f, p.ID))(s.site)
	_, err := s.UpdatePort(s.ann, p.ID, network.UpdatePort{Addresses: &[]network.Address{{SubnetID: s.within.ID, IP: netip.MustParseAddr("10.1.0.77")}}})
	s.requireFault(err, errs.Invalid, "BadRequest")
	require.NoError(t, s.DeletePort(s.ann, p.ID))
	f = ok(s.GetFloatingIP(s.ann, f.ID))(s.site)
	require.Empty(t, f.PortID)
	require.Empty(t, f.RouterID)
	require.Equal(t, network.PortDown, f.Status)
}

func TestFloatingIPOfAnAdministratorKeepsThePort(t *testing.T) {
	s := newRouted(t)
	p := s.port(s.ann, s.inside)
	ok(s.CreateFloatingIP(s.admin, network.CreateFloatingIP{NetworkID: s.outside.ID, PortID: p.ID}))(s.site)
	s.requireFault(s.DeletePort(s.ann, p.ID), errs.Conflict, "FipAssociated")
	require.NoError(t, s.DeletePort(s.admin, p.ID))
}

func TestWayOfAFloatingIPStays(t *testing.T) {
	s := newRouted(t)
	p, f := s.port(s.ann, s.inside), s.floating()
	ok(s.lead(f, p.ID))(s.site)
	_, err := s.RemoveRouterInterface(s.ann, s.router.ID, at(s.within))
	s.requireFault(err, errs.Conflict, "RouterInterfaceInUseByFloatingIP")
	_, err = s.UpdateRouter(s.ann, s.router.ID, network.UpdateRouter{Gateway: &network.Gateway{}})
	s.requireFault(err, errs.Conflict, "RouterExternalGatewayInUseByFloatingIp")
	s.requireFault(s.DeleteNetwork(s.admin, s.outside.ID), errs.Conflict, "NetworkInUse")
	ok(s.lead(f, ""))(s.site)
	ok(s.RemoveRouterInterface(s.ann, s.router.ID, at(s.within)))(s.site)
	ok(s.UpdateRouter(s.ann, s.router.ID, network.UpdateRouter{Gateway: &network.Gateway{}}))(s.site)
	require.NoError(t, s.DeleteRouter(s.ann, s.router.ID))
}

func TestFloatingIPTakesTheRouterThatIsTheGateway(t *testing.T) {
	s := newRouted(t)
	other := s.site.router(s.outside)
	hop := s.port(s.ann, s.inside)
	ok(s.RemoveRouterInterface(s.ann, s.router.ID, at(s.within)))(s.site)
	ok(s.AddRouterInterface(s.ann, s.router.ID, network.InterfaceOf{PortID: hop.ID}))(s.site)
	p := s.port(s.ann, s.inside)
	f := ok(s.lead(s.floating(), p.ID))(s.site)
	require.Equal(t, s.router.ID, f.RouterID, "the only one")
	ok(s.AddRouterInterface(s.ann, other.ID, at(s.within)))(s.site)
	f = ok(s.lead(f, p.ID))(s.site)
	require.Equal(t, other.ID, f.RouterID)
}

func TestFloatingIPsOfOtherProjectsAreNotThere(t *testing.T) {
	s := newRouted(t)
	f := s.floating()
	for _, err := range []error{
		second(s.GetFloatingIP(s.bob, f.ID)), second(s.UpdateFloatingIP(s.bob, f.ID, network.UpdateFloatingIP{})), s.DeleteFloatingIP(s.bob, f.ID),
	} {
		s.requireFault(err, errs.NotFound, "FloatingIPNotFound")
	}
	s.requireFault(s.DeleteFloatingIP(s.reader, f.ID), errs.Forbidden, "")
	s.requireFault(second(s.CreateFloatingIP(s.reader, network.CreateFloatingIP{NetworkID: s.outside.ID})), errs.Forbidden, "")
	for status, want := range map[string]int{"DOWN": 1, "ACTIVE": 0} {
		all, _, err := s.ListFloatingIPs(s.ann, store.Query{Filters: []store.Filter{
			{Field: "status", Values: []string{status}}, {Field: "floating_ip_address", Values: []string{f.Address.String()}}}})
		require.NoError(t, err)
		require.Len(t, all, want)
	}
}

func TestLastAddressOutsideIsGivenOnce(t *testing.T) {
	s := newSite(t)
	ext := ok(s.CreateNetwork(s.admin, network.CreateNetwork{External: true}))(s)
	pool := []network.Pool{{Start: netip.MustParseAddr("203.0.113.9"), End: netip.MustParseAddr("203.0.113.9")}}
	ok(s.CreateSubnet(s.admin, network.CreateSubnet{NetworkID: ext.ID, IPVersion: 4, CIDR: netip.MustParsePrefix("203.0.113.0/24"), Pools: pool}))(s)
	failed := make([]error, 4)
	var all sync.WaitGroup
	for i := range failed {
		all.Go(func() { _, failed[i] = s.CreateFloatingIP(s.ann, network.CreateFloatingIP{NetworkID: ext.ID}) })
	}
	all.Wait()
	refused := 0
	for _, err := range failed {
		if err != nil {
			s.requireFault(err, errs.Exhausted, "IpAddressGenerationFailure")
			refused++
		}
	}
	require.Equal(t, len(failed)-1, refused)
	require.Equal(t, 1, s.used("ann", "floatingip"))
	_, err := s.CreateFloatingIPs(s.ann, []network.CreateFloatingIP{{NetworkID: ext.ID}})
	s.requireFault(err, errs.Exhausted, "IpAddressGenerationFailure")
}
