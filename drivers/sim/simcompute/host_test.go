package simcompute_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/cumulite/cumulite/compute"
	"github.com/cumulite/cumulite/drivers/sim/fault"
	"github.com/cumulite/cumulite/drivers/sim/simcompute"
	"github.com/cumulite/cumulite/platform/clock"
	"github.com/cumulite/cumulite/platform/errs"
)

func spec() compute.GuestSpec {
	return compute.GuestSpec{ID: uuid.NewString(), Name: "instance-00000001", Hostname: "vm", VCPUs: 1, MemoryMiB: 64, RootGiB: 1}
}

// calls gives every method that has steps, by name, for a guest in the state it needs.
func calls(h *simcompute.Host, s compute.GuestSpec) map[string]func(ctx context.Context, op string) error {
	nic := compute.NIC{PortID: uuid.NewString(), MAC: "fa:16:3e:00:00:01", Type: "sim"}
	return map[string]func(context.Context, string) error{
		"describe": func(ctx context.Context, _ string) error { _, err := h.Describe(ctx); return err },
		"guests":   func(ctx context.Context, _ string) error { _, err := h.Guests(ctx); return err },
		"console":  func(ctx context.Context, _ string) error { _, err := h.Console(ctx, s.ID, -1); return err },
		"watch":    func(ctx context.Context, _ string) error { _, err := h.Watch(ctx); return err },
		"create":   func(ctx context.Context, op string) error { return h.Create(ctx, op, s) },
		"start":    func(ctx context.Context, op string) error { return h.Start(ctx, op, s) },
		"stop":     func(ctx context.Context, op string) error { return h.Stop(ctx, op, s.ID, 0) },
		"reset":    func(ctx context.Context, op string) error { return h.Reset(ctx, op, s.ID) },
		"pause":    func(ctx context.Context, op string) error { return h.Pause(ctx, op, s.ID) },
		"resume":   func(ctx context.Context, op string) error { return h.Resume(ctx, op, s.ID) },
		"remove":   func(ctx context.Context, op string) error { return h.Remove(ctx, op, s.ID) },
		"plug":     func(ctx context.Context, op string) error { return h.Plug(ctx, op, s.ID, nic) },
		"unplug":   func(ctx context.Context, op string) error { return h.Unplug(ctx, op, s.ID, nic.PortID) },
		"suspend":  func(ctx context.Context, op string) error { return h.Suspend(ctx, op, s.ID) },
		"wake":     func(ctx context.Context, op string) error { return h.Wake(ctx, op, s) },
	}
}

func TestEveryStepCanFailAndBeRepeated(t *testing.T) {
	for method, steps := range simcompute.Steps {
		for _, step := range steps {
			t.Run(method+" at "+step, func(t *testing.T) {
				state, s := simcompute.NewState(), spec()
				h := simcompute.New(state, nil)
				ctx := t.Context()
				if method != "create" {
					require.NoError(t, h.Create(ctx, "prepare", s))
					require.NoError(t, h.Start(ctx, "prepare", s))
				}
				switch method {
				case "start":
					require.NoError(t, h.Stop(ctx, "prepare", s.ID, 0))
				case "wake":
					require.NoError(t, h.Suspend(ctx, "prepare", s.ID))
				}
				call := calls(h, s)[method]
				h.SetFault(fault.FailAt(method, step, 1, nil))
				require.Equal(t, errs.Unavailable, errs.KindOf(call(ctx, "op")))
				if method == "describe" || method == "guests" || method == "console" || method == "watch" {
					require.NoError(t, call(ctx, ""))
					return
				}
				if step == "end" && (method == "reset") {
					return // only the answer was lost: it was not remembered, and presses again
				}
				require.NoError(t, call(ctx, "op"), "the repeat finishes it")
				require.NoError(t, h.Remove(ctx, "op", s.ID))
				require.Empty(t, state.Leftovers())
			})
		}
	}
	require.Len(t, simcompute.Steps, len(calls(nil, compute.GuestSpec{})), "every method is here")
}

func TestHalfMadeGuestIsListedWithoutAState(t *testing.T) {
	state, s := simcompute.NewState(), spec()
	h := simcompute.New(state, nil)
	failure := errs.New(errs.Exhausted, "no room")
	h.SetFault(fault.FailAt("create", "disks", 1, failure))
	require.ErrorIs(t, h.Create(t.Context(), "c", s), failure)
	require.Equal(t, []string{s.ID}, state.Leftovers())
	guests, err := h.Guests(t.Context())
	require.NoError(t, err)
	require.Equal(t, []compute.Guest{{ID: s.ID}}, guests)
	require.NoError(t, h.Remove(t.Context(), "r", s.ID))
	require.Empty(t, state.Leftovers())
}

func TestHangEndsWithContextOrRelease(t *testing.T) {
	s := spec()
	h := simcompute.New(simcompute.NewState(), nil)
	fault, reached, release := fault.HangAt("create", "define")
	h.SetFault(fault)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { done <- h.Create(ctx, "c", s) }()
	<-reached
	cancel()
	require.ErrorIs(t, <-done, context.Canceled)
	go func() { done <- h.Create(t.Context(), "c", s) }()
	release()
	require.NoError(t, <-done)
}

