package compute_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/cumulite/cumulite/compute"
	"github.com/cumulite/cumulite/drivers/sim/fault"
	"github.com/cumulite/cumulite/platform/errs"
	"github.com/cumulite/cumulite/platform/store"
)

func TestPowerActionsLeadWhereTheMachineIs(t *testing.T) {
	w := newWorld(t).run(t)
	s := w.server(t)
	for _, step := range []struct {
		action compute.ServerAction
		task   compute.TaskState
		status string
		power  compute.PowerState
		boots  int
	}{
		{compute.DoStop, compute.TaskPoweringOff, "SHUTOFF", compute.Shutdown, 1},
		{compute.DoStart, compute.TaskPoweringOn, "ACTIVE", compute.Running, 2},
		{compute.DoReboot, compute.TaskReboot, "ACTIVE", compute.Running, 3},
		{compute.DoHardReboot, compute.TaskHardReboot, "ACTIVE", compute.Running, 4},
		{compute.DoPause, compute.TaskPausing, "PAUSED", compute.Paused, 4},
		{compute.DoUnpause, compute.TaskUnpausing, "ACTIVE", compute.Running, 4},
		{compute.DoSuspend, compute.TaskSuspending, "SUSPENDED", compute.Suspended, 4},
		{compute.DoResume, compute.TaskResuming, "ACTIVE", compute.Running, 4},
	} {
		require.NoError(t, w.ChangePower(member(t), s.ID, step.action), step.action)
		w.idle(t)
		got := w.get(t, s.ID)
		require.Equal(t, step.status, got.Status(), step.action)
		require.Equal(t, step.power, got.Power, step.action)
		require.Empty(t, got.Task)
		view, _ := w.states["hv1"].View(s.ID)
		require.Equal(t, step.power, view.Power)
		require.Equal(t, step.boots, view.Boots, step.action)
	}
	actions, _, err := w.ListActions(member(t), s.ID, false, store.Query{})
	require.NoError(t, err)
	require.Len(t, actions, 9)
	require.Equal(t, []string{"resume", "create"}, []string{actions[0].Name, actions[8].Name})
}

func TestActionsWaitForEachOther(t *testing.T) {
	w := newWorld(t).run(t)
	s := w.server(t)
	fault, reached, release := fault.HangAt("stop", "begin")
	w.hosts["hv1"].SetFault(fault)
	require.NoError(t, w.ChangePower(member(t), s.ID, compute.DoStop))
	<-reached
	err := w.ChangePower(member(t), s.ID, compute.DoPause)
	refused(t, errs.Conflict, err)
	require.Equal(t, "Cannot 'pause' instance "+s.ID+" while it is in task_state powering-off", errs.Message(err))
	release()
	w.idle(t)
	require.Equal(t, "SHUTOFF", w.get(t, s.ID).Status())
}

func TestHardRebootCutsAnotherActionShort(t *testing.T) {
	w := newWorld(t).run(t)
	s := w.server(t)
	fault, reached, release := fault.HangAt("suspend", "begin")
	defer release()
	w.hosts["hv1"].SetFault(fault)
	require.NoError(t, w.ChangePower(member(t), s.ID, compute.DoSuspend))
	<-reached
	require.NoError(t, w.ChangePower(member(t), s.ID, compute.DoHardReboot))
	w.idle(t)
	got := w.get(t, s.ID)
	require.Equal(t, "ACTIVE", got.Status())
	require.Empty(t, got.Task)
}

func TestFailedActionLeavesTheServerWhereItsMachineIs(t *testing.T) {
	w := newWorld(t).run(t)
	s := w.server(t)
	w.hosts["hv1"].SetFault(fault.FailAt("stop", "end", 1, errs.Invalidf("the button is broken")))
	require.NoError(t, w.ChangePower(member(t), s.ID, compute.DoStop))
	w.idle(t)
	got := w.get(t, s.ID)
	require.Equal(t, "SHUTOFF", got.Status(), "it had stopped before the call failed")
	require.Equal(t, "the button is broken", got.Fault.Message)

	w.hosts["hv1"].SetFault(fault.FailAt("start", "begin", 1, errs.Invalidf("no power")))
	require.NoError(t, w.ChangePower(member(t), s.ID, compute.DoStart))
	w.idle(t)
	require.Equal(t, "SHUTOFF", w.get(t, s.ID).Status())
}

func TestSoftRebootCutsOffAGuestThatDoesNotListen(t *testing.T) {
	w := newWorld(t).run(t)
	s := w.server(t)
	w.states["hv1"].SetStubborn(s.ID, true)
	require.NoError(t, w.ChangePower(member(t), s.ID, compute.DoReboot))
	require.Eventually(t, func() bool { return w.clock.Waiting() > 2 }, 5*time.Second, time.Millisecond)
	require.Equal(t, "REBOOT", w.get(t, s.ID).Status())
	w.clock.Advance(time.Minute)
	w.idle(t)
	require.Equal(t, "ACTIVE", w.get(t, s.ID).Status())
	view, _ := w.states["hv1"].View(s.ID)
	require.Equal(t, 2, view.Boots)
}

