package cloud_test

import (
	"context"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/cumulite/cumulite/cloud"
	"github.com/cumulite/cumulite/platform/flow"
	"github.com/cumulite/cumulite/platform/rpc"
	"github.com/cumulite/cumulite/platform/store/storetest"
)

// Calls to hosts that are lost on the way there or back, or come twice, are
// made again, and what they do is done once.
func TestCallsThatGoAstray(t *testing.T) {
	var mu sync.Mutex
	calls := map[string]int{"compute.create": 0, "compute.start": 0, "network.port.ensure": 0}
	w := newWorld(t, func(w *world) {
		w.o.Faults = &cloud.Faults{Call: func(_ context.Context, host, method string) rpc.Fault {
			mu.Lock()
			defer mu.Unlock()
			if _, is := calls[method]; !is || host != "hv1" {
				return rpc.None
			}
			calls[method]++
			return map[int]rpc.Fault{1: rpc.Fail, 2: rpc.Drop, 3: rpc.Repeat}[calls[method]]
		}}
	})
	flavor, image := w.flavor(), w.blue.image("private")
	network, _ := w.blue.network("net", "10.0.0.0/24")
	s := id(w.blue.make("/compute/v2.1/servers", "server", server("one", flavor, image, network, nil)["server"].(object)))
	w.settled()
	require.Equal(t, "ACTIVE", w.blue.call("GET", "/compute/v2.1/servers/"+s, nil, 200)["server"].(object)["status"])
	guest, is := w.machine.guests.View(s)
	require.True(t, is)
	require.Equal(t, 1, guest.Boots)
	mu.Lock()
	defer mu.Unlock()
	for method, n := range calls {
		require.GreaterOrEqual(t, n, 3, method)
	}
}

// An engine that is killed at a step leaves it to the next process.
func TestKilledAtAStep(t *testing.T) {
	const kind = "compute.server.create"
	w := newWorld(t, func(w *world) { w.o.Dir = storetest.Dir(t) })
	flavor, image := w.flavor(), w.blue.image("private")
	network, _ := w.blue.network("net", "10.0.0.0/24")
	w.settled()
	w.stop()
	w.o.Faults = &cloud.Faults{Step: func(k, _ string, when flow.Point) error {
		if k == kind && when == flow.BeforeRecord {
			return flow.ErrKilled
		}
		return nil
	}}
	c, err := cloud.Open(t.Context(), w.o)
	require.NoError(t, err)
	ended := make(chan error, 1)
	go func() { ended <- c.Run(t.Context()) }()
	w.blue.Handler = c.Handler()
	s := id(w.blue.make("/compute/v2.1/servers", "server", server("one", flavor, image, network, nil)["server"].(object)))
	require.ErrorIs(t, <-ended, flow.ErrKilled)
	require.NoError(t, c.Close())

	w.o.Faults = nil
	w.open()
	w.settled()
	require.Equal(t, "ACTIVE", w.blue.call("GET", "/compute/v2.1/servers/"+s, nil, 200)["server"].(object)["status"])
	w.whole()
}
