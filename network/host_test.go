package network_test

import (
	"context"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/cumulite/cumulite/drivers/sim/fault"
	"github.com/cumulite/cumulite/drivers/sim/simnetwork"
	"github.com/cumulite/cumulite/network"
	"github.com/cumulite/cumulite/platform/clock"
	"github.com/cumulite/cumulite/platform/errs"
	"github.com/cumulite/cumulite/platform/event"
	"github.com/cumulite/cumulite/platform/flow"
	"github.com/cumulite/cumulite/platform/quota"
	"github.com/cumulite/cumulite/platform/store"
)

// equipped is a host with a port, a router and all that they need.
func equipped(t *testing.T) (*site, *network.Port, *network.Router) {
	s := newSite(t)
	stop := background(t, s.ops.Run)
	ext, _ := s.external("203.0.113.0/24")
	n, sub := s.network(s.ann, "10.0.0.0/24")
	r := s.router(ext, sub)
	p := s.served(n)
	s.settle()
	stop()
	return s, p, r
}

func TestHostThatLostEverythingGetsItAgain(t *testing.T) {
	s, p, r := equipped(t)
	before := s.inventory()
	s.state = simnetwork.NewState()
	s.start(t)
	s.SetMetadataSource(func(context.Context, *network.Port) (network.Metadata, error) {
		return network.Metadata{Files: map[string][]byte{"f": []byte("x")}}, nil
	})
	background(t, s.Service.Run)
	require.Eventually(t, func() bool { return len(s.inventory().Ports) == 1 }, 10*time.Second, time.Millisecond)
	after := s.inventory()
	require.Equal(t, before, after, "the same, in the same generations")
	spec, _ := s.state.Router(r.ID)
	require.NotNil(t, spec.Gateway)
	require.Eventually(t, func() bool { _, there := s.state.Metadata(p.ID, "f"); return there }, 10*time.Second, time.Millisecond)
}

// What a host took over although nobody could take note of it is noted later.
func TestHostTellsWhatItHasTakenOver(t *testing.T) {
	s, _, _ := equipped(t)
	behind := func() (n int) {
		require.NoError(t, s.db.QueryRow(t.Context(), "SELECT count(*) FROM network_placements AS p JOIN network_generations AS g ON g.id = p.id WHERE p.applied < g.generation").Scan(&n))
		return n
	}
	require.Zero(t, behind())
	require.NoError(t, s.db.Write(t.Context(), func(ctx context.Context, tx *store.Tx) error {
		_, err := tx.Exec(ctx, "UPDATE network_placements SET applied = 0")
		return err
	}))
	require.NotZero(t, behind())
	before := s.inventory()
	s.start(t)
	background(t, s.Service.Run)
	require.Eventually(t, func() bool { return behind() == 0 }, 10*time.Second, time.Millisecond)
	require.Equal(t, before, s.inventory(), "the host was not told again")
}

// What came to a host for something that was gone by then does not stay.
func TestHostIsRidOfWhatNothingNeeds(t *testing.T) {
	s, _, _ := equipped(t)
	before := s.inventory()
	n, _ := s.network(s.ann, "10.7.0.0/24")
	require.NoError(t, s.host.EnsureNetwork(t.Context(), network.NetworkSpec{ID: n.ID, Type: "vxlan", Generation: 1, MTU: 1450}))
	require.NoError(t, s.db.Write(t.Context(), func(ctx context.Context, tx *store.Tx) error {
		if _, err := tx.Exec(ctx, "INSERT INTO network_generations (id, generation) VALUES (?, 1)", n.ID); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, "INSERT INTO network_placements (id, host, kind, network_id, pending, applied) VALUES (?, 'hv1', 'network', '', ?, 1)", n.ID, false)
		return err
	}))
	require.NotEqual(t, before, s.inventory())
	s.start(t)
	s.run(t)
	background(t, s.Service.Run)
	require.Eventually(t, func() bool { return len(s.inventory().Networks) == len(before.Networks) }, 10*time.Second, time.Millisecond)
}

func TestStrangersAreRemovedFromHosts(t *testing.T) {
	s, _, _ := equipped(t)
	before := s.inventory()
	ctx := t.Context()
	require.NoError(t, s.host.EnsureNetwork(ctx, network.NetworkSpec{ID: "stranger", Type: "vxlan", Generation: 1, MTU: 1450}))
	_, err := s.host.EnsurePort(ctx, network.PortSpec{ID: "strange port", NetworkID: "stranger", MAC: "fa:16:3e:00:00:01", Generation: 1})
	require.NoError(t, err)
	require.NoError(t, s.host.EnsureGroup(ctx, network.GroupSpec{ID: "strange group", Generation: 1}))
	require.NoError(t, s.host.EnsureRouter(ctx, network.RouterSpec{ID: "strange router", Generation: 1}))
	require.NotEqual(t, before, s.inventory())
	s.start(t)
	background(t, s.Service.Run)
	require.Eventually(t, func() bool { return len(s.inventory().Networks) == len(before.Networks) }, 10*time.Second, time.Millisecond)
	require.Equal(t, before, s.inventory())
}

// refusesAtOnce says that nobody calls the host of a port, once it is known not to answer.
func (s *site) refusesAtOnce(p *network.Port) {
	s.Helper()
	require.Eventually(s, func() bool {
		_, err := s.Plug(s.compute(), p.ID, onHost)
		require.Equal(s, errs.Unavailable, errs.KindOf(err))
		return errs.Message(err) == "The host does not answer."
	}, 10*time.Second, time.Millisecond)
}