func TestLatencyIsByTheClock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		clk := clock.NewManual(time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC))
		h := simcompute.New(simcompute.NewState(), &simcompute.Options{
			Clock: clk, Latency: func(method string) time.Duration { return map[string]time.Duration{"create": time.Hour}[method] },
		})
		done := make(chan error, 1)
		go func() { done <- h.Create(t.Context(), "c", spec()) }()
		synctest.Wait()
		clk.Advance(59 * time.Minute)
		synctest.Wait()
		require.Empty(t, done)
		clk.Advance(time.Minute)
		require.NoError(t, <-done)
	})
}

func TestStubbornGuestIsCutOffAfterItsGrace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		clk := clock.NewManual(time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC))
		state, s := simcompute.NewState(), spec()
		nic := compute.NIC{PortID: uuid.NewString(), MAC: "fa:16:3e:00:00:01"}
		s.NICs = []compute.NIC{nic}
		h := simcompute.New(state, &simcompute.Options{Clock: clk})
		require.NoError(t, h.Create(t.Context(), "c", s))
		require.NoError(t, h.Start(t.Context(), "s", s))
		state.SetStubborn(s.ID, true)
		require.Equal(t, errs.Unavailable, errs.KindOf(h.Unplug(t.Context(), "u", s.ID, nic.PortID)))

		done := make(chan error, 1)
		go func() { done <- h.Stop(t.Context(), "x", s.ID, time.Minute) }()
		synctest.Wait()
		view, _ := state.View(s.ID)
		require.Equal(t, compute.Running, view.Power)
		clk.Advance(time.Minute)
		require.NoError(t, <-done)
		view, _ = state.View(s.ID)
		require.Equal(t, compute.Shutdown, view.Power)
	})
}

func TestCrashIsToldAndStartedAgain(t *testing.T) {
	state, s := simcompute.NewState(), spec()
	h := simcompute.New(state, nil)
	require.NoError(t, h.Create(t.Context(), "c", s))
	require.NoError(t, h.Start(t.Context(), "s", s))
	changes, err := h.Watch(t.Context())
	require.NoError(t, err)
	state.Crash(s.ID)
	require.Equal(t, compute.Guest{ID: s.ID, Power: compute.Crashed}, <-changes)
	require.NoError(t, h.Start(t.Context(), "s2", s))
	require.Equal(t, compute.Running, (<-changes).Power)
	view, there := state.View(s.ID)
	require.True(t, there)
	require.Equal(t, 2, view.Boots)
}

func TestResetHasItsEffectOnce(t *testing.T) {
	state, s := simcompute.NewState(), spec()
	h := simcompute.New(state, nil)
	require.NoError(t, h.Create(t.Context(), "c", s))
	require.NoError(t, h.Start(t.Context(), "s", s))
	for range 3 {
		require.NoError(t, h.Reset(t.Context(), "r", s.ID))
	}
	view, _ := state.View(s.ID)
	require.Equal(t, 2, view.Boots)
}

func TestConsoleReadsLikeAGuests(t *testing.T) {
	state, s := simcompute.NewState(), spec()
	s.NICs = []compute.NIC{{PortID: uuid.NewString(), MAC: "fa:16:3e:00:00:07"}}
	s.ConfigDrive = map[string][]byte{"openstack/latest/meta_data.json": []byte(`{"uuid": "x"}`)}
	h := simcompute.New(state, nil)
	require.NoError(t, h.Create(t.Context(), "c", s))
	require.NoError(t, h.Start(t.Context(), "s", s))
	log, err := h.Console(t.Context(), s.ID, -1)
	require.NoError(t, err)
	for _, want := range []string{"Linux version", "GUEST-NIC eth0 mac=fa:16:3e:00:00:07", `{"uuid": "x"}`, "GUEST-READY hostname=vm"} {
		require.Contains(t, string(log), want)
	}
	for range 3 {
		state.Print(s.ID, strings.Repeat("x", compute.MaxConsole/2))
	}
	log, err = h.Console(t.Context(), s.ID, -1)
	require.NoError(t, err)
	require.Len(t, log, compute.MaxConsole)
}

func TestThousandHostsAreCheap(t *testing.T) {
	before := runtime.NumGoroutine()
	for i := range 1000 {
		h := simcompute.New(simcompute.NewState(), &simcompute.Options{Name: fmt.Sprintf("hv%d", i)})
		s := spec()
		require.NoError(t, h.Create(t.Context(), "c", s))
		require.NoError(t, h.Start(t.Context(), "s", s))
		info, err := h.Describe(t.Context())
		require.NoError(t, err)
		require.Equal(t, fmt.Sprintf("hv%d", i), info.Name)
	}
	require.Equal(t, before, runtime.NumGoroutine(), "no goroutine for a host or a guest")
}

func TestEndedContextEndsCalls(t *testing.T) {
	h := simcompute.New(simcompute.NewState(), nil)
	ctx, cancel := context.WithCancel(t.Context())
	one, err := h.Watch(ctx)
	require.NoError(t, err)
	cancel()
	_, open := <-one
	require.False(t, open)
	_, err = h.Guests(ctx)
	require.True(t, errors.Is(err, context.Canceled))
}
