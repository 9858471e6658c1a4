package simcompute

import (
	"context"
	"slices"
	"time"

	"github.com/cumulite/cumulite/compute"
	"github.com/cumulite/cumulite/compute/hosting"
	"github.com/cumulite/cumulite/drivers/sim/fault"
	"github.com/cumulite/cumulite/platform/errs"
)

// Create implements compute.Hypervisor.
func (h *Host) Create(ctx context.Context, op string, spec compute.GuestSpec) error {
	if err := hosting.Check(spec, formats); err != nil {
		return err
	}
	return h.do(ctx, "create", "", op, spec.ID, func(at fault.Step) error {
		if err := h.makeDisks(ctx, spec); err != nil {
			return err
		}
		if err := h.seam.Pass(ctx, at, "disks"); err != nil {
			return err
		}
		h.state.define(spec)
		return h.seam.Pass(ctx, at, "define")
	})
}

func (h *Host) makeDisks(ctx context.Context, spec compute.GuestSpec) error {
	m := h.state.ensure(spec)
	if m.Disks {
		return nil
	}
	if err := h.fetch(ctx, spec.Image); err != nil {
		return err
	}
	h.state.keepDisks(m, hosting.RootBytes(spec))
	return nil
}

func (s *State) keepDisks(m *machine, root int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	m.Disks, m.Root = true, root
}

// ensure gives the guest of spec, making a half-made one where there is none.
func (s *State) ensure(spec compute.GuestSpec) *machine {
	s.mu.Lock()
	defer s.mu.Unlock()
	m := s.machines[spec.ID]
	if m == nil {
		m = &machine{Spec: spec, Power: compute.Shutdown}
		s.machines[spec.ID] = m
	}
	return m
}

// define makes the definition of a guest anew, unless its machine is in use.
func (s *State) define(spec compute.GuestSpec) {
	s.mu.Lock()
	defer s.mu.Unlock()
	m := s.machines[spec.ID]
	if m.Power == compute.Running || m.Power == compute.Paused {
		return
	}
	m.Spec, m.NICs, m.Defined = spec, slices.Clone(spec.NICs), true
}

// Start implements compute.Hypervisor.
func (h *Host) Start(ctx context.Context, op string, spec compute.GuestSpec) error {
	if err := hosting.Check(spec, formats); err != nil {
		return err
	}
	return h.do(ctx, "start", "", op, spec.ID, func(at fault.Step) error {
		if !h.state.hasDisks(spec.ID) {
			return hosting.Missing(spec.ID)
		}
		h.state.define(spec)
		if err := h.seam.Pass(ctx, at, "define"); err != nil {
			return err
		}
		return h.state.with(spec.ID, func(m *machine) error {
			if m.Power != compute.Running && m.Power != compute.Paused {
				m.boot()
			}
			h.state.setPower(m, compute.Running)
			return nil
		})
	})
}

func (s *State) hasDisks(id string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	m := s.machines[id]
	return m != nil && m.Disks
}

// Stop implements compute.Hypervisor.
func (h *Host) Stop(ctx context.Context, op, id string, grace time.Duration) error {
	return h.do(ctx, "stop", "", op, id, func(fault.Step) error {
		deaf := false
		err := h.state.with(id, func(m *machine) error {
			deaf = m.Power == compute.Paused || m.Power == compute.Running && m.Stubborn
			return nil
		})
		if err != nil {
			return err
		}
		if deaf {
			if err := h.seam.Wait(ctx, grace); err != nil {
				return err
			}
		}
		return h.state.with(id, func(m *machine) error {
			switch {
			case m.Power == compute.Suspended:
				return nil
			case m.Power == compute.Running && !m.Stubborn && grace > 0:
				m.print("GUEST-POWERBUTTON")
			}
			h.state.setPower(m, compute.Shutdown)
			return nil
		})
	})
}

// Reset implements compute.Hypervisor.
func (h *Host) Reset(ctx context.Context, op, id string) error {
	return h.turn(ctx, "reset", op, id, compute.Running, (*machine).boot, compute.Running)
}

// Pause implements compute.Hypervisor.
func (h *Host) Pause(ctx context.Context, op, id string) error {
	return h.turn(ctx, "pause", op, id, compute.Paused, nil, compute.Running, compute.Paused)
}

// Resume implements compute.Hypervisor.
func (h *Host) Resume(ctx context.Context, op, id string) error {
	return h.turn(ctx, "resume", op, id, compute.Running, nil, compute.Running, compute.Paused)
}

// Suspend implements compute.Suspender.
func (h *Host) Suspend(ctx context.Context, op, id string) error {
	return h.turn(ctx, "suspend", op, id, compute.Suspended, nil, compute.Running, compute.Paused, compute.Suspended)
}

// Wake implements compute.Suspender.
func (h *Host) Wake(ctx context.Context, op string, spec compute.GuestSpec) error {
	return h.turn(ctx, "wake", op, spec.ID, compute.Running, nil, compute.Suspended, compute.Running)
}

// turn brings a guest that is in one of the states from to the state to.
func (h *Host) turn(ctx context.Context, method, op, id string, to compute.PowerState, also func(*machine), from ...compute.PowerState) error {
	return h.do(ctx, method, "", op, id, func(fault.Step) error {
		return h.state.with(id, func(m *machine) error {
			if !slices.Contains(from, m.Power) {
				return hosting.WrongState(id, method, m.Power)
			}
			if also != nil {
				also(m)
			}
			h.state.setPower(m, to)
			return nil
		})
	})
}

// Remove implements compute.Hypervisor.
func (h *Host) Remove(ctx context.Context, op, id string) error {
	return h.calls.Turn(ctx, id, func() error {
		at, err := h.seam.Enter(ctx, "remove", id)
		if err != nil {
			return err
		}
		h.state.cutOff(id)
		if err := h.seam.Pass(ctx, at, "power off"); err != nil {
			return err
		}
		if err := h.state.discard(id); err != nil {
			return err
		}
		return h.seam.Pass(ctx, at, "end")
	})
}

func (s *State) cutOff(id string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if m := s.machines[id]; m != nil {
		s.setPower(m, compute.Shutdown)
	}
}

// Plug implements compute.Hypervisor.
func (h *Host) Plug(ctx context.Context, op, id string, nic compute.NIC) error {
	if err := hosting.CheckNIC(nic); err != nil {
		return err
	}
	return h.do(ctx, "plug", " "+nic.PortID, op, id, func(fault.Step) error {
		return h.state.with(id, func(m *machine) error {
			if m.plugged(nic.PortID) < 0 {
				m.NICs = append(m.NICs, nic)
			}
			return nil
		})
	})
}

// Unplug implements compute.Hypervisor.
func (h *Host) Unplug(ctx context.Context, op, id, portID string) error {
	return h.do(ctx, "unplug", " "+portID, op, id, func(fault.Step) error {
		return h.state.with(id, func(m *machine) error {
			i := m.plugged(portID)
			if i < 0 {
				return nil
			}
			if m.Stubborn && m.Power == compute.Running {
				return errs.New(errs.Unavailable, "guest %s does not let go of port %s", id, portID)
			}
			m.NICs = slices.Delete(m.NICs, i, i+1)
			return nil
		})
	})
}
