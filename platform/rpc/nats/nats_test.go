package nats_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/cumulite/cumulite/platform/errs"
	"github.com/cumulite/cumulite/platform/rpc"
	"github.com/cumulite/cumulite/platform/rpc/nats"
	"github.com/cumulite/cumulite/platform/rpc/nats/natstest"
	"github.com/cumulite/cumulite/platform/rpc/nats/server"
	"github.com/cumulite/cumulite/platform/secret"
)

func TestMain(m *testing.M) {
	beHost()
	goleak.VerifyTestMain(m)
}

// echo answers "echo" with what it was given.
func echo() *rpc.Mux {
	mux := rpc.NewMux()
	rpc.Handle(mux, "echo", func(_ context.Context, in string) (string, error) { return in, nil })
	return mux
}

func call(t testing.TB, c rpc.Caller, method, in string) (string, error) {
	return rpc.Invoke[string, string](t.Context(), c, method, in)
}

// pair gives a controller and the host node1, which serves mux.
func pair(t testing.TB, mux *rpc.Mux) (*server.Server, *nats.Conn) {
	cloud := natstest.New(t)
	controller := cloud.Controller(nil)
	host := cloud.Host("node1", controller.Address())
	require.NoError(t, host.Serve(mux))
	natstest.Await(t, func() bool { return controller.Connected("node1") })
	return controller, host
}

func TestControllersCallHostsAndHostsCallControllers(t *testing.T) {
	cloud := natstest.New(t)
	controller := cloud.Controller(nil)
	require.NoError(t, controller.Serve(func(host string) *rpc.Mux {
		if host == "*" {
			return nil
		}
		mux := rpc.NewMux()
		rpc.Handle(mux, "who", func(context.Context, string) (string, error) { return host, nil })
		return mux
	}))
	for _, name := range []string{"node1", "node-2.example.org", "*", "a>b c"} {
		_, err := call(t, controller.Host(name), "echo", "x")
		require.Equal(t, errs.Unavailable, errs.KindOf(err), "not connected: at once")
		require.False(t, controller.Connected(name))
		host := cloud.Host(name, controller.Address())
		require.NoError(t, host.Serve(echo()))
		natstest.Await(t, func() bool { return controller.Connected(name) })
		out, err := call(t, controller.Host(name), "echo", "hello "+name)
		require.NoError(t, err)
		require.Equal(t, "hello "+name, out)
		out, err = call(t, host.Controllers(), "who", "")
		if name == "*" {
			require.Equal(t, errs.NotSupported, errs.KindOf(err), "nothing is served for it")
		} else {
			require.NoError(t, err)
			require.Equal(t, name, out, "the subject says who asks")
		}
		host.Close()
		natstest.Await(t, func() bool { return !controller.Connected(name) })
	}
}

func TestErrorsOfMethodsArrive(t *testing.T) {
	mux := rpc.NewMux()
	rpc.Handle(mux, "fail", func(context.Context, string) (string, error) {
		return "", errs.Missing("guest", "g1").WithCode("GuestGone")
	})
	rpc.Handle(mux, "panic", func(context.Context, string) (string, error) { panic("boom") })
	controller, _ := pair(t, mux)
	_, err := call(t, controller.Host("node1"), "fail", "")
	require.Equal(t, errs.NotFound, errs.KindOf(err))
	require.Equal(t, "GuestGone", errs.CodeOf(err))
	_, err = call(t, controller.Host("node1"), "panic", "")
	require.Equal(t, errs.Internal, errs.KindOf(err))
	_, err = call(t, controller.Host("node1"), "nothing", "")
	require.Equal(t, errs.NotSupported, errs.KindOf(err))
}

func TestMessagesHaveEightMiBAndNoMore(t *testing.T) {
	mux := echo()
	rpc.Handle(mux, "much", func(context.Context, string) (string, error) { return strings.Repeat("x", nats.MaxMessage), nil })
	controller, _ := pair(t, mux)
	host := controller.Host("node1")
	large := strings.Repeat("x", nats.MaxMessage-len(`{"result":""}`))
	out, err := call(t, host, "echo", large)
	require.NoError(t, err)
	require.Len(t, out, len(large))
	_, err = call(t, host, "echo", strings.Repeat("x", nats.MaxMessage))
	require.Equal(t, errs.TooLarge, errs.KindOf(err), "a request")
	_, err = call(t, host, "much", "")
	require.Equal(t, errs.TooLarge, errs.KindOf(err), "an answer")
	_, err = call(t, host, "echo", "still there")
	require.NoError(t, err)
}

