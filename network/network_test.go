package network_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/cumulite/cumulite/network"
	"github.com/cumulite/cumulite/platform/errs"
	"github.com/cumulite/cumulite/platform/store"
)

func TestNetworkHasDefaults(t *testing.T) {
	s := newSite(t)
	n := ok(s.CreateNetwork(s.ann, network.CreateNetwork{Name: "n"}))(s)
	got := ok(s.GetNetwork(s.ann, n.ID))(s)
	require.True(t, got.AdminStateUp)
	require.True(t, got.PortSecurity)
	require.False(t, got.Shared || got.External || got.IsDefault)
	require.Equal(t, 1450, got.MTU)
	require.Equal(t, "vxlan", got.Type)
	require.Equal(t, 1, got.Segment)
	require.Equal(t, "ann", got.ProjectID)
	require.EqualValues(t, 1, got.Version)
	require.Equal(t, []string{}, got.Subnets)
	sub := s.subnet(s.ann, n, "10.0.0.0/24")
	require.Equal(t, []string{sub.ID}, ok(s.GetNetwork(s.ann, n.ID))(s).Subnets)
}

func TestOthersSeeOnlySharedAndExternalNetworks(t *testing.T) {
	s := newSite(t)
	mine, _ := s.network(s.ann, "10.0.0.0/24")
	ext, around := s.external("203.0.113.0/24")
	shared := ok(s.CreateNetwork(s.admin, network.CreateNetwork{Shared: true}))(s)
	page, _, err := s.ListNetworks(s.bob, store.Query{})
	require.NoError(t, err)
	require.ElementsMatch(t, []string{ext.ID, shared.ID}, []string{page[0].ID, page[1].ID})
	theirs := s.subnet(s.admin, shared, "10.9.0.0/24")
	subs, _, err := s.ListSubnets(s.bob, store.Query{})
	require.NoError(t, err)
	require.Len(t, subs, 1, "the subnets of external networks are not theirs to see")
	require.Equal(t, theirs.ID, subs[0].ID)
	_, err = s.GetSubnet(s.bob, around.ID)
	s.requireFault(err, errs.NotFound, "SubnetNotFound")

	_, err = s.GetNetwork(s.bob, mine.ID)
	s.requireFault(err, errs.NotFound, "NetworkNotFound")
	_, err = s.UpdateNetwork(s.bob, mine.ID, network.UpdateNetwork{Name: to("x")})
	s.requireFault(err, errs.NotFound, "NetworkNotFound")
	s.requireFault(s.DeleteNetwork(s.bob, mine.ID), errs.NotFound, "NetworkNotFound")
	_, err = s.CreatePort(s.bob, network.CreatePort{NetworkID: mine.ID})
	s.requireFault(err, errs.NotFound, "NetworkNotFound")

	require.Equal(t, errs.Forbidden, errs.KindOf(s.DeleteNetwork(s.bob, shared.ID)))
	_, err = s.CreatePort(s.bob, network.CreatePort{NetworkID: ext.ID})
	require.Equal(t, errs.Forbidden, errs.KindOf(err), "external networks are for gateways and floating addresses")
	_, err = s.CreatePort(s.bob, network.CreatePort{NetworkID: shared.ID})
	require.NoError(t, err)
	_, err = s.UpdateNetwork(s.reader, mine.ID, network.UpdateNetwork{Name: to("x")})
	require.Equal(t, errs.Forbidden, errs.KindOf(err))
}

func TestOnlyAdministratorsSetWhatConcernsTheCloud(t *testing.T) {
	s := newSite(t)
	n := ok(s.CreateNetwork(s.ann, network.CreateNetwork{}))(s)
	for name, in := range map[string]network.CreateNetwork{
		"shared": {Shared: true}, "external": {External: true}, "type": {Type: "vxlan"}, "physical": {Physical: "physnet"}, "segment": {Segment: 7},
	} {
		_, err := s.CreateNetwork(s.ann, in)
		require.Equal(t, errs.Forbidden, errs.KindOf(err), name)
	}
	for name, in := range map[string]network.UpdateNetwork{"shared": {Shared: to(false)}, "external": {External: to(true)}, "segment": {Segment: to(7)}} {
		_, err := s.UpdateNetwork(s.ann, n.ID, in)
		require.Equal(t, errs.Forbidden, errs.KindOf(err), name)
	}
	_, err := s.CreateNetwork(s.ann, network.CreateNetwork{ProjectID: "bob"})
	require.Equal(t, errs.Invalid, errs.KindOf(err))
	require.Equal(t, "bob", ok(s.CreateNetwork(s.admin, network.CreateNetwork{ProjectID: "bob"}))(s).ProjectID)
}