func TestHostThatComesBackIsBroughtInOrder(t *testing.T) {
	s, p, _ := equipped(t)
	var away atomic.Bool
	background(t, s.Service.Run)
	require.Eventually(t, func() bool { return ok(s.ListAgents(s.admin))(s)[0].Alive }, 10*time.Second, time.Millisecond)
	away.Store(true)
	s.host.SetFault(func(context.Context, fault.Step) error {
		if away.Load() {
			return errs.New(errs.Unavailable, "away")
		}
		return nil
	})
	require.Eventually(t, func() bool { return !ok(s.ListAgents(s.admin))(s)[0].Alive }, 10*time.Second, time.Millisecond)
	s.refusesAtOnce(p)
	time.Sleep(20 * time.Millisecond) // several heartbeats
	away.Store(false)
	require.NoError(t, s.host.RemovePort(t.Context(), p.ID))
	require.Eventually(t, func() bool { _, there := s.state.Port(p.ID); return there }, 10*time.Second, time.Millisecond)
}

// quick is a host that starts anew between two heartbeats.
type quick struct {
	network.Driver
	life, asked atomic.Int64
}

func (q *quick) Describe(ctx context.Context) (network.Host, error) {
	q.asked.Add(1)
	h, err := q.Driver.Describe(ctx)
	h.Life = strconv.FormatInt(q.life.Load(), 10)
	return h, err
}

func TestHostThatStartsAnewUnseenIsBroughtInOrder(t *testing.T) {
	s, p, _ := equipped(t)
	q := &quick{Driver: s.host}
	clk := clock.System()
	s.Service = ok(network.New(network.Deps{DB: s.db, Clock: clk, Ops: flow.New(s.db, clk, nil), Events: event.New(s.db, clk, nil),
		Drivers: map[string]network.Driver{"hv1": q}}, &network.Options{Heartbeat: 50 * time.Millisecond}))(s)
	background(t, s.Service.Run)
	require.Eventually(t, func() bool { return q.asked.Load() > 1 }, 10*time.Second, time.Millisecond, "it was brought in order once")
	require.NoError(t, s.host.RemovePort(t.Context(), p.ID))
	q.life.Add(1)
	require.Eventually(t, func() bool { _, there := s.state.Port(p.ID); return there }, 2*time.Second, time.Millisecond,
		"long before all hosts are looked at again")
}

func TestChangeThatWasNotBroughtIsTakenUpByTheNextProcess(t *testing.T) {
	s, p, _ := equipped(t)
	ok(s.UpdatePort(s.ann, p.ID, network.UpdatePort{AdminStateUp: to(false)}))(s)
	spec, _ := s.state.Port(p.ID)
	require.False(t, spec.Disabled)
	s.start(t)
	s.run(t)
	s.settle()
	spec, _ = s.state.Port(p.ID)
	require.True(t, spec.Disabled)
	require.Equal(t, network.PortDown, ok(s.GetPort(s.ann, p.ID))(s).Status)
}

func TestAgentsAreThoseOfTheHosts(t *testing.T) {
	s := newSite(t)
	all := ok(s.ListAgents(s.admin))(s)
	require.Len(t, all, 4)
	kinds := map[string]bool{}
	for _, a := range all {
		kinds[a.Type] = true
		require.Equal(t, "hv1", a.Host)
		require.True(t, a.Alive)
		require.Equal(t, a.Type, ok(s.GetAgent(s.admin, a.ID))(s).Type)
	}
	require.Len(t, kinds, 4)
	require.Empty(t, ok(s.ListAgents(s.ann))(s))
	_, err := s.GetAgent(s.ann, all[0].ID)
	s.requireFault(err, errs.NotFound, "AgentNotFound")
	_, err = s.GetAgent(s.admin, "none")
	s.requireFault(err, errs.NotFound, "AgentNotFound")
}

func TestAvailabilityCountsAddresses(t *testing.T) {
	s := newSite(t)
	n, sub := s.network(s.ann, "10.0.0.0/24")
	six := s.subnet(s.ann, n, "2001:db8::/64")
	s.port(s.ann, n)
	all, more, err := s.ListIPAvailability(s.admin, store.Query{Filters: []store.Filter{{Field: "id", Values: []string{n.ID}}}})
	require.NoError(t, err)
	require.False(t, more)
	require.Equal(t, []string{sub.ID, six.ID}, []string{all[0].Subnets[0].SubnetID, all[0].Subnets[1].SubnetID})
	require.Equal(t, "253", all[0].Subnets[0].Total.String())
	require.Equal(t, "18446744073709551614", all[0].Subnets[1].Total.String())
	require.EqualValues(t, 2, all[0].Used)
	all, _, err = s.ListIPAvailability(s.ann, store.Query{})
	require.NoError(t, err)
	require.Empty(t, all)
}

func TestDeletedProjectLosesItsLimitsOnly(t *testing.T) {
	s := newSite(t)
	n, _ := s.network(s.ann, "10.0.0.0/24")
	s.limit("ann", "network", 1)
	background(t, s.bus.Run)
	require.NoError(t, s.db.Write(t.Context(), func(ctx context.Context, tx *store.Tx) error {
		return s.bus.Emit(ctx, tx, "identity", "project.deleted", "ann", nil)
	}))
	require.Eventually(t, func() bool { return ok(s.Quotas(s.admin, "ann"))(s)["network"] == quota.Usage{Limit: 100, Used: 1} }, 10*time.Second, time.Millisecond)
	ok(s.GetNetwork(s.admin, n.ID))(s)
}
