package computetest

import (
	"context"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/cumulite/cumulite/compute"
	"github.com/cumulite/cumulite/platform/errs"
)

var stateCases = []testCase{
	{"not there", "a guest that is not there is an errs.NotFound error, except for Remove", testNotThere},
	{"wrong state", "a state that does not allow the call is errs.Conflict", testWrongState},
	{"left alone", "a running guest may be started, a stopped one stopped, a paused one paused", testLeftAlone},
	{"start of a paused guest", "a paused guest goes on when it is started", testStartPaused},
	{"spec at start wins", "the definition on the host is made anew from the spec at each start", testSpecWins},
}

// calls gives each call that changes an existing guest, by its name.
func (s *suite) calls(spec compute.GuestSpec) map[string]func(ctx context.Context, op string) error {
	id, port := spec.ID, nic(9)
	calls := map[string]func(ctx context.Context, op string) error{
		"start":  func(ctx context.Context, op string) error { return s.Start(ctx, op, spec) },
		"stop":   func(ctx context.Context, op string) error { return s.Stop(ctx, op, id, 0) },
		"reset":  func(ctx context.Context, op string) error { return s.Reset(ctx, op, id) },
		"pause":  func(ctx context.Context, op string) error { return s.Pause(ctx, op, id) },
		"resume": func(ctx context.Context, op string) error { return s.Resume(ctx, op, id) },
		"plug":   func(ctx context.Context, op string) error { return s.Plug(ctx, op, id, port) },
		"unplug": func(ctx context.Context, op string) error { return s.Unplug(ctx, op, id, port.PortID) },
	}
	if h, ok := s.Hypervisor.(compute.Suspender); ok {
		calls["suspend"] = func(ctx context.Context, op string) error { return h.Suspend(ctx, op, id) }
		calls["wake"] = func(ctx context.Context, op string) error { return h.Wake(ctx, op, spec) }
	}
	return calls
}

func testNotThere(s *suite) {
	spec := s.empty()
	for name, call := range s.calls(spec) {
		err := call(s.Context(), s.op())
		require.Equal(s, errs.NotFound, errs.KindOf(err), "%s: %v", name, err)
	}
	_, err := s.Console(s.Context(), spec.ID, -1)
	s.requireKind(errs.NotFound, err)
	require.NoError(s, s.Remove(s.Context(), s.op(), spec.ID))

	_, err = s.Console(s.Context(), "../"+spec.ID, -1)
	s.requireKind(errs.NotFound, err)
	s.requireKind(errs.NotFound, s.Stop(s.Context(), s.op(), "..", 0))
	require.NoError(s, s.Remove(s.Context(), s.op(), ".."), "what can be no guest is none")
	s.requireGone()
}

func testWrongState(s *suite) {
	spec := s.created(s.empty())
	calls := s.calls(spec)
	refused := []string{"reset", "pause", "resume", "suspend", "wake"}
	for _, name := range refused {
		if call := calls[name]; call != nil {
			err := call(s.Context(), s.op())
			require.Equal(s, errs.Conflict, errs.KindOf(err), "%s of a stopped guest: %v", name, err)
		}
	}
	s.requirePower(spec.ID, compute.Shutdown)

	require.NoError(s, s.Start(s.Context(), s.op(), spec))
	require.NoError(s, s.Pause(s.Context(), s.op(), spec.ID))
	s.requireKind(errs.Conflict, s.Reset(s.Context(), s.op(), spec.ID))
}

func testLeftAlone(s *suite) {
	ctx := s.Context()
	spec := s.created(s.empty())
	for _, step := range []struct {
		call string
		want compute.PowerState
	}{
		{"stop", compute.Shutdown}, {"start", compute.Running}, {"resume", compute.Running},
		{"pause", compute.Paused}, {"resume", compute.Running}, {"stop", compute.Shutdown},
	} {
		for range 2 {
			require.NoError(s, s.calls(spec)[step.call](ctx, s.op()), step.call)
			s.requirePower(spec.ID, step.want)
		}
	}
}

func testStartPaused(s *suite) {
	spec := s.started(s.empty())
	require.NoError(s, s.Pause(s.Context(), s.op(), spec.ID))
	require.NoError(s, s.Start(s.Context(), s.op(), spec))
	s.requirePower(spec.ID, compute.Running)
}

func testSpecWins(s *suite) {
	ctx := s.Context()
	spec := s.empty()
	spec.NICs = []compute.NIC{nic(1)}
	spec.ConfigDrive = map[string][]byte{"openstack/latest/meta_data.json": []byte(`{"name": "before"}`)}
	s.created(spec)
	before := s.machine.Inspect(s.T, spec.ID)
	require.Equal(s, 1, before.VCPUs)
	require.Equal(s, 64, before.MemoryMiB)
	require.Equal(s, []string{spec.NICs[0].MAC}, before.MACs)

	spec.VCPUs, spec.MemoryMiB = 2, 96
	spec.NICs = []compute.NIC{nic(3), nic(2)}
	spec.ConfigDrive = map[string][]byte{"openstack/latest/meta_data.json": []byte(`{"name": "after"}`)}
	require.NoError(s, s.Start(ctx, s.op(), spec))
	after := s.machine.Inspect(s.T, spec.ID)
	require.Equal(s, 2, after.VCPUs)
	require.Equal(s, 96, after.MemoryMiB)
	require.Equal(s, []string{spec.NICs[0].MAC, spec.NICs[1].MAC}, after.MACs, "in the order of the spec")
	require.Equal(s, spec.ConfigDrive, after.ConfigDrive)

	larger := spec
	larger.MemoryMiB = 128
	require.NoError(s, s.Start(ctx, s.op(), larger))
	require.Equal(s, 96, s.machine.Inspect(s.T, spec.ID).MemoryMiB, "a running guest is left alone")

	stranger := s.empty()
	stranger.ID = uuid.NewString()
	s.requireKind(errs.NotFound, s.Start(ctx, s.op(), stranger))
}
