package computetest

import (
	"github.com/stretchr/testify/require"

	"github.com/cumulite/cumulite/compute"
	"github.com/cumulite/cumulite/platform/errs"
)

var nicCases = []testCase{
	{"interfaces of a stopped guest", "Plug and Unplug attach and detach an interface, running or not", testPlugStopped},
	{"interface for a running guest", "Plug attaches an interface while the guest runs", testPlugRunning},
}

func testPlugStopped(s *suite) {
	ctx := s.Context()
	spec := s.empty()
	spec.NICs = []compute.NIC{nic(1)}
	s.created(spec)
	second := nic(2)
	require.NoError(s, s.Plug(ctx, s.op(), spec.ID, second))
	require.NoError(s, s.Plug(ctx, s.op(), spec.ID, second), "a port that is there is left alone")
	require.Equal(s, []string{spec.NICs[0].MAC, second.MAC}, s.machine.Inspect(s.T, spec.ID).MACs)

	require.NoError(s, s.Unplug(ctx, s.op(), spec.ID, spec.NICs[0].PortID))
	require.NoError(s, s.Unplug(ctx, s.op(), spec.ID, spec.NICs[0].PortID), "a port that is gone is no error")
	require.Equal(s, []string{second.MAC}, s.machine.Inspect(s.T, spec.ID).MACs)

	bad := nic(3)
	bad.MAC = "fa:16:3e"
	s.requireKind(errs.Invalid, s.Plug(ctx, s.op(), spec.ID, bad))
}

func testPlugRunning(s *suite) {
	spec := s.started(s.empty())
	port := nic(4)
	require.NoError(s, s.Plug(s.Context(), s.op(), spec.ID, port))
	require.NoError(s, s.Plug(s.Context(), s.op(), spec.ID, port))
	require.Equal(s, []string{port.MAC}, s.machine.Inspect(s.T, spec.ID).MACs)
	require.NoError(s, s.Unplug(s.Context(), s.op(), spec.ID, nic(5).PortID), "a port that was never there")
	require.NoError(s, s.Remove(s.Context(), s.op(), spec.ID))
	s.requireGone()
}