func TestRebuildMakesTheGuestAnew(t *testing.T) {
	w := newWorld(t).run(t)
	s := w.server(t)
	name := "new"
	got, err := w.RebuildServer(member(t), s.ID, compute.RebuildServer{ImageID: w.image, Name: &name, Metadata: map[string]string{"k": "v"}})
	require.NoError(t, err)
	require.Equal(t, "REBUILD", got.Status())
	w.idle(t)
	got = w.get(t, s.ID)
	require.Equal(t, "ACTIVE", got.Status())
	require.Equal(t, "new", got.Name)
	require.Equal(t, map[string]string{"k": "v"}, got.Metadata)
	view, _ := w.states["hv1"].View(s.ID)
	require.Equal(t, 1, view.Boots, "it is another guest")
	require.Len(t, view.NICs, 1, "on the same port")
	told, _ := w.nics["hv1"].Metadata(got.Interfaces[0].PortID, "openstack/latest/meta_data.json")
	require.Contains(t, string(told), `"meta":{"k":"v"}`, "and is told who it is now")

	require.NoError(t, w.ChangePower(member(t), s.ID, compute.DoStop))
	w.idle(t)
	_, err = w.RebuildServer(member(t), s.ID, compute.RebuildServer{ImageID: w.image})
	require.NoError(t, err)
	w.idle(t)
	require.Equal(t, "SHUTOFF", w.get(t, s.ID).Status(), "a stopped server stays stopped")

	w.hosts["hv1"].SetFault(fault.FailAt("create", "disks", 1, errs.Invalidf("no disk")))
	_, err = w.RebuildServer(member(t), s.ID, compute.RebuildServer{ImageID: w.image})
	require.NoError(t, err)
	w.idle(t)
	require.Equal(t, "ERROR", w.get(t, s.ID).Status())
	require.NoError(t, w.DeleteServer(member(t), s.ID))
	w.idle(t)
	w.gone(t)
}

func TestConsole(t *testing.T) {
	w := newWorld(t).run(t)
	made, err := w.CreateServer(member(t), w.request(t))
	require.NoError(t, err)
	w.idle(t)
	log, err := w.Console(member(t), made[0].ID, 1)
	require.NoError(t, err)
	require.Contains(t, string(log), "GUEST-READY hostname=vm")
	_, err = w.Console(as(t, "p1", "reader"), made[0].ID, 1)
	refused(t, errs.Forbidden, err)
	_, err = w.Console(as(t, "p2", "member"), made[0].ID, 1)
	refused(t, errs.NotFound, err)
}

func TestRebuildClaimsWhatTheNewImageNeeds(t *testing.T) {
	w := newWorld(t).run(t)
	_, err := w.CreateFlavor(admin(t), compute.CreateFlavor{ID: "diskless", Name: "diskless", VCPUs: 1, MemoryMiB: 64})
	require.NoError(t, err)
	in := w.request(t)
	in.FlavorID, in.Networks.Mode = "diskless", compute.NetworksNone
	_, err = w.CreateServer(member(t), in)
	refused(t, errs.Forbidden, err)
	made, err := w.CreateServer(admin(t), in)
	require.NoError(t, err)
	w.idle(t)
	require.Equal(t, 1, w.host(t, "hv1").Used.DiskGiB, "a whole GiB for an image of one MiB")
	big := w.upload(t, 2<<30+1)
	_, err = w.RebuildServer(admin(t), made[0].ID, compute.RebuildServer{ImageID: big})
	require.NoError(t, err)
	w.idle(t)
	require.Equal(t, "ACTIVE", w.get(t, made[0].ID).Status())
	require.Equal(t, 3, w.host(t, "hv1").Used.DiskGiB)
	require.NoError(t, w.DeleteServer(admin(t), made[0].ID))
	w.idle(t)
	w.gone(t)
}

func TestSecondHardRebootTakesOverFromTheFirst(t *testing.T) {
	w := newWorld(t).run(t)
	s := w.server(t)
	require.NoError(t, w.ResetServer(admin(t), s.ID, compute.VMError))
	fault, reached, release := fault.HangAt("start", "begin")
	defer release()
	w.hosts["hv1"].SetFault(fault)
	require.NoError(t, w.ChangePower(member(t), s.ID, compute.DoHardReboot))
	<-reached
	w.hosts["hv1"].SetFault(nil)
	require.NoError(t, w.ChangePower(member(t), s.ID, compute.DoHardReboot))
	w.idle(t)
	got := w.get(t, s.ID)
	require.Equal(t, "ACTIVE", got.Status())
	require.Empty(t, got.Task)
	require.Nil(t, got.Fault)
}
