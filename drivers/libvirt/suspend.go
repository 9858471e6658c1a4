package libvirt

import (
	"context"

	golibvirt "github.com/digitalocean/go-libvirt"

	"github.com/cumulite/cumulite/compute"
	"github.com/cumulite/cumulite/compute/hosting"
)

// Suspend implements compute.Suspender by libvirt's managed save.
func (d *Driver) Suspend(ctx context.Context, op, id string) error {
	return d.calls.Do(ctx, id, "suspend", op, func() error {
		dom, guest, err := d.domain(ctx, id)
		if err != nil {
			return err
		}
		switch guest.Power {
		case compute.Suspended:
			return nil
		case compute.Running, compute.Paused:
			return tell(ctx, d.conn, saveTime, func(l *golibvirt.Libvirt) error {
				return l.DomainManagedSave(dom, uint32(golibvirt.DomainSaveRunning)) // wakes up running
			})
		}
		return hosting.WrongState(id, "suspend", guest.Power)
	})
}

// Wake implements compute.Suspender. The machine is as it was saved; spec only
// names the guest.
func (d *Driver) Wake(ctx context.Context, op string, spec compute.GuestSpec) error {
	return d.calls.Do(ctx, spec.ID, "wake", op, func() error {
		dom, guest, err := d.domain(ctx, spec.ID)
		if err != nil {
			return err
		}
		switch guest.Power {
		case compute.Running:
			return nil
		case compute.Suspended:
			return tell(ctx, d.conn, saveTime, func(l *golibvirt.Libvirt) error {
				_, err := l.DomainCreateWithFlags(dom, 0)
				return err
			})
		}
		return hosting.WrongState(spec.ID, "wake", guest.Power)
	})
}
