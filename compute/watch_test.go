package compute_test

import (
	"context"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/cumulite/cumulite/compute"
	"github.com/cumulite/cumulite/drivers/sim/fault"
	"github.com/cumulite/cumulite/platform/clock"
	"github.com/cumulite/cumulite/platform/errs"
	"github.com/cumulite/cumulite/platform/store"
)

// watched runs the service's watch over its hosts.
func (w *world) watched(t testing.TB) *world {
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- w.Run(ctx) }()
	t.Cleanup(func() {
		stop()
		require.NoError(t, <-done)
	})
	return w
}

func eventually(t testing.TB, is func() bool, what string) {
	t.Helper()
	require.Eventually(t, is, 10*time.Second, 2*time.Millisecond, what)
}

func TestGuestThatStopsByItselfIsSeen(t *testing.T) {
	w := newWorld(t).run(t).watched(t)
	s := w.server(t)
	crashed := w.server(t)
	w.states["hv1"].PowerOff(s.ID)
	w.states["hv1"].Crash(crashed.ID)
	eventually(t, func() bool { return w.get(t, s.ID).Status() == "SHUTOFF" }, "it shut itself down")
	eventually(t, func() bool { return w.get(t, crashed.ID).Power == compute.Crashed }, "it crashed")
	require.NoError(t, w.ChangePower(member(t), s.ID, compute.DoStart))
	w.idle(t)
	require.Equal(t, "ACTIVE", w.get(t, s.ID).Status())
}

func TestChangesThatWereAskedForAreNotMistaken(t *testing.T) {
	w := newWorld(t).run(t).watched(t)
	s := w.server(t)
	for range 10 {
		require.NoError(t, w.ChangePower(member(t), s.ID, compute.DoStop))
		w.idle(t)
		require.NoError(t, w.ChangePower(member(t), s.ID, compute.DoStart))
		w.idle(t)
	}
	time.Sleep(20 * time.Millisecond) // the watcher has caught up
	require.Equal(t, "ACTIVE", w.get(t, s.ID).Status())
}

func TestServersMeetTheirGuestsAgainAfterARestart(t *testing.T) {
	w := newWorld(t)
	engine := w.ops
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- engine.Run(ctx) }()
	off, lost, still := w.server(t), w.server(t), w.server(t)
	stop()
	require.NoError(t, <-done)
	w.states["hv1"].PowerOff(off.ID)
	require.NoError(t, w.hosts["hv1"].Remove(t.Context(), "", lost.ID))

	w.start(t, nil)
	w.run(t).watched(t)
	eventually(t, func() bool { return w.get(t, off.ID).Status() == "SHUTOFF" }, "it stopped meanwhile")
	eventually(t, func() bool { return w.get(t, lost.ID).Status() == "ERROR" }, "its guest is gone")
	require.Equal(t, "ACTIVE", w.get(t, still.ID).Status())
}

func TestDeleteDoesNotWaitForAHostThatIsDown(t *testing.T) {
	w := newWorld(t).run(t).watched(t)
	s := w.server(t)
	w.hosts["hv1"].SetFault(func(context.Context, fault.Step) error { return errs.New(errs.Unavailable, "unplugged") })
	eventually(t, func() bool {
		w.clock.Advance(10 * time.Second)
		h := w.host(t, "hv1")
		return !h.Up()
	}, "it is seen to be down")

	made, err := w.CreateServer(member(t), w.request(t))
	require.NoError(t, err)
	w.idle(t)
	require.Equal(t, "ERROR", w.get(t, made[0].ID).Status(), "nothing is placed there")
	require.NoError(t, w.DeleteServer(member(t), s.ID))
	w.idle(t)
	_, err = w.GetServer(member(t), s.ID)
	refused(t, errs.NotFound, err)
	require.NotEmpty(t, w.states["hv1"].Leftovers())

	w.hosts["hv1"].SetFault(nil)
	eventually(t, func() bool {
		w.clock.Advance(10 * time.Second)
		return len(w.states["hv1"].Leftovers()) == 0
	}, "the guest is removed when the host is back")
	h := w.host(t, "hv1")
	require.True(t, h.Up())
}

