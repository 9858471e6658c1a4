package compute_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/cumulite/cumulite/compute"
	"github.com/cumulite/cumulite/drivers/sim/fault"
	"github.com/cumulite/cumulite/platform/auth"
	"github.com/cumulite/cumulite/platform/errs"
	"github.com/cumulite/cumulite/platform/store"
)

// request gives a context of a member of p1 in a request of that id.
func request(t testing.TB, id string) context.Context { return auth.WithRequestID(member(t), id) }

func TestActionsTellWhatWasAskedOfAServer(t *testing.T) {
	w := newWorld(t).run(t)
	made, err := w.CreateServer(request(t, "req-1"), w.request(t))
	require.NoError(t, err)
	id := made[0].ID
	w.idle(t)
	w.clock.Advance(time.Minute)
	require.NoError(t, w.ChangePower(request(t, "req-2"), id, compute.DoStop))
	w.idle(t)
	list, more, err := w.ListActions(member(t), id, false, store.Query{})
	require.NoError(t, err)
	require.False(t, more)
	require.Len(t, list, 2)
	require.Equal(t, []string{"stop", "create"}, []string{list[0].Name, list[1].Name}, "the newest first")
	require.Equal(t, "req-2", list[0].RequestID)
	require.Equal(t, "user-of-p1", list[0].UserID)
	page, more, err := w.ListActions(member(t), id, false, store.Query{Limit: 1})
	require.NoError(t, err)
	require.True(t, more)
	page, _, err = w.ListActions(member(t), id, false, store.Query{Limit: 1, Marker: page[0].RequestID})
	require.NoError(t, err)
	require.Equal(t, "create", page[0].Name)
	a, events, err := w.GetAction(member(t), id, "req-1", false)
	require.NoError(t, err)
	require.False(t, a.Failed)
	require.NotEmpty(t, events)
	for _, e := range events {
		require.False(t, e.Failed, e.Name)
		require.Nil(t, e.Details)
	}
	_, _, err = w.GetAction(member(t), id, "req-9", false)
	refused(t, errs.NotFound, err)
}

func TestActionsOutliveTheirServer(t *testing.T) {
	w := newWorld(t).run(t)
	s := w.server(t)
	require.NoError(t, w.DeleteServer(request(t, "req-3"), s.ID))
	w.idle(t)
	_, _, err := w.ListActions(member(t), s.ID, false, store.Query{})
	refused(t, errs.NotFound, err)
	list, _, err := w.ListActions(member(t), s.ID, true, store.Query{})
	require.NoError(t, err)
	require.Equal(t, "delete", list[0].Name)
	_, _, err = w.ListActions(as(t, "p2", "reader"), s.ID, true, store.Query{})
	refused(t, errs.NotFound, err)
}

func TestFailedActionSaysWhyWithoutItsCause(t *testing.T) {
	w := newWorld(t).run(t)
	w.hosts["hv1"].SetFault(fault.FailAt("create", "define", 1, errs.New(errs.Invalid, "The disk is too small.").Because(errors.New("canary"))))
	made, err := w.CreateServer(request(t, "req-1"), w.request(t))
	require.NoError(t, err)
	w.idle(t)
	a, events, err := w.GetAction(member(t), made[0].ID, "req-1", false)
	require.NoError(t, err)
	require.True(t, a.Failed)
	var details []string
	for _, e := range events {
		if e.Failed {
			details = append(details, *e.Details)
		}
	}
	require.Contains(t, details, "The disk is too small.")
	w.searchTable(t, "compute_action_events", "canary")
}
