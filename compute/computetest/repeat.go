package computetest

import (
	"bytes"
	"context"

	"github.com/stretchr/testify/require"

	"github.com/cumulite/cumulite/compute"
	"github.com/cumulite/cumulite/platform/errs"
)

var repeatCases = []testCase{
	{"each call twice", "the same call with the same op may come again, and has its effect once", testTwice},
	{"late repeats", "a repeat that arrives after later calls of other operations changes nothing", testLate},
	{"one op in two calls", "it is the same call that has its effect once, not the operation", testOneOp},
	{"cut in the middle", "when ctx ends, a repeat finishes what the call began", testCut},
	{"failed in the middle", "an op whose call failed is not remembered; a repeat finishes it", testFailed},
	{"remove what is half made", "what Create left half done is among the guests, without a state, until Remove clears it away", testHalfMade},
}

func testTwice(s *suite) {
	ctx := s.Context()
	spec := s.spec(s.images.Bootable())
	port := nic(5)
	twice := func(call func(op string) error) {
		s.Helper()
		op := s.op()
		require.NoError(s, call(op))
		require.NoError(s, call(op))
	}
	twice(func(op string) error { return s.Create(ctx, op, spec) })
	require.LessOrEqual(s, s.images.Opens(spec.Image.ID), 1, "the image came once")
	twice(func(op string) error { return s.Plug(ctx, op, spec.ID, port) })
	require.Equal(s, []string{port.MAC}, s.machine.Inspect(s.T, spec.ID).MACs)
	twice(func(op string) error { return s.Unplug(ctx, op, spec.ID, port.PortID) })
	require.Empty(s, s.machine.Inspect(s.T, spec.ID).MACs)

	twice(func(op string) error { return s.Start(ctx, op, spec) })
	s.waitReady(spec.ID, 1)
	twice(func(op string) error {
		defer s.waitReady(spec.ID, 2)
		return s.Reset(ctx, op, spec.ID)
	})
	twice(func(op string) error { return s.Pause(ctx, op, spec.ID) })
	twice(func(op string) error { return s.Resume(ctx, op, spec.ID) })
	twice(func(op string) error { return s.Stop(ctx, op, spec.ID, 0) })
	log, err := s.Console(ctx, spec.ID, -1)
	require.NoError(s, err)
	require.Equal(s, 2, bytes.Count(log, []byte("GUEST-READY")), "one start and one reset")
	twice(func(op string) error { return s.Remove(ctx, op, spec.ID) })
	s.requireGone()
}

func testLate(s *suite) {
	ctx := s.Context()
	spec, port := s.created(s.empty()), nic(6)
	start, stop, plug := s.op(), s.op(), s.op()
	require.NoError(s, s.Plug(ctx, plug, spec.ID, port))
	require.NoError(s, s.Unplug(ctx, s.op(), spec.ID, port.PortID))
	require.NoError(s, s.Plug(ctx, plug, spec.ID, port))
	require.Empty(s, s.machine.Inspect(s.T, spec.ID).MACs)

	require.NoError(s, s.Start(ctx, start, spec))
	require.NoError(s, s.Stop(ctx, stop, spec.ID, 0))
	require.NoError(s, s.Start(ctx, start, spec))
	s.requirePower(spec.ID, compute.Shutdown)
	require.NoError(s, s.Start(ctx, s.op(), spec))
	require.NoError(s, s.Stop(ctx, stop, spec.ID, 0))
	s.requirePower(spec.ID, compute.Running)
}

func testOneOp(s *suite) {
	ctx, op := s.Context(), s.op()
	spec := s.empty()
	require.NoError(s, s.Create(ctx, op, spec))
	require.NoError(s, s.Start(ctx, op, spec))
	s.requirePower(spec.ID, compute.Running)
	require.NoError(s, s.Stop(ctx, op, spec.ID, 0))
	s.requirePower(spec.ID, compute.Shutdown)
	one, two := nic(1), nic(2)
	require.NoError(s, s.Plug(ctx, op, spec.ID, one))
	require.NoError(s, s.Plug(ctx, op, spec.ID, two))
	require.Equal(s, []string{one.MAC, two.MAC}, s.machine.Inspect(s.T, spec.ID).MACs)
}

func testCut(s *suite) {
	spec, op := s.spec(s.images.Bootable()), s.op()
	reached, release := s.images.Hang(spec.Image.ID)
	defer release()
	ctx, cancel := context.WithCancel(s.Context())
	defer cancel()
	cut := make(chan error, 1)
	go func() { cut <- s.Create(ctx, op, spec) }()
	<-reached
	cancel()
	require.Error(s, <-cut)
	release()
	require.NoError(s, s.Create(s.Context(), op, spec))
	require.NoError(s, s.Start(s.Context(), s.op(), spec))
	s.requirePower(spec.ID, compute.Running)

	over, end := context.WithCancel(s.Context())
	end()
	require.Error(s, s.Stop(over, op, spec.ID, 0))
	require.NoError(s, s.Stop(s.Context(), op, spec.ID, 0))
	s.requirePower(spec.ID, compute.Shutdown)
}

func testFailed(s *suite) {
	spec, op := s.spec(s.images.Bootable()), s.op()
	s.images.Break(spec.Image.ID)
	s.requireKind(errs.Unavailable, s.Create(s.Context(), op, spec))
	require.NoError(s, s.Create(s.Context(), op, spec))
	require.NoError(s, s.Start(s.Context(), s.op(), spec))
	s.waitReady(spec.ID, 1)
}

func testHalfMade(s *suite) {
	spec := s.spec(s.images.Bootable())
	s.images.Break(spec.Image.ID)
	s.requireKind(errs.Unavailable, s.Create(s.Context(), s.op(), spec))
	guests, err := s.Guests(s.Context())
	require.NoError(s, err)
	require.Equal(s, []compute.Guest{{ID: spec.ID}}, guests)
	require.NoError(s, s.Remove(s.Context(), s.op(), spec.ID))
	s.requireGone()
	s.requireKind(errs.NotFound, s.Start(s.Context(), s.op(), spec))
}