// hang has a method that runs until its context ends, and says when and why.
func hang() (mux *rpc.Mux, begun chan struct{}, ended chan error) {
	mux, begun, ended = echo(), make(chan struct{}, 1024), make(chan error, 1024)
	rpc.Handle(mux, "hang", func(ctx context.Context, _ string) (string, error) {
		begun <- struct{}{}
		<-ctx.Done()
		ended <- ctx.Err()
		return "", ctx.Err()
	})
	return mux, begun, ended
}

func TestMethodEndsWithItsCaller(t *testing.T) {
	mux, begun, ended := hang()
	controller, host := pair(t, mux)
	require.NoError(t, controller.Serve(func(string) *rpc.Mux { return mux }))
	for _, c := range []rpc.Caller{controller.Host("node1"), host.Controllers()} {
		ctx, cancel := context.WithCancel(t.Context())
		go func() { <-begun; cancel() }()
		_, err := rpc.Invoke[string, string](ctx, c, "hang", "")
		require.ErrorIs(t, err, context.Canceled)
		require.ErrorIs(t, <-ended, context.Canceled)

		ctx, cancel = context.WithTimeout(t.Context(), 50*time.Millisecond)
		_, err = rpc.Invoke[string, string](ctx, c, "hang", "")
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.Error(t, <-ended, "of its deadline, or of the caller's word")
		_, err = rpc.Invoke[string, string](ctx, c, "echo", "")
		require.ErrorIs(t, err, context.DeadlineExceeded)
		cancel()
		<-begun
	}
}

// overdue is past its deadline, and its timer has not fired yet.
type overdue struct{ context.Context }

func (overdue) Deadline() (time.Time, bool) { return time.Now().Add(-time.Millisecond), true }

func TestCallThatIsJustOverItsDeadlineSaysSo(t *testing.T) {
	controller, _ := pair(t, echo())
	_, err := rpc.Invoke[string, string](overdue{t.Context()}, controller.Host("node1"), "echo", "")
	require.ErrorIs(t, err, context.DeadlineExceeded)
}

func TestCallsDoNotWaitForEachOtherAndTooManyAreRefused(t *testing.T) {
	mux, begun, ended := hang()
	controller, _ := pair(t, mux)
	ctx, cancel := context.WithCancel(t.Context())
	var running sync.WaitGroup
	start := func(n int) {
		for range n {
			running.Go(func() { _, _ = rpc.Invoke[string, string](ctx, controller.Host("node1"), "hang", "") })
		}
		for range n {
			<-begun
		}
	}
	start(511)
	_, err := call(t, controller.Host("node1"), "echo", "x")
	require.NoError(t, err)
	start(1)
	_, err = call(t, controller.Host("node1"), "echo", "x")
	require.Equal(t, errs.Unavailable, errs.KindOf(err), "512 are running")
	cancel()
	running.Wait()
	for range 512 {
		<-ended
	}
	natstest.Await(t, func() bool {
		_, err = call(t, controller.Host("node1"), "echo", "x")
		return err == nil
	})
}

func TestEndOfEitherSideEndsCallsAtOnce(t *testing.T) {
	mux, begun, ended := hang()
	controller, host := pair(t, mux)
	require.NoError(t, controller.Serve(func(string) *rpc.Mux { return mux }))
	down, up := make(chan error, 1), make(chan error, 1)
	go func() { _, err := call(t, controller.Host("node1"), "hang", ""); down <- err }()
	<-begun
	host.Close()
	require.ErrorIs(t, <-ended, context.Canceled)
	require.ErrorIs(t, <-down, context.Canceled, "its last word")
	_, err := call(t, host.Controllers(), "hang", "")
	require.Equal(t, errs.Unavailable, errs.KindOf(err))

	controller, host = pair(t, mux)
	require.NoError(t, controller.Serve(func(string) *rpc.Mux { return mux }))
	go func() { _, err := call(t, host.Controllers(), "hang", ""); up <- err }()
	<-begun
	controller.Close()
	require.Error(t, <-up)
	require.ErrorIs(t, <-ended, context.Canceled)
}