func (w *world) host(t testing.TB, name string) compute.Host {
	hosts, err := w.ListHypervisors(admin(t))
	require.NoError(t, err)
	for _, h := range hosts {
		if h.Name == name {
			return h
		}
	}
	t.Fatalf("there is no host %s", name)
	return compute.Host{}
}

func TestClosedHostsTakeNoServers(t *testing.T) {
	w := newWorld(t, "hv1", "hv2").run(t)
	yes, no, reason := true, false, "maintenance"
	why := &reason
	h, err := w.UpdateComputeService(admin(t), "hv1", compute.UpdateHost{Disabled: &yes, DisabledReason: &why})
	require.NoError(t, err)
	require.Equal(t, "maintenance", *h.DisabledReason)
	_, err = w.UpdateComputeService(admin(t), w.host(t, "hv2").ID, compute.UpdateHost{ForcedDown: &yes})
	require.NoError(t, err)
	require.Equal(t, "ERROR", w.server(t).Status())
	zones, err := w.ListZones(member(t), false)
	require.NoError(t, err)
	require.Equal(t, []compute.Zone{{Name: "nova"}}, zones)

	h, err = w.UpdateComputeService(admin(t), "hv1", compute.UpdateHost{Disabled: &no})
	require.NoError(t, err)
	require.Nil(t, h.DisabledReason)
	require.Equal(t, "hv1", w.server(t).Host)
	_, err = w.UpdateComputeService(member(t), "hv1", compute.UpdateHost{Disabled: &yes})
	refused(t, errs.Forbidden, err)
	_, err = w.UpdateComputeService(admin(t), "hv9", compute.UpdateHost{Disabled: &yes})
	refused(t, errs.NotFound, err)
}

func TestOrphanedServersAreSettled(t *testing.T) {
	w := newWorld(t)
	made, err := w.CreateServer(member(t), w.request(t))
	require.NoError(t, err)
	require.NoError(t, w.db.Write(t.Context(), func(ctx context.Context, tx *store.Tx) error {
		_, err := tx.Exec(ctx, "DELETE FROM flow_operations")
		return err
	}))
	w.start(t, nil)
	s := w.get(t, made[0].ID)
	require.Equal(t, "ERROR", s.Status())
	require.Empty(t, s.Task)
}

func TestRecordsOfDeletedServersArePruned(t *testing.T) {
	w := newWorld(t).run(t).watched(t)
	kept := w.server(t)
	count := func(table string) (n int) {
		require.NoError(t, w.db.QueryRow(t.Context(), "SELECT COUNT(*) FROM "+table).Scan(&n))
		return n
	}
	actions, events := count("compute_actions"), count("compute_action_events")
	s := w.server(t)
	require.NoError(t, w.DeleteServer(member(t), s.ID))
	w.idle(t)
	require.Equal(t, 1, count("compute_deleted_servers"))
	w.buryMore(t, s.ID, 500)
	eventually(t, func() bool {
		w.clock.Advance(24 * time.Hour)
		return count("compute_deleted_servers") == 0
	}, "after thirty days")
	require.Equal(t, []int{actions, events}, []int{count("compute_actions"), count("compute_action_events")}, "with what was asked of them")
	require.Equal(t, "ACTIVE", w.get(t, kept.ID).Status())
}

func TestOldActionsOfLivingServersArePruned(t *testing.T) {
	w := newWorld(t).run(t).watched(t)
	s := w.server(t)
	left := func() int {
		list, _, err := w.ListActions(member(t), s.ID, false, store.Query{})
		require.NoError(t, err)
		return len(list)
	}
	w.clock.Advance(89 * 24 * time.Hour)
	require.NoError(t, w.ChangePower(member(t), s.ID, compute.DoStop))
	w.idle(t)
	require.Equal(t, 2, left())
	eventually(t, func() bool {
		w.clock.Advance(time.Hour)
		return left() == 1
	}, "the making of it is long ago")
	require.Equal(t, "SHUTOFF", w.get(t, s.ID).Status())
}

