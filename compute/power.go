package compute

import (
	"context"
	"slices"
	"time"

	"github.com/cumulite/cumulite/platform/errs"
	"github.com/cumulite/cumulite/platform/flow"
	"github.com/cumulite/cumulite/platform/policy"
	"github.com/cumulite/cumulite/platform/store"
)

// power is an action that changes what a guest's machine does.
type power struct {
	rule  policy.Action
	name  string // of the instance action
	needs Ability
	power PowerState // when it is done
	do    func(ctx context.Context, s *Service, h Hypervisor, op string, srv *Server) error
}

// powers has all of them.
var powers = map[ServerAction]power{
	DoStart:      {rule: ActionServerStart, name: "start", power: Running, do: startGuest},
	DoStop:       {rule: ActionServerStop, name: "stop", power: Shutdown, do: stopGuest},
	DoReboot:     {rule: ActionServerReboot, name: "reboot", power: Running, do: inTurn(stopGuest, startGuest)},
	DoHardReboot: {rule: ActionServerReboot, name: "reboot", power: Running, do: inTurn(cutGuest, startGuest)},
	DoPause: {rule: ActionServerPause, name: "pause", power: Paused, do: func(ctx context.Context, _ *Service, h Hypervisor, op string, srv *Server) error {
		return h.Pause(ctx, op, srv.ID)
	}},
	DoUnpause: {rule: ActionServerUnpause, name: "unpause", power: Running, do: func(ctx context.Context, _ *Service, h Hypervisor, op string, srv *Server) error {
		return h.Resume(ctx, op, srv.ID)
	}},
	DoSuspend: {rule: ActionServerSuspend, name: "suspend", needs: CanSuspend, power: Suspended, do: suspendGuest},
	DoResume:  {rule: ActionServerResume, name: "resume", needs: CanSuspend, power: Running, do: wakeGuest},
}

func inTurn(steps ...func(context.Context, *Service, Hypervisor, string, *Server) error) func(context.Context, *Service, Hypervisor, string, *Server) error {
	return func(ctx context.Context, s *Service, h Hypervisor, op string, srv *Server) error {
		for _, step := range steps {
			if err := step(ctx, s, h, op, srv); err != nil {
				return err
			}
		}
		return nil
	}
}

// startGuest plugs the ports in once more, since a host that was restarted has
// lost them, and starts the guest from a definition made anew.
func startGuest(ctx context.Context, s *Service, h Hypervisor, op string, srv *Server) error {
	spec, err := s.plugged(ctx, srv)
	if err != nil {
		return err
	}
	return h.Start(ctx, op, spec)
}

func stopGuest(ctx context.Context, s *Service, h Hypervisor, op string, srv *Server) error {
	return h.Stop(ctx, op, srv.ID, s.opts.Grace)
}

// cutGuest ends a guest. One that its host does not know any more is started
// from its disks, when they are there.
func cutGuest(ctx context.Context, _ *Service, h Hypervisor, op string, srv *Server) error {
	err := h.Stop(ctx, op, srv.ID, 0)
	if errs.Is(err, errs.NotFound) {
		return nil
	}
	return err
}

func suspendGuest(ctx context.Context, _ *Service, h Hypervisor, op string, srv *Server) error {
	suspender, can := h.(Suspender)
	if !can {
		return cannotSuspend(srv.Host)
	}
	return suspender.Suspend(ctx, op, srv.ID)
}

func wakeGuest(ctx context.Context, s *Service, h Hypervisor, op string, srv *Server) error {
	suspender, can := h.(Suspender)
	if !can {
		return cannotSuspend(srv.Host)
	}
	spec, err := s.plugged(ctx, srv)
	if err != nil {
		return err
	}
	return suspender.Wake(ctx, op, spec)
}

func cannotSuspend(host string) error {
	return errs.New(errs.NotSupported, "Servers on host %s cannot be suspended.", host)
}

// plugged plugs a server's ports in on its host and gives the spec of its guest.
func (s *Service) plugged(ctx context.Context, srv *Server) (GuestSpec, error) {
	nics, err := s.plugAll(ctx, srv, srv.Interfaces)
	if err != nil {
		return GuestSpec{}, err
	}
	return s.guestSpec(ctx, srv, nics)
}

