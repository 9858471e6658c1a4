package compute

import (
	"context"
	"time"

	"github.com/cumulite/cumulite/compute/schedule"
	"github.com/cumulite/cumulite/platform/errs"
	"github.com/cumulite/cumulite/platform/flow"
	"github.com/cumulite/cumulite/platform/store"
)

// createArgs are those of the operation that builds a server.
type createArgs struct {
	Force  bool          // onto the host that was asked for, past the scheduler
	Ports  []plannedPort // with the ids that they have, or will have
	Groups []string      // security groups of the ports that are made
	Host   string        // that was chosen
	NICs   []NIC         // plugged in there

	Tried     []attempt // on other hosts before
	Failing   time.Time // since when calls to the host fail; zero while they do not
	Blamed    bool      // it failed because of the host
	Launching bool      // the host was told to start the guest, or may have been
	Unsure    bool      // and could not be asked to remove it
}

// createOperation builds a server: finds its host, plugs its ports there,
// makes and starts its guest.
func (s *Service) createOperation() flow.Operation[createArgs] {
	return flow.Operation[createArgs]{
		Kind: "compute.server.create",
		Steps: []flow.Step[createArgs]{
			{Name: "schedule", Do: s.chooseHost, Save: s.claimHost, Undo: s.unclaimHost},
			{Name: "network", Skip: needsNoPorts, Do: s.plugNetworks, Save: s.savePlugged, Undo: s.unplugNetworks},
			{Name: "spawn", Do: s.spawn, Undo: s.destroy},
		},
		Deadline: time.Hour,
		Done: func(ctx context.Context, tx *store.Tx, r *flow.Run[createArgs]) error {
			return s.settle(ctx, tx, r.ID, r.Key, nil, func(srv *Server) []string {
				srv.setState(State{VM: VMActive})
				srv.launched(s.Clock.Now())
				return []string{"launched_at", "power_state", "progress", "fault"}
			})
		},
		Failed:  s.buildFailed,
		Observe: observe(s, func(a *createArgs) (string, int) { return a.Host, len(a.Tried) }),
	}
}

func (s *Service) chooseHost(ctx context.Context, r *flow.Run[createArgs]) error {
	srv, err := s.server(ctx, r.Key)
	if err != nil {
		return err
	}
	r.Args.Host, err = s.choose(ctx, srv, r.Args.Force, r.Args.tried())
	return err
}

func (s *Service) claimHost(ctx context.Context, tx *store.Tx, r *flow.Run[createArgs]) error {
	srv, err := lockServer(ctx, tx, r.Key)
	if err != nil {
		return err
	}
	if err := s.claim(ctx, tx, srv, r.Args.Host, r.Args.Force); err != nil {
		return err
	}
	srv.Interfaces = interfacesOf(r.Args.Ports)
	next := TaskNetworking
	if needsNoPorts(r) {
		next = TaskSpawning
	}
	return s.advance(ctx, tx, r.ID, srv, next, append(claimColumns, "interfaces")...)
}

// advance notes what an operation does next with a server, unless another has
// that by now.
func (s *Service) advance(ctx context.Context, tx *store.Tx, op string, srv *Server, task TaskState, columns ...string) error {
	if srv.owned(op) && srv.Task != TaskDeleting {
		srv.Task = task
	}
	return s.save(ctx, tx, srv, columns...)
}

// unclaimHost gives back the host, and the ports unless they go on to the next.
func (s *Service) unclaimHost(ctx context.Context, r *flow.Run[createArgs]) error {
	if err := s.unplugNetworks(ctx, r); err != nil {
		return err
	}
	err := s.DB.Write(ctx, func(ctx context.Context, tx *store.Tx) error {
		srv, err := lockServer(ctx, tx, r.Key)
		if store.IsNone(err) || err == nil && srv.Host == "" && len(srv.Interfaces) == 0 {
			return nil
		}
		if err != nil {
			return err
		}
		if err := s.unclaim(ctx, tx, srv); err != nil {
			return err
		}
		srv.Host, srv.Zone, srv.Claimed = "", "", schedule.Amounts{}
		if !s.goesOn(r) {
			srv.Interfaces = []Interface{}
		}
		return s.save(ctx, tx, srv, append(claimColumns, "interfaces")...)
	})
	s.places.forget() // the choice may have been noted without a claim
	return err
}

// needsNoPorts has a build go on with the guest right away.
func needsNoPorts(r *flow.Run[createArgs]) bool { return len(r.Args.Ports) == 0 }

