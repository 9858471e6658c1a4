package libvirt

import (
	"context"
	"os"
	"time"

	golibvirt "github.com/digitalocean/go-libvirt"
	"github.com/google/uuid"

	"github.com/cumulite/cumulite/compute"
	"github.com/cumulite/cumulite/compute/hosting"
	"github.com/cumulite/cumulite/platform/errs"
)

const (
	pollEvery = 50 * time.Millisecond
	blocked   = golibvirt.DomainUndefineManagedSave | golibvirt.DomainUndefineSnapshotsMetadata |
		golibvirt.DomainUndefineCheckpointsMetadata | golibvirt.DomainUndefineNvram // what keeps a domain defined
)

// domain finds the domain of a guest; an errs.NotFound unless it is ours.
func (d *Driver) domain(ctx context.Context, id string) (golibvirt.Domain, compute.Guest, error) {
	type found struct {
		dom   golibvirt.Domain
		guest compute.Guest
	}
	if !hosting.IsID(id) {
		return golibvirt.Domain{}, compute.Guest{}, hosting.Missing(id)
	}
	f, err := ask(ctx, d.conn, callTime, func(l *golibvirt.Libvirt) (f found, err error) {
		if f.dom, err = l.DomainLookupByUUID(golibvirt.UUID(uuid.MustParse(id))); err != nil {
			return f, err
		}
		f.guest, err = d.look(l, f.dom)
		return f, err
	})
	if err == nil && f.guest.ID == "" || isMissing(err) {
		err = hosting.Missing(id)
	}
	return f.dom, f.guest, err
}

// tell makes one call to libvirt about a guest.
func (d *Driver) tell(ctx context.Context, fn func(l *golibvirt.Libvirt) error) error {
	return tell(ctx, d.conn, callTime, fn)
}

// Create implements compute.Hypervisor.
func (d *Driver) Create(ctx context.Context, op string, spec compute.GuestSpec) error {
	if err := hosting.Check(spec, formats); err != nil {
		return err
	}
	return d.calls.Do(ctx, spec.ID, "create", op, func() error {
		if err := d.makeDisks(ctx, spec); err != nil {
			return err
		}
		_, guest, err := d.domain(ctx, spec.ID)
		if err == nil && guest.Power != compute.Shutdown && guest.Power != compute.Crashed {
			return nil // it is in use, with the disks that it has
		}
		if err != nil && !isMissing(err) {
			return err
		}
		_, err = d.define(ctx, spec)
		return err
	})
}

// define makes config drive, console log and domain of a guest that does not run.
func (d *Driver) define(ctx context.Context, spec compute.GuestSpec) (golibvirt.Domain, error) {
	dir := d.guest(spec.ID)
	accel, err := d.accel.wait(ctx)
	if err != nil {
		return golibvirt.Domain{}, err
	}
	text, err := define(spec, dir, accel)
	if err != nil {
		return golibvirt.Domain{}, err
	}
	if err := makeConfig(spec, dir); err != nil {
		return golibvirt.Domain{}, err
	}
	if err := create(dir.console(), sparse(0)); err != nil { // QEMU's user may not make files here
		return golibvirt.Domain{}, err
	}
	return ask(ctx, d.conn, callTime, func(l *golibvirt.Libvirt) (golibvirt.Domain, error) {
		return l.DomainDefineXMLFlags(text, 0)
	})
}

// Start implements compute.Hypervisor.
func (d *Driver) Start(ctx context.Context, op string, spec compute.GuestSpec) error {
	if err := hosting.Check(spec, formats); err != nil {
		return err
	}
	return d.calls.Do(ctx, spec.ID, "start", op, func() error {
		dom, guest, err := d.domain(ctx, spec.ID)
		switch {
		case err != nil && (!isMissing(err) || !d.hasDisks(spec)):
			return err
		case guest.Power == compute.Running:
			return nil
		case guest.Power == compute.Paused:
			return starting(d.tell(ctx, func(l *golibvirt.Libvirt) error { return l.DomainResume(dom) }))
		}
		if dom, err = d.define(ctx, spec); err != nil {
			return err
		}
		trimConsole(d.guest(spec.ID).console())
		return starting(d.tell(ctx, func(l *golibvirt.Libvirt) error {
			_, err := l.DomainCreateWithFlags(dom, uint32(golibvirt.DomainStartForceBoot))
			return err
		}))
	})
}

// starting tells of a guest that may not be started that somebody else is
// about to: libvirtd goes on with a call whose caller has died. It runs when it
// is asked for again.
func starting(err error) error {
	if is(err, golibvirt.ErrOperationInvalid) {
		return errs.New(errs.Unavailable, "the guest is being started already").Because(err)
	}
	return err
}

// hasDisks reports whether Create made all disks of spec.
func (d *Driver) hasDisks(spec compute.GuestSpec) bool {
	dir := d.guest(spec.ID)
	want := map[string]bool{
		string(dir): true, dir.base(): spec.Image.ID != "", dir.root(): hosting.RootBytes(spec) > 0,
		dir.ephemeral(): spec.EphemeralGiB > 0, dir.swap(): spec.SwapMiB > 0,
	}
	for path, wanted := range want {
		if _, err := os.Stat(path); wanted && err != nil {
			return false
		}
	}
	return true
}

