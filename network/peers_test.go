package network_test

import (
	"context"
	"net/netip"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/cumulite/cumulite/drivers/sim/fault"
	"github.com/cumulite/cumulite/drivers/sim/simnetwork"
	"github.com/cumulite/cumulite/network"
	"github.com/cumulite/cumulite/network/frame"
	"github.com/cumulite/cumulite/platform/auth"
	"github.com/cumulite/cumulite/platform/clock"
	"github.com/cumulite/cumulite/platform/errs"
	"github.com/cumulite/cumulite/platform/event"
	"github.com/cumulite/cumulite/platform/flow"
	"github.com/cumulite/cumulite/platform/store"
)

// joined is a site over hosts that reach each other by tunnels.
type joined struct {
	*site
	on     map[string]*simnetwork.State
	hosts  map[string]*simnetwork.Host
	tunnel map[string]netip.Addr
}

func newJoined(t *testing.T, names ...string) *joined {
	j := &joined{site: newSite(t), on: map[string]*simnetwork.State{}, hosts: map[string]*simnetwork.Host{}, tunnel: map[string]netip.Addr{}}
	underlay, drivers := simnetwork.NewUnderlay(), map[string]network.Driver{}
	for i, name := range names {
		j.tunnel[name] = netip.AddrFrom4([4]byte{192, 0, 2, byte(i + 1)})
		j.on[name] = underlay.NewState(j.tunnel[name])
		j.hosts[name] = simnetwork.New(j.on[name], &simnetwork.Options{Name: name})
		drivers[name] = j.hosts[name]
	}
	clk := clock.System()
	j.ops = flow.New(j.db, clk, &flow.Options{Owner: "test", Backoff: func(int) time.Duration { return time.Millisecond }})
	var err error
	j.Service, err = network.New(network.Deps{DB: j.db, Clock: clk, Ops: j.ops, Events: event.New(j.db, clk, nil), Drivers: drivers},
		&network.Options{Heartbeat: 5 * time.Millisecond, RouterMove: 50 * time.Millisecond})
	require.NoError(t, err)
	j.run(t)
	background(t, j.Service.Run)
	require.Eventually(t, func() bool { return j.count("network_tunnels", "TRUE") == len(names) }, 10*time.Second, time.Millisecond)
	return j
}

func (j *joined) count(table, where string, args ...any) (n int) {
	j.Helper()
	require.NoError(j, j.db.QueryRow(j.Context(), "SELECT COUNT(*) FROM "+table+" WHERE "+where, args...).Scan(&n))
	return n
}

// peers gives those that a host has of a network.
func (j *joined) peers(host string, n *network.Network) []netip.Addr {
	spec, _ := j.on[host].Network(n.ID)
	return spec.Peers
}

func (j *joined) requirePeers(host string, n *network.Network, want ...string) {
	j.Helper()
	j.settle()
	var at []netip.Addr
	for _, name := range want {
		at = append(at, j.tunnel[name])
	}
	require.Equal(j, at, j.peers(host, n))
}

// reaches tells whether a frame from a port on a host comes out at another port.
func (j *joined) reaches(host, from, place string, f frame.Frame) bool {
	j.settle()
	for _, d := range j.on[host].Send(from, f) {
		if d.Place == place {
			return true
		}
	}
	return false
}

func TestHostsThatHoldANetworkAreEachOthersPeers(t *testing.T) {
	j := newJoined(t, "hv1", "hv2", "hv3")
	n, _ := j.network(j.ann, "10.1.0.0/24")
	other, _ := j.network(j.ann, "10.1.0.0/24")
	require.Equal(t, "vxlan", n.Type)
	require.NotEqual(t, n.Segment, other.Segment)
	a, b, c := j.port(j.ann, n), j.port(j.ann, n), j.port(j.ann, n)
	j.plug(a, "hv1")
	j.requirePeers("hv1", n)
	j.plug(b, "hv2")
	j.plug(j.port(j.ann, other), "hv2")
	j.requirePeers("hv1", n, "hv2")
	j.requirePeers("hv2", n, "hv1")
	j.plug(c, "hv3")
	j.requirePeers("hv1", n, "hv2", "hv3")
	j.requirePeers("hv2", n, "hv1", "hv3")
	j.requirePeers("hv3", n, "hv1", "hv2")
	j.requirePeers("hv2", other)
	for _, to := range []*network.Port{b, c} {
		require.True(t, j.reaches("hv1", a.ID, to.ID, packet(a, to, frame.TCP, 1000, 80)))
	}

	require.NoError(t, j.Unplug(j.service(), b.ID))
	j.requirePeers("hv1", n, "hv3")
	j.requirePeers("hv3", n, "hv1")
	require.NoError(t, j.Unplug(j.service(), c.ID))
	j.requirePeers("hv1", n)
}

func TestLocalNetworksHaveNoPeers(t *testing.T) {
	j := newJoined(t, "hv1", "hv2")
	n := ok(j.CreateNetwork(j.admin, network.CreateNetwork{Type: "local", ProjectID: "ann"}))(j.site)
	j.subnet(j.ann, n, "10.1.0.0/24")
	j.plug(j.port(j.ann, n), "hv1")
	j.plug(j.port(j.ann, n), "hv2")
	j.requirePeers("hv1", n)
	j.requirePeers("hv2", n)
}

