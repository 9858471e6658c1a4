package compute_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/cumulite/cumulite/compute"
	"github.com/cumulite/cumulite/platform/errs"
	"github.com/cumulite/cumulite/platform/store"
)

func TestUsageCountsServersThatAreAndThatWere(t *testing.T) {
	w := newWorld(t).run(t)
	start := w.clock.Now()
	kept, gone := w.server(t), w.server(t)
	w.clock.Advance(time.Hour)
	require.NoError(t, w.DeleteServer(member(t), gone.ID))
	w.idle(t)
	w.clock.Advance(time.Hour)
	end := w.clock.Now()
	list, more, err := w.ProjectUsage(as(t, "p1", "reader"), "p1", start, end, store.Query{})
	require.NoError(t, err)
	require.False(t, more)
	require.Len(t, list, 2)
	for _, u := range list {
		want := map[string]float64{kept.ID: 2, gone.ID: 1}[u.ServerID]
		require.InDelta(t, want, u.Hours(start, end), 0.01)
		require.InDelta(t, want, u.Uptime(end).Hours(), 0.01)
		require.Equal(t, 512, u.MemoryMiB)
	}
	list, _, err = w.ProjectUsage(member(t), "p1", end.Add(-30*time.Minute), end, store.Query{})
	require.NoError(t, err)
	require.Len(t, list, 1, "the other was gone by then")
	require.InDelta(t, 0.5, list[0].Hours(end.Add(-30*time.Minute), end), 0.01)

	_, _, err = w.ListUsage(member(t), start, end, store.Query{})
	refused(t, errs.Forbidden, err)
	_, _, err = w.ProjectUsage(as(t, "p2", "reader"), "p1", start, end, store.Query{})
	refused(t, errs.Forbidden, err)
	list, more, err = w.ListUsage(admin(t), start, end, store.Query{Limit: 1})
	require.NoError(t, err)
	require.True(t, more)
	list, more, err = w.ListUsage(admin(t), start, end, store.Query{Limit: 1, Marker: list[0].ServerID})
	require.NoError(t, err)
	require.False(t, more)
	require.Len(t, list, 1)
}

func TestHoursOfAServer(t *testing.T) {
	at := func(hour int) time.Time { return time.Date(2030, 1, 1, hour, 0, 0, 0, time.UTC) }
	ended := at(6)
	for name, c := range map[string]struct {
		started    int
		ended      *time.Time
		start, end int
		want       float64
	}{
		"all the time":       {0, nil, 2, 5, 3},
		"began within":       {3, nil, 2, 5, 2},
		"ended within":       {0, &ended, 2, 8, 4},
		"both within":        {4, &ended, 2, 8, 2},
		"was gone before":    {0, &ended, 7, 8, 0},
		"came only later":    {9, nil, 7, 8, 0},
		"lived for a moment": {6, &ended, 2, 8, 0},
	} {
		u := compute.ServerUsage{StartedAt: at(c.started), EndedAt: c.ended}
		require.InDelta(t, c.want, u.Hours(at(c.start), at(c.end)), 0, name)
	}
}
