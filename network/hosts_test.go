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
)

// newHosts gives a site over two hosts, with what is on each.
func newHosts(t *testing.T) (s *site, on map[string]*simnetwork.State) {
	s, on = newSite(t), map[string]*simnetwork.State{"hv1": simnetwork.NewState(), "hv2": simnetwork.NewState()}
	drivers := map[string]network.Driver{}
	for name, state := range on {
		drivers[name] = simnetwork.New(state, &simnetwork.Options{Name: name})
	}
	s.ops = flow.New(s.db, clock.System(), &flow.Options{Owner: "test"})
	made, err := network.New(network.Deps{DB: s.db, Clock: clock.System(), Ops: s.ops, Events: event.New(s.db, clock.System(), nil), Drivers: drivers}, nil)
	require.NoError(t, err)
	s.Service = made
	s.run(t)
	return s, on
}

func (s *site) plug(p *network.Port, host string) {
	s.Helper()
	ok(s.Plug(s.service(), p.ID, network.Binding{Host: host, DeviceID: "vm-" + p.ID, DeviceOwner: "compute:nova"}))(s)
}

// service gives the context in which compute acts for ann.
func (s *site) service() context.Context { return auth.AsService(s.ann, "compute") }

func TestGroupsAreOnTheHostsThatNeedThem(t *testing.T) {
	s, on := newHosts(t)
	n, _ := s.network(s.ann, "10.1.0.0/24")
	web, friends := s.group("web"), s.group("friends")
	s.allow(web, network.CreateSecurityGroupRule{Protocol: "tcp", RemoteGroupID: friends.ID})
	server, client := s.port(s.ann, n, web.ID), s.port(s.ann, n, friends.ID)
	s.plug(server, "hv1")
	s.plug(client, "hv2")
	s.settle()
	has := func(host, group string) bool {
		_, there := on[host].Group(group)
		return there
	}
	require.True(t, has("hv1", web.ID))
	require.False(t, has("hv2", web.ID))
	require.True(t, has("hv1", friends.ID), "a rule of its port's group names it")
	require.True(t, has("hv2", friends.ID))

	late := s.port(s.ann, n, friends.ID)
	s.settle()
	spec, _ := on["hv1"].Group(friends.ID)
	require.Contains(t, spec.Members, netip.PrefixFrom(late.Addresses[0].IP, 32), "members are members before they are plugged in")

	require.NoError(t, s.Unplug(s.service(), server.ID))
	s.settle()
	require.False(t, has("hv1", web.ID))
	require.False(t, has("hv1", friends.ID))
	require.True(t, has("hv2", friends.ID))
}

func TestRouterIsOnOneHost(t *testing.T) {
	s, on := newHosts(t)
	ext, _ := s.external("203.0.113.0/24")
	n, sub := s.network(s.ann, "10.1.0.0/24")
	r := s.router(ext, sub)
	s.plug(s.port(s.ann, n), "hv2")
	s.settle()
	_, first := on["hv1"].Router(r.ID)
	_, second := on["hv2"].Router(r.ID)
	require.Equal(t, []bool{true, false}, []bool{first, second})
	_, outside := on["hv2"].Network(ext.ID)
	require.False(t, outside)
	require.NotEmpty(t, ok(s.RemoveRouterInterface(s.ann, r.ID, at(sub)))(s).PortID)
	s.settle()
	_, inside := on["hv1"].Network(n.ID)
	require.False(t, inside)
}

func TestRoutersOfAHostThatIsNoMoreMoveToAnother(t *testing.T) {
	s := newRouted(t)
	stop := background(t, s.ops.Run)
	p := s.plugged(s.inside)
	ok(s.lead(s.floating(), p.ID))(s.site)
	s.settle()
	stop()
	before, there := s.state.Router(s.router.ID)
	require.True(t, there)

	state, clk := simnetwork.NewState(), clock.System()
	s.ops = flow.New(s.db, clk, &flow.Options{Owner: "test"})
	drivers := map[string]network.Driver{"hv2": simnetwork.New(state, &simnetwork.Options{Name: "hv2"})}
	s.Service = ok(network.New(network.Deps{DB: s.db, Clock: clk, Ops: s.ops, Events: event.New(s.db, clk, nil), Drivers: drivers}, nil))(s.site)
	s.run(t)
	background(t, s.Service.Run)
	require.Eventually(t, func() bool { _, there = state.Router(s.router.ID); return there }, 10*time.Second, time.Millisecond)
	s.settle()
	after, _ := state.Router(s.router.ID)
	require.Equal(t, before.Gateway, after.Gateway)
	require.Equal(t, before.Floating, after.Floating)
	require.Equal(t, before.Interfaces, after.Interfaces)
	var left int
	require.NoError(t, s.db.QueryRow(t.Context(), "SELECT COUNT(*) FROM network_placements WHERE kind = 'router' AND host = 'hv1'").Scan(&left))
	require.Zero(t, left)
}

func TestHostThatJoinsIsBroughtWhatItNeeds(t *testing.T) {
	s, _ := newHosts(t)
	n, _ := s.network(s.ann, "10.1.0.0/24")
	p := s.port(s.ann, n)
	_, err := s.Plug(s.service(), p.ID, network.Binding{Host: "hv3", DeviceID: "vm"})
	s.requireFault(err, errs.NotFound, "")

	state := simnetwork.NewState()
	require.NoError(t, s.AddHost(t.Context(), "hv3", simnetwork.New(state, &simnetwork.Options{Name: "hv3"})))
	background(t, s.Service.Run)
	s.plug(p, "hv3")
	s.settle()
	_, there := state.Port(p.ID)
	require.True(t, there)
	require.Len(t, ok(s.ListAgents(s.admin))(s), 12)

	require.NoError(t, s.RemoveHost(t.Context(), "hv3"))
	require.Len(t, ok(s.ListAgents(s.admin))(s), 8)
	_, err = s.Plug(s.service(), p.ID, network.Binding{Host: "hv3", DeviceID: "vm"})
	s.requireFault(err, errs.NotFound, "")
}

// A process that has not heard yet of a host that joined must not take what
// is for that host for done.
func TestHostThatOnlyOthersCanCallIsNotTakenForGone(t *testing.T) {
	s, _ := newHosts(t)
	n, _ := s.network(s.ann, "10.1.0.0/24")
	state := simnetwork.NewState()
	require.NoError(t, s.AddHost(t.Context(), "hv3", simnetwork.New(state, &simnetwork.Options{Name: "hv3"})))
	p := s.port(s.ann, n)
	s.plug(p, "hv3")
	s.settle()

	s.start(t) // as a process without hv3
	s.run(t)
	ok(s.UpdatePort(s.ann, p.ID, network.UpdatePort{AdminStateUp: to(false)}))(s)
	_, err := s.Plug(s.service(), s.port(s.ann, n).ID, network.Binding{Host: "hv3", DeviceID: "vm"})
	s.requireFault(err, errs.Unavailable, "")
	require.NoError(t, s.AddHost(t.Context(), "hv3", simnetwork.New(state, &simnetwork.Options{Name: "hv3"})))
	require.Eventually(t, func() bool { spec, _ := state.Port(p.ID); return spec.Disabled }, 10*time.Second, time.Millisecond)
}
