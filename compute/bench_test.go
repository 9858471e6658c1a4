package compute_test

import (
	"context"
	"fmt"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/cumulite/cumulite/compute"
	"github.com/cumulite/cumulite/drivers/sim/simcompute"
	"github.com/cumulite/cumulite/platform/clock"
	"github.com/cumulite/cumulite/platform/quota"
	"github.com/cumulite/cumulite/platform/store"
)

// benchWorld has one very large host and no quota.
func benchWorld(b *testing.B) (*world, compute.CreateServer) {
	w := worldAt(b, clock.System())
	w.hosts["hv1"] = simcompute.New(w.states["hv1"], &simcompute.Options{Name: "hv1", VCPUs: 1 << 20, MemoryMiB: 1 << 30, DiskGiB: 1 << 20})
	w.start(b, nil)
	runEngine(b, w.ops)
	for _, r := range []quota.Resource{"instances", "cores", "ram"} {
		_, err := w.SetQuotas(admin(b), "p1", map[quota.Resource]int{r: quota.Unlimited}, true)
		require.NoError(b, err)
	}
	_, err := w.net.SetQuotas(admin(b), "p1", map[quota.Resource]int{"port": quota.Unlimited})
	require.NoError(b, err)
	return w, w.request(b)
}

// BenchmarkListThousandServers lists a thousand servers with all that their
// details show.
func BenchmarkListThousandServers(b *testing.B) {
	w, in := benchWorld(b)
	in.Min, in.Metadata = 1000, map[string]string{"a": "b"}
	_, err := w.CreateServer(member(b), in)
	require.NoError(b, err)
	require.NoError(b, w.ops.Idle(context.Background()))
	ctx := member(b)
	for b.Loop() {
		list, _, err := w.ListServers(ctx, compute.ServersOf{}, store.Query{})
		require.NoError(b, err)
		require.Len(b, list, 1000)
		ports, err := w.Addresses(ctx, list)
		require.NoError(b, err)
		require.Len(b, ports, 1000)
		_, err = w.SecurityGroupsOf(ctx, ports)
		require.NoError(b, err)
	}
}

// BenchmarkCreateServers has servers built, from the request to ACTIVE, by
// sixteen callers at a time.
func BenchmarkCreateServers(b *testing.B) {
	for _, networks := range []compute.NetworkMode{compute.NetworksNone, compute.NetworksDefault} {
		b.Run(fmt.Sprintf("networks=%q", networks), func(b *testing.B) {
			w, in := benchWorld(b)
			in.Networks.Mode = networks
			ctx := member(b)
			b.ResetTimer()
			var all sync.WaitGroup
			work := make(chan struct{})
			for range 16 {
				all.Go(func() {
					for range work {
						if _, err := w.CreateServer(ctx, in); err != nil {
							b.Error(err)
						}
					}
				})
			}
			for range b.N {
				work <- struct{}{}
			}
			close(work)
			all.Wait()
			require.NoError(b, w.ops.Idle(context.Background()))
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "servers/s")
		})
	}
}
