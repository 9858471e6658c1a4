package compute

import (
	"context"
	"slices"
	"time"

	"github.com/cumulite/cumulite/network"
	"github.com/cumulite/cumulite/platform/errs"
	"github.com/cumulite/cumulite/platform/flow"
	"github.com/cumulite/cumulite/platform/policy"
	"github.com/cumulite/cumulite/platform/store"
)

// Addresses gives the interfaces of servers that the caller was shown, with
// their addresses and security groups, by the servers' ids. What other projects
// say of their ports makes them no interfaces of a server.
func (s *Service) Addresses(ctx context.Context, list []Server) (map[string][]network.Attachment, error) {
	if len(list) == 0 {
		return map[string][]network.Attachment{}, nil
	}
	ids := make([]string, len(list))
	for i := range list {
		ids[i] = list[i].ID
	}
	all, err := s.Networks.Attachments(asCompute(ctx), ids)
	for i := range list {
		srv := &list[i]
		all[srv.ID] = slices.DeleteFunc(all[srv.ID], func(a network.Attachment) bool { return !srv.owns(&a.Port) })
	}
	return all, err
}

// owns tells whether a port that is said to be a server's is.
func (srv *Server) owns(p *network.Port) bool {
	return p.ProjectID == srv.ProjectID || slices.ContainsFunc(srv.Interfaces, func(i Interface) bool { return i.PortID == p.ID })
}

// ServerAddresses gives the interfaces of a server with their addresses.
func (s *Service) ServerAddresses(ctx context.Context, id string) ([]network.Attachment, error) {
	return s.attachments(ctx, ActionServerAddressIndex, id)
}

// ListInterfaces gives the interfaces of a server in the order the guest sees them.
func (s *Service) ListInterfaces(ctx context.Context, id string) ([]network.Attachment, error) {
	return s.attachments(ctx, ActionServerInterfaceList, id)
}

// GetInterface gives the interface that a server has on a port.
func (s *Service) GetInterface(ctx context.Context, id, portID string) (*network.Attachment, error) {
	list, err := s.attachments(ctx, ActionServerInterfaceShow, id)
	if err != nil {
		return nil, err
	}
	i := slices.IndexFunc(list, func(a network.Attachment) bool { return a.Port.ID == portID })
	if i < 0 {
		return nil, errs.NotFoundf("Instance %s does not have a port with id %s", id, portID)
	}
	return &list[i], nil
}

func (s *Service) attachments(ctx context.Context, rule policy.Action, id string) ([]network.Attachment, error) {
	srv, err := s.findServer(ctx, s.DB.Read(), rule, id)
	if err != nil {
		return nil, err
	}
	all, err := s.Addresses(ctx, []Server{*srv})
	return all[id], err
}

// attachArgs are those of the operation that gives a server an interface.
type attachArgs struct {
	Host string
	Port plannedPort
	NIC  NIC
}

// AttachInterface gives a server an interface, and returns when it is there.
func (s *Service) AttachInterface(ctx context.Context, id string, in AttachInterface) (*network.Attachment, error) {
	if _, err := s.findServer(ctx, s.DB.Read(), ActionServerInterfaceCreate, id); err != nil {
		return nil, err
	}
	port, err := s.planAttach(ctx, in)
	if err != nil {
		return nil, err
	}
	var op string
	var done <-chan error
	_, err = s.begin(ctx, id, ActionServerInterfaceCreate, DoAttachInterface, "attach_interface", func(ctx context.Context, tx *store.Tx, srv *Server) (string, []string, error) {
		if slices.ContainsFunc(srv.Interfaces, func(i Interface) bool { return i.PortID == port.ID }) {
			return "", nil, errs.Conflictf("Port %s is still in use.", port.ID)
		}
		if op, err = s.ops.attach.Start(ctx, tx, id, attachArgs{Host: srv.Host, Port: port}); err != nil {
			return "", nil, err
		}
		done = s.waits.on(op)
		return op, nil, nil
	})
	defer s.waits.off(op)
	if err != nil {
		return nil, err
	}
	select {
	case err = <-done:
	case <-ctx.Done():
		err = errs.New(errs.Timeout, "The interface was not attached in time.").Because(ctx.Err())
	}
	if err != nil {
		return nil, err
	}
	return s.GetInterface(ctx, id, port.ID)
}

