package computeapi

import (
	"context"
	"strings"

	"github.com/cumulite/cumulite/compute"
	"github.com/cumulite/cumulite/platform/httpapi"
	"github.com/cumulite/cumulite/platform/policy"
)

const actionPath = "/servers/{server_id}/action"

func (h handler) serverActionRoutes() []httpapi.Route {
	row := func(key string, action policy.Action, request any, handle func(*httpapi.Request) (any, error)) httpapi.Route {
		return httpapi.Route{Method: "POST", Pattern: actionPath, BodyKey: key, Action: action, Request: request, Status: 202, Handle: handle}
	}
	lock, lockWithReason := row("lock", compute.ActionServerLock, lockBody{}, h.lockServer), row("lock", compute.ActionServerLock, lockReasonBody{}, httpapi.Body(h.lockServerWithReason))
	lock.Until, lockWithReason.Since = httpapi.V("2.72"), httpapi.V("2.73")
	console := row("os-getConsoleOutput", compute.ActionServerConsole, consoleBody{}, httpapi.Body(h.console))
	console.Status, console.ReadOnly = 200, true
	return []httpapi.Route{
		row("os-start", compute.ActionServerStart, startBody{}, h.power(compute.DoStart)),
		row("os-stop", compute.ActionServerStop, stopBody{}, h.power(compute.DoStop)),
		row("reboot", compute.ActionServerReboot, rebootBody{}, httpapi.Body(h.reboot)),
		row("pause", compute.ActionServerPause, pauseBody{}, h.power(compute.DoPause)),
		row("unpause", compute.ActionServerUnpause, unpauseBody{}, h.power(compute.DoUnpause)),
		row("suspend", compute.ActionServerSuspend, suspendBody{}, h.power(compute.DoSuspend)),
		row("resume", compute.ActionServerResume, resumeBody{}, h.power(compute.DoResume)),
		lock, lockWithReason,
		row("unlock", compute.ActionServerUnlock, unlockBody{}, h.unlockServer),
		row("rebuild", compute.ActionServerRebuild, rebuildBody{}, httpapi.Body(h.rebuild)),
		row("os-resetState", compute.ActionServerReset, resetBody{}, httpapi.Body(h.resetServer)),
		row("addSecurityGroup", compute.ActionServerGroupsOfAdd, addGroupBody{}, httpapi.Body(h.addSecurityGroup)),
		row("removeSecurityGroup", compute.ActionServerGroupsOfRemove, removeGroupBody{}, httpapi.Body(h.removeSecurityGroup)),
		console,
	}
}

// Bodies of actions that say nothing but their name.
type (
	startBody struct {
		Any any `json:"os-start"`
	}
	stopBody struct {
		Any any `json:"os-stop"`
	}
	pauseBody struct {
		Any any `json:"pause"`
	}
	unpauseBody struct {
		Any any `json:"unpause"`
	}
	suspendBody struct {
		Any any `json:"suspend"`
	}
	resumeBody struct {
		Any any `json:"resume"`
	}
	lockBody struct {
		Any any `json:"lock"`
	}
	unlockBody struct {
		Any any `json:"unlock"`
	}
)

type rebootBody struct {
	Reboot struct {
		Type string `json:"type" api:"required,enum=HARD|Hard|hard|SOFT|Soft|soft"`
	} `json:"reboot" api:"required"`
}

type lockReasonBody struct {
	Lock *struct {
		Reason *string `json:"locked_reason" api:"min=1,max=255"`
	} `json:"lock" api:"required,nullable"`
}

type resetBody struct {
	Reset struct {
		State compute.VMState `json:"state" api:"required,enum=active|error"`
	} `json:"os-resetState" api:"required"`
}

type consoleBody struct {
	Console struct {
		Length *integer `json:"length" api:"nullable"`
	} `json:"os-getConsoleOutput" api:"required"`
}

type addGroupBody struct {
	Add namedGroup `json:"addSecurityGroup" api:"required"`
}

type removeGroupBody struct {
	Remove namedGroup `json:"removeSecurityGroup" api:"required"`
}

// namedGroup names a security group, by name or id.
type namedGroup struct {
	Name string `json:"name" api:"required,min=1"`
}

// power gives the handler of a change of power.
func (h handler) power(action compute.ServerAction) func(*httpapi.Request) (any, error) {
	return func(r *httpapi.Request) (any, error) {
		return nil, h.compute.ChangePower(r.Ctx(), r.PathValue("server_id"), action)
	}
}

func (h handler) reboot(r *httpapi.Request, in *rebootBody) (any, error) {
	action := compute.DoReboot
	if strings.EqualFold(in.Reboot.Type, "hard") {
		action = compute.DoHardReboot
	}
	return h.power(action)(r)
}

func (h handler) lockServer(r *httpapi.Request) (any, error) {
	return nil, h.compute.LockServer(r.Ctx(), r.PathValue("server_id"), nil)
}

func (h handler) lockServerWithReason(r *httpapi.Request, in *lockReasonBody) (any, error) {
	if in.Lock == nil {
		return h.lockServer(r)
	}
	return nil, h.compute.LockServer(r.Ctx(), r.PathValue("server_id"), in.Lock.Reason)
}

func (h handler) unlockServer(r *httpapi.Request) (any, error) {
	return nil, h.compute.UnlockServer(r.Ctx(), r.PathValue("server_id"))
}

func (h handler) resetServer(r *httpapi.Request, in *resetBody) (any, error) {
	return nil, h.compute.ResetServer(r.Ctx(), r.PathValue("server_id"), in.Reset.State)
}

func (h handler) console(r *httpapi.Request, in *consoleBody) (any, error) {
	lines := -1
	if in.Console.Length != nil {
		lines = int(*in.Console.Length)
	}
	output, err := h.compute.Console(r.Ctx(), r.PathValue("server_id"), lines)
	if err != nil {
		return nil, err
	}
	return map[string]string{"output": lastLines(shown(output), lines)}, nil
}

// lastLines counts as Nova does: behind the end of the last line is another one, empty.
func lastLines(text string, n int) string {
	pieces := strings.Split(text, "\n")
	if n < 0 || len(pieces) <= n {
		return text
	}
	return strings.Join(pieces[len(pieces)-n:], "\n")
}

// shown leaves out what a terminal would act on, but for tabs and ends of lines.
func shown(b []byte) string {
	return strings.Map(func(c rune) rune {
		if c < ' ' && c != '\t' && c != '\n' && c != '\r' {
			return -1
		}
		return c
	}, strings.ToValidUTF8(string(b), "\uFFFD"))
}

func (h handler) addSecurityGroup(r *httpapi.Request, in *addGroupBody) (any, error) {
	return h.named(r, in.Add.Name, h.compute.AddSecurityGroup)
}

func (h handler) removeSecurityGroup(r *httpapi.Request, in *removeGroupBody) (any, error) {
	return h.named(r, in.Remove.Name, h.compute.RemoveSecurityGroup)
}

func (h handler) named(r *httpapi.Request, group string, change func(ctx context.Context, serverID, group string) error) (any, error) {
	return nil, change(r.Ctx(), r.PathValue("server_id"), group)
}
