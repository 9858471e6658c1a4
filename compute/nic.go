package compute

import (
	"context"
	"net/netip"
	"slices"

	"github.com/google/uuid"

	"github.com/cumulite/cumulite/network"
	"github.com/cumulite/cumulite/platform/errs"
)

// plannedPort is a port that a server is to have.
type plannedPort struct {
	ID        string // chosen beforehand for those that are made
	NetworkID string
	FixedIP   string // "" is any
	Tag       string
	Owned     bool // it is made for the server
}

// planned gives the ports of one server of an order: those that are made have ids of their own.
func planned(ports []plannedPort) []plannedPort {
	ports = slices.Clone(ports)
	for i := range ports {
		if ports[i].Owned {
			ports[i].ID = uuid.NewString()
		}
	}
	return ports
}

func interfacesOf(ports []plannedPort) []Interface {
	list := make([]Interface, len(ports))
	for i, p := range ports {
		list[i] = Interface{PortID: p.ID, NetworkID: p.NetworkID, Tag: p.Tag, Owned: p.Owned}
	}
	return list
}

// deviceOwner is what marks a port as a server's.
func deviceOwner(srv *Server) string { return "compute:" + srv.Zone }

// ensurePort makes a port that is to be made for a server, unless it is there.
func (s *Service) ensurePort(ctx context.Context, srv *Server, p plannedPort, groups []string) error {
	if !p.Owned {
		return nil
	}
	in := network.CreatePort{ID: p.ID, ProjectID: srv.ProjectID, NetworkID: p.NetworkID, DeviceID: srv.ID, DeviceOwner: deviceOwner(srv)}
	if ip, err := netip.ParseAddr(p.FixedIP); err == nil {
		in.Addresses = &[]network.Address{{IP: ip}}
	}
	if len(groups) > 0 {
		in.Groups = &groups
	}
	_, err := s.Networks.CreatePort(asCompute(ctx), in)
	if !errs.Is(err, errs.Conflict) {
		return err
	}
	port, found := s.Networks.GetPort(asCompute(ctx), p.ID)
	if found != nil || port.DeviceID != srv.ID {
		return err // it is not ours: something else was in conflict
	}
	return nil
}

// plugAll plugs a server's ports in on its host, and gives what its guest has
// of them.
func (s *Service) plugAll(ctx context.Context, srv *Server, interfaces []Interface) ([]NIC, error) {
	nics := make([]NIC, 0, len(interfaces))
	for _, i := range interfaces {
		nic, err := s.plug(ctx, srv, i.PortID)
		if err != nil {
			return nil, err
		}
		nics = append(nics, nic)
	}
	// All but the last were told before it was there.
	return nics, s.tellGuest(ctx, interfaces[:max(0, len(interfaces)-1)])
}

// tellGuest has the hosts of ports ask for the guest's metadata again.
func (s *Service) tellGuest(ctx context.Context, interfaces []Interface) error {
	for _, i := range interfaces {
		if err := s.Networks.RefreshMetadata(asCompute(ctx), i.PortID); err != nil && !errs.Is(err, errs.NotFound) {
			return err
		}
	}
	return nil
}

func (s *Service) plug(ctx context.Context, srv *Server, portID string) (NIC, error) {
	ctx = asCompute(ctx)
	vif, err := s.Networks.Plug(ctx, portID, network.Binding{Host: srv.Host, DeviceID: srv.ID, DeviceOwner: deviceOwner(srv), Zone: srv.Zone})
	if err != nil {
		return NIC{}, err
	}
	port, err := s.Networks.GetPort(ctx, portID)
	if err != nil {
		return NIC{}, err
	}
	return NIC{PortID: portID, MAC: port.MAC, Type: vif.Type, Device: vif.Device, Bridge: vif.Bridge, MTU: vif.MTU}, nil
}

// dropInterfaces takes ports from a server: those that were made for it are
// deleted. Ports that are another's by now are let be.
func (s *Service) dropInterfaces(ctx context.Context, serverID string, interfaces []Interface) error {
	ctx = asCompute(ctx)
	for _, i := range interfaces {
		port, err := s.Networks.GetPort(ctx, i.PortID)
		if errs.Is(err, errs.NotFound) || err == nil && port.DeviceID != serverID && (!i.Owned || port.DeviceID != "") {
			continue
		}
		if err != nil {
			return err
		}
		if err := s.unplug(ctx, i.PortID); err != nil {
			return err
		}
		if !i.Owned {
			continue
		}
		if err := s.Networks.DeletePort(ctx, i.PortID); err != nil && !errs.Is(err, errs.NotFound) {
			return err
		}
	}
	return nil
}

// unplug takes a port off its host. A host that does not answer is not waited
// for once it is recorded: the network service tells it when it is back.
func (s *Service) unplug(ctx context.Context, portID string) error {
	err := s.Networks.Unplug(ctx, portID)
	if errs.Is(err, errs.NotFound) {
		return nil
	}
	if err != nil && errs.Transient(err) {
		if port, found := s.Networks.GetPort(ctx, portID); found == nil && port.DeviceID == "" {
			s.log.Warn("a port stays on a host that does not answer", "port", portID, "error", err)
			return nil
		}
	}
	return err
}
