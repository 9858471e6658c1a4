package network

import (
	"context"
	"maps"
	"slices"

	"github.com/cumulite/cumulite/platform/auth"
	"github.com/cumulite/cumulite/platform/errs"
	"github.com/cumulite/cumulite/platform/store"
)

// checkPortAddresses refuses a port that may not be a router's: with two IPv4
// addresses, or with one outside of the pools of another project's subnet.
func (s *Service) checkPortAddresses(ctx context.Context, p *Port, on []Subnet) error {
	g, v4 := auth.From(ctx), 0
	for i := range on {
		sub := &on[i]
		if sub.CIDR.Addr().Is4() {
			v4++
		}
		for _, a := range p.Addresses {
			if a.SubnetID == sub.ID && !slices.ContainsFunc(sub.Pools, func(pool Pool) bool { return pool.contains(a.IP) }) && sub.ProjectID != g.ProjectID() && !seesAll(g) {
				return badRequest("router", "Cannot add interface to router because specified port %s has an IP address out of the allocation pool of subnet %s, "+
					"which is not owned by the project making the request", p.ID, sub.ID)
			}
		}
	}
	if v4 > 1 {
		return badRequest("router", "Cannot have multiple IPv4 subnets on router port")
	}
	return nil
}

// checkOneIPv6 refuses a second port with IPv6 addresses on the same network.
func (s *Service) checkOneIPv6(ctx context.Context, tx *store.Tx, r *Router, p *Port) error {
	if !hasIPv6(p) {
		return nil
	}
	legs, err := interfacesOf(ctx, tx, r.ID)
	if err != nil {
		return err
	}
	for i := range legs {
		if legs[i].NetworkID == p.NetworkID && hasIPv6(&legs[i]) {
			return badRequest("router", "Router already contains IPv6 port %s belonging to network id %s. "+
				"Only one IPv6 port from the same network subnet can be connected to a router.", legs[i].ID, p.NetworkID)
		}
	}
	return nil
}

// checkSubnets refuses subnets that a router cannot be on.
func (s *Service) checkSubnets(ctx context.Context, tx *store.Tx, r *Router, on []Subnet) error {
	for i := range on {
		if !on[i].CIDR.Addr().Is4() && on[i].RAMode == "" && on[i].AddressMode != "" {
			return badRequest("router", "IPv6 subnet %s configured to receive RAs from an external router cannot be added to Neutron Router.", on[i].ID)
		}
	}
	return s.checkApart(ctx, tx, r, on)
}

// checkApart refuses subnets that a router is on already, or that overlap with
// one that it is on or whose network its gateway is on.
func (s *Service) checkApart(ctx context.Context, tx *store.Tx, r *Router, added []Subnet) error {
	there, err := routerPorts(ctx, tx, r.ID)
	if err != nil {
		return err
	}
	on, err := subnetsOfPorts(ctx, tx, there)
	if err != nil {
		return err
	}
	near := slices.Collect(maps.Values(on))
	if r.GatewayNetworkID != "" {
		around, err := subnetsOf(ctx, tx, r.GatewayNetworkID)
		if err != nil {
			return err
		}
		near = append(near, around...)
	}
	for _, sub := range added {
		if _, is := on[sub.ID]; is {
			return badRequest("router", "Router already has a port on subnet %s", sub.ID)
		}
		for _, old := range near {
			if old.CIDR.Overlaps(sub.CIDR) {
				return badRequest("router", "Cidr %s of subnet %s overlaps with cidr %s of subnet %s", sub.CIDR, sub.ID, old.CIDR, old.ID)
			}
		}
	}
	return nil
}

// interfaceUnused refuses to take a router off a subnet that its floating
// addresses or its routes lead to.
func (s *Service) interfaceUnused(ctx context.Context, tx *store.Tx, r *Router, sub *Subnet) error {
	floating, err := tx.NewSelect().Model((*FloatingIP)(nil)).
		Join("JOIN network_allocations AS fixed ON fixed.port_id = floatingip.port_id AND fixed.ip = floatingip.fixed_ip").
		Where("floatingip.router_id = ? AND fixed.subnet_id = ?", r.ID, sub.ID).Exists(ctx)
	if err != nil {
		return err
	}
	if floating {
		return errs.Conflictf("Router interface for subnet %s on router %s cannot be deleted, as it is required by one or more floating IPs.", sub.ID, r.ID).
			WithCode("RouterInterfaceInUseByFloatingIP")
	}
	if slices.ContainsFunc(r.Routes, func(route Route) bool { return sub.CIDR.Contains(route.NextHop) }) {
		return errs.Conflictf("Router interface for subnet %s on router %s cannot be deleted, as it is required by one or more routes.", sub.ID, r.ID).
			WithCode("RouterInterfaceInUseByRoute")
	}
	return nil
}
