package simnetwork_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/cumulite/cumulite/drivers/sim/fault"
	"github.com/cumulite/cumulite/drivers/sim/simnetwork"
	"github.com/cumulite/cumulite/network"
	"github.com/cumulite/cumulite/platform/clock"
	"github.com/cumulite/cumulite/platform/errs"
)

func TestCallsFailAsOftenAsAsked(t *testing.T) {
	state := simnetwork.NewState()
	host := simnetwork.New(state, nil)
	host.SetFault(fault.FailAt("ensure network", "", 2, nil))
	for range 2 {
		require.Equal(t, errs.Unavailable, errs.KindOf(host.EnsureNetwork(t.Context(), network.NetworkSpec{ID: "n"})))
		_, there := state.Network("n")
		require.False(t, there)
	}
	require.NoError(t, host.EnsureNetwork(t.Context(), network.NetworkSpec{ID: "n"}))
	_, there := state.Network("n")
	require.True(t, there)
}

func TestAnAnswerCanBeLostAfterTheEffect(t *testing.T) {
	state := simnetwork.NewState()
	host := simnetwork.New(state, nil)
	lost := errors.New("lost")
	host.SetFault(fault.FailAt("ensure group", "end", 1, lost))
	require.ErrorIs(t, host.EnsureGroup(t.Context(), network.GroupSpec{ID: "g", Generation: 3}), lost)
	g, there := state.Group("g")
	require.True(t, there)
	require.EqualValues(t, 3, g.Generation)
}

func TestAHangingCallGoesOnWhenReleased(t *testing.T) {
	state := simnetwork.NewState()
	host := simnetwork.New(state, nil)
	fault, reached, release := fault.HangAt("ensure router", "begin")
	host.SetFault(fault)
	done := make(chan error, 1)
	go func() { done <- host.EnsureRouter(t.Context(), network.RouterSpec{ID: "r"}) }()
	<-reached
	_, there := state.Router("r")
	require.False(t, there)
	release()
	require.NoError(t, <-done)
	_, there = state.Router("r")
	require.True(t, there)
}

func TestEveryChangingMethodPassesItsSteps(t *testing.T) {
	ctx, host := t.Context(), simnetwork.New(simnetwork.NewState(), nil)
	var passed []string
	host.SetFault(func(_ context.Context, at fault.Step) error {
		if at.Name == "end" {
			passed = append(passed, at.Method)
		}
		return nil
	})
	require.NoError(t, host.EnsureNetwork(ctx, network.NetworkSpec{ID: "n"}))
	_, err := host.EnsurePort(ctx, network.PortSpec{ID: "p", NetworkID: "n"})
	require.NoError(t, err)
	require.NoError(t, host.SetMetadata(ctx, "p", network.Metadata{}))
	require.NoError(t, host.EnsureGroup(ctx, network.GroupSpec{ID: "g"}))
	require.NoError(t, host.EnsureRouter(ctx, network.RouterSpec{ID: "r"}))
	require.NoError(t, host.RemoveRouter(ctx, "r"))
	require.NoError(t, host.RemoveGroup(ctx, "g"))
	require.NoError(t, host.RemovePort(ctx, "p"))
	require.NoError(t, host.RemoveNetwork(ctx, "n"))
	require.ElementsMatch(t, simnetwork.Methods, passed)
}

func TestLatencyIsOfTheClock(t *testing.T) {
	clk := clock.NewManual(time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC))
	host := simnetwork.New(simnetwork.NewState(), &simnetwork.Options{
		Clock: clk, Latency: func(string) time.Duration { return time.Minute },
	})
	done := make(chan error, 1)
	go func() { done <- host.RemovePort(t.Context(), "p") }()
	require.Eventually(t, func() bool { return clk.Waiting() == 1 }, time.Minute, time.Millisecond)
	clk.Advance(time.Minute)
	require.NoError(t, <-done)
}
