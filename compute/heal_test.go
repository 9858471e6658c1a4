package compute_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/cumulite/cumulite/compute"
	"github.com/cumulite/cumulite/drivers/sim/fault"
	"github.com/cumulite/cumulite/platform/errs"
	"github.com/cumulite/cumulite/platform/store"
)

// exec changes the database behind the service's back.
func (w *world) exec(t testing.TB, statement string, args ...any) {
	t.Helper()
	require.NoError(t, w.db.Write(t.Context(), func(ctx context.Context, tx *store.Tx) error {
		_, err := tx.Exec(ctx, statement, args...)
		return err
	}))
}

// turns passes calls to one fault after the other, by method.
func turns(by map[string]fault.Func) fault.Func {
	return func(ctx context.Context, at fault.Step) error {
		if f := by[at.Method]; f != nil {
			return f(ctx, at)
		}
		return nil
	}
}

func TestHardRebootThatMeetsAnUndoIsNotEndedByIt(t *testing.T) {
	w := newWorld(t).run(t)
	s := w.server(t)
	undo, undoing, undone := fault.HangAt("guests", "begin")
	again, starting, started := fault.HangAt("start", "begin")
	defer undone()
	defer started()
	w.hosts["hv1"].SetFault(turns(map[string]fault.Func{"stop": fault.FailAt("stop", "begin", 1, errs.Invalidf("broken")), "guests": undo, "start": again}))
	require.NoError(t, w.ChangePower(member(t), s.ID, compute.DoHardReboot))
	<-undoing
	require.NoError(t, w.ChangePower(member(t), s.ID, compute.DoHardReboot))
	second := w.get(t, s.ID).Operation
	undone()
	<-starting
	got := w.get(t, s.ID)
	require.Equal(t, compute.TaskHardReboot, got.Task, "the first has ended, and says nothing of the second")
	require.Equal(t, second, got.Operation)
	started()
	w.idle(t)
	got = w.get(t, s.ID)
	require.Equal(t, "ACTIVE", got.Status())
	require.Empty(t, got.Operation)
	require.Nil(t, got.Fault)
}

func TestServersWithoutTheirOperationAreSettledWhileTheCloudRuns(t *testing.T) {
	w := newWorld(t).run(t).watched(t)
	resting, built, rebuilt, deleted := w.server(t), w.server(t), w.server(t), w.server(t)
	for id, state := range map[string][2]string{resting.ID: {"active", "powering-off"}, built.ID: {"building", "spawning"}, rebuilt.ID: {"active", "rebuilding"}, deleted.ID: {"active", "deleting"}} {
		w.exec(t, "UPDATE compute_servers SET vm_state = ?, task_state = ?, operation = 'gone' WHERE id = ?", state[0], state[1], id)
	}
	orphans, err := w.Orphans(t.Context())
	require.NoError(t, err)
	require.Len(t, orphans, 4)
	eventually(t, func() bool {
		w.clock.Advance(time.Minute)
		w.idle(t)
		left, err := w.Orphans(t.Context())
		require.NoError(t, err)
		return len(left) == 0
	}, "all are settled")
	w.idle(t)
	require.Equal(t, "ACTIVE", w.get(t, resting.ID).Status())
	require.Equal(t, "The operation was interrupted, and cannot be taken up again.", w.get(t, built.ID).Fault.Message)
	require.Equal(t, "ERROR", w.get(t, rebuilt.ID).Status())
	eventually(t, func() bool {
		_, err := w.GetServer(admin(t), deleted.ID)
		return errs.Is(err, errs.NotFound)
	}, "it is deleted after all")
	actions, _, err := w.ListActions(member(t), resting.ID, false, store.Query{})
	require.NoError(t, err)
	require.True(t, actions[0].Failed)
	for _, s := range []*compute.Server{resting, built, rebuilt} {
		require.NoError(t, w.DeleteServer(member(t), s.ID))
	}
	w.idle(t)
	w.gone(t)
}

func TestAServerThatIsWorkedOnIsLeftAlone(t *testing.T) {
	w := newWorld(t).run(t).watched(t)
	s := w.server(t)
	hang, reached, release := fault.HangAt("stop", "begin")
	defer release()
	w.hosts["hv1"].SetFault(hang)
	require.NoError(t, w.ChangePower(member(t), s.ID, compute.DoStop))
	<-reached
	before := w.get(t, s.ID)
	orphans, err := w.Orphans(t.Context())
	require.NoError(t, err)
	require.Empty(t, orphans)
	require.NoError(t, w.SettleOrphan(t.Context(), before))
	require.Equal(t, before.Version, w.get(t, s.ID).Version)
}

func TestWhatAnEarlierReleaseBeganIsCarriedOn(t *testing.T) {
	w := newWorld(t)
	made, err := w.CreateServer(member(t), w.request(t))
	require.NoError(t, err)
	id := made[0].ID
	w.exec(t, "UPDATE compute_servers SET operation = ''")
	require.NoError(t, w.Recover(t.Context()))
	require.Equal(t, made[0].Operation, w.get(t, id).Operation, "it is found again by its key")
	w.exec(t, "UPDATE compute_servers SET operation = ''")
	w.run(t)
	w.idle(t)
	require.Equal(t, "ACTIVE", w.get(t, id).Status(), "and it ends well also without")
}
