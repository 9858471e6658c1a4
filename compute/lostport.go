package compute

import (
	"context"
	"encoding/json"
	"slices"
	"time"

	"github.com/cumulite/cumulite/platform/errs"
	"github.com/cumulite/cumulite/platform/event"
	"github.com/cumulite/cumulite/platform/flow"
	"github.com/cumulite/cumulite/platform/store"
)

// forgetArgs are those of the operation that takes an interface from a guest
// whose server does not have it any more.
type forgetArgs struct {
	Server, Port string
	Gone         bool // the port is no more
}

// portDeleted is told of each port that was deleted. One that a server had
// until then, which somebody deleted past us, is taken from the server, as
// Nova does when Neutron tells it so.
func (s *Service) portDeleted(ctx context.Context, ev event.Event) error {
	var port struct {
		Device string `json:"device_id"`
	}
	if err := json.Unmarshal(ev.Payload, &port); err != nil {
		return errs.Wrap(err, "read an event of port %s", ev.Resource)
	}
	if port.Device == "" {
		return nil
	}
	srv, err := store.Get[Server](ctx, s.DB.Read(), port.Device)
	if store.IsNone(err) || err == nil && srv.Task == TaskDeleting {
		return nil
	}
	if err != nil {
		return err
	}
	return s.DB.Write(asked(ctx), func(ctx context.Context, tx *store.Tx) error {
		if err := s.dropLost(ctx, tx, srv.ID, ev.Resource); err != nil {
			return err
		}
		return s.forgetPort(ctx, tx, forgetArgs{Server: srv.ID, Port: ev.Resource, Gone: true})
	})
}

// forgetPort has an interface taken from a guest when its host answers.
func (s *Service) forgetPort(ctx context.Context, tx *store.Tx, a forgetArgs) error {
	_, err := s.ops.forget.Start(ctx, tx, "port/"+a.Port, a)
	return err
}

func (srv *Server) plugs(portID string) bool {
	return slices.ContainsFunc(srv.Interfaces, func(i Interface) bool { return i.PortID == portID })
}

// dropLost takes an interface off a server's list.
func (s *Service) dropLost(ctx context.Context, tx *store.Tx, id, portID string) error {
	srv, err := lockServer(ctx, tx, id)
	if store.IsNone(err) {
		return nil
	}
	if err != nil || !srv.plugs(portID) {
		return err
	}
	srv.Interfaces = slices.DeleteFunc(srv.Interfaces, func(i Interface) bool { return i.PortID == portID })
	if err := s.save(ctx, tx, srv, "interfaces"); err != nil {
		return err
	}
	if err := s.emit(ctx, tx, "updated", srv); err != nil {
		return err
	}
	return s.refreshMetadata(ctx, tx, srv)
}

// forgetOperation takes the interface from the guest, too. It waits until
// nothing else is done to the server, which may be about to plug the port in;
// it keeps nothing waiting itself.
func (s *Service) forgetOperation() flow.Operation[forgetArgs] {
	return flow.Operation[forgetArgs]{
		Kind: "compute.server.forget_port", Forward: true, Deadline: 2 * time.Minute,
		Steps: []flow.Step[forgetArgs]{{Name: "detach_interface", Do: s.unplugLost}},
		Done: func(ctx context.Context, tx *store.Tx, r *flow.Run[forgetArgs]) error {
			if !r.Args.Gone {
				return nil
			}
			return s.dropLost(ctx, tx, r.Args.Server, r.Args.Port)
		},
	}
}

func (s *Service) unplugLost(ctx context.Context, r *flow.Run[forgetArgs]) error {
	under, err := s.Ops.List(ctx, r.Args.Server)
	if err != nil {
		return err
	}
	if len(under) > 0 {
		return errs.New(errs.Unavailable, "Something else is done to the server.")
	}
	srv, err := s.server(ctx, r.Args.Server)
	if errs.Is(err, errs.NotFound) || err == nil && (srv.Host == "" || srv.plugs(r.Args.Port) && !r.Args.Gone) {
		return nil
	}
	if err != nil {
		return err
	}
	h, err := s.hypervisor(srv.Host)
	if err != nil {
		return err
	}
	err = h.Unplug(ctx, r.ID, srv.ID, r.Args.Port)
	if errs.Is(err, errs.NotFound) {
		return nil
	}
	return err
}