// plugNetworks makes the ports that are to be made and plugs all in.
func (s *Service) plugNetworks(ctx context.Context, r *flow.Run[createArgs]) error {
	srv, err := s.server(ctx, r.Key)
	if err != nil {
		return err
	}
	r.Args.Blamed = false
	for _, p := range r.Args.Ports {
		if err := s.ensurePort(ctx, srv, p, r.Args.Groups); err != nil {
			return err
		}
	}
	r.Args.NICs, err = s.plugAll(ctx, srv, interfacesOf(r.Args.Ports))
	return s.judge(ctx, r, err)
}

func (s *Service) savePlugged(ctx context.Context, tx *store.Tx, r *flow.Run[createArgs]) error {
	srv, err := lockServer(ctx, tx, r.Key)
	if err != nil {
		return err
	}
	return s.advance(ctx, tx, r.ID, srv, TaskSpawning)
}

// unplugNetworks takes the ports away, unless they go on to the next host.
func (s *Service) unplugNetworks(ctx context.Context, r *flow.Run[createArgs]) error {
	if s.goesOn(r) {
		return nil
	}
	return s.dropInterfaces(ctx, r.Key, interfacesOf(r.Args.Ports))
}

// spawn makes and starts the guest.
func (s *Service) spawn(ctx context.Context, r *flow.Run[createArgs]) error {
	srv, err := s.server(ctx, r.Key)
	if err != nil {
		return err
	}
	spec, err := s.guestSpec(ctx, srv, r.Args.NICs)
	if err != nil {
		return err
	}
	r.Args.Launching = r.Args.Launching || r.Again
	return s.judge(ctx, r, s.onHost(ctx, srv.Host, func(ctx context.Context, h Hypervisor) error {
		ctx, cancel := context.WithTimeout(ctx, spawnTimeout)
		defer cancel()
		if err := h.Create(ctx, r.ID, spec); err != nil {
			return err
		}
		r.Args.Launching = true
		return h.Start(ctx, r.ID, spec)
	}))
}

// spawnTimeout is how long a host may take for one attempt at a guest: one that
// answers may hang all the same.
const spawnTimeout = 10 * time.Minute

func (s *Service) destroy(ctx context.Context, r *flow.Run[createArgs]) error {
	removed, err := s.removeGuest(ctx, r.ID, r.Key, r.Args.Host)
	if err != nil || removed || !r.Args.Launching {
		return err
	}
	host, err := hostNamed(ctx, s.DB.Read(), r.Args.Host)
	if errs.Is(err, errs.NotFound) {
		return nil // it was removed
	}
	r.Args.Unsure = err == nil && !host.ForcedDown
	return err
}

// removeGuest takes a guest off its host. A host that is down cannot be waited
// for: the guest is removed when it comes back and is found there.
func (s *Service) removeGuest(ctx context.Context, op, id, host string) (removed bool, err error) {
	if host == "" {
		return true, nil
	}
	h, err := s.hypervisor(host)
	if errs.Is(err, errs.Unavailable) {
		s.log.Warn("a guest stays on a host that is not available", "server", id, "host", host)
		return false, nil
	}
	if err != nil {
		return false, err
	}
	// A host that hangs is known to be down by the next attempt.
	ctx, cancel := context.WithTimeout(ctx, removeTimeout)
	defer cancel()
	err = h.Remove(ctx, op, id)
	return err == nil, err
}

// removeTimeout is how long a host may take to remove a guest.
const removeTimeout = time.Minute

// guestSpec is all that a host needs to know of a server.
func (s *Service) guestSpec(ctx context.Context, srv *Server, nics []NIC) (GuestSpec, error) {
	spec := GuestSpec{
		ID: srv.ID, Name: srv.InstanceName(), VCPUs: srv.Flavor.VCPUs, MemoryMiB: srv.Flavor.MemoryMiB, RootGiB: srv.Flavor.DiskGiB,
		EphemeralGiB: srv.Flavor.EphemeralGiB, SwapMiB: srv.Flavor.SwapMiB, Image: srv.Image, NICs: nics, Hostname: srv.Hostname, Extra: map[string]string{},
	}
	for key, value := range srv.ImageProperties {
		spec.Extra[key] = value
	}
	for key, value := range srv.Flavor.ExtraSpecs {
		spec.Extra[key] = value
	}
	if !srv.ConfigDrive {
		return spec, nil
	}
	files, err := s.metadataOf(ctx, srv)
	spec.ConfigDrive = configDriveFiles(files)
	return spec, err
}