// Stop implements compute.Hypervisor.
func (d *Driver) Stop(ctx context.Context, op, id string, grace time.Duration) error {
	return d.calls.Do(ctx, id, "stop", op, func() error {
		dom, guest, err := d.domain(ctx, id)
		if err != nil {
			return err
		}
		if guest.Power != compute.Running && guest.Power != compute.Paused {
			return nil
		}
		if grace > 0 && guest.Power == compute.Running {
			off, err := d.pressPower(ctx, dom, grace)
			if off || err != nil {
				return err
			}
		}
		return d.cutOff(ctx, dom)
	})
}

// pressPower presses the power button and reports whether the guest went off
// within grace.
func (d *Driver) pressPower(ctx context.Context, dom golibvirt.Domain, grace time.Duration) (off bool, err error) {
	err = d.tell(ctx, func(l *golibvirt.Libvirt) error {
		return l.DomainShutdownFlags(dom, golibvirt.DomainShutdownAcpiPowerBtn)
	})
	if err != nil && !is(err, golibvirt.ErrOperationInvalid) { // it went off by itself
		return false, err
	}
	return d.poll(ctx, grace, func() (bool, error) {
		return ask(ctx, d.conn, callTime, func(l *golibvirt.Libvirt) (bool, error) {
			state, _, err := l.DomainGetState(dom, 0)
			return golibvirt.DomainState(state) == golibvirt.DomainShutoff, err
		})
	})
}

// poll asks until done says so, or for as long as limit.
func (d *Driver) poll(ctx context.Context, limit time.Duration, done func() (bool, error)) (bool, error) {
	end := d.o.Clock.Now().Add(limit)
	for {
		if ok, err := done(); ok || err != nil {
			return ok, err
		}
		now := d.o.Clock.Now()
		if !now.Before(end) {
			return false, nil
		}
		due, stop := d.o.Clock.At(now.Add(min(pollEvery, end.Sub(now))))
		select {
		case <-due:
		case <-ctx.Done():
		}
		stop()
		if ctx.Err() != nil {
			return false, ctx.Err()
		}
	}
}

// cutOff ends a guest's machine; one that has ended is no error.
func (d *Driver) cutOff(ctx context.Context, dom golibvirt.Domain) error {
	err := d.tell(ctx, func(l *golibvirt.Libvirt) error { return l.DomainDestroyFlags(dom, 0) })
	if is(err, golibvirt.ErrOperationInvalid) {
		return nil
	}
	return err
}

// Reset implements compute.Hypervisor.
func (d *Driver) Reset(ctx context.Context, op, id string) error {
	return d.change(ctx, "reset", op, id, func(l *golibvirt.Libvirt, dom golibvirt.Domain, is compute.PowerState) error {
		if is != compute.Running {
			return hosting.WrongState(id, "reset", is)
		}
		return l.DomainReset(dom, 0)
	})
}

// Pause implements compute.Hypervisor.
func (d *Driver) Pause(ctx context.Context, op, id string) error {
	return d.change(ctx, "pause", op, id, func(l *golibvirt.Libvirt, dom golibvirt.Domain, is compute.PowerState) error {
		switch is {
		case compute.Paused:
			return nil
		case compute.Running:
			return l.DomainSuspend(dom)
		}
		return hosting.WrongState(id, "pause", is)
	})
}

// Resume implements compute.Hypervisor.
func (d *Driver) Resume(ctx context.Context, op, id string) error {
	return d.change(ctx, "resume", op, id, func(l *golibvirt.Libvirt, dom golibvirt.Domain, is compute.PowerState) error {
		switch is {
		case compute.Running:
			return nil
		case compute.Paused:
			return l.DomainResume(dom)
		}
		return hosting.WrongState(id, "resume", is)
	})
}

// change makes one call about a guest that depends on its state.
func (d *Driver) change(ctx context.Context, call, op, id string, fn func(*golibvirt.Libvirt, golibvirt.Domain, compute.PowerState) error) error {
	return d.calls.Do(ctx, id, call, op, func() error {
		dom, guest, err := d.domain(ctx, id)
		if err != nil {
			return err
		}
		return d.tell(ctx, func(l *golibvirt.Libvirt) error { return fn(l, dom, guest.Power) })
	})
}

// Remove implements compute.Hypervisor.
func (d *Driver) Remove(ctx context.Context, _, id string) error {
	if !hosting.IsID(id) {
		return nil
	}
	return d.calls.Turn(ctx, id, func() error {
		dom, guest, err := d.domain(ctx, id)
		switch {
		case isMissing(err):
			return os.RemoveAll(string(d.guest(id)))
		case err != nil:
			return err
		case guest.Power == compute.Running || guest.Power == compute.Paused:
			if err := d.cutOff(ctx, dom); err != nil {
				return err
			}
		}
		// Undefined first: a definition without its files could not be told
		// from a guest that lost them.
		err = d.tell(ctx, func(l *golibvirt.Libvirt) error { return l.DomainUndefineFlags(dom, blocked) })
		if err != nil && !isMissing(err) {
			return err
		}
		return os.RemoveAll(string(d.guest(id)))
	})
}

// Console implements compute.Hypervisor.
func (d *Driver) Console(_ context.Context, id string, lines int) ([]byte, error) {
	if !hosting.IsID(id) || !d.guest(id).exists() {
		return nil, hosting.Missing(id)
	}
	trimConsole(d.guest(id).console())
	return readConsole(d.guest(id).console(), lines)
}

func isMissing(err error) bool { return errs.Is(err, errs.NotFound) }