// planAttach resolves what interface is asked for.
func (s *Service) planAttach(ctx context.Context, in AttachInterface) (plannedPort, error) {
	if in.PortID == "" && in.NetworkID == "" {
		n, err := s.defaultNetwork(ctx)
		if err != nil {
			return plannedPort{}, err
		}
		if n == nil {
			return plannedPort{}, errs.Invalidf("No networks defined.")
		}
		in.NetworkID = n.ID
	}
	p, err := s.plan(ctx, RequestedNetwork(in))
	if err != nil {
		return p, err
	}
	return planned([]plannedPort{p})[0], nil
}

func (s *Service) attachOperation() flow.Operation[attachArgs] {
	return flow.Operation[attachArgs]{
		Kind:     "compute.server.attach_interface",
		Deadline: time.Minute,
		Steps: []flow.Step[attachArgs]{
			{Name: "plug_network", Do: s.plugAttached, Undo: func(ctx context.Context, r *flow.Run[attachArgs]) error {
				return s.dropInterfaces(ctx, r.Key, interfacesOf([]plannedPort{r.Args.Port}))
			}},
			{Name: "attach_interface", Do: s.attachToGuest, Undo: s.detachAgain},
		},
		Done: func(ctx context.Context, tx *store.Tx, r *flow.Run[attachArgs]) error {
			s.waits.end(tx, r.ID, nil)
			return s.changeInterfaces(ctx, tx, r.Key, func(list []Interface) []Interface {
				return append(list, interfacesOf([]plannedPort{r.Args.Port})...)
			})
		},
		Failed: func(ctx context.Context, tx *store.Tx, r *flow.Run[attachArgs], cause error) error {
			s.waits.end(tx, r.ID, cause)
			return s.endAction(ctx, tx, r.Key, cause)
		},
		Observe: observe(s, func(a *attachArgs) (string, int) { return a.Host, 0 }),
	}
}

func (s *Service) plugAttached(ctx context.Context, r *flow.Run[attachArgs]) error {
	srv, err := s.server(ctx, r.Key)
	if err != nil {
		return err
	}
	if err := s.ensurePort(ctx, srv, r.Args.Port, nil); err != nil {
		return err
	}
	r.Args.NIC, err = s.plug(ctx, srv, r.Args.Port.ID)
	return err
}

func (s *Service) attachToGuest(ctx context.Context, r *flow.Run[attachArgs]) error {
	srv, err := s.server(ctx, r.Key)
	if err != nil {
		return err
	}
	return s.onHost(ctx, srv.Host, func(ctx context.Context, h Hypervisor) error { return h.Plug(ctx, r.ID, r.Key, r.Args.NIC) })
}

// detachAgain takes the interface from the guest. A host that does not answer
// is not waited for: that is left to an operation of its own.
func (s *Service) detachAgain(ctx context.Context, r *flow.Run[attachArgs]) error {
	srv, h, err := s.guest(ctx, r.Key)
	if err == nil {
		err = h.Unplug(ctx, r.ID, r.Key, r.Args.Port.ID)
	}
	switch {
	case err == nil || errs.Is(err, errs.NotFound):
		return nil
	case srv != nil && errs.Is(err, errs.Unavailable) && (h == nil || r.Attempt > 3):
		return s.DB.Write(ctx, func(ctx context.Context, tx *store.Tx) error {
			return s.forgetPort(ctx, tx, forgetArgs{Server: r.Key, Port: r.Args.Port.ID})
		})
	}
	return err
}

