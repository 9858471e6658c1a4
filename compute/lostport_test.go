package compute_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/cumulite/cumulite/compute"
	"github.com/cumulite/cumulite/drivers/sim/fault"
	"github.com/cumulite/cumulite/platform/errs"
)

// A port that is deleted while a server has it is taken from the server and
// from its guest, as soon as what is done to the server allows.
func TestDeletedPortIsTakenFromItsServer(t *testing.T) {
	w := newWorld(t).run(t)
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- w.Events.Run(ctx) }()
	t.Cleanup(func() { stop(); require.NoError(t, <-done) })

	s := w.server(t)
	w.idle(t)
	require.Len(t, w.get(t, s.ID).Interfaces, 1)
	port := w.get(t, s.ID).Interfaces[0].PortID
	require.NoError(t, w.net.DeletePort(admin(t), port))
	require.Eventually(t, func() bool {
		w.clock.Advance(time.Minute) // the bus looks for what others told
		w.idle(t)
		guest, _ := w.states["hv1"].View(s.ID)
		return len(w.get(t, s.ID).Interfaces) == 0 && len(guest.NICs) == 0
	}, 10*time.Second, time.Millisecond)
	_, err := w.net.GetPort(admin(t), port)
	require.Equal(t, errs.NotFound, errs.KindOf(err))

	require.NoError(t, w.DeleteServer(member(t), s.ID), "with no trace of it in the way")
	w.idle(t)
	w.gone(t)
}

// An interface that came to a guest although its host did not say so is taken
// away again once the host answers.
func TestInterfaceThatWasAttachedUnheardIsTakenAway(t *testing.T) {
	w := newWorld(t).run(t)
	s := w.server(t)
	w.idle(t)
	w.hosts["hv1"].SetFault(func(_ context.Context, at fault.Step) error {
		if at.Method == "plug" && at.Name == "end" || at.Method == "unplug" {
			return errs.New(errs.Unavailable, "the answer was lost")
		}
		return nil
	})
	attached := make(chan error, 1)
	go func() {
		_, err := w.AttachInterface(member(t), s.ID, compute.AttachInterface{NetworkID: w.netID})
		attached <- err
	}()
	nics := func() int {
		guest, _ := w.states["hv1"].View(s.ID)
		return len(guest.NICs)
	}
	require.Eventually(t, func() bool { w.clock.Advance(time.Second); return len(attached) == 1 }, 10*time.Second, time.Millisecond)
	require.Error(t, <-attached)
	require.Len(t, w.get(t, s.ID).Interfaces, 1)
	require.Equal(t, 2, nics())
	w.hosts["hv1"].SetFault(nil)
	require.Eventually(t, func() bool { w.clock.Advance(time.Minute); return nics() == 1 }, 10*time.Second, time.Millisecond)
}
