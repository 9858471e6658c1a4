package computetest

import (
	"context"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/cumulite/cumulite/compute"
)

var abilityCases = []testCase{
	{"suspend and wake", "Suspend writes a guest's memory to disk, Wake brings it back; both may be repeated", testSuspend},
	{"start of a suspended guest", "a suspended guest that is started loses its saved memory and boots", testStartSuspended},
	{"watch", "Watch tells of a guest that shut itself down; the channel is closed when ctx ends", testWatch},
}

func (s *suite) suspender() compute.Suspender {
	h, ok := s.Hypervisor.(compute.Suspender)
	if !ok {
		s.Skip("this host does not suspend")
	}
	return h
}

func testSuspend(s *suite) {
	ctx, h := s.Context(), s.suspender()
	spec := s.started(s.spec(s.images.Bootable()))
	s.waitReady(spec.ID, 1)
	for range 2 {
		require.NoError(s, h.Suspend(ctx, s.op(), spec.ID))
		s.requirePower(spec.ID, compute.Suspended)
	}
	require.NoError(s, s.Stop(ctx, s.op(), spec.ID, 0))
	s.requirePower(spec.ID, compute.Suspended)

	s.restart()
	h = s.suspender()
	s.requirePower(spec.ID, compute.Suspended)
	for range 2 {
		require.NoError(s, h.Wake(ctx, s.op(), spec))
		s.requirePower(spec.ID, compute.Running)
	}
	require.NoError(s, h.Suspend(ctx, s.op(), spec.ID))
	require.NoError(s, s.Remove(ctx, s.op(), spec.ID))
	s.requireGone()
}

func testStartSuspended(s *suite) {
	ctx, h := s.Context(), s.suspender()
	spec := s.started(s.spec(s.images.Bootable()))
	s.waitReady(spec.ID, 1)
	require.NoError(s, h.Suspend(ctx, s.op(), spec.ID))
	require.NoError(s, s.Start(ctx, s.op(), spec))
	s.requirePower(spec.ID, compute.Running)
	s.waitReady(spec.ID, 2)
}

func testWatch(s *suite) {
	h, ok := s.Hypervisor.(compute.Watcher)
	if !ok {
		s.Skip("this host does not tell of changes")
	}
	ctx, cancel := context.WithCancel(s.Context())
	defer cancel()
	changes, err := h.Watch(ctx)
	require.NoError(s, err)

	spec := s.started(s.empty())
	s.requireTold(changes, compute.Guest{ID: spec.ID, Power: compute.Running})
	s.machine.PowerOff(s.T, spec.ID)
	s.requireTold(changes, compute.Guest{ID: spec.ID, Power: compute.Shutdown})
	s.requirePower(spec.ID, compute.Shutdown)

	cancel()
	s.eventually("the channel is closed", func() bool {
		select {
		case _, open := <-changes:
			return !open
		default:
			return false
		}
	})
}

// requireTold reads changes until want comes.
func (s *suite) requireTold(changes <-chan compute.Guest, want compute.Guest) {
	s.Helper()
	limit := time.After(time.Minute)
	for {
		select {
		case g, open := <-changes:
			require.True(s, open, "closed before it told of %v", want)
			if g == want {
				return
			}
		case <-limit:
			require.Fail(s, "not told", "%v", want)
		}
	}
}
