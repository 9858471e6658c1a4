package compute_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

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
