package network

import (
	"context"
	"slices"

	"github.com/google/uuid"

	"github.com/cumulite/cumulite/platform/auth"
	"github.com/cumulite/cumulite/platform/errs"
	"github.com/cumulite/cumulite/platform/policy"
	"github.com/cumulite/cumulite/platform/store"
)

// InterfaceOf names an interface of a router, by its subnet or by its port;
// to remove one, both may be named.
type InterfaceOf struct{ SubnetID, PortID string }

// RouterPort is an interface of a router that was added or removed.
type RouterPort struct {
	RouterID  string
	ProjectID string // of the port
	PortID    string
	NetworkID string
	SubnetIDs []string
	Tags      []string // of the router
}

// check refuses what names no interface.
func (at InterfaceOf) check(adding bool) error {
	if at == (InterfaceOf{}) {
		return badRequest("router", "Either subnet_id or port_id must be specified")
	}
	for _, id := range []string{at.PortID, at.SubnetID} {
		if id != "" && uuid.Validate(id) != nil {
			return badRequest("router", "'%s' is not a valid UUID", id)
		}
	}
	if adding && at.PortID != "" && at.SubnetID != "" {
		return badRequest("router", "Cannot specify both subnet-id and port-id")
	}
	return nil
}

// AddRouterInterface puts a router on a subnet: with the gateway's address of
// the subnet, or with the addresses of a port.
func (s *Service) AddRouterInterface(ctx context.Context, routerID string, at InterfaceOf) (*RouterPort, error) {
	if err := at.check(true); err != nil {
		return nil, err
	}
	add := s.addBySubnet
	if at.PortID != "" {
		add = s.addByPort
	}
	return s.changeInterfaces(ctx, ActionAddRouterInterface, routerID, func(ctx context.Context, tx *store.Tx, r *Router) (*Port, []string, error) {
		return add(ctx, tx, r, at)
	})
}

// RemoveRouterInterface takes a router off a subnet and deletes its port.
func (s *Service) RemoveRouterInterface(ctx context.Context, routerID string, at InterfaceOf) (*RouterPort, error) {
	if err := at.check(false); err != nil {
		return nil, err
	}
	remove := s.removeBySubnet
	if at.PortID != "" {
		remove = s.removeByPort
	}
	return s.changeInterfaces(ctx, ActionRemoveRouterInterface, routerID, func(ctx context.Context, tx *store.Tx, r *Router) (*Port, []string, error) {
		return remove(ctx, tx, r, at)
	})
}

// interfaceChange adds or removes an interface, and gives its port and the subnets that it is about.
type interfaceChange func(ctx context.Context, tx *store.Tx, r *Router) (p *Port, subnetIDs []string, err error)

func (s *Service) changeInterfaces(ctx context.Context, action policy.Action, routerID string, change interfaceChange) (made *RouterPort, err error) {
	err = s.write(ctx, func(ctx context.Context, tx *store.Tx) error {
		r, err := routers.find(ctx, s, tx, routerID)
		if err != nil {
			return err
		}
		if err := s.policy.Check(ctx, action, r.target()); err != nil {
			return err
		}
		p, subnetIDs, err := change(ctx, tx, r)
		if err != nil {
			return err
		}
		made = &RouterPort{RouterID: r.ID, ProjectID: p.ProjectID, PortID: p.ID, NetworkID: p.NetworkID, SubnetIDs: subnetIDs, Tags: r.Tags}
		if err := routers.update(ctx, s, tx, r); err != nil {
			return err
		}
		return s.touch(ctx, tx, objRouter, r.ID)
	})
	return made, err
}

func (s *Service) addBySubnet(ctx context.Context, tx *store.Tx, r *Router, at InterfaceOf) (*Port, []string, error) {
	sub, err := subnets.find(ctx, s, tx, at.SubnetID)
	if err != nil {
		return nil, nil, err
	}
	g := auth.From(ctx)
	switch {
	case !sub.GatewayIP.IsValid():
		return nil, nil, badRequest("router", "Subnet for router interface must have a gateway IP")
	case sub.ProjectID != g.ProjectID() && !seesAll(g):
		return nil, nil, badRequest("router", "Cannot add interface to router because subnet %s is not owned by project making the request", sub.ID)
	}
	if err := s.checkSubnets(ctx, tx, r, []Subnet{*sub}); err != nil {
		return nil, nil, err
	}
	address := Address{SubnetID: sub.ID, IP: sub.GatewayIP}
	if !sub.GatewayIP.Is4() {
		p, err := s.widen(ctx, tx, r, sub.NetworkID, address)
		if err != nil || p != nil {
			return p, []string{sub.ID}, err
		}
	}
	p := &Port{Standard: Standard{ProjectID: r.ProjectID}, NetworkID: sub.NetworkID,
		DeviceID: r.ID, DeviceOwner: OwnerInterface, AdminStateUp: true}
	return p, []string{sub.ID}, s.insertPort(ctx, tx, p, &[]Address{address}, s.count)
}

