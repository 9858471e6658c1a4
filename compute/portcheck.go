package compute

import (
	"context"
	"slices"

	"github.com/cumulite/cumulite/network"
	"github.com/cumulite/cumulite/platform/doctor"
	"github.com/cumulite/cumulite/platform/errs"
	"github.com/cumulite/cumulite/platform/store"
)

// checkPorts compares the interfaces of servers with the ports that are bound
// to servers. Servers that operations have in hand are left to these.
func (s *Service) checkPorts(ctx context.Context) ([]doctor.Finding, error) {
	var list []Server
	err := s.DB.Read().NewSelect().Model(&list).Column("id", "version", "host", "task_state", "interfaces").Scan(ctx)
	if err != nil {
		return nil, err
	}
	bound, err := s.bound(ctx)
	if err != nil {
		return nil, err
	}
	var suspects []suspect
	for _, srv := range list {
		suspects = append(suspects, s.suspectPorts(srv, bound)...)
	}
	found, err := s.unchanged(ctx, suspects)
	if err != nil {
		return nil, err
	}
	left, err := s.abandoned(ctx, bound)
	return append(found, left...), err
}

// bound gives the ports that are bound to servers, by their ids.
func (s *Service) bound(ctx context.Context) (map[string]network.Bound, error) {
	all, err := s.Networks.Bound(asCompute(ctx), network.OwnerCompute)
	bound := make(map[string]network.Bound, len(all))
	for _, b := range all {
		bound[b.PortID] = b
	}
	return bound, err
}

// suspectPorts finds which interfaces of a server are on no port of its own,
// and takes those that are from bound.
func (s *Service) suspectPorts(srv Server, bound map[string]network.Bound) (suspects []suspect) {
	for _, i := range srv.Interfaces {
		b, is := bound[i.PortID]
		if is && b.DeviceID == srv.ID {
			delete(bound, i.PortID)
		}
		if srv.Task != TaskNone || srv.Host == "" || is && b.DeviceID == srv.ID && b.Host == srv.Host {
			continue
		}
		suspects = append(suspects, suspect{srv, doctor.Finding{Object: "server " + srv.ID, Says: "its port " + i.PortID + " is not bound to it on host " + srv.Host,
			Repair: func(ctx context.Context) error { return s.rebind(ctx, srv, i.PortID) }}})
	}
	return suspects
}

// rebind plugs a server's port in again. A port that is no more, or is
// another's, is the server's no longer.
func (s *Service) rebind(ctx context.Context, was Server, portID string) error {
	if still, err := s.still(ctx, was); err != nil || !still {
		return err
	}
	port, err := s.Networks.GetPort(asCompute(ctx), portID)
	if err != nil && !errs.Is(err, errs.NotFound) {
		return err
	}
	srv, failed := s.server(ctx, was.ID)
	if failed != nil {
		return failed
	}
	if err == nil && (port.DeviceID == "" || port.DeviceID == srv.ID) {
		_, err := s.plug(ctx, srv, portID)
		return err
	}
	if h, err := s.hypervisor(srv.Host); err == nil {
		if err := h.Unplug(ctx, "", srv.ID, portID); err != nil && !errs.Is(err, errs.NotFound) {
			return err
		}
	}
	return s.write(ctx, func(ctx context.Context, tx *store.Tx) error {
		srv.Interfaces = slices.DeleteFunc(srv.Interfaces, func(i Interface) bool { return i.PortID == portID })
		if err := s.emit(ctx, tx, "updated", srv); err != nil {
			return err
		}
		return s.save(ctx, tx, srv, "interfaces")
	})
}

// abandoned finds ports that are bound to servers which do not have them, or
// are no more. They are unbound, for their owners to use or delete.
func (s *Service) abandoned(ctx context.Context, bound map[string]network.Bound) ([]doctor.Finding, error) {
	if len(bound) == 0 {
		return nil, nil
	}
	busy, err := s.busy(ctx)
	if err != nil {
		return nil, err
	}
	var found []doctor.Finding
	for id, b := range bound {
		if busy[b.DeviceID] {
			continue
		}
		f := doctor.Finding{Object: "port " + id, Says: "it is bound to server " + b.DeviceID + ", which does not have it"}
		f.Repair = func(ctx context.Context) error { return s.unbind(ctx, b) }
		found = append(found, f)
	}
	return found, nil
}

func (s *Service) unbind(ctx context.Context, b network.Bound) error {
	busy, err := s.busy(ctx)
	if err != nil || busy[b.DeviceID] {
		return err
	}
	srv, err := store.Get[Server](ctx, s.DB.Read(), b.DeviceID)
	if err != nil && !store.IsNone(err) || err == nil && slices.ContainsFunc(srv.Interfaces, func(i Interface) bool { return i.PortID == b.PortID }) {
		return err
	}
	port, err := s.Networks.GetPort(asCompute(ctx), b.PortID)
	if errs.Is(err, errs.NotFound) || err == nil && port.DeviceID != b.DeviceID {
		return nil
	}
	if err != nil {
		return err
	}
	return s.unplug(asCompute(ctx), b.PortID)
}
