package network_test

import (
	"context"
	"sync"
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
	bus   *event.Bus
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
	w.startWith(t, &flow.Options{Owner: "test", Backoff: func(int) time.Duration { return time.Millisecond }})
}

func (w *world) startWith(t *testing.T, o *flow.Options) {
	w.host = simnetwork.New(w.state, &simnetwork.Options{Name: "hv1"})
	clk := clock.System()
	w.ops = flow.New(w.db, clk, o)
	w.bus = event.New(w.db, clk, nil)
	s, err := network.New(network.Deps{
		DB: w.db, Clock: clk, Ops: w.ops, Events: w.bus, Drivers: map[string]network.Driver{"hv1": w.host},
	}, &network.Options{Heartbeat: 5 * time.Millisecond})
	require.NoError(t, err)
	w.Service = s
}

// run carries operations through from now on, until the test ends.
func (w *world) run(t *testing.T) { background(t, w.ops.Run) }

// background runs fn until the test ends, or until stop is called.
func background(t *testing.T, fn func(ctx context.Context) error) (stop func()) {
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	ended := make(chan error, 1)
	go func() { ended <- fn(ctx) }()
	stop = sync.OnceFunc(func() {
		cancel()
		require.NoError(t, <-ended)
	})
	t.Cleanup(stop)
	return stop
}

func as(ctx context.Context, project string, roles ...string) context.Context {
	c := auth.Claims{User: auth.Ref{ID: "u-" + project}, Project: auth.Ref{ID: project}}
	for _, r := range roles {
		c.Roles = append(c.Roles, auth.Ref{ID: r, Name: r})
	}
	return auth.With(ctx, auth.Authenticated(c))
}

// compute is a context of the compute service, on behalf of project "p1".
func (w *world) compute() context.Context { return auth.AsService(w.ctx, "compute") }

func refused(t *testing.T, kind errs.Kind, code string, err error) {
	t.Helper()
	require.Error(t, err)
	require.Equal(t, kind, errs.KindOf(err), "%v", err)
	require.Equal(t, code, errs.CodeOf(err), "%v", err)
}