func TestProviderAttributesMustFit(t *testing.T) {
	s := newSite(t)
	for name, c := range map[string]struct {
		in   network.CreateNetwork
		kind errs.Kind
		code string
	}{
		"unknown type":           {network.CreateNetwork{Type: "token-ring"}, errs.Invalid, "InvalidInput"},
		"segment without type":   {network.CreateNetwork{Segment: 5}, errs.Invalid, "InvalidInput"},
		"flat without physical":  {network.CreateNetwork{Type: "flat"}, errs.Invalid, "InvalidInput"},
		"flat with segment":      {network.CreateNetwork{Type: "flat", Physical: "a", Segment: 1}, errs.Invalid, "InvalidInput"},
		"vlan out of range":      {network.CreateNetwork{Type: "vlan", Physical: "a", Segment: 4095}, errs.Invalid, "InvalidInput"},
		"vxlan with physical":    {network.CreateNetwork{Type: "vxlan", Physical: "a"}, errs.Invalid, "InvalidInput"},
		"MTU too small":          {network.CreateNetwork{MTU: 67}, errs.Invalid, "InvalidInput"},
		"MTU too large":          {network.CreateNetwork{MTU: 9000}, errs.Invalid, "InvalidInput"},
		"no such zone":           {network.CreateNetwork{ZoneHints: []string{"mars"}}, errs.NotFound, "AvailabilityZoneNotFound"},
		"second on one physical": {network.CreateNetwork{Type: "flat", Physical: "taken"}, errs.Conflict, "FlatNetworkInUse"},
		"second of one VLAN":     {network.CreateNetwork{Type: "vlan", Physical: "taken", Segment: 9}, errs.Conflict, "VlanIdInUse"},
		"second of one tunnel":   {network.CreateNetwork{Type: "vxlan", Segment: 9}, errs.Conflict, "TunnelIdInUse"},
		"second default":         {network.CreateNetwork{External: true, IsDefault: true}, errs.Conflict, "DefaultExternalNetworkExists"},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSite(t)
			for _, first := range []network.CreateNetwork{
				{Type: "flat", Physical: "taken"}, {Type: "vlan", Physical: "taken", Segment: 9}, {Type: "vxlan", Segment: 9}, {External: true, IsDefault: true},
			} {
				ok(s.CreateNetwork(s.admin, first))(s)
			}
			_, err := s.CreateNetwork(s.admin, c.in)
			s.requireFault(err, c.kind, c.code)
		})
	}
	a := ok(s.CreateNetwork(s.admin, network.CreateNetwork{}))(s)
	b := ok(s.CreateNetwork(s.admin, network.CreateNetwork{}))(s)
	require.NoError(t, s.DeleteNetwork(s.admin, a.ID))
	require.Equal(t, a.Segment, ok(s.CreateNetwork(s.admin, network.CreateNetwork{}))(s).Segment, "a free segment is used again")
	require.NotEqual(t, a.Segment, b.Segment)
}

func TestNetworkInUseStays(t *testing.T) {
	s := newSite(t)
	n, sub := s.network(s.ann, "10.0.0.0/24")
	p := s.port(s.ann, n)
	s.requireFault(s.DeleteNetwork(s.ann, n.ID), errs.Conflict, "NetworkInUse")
	require.NoError(t, s.DeletePort(s.ann, p.ID))
	require.NoError(t, s.DeleteNetwork(s.ann, n.ID))
	_, err := s.GetSubnet(s.ann, sub.ID)
	s.requireFault(err, errs.NotFound, "SubnetNotFound")
	require.Zero(t, s.used("ann", "network")+s.used("ann", "subnet")+s.used("ann", "port"))
}

