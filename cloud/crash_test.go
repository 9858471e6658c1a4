package cloud_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/cumulite/cumulite/cloud"
	"github.com/cumulite/cumulite/platform/store/storetest"
)

// killer cuts a process off its database, at some point of some commit, for good.
type killer struct {
	left atomic.Int64
	dead atomic.Bool
}

func (k *killer) seam(string) error {
	if k.left.Add(-1) < 0 {
		k.dead.Store(true)
	}
	if k.dead.Load() {
		return errors.New("the process was killed")
	}
	return nil
}

func (k *killer) arm(after int64) {
	k.left.Store(after)
	k.dead.Store(false)
}

// fate is what is known of a server from what was acknowledged.
type fate string

const (
	lives fate = "its creation was acknowledged"
	gone  fate = "its deletion was acknowledged"
	cut   fate = "a request for it was cut off"
)

// burst makes and deletes servers in one thread, until it is cut off.
func (w *world) burst(rng *rand.Rand, k *killer, flavor, image, network string) map[string]fate {
	known := map[string]fate{}
	for i := 0; i < 60 && !k.dead.Load(); i++ {
		r := w.blue.Do("POST", "/compute/v2.1/servers", server(fmt.Sprint("s", i), flavor, image, network, object{"user_data": "c2VjcmV0"}))
		if r.Status == 202 {
			var made struct{ Server struct{ ID string } }
			r.JSON(&made)
			known[made.Server.ID] = lives
		}
		all := slices.Sorted(maps.Keys(known))
		if len(all) == 0 || rng.IntN(2) == 0 {
			continue
		}
		victim := all[rng.IntN(len(all))]
		switch r := w.blue.Do("DELETE", "/compute/v2.1/servers/"+victim, nil); {
		case r.Status == 204:
			known[victim] = gone
		case r.Status >= 500 && known[victim] == lives:
			known[victim] = cut
		}
	}
	return known
}

// A process that is killed at any point of any commit, amid a burst of
// requests, is taken up by the next: what was acknowledged holds, nothing stays
// in between, and counts are what is there, in the database and on the host.
func TestKilledCloudIsTakenUp(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 0))
	var k killer
	k.arm(1 << 40)
	w := newWorld(t, func(w *world) {
		w.o.Dir = storetest.Dir(t)
		w.o.Faults = &cloud.Faults{Store: k.seam}
	})
	w.unlimited()
	w.admin.call("PUT", "/networking/v2.0/quotas/"+w.blue.Project, object{"quota": object{"port": -1}}, 200)
	flavor, image := w.flavor(), w.admin.image("public")
	network, _ := w.blue.network("net", "10.0.0.0/16")
	w.settled()
	known := map[string]fate{}
	for round := range 3 {
		k.arm(rng.Int64N(500))
		var mu sync.Mutex
		var all sync.WaitGroup
		for range 3 {
			mine := rand.New(rand.NewPCG(rng.Uint64(), 0))
			all.Go(func() {
				learnt := w.burst(mine, &k, flavor, image, network)
				mu.Lock()
				defer mu.Unlock()
				maps.Copy(known, learnt)
			})
		}
		all.Wait()
		k.dead.Store(true)
		w.stop()
		k.arm(1 << 40)
		w.open()
		w.settled()
		w.verify(round, known)
		t.Logf("round %d: %d servers known", round, len(known))
	}
}

// verify holds what is there against what was acknowledged.
func (w *world) verify(round int, known map[string]fate) {
	w.t.Helper()
	there := map[string]string{}
	for _, s := range w.blue.call("GET", "/compute/v2.1/servers/detail", nil, 200)["servers"].([]any) {
		there[id(s.(object))] = s.(object)["status"].(string)
	}
	for server, what := range known {
		status, is := there[server]
		switch what {
		case lives:
			require.Equal(w.t, "ACTIVE", status, "round %d: %s", round, server)
		case gone:
			require.False(w.t, is, "round %d: %s", round, server)
		}
	}
	for server, status := range there {
		require.Equal(w.t, "ACTIVE", status, "round %d: %s", round, server)
	}
	w.whole()
	w.none("bound ports of no server", "SELECT id FROM network_ports WHERE device_id NOT IN (SELECT id FROM compute_servers)")
	require.Equal(w.t, len(there), w.count("SELECT count(*) FROM network_ports"))
	require.EventuallyWithT(w.t, func(c *assert.CollectT) {
		guests, err := w.machine.host.Guests(context.Background())
		require.NoError(c, err)
		require.Len(c, guests, len(there))
		for _, g := range guests {
			require.Contains(c, there, g.ID)
		}
		wires, err := w.machine.net.Inventory(context.Background())
		require.NoError(c, err)
		require.Len(c, wires.Ports, len(there))
	}, 5*time.Second, 20*time.Millisecond, "round %d", round)
}
