package network

import (
	"context"
	"net/netip"
	"slices"

	"github.com/cumulite/cumulite/platform/errs"
	"github.com/cumulite/cumulite/platform/store"
)

// Gateway is what a user may say of a router's way to an external network.
type Gateway struct {
	NetworkID string    // "" for none
	SNAT      *bool     // nil is true
	Addresses []Address // external_fixed_ips: a subnet, an address, or both; none has them chosen
}

// fields gives those that have a policy of their own, when they are set.
func (g *Gateway) fields() []string {
	if g == nil {
		return nil
	}
	return said(map[string]bool{
		"external_gateway_info": true, "external_gateway_info:network_id": g.NetworkID != "",
		"external_gateway_info:enable_snat": g.SNAT != nil, "external_gateway_info:external_fixed_ips": len(g.Addresses) > 0,
	})
}

// setGateway gives a router the gateway that is wanted, or none.
func (s *Service) setGateway(ctx context.Context, tx *store.Tx, r *Router, want Gateway) error {
	around, err := s.checkGateway(ctx, tx, r, want)
	if err != nil {
		return err
	}
	r.EnableSNAT = or(want.SNAT, true)
	switch {
	case r.GatewayNetworkID != want.NetworkID:
		if err := s.dropGateway(ctx, tx, r); err != nil {
			return err
		}
		err = s.addGateway(ctx, tx, r, want, around)
	case want.NetworkID != "" && moves(r.GatewayAddresses, want.Addresses):
		err = s.moveGateway(ctx, tx, r, want.Addresses)
	}
	if err != nil {
		return err
	}
	rows := []Router{*r}
	if err := loadGateways(ctx, tx, rows); err != nil {
		return err
	}
	r.GatewayAddresses = rows[0].GatewayAddresses
	return routers.update(ctx, s, tx, r, "gateway_network_id", "gateway_port_id", "enable_snat")
}

// checkGateway checks what is wanted and gives the subnets of its network.
func (s *Service) checkGateway(ctx context.Context, tx *store.Tx, r *Router, want Gateway) (around []Subnet, err error) {
	if want.NetworkID != "" {
		n, err := networks.find(ctx, s, tx, want.NetworkID)
		if err != nil {
			return nil, err
		}
		if !n.External {
			return nil, badRequest("router", "Network %s is not an external network", want.NetworkID)
		}
		if around, err = subnetsOf(ctx, tx, want.NetworkID); err != nil {
			return nil, err
		}
	}
	for _, a := range want.Addresses {
		if a.IP.IsValid() && slices.ContainsFunc(around, func(sub Subnet) bool { return sub.GatewayIP == a.IP }) {
			return nil, badRequest("router", "External IP %s is the same as the gateway IP", a.IP)
		}
	}
	if len(r.Routes) == 0 {
		return around, nil
	}
	legs, err := interfacesOf(ctx, tx, r.ID)
	if err != nil {
		return nil, err
	}
	reach, err := reachOf(ctx, tx, legs)
	if err != nil {
		return nil, err
	}
	for _, sub := range around {
		reach.prefixes = append(reach.prefixes, sub.CIDR)
	}
	return around, reach.check(r.Routes)
}

// moves tells whether a gateway that has some addresses is to have others.
func moves(has, want []Address) bool {
	if len(want) == 0 {
		return false
	}
	subnetsIn := func(all []Address) (ids []string) {
		for _, a := range all {
			if a.SubnetID != "" {
				ids = append(ids, a.SubnetID)
			}
		}
		slices.Sort(ids)
		return slices.Compact(ids)
	}
	addressesIn := func(all []Address) (ips []netip.Addr) {
		for _, a := range all {
			if a.IP.IsValid() {
				ips = append(ips, a.IP)
			}
		}
		slices.SortFunc(ips, netip.Addr.Compare)
		return ips
	}
	return !slices.Equal(subnetsIn(has), subnetsIn(want)) || !slices.Equal(addressesIn(has), addressesIn(want))
}

// addGateway makes the port of a gateway. It belongs to no project: its users do not see it.
func (s *Service) addGateway(ctx context.Context, tx *store.Tx, r *Router, want Gateway, around []Subnet) error {
	if want.NetworkID == "" {
		return nil
	}
	if err := s.checkApart(ctx, tx, r, around); err != nil {
		return err
	}
	p := &Port{NetworkID: want.NetworkID, DeviceID: r.ID, DeviceOwner: OwnerGateway, AdminStateUp: true}
	if err := s.insertPort(ctx, tx, p, chosen(want.Addresses), s.count); err != nil {
		return err
	}
	r.GatewayNetworkID, r.GatewayPortID = want.NetworkID, p.ID
	return nil
}

// chosen gives the addresses that were asked for; nil has them chosen.
func chosen(asked []Address) *[]Address {
	if len(asked) == 0 {
		return nil
	}
	return &asked
}

// moveGateway gives a gateway other addresses.
func (s *Service) moveGateway(ctx context.Context, tx *store.Tx, r *Router, to []Address) error {
	p, err := wholePort(ctx, tx, r.GatewayPortID)
	if err != nil {
		return err
	}
	return s.setAddresses(ctx, tx, p, to)
}

// dropGateway takes a router's gateway away: errs.Conflict while floating addresses lead through it.
func (s *Service) dropGateway(ctx context.Context, tx *store.Tx, r *Router) error {
	if r.GatewayPortID == "" {
		return nil
	}
	used, err := tx.NewSelect().Model((*FloatingIP)(nil)).Where("router_id = ?", r.ID).Exists(ctx)
	if err != nil {
		return err
	}
	if used {
		return errs.Conflictf("Gateway cannot be updated for router %s, since a gateway to external network %s is required by one or more floating IPs.",
			r.ID, r.GatewayNetworkID).WithCode("RouterExternalGatewayInUseByFloatingIp")
	}
	p, err := wholePort(ctx, tx, r.GatewayPortID)
	if err != nil {
		return err
	}
	r.GatewayNetworkID, r.GatewayPortID = "", ""
	return s.removeLeg(ctx, tx, p)
}

// addressGatewaysOf gives the gateways on an external network an address of a
// new subnet, as far as it has any, where they have none of its family.
func (s *Service) addressGatewaysOf(ctx context.Context, tx *store.Tx, sub *Subnet) error {
	if !sub.network.External || !sub.serves(OwnerGateway) {
		return nil
	}
	var on []Port
	err := tx.NewSelect().Model(&on).Where("network_id = ? AND device_owner = ?", sub.NetworkID, OwnerGateway).Order("created_at", "id").Scan(ctx)
	if err != nil || len(on) == 0 {
		return err
	}
	if err := loadAddresses(ctx, tx, on); err != nil {
		return err
	}
	for i := range on {
		if slices.ContainsFunc(on[i].Addresses, func(a Address) bool { return sub.ofFamily(a.IP) }) {
			continue
		}
		a := &allocator{tx: tx, port: &on[i], subnets: []Subnet{*sub}}
		if err := a.any(ctx, []*Subnet{sub}); errs.Is(err, errs.Exhausted) {
			return nil
		} else if err != nil {
			return err
		}
		if err := s.touch(ctx, tx, objRouter, on[i].DeviceID); err != nil {
			return err
		}
	}
	return nil
}

// wholePort gives a port whoever asks.
func wholePort(ctx context.Context, tx *store.Tx, id string) (*Port, error) {
	p, err := store.Get[Port](ctx, tx, id)
	if err != nil {
		return nil, err
	}
	rows := []Port{*p}
	return &rows[0], ports.fill(ctx, tx, rows)
}
