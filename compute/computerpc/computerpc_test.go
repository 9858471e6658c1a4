package computerpc_test

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/cumulite/cumulite/compute"
	"github.com/cumulite/cumulite/compute/computerpc"
	"github.com/cumulite/cumulite/drivers/sim/simcompute"
	"github.com/cumulite/cumulite/platform/errs"
	"github.com/cumulite/cumulite/platform/rpc"
)

func spec() compute.GuestSpec {
	return compute.GuestSpec{ID: uuid.NewString(), Name: "instance-00000001", VCPUs: 1, MemoryMiB: 64, RootGiB: 1}
}

func serve(t *testing.T, h compute.Hypervisor, opts *rpc.Options) rpc.Caller {
	mux := rpc.NewMux()
	computerpc.Serve(t.Context(), mux, h)
	return rpc.InProcess(mux, opts)
}

func TestClientHasTheAbilitiesThatTheHostTold(t *testing.T) {
	for _, c := range []struct {
		abilities         []compute.Ability
		suspends, watches bool
	}{
		{nil, false, false},
		{[]compute.Ability{compute.CanSuspend}, true, false},
		{[]compute.Ability{compute.CanWatch}, false, true},
		{[]compute.Ability{compute.CanWatch, compute.CanSuspend, "migrate"}, true, true},
	} {
		h := computerpc.Client(nil, c.abilities)
		_, suspends := h.(compute.Suspender)
		_, watches := h.(compute.Watcher)
		require.Equal(t, c.suspends, suspends, "%v", c.abilities)
		require.Equal(t, c.watches, watches, "%v", c.abilities)
	}
}

// plain is a host without optional abilities.
type plain struct{ compute.Hypervisor }

func TestHostWithoutAbilityRefusesIt(t *testing.T) {
	host := plain{simcompute.New(simcompute.NewState(), nil)}
	h := computerpc.Client(serve(t, host, nil), []compute.Ability{compute.CanSuspend, compute.CanWatch})
	require.Equal(t, errs.NotSupported, errs.KindOf(h.(compute.Suspender).Suspend(t.Context(), "op", uuid.NewString())))
	_, err := h.(compute.Watcher).Watch(t.Context())
	require.Equal(t, errs.NotSupported, errs.KindOf(err))
}

func TestLostAndRepeatedCallsHaveTheirEffectOnce(t *testing.T) {
	for _, fault := range []rpc.Fault{rpc.Drop, rpc.Repeat, rpc.Fail} {
		state, s := simcompute.NewState(), spec()
		armed := fault
		caller := serve(t, simcompute.New(state, nil), &rpc.Options{Fault: func(context.Context, string) rpc.Fault {
			defer func() { armed = rpc.None }()
			return armed
		}})
		h := computerpc.Client(caller, nil)
		again := func(call func() error) {
			armed = fault
			if err := call(); err != nil {
				require.Equal(t, errs.Unavailable, errs.KindOf(err))
				require.NoError(t, call())
			}
		}
		again(func() error { return h.Create(t.Context(), "op", s) })
		again(func() error { return h.Start(t.Context(), "op", s) })
		again(func() error { return h.Reset(t.Context(), "op", s.ID) })
		view, there := state.View(s.ID)
		require.True(t, there)
		require.Equal(t, 2, view.Boots, "one start and one reset")
		again(func() error { return h.Remove(t.Context(), "op", s.ID) })
		require.Empty(t, state.Leftovers())
	}
}

func watch(t *testing.T, state *simcompute.State, ctx context.Context) (*simcompute.Host, <-chan compute.Guest) {
	host := simcompute.New(state, nil)
	h := computerpc.Client(serve(t, host, nil), []compute.Ability{compute.CanWatch})
	changes, err := h.(compute.Watcher).Watch(ctx)
	require.NoError(t, err)
	return host, changes
}

func TestQuietHostKeepsItsWatcher(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		host, changes := watch(t, simcompute.NewState(), ctx)
		wait, done := context.WithTimeout(ctx, 5*time.Minute) // a bubble's time costs nothing
		<-wait.Done()
		done()
		s := spec()
		require.NoError(t, host.Create(ctx, "c", s))
		require.NoError(t, host.Start(ctx, "s", s))
		require.Equal(t, compute.Guest{ID: s.ID, Power: compute.Running}, <-changes)
	})
}

func TestChangesBeforeWatchAreNotTold(t *testing.T) {
	state, s := simcompute.NewState(), spec()
	first, old := watch(t, state, t.Context())
	require.NoError(t, first.Create(t.Context(), "c", s))
	require.NoError(t, first.Start(t.Context(), "s", s))
	<-old
	_, changes := watch(t, state, t.Context())
	state.Crash(s.ID)
	require.Equal(t, compute.Crashed, (<-changes).Power)
}

func TestWatcherTooFarBehindIsTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		host, changes := watch(t, simcompute.NewState(), ctx)
		s := spec()
		require.NoError(t, host.Create(ctx, "c", s))
		require.NoError(t, host.Start(ctx, "s", s))
		synctest.Wait() // the reader does not come: the client stands with its first change
		for i := range 3000 {
			require.NoError(t, host.Pause(ctx, fmt.Sprint("p", i), s.ID))
			synctest.Wait()
			require.NoError(t, host.Resume(ctx, fmt.Sprint("r", i), s.ID))
			synctest.Wait()
		}
		told := 0
		for range changes {
			told++
		}
		require.Less(t, told, 3000, "the channel was closed, not silently thinned")
	})
}

func TestWatchEndsWithItsHost(t *testing.T) {
	ctx, gone := context.WithCancel(t.Context())
	host := simcompute.New(simcompute.NewState(), nil)
	mux := rpc.NewMux()
	computerpc.Serve(ctx, mux, host)
	h := computerpc.Client(rpc.InProcess(mux, nil), []compute.Ability{compute.CanWatch})
	changes, err := h.(compute.Watcher).Watch(t.Context())
	require.NoError(t, err)
	gone()
	_, open := <-changes
	require.False(t, open, "what the host did not see is not passed over")
}

// hasty is a host that answers each question after changes at once, with none.
type hasty struct{ asked *int }

func (h hasty) Call(context.Context, string, []byte) ([]byte, error) {
	*h.asked++
	return []byte(`{"result":{"log":"x","next":0}}`), nil
}

func TestHostThatDoesNotWaitForChangesIsNotAskedWithoutEnd(t *testing.T) {
	asked := 0
	changes, err := computerpc.Client(hasty{&asked}, []compute.Ability{compute.CanWatch}).(compute.Watcher).Watch(t.Context())
	require.NoError(t, err)
	_, open := <-changes
	require.False(t, open)
	require.Equal(t, 2, asked)
}