func TestNextProcessOfAHostEndsTheCallsToTheOneBefore(t *testing.T) {
	cloud := natstest.New(t)
	controller := cloud.Controller(nil)
	mux, begun, _ := hang()
	before := cloud.Host("node1", controller.Address()) // it stays, so that the host is connected all the time
	require.NoError(t, before.Serve(mux))
	other := cloud.Host("node2", controller.Address())
	require.NoError(t, other.Serve(mux))
	natstest.Await(t, func() bool { return controller.Connected("node1") && controller.Connected("node2") })
	one, two := make(chan error, 1), make(chan error, 1)
	go func() { _, err := call(t, controller.Host("node1"), "hang", ""); one <- err }()
	<-begun
	go func() { _, err := call(t, controller.Host("node2"), "hang", ""); two <- err }()
	<-begun

	cloud.Host("node1", controller.Address())
	require.Equal(t, errs.Unavailable, errs.KindOf(<-one))
	require.Empty(t, two, "others go on")
	other.Close()
	<-two
}

func TestLateAndRepeatedAnswersAreHarmless(t *testing.T) {
	cloud := natstest.New(t)
	controller := cloud.Controller(nil)
	nc, refused := insider(t, cloud, controller.Address(), "node1")
	requests, err := nc.SubscribeSync("host.node1.call.do")
	require.NoError(t, err)
	require.NoError(t, nc.Flush())
	early := ""
	for i := range 3 {
		answer := make(chan error, 1)
		go func() {
			out, err := call(t, controller.Host("node1"), "echo", "x")
			if err == nil && out != "right" {
				err = errors.New(out)
			}
			answer <- err
		}()
		msg, err := requests.NextMsg(5 * time.Second)
		require.NoError(t, err)
		if i > 0 {
			require.NoError(t, nc.Publish(early, []byte(`{"result":"late"}`)))
		}
		for range 3 {
			require.NoError(t, nc.Publish(msg.Reply, []byte(`{"result":"right"}`)))
		}
		require.NoError(t, <-answer)
		early = msg.Reply
	}
	require.Zero(t, refused.Load())
}

func TestFaultsComeBetweenOverThisTransport(t *testing.T) {
	var runs atomic.Int32
	mux := rpc.NewMux()
	rpc.Handle(mux, "count", func(context.Context, string) (string, error) { runs.Add(1); return "", nil })
	controller, _ := pair(t, mux)
	for fault, want := range map[rpc.Fault]int32{rpc.None: 1, rpc.Fail: 0, rpc.Drop: 1, rpc.Repeat: 2} {
		runs.Store(0)
		_, err := call(t, rpc.Faulty(controller.Host("node1"), func(context.Context, string) rpc.Fault { return fault }), "count", "")
		require.Equal(t, fault == rpc.Fail || fault == rpc.Drop, errs.Is(err, errs.Unavailable), "%v", err)
		require.Equal(t, want, runs.Load())
	}
}

func TestConnectionNeedsNameControllersKeyAndAuthority(t *testing.T) {
	cloud := natstest.New(t)
	good := nats.Options{Host: "node1", Controllers: []string{"127.0.0.1:1"}, TLS: cloud.ForHost("node1"), Key: cloud.Key("node1")}
	for name, change := range map[string]func(*nats.Options){
		"no name":            func(o *nats.Options) { o.Host = "" },
		"a controller's":     func(o *nats.Options) { o.Host = nats.Controller },
		"no controllers":     func(o *nats.Options) { o.Controllers = nil },
		"no address":         func(o *nats.Options) { o.Controllers = []string{"no port:x:y"} },
		"no TLS":             func(o *nats.Options) { o.TLS = nil },
		"no authority":       func(o *nats.Options) { o.TLS.RootCAs = nil },
		"a key that is none": func(o *nats.Options) { o.Key = secret.New("SUX") },
	} {
		o := good
		o.TLS = good.TLS.Clone()
		change(&o)
		_, err := nats.Connect(o)
		require.Error(t, err, name)
	}
}
