package network_test

import (
	"context"
	"net/netip"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/cumulite/cumulite/network"
	"github.com/cumulite/cumulite/platform/errs"
	"github.com/cumulite/cumulite/platform/quota"
)

// site is a world with those who use it.
type site struct {
	*testing.T
	*world
	admin, ann, bob, reader context.Context // ann and the reader are of project "ann", bob of "bob"
}

func newSite(t *testing.T) *site {
	ctx := t.Context()
	return &site{T: t, world: newWorld(t), admin: as(ctx, "admin", "admin", "member", "reader"),
		ann: as(ctx, "ann", "member", "reader"), bob: as(ctx, "bob", "member", "reader"), reader: as(ctx, "ann", "reader")}
}

// settle waits until hosts are as the rows say.
func (s *site) settle() {
	s.Helper()
	require.NoError(s, s.ops.Idle(s.Context()))
}

// requireFault says that err is of a kind, with Neutron's name of it.
func (s *site) requireFault(err error, kind errs.Kind, code string) {
	s.Helper()
	refused(s.T, kind, code, err)
}

// used gives how much of a resource a project has, by the count of its quota.
func (s *site) used(project string, r quota.Resource) int {
	s.Helper()
	usage, err := s.Quotas(s.admin, project)
	require.NoError(s, err)
	return usage[r].Used
}

func (s *site) limit(project string, r quota.Resource, n int) {
	s.Helper()
	_, err := s.SetQuotas(s.admin, project, map[quota.Resource]int{r: n})
	require.NoError(s, err)
}

// ok gives what a call made, to a test that fails when it made an error.
func ok[T any](v T, err error) func(s *site) T {
	return func(s *site) T {
		s.Helper()
		require.NoError(s, err)
		return v
	}
}

// network makes a network with one subnet for the caller of ctx.
func (s *site) network(ctx context.Context, cidr string) (*network.Network, *network.Subnet) {
	s.Helper()
	n := ok(s.CreateNetwork(ctx, network.CreateNetwork{}))(s)
	return n, s.subnet(ctx, n, cidr)
}

func (s *site) subnet(ctx context.Context, n *network.Network, cidr string) *network.Subnet {
	s.Helper()
	prefix := netip.MustParsePrefix(cidr)
	version := 6
	if prefix.Addr().Is4() {
		version = 4
	}
	return ok(s.CreateSubnet(ctx, network.CreateSubnet{NetworkID: n.ID, CIDR: prefix, IPVersion: version}))(s)
}

// external makes an external network with one subnet.
func (s *site) external(cidr string) (*network.Network, *network.Subnet) {
	s.Helper()
	n := ok(s.CreateNetwork(s.admin, network.CreateNetwork{External: true}))(s)
	return n, s.subnet(s.admin, n, cidr)
}

// port makes a port on a network for the caller of ctx.
func (s *site) port(ctx context.Context, n *network.Network, groups ...string) *network.Port {
	s.Helper()
	in := network.CreatePort{NetworkID: n.ID}
	if groups != nil {
		in.Groups = &groups
	}
	return ok(s.CreatePort(ctx, in))(s)
}

// router makes a router of ann's, with a gateway to ext unless that is nil,
// on these subnets.
func (s *site) router(ext *network.Network, on ...*network.Subnet) *network.Router {
	s.Helper()
	in := network.CreateRouter{Name: "edge"}
	if ext != nil {
		in.Gateway = &network.Gateway{NetworkID: ext.ID}
	}
	r := ok(s.CreateRouter(s.ann, in))(s)
	for _, sub := range on {
		ok(s.AddRouterInterface(s.ann, r.ID, network.InterfaceOf{SubnetID: sub.ID}))(s)
	}
	return r
}

// at names a subnet.
func at(sub *network.Subnet) network.InterfaceOf { return network.InterfaceOf{SubnetID: sub.ID} }

// to gives a pointer to a value.
func to[T any](v T) *T { return &v }
