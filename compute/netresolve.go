package compute

import (
	"context"
	"net/netip"
	"slices"

	"github.com/cumulite/cumulite/network"
	"github.com/cumulite/cumulite/platform/auth"
	"github.com/cumulite/cumulite/platform/errs"
	"github.com/cumulite/cumulite/platform/store"
)

// ports gives the ports that a request names.
func (n RequestedNetworks) ports() (ids []string) {
	for _, r := range n.List {
		if r.PortID != "" {
			ids = append(ids, r.PortID)
		}
	}
	return ids
}

// fixedIPs gives the addresses that a request names.
func (n RequestedNetworks) fixedIPs() (ips []string) {
	for _, r := range n.List {
		if r.FixedIP != "" {
			ips = append(ips, r.FixedIP)
		}
	}
	return ips
}

// resolveNetworks finds what interfaces the servers of an order get.
func (s *Service) resolveNetworks(ctx context.Context, o *order) (err error) {
	switch o.Networks.Mode {
	case NetworksNone:
	case NetworksListed:
		o.ports, err = s.listedPorts(ctx, o.Networks.List)
	default:
		o.ports, err = s.defaultPorts(ctx, o.Networks.Mode)
	}
	if err == nil && len(o.ports) > 0 && o.Networks.Mode == NetworksListed {
		err = s.checkOwn(ctx, ActionServerAttachNetwork)
	}
	return err
}

func (s *Service) listedPorts(ctx context.Context, list []RequestedNetwork) (ports []plannedPort, err error) {
	for _, r := range list {
		p, err := s.plan(ctx, r)
		if err != nil {
			return nil, badRequest(err)
		}
		if p.ID != "" && slices.ContainsFunc(ports, func(q plannedPort) bool { return q.ID == p.ID }) {
			return nil, errs.Conflictf("Port %s is still in use.", p.ID)
		}
		ports = append(ports, p)
	}
	return ports, nil
}

// plan resolves one interface that was asked for.
func (s *Service) plan(ctx context.Context, r RequestedNetwork) (plannedPort, error) {
	if r.PortID != "" {
		return s.planPort(ctx, r)
	}
	n, err := s.Networks.GetNetwork(ctx, r.NetworkID)
	if errs.Is(err, errs.NotFound) {
		return plannedPort{}, errs.NotFoundf("Network %s could not be found.", r.NetworkID)
	}
	if err != nil {
		return plannedPort{}, err
	}
	if err := s.freeAddress(ctx, n.ID, r.FixedIP); err != nil {
		return plannedPort{}, err
	}
	return plannedPort{NetworkID: n.ID, FixedIP: r.FixedIP, Tag: r.Tag, Owned: true}, s.usable(ctx, n)
}

// freeAddress refuses an address that is none, or that another port has. Who
// is faster to take it from now on is decided when the port is made.
func (s *Service) freeAddress(ctx context.Context, networkID, text string) error {
	if text == "" {
		return nil
	}
	ip, err := netip.ParseAddr(text)
	if err != nil {
		return errs.Invalidf("Invalid fixed IP address (%s)", text)
	}
	taken, _, err := s.Networks.ListPorts(asCompute(ctx), store.Query{Limit: 1, Filters: []store.Filter{
		{Field: "network_id", Values: []string{networkID}}, {Field: "fixed_ips", Values: []string{"ip_address=" + ip.String()}}}})
	if err == nil && len(taken) > 0 {
		return errs.Invalidf("Fixed IP address %s is already in use.", text)
	}
	return err
}

// usable refuses networks that servers cannot be on.
func (s *Service) usable(ctx context.Context, n *network.Network) error {
	if n.External && !n.Shared && n.ProjectID != auth.From(ctx).ProjectID() {
		if err := s.checkOwn(ctx, ActionServerExternal); err != nil {
			return errs.Forbiddenf("It is not allowed to create an interface on external network %s", n.ID).Because(err)
		}
	}
	if len(n.Subnets) == 0 {
		return errs.Invalidf("Network %s requires a subnet in order to boot instances on.", n.ID)
	}
	return nil
}

func (s *Service) planPort(ctx context.Context, r RequestedNetwork) (plannedPort, error) {
	p, err := s.Networks.GetPort(ctx, r.PortID)
	if errs.Is(err, errs.NotFound) {
		return plannedPort{}, errs.NotFoundf("Port id %s could not be found.", r.PortID)
	}
	if err != nil {
		return plannedPort{}, err
	}
	switch {
	case p.ProjectID != auth.From(ctx).ProjectID() && !s.isAdmin(ctx):
		return plannedPort{}, errs.Invalidf("Port %s not usable for the instance.", r.PortID)
	case p.DeviceID != "":
		return plannedPort{}, errs.Conflictf("Port %s is still in use.", r.PortID)
	case len(p.Addresses) == 0:
		return plannedPort{}, errs.Invalidf("Port %s requires a FixedIP in order to be used.", r.PortID)
	case r.FixedIP != "":
		return plannedPort{}, errs.Invalidf("Specified Fixed IP '%s' cannot be used with port '%s': the two cannot be specified together.", r.FixedIP, r.PortID)
	}
	return plannedPort{ID: p.ID, NetworkID: p.NetworkID, Tag: r.Tag}, nil
}

// defaultPorts plans an interface on the only network that the caller's
// project can use.
func (s *Service) defaultPorts(ctx context.Context, mode NetworkMode) ([]plannedPort, error) {
	n, err := s.defaultNetwork(ctx)
	if err != nil {
		return nil, err
	}
	if n == nil && mode == NetworksAuto {
		return nil, errs.Invalidf("Unable to automatically allocate a network for project %s", auth.From(ctx).ProjectID())
	}
	if n == nil {
		return nil, nil
	}
	return []plannedPort{{NetworkID: n.ID, Owned: true}}, nil
}

// defaultNetwork gives the only network that the caller's project can use, nil
// without one. Several are errs.Conflict: one of them must be named.
func (s *Service) defaultNetwork(ctx context.Context) (*network.Network, error) {
	project := auth.From(ctx).ProjectID()
	list, _, err := s.Networks.ListNetworks(ctx, store.Query{Filters: []store.Filter{{Field: "admin_state_up", Values: []string{"true"}}}})
	if err != nil {
		return nil, err
	}
	list = slices.DeleteFunc(list, func(n network.Network) bool {
		return len(n.Subnets) == 0 || n.External || n.ProjectID != project && !n.Shared
	})
	switch len(list) {
	case 0:
		return nil, nil
	case 1:
		return &list[0], nil
	}
	return nil, errs.Conflictf("Multiple possible networks found, use a Network ID to be more specific.")
}