// ChangePower starts, stops, reboots, pauses, unpauses, suspends or resumes a
// server. A hard reboot cuts short what it may interrupt.
func (s *Service) ChangePower(ctx context.Context, id string, action ServerAction) error {
	p, known := powers[action]
	if !known {
		return errs.Invalidf("There is no action %s.", action)
	}
	_, err := s.begin(ctx, id, p.rule, action, p.name, func(ctx context.Context, tx *store.Tx, srv *Server) (string, []string, error) {
		if err := s.checkAbility(ctx, tx, srv.Host, p.needs); err != nil {
			return "", nil, err
		}
		if action == DoHardReboot {
			if err := s.Ops.Cancel(ctx, tx, id); err != nil {
				return "", nil, err
			}
		}
		op, err := s.ops.power[action].Start(ctx, tx, id, powerArgs{Host: srv.Host, Before: srv.VM})
		return op, nil, err
	})
	return err
}

// checkAbility refuses what a host cannot do.
func (s *Service) checkAbility(ctx context.Context, tx *store.Tx, host string, needs Ability) error {
	if needs == "" {
		return nil
	}
	h, err := hostNamed(ctx, tx, host)
	if err != nil {
		return err
	}
	if !slices.Contains(h.Info.Abilities, needs) {
		return cannotSuspend(host)
	}
	return nil
}

// powerArgs are those of the operations on a guest's machine.
type powerArgs struct {
	Host   string
	Before VMState
	Found  *PowerState // what the machine did once the action had failed; nil when that is not known
}

func (s *Service) powerOperation(action ServerAction, p power) flow.Operation[powerArgs] {
	return flow.Operation[powerArgs]{
		Kind:     "compute.server." + p.name + map[bool]string{true: "_hard"}[action == DoHardReboot],
		Deadline: 10 * time.Minute,
		Steps: []flow.Step[powerArgs]{{Name: p.name, Undo: s.lookAtPower, Do: func(ctx context.Context, r *flow.Run[powerArgs]) error {
			srv, err := s.server(ctx, r.Key)
			if err != nil {
				return err
			}
			return s.onHost(ctx, srv.Host, func(ctx context.Context, h Hypervisor) error { return p.do(ctx, s, h, r.ID, srv) })
		}}},
		Done: func(ctx context.Context, tx *store.Tx, r *flow.Run[powerArgs]) error {
			return s.settle(ctx, tx, r.ID, r.Key, nil, func(srv *Server) []string {
				srv.setState(srv.State().End(action))
				if srv.VM == VMActive {
					srv.launched(s.Clock.Now())
				}
				srv.Power = p.power
				return []string{"power_state", "progress", "launched_at", "fault"}
			})
		},
		Failed: func(ctx context.Context, tx *store.Tx, r *flow.Run[powerArgs], cause error) error {
			return s.settle(ctx, tx, r.ID, r.Key, cause, func(srv *Server) []string { return s.powerFailed(srv, r.Args, cause) })
		},
		Observe: observe(s, func(a *powerArgs) (string, int) { return a.Host, 0 }),
	}
}

// guest gives a server with the driver of its host.
func (s *Service) guest(ctx context.Context, id string) (*Server, Hypervisor, error) {
	srv, err := s.server(ctx, id)
	if err != nil {
		return nil, nil, err
	}
	h, err := s.hypervisor(srv.Host)
	return srv, h, err
}

// lookAtPower finds out what a machine does after an action on it failed. It
// does not insist: a host that does not answer is looked at when it is back.
func (s *Service) lookAtPower(ctx context.Context, r *flow.Run[powerArgs]) error {
	_, h, err := s.guest(ctx, r.Key)
	if err != nil {
		return nil //nolint:nilerr // see above
	}
	guests, err := h.Guests(ctx)
	if i := slices.IndexFunc(guests, func(g Guest) bool { return g.ID == r.Key }); err == nil && i >= 0 && guests[i].Power != NoState {
		r.Args.Found = &guests[i].Power
	}
	return nil
}

// powerFailed is what becomes of a server when an action on its machine
// failed: it is where the machine is, and in VMError only if it was.
func (s *Service) powerFailed(srv *Server, a powerArgs, cause error) (columns []string) {
	srv.setState(State{VM: a.Before})
	srv.Fault = s.faultOf(cause)
	if a.Found != nil {
		srv.Power = *a.Found
		srv.setState(srv.State().Observe(*a.Found))
	}
	return []string{"power_state", "fault"}
}
