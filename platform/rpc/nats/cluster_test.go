package nats_test

import (
	"context"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	natsgo "github.com/nats-io/nats.go"
	"github.com/stretchr/testify/require"

	"github.com/cumulite/cumulite/platform/errs"
	"github.com/cumulite/cumulite/platform/rpc"
	"github.com/cumulite/cumulite/platform/rpc/nats/natstest"
	"github.com/cumulite/cumulite/platform/rpc/nats/server"
)

// meet tells each controller of all.
func meet(t testing.TB, all ...*server.Server) {
	var routes []string
	for _, s := range all {
		routes = append(routes, s.Route())
	}
	for _, s := range all {
		require.NoError(t, s.SetPeers(routes))
	}
}

func TestControllersComeAndGoAndHostsStayReachable(t *testing.T) {
	cloud := natstest.New(t)
	a, b := cloud.Controller(nil), cloud.Controller(nil)
	meet(t, a, b)
	host := cloud.Host("node1", b.Address())
	require.NoError(t, host.Serve(echo()))
	reach := func(all ...*server.Server) {
		t.Helper()
		for _, s := range all {
			natstest.Await(t, func() bool { // what a controller knows may be a moment old
				out, err := call(t, s.Host("node1"), "echo", "x")
				return err == nil && out == "x" && s.Connected("node1")
			})
		}
	}
	reach(a, b)
	c := cloud.Controller(nil)
	meet(t, a, b, c)
	reach(a, b, c)
	b.Close()
	meet(t, a, c)
	reach(a, c) // the host knows the others from b
	a.Close()
	meet(t, c)
	reach(c)
	require.NoError(t, c.Serve(func(string) *rpc.Mux { return echo() }))
	_, err := call(t, host.Controllers(), "echo", "x")
	require.NoError(t, err)
}

func TestNewPeersDisturbNobodyWhoIsConnected(t *testing.T) {
	cloud := natstest.New(t)
	var asked atomic.Int32
	a, b := cloud.Controller(func(o *server.Options) {
		o.Authorize = func(key string) (string, bool) {
			host, ok := cloud.Authorize(key)
			return host, asked.Add(1) <= 2 && ok // after both are there, the database is away
		}
	}), cloud.Controller(nil)
	nc, _ := insider(t, cloud, a.Address(), "node1")
	var lost atomic.Bool
	nc.SetClosedHandler(func(*natsgo.Conn) { lost.Store(true) })
	mux, begun, _ := hang()
	host := cloud.Host("node2", a.Address())
	require.NoError(t, host.Serve(mux))
	natstest.Await(t, func() bool { return a.Connected("node2") })
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { _, err := rpc.Invoke[string, string](ctx, a.Host("node2"), "hang", ""); ended <- err }()
	<-begun
	meet(t, a, b)
	natstest.Await(t, func() bool { return b.Connected("node2") })
	require.NoError(t, a.SetPeers(nil))
	require.NoError(t, a.SetPeers([]string{b.Route()}))
	require.Error(t, a.SetPeers([]string{"nowhere"}))
	require.NoError(t, nc.Flush())
	require.False(t, lost.Load())
	require.Empty(t, ended)
	require.EqualValues(t, 2, asked.Load())
	cancel()
	require.ErrorIs(t, <-ended, context.Canceled)
}

func TestOneControllerAnswersEachCallOfAHost(t *testing.T) {
	cloud := natstest.New(t)
	a, b := cloud.Controller(nil), cloud.Controller(nil)
	meet(t, a, b)
	var runs atomic.Int32
	for _, s := range []*server.Server{a, b} {
		require.NoError(t, s.Serve(func(string) *rpc.Mux {
			mux := rpc.NewMux()
			rpc.Handle(mux, "count", func(context.Context, string) (string, error) { runs.Add(1); return "", nil })
			return mux
		}))
	}
	host := cloud.Host("node1", a.Address())
	natstest.Await(t, host.Connected)
	for range 50 {
		_, err := call(t, host.Controllers(), "count", "")
		require.NoError(t, err)
	}
	require.EqualValues(t, 50, runs.Load())
}