func TestNetworkThatOthersUseStaysShared(t *testing.T) {
	s := newSite(t)
	n := ok(s.CreateNetwork(s.admin, network.CreateNetwork{Shared: true}))(s)
	p := s.port(s.bob, n)
	_, err := s.UpdateNetwork(s.admin, n.ID, network.UpdateNetwork{Shared: to(false)})
	s.requireFault(err, errs.Conflict, "InvalidSharedSetting")
	require.NoError(t, s.DeletePort(s.bob, p.ID))
	ok(s.UpdateNetwork(s.admin, n.ID, network.UpdateNetwork{Shared: to(false)}))(s)
	_, err = s.GetNetwork(s.bob, n.ID)
	require.Equal(t, errs.NotFound, errs.KindOf(err))

	ext, sub := s.external("203.0.113.0/24")
	_, inside := s.network(s.ann, "10.0.0.0/24")
	s.router(ext, inside)
	_, err = s.UpdateNetwork(s.admin, ext.ID, network.UpdateNetwork{External: to(false)})
	s.requireFault(err, errs.Conflict, "ExternalNetworkInUse")
	s.requireFault(s.DeleteSubnet(s.admin, sub.ID), errs.Conflict, "SubnetInUse")
}

func TestChangeOfAnotherRevisionIsRefused(t *testing.T) {
	s := newSite(t)
	n := ok(s.CreateNetwork(s.ann, network.CreateNetwork{}))(s)
	ok(s.UpdateNetwork(network.WithRevision(s.ann, 1), n.ID, network.UpdateNetwork{Name: to("b")}))(s)
	_, err := s.UpdateNetwork(network.WithRevision(s.ann, 1), n.ID, network.UpdateNetwork{Name: to("c")})
	s.requireFault(err, errs.Precondition, "RevisionNumberConstraintFailed")
	s.requireFault(s.DeleteNetwork(network.WithRevision(s.ann, 1), n.ID), errs.Precondition, "RevisionNumberConstraintFailed")
	require.NoError(t, s.DeleteNetwork(network.WithRevision(s.ann, 2), n.ID))
}

func TestBulkIsAllOrNothing(t *testing.T) {
	s := newSite(t)
	s.limit("ann", "network", 2)
	_, err := s.CreateNetworks(s.ann, []network.CreateNetwork{{Name: "a"}, {Name: "b"}, {Name: "c"}})
	s.requireFault(err, errs.Quota, "OverQuota")
	require.Zero(t, s.used("ann", "network"))
	require.Len(t, ok(s.CreateNetworks(s.ann, []network.CreateNetwork{{Name: "a"}, {Name: "b"}}))(s), 2)
	require.Equal(t, 2, s.used("ann", "network"))
}

func TestNetworksAreFiltered(t *testing.T) {
	s := newSite(t)
	a := ok(s.CreateNetwork(s.ann, network.CreateNetwork{Name: "a"}))(s)
	b := ok(s.CreateNetwork(s.ann, network.CreateNetwork{Name: "b", AdminStateUp: to(false)}))(s)
	_, err := s.SetTags(s.ann, "networks", a.ID, []string{"red", "blue"})
	require.NoError(t, err)
	_, err = s.SetTags(s.ann, "networks", b.ID, []string{"red"})
	require.NoError(t, err)
	for name, c := range map[string]struct {
		field  string
		values []string
		want   []string
	}{
		"name": {"name", []string{"a"}, []string{"a"}}, "down": {"admin_state_up", []string{"false"}, []string{"b"}},
		"status": {"status", []string{"ACTIVE"}, []string{"a", "b"}}, "no status": {"status", []string{"DOWN"}, nil},
		"all tags": {"tags", []string{"red,blue"}, []string{"a"}}, "any tag": {"tags-any", []string{"red,blue"}, []string{"a", "b"}},
		"not all tags": {"not-tags", []string{"red,blue"}, []string{"b"}}, "no tag": {"not-tags-any", []string{"blue"}, []string{"b"}},
		"segment": {"provider:segmentation_id", []string{"1"}, []string{"a"}},
	} {
		page, _, err := s.ListNetworks(s.ann, store.Query{Filters: []store.Filter{{Field: c.field, Values: c.values}}, Sorts: []store.Sort{{Field: "name"}}})
		require.NoError(t, err, name)
		var names []string
		for _, n := range page {
			names = append(names, n.Name)
		}
		require.Equal(t, c.want, names, name)
	}
}
