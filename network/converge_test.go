package network_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/cumulite/cumulite/drivers/sim/fault"
	"github.com/cumulite/cumulite/network"
	"github.com/cumulite/cumulite/platform/errs"
)

// TestHostEndsAsTheRowsSay has many plug in, take off, change and delete ports
// of the same networks at once, on a host that fails every now and then.
func TestHostEndsAsTheRowsSay(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	s := newSite(t)
	s.run(t)
	var on []*network.Network
	for i := range 3 {
		n, _ := s.network(s.ann, fmt.Sprintf("10.%d.0.0/24", i))
		on = append(on, n)
	}
	var mu sync.Mutex
	faults := rand.New(rand.NewPCG(seed, 0))
	s.host.SetFault(func(context.Context, fault.Step) error {
		mu.Lock()
		defer mu.Unlock()
		if faults.IntN(20) == 0 {
			return errs.New(errs.Unavailable, "now and then")
		}
		return nil
	})
	var all sync.WaitGroup
	for i := range 6 {
		all.Go(func() { s.meddle(rand.New(rand.NewPCG(seed, uint64(i)+1)), on, fmt.Sprint(i)) })
	}
	all.Wait()
	s.host.SetFault(nil)
	require.Eventually(t, func() bool {
		var pending int
		require.NoError(t, s.db.QueryRow(t.Context(), "SELECT COUNT(*) FROM network_placements WHERE pending").Scan(&pending))
		return pending == 0
	}, 20*time.Second, 10*time.Millisecond)

	var want []string
	require.NoError(t, s.db.Read().NewRaw("SELECT DISTINCT n.id FROM network_needed AS n JOIN network_objects AS o ON o.id = n.id").Scan(t.Context(), &want))
	inv := s.inventory()
	var have []string
	for _, kind := range []map[string]int64{inv.Networks, inv.Ports, inv.Groups, inv.Routers} {
		for id := range kind {
			have = append(have, id)
		}
	}
	require.ElementsMatch(t, want, have)
	for id := range inv.Ports {
		p := ok(s.GetPort(s.ann, id))(s)
		spec, _ := s.state.Port(id)
		require.Equal(t, p.Addresses, spec.Addresses)
	}
}

// meddle does what comes to r's mind with ports of its own.
func (s *site) meddle(r *rand.Rand, on []*network.Network, device string) {
	for range 12 {
		p, err := s.CreatePort(s.ann, network.CreatePort{NetworkID: on[r.IntN(len(on))].ID})
		if err != nil {
			s.Error(err)
			return
		}
		_, failed := s.Plug(s.compute(), p.ID, network.Binding{Host: "hv1", DeviceID: device, DeviceOwner: "compute:nova"})
		switch r.IntN(4) {
		case 0:
			_ = s.Unplug(s.compute(), p.ID) // what fails here is done by an operation
		case 1:
			_, err = s.UpdatePort(s.ann, p.ID, network.UpdatePort{Addresses: &[]network.Address{}})
		case 2:
			err = s.DeletePort(s.ann, p.ID)
		default:
			if failed != nil {
				_ = s.Unplug(s.compute(), p.ID)
			}
		}
		if err != nil {
			s.Error(err)
		}
	}
}
