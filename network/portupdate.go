package network

import (
	"context"

	"github.com/cumulite/cumulite/platform/errs"
	"github.com/cumulite/cumulite/platform/store"
)

// UpdatePort is what a user may change of a port; nil fields stay.
type UpdatePort struct {
	Name, Description     *string
	MAC                   *string
	AdminStateUp          *bool
	Addresses             *[]Address // all that it shall have
	Pairs                 *[]AddressPair
	Groups                *[]string
	PortSecurity          *bool
	DeviceID, DeviceOwner *string
	Host                  *string
	VNICType              *string
	Profile               *map[string]any
	DNSName               *string
	DHCPOptions           *[]ExtraDHCPOpt // added, or with no value taken away; others stay
}

// fields gives those that have a policy of their own, when they are set.
func (in *UpdatePort) fields() []string {
	return append(addressFields(in.Addresses), said(map[string]bool{
		"mac_address": in.MAC != nil, "port_security_enabled": in.PortSecurity != nil, "device_id": in.DeviceID != nil, "device_owner": in.DeviceOwner != nil,
		"binding:host_id": in.Host != nil, "binding:vnic_type": in.VNICType != nil, "binding:profile": in.Profile != nil,
		"allowed_address_pairs": in.Pairs != nil,
	})...)
}

// UpdatePort changes a port, on its host too.
func (s *Service) UpdatePort(ctx context.Context, id string, in UpdatePort) (*Port, error) {
	err := s.write(ctx, func(ctx context.Context, tx *store.Tx) error {
		p, err := ports.findFor(ctx, s, tx, "update", id, in.fields()...)
		if err != nil {
			return err
		}
		if in.DeviceOwner != nil {
			after := *p
			after.DeviceOwner = *in.DeviceOwner
			if err := ports.check(ctx, s, "update", &after, "device_owner"); err != nil {
				return err
			}
		}
		return s.changePort(ctx, tx, p, &in)
	})
	if err != nil {
		return nil, err
	}
	return s.GetPort(ctx, id)
}

func (s *Service) changePort(ctx context.Context, tx *store.Tx, p *Port, in *UpdatePort) error {
	before := *p
	p.change(in)
	if err := s.mayServe(ctx, tx, &before, p); err != nil {
		return err
	}
	if p.MAC != before.MAC {
		if before.Host != "" && before.DeviceOwner != "" {
			return errs.Conflictf("Unable to complete operation on port %s, port is already bound, port type: %s, old_mac %s, new_mac %s.",
				p.ID, before.VIFType(), before.MAC, p.MAC).WithCode("PortBound")
		}
		if err := p.chooseMAC(ctx, tx); err != nil {
			return err
		}
	}
	if in.Groups != nil {
		if err := s.changeGroups(ctx, tx, p, *in.Groups); err != nil {
			return err
		}
	}
	if err := p.check(); err != nil {
		return err
	}
	if in.Addresses != nil {
		if err := s.setAddresses(ctx, tx, p, *in.Addresses); err != nil {
			return err
		}
	}
	if in.Pairs != nil {
		if err := s.touchGroups(ctx, tx, p.Groups); err != nil {
			return err
		}
	}
	return s.storePort(ctx, tx, &before, p)
}

// storePort writes what can change of a port, and has its hosts follow.
func (s *Service) storePort(ctx context.Context, tx *store.Tx, before, p *Port) error {
	if before.Host != p.Host && s.drives(p) {
		p.Status = PortBuild
	}
	err := ports.update(ctx, s, tx, p, "name", "description", "mac_address", "admin_state_up", "device_id", "device_owner",
		"port_security", "pairs", "dhcp_opts", "dns_name", "host_id", "vnic_type", "profile", "status", "vif")
	if err != nil {
		return err
	}
	if before.Host != p.Host {
		return s.placePort(ctx, tx, p)
	}
	return s.touchPort(ctx, tx, p)
}

// setAddresses gives a port other addresses, and has the hosts of its groups
// know them.
func (s *Service) setAddresses(ctx context.Context, tx *store.Tx, p *Port, asked []Address) error {
	before := *p
	if err := s.readdress(ctx, tx, p, asked); err != nil {
		return err
	}
	if err := s.mayReaddress(ctx, tx, &before, p.Addresses); err != nil {
		return err
	}
	return s.readdressed(ctx, tx, p)
}

func (p *Port) change(in *UpdatePort) {
	set(&p.Name, in.Name)
	set(&p.Description, in.Description)
	set(&p.MAC, in.MAC)
	set(&p.AdminStateUp, in.AdminStateUp)
	set(&p.Pairs, in.Pairs)
	set(&p.PortSecurity, in.PortSecurity)
	set(&p.DeviceID, in.DeviceID)
	set(&p.DeviceOwner, in.DeviceOwner)
	set(&p.VNICType, in.VNICType)
	set(&p.Profile, in.Profile)
	set(&p.DNSName, in.DNSName)
	if in.DHCPOptions != nil {
		p.merge(*in.DHCPOptions)
	}
	if in.Host != nil && *in.Host != p.Host {
		p.Host, p.VIF, p.Status = *in.Host, VIF{}, PortDown
	}
}

// DeletePort deletes a port and takes it off its host: errs.Conflict while it
// is part of a router or a floating address.
func (s *Service) DeletePort(ctx context.Context, id string) error {
	return s.write(ctx, func(ctx context.Context, tx *store.Tx) error {
		p, err := ports.findFor(ctx, s, tx, "delete", id)
		if err != nil {
			return err
		}
		if err := s.mayDeletePort(ctx, tx, p); err != nil {
			return err
		}
		return s.removePort(ctx, tx, p)
	})
}

// removePort deletes a port, whatever the caller may do.
func (s *Service) removePort(ctx context.Context, tx *store.Tx, p *Port) error {
	if err := s.portLeaving(ctx, tx, p); err != nil {
		return err
	}
	for _, statement := range []string{"DELETE FROM network_allocations WHERE port_id = ?", "DELETE FROM network_port_groups WHERE port_id = ?"} {
		if _, err := tx.Exec(ctx, statement, p.ID); err != nil {
			return err
		}
	}
	if err := ports.remove(ctx, s, tx, p); err != nil {
		return err
	}
	if err := s.touchGroups(ctx, tx, p.Groups); err != nil {
		return err
	}
	return s.touch(ctx, tx, objPort, p.ID)
}