// buryMore makes n records more like that of a server that was deleted.
func (w *world) buryMore(t testing.TB, id string, n int) {
	rows, err := w.db.Query(t.Context(), "SELECT * FROM compute_deleted_servers WHERE id = ?", "")
	require.NoError(t, err)
	names, err := rows.Columns()
	require.NoError(t, err)
	require.NoError(t, rows.Close())
	columns := strings.Join(slices.DeleteFunc(names, func(name string) bool { return name == "id" }), ", ")
	require.NoError(t, w.db.Write(t.Context(), func(ctx context.Context, tx *store.Tx) error {
		for i := range n {
			_, err := tx.Exec(ctx, "INSERT INTO compute_deleted_servers (id, "+columns+") SELECT id || ?, "+columns+" FROM compute_deleted_servers WHERE id = ?", strconv.Itoa(i), id)
			if err != nil {
				return err
			}
		}
		return nil
	}))
}

func TestDeleteDoesNotWaitForAHostThatHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := worldAt(t, clock.System()).run(t).watched(t)
		s := w.server(t)
		w.hosts["hv1"].SetFault(func(ctx context.Context, _ fault.Step) error {
			<-ctx.Done()
			return ctx.Err()
		})
		require.NoError(t, w.DeleteServer(member(t), s.ID))
		time.Sleep(5 * time.Minute)
		_, err := w.GetServer(member(t), s.ID)
		refused(t, errs.NotFound, err)
		h := w.host(t, "hv1")
		require.False(t, h.Up())
		w.hosts["hv1"].SetFault(nil)
		time.Sleep(time.Minute)
		require.Empty(t, w.states["hv1"].Leftovers())
	})
}

func TestGuestOfAFencedHostIsRemovedLater(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := worldAt(t, clock.System()).run(t).watched(t)
		s, yes, no := w.server(t), true, false
		_, err := w.UpdateComputeService(admin(t), "hv1", compute.UpdateHost{ForcedDown: &yes})
		require.NoError(t, err)
		require.NoError(t, w.DeleteServer(member(t), s.ID))
		w.idle(t)
		require.Len(t, w.states["hv1"].Leftovers(), 1)
		_, err = w.UpdateComputeService(admin(t), "hv1", compute.UpdateHost{ForcedDown: &no})
		require.NoError(t, err)
		time.Sleep(5 * time.Minute)
		require.Empty(t, w.states["hv1"].Leftovers())
	})
}

func TestHostThatHangsWhileItIsWatchedIsSeenToBeDown(t *testing.T) {
	for _, method := range []string{"guests", "watch", "remove"} {
		t.Run(method, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := worldAt(t, clock.System()).run(t)
				s, left := w.server(t), w.server(t)
				hang, reached, release := fault.HangAt(method, "begin")
				defer release()
				w.leaveBehind(t, left.ID)
				w.hosts["hv1"].SetFault(hang)
				w.watched(t)
				<-reached
				w.hosts["hv1"].SetFault(func(ctx context.Context, _ fault.Step) error {
					<-ctx.Done()
					return ctx.Err()
				})
				require.NoError(t, w.DeleteServer(member(t), s.ID))
				time.Sleep(10 * time.Minute)
				h := w.host(t, "hv1")
				require.False(t, h.Up())
				_, err := w.GetServer(member(t), s.ID)
				refused(t, errs.NotFound, err)
				w.hosts["hv1"].SetFault(nil)
				time.Sleep(10 * time.Minute)
				require.Empty(t, w.states["hv1"].Leftovers())
			})
		})
	}
}

// leaveBehind deletes a server whose host is fenced, so that its guest stays there.
func (w *world) leaveBehind(t testing.TB, id string) {
	yes, no := true, false
	_, err := w.UpdateComputeService(admin(t), "hv1", compute.UpdateHost{ForcedDown: &yes})
	require.NoError(t, err)
	require.NoError(t, w.DeleteServer(member(t), id))
	w.idle(t)
	_, err = w.UpdateComputeService(admin(t), "hv1", compute.UpdateHost{ForcedDown: &no})
	require.NoError(t, err)
}