// changeInterfaces changes the list of a server's interfaces, whatever else is
// done to it, and ends the action that asked for it.
func (s *Service) changeInterfaces(ctx context.Context, tx *store.Tx, id string, change func([]Interface) []Interface) error {
	srv, err := lockServer(ctx, tx, id)
	if err != nil {
		return err
	}
	srv.Interfaces = change(srv.Interfaces)
	if err := s.endAction(ctx, tx, id, nil); err != nil {
		return err
	}
	if err := s.emit(ctx, tx, "updated", srv); err != nil {
		return err
	}
	if err := s.refreshMetadata(ctx, tx, srv); err != nil {
		return err
	}
	return s.save(ctx, tx, srv, "interfaces")
}

// detachArgs are those of the operations that take an interface from a server.
type detachArgs struct {
	Host      string
	Interface Interface
}

// DetachInterface has an interface taken from a server.
func (s *Service) DetachInterface(ctx context.Context, id, portID string) error {
	_, err := s.begin(ctx, id, ActionServerInterfaceDelete, DoDetachInterface, "detach_interface", func(ctx context.Context, tx *store.Tx, srv *Server) (string, []string, error) {
		i := slices.IndexFunc(srv.Interfaces, func(i Interface) bool { return i.PortID == portID })
		if i < 0 {
			return "", nil, errs.NotFoundf("Port id %s could not be found.", portID)
		}
		op, err := s.ops.detach.Start(ctx, tx, id, detachArgs{Host: srv.Host, Interface: srv.Interfaces[i]})
		return op, nil, err
	})
	return err
}

// detachOperation takes the interface from the guest. When that has let go,
// the port is released by an operation of its own, which is never undone: a
// port that is deleted cannot come back.
func (s *Service) detachOperation() flow.Operation[detachArgs] {
	return flow.Operation[detachArgs]{
		Kind:     "compute.server.detach_interface",
		Deadline: 2 * time.Minute,
		Steps:    []flow.Step[detachArgs]{{Name: "detach_interface", Do: s.detachFromGuest, Undo: s.attachAgain}},
		Done: func(ctx context.Context, tx *store.Tx, r *flow.Run[detachArgs]) error {
			if _, err := s.ops.release.Start(ctx, tx, r.Key, r.Args); err != nil {
				return err
			}
			return s.changeInterfaces(ctx, tx, r.Key, func(list []Interface) []Interface {
				return slices.DeleteFunc(list, func(i Interface) bool { return i.PortID == r.Args.Interface.PortID })
			})
		},
		Failed: func(ctx context.Context, tx *store.Tx, r *flow.Run[detachArgs], cause error) error {
			return s.endAction(ctx, tx, r.Key, cause)
		},
		Observe: observe(s, func(a *detachArgs) (string, int) { return a.Host, 0 }),
	}
}

func (s *Service) detachFromGuest(ctx context.Context, r *flow.Run[detachArgs]) error {
	srv, err := s.server(ctx, r.Key)
	if err != nil {
		return err
	}
	return s.onHost(ctx, srv.Host, func(ctx context.Context, h Hypervisor) error {
		return h.Unplug(ctx, r.ID, r.Key, r.Args.Interface.PortID)
	})
}

// attachAgain gives the guest back what it may have let go of. When that
// cannot be done it gets it at its next start.
func (s *Service) attachAgain(ctx context.Context, r *flow.Run[detachArgs]) error {
	srv, h, err := s.guest(ctx, r.Key)
	if err != nil {
		return nil //nolint:nilerr // see above
	}
	nic, err := s.plug(ctx, srv, r.Args.Interface.PortID)
	if err == nil {
		err = h.Plug(ctx, r.ID, r.Key, nic)
	}
	if r.Attempt > 3 || errs.Is(err, errs.NotFound) {
		return nil
	}
	return err
}

func (s *Service) releaseOperation() flow.Operation[detachArgs] {
	return flow.Operation[detachArgs]{
		Kind:    "compute.server.release_port",
		Forward: true,
		Steps: []flow.Step[detachArgs]{{Name: "deallocate_port", Do: func(ctx context.Context, r *flow.Run[detachArgs]) error {
			return s.dropInterfaces(ctx, r.Key, []Interface{r.Args.Interface})
		}}},
		Observe: observe(s, func(a *detachArgs) (string, int) { return a.Host, 0 }),
	}
}
