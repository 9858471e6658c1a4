package libvirt

import (
	"context"
	"encoding/xml"
	"slices"
	"time"

	golibvirt "github.com/digitalocean/go-libvirt"
	"libvirt.org/go/libvirtxml"

	"github.com/cumulite/cumulite/compute"
	"github.com/cumulite/cumulite/compute/hosting"
	"github.com/cumulite/cumulite/platform/errs"
)

// letGo is how long a running guest is given to let go of an interface.
const letGo = 20 * time.Second

// sides are where an interface is: in the running machine and in the definition.
func sides(is compute.PowerState) []golibvirt.DomainModificationImpact {
	if is == compute.Running || is == compute.Paused {
		return []golibvirt.DomainModificationImpact{golibvirt.DomainAffectLive, golibvirt.DomainAffectConfig}
	}
	return []golibvirt.DomainModificationImpact{golibvirt.DomainAffectConfig}
}

// Plug implements compute.Hypervisor.
func (d *Driver) Plug(ctx context.Context, op, id string, nic compute.NIC) error {
	if err := hosting.CheckNIC(nic); err != nil {
		return err
	}
	i, err := interfaceOf(nic)
	if err != nil {
		return err
	}
	text, err := i.Marshal()
	if err != nil {
		return err
	}
	return d.calls.Do(ctx, id, "plug "+nic.PortID, op, func() error {
		dom, guest, err := d.domain(ctx, id)
		if err != nil {
			return err
		}
		for _, side := range sides(guest.Power) {
			there, err := d.plugged(ctx, dom, side, nic.PortID)
			if err != nil {
				return err
			}
			if there != "" {
				continue
			}
			err = d.tell(ctx, func(l *golibvirt.Libvirt) error { return l.DomainAttachDeviceFlags(dom, text, uint32(side)) })
			if err != nil {
				return err
			}
		}
		return nil
	})
}

// Unplug implements compute.Hypervisor.
func (d *Driver) Unplug(ctx context.Context, op, id, portID string) error {
	return d.calls.Do(ctx, id, "unplug "+portID, op, func() error {
		dom, guest, err := d.domain(ctx, id)
		if err != nil {
			return err
		}
		for _, side := range sides(guest.Power) {
			if err := d.unplug(ctx, dom, side, portID); err != nil {
				return err
			}
		}
		return nil
	})
}

// unplug takes the interface away on one side. A machine does so only when its
// guest agrees, and says so later.
func (d *Driver) unplug(ctx context.Context, dom golibvirt.Domain, side golibvirt.DomainModificationImpact, portID string) error {
	text, err := d.plugged(ctx, dom, side, portID)
	if err != nil || text == "" {
		return err
	}
	err = d.tell(ctx, func(l *golibvirt.Libvirt) error { return l.DomainDetachDeviceFlags(dom, text, uint32(side)) })
	// ErrOperationFailed: the guest was asked before and thinks about it still.
	if err != nil && !is(err, golibvirt.ErrDeviceMissing, golibvirt.ErrOperationFailed) {
		return err
	}
	gone, err := d.poll(ctx, letGo, func() (bool, error) {
		text, err := d.plugged(ctx, dom, side, portID)
		return text == "", err
	})
	if err == nil && !gone {
		return errs.New(errs.Unavailable, "the guest does not let go of port %s", portID)
	}
	return err
}

// plugged gives the definition of a port's interface on one side, "" when
// there is none.
func (d *Driver) plugged(ctx context.Context, dom golibvirt.Domain, side golibvirt.DomainModificationImpact, portID string) (string, error) {
	var flags golibvirt.DomainXMLFlags
	if side == golibvirt.DomainAffectConfig {
		flags = golibvirt.DomainXMLInactive
	}
	text, err := ask(ctx, d.conn, callTime, func(l *golibvirt.Libvirt) (string, error) {
		return l.DomainGetXMLDesc(dom, flags)
	})
	if err != nil {
		return "", err
	}
	var domain libvirtxml.Domain
	if err := xml.Unmarshal([]byte(text), &domain); err != nil {
		return "", err
	}
	if domain.Devices == nil {
		return "", nil
	}
	at := slices.IndexFunc(domain.Devices.Interfaces, func(i libvirtxml.DomainInterface) bool {
		return i.Alias != nil && i.Alias.Name == aliasOf(portID)
	})
	if at < 0 {
		return "", nil
	}
	return domain.Devices.Interfaces[at].Marshal()
}
