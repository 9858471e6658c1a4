package network_test

import (
	"context"
	"net/netip"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/cumulite/cumulite/drivers/sim/fault"
	"github.com/cumulite/cumulite/drivers/sim/simnetwork"
	"github.com/cumulite/cumulite/network"
	"github.com/cumulite/cumulite/platform/clock"
	"github.com/cumulite/cumulite/platform/errs"
	"github.com/cumulite/cumulite/platform/event"
	"github.com/cumulite/cumulite/platform/flow"
)

// modest is a host that carries little.
type modest struct{ *simnetwork.Host }

func (m modest) Describe(ctx context.Context) (network.Host, error) {
	h, err := m.Host.Describe(ctx)
	h.IPv6, h.NetworkTypes = false, []string{"vxlan", "flat"}
	return h, err
}

func TestWhatNoHostCarriesIsRefused(t *testing.T) {
	s := newSite(t)
	host, clk := simnetwork.New(simnetwork.NewState(), nil), clock.System()
	serve := func(drivers map[string]network.Driver) {
		s.Service = ok(network.New(network.Deps{DB: s.db, Clock: clk, Ops: flow.New(s.db, clk, nil), Events: event.New(s.db, clk, nil), Drivers: drivers}, nil))(s)
	}
	six := func(n *network.Network) error {
		return second(s.CreateSubnet(s.ann, network.CreateSubnet{NetworkID: n.ID, IPVersion: 6, CIDR: netip.MustParsePrefix("2001:db8::/64")}))
	}
	vlan := network.CreateNetwork{Type: "vlan", Physical: "physnet1", Segment: 7}

	serve(map[string]network.Driver{"hv1": modest{host}})
	n, _ := s.network(s.ann, "10.0.0.0/24")
	s.requireFault(six(n), errs.Invalid, "InvalidInput")
	s.requireFault(second(s.CreateNetwork(s.admin, vlan)), errs.Invalid, "InvalidInput")
	ok(s.CreateNetwork(s.admin, network.CreateNetwork{Type: "flat", Physical: "physnet1"}))(s)

	host.SetFault(fault.FailAt("describe", "begin", 1000, nil))
	serve(map[string]network.Driver{"hv1": modest{host}})
	require.NoError(t, six(n), "a host that does not answer may be able to")
	host.SetFault(nil)
	serve(map[string]network.Driver{"hv1": modest{host}, "hv2": host})
	ok(s.CreateNetwork(s.admin, vlan))(s)
}
