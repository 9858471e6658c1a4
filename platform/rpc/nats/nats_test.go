package nats_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/cumulite/cumulite/platform/errs"
	"github.com/cumulite/cumulite/platform/rpc"
	"github.com/cumulite/cumulite/platform/rpc/nats/natstest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// echo answers "echo" with what it was given.
func echo() *rpc.Mux {
	mux := rpc.NewMux()
	rpc.Handle(mux, "echo", func(_ context.Context, in string) (string, error) { return in, nil })
	return mux
}

func call(t testing.TB, c rpc.Caller, method, in string) (string, error) {
	return rpc.Invoke[string, string](t.Context(), c, method, in)
}

func TestControllersCallHostsAndHostsCallControllers(t *testing.T) {
	cloud := natstest.New(t)
	controller := cloud.Controller(nil)
	require.NoError(t, controller.Serve(func(host string) *rpc.Mux {
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
		require.NoError(t, err)
		require.Equal(t, name, out, "the subject says who asks")
		host.Close()
		natstest.Await(t, func() bool { return !controller.Connected(name) })
	}
}
