package network_test

import (
	"context"
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/cumulite/cumulite/drivers/sim/simnetwork"
	"github.com/cumulite/cumulite/network"
	"github.com/cumulite/cumulite/platform/auth"
	"github.com/cumulite/cumulite/platform/clock"
	"github.com/cumulite/cumulite/platform/errs"
	"github.com/cumulite/cumulite/platform/event"
	"github.com/cumulite/cumulite/platform/flow"
	"github.com/cumulite/cumulite/platform/quota"
	"github.com/cumulite/cumulite/platform/store"
	"github.com/cumulite/cumulite/platform/store/storetest"
)

// world is a network service over one simulated host, "hv1".
type world struct {
	*network.Service
	ctx   context.Context // of a member of project "p1"
	db    *store.Store
	host  *simnetwork.Host
	state *simnetwork.State
	ops   *flow.Engine
}

func newWorld(t *testing.T) *world {
	w := &world{
		ctx: as(t.Context(), "p1", "member", "reader"), state: simnetwork.NewState(),
		db: storetest.Open(t, network.Migrations(), event.Migrations(), flow.Migrations(), quota.Migrations()),
	}
	w.start(t)
	return w
}

// start makes the service, as a start of the process does.
func (w *world) start(t *testing.T) {
	w.host = simnetwork.New(w.state, &simnetwork.Options{Name: "hv1"})
	clk := clock.System()
	w.ops = flow.New(w.db, clk, &flow.Options{Owner: "test", Backoff: func(int) time.Duration { return time.Millisecond }})
	s, err := network.New(network.Deps{
		DB: w.db, Clock: clk, Ops: w.ops, Events: event.New(w.db, clk, nil), Drivers: map[string]network.Driver{"hv1": w.host},
	}, nil)
	require.NoError(t, err)
	w.Service = s
}

// run carries operations through from now on, until the test ends.
func (w *world) run(t *testing.T) {
	ctx, stop := context.WithCancel(context.WithoutCancel(t.Context()))
	ended := make(chan error, 1)
	go func() { ended <- w.ops.Run(ctx) }()
	t.Cleanup(func() {
		stop()
		require.NoError(t, <-ended)
	})
}

func as(ctx context.Context, project string, roles ...string) context.Context {
	c := auth.Claims{User: auth.Ref{ID: "u-" + project}, Project: auth.Ref{ID: project}}
	for _, r := range roles {
		c.Roles = append(c.Roles, auth.Ref{ID: r, Name: r})
	}
	return auth.With(ctx, auth.Authenticated(c))
}

func (w *world) admin() context.Context {
	return as(w.ctx, "admin", "admin", "manager", "member", "reader")
}
func (w *world) other() context.Context { return as(w.ctx, "p2", "member", "reader") }
func (w *world) compute() context.Context {
	return auth.AsService(w.ctx, "compute")
}

// net makes a network with a subnet.
func (w *world) net(t *testing.T, cidr string) (*network.Network, *network.Subnet) {
	t.Helper()
	n, err := w.CreateNetwork(w.ctx, network.CreateNetwork{Name: "n"})
	require.NoError(t, err)
	prefix := netip.MustParsePrefix(cidr)
	version := 4
	if prefix.Addr().Is6() {
		version = 6
	}
	sub, err := w.CreateSubnet(w.ctx, network.CreateSubnet{NetworkID: n.ID, IPVersion: version, CIDR: prefix})
	require.NoError(t, err)
	return n, sub
}

func (w *world) port(t *testing.T, in network.CreatePort) *network.Port {
	t.Helper()
	p, err := w.CreatePort(w.ctx, in)
	require.NoError(t, err)
	return p
}

func refused(t *testing.T, kind errs.Kind, code string, err error) {
	t.Helper()
	require.Error(t, err)
	require.Equal(t, kind, errs.KindOf(err), "%v", err)
	require.Equal(t, code, errs.CodeOf(err), "%v", err)
}

func TestPortIsMadeRealOnItsHost(t *testing.T) {
	w := newWorld(t)
	n, sub := w.net(t, "10.0.0.0/24")
	p := w.port(t, network.CreatePort{NetworkID: n.ID})
	require.Equal(t, []network.Address{{SubnetID: sub.ID, IP: netip.MustParseAddr("10.0.0.2")}}, p.Addresses)
	require.Equal(t, network.PortDown, p.Status)
	vif, err := w.Plug(w.compute(), p.ID, network.Binding{Host: "hv1", DeviceID: "server", DeviceOwner: "compute:nova"})
	require.NoError(t, err)
	require.NotEmpty(t, vif.Type)
	spec, there := w.state.Port(p.ID)
	require.True(t, there)
	require.Equal(t, p.MAC, spec.MAC)
	got, err := w.GetPort(w.ctx, p.ID)
	require.NoError(t, err)
	require.Equal(t, network.PortActive, got.Status)
	require.Equal(t, "hv1", got.Host)
	w.run(t)
	require.NoError(t, w.Unplug(w.compute(), p.ID))
	require.NoError(t, w.ops.Idle(t.Context()))
	_, there = w.state.Port(p.ID)
	require.False(t, there)
	_, there = w.state.Network(n.ID)
	require.False(t, there, "nothing on the host needs the network any more")
	require.NoError(t, w.DeletePort(w.ctx, p.ID))
	require.NoError(t, w.DeleteNetwork(w.ctx, n.ID))
}
