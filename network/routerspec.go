package network

import (
	"context"
	"net/netip"
	"slices"

	"github.com/uptrace/bun"

	"github.com/cumulite/cumulite/platform/store"
)

// routerSpec gives a router as its host realises it; false when it is not there (any more).
func routerSpec(ctx context.Context, db bun.IDB, id string) (RouterSpec, bool, error) {
	r, err := store.Get[Router](ctx, db, id)
	if store.IsNone(err) {
		return RouterSpec{}, false, nil
	}
	if err != nil {
		return RouterSpec{}, false, err
	}
	legs, err := routerPorts(ctx, db, id)
	if err != nil {
		return RouterSpec{}, false, err
	}
	on, err := subnetsOfPorts(ctx, db, legs)
	if err != nil {
		return RouterSpec{}, false, err
	}
	spec := RouterSpec{ID: id, SNAT: r.EnableSNAT, Routes: r.Routes, Disabled: !r.AdminStateUp}
	for i := range legs {
		leg := legSpec(&legs[i], on)
		if legs[i].DeviceOwner != OwnerGateway {
			spec.Interfaces = append(spec.Interfaces, leg)
			continue
		}
		spec.Gateway, spec.GatewayIP = &leg, nextHops(&legs[i], on)
	}
	spec.Floating, err = floatingSpecs(ctx, db, id)
	return spec, true, err
}

// subnetsOfPorts gives the subnets that ports have addresses of, by id.
func subnetsOfPorts(ctx context.Context, db bun.IDB, all []Port) (map[string]Subnet, error) {
	var ids []string
	for i := range all {
		for _, a := range all[i].Addresses {
			ids = append(ids, a.SubnetID)
		}
	}
	byID := map[string]Subnet{}
	if len(ids) == 0 {
		return byID, nil
	}
	var rows []Subnet
	err := db.NewSelect().Model(&rows).Where("id IN (?)", bun.List(ids)).Scan(ctx)
	for _, sub := range rows {
		byID[sub.ID] = sub
	}
	return byID, err
}

func legSpec(p *Port, on map[string]Subnet) RouterInterface {
	leg := RouterInterface{PortID: p.ID, NetworkID: p.NetworkID, MAC: p.MAC}
	for _, a := range p.Addresses {
		leg.Addresses = append(leg.Addresses, netip.PrefixFrom(a.IP, on[a.SubnetID].CIDR.Bits()))
	}
	return leg
}

// nextHops gives the gateways of the subnets that a router's gateway is on.
func nextHops(p *Port, on map[string]Subnet) (hops []netip.Addr) {
	for _, a := range p.Addresses {
		if hop := on[a.SubnetID].GatewayIP; hop.IsValid() && !slices.Contains(hops, hop) {
			hops = append(hops, hop)
		}
	}
	return hops
}

// floatingSpecs gives the floating addresses that lead through a router.
func floatingSpecs(ctx context.Context, db bun.IDB, routerID string) (specs []FloatingSpec, err error) {
	var all []FloatingIP
	if err := db.NewSelect().Model(&all).Where("router_id = ?", routerID).Order("created_at", "id").Scan(ctx); err != nil {
		return nil, err
	}
	for _, f := range all {
		if f.FixedIP != nil {
			specs = append(specs, FloatingSpec{ID: f.ID, External: f.Address, Fixed: *f.FixedIP})
		}
	}
	return specs, nil
}

// routerApplied takes note that a router's ports and floating addresses are at
// work, or are not while it is disabled. When the router changed meanwhile its
// host is about to hear of it again, and only then are they.
func (s *Service) routerApplied(ctx context.Context, spec RouterSpec) error {
	status := PortActive
	if spec.Disabled {
		status = PortDown
	}
	return s.write(ctx, func(ctx context.Context, tx *store.Tx) error {
		if current, err := generation(ctx, tx, spec.ID); err != nil || current != spec.Generation {
			return err
		}
		return first(s.legsAre(ctx, tx, &spec, status), s.floatingAre(ctx, tx, &spec, status))
	})
}

func (s *Service) legsAre(ctx context.Context, tx *store.Tx, spec *RouterSpec, status PortStatus) error {
	var ids []string
	for _, leg := range spec.legs() {
		ids = append(ids, leg.PortID)
	}
	if len(ids) == 0 {
		return nil
	}
	var others []Port
	if err := tx.NewSelect().Model(&others).Where("id IN (?) AND status <> ?", bun.List(ids), status).Scan(ctx); err != nil {
		return err
	}
	for i := range others {
		others[i].Status = status
		if err := ports.update(ctx, s, tx, &others[i], "status"); err != nil {
			return err
		}
	}
	return nil
}

func (s *Service) floatingAre(ctx context.Context, tx *store.Tx, spec *RouterSpec, status PortStatus) error {
	var others []FloatingIP
	if err := tx.NewSelect().Model(&others).Where("router_id = ? AND status <> ?", spec.ID, status).Scan(ctx); err != nil {
		return err
	}
	for i := range others {
		others[i].Status = status
		if err := floatingIPs.update(ctx, s, tx, &others[i], "status"); err != nil {
			return err
		}
	}
	return nil
}

// legs are a router's interfaces, its gateway among them.
func (r *RouterSpec) legs() []RouterInterface {
	if r.Gateway == nil {
		return r.Interfaces
	}
	return append(slices.Clone(r.Interfaces), *r.Gateway)
}
