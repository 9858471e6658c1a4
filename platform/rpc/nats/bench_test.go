package nats_test

import (
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/cumulite/cumulite/platform/rpc"
	"github.com/cumulite/cumulite/platform/rpc/nats/natstest"
	"github.com/cumulite/cumulite/platform/rpc/nats/server"
)

// measure reports the median and the 99th percentile of calls to c, of the
// size of a usual spec, by as many callers at a time.
func measure(b *testing.B, c rpc.Caller, callers int) {
	_, err := call(b, c, "echo", "") // the first proves the connection
	require.NoError(b, err)
	body := strings.Repeat("x", 500)
	var mu sync.Mutex
	var all []time.Duration
	var running sync.WaitGroup
	b.ResetTimer()
	for i := range callers {
		running.Go(func() {
			var own []time.Duration
			for range b.N/callers + min(1, b.N%callers/(i+1)) {
				start := time.Now()
				_, err := call(b, c, "echo", body)
				own = append(own, time.Since(start))
				if err != nil {
					b.Error(err)
					return
				}
			}
			mu.Lock()
			defer mu.Unlock()
			all = append(all, own...)
		})
	}
	running.Wait()
	slices.Sort(all)
	b.ReportMetric(float64(all[len(all)/2].Microseconds()), "p50-µs")
	b.ReportMetric(float64(all[len(all)*99/100].Microseconds()), "p99-µs")
}

func BenchmarkCallOverTLS(b *testing.B) {
	controller, _ := pair(b, echo())
	measure(b, controller.Host("node1"), 1)
}

func BenchmarkSixteenCallersOverTLS(b *testing.B) {
	controller, _ := pair(b, echo())
	measure(b, controller.Host("node1"), 16)
}

func BenchmarkCallThroughAnotherController(b *testing.B) {
	cloud := natstest.New(b)
	a, z := cloud.Controller(nil), cloud.Controller(nil)
	meet(b, a, z)
	require.NoError(b, cloud.Host("node1", z.Address()).Serve(echo()))
	natstest.Await(b, func() bool { return a.Connected("node1") })
	measure(b, a.Host("node1"), 1)
}

func BenchmarkCallWithoutNATS(b *testing.B) { measure(b, rpc.InProcess(echo(), nil), 1) }

// BenchmarkStart opens a controller without a listener, and closes it.
func BenchmarkStart(b *testing.B) {
	for b.Loop() {
		s, err := server.Open(server.Options{})
		require.NoError(b, err)
		s.Close()
	}
}