func TestPortsThatComeAtOnceEndWithAllPeers(t *testing.T) {
	names := []string{"hv1", "hv2", "hv3", "hv4"}
	j := newJoined(t, names...)
	n, _ := j.network(j.ann, "10.1.0.0/24")
	var ports []*network.Port
	for range 8 {
		ports = append(ports, j.port(j.ann, n))
	}
	done := make(chan error, len(ports))
	for i, p := range ports {
		go func() {
			_, err := j.Plug(j.service(), p.ID, network.Binding{Host: names[i%4], DeviceID: uuid.NewString(), DeviceOwner: "compute:nova"})
			done <- err
		}()
	}
	for range ports {
		require.NoError(t, <-done)
	}
	j.requirePeers("hv1", n, "hv2", "hv3", "hv4")
	j.requirePeers("hv4", n, "hv1", "hv2", "hv3")
}

// fail makes a host unreachable until the function that it gives is called.
func (j *joined) fail(host string) (back func()) {
	var away atomic.Bool
	away.Store(true)
	j.hosts[host].SetFault(func(context.Context, fault.Step) error {
		if away.Load() {
			return errs.New(errs.Unavailable, "away")
		}
		return nil
	})
	return func() { away.Store(false) }
}

func TestASegmentIsNotGivenAgainWhileAHostMayHaveItsNetwork(t *testing.T) {
	j := newJoined(t, "hv1", "hv2")
	n, _ := j.network(j.ann, "10.1.0.0/24")
	p := j.port(j.ann, n)
	j.plug(p, "hv2")
	back := j.fail("hv2")
	require.NoError(t, j.DeletePort(auth.AsService(j.ann, "compute"), p.ID))
	require.NoError(t, j.DeleteNetwork(j.ann, n.ID))
	other, _ := j.network(j.ann, "10.1.0.0/24")
	require.NotEqual(t, n.Segment, other.Segment)
	_, err := j.CreateNetwork(j.admin, network.CreateNetwork{Type: "vxlan", Segment: n.Segment})
	j.requireFault(err, errs.Conflict, "TunnelIdInUse")

	back()
	require.Eventually(t, func() bool { return j.count("network_placements", "id = ?", n.ID) == 0 }, 10*time.Second, time.Millisecond)
	again, _ := j.network(j.ann, "10.1.0.0/24")
	require.Equal(t, n.Segment, again.Segment)
}

func TestRoutersAreSpreadAndLeaveAHostThatIsLost(t *testing.T) {
	j := newJoined(t, "hv1", "hv2", "hv3")
	ext, _ := j.external("203.0.113.0/24")
	n, sub := j.network(j.ann, "10.1.0.0/24")
	p := j.port(j.ann, n)
	j.plug(p, "hv3")
	first, second := j.router(ext, sub), j.router(nil)
	j.settle()
	at := func(host string, r *network.Router) bool { _, there := j.on[host].Router(r.ID); return there }
	require.True(t, at("hv1", first))
	require.True(t, at("hv2", second), "the first host has one already")
	agents := ok(j.ListRouterAgents(j.admin, second.ID))(j.site)
	require.Len(t, agents, 1)
	require.Equal(t, []string{"hv2", "L3 agent"}, []string{agents[0].Host, agents[0].Type})
	_, err := j.ListRouterAgents(j.ann, second.ID)
	j.requireFault(err, errs.Forbidden, "")
	ping := frame.Frame{SrcMAC: p.MAC, DstMAC: frame.Broadcast, Kind: frame.WhoHas, Src: p.Addresses[0].IP, Dst: sub.GatewayIP}
	require.True(t, j.reaches("hv3", p.ID, p.ID, ping), "through the tunnel")

	back := j.fail("hv1")
	require.Eventually(t, func() bool { return at("hv2", first) || at("hv3", first) }, 10*time.Second, time.Millisecond)
	require.Eventually(t, func() bool { return at("hv3", first) }, 10*time.Second, time.Millisecond, "it has the fewest")
	require.False(t, at("hv3", second))
	require.True(t, at("hv1", first), "nobody could tell it")
	back()
	require.Eventually(t, func() bool { return !at("hv1", first) }, 10*time.Second, time.Millisecond)
	j.settle()
	require.True(t, at("hv3", first))
	require.Eventually(t, func() bool { return j.peers("hv3", n) == nil }, 10*time.Second, time.Millisecond, "the network leaves hv1 after the router")
}

func TestTheMTUFitsIntoTheTunnelsOfAllHosts(t *testing.T) {
	j := newJoined(t, "hv1", "hv2")
	n := ok(j.CreateNetwork(j.admin, network.CreateNetwork{}))(j.site)
	require.Equal(t, 1450, n.MTU)
	require.NoError(t, j.db.Write(t.Context(), func(ctx context.Context, tx *store.Tx) error {
		_, err := tx.Exec(ctx, "UPDATE network_tunnels SET mtu = 1400 WHERE host = 'hv2'")
		return err
	}))
	require.Equal(t, 1400, ok(j.CreateNetwork(j.admin, network.CreateNetwork{}))(j.site).MTU)
	_, err := j.CreateNetwork(j.admin, network.CreateNetwork{MTU: 1401})
	j.requireFault(err, errs.Invalid, "InvalidInput")
	require.Equal(t, 1450, ok(j.CreateNetwork(j.admin, network.CreateNetwork{Type: "local"}))(j.site).MTU, "it ends at its host")
	require.Equal(t, 1450, ok(j.UpdateNetwork(j.admin, n.ID, network.UpdateNetwork{Name: to("kept")}))(j.site).MTU)
}
