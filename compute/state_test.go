package compute_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/cumulite/cumulite/compute"
	"github.com/cumulite/cumulite/platform/errs"
)

var (
	vmStates = []compute.VMState{compute.VMBuilding, compute.VMActive, compute.VMStopped, compute.VMPaused, compute.VMSuspended, compute.VMError, compute.VMDeleted}
	tasks    = []compute.TaskState{compute.TaskNone, compute.TaskScheduling, compute.TaskNetworking, compute.TaskSpawning, compute.TaskPoweringOn, compute.TaskPoweringOff,
		compute.TaskReboot, compute.TaskHardReboot, compute.TaskPausing, compute.TaskUnpausing, compute.TaskSuspending, compute.TaskResuming,
		compute.TaskRebuilding, compute.TaskRebuildSpawn, compute.TaskDeleting}
)

// allowed has, for each action, the vm_states from which Nova takes it, and
// what it leads to from each.
var allowed = map[compute.ServerAction]string{
	compute.DoStart:           "stopped:active",
	compute.DoStop:            "active:stopped error:stopped",
	compute.DoReboot:          "active:active",
	compute.DoHardReboot:      "active:active stopped:active paused:active suspended:active error:active",
	compute.DoPause:           "active:paused",
	compute.DoUnpause:         "paused:active",
	compute.DoSuspend:         "active:suspended",
	compute.DoResume:          "suspended:active",
	compute.DoRebuild:         "active:active stopped:stopped error:active",
	compute.DoAttachInterface: "active:active paused:paused stopped:stopped",
	compute.DoDetachInterface: "active:active paused:paused stopped:stopped",
	compute.DoUpdateMetadata:  "active:active paused:paused suspended:suspended stopped:stopped",
	compute.DoDeleteMetadata:  "active:active paused:paused suspended:suspended stopped:stopped",
	compute.DoDelete:          "building:deleted active:deleted stopped:deleted paused:deleted suspended:deleted error:deleted deleted:deleted",
}

// duringTasks has the actions that do not wait for a server to rest.
var duringTasks = map[compute.ServerAction]string{
	compute.DoHardReboot:     " rebooting rebooting_hard pausing unpausing suspending resuming ",
	compute.DoUpdateMetadata: "all", compute.DoDeleteMetadata: "all", compute.DoDelete: "all",
}

func TestEveryActionInEveryState(t *testing.T) {
	for action, moves := range allowed {
		to := map[string]string{}
		for _, move := range strings.Fields(moves) {
			from, end, _ := strings.Cut(move, ":")
			to[from] = end
		}
		for _, vm := range vmStates {
			for _, task := range tasks {
				s := compute.State{VM: vm, Task: task, Launched: true}
				err := s.Allow(action, "X", false)
				at := fmt.Sprintf("%s in %s/%s", action, vm, task)
				name := strings.TrimPrefix(string(action), "hard ")
				end, ok := to[string(vm)]
				busy := task != "" && duringTasks[action] != "all" && !strings.Contains(duringTasks[action], " "+string(task)+" ")
				switch {
				case !ok:
					require.Equal(t, fmt.Sprintf("Cannot '%s' instance X while it is in vm_state %s", name, vm), errs.Message(err), at)
					require.True(t, errs.Is(err, errs.Conflict))
				case busy:
					require.Equal(t, fmt.Sprintf("Cannot '%s' instance X while it is in task_state %s", name, task), errs.Message(err), at)
					require.True(t, errs.Is(err, errs.Conflict))
				default:
					require.NoError(t, err, at)
					require.Equal(t, compute.VMState(end), s.Begin(action).End(action).VM, at)
				}
			}
		}
	}
}