func TestRestartedControllerHasItsHostsAgainAndNoCallIsLeftWaiting(t *testing.T) {
	cloud := natstest.New(t)
	var runs atomic.Int32
	mux := rpc.NewMux()
	rpc.Handle(mux, "count", func(context.Context, string) (string, error) { runs.Add(1); return "", nil })
	controller := cloud.Controller(nil)
	address := controller.Address()
	host := cloud.Host("node1", address)
	require.NoError(t, host.Serve(mux))
	answered := int32(0)
	for range 3 {
		natstest.Await(t, func() bool { return controller.Connected("node1") })
		var calls sync.WaitGroup
		var mu sync.Mutex
		for range 8 {
			calls.Go(func() {
				for {
					_, err := call(t, controller.Host("node1"), "count", "")
					if err != nil {
						return
					}
					mu.Lock()
					answered++
					mu.Unlock()
				}
			})
		}
		time.Sleep(100 * time.Millisecond)
		controller.Close()
		calls.Wait()
		controller = cloud.Controller(func(o *server.Options) { o.Listen = address })
	}
	natstest.Await(t, func() bool { return controller.Connected("node1") })
	require.Positive(t, answered)
	require.GreaterOrEqual(t, runs.Load(), answered, "each answer is that of a method that ran")
}

// cable is a connection between two controllers that can be cut without a word.
type cable struct {
	net.Listener
	to  string
	cut atomic.Bool
}

// lay gives a cable to to.
func lay(t *testing.T, to string) *cable {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	c := &cable{Listener: l, to: to}
	var carrying sync.WaitGroup
	done := make(chan struct{})
	carrying.Go(func() {
		for {
			in, err := l.Accept()
			if err != nil {
				return
			}
			out, err := net.Dial("tcp", c.to)
			if err != nil {
				in.Close()
				continue
			}
			carrying.Go(func() { <-done; in.Close(); out.Close() })
			carrying.Go(func() { c.carry(in, out) })
			carrying.Go(func() { c.carry(out, in) })
		}
	})
	t.Cleanup(func() { l.Close(); close(done); carrying.Wait() })
	return c
}

// carry takes bytes from one end to the other, or swallows them.
func (c *cable) carry(from io.Reader, to net.Conn) {
	buf := make([]byte, 32<<10)
	for {
		n, err := from.Read(buf)
		if err != nil {
			to.Close()
			return
		}
		if !c.cut.Load() {
			_, _ = to.Write(buf[:n])
		}
	}
}

func TestHostWhoseControllerVanishesFindsAnother(t *testing.T) {
	t.Parallel()
	cloud := natstest.New(t)
	var cable *cable
	a := cloud.Controller(nil)
	b := cloud.Controller(func(o *server.Options) {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		require.NoError(t, err)
		o.Listen = l.Addr().String()
		require.NoError(t, l.Close())
		cable = lay(t, o.Listen)
		o.Advertise = cable.Addr().String()
	})
	meet(t, a, b)
	host := cloud.Host("node1", b.Address())
	require.NoError(t, host.Serve(echo()))
	natstest.Await(t, func() bool { return a.Connected("node1") })
	cable.cut.Store(true)
	natstest.Await(t, func() bool {
		ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
		defer cancel()
		_, err := rpc.Invoke[string, string](ctx, a.Host("node1"), "echo", "x")
		return err == nil
	})
	require.True(t, host.Connected())
}

func TestPartitionBetweenControllersIsNoticedAndHeals(t *testing.T) {
	t.Parallel()
	cloud := natstest.New(t)
	b := cloud.Controller(nil)
	cable := lay(t, b.Route())
	a := cloud.Controller(nil)
	require.NoError(t, a.SetPeers([]string{cable.Addr().String()}))
	mux, begun, _ := hang()
	host := cloud.Host("node1", b.Address())
	require.NoError(t, host.Serve(mux))
	natstest.Await(t, func() bool { return a.Connected("node1") })
	ended := make(chan error, 1)
	go func() { _, err := call(t, a.Host("node1"), "hang", ""); ended <- err }()
	<-begun
	cable.cut.Store(true)
	cut := time.Now()
	require.Equal(t, errs.Unavailable, errs.KindOf(<-ended))
	require.Less(t, time.Since(cut), 9*time.Second)
	require.False(t, a.Connected("node1"))
	require.True(t, b.Connected("node1"))
	_, err := call(t, b.Host("node1"), "echo", "x")
	require.NoError(t, err)
	_, err = call(t, a.Host("node1"), "echo", "x")
	require.Equal(t, errs.Unavailable, errs.KindOf(err))
	cable.cut.Store(false)
	require.Eventually(t, func() bool { return a.Connected("node1") }, 20*time.Second, 50*time.Millisecond)
	_, err = call(t, a.Host("node1"), "echo", "x")
	require.NoError(t, err)
}
