package network

import (
	"context"
	"net/netip"
	"slices"

	"github.com/uptrace/bun"

	"github.com/cumulite/cumulite/platform/auth"
	"github.com/cumulite/cumulite/platform/errs"
	"github.com/cumulite/cumulite/platform/store"
)

// ownerDHCP is the device owner of ports that serve DHCP, where there are any.
const ownerDHCP = "network:dhcp"

// associate has f lead to a fixed address of a port, by the router between
// both; without a port it leads nowhere. It writes no row.
func (s *Service) associate(ctx context.Context, tx *store.Tx, f *FloatingIP, portID string, fixed netip.Addr) error {
	if portID == "" {
		if fixed.IsValid() {
			return badRequest("floatingip", "fixed_ip_address cannot be specified without a port_id")
		}
		f.lead(way{})
		return nil
	}
	p, err := ports.find(ctx, s, tx, portID)
	if err != nil {
		return err
	}
	to, err := f.destination(ctx, p, fixed)
	if err != nil {
		return err
	}
	router, err := routerBetween(ctx, tx, p, to, f.NetworkID)
	if err != nil {
		return err
	}
	if err := f.destinationFree(ctx, tx, p.ID, to.IP); err != nil {
		return err
	}
	f.lead(way{p.ID, to.IP, router})
	return nil
}

// destination gives the address of a port that f can lead to.
func (f *FloatingIP) destination(ctx context.Context, p *Port, fixed netip.Addr) (Address, error) {
	if p.ProjectID != f.ProjectID && !seesAll(auth.From(ctx)) {
		return Address{}, badRequest("floatingip", "Cannot process floating IP association with Port %s, since that port is owned by a different project", p.ID)
	}
	if p.DeviceOwner == ownerDHCP {
		return Address{}, badRequest("floatingip", "Port %s is unable to be assigned a floating IP", p.ID)
	}
	v4 := slices.DeleteFunc(slices.Clone(p.Addresses), func(a Address) bool { return !a.IP.Is4() })
	switch {
	case fixed.IsValid() && !fixed.Is4():
		return Address{}, badRequest("floatingip", "Cannot process floating IP association with %s, since that is not an IPv4 address", fixed)
	case fixed.IsValid():
		i := slices.IndexFunc(v4, func(a Address) bool { return a.IP == fixed })
		if i < 0 {
			return Address{}, badRequest("floatingip", "Port %s does not have fixed ip %s", p.ID, fixed)
		}
		return v4[i], nil
	case len(v4) == 0:
		return Address{}, badRequest("floatingip", "Cannot add floating IP to port %s that has no fixed IPv4 addresses", p.ID)
	case len(v4) > 1:
		return Address{}, badRequest("floatingip",
			"Port %s has multiple fixed IPv4 addresses.  Must provide a specific IPv4 address when assigning a floating IP", p.ID)
	}
	return v4[0], nil
}

// destinationFree refuses a fixed address that another floating address of the same network leads to.
func (f *FloatingIP) destinationFree(ctx context.Context, tx *store.Tx, portID string, fixed netip.Addr) error {
	taken, err := tx.NewSelect().Model((*FloatingIP)(nil)).
		Where("network_id = ? AND port_id = ? AND fixed_ip = ? AND id <> ?", f.NetworkID, portID, fixed.String(), f.ID).Exists(ctx)
	if err != nil {
		return err
	}
	if taken {
		return errs.Conflictf("Cannot associate floating IP %s (%s) with port %s using fixed IP %s, as that fixed IP already has a floating IP on external network %s.",
			f.Address, f.ID, portID, fixed, f.NetworkID).WithCode("FloatingIPPortAlreadyAssociated")
	}
	return nil
}

// routerBetween gives the router that connects the subnet of a port's address
// with an external network: the one that is the subnet's gateway, or else the oldest.
func routerBetween(ctx context.Context, db bun.IDB, p *Port, to Address, externalID string) (string, error) {
	var found []struct{ ID, IP, Gateway string }
	err := db.NewRaw(`SELECT router.id AS id, leg.ip AS ip, subnet.gateway_ip AS gateway
		FROM network_allocations AS leg
		JOIN network_ports AS port ON port.id = leg.port_id AND port.device_owner = ?
		JOIN network_routers AS router ON router.id = port.device_id
		JOIN network_subnets AS subnet ON subnet.id = leg.subnet_id
		WHERE leg.subnet_id = ? AND router.gateway_network_id = ?
		ORDER BY router.created_at, router.id`, OwnerInterface, to.SubnetID, externalID).Scan(ctx, &found)
	if err != nil {
		return "", err
	}
	if len(found) == 0 {
		return "", errs.NotFoundf("External network %s is not reachable from subnet %s.  Therefore, cannot associate Port %s with a Floating IP.",
			externalID, to.SubnetID, p.ID).WithCode("ExternalGatewayForFloatingIPNotFound")
	}
	for _, r := range found {
		if r.IP == r.Gateway {
			return r.ID, nil
		}
	}
	return found[0].ID, nil
}

// portLeaving has the floating addresses that lead to a port lead nowhere,
// before the port is deleted. Those of another project, which its
// administrator led there, stand in the way.
func (s *Service) portLeaving(ctx context.Context, tx *store.Tx, p *Port) error {
	var all []FloatingIP
	if err := tx.NewSelect().Model(&all).Where("port_id = ?", p.ID).Scan(ctx); err != nil {
		return err
	}
	g := auth.From(ctx)
	for i := range all {
		f, router := &all[i], all[i].RouterID
		if f.ProjectID != g.ProjectID() && !seesAll(g) {
			return errs.Conflictf(`Unable to complete the operation on port "%s" because the port still has an associated floating IP.`, p.ID).WithCode("FipAssociated")
		}
		f.lead(way{})
		if err := floatingIPs.update(ctx, s, tx, f, "port_id", "fixed_ip", "router_id", "status"); err != nil {
			return err
		}
		if err := s.touch(ctx, tx, objRouter, router); err != nil {
			return err
		}
	}
	return nil
}

// mayReaddress refuses to take an address from a port that a floating address leads to.
func (s *Service) mayReaddress(ctx context.Context, db bun.IDB, p *Port, kept []Address) error {
	var all []FloatingIP
	if err := db.NewSelect().Model(&all).Where("port_id = ?", p.ID).Scan(ctx); err != nil {
		return err
	}
	for _, f := range all {
		if f.FixedIP != nil && !slices.ContainsFunc(kept, func(a Address) bool { return a.IP == *f.FixedIP }) {
			return badRequest("port", "Cannot update the fixed_ips of the port %s, because its original fixed_ip has been associated to a floating ip", p.ID)
		}
	}
	return nil
}
