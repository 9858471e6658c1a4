package compute

import (
	"slices"

	"github.com/cumulite/cumulite/platform/errs"
)

// VMState is where a server came to rest, by Nova's names.
type VMState string

// The states. A server that is deleted has no row; VMDeleted stands in the
// record of what was.
const (
	VMBuilding  VMState = "building"
	VMActive    VMState = "active"
	VMStopped   VMState = "stopped"
	VMPaused    VMState = "paused"
	VMSuspended VMState = "suspended"
	VMError     VMState = "error"
	VMDeleted   VMState = "deleted"
)

// TaskState is what an operation is doing with a server, by Nova's names.
type TaskState string

// The task states. None is that of a server that rests.
const (
	TaskNone         TaskState = ""
	TaskScheduling   TaskState = "scheduling"
	TaskNetworking   TaskState = "networking"
	TaskSpawning     TaskState = "spawning"
	TaskPoweringOn   TaskState = "powering-on"
	TaskPoweringOff  TaskState = "powering-off"
	TaskReboot       TaskState = "rebooting"
	TaskHardReboot   TaskState = "rebooting_hard"
	TaskPausing      TaskState = "pausing"
	TaskUnpausing    TaskState = "unpausing"
	TaskSuspending   TaskState = "suspending"
	TaskResuming     TaskState = "resuming"
	TaskRebuilding   TaskState = "rebuilding"
	TaskRebuildSpawn TaskState = "rebuild_spawning"
	TaskDeleting     TaskState = "deleting"
)

// ServerAction is what is asked of a server, by the name that its fault
// message gives it.
type ServerAction string

// The actions.
const (
	DoStart           ServerAction = "start"
	DoStop            ServerAction = "stop"
	DoReboot          ServerAction = "reboot" // by the power button
	DoHardReboot      ServerAction = "hard reboot"
	DoPause           ServerAction = "pause"
	DoUnpause         ServerAction = "unpause"
	DoSuspend         ServerAction = "suspend"
	DoResume          ServerAction = "resume"
	DoRebuild         ServerAction = "rebuild"
	DoAttachInterface ServerAction = "attach_interface"
	DoDetachInterface ServerAction = "detach_interface"
	DoUpdateMetadata  ServerAction = "update metadata"
	DoDeleteMetadata  ServerAction = "delete metadata"
	DoDelete          ServerAction = "delete"
)

// transition says from where an action may be done, and through what to where
// it leads.
type transition struct {
	from    []VMState   // nil: from any
	during  []TaskState // besides at rest
	always  bool        // whatever is being done
	unbuilt bool        // also on a server that never ran
	task    TaskState   // while it is done
	to      VMState     // when it is done; "" is where it was
}

// settled are the states of a server that was built and is not broken.
var settled = []VMState{VMActive, VMPaused, VMSuspended, VMStopped}

// hasInterfaces are the states in which interfaces come and go.
var hasInterfaces = []VMState{VMActive, VMPaused, VMStopped}

// interruptible are the tasks that a hard reboot may cut short.
var interruptible = []TaskState{TaskReboot, TaskHardReboot, TaskPausing, TaskUnpausing, TaskSuspending, TaskResuming}

// machine is the whole of what may be done to a server, and where.
var machine = map[ServerAction]transition{
	DoStart:           {from: []VMState{VMStopped}, task: TaskPoweringOn, to: VMActive},
	DoStop:            {from: []VMState{VMActive, VMError}, task: TaskPoweringOff, to: VMStopped},
	DoReboot:          {from: []VMState{VMActive}, task: TaskReboot, to: VMActive},
	DoHardReboot:      {from: append([]VMState{VMError}, settled...), during: interruptible, task: TaskHardReboot, to: VMActive},
	DoPause:           {from: []VMState{VMActive}, task: TaskPausing, to: VMPaused},
	DoUnpause:         {from: []VMState{VMPaused}, task: TaskUnpausing, to: VMActive},
	DoSuspend:         {from: []VMState{VMActive}, task: TaskSuspending, to: VMSuspended},
	DoResume:          {from: []VMState{VMSuspended}, task: TaskResuming, to: VMActive},
	DoRebuild:         {from: []VMState{VMActive, VMStopped, VMError}, task: TaskRebuilding}, // stopped servers stay stopped
	DoAttachInterface: {from: hasInterfaces},
	DoDetachInterface: {from: hasInterfaces},
	DoUpdateMetadata:  {from: settled, always: true},
	DoDeleteMetadata:  {from: settled, always: true},
	DoDelete:          {always: true, unbuilt: true, task: TaskDeleting, to: VMDeleted},
}

// State is what decides over actions on a server.
type State struct {
	VM       VMState
	Task     TaskState
	Launched bool // it ran once
	Locked   bool
}

// Allow tells whether action may be done to server id in state s: nil, or an
// errs.Conflict in Nova's words. admin callers pass locks.
func (s State) Allow(action ServerAction, id string, admin bool) error {
	if s.Locked && !admin {
		return errs.Conflictf("Instance %s is locked", id)
	}
	t, known := machine[action]
	name := action
	if action == DoHardReboot {
		name = DoReboot // both are one to the caller
	}
	switch {
	case !known || t.from != nil && !slices.Contains(t.from, s.VM):
		return errs.Conflictf("Cannot '%s' instance %s while it is in vm_state %s", name, id, s.VM)
	case !t.always && s.Task != TaskNone && !slices.Contains(t.during, s.Task):
		return errs.Conflictf("Cannot '%s' instance %s while it is in task_state %s", name, id, s.Task)
	case !t.unbuilt && !s.Launched:
		return errs.Conflictf("Instance %s is in an invalid state for '%s'", id, name)
	}
	return nil
}

// Begin is the state of a server while action is done to it.
func (s State) Begin(action ServerAction) State {
	if task := machine[action].task; task != TaskNone {
		s.Task = task
	}
	return s
}

// End is the state when action is done.
func (s State) End(action ServerAction) State {
	t := machine[action]
	if t.task != TaskNone {
		s.Task = TaskNone
	}
	switch {
	case t.to != "":
		s.VM = t.to
	case action == DoRebuild && s.VM == VMError:
		s.VM = VMActive
	}
	return s
}

// Status is the status that the API shows.
func (s State) Status() string {
	switch s.VM {
	case VMBuilding:
		return "BUILD"
	case VMDeleted:
		return "DELETED"
	case VMPaused:
		return "PAUSED"
	case VMSuspended:
		return "SUSPENDED"
	}
	if s.Task == TaskRebuilding || s.Task == TaskRebuildSpawn {
		return "REBUILD"
	}
	switch {
	case s.VM == VMStopped:
		return "SHUTOFF"
	case s.VM != VMActive:
		return "ERROR"
	case s.Task == TaskReboot:
		return "REBOOT"
	case s.Task == TaskHardReboot:
		return "HARD_REBOOT"
	}
	return "ACTIVE"
}

// Observe is the state of a resting server whose guest was seen in power: one
// that shut itself down is stopped, one that somebody else started is active. A
// server that is not at rest keeps the state that its operation gave it.
func (s State) Observe(power PowerState) State {
	if s.Task != TaskNone || !slices.Contains(settled, s.VM) {
		return s
	}
	switch power {
	case Running:
		s.VM = VMActive
	case Paused:
		s.VM = VMPaused
	case Suspended:
		s.VM = VMSuspended
	case Shutdown, Crashed:
		if s.VM != VMSuspended {
			s.VM = VMStopped
		}
	}
	return s
}