// widen gives one more address to the IPv6 interface that a router has on a
// network already; nil when it has none.
func (s *Service) widen(ctx context.Context, tx *store.Tx, r *Router, networkID string, address Address) (*Port, error) {
	legs, err := interfacesOf(ctx, tx, r.ID)
	if err != nil {
		return nil, err
	}
	for i := range legs {
		if legs[i].NetworkID == networkID && hasIPv6(&legs[i]) {
			return &legs[i], s.setAddresses(ctx, tx, &legs[i], append(slices.Clone(legs[i].Addresses), address))
		}
	}
	return nil, nil
}

func hasIPv6(p *Port) bool {
	return slices.ContainsFunc(p.Addresses, func(a Address) bool { return !a.IP.Is4() })
}

func (s *Service) addByPort(ctx context.Context, tx *store.Tx, r *Router, at InterfaceOf) (*Port, []string, error) {
	p, err := ports.find(ctx, s, tx, at.PortID)
	if err != nil {
		return nil, nil, err
	}
	if p.DeviceID != "" {
		return nil, nil, p.inUse()
	}
	if len(p.Addresses) == 0 {
		return nil, nil, badRequest("router", "Router port must have at least one fixed IP")
	}
	on, ids, err := subnetsOfPort(ctx, tx, p)
	if err != nil {
		return nil, nil, err
	}
	if err := s.checkPortAddresses(ctx, p, on); err != nil {
		return nil, nil, err
	}
	if err := s.checkOneIPv6(ctx, tx, r, p); err != nil {
		return nil, nil, err
	}
	if err := s.checkSubnets(ctx, tx, r, on); err != nil {
		return nil, nil, err
	}
	p.DeviceID, p.DeviceOwner = r.ID, OwnerInterface
	return p, ids, ports.update(ctx, s, tx, p, "device_id", "device_owner")
}

// subnetsOfPort gives the subnets that a port has addresses of.
func subnetsOfPort(ctx context.Context, tx *store.Tx, p *Port) (on []Subnet, ids []string, err error) {
	all, err := subnetsOf(ctx, tx, p.NetworkID)
	for _, sub := range all {
		if slices.ContainsFunc(p.Addresses, func(a Address) bool { return a.SubnetID == sub.ID }) {
			on, ids = append(on, sub), append(ids, sub.ID)
		}
	}
	return on, ids, err
}

func (s *Service) removeByPort(ctx context.Context, tx *store.Tx, r *Router, at InterfaceOf) (*Port, []string, error) {
	legs, err := interfacesOf(ctx, tx, r.ID)
	if err != nil {
		return nil, nil, err
	}
	i := slices.IndexFunc(legs, func(p Port) bool { return p.ID == at.PortID })
	if i < 0 {
		return nil, nil, errs.NotFoundf("Router %s does not have an interface with id %s", r.ID, at.PortID).WithCode("RouterInterfaceNotFound")
	}
	p := &legs[i]
	on, ids, err := subnetsOfPort(ctx, tx, p)
	if err != nil {
		return nil, nil, err
	}
	if at.SubnetID != "" && !slices.Contains(ids, at.SubnetID) {
		return nil, nil, errs.Invalidf("Subnet on port %s does not match the requested subnet %s.", p.ID, at.SubnetID).WithCode("SubnetMismatchForPort")
	}
	for i := range on {
		if err := s.interfaceUnused(ctx, tx, r, &on[i]); err != nil {
			return nil, nil, err
		}
	}
	return p, ids, s.removeLeg(ctx, tx, p)
}

func (s *Service) removeBySubnet(ctx context.Context, tx *store.Tx, r *Router, at InterfaceOf) (*Port, []string, error) {
	sub, err := subnets.find(ctx, s, tx, at.SubnetID)
	if err != nil {
		return nil, nil, err
	}
	legs, err := interfacesOf(ctx, tx, r.ID)
	if err != nil {
		return nil, nil, err
	}
	for i := range legs {
		p := &legs[i]
		left := slices.DeleteFunc(slices.Clone(p.Addresses), func(a Address) bool { return a.SubnetID == sub.ID })
		if len(left) == len(p.Addresses) {
			continue
		}
		if err := s.interfaceUnused(ctx, tx, r, sub); err != nil {
			return nil, nil, err
		}
		if len(left) > 0 {
			return p, []string{sub.ID}, s.setAddresses(ctx, tx, p, left)
		}
		return p, []string{sub.ID}, s.removeLeg(ctx, tx, p)
	}
	return nil, nil, errs.NotFoundf("Router %s has no interface on subnet %s", r.ID, sub.ID).WithCode("RouterInterfaceNotFoundForSubnet")
}

// removeLeg deletes the port of a router's interface or gateway; its network
// may be of no more use on the router's host.
func (s *Service) removeLeg(ctx context.Context, tx *store.Tx, p *Port) error {
	if err := s.removePort(ctx, tx, p); err != nil {
		return err
	}
	return s.touch(ctx, tx, objNetwork, p.NetworkID)
}