func TestActionsShowATaskUntilTheyEnd(t *testing.T) {
	for action, task := range map[compute.ServerAction]compute.TaskState{
		compute.DoStart: compute.TaskPoweringOn, compute.DoStop: compute.TaskPoweringOff, compute.DoReboot: compute.TaskReboot,
		compute.DoHardReboot: compute.TaskHardReboot, compute.DoPause: compute.TaskPausing, compute.DoUnpause: compute.TaskUnpausing,
		compute.DoSuspend: compute.TaskSuspending, compute.DoResume: compute.TaskResuming, compute.DoRebuild: compute.TaskRebuilding, compute.DoDelete: compute.TaskDeleting,
	} {
		s := compute.State{VM: compute.VMActive, Launched: true}.Begin(action)
		require.Equal(t, task, s.Task, action)
		require.Equal(t, compute.VMActive, s.VM, "%s has not ended", action)
		require.Equal(t, compute.TaskNone, s.End(action).Task, action)
	}
	busy := compute.State{VM: compute.VMActive, Task: compute.TaskSuspending, Launched: true}
	require.Equal(t, busy, busy.Begin(compute.DoUpdateMetadata).End(compute.DoUpdateMetadata), "what is done at once leaves the tasks of others")
}

func TestServerThatNeverRanCanOnlyBeDeleted(t *testing.T) {
	s := compute.State{VM: compute.VMError}
	require.Equal(t, "Instance X is in an invalid state for 'reboot'", errs.Message(s.Allow(compute.DoHardReboot, "X", false)))
	require.NoError(t, s.Allow(compute.DoDelete, "X", false))
}

func TestLockedServerIsForAdministratorsOnly(t *testing.T) {
	s := compute.State{VM: compute.VMActive, Launched: true, Locked: true}
	for action := range allowed {
		err := s.Allow(action, "X", false)
		require.True(t, errs.Is(err, errs.Conflict))
		require.Equal(t, "Instance X is locked", errs.Message(err))
	}
	require.NoError(t, s.Allow(compute.DoStop, "X", true))
}

func TestUnknownActionsAreRefused(t *testing.T) {
	require.Error(t, compute.State{VM: compute.VMActive, Launched: true}.Allow("dance", "X", true))
}

func TestStatus(t *testing.T) {
	special := map[string]string{
		"active/rebooting": "REBOOT", "active/rebooting_hard": "HARD_REBOOT",
		"active/rebuilding": "REBUILD", "active/rebuild_spawning": "REBUILD", "stopped/rebuilding": "REBUILD",
		"stopped/rebuild_spawning": "REBUILD", "error/rebuilding": "REBUILD", "error/rebuild_spawning": "REBUILD",
	}
	plain := map[compute.VMState]string{compute.VMBuilding: "BUILD", compute.VMActive: "ACTIVE", compute.VMStopped: "SHUTOFF", compute.VMPaused: "PAUSED",
		compute.VMSuspended: "SUSPENDED", compute.VMError: "ERROR", compute.VMDeleted: "DELETED"}
	for _, vm := range vmStates {
		for _, task := range tasks {
			want, ok := special[string(vm)+"/"+string(task)]
			if !ok {
				want = plain[vm]
			}
			require.Equal(t, want, compute.State{VM: vm, Task: task}.Status(), "%s/%s", vm, task)
		}
	}
}

func TestGuestsThatChangeByThemselvesAreFollowedAtRest(t *testing.T) {
	for _, c := range []struct {
		vm    compute.VMState
		power compute.PowerState
		want  compute.VMState
	}{
		{compute.VMActive, compute.Shutdown, compute.VMStopped},
		{compute.VMActive, compute.Crashed, compute.VMStopped},
		{compute.VMActive, compute.NoState, compute.VMActive},
		{compute.VMActive, compute.Paused, compute.VMPaused},
		{compute.VMPaused, compute.Running, compute.VMActive},
		{compute.VMStopped, compute.Running, compute.VMActive},
		{compute.VMStopped, compute.Suspended, compute.VMSuspended},
		{compute.VMSuspended, compute.Shutdown, compute.VMSuspended},
		{compute.VMError, compute.Running, compute.VMError},
		{compute.VMBuilding, compute.Running, compute.VMBuilding},
	} {
		require.Equal(t, c.want, compute.State{VM: c.vm}.Observe(c.power).VM, "%s seen as %d", c.vm, c.power)
		busy := compute.State{VM: c.vm, Task: compute.TaskHardReboot}
		require.Equal(t, busy, busy.Observe(c.power), "an operation decides")
	}
}
