package compute_test

import (
	"context"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/cumulite/cumulite/compute"
	"github.com/cumulite/cumulite/drivers/sim/fault"
	"github.com/cumulite/cumulite/drivers/sim/simcompute"
	"github.com/cumulite/cumulite/drivers/sim/simnetwork"
	"github.com/cumulite/cumulite/platform/errs"
	"github.com/cumulite/cumulite/platform/lease"
)

// join adds a host with room for two servers while the world runs.
func (w *world) join(t testing.TB, name string) {
	w.states[name], w.nics[name] = simcompute.NewState(), simnetwork.NewState()
	w.wires[name] = simnetwork.New(w.nics[name], &simnetwork.Options{Name: name, Clock: w.clk})
	w.hosts[name] = simcompute.New(w.states[name], &simcompute.Options{Name: name, Clock: w.clk, VCPUs: 2, MemoryMiB: 4096, DiskGiB: 100})
	require.NoError(t, w.net.AddHost(t.Context(), name, w.wires[name]))
	require.NoError(t, w.AddHost(t.Context(), name, w.hosts[name]))
}

func (w *world) upToBe(t testing.TB, name string, up bool) {
	t.Helper()
	eventually(t, func() bool { h := w.host(t, name); return h.Up() == up }, name)
}

// serverOn makes a server on a host.
func (w *world) serverOn(t testing.TB, host string) *compute.Server {
	in := w.request(t)
	in.Host = host
	made, err := w.CreateServer(admin(t), in)
	require.NoError(t, err)
	w.idle(t)
	return w.get(t, made[0].ID)
}

func TestHostThatJoinsTakesServersAndIsWatched(t *testing.T) {
	w := newWorld(t).run(t).watched(t)
	w.join(t, "hv2")
	w.upToBe(t, "hv2", true)
	s := w.serverOn(t, "hv2")
	require.Equal(t, "ACTIVE", s.Status())
	require.Equal(t, "hv2", s.Host)
	w.states["hv2"].PowerOff(s.ID)
	eventually(t, func() bool { return w.get(t, s.ID).Status() == "SHUTOFF" }, "it is watched")
}

func TestHostThatIsTakenAwayIsDownUntilItsServiceIsDeleted(t *testing.T) {
	w := newWorld(t).run(t).watched(t)
	w.join(t, "hv2")
	w.upToBe(t, "hv2", true)
	s := w.serverOn(t, "hv2")

	require.NoError(t, w.RemoveHost(t.Context(), "hv2"))
	require.NoError(t, w.RemoveHost(t.Context(), "hv2"), "twice is harmless")
	w.upToBe(t, "hv2", false)
	require.Equal(t, "ACTIVE", w.get(t, s.ID).Status(), "what the servers do is not known, so they stay what they were")
	id := w.host(t, "hv2").ID
	refused(t, errs.Conflict, w.DeleteComputeService(admin(t), id))
	require.NoError(t, w.DeleteServer(admin(t), s.ID))
	w.idle(t)

	refused(t, errs.Forbidden, w.DeleteComputeService(member(t), id))
	require.NoError(t, w.DeleteComputeService(admin(t), id))
	refused(t, errs.NotFound, w.DeleteComputeService(admin(t), id))
	hosts, err := w.ListHypervisors(admin(t))
	require.NoError(t, err)
	require.Len(t, hosts, 1)
	refused(t, errs.Conflict, w.DeleteComputeService(admin(t), "hv1"))

	w.join(t, "hv2")
	w.upToBe(t, "hv2", true)
	require.NotEqual(t, id, w.host(t, "hv2").ID)
}

func TestOneProcessWatchesAndTheOthersLearn(t *testing.T) {
	w := newWorld(t)
	var asked atomic.Int64
	w.hosts["hv1"].SetFault(func(context.Context, fault.Step) error { asked.Add(1); return nil })
	both := [2]*compute.Service{}
	ends := [2]func(){}
	for i, holder := range []string{"a", "b"} {
		w.opts.Leases = lease.New(w.db, w.clk, holder, nil)
		w.start(t, nil)
		both[i] = w.Service
		ctx, stop := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- both[i].Run(ctx) }()
		ends[i] = func() { stop(); require.NoError(t, <-done) }
		w.upToBe(t, "hv1", true)
	}
	defer ends[1]()
	tick := func(is func() bool) {
		eventually(t, func() bool { w.clock.Advance(time.Second); return is() }, "in time")
	}
	yes := true
	_, err := both[0].UpdateComputeService(admin(t), "hv1", compute.UpdateHost{ForcedDown: &yes})
	require.NoError(t, err)
	tick(func() bool { return both[1].KnowsDown("hv1") })
	no := false
	_, err = both[1].UpdateComputeService(admin(t), "hv1", compute.UpdateHost{ForcedDown: &no})
	require.NoError(t, err)
	tick(func() bool { return !both[0].KnowsDown("hv1") })

	before := asked.Load()
	for range 40 {
		w.clock.Advance(time.Second)
		time.Sleep(time.Millisecond)
	}
	require.Less(t, asked.Load()-before, int64(16), "it is asked every four seconds, by one")

	ends[0]()
	w.hosts["hv1"].SetFault(func(context.Context, fault.Step) error { return errs.New(errs.Unavailable, "unplugged") })
	tick(func() bool { h := w.host(t, "hv1"); return !h.Up() })
	require.True(t, both[1].KnowsDown("hv1"), "the other one watches now")
}
