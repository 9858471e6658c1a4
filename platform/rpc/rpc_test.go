package rpc_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/cumulite/cumulite/platform/auth"
	"github.com/cumulite/cumulite/platform/errs"
	"github.com/cumulite/cumulite/platform/rpc"
	"github.com/cumulite/cumulite/platform/store"
	"github.com/cumulite/cumulite/platform/store/storetest"
)

type point struct{ X, Y int }

// mirror answers "mirror" and counts how often it ran.
func mirror(runs *int) *rpc.Mux {
	mux := rpc.NewMux()
	rpc.Handle(mux, "mirror", func(_ context.Context, p point) (point, error) {
		*runs++
		return point{p.Y, p.X}, nil
	})
	return mux
}

func TestArgumentsAndResultsAreEncoded(t *testing.T) {
	var runs int
	out, err := rpc.Invoke[point, point](t.Context(), rpc.InProcess(mirror(&runs), nil), "mirror", point{1, 2})
	require.NoError(t, err)
	require.Equal(t, point{2, 1}, out)
	require.Equal(t, []string{"mirror"}, mirror(&runs).Methods())
}

func TestErrorsKeepKindCodeAndMessageButNotTheirCause(t *testing.T) {
	mux := rpc.NewMux()
	rpc.Handle(mux, "fail", func(context.Context, point) (point, error) {
		e := errs.Missing("guest", "g1").WithCode("GuestGone").Because(errors.New("cause"))
		return point{}, errs.Wrap(e, "on the host")
	})
	rpc.Handle(mux, "plain", func(context.Context, point) (point, error) { return point{}, errors.New("disk on fire") })
	_, err := rpc.Invoke[point, point](t.Context(), rpc.InProcess(mux, nil), "fail", point{})
	require.Equal(t, errs.NotFound, errs.KindOf(err))
	require.Equal(t, "GuestGone", errs.CodeOf(err))
	require.Equal(t, "guest g1 could not be found.", errs.Message(err))
	require.NotContains(t, err.Error(), "cause")

	_, err = rpc.Invoke[point, point](t.Context(), rpc.InProcess(mux, nil), "plain", point{})
	require.Equal(t, errs.Internal, errs.KindOf(err))
	require.Empty(t, errs.Message(err))
	require.ErrorContains(t, err, "disk on fire", "logs of the controller see it")
}

func TestUnknownMethodBadRequestAndPanicAreErrors(t *testing.T) {
	mux := rpc.NewMux()
	rpc.Handle(mux, "panic", func(context.Context, point) (point, error) { panic("boom") })
	rpc.Handle(mux, "unencodable", func(context.Context, point) (chan int, error) { return make(chan int), nil })
	host := rpc.InProcess(mux, nil)
	_, err := rpc.Invoke[point, point](t.Context(), host, "nothing", point{})
	require.Equal(t, errs.NotSupported, errs.KindOf(err))
	_, err = rpc.Invoke[string, point](t.Context(), host, "panic", "no point")
	require.Equal(t, errs.Invalid, errs.KindOf(err))
	_, err = rpc.Invoke[point, point](t.Context(), host, "panic", point{})
	require.Equal(t, errs.Internal, errs.KindOf(err))
	_, err = rpc.Invoke[point, point](t.Context(), host, "unencodable", point{})
	require.Error(t, err)
	_, err = rpc.Invoke[chan int, point](t.Context(), host, "panic", nil)
	require.Error(t, err)
}

func TestCallsInsideATransactionAreRefused(t *testing.T) {
	db := storetest.Open(t)
	var runs int
	err := db.Write(t.Context(), func(ctx context.Context, _ *store.Tx) error {
		_, err := rpc.Invoke[point, point](ctx, rpc.InProcess(mirror(&runs), nil), "mirror", point{})
		return err
	})
	require.ErrorContains(t, err, "inside a transaction")
	require.Zero(t, runs)
}

func TestGrantStaysAndDeadlineTravels(t *testing.T) {
	mux := rpc.NewMux()
	rpc.Handle(mux, "look", func(ctx context.Context, _ point) (bool, error) {
		_, bounded := ctx.Deadline()
		return bounded && auth.From(ctx).IsZero(), nil
	})
	ctx, cancel := context.WithTimeout(auth.AsService(t.Context(), "compute"), time.Minute)
	defer cancel()
	ok, err := rpc.Invoke[point, bool](ctx, rpc.InProcess(mux, nil), "look", point{})
	require.NoError(t, err)
	require.True(t, ok)
}

func TestCancellingTheCallerEndsTheMethod(t *testing.T) {
	mux := rpc.NewMux()
	begun := make(chan struct{})
	rpc.Handle(mux, "hang", func(ctx context.Context, _ point) (point, error) {
		close(begun)
		<-ctx.Done()
		return point{}, ctx.Err()
	})
	ctx, cancel := context.WithCancel(t.Context())
	go func() { <-begun; cancel() }()
	_, err := rpc.Invoke[point, point](ctx, rpc.InProcess(mux, nil), "hang", point{})
	require.ErrorIs(t, err, context.Canceled)
}

func TestFaults(t *testing.T) {
	for fault, want := range map[rpc.Fault]struct {
		runs int
		err  bool
	}{rpc.None: {1, false}, rpc.Fail: {0, true}, rpc.Drop: {1, true}, rpc.Repeat: {2, false}} {
		var runs int
		host := rpc.InProcess(mirror(&runs), &rpc.Options{Fault: func(context.Context, string) rpc.Fault { return fault }})
		_, err := rpc.Invoke[point, point](t.Context(), host, "mirror", point{})
		require.Equal(t, want.runs, runs)
		require.Equal(t, want.err, errs.Is(err, errs.Unavailable), "%v", err)
	}
}

func BenchmarkInvoke(b *testing.B) {
	var runs int
	host := rpc.InProcess(mirror(&runs), nil)
	for b.Loop() {
		if _, err := rpc.Invoke[point, point](b.Context(), host, "mirror", point{1, 2}); err != nil {
			b.Fatal(err)
		}
	}
}
