package compute

import (
	"context"
	"time"

	"github.com/cumulite/cumulite/platform/errs"
	"github.com/cumulite/cumulite/platform/flow"
	"github.com/cumulite/cumulite/platform/secret"
	"github.com/cumulite/cumulite/platform/store"
)

// rebuildArgs are those of the operation that rebuilds a server.
type rebuildArgs struct {
	Host  string
	Start bool // it is not stopped
}

// RebuildServer makes a server's guest anew, of an image, on its host and with
// its interfaces. What was on its disks is lost.
func (s *Service) RebuildServer(ctx context.Context, id string, in RebuildServer) (*Server, error) {
	before, err := s.findServer(ctx, s.DB.Read(), ActionServerRebuild, id)
	if err != nil {
		return nil, err
	}
	after, err := s.rebuilt(ctx, before, in)
	if err != nil {
		return nil, err
	}
	srv, err := s.begin(ctx, id, ActionServerRebuild, DoRebuild, "rebuild", func(ctx context.Context, tx *store.Tx, srv *Server) (string, []string, error) {
		if srv.Host == "" {
			return "", nil, errs.Conflictf("Cannot 'rebuild' instance %s while it has no host", id)
		}
		if srv.Version != before.Version {
			return "", nil, errs.Conflictf("The server was changed by another request.")
		}
		if err := s.checkMetadata(ctx, tx, srv.ProjectID, after.Metadata); err != nil {
			return "", nil, err
		}
		if err := s.changeGuestData(ctx, tx, id, in); err != nil {
			return "", nil, err
		}
		columns := append(srv.take(after), claimColumns...)
		if err := s.reclaim(ctx, tx, srv); err != nil {
			return "", nil, err
		}
		op, err := s.ops.rebuild.Start(ctx, tx, id, rebuildArgs{Host: srv.Host, Start: srv.VM != VMStopped})
		return op, columns, err
	})
	if err != nil {
		return nil, err
	}
	return srv, s.withTags(ctx, srv)
}

// rebuilt is a server as a request to rebuild it wants it, when that can be.
func (s *Service) rebuilt(ctx context.Context, srv *Server, in RebuildServer) (*Server, error) {
	after := *srv
	set(&after.Name, in.Name)
	set(&after.Description, in.Description)
	set(&after.Hostname, in.Hostname)
	set(&after.AccessIPv4, in.AccessIPv4)
	set(&after.AccessIPv6, in.AccessIPv6)
	set(&after.DiskConfig, in.DiskConfig)
	if in.Metadata != nil {
		after.Metadata = in.Metadata
	}
	if err := after.validate(); err != nil {
		return nil, err
	}
	if in.UserData != nil && *in.UserData != nil {
		if err := checkUserData((*in.UserData).Reveal()); err != nil {
			return nil, err
		}
	}
	if err := s.checkFiles(ctx, in.Personality); err != nil {
		return nil, err
	}
	if in.KeyName != nil {
		after.KeyName, after.KeyType, after.PublicKey = "", "", ""
		if *in.KeyName != nil {
			if err := s.setKey(ctx, &after, **in.KeyName); err != nil {
				return nil, err
			}
		}
	}
	return &after, s.setImage(ctx, &after, in.ImageID)
}

// take gives a server what a rebuild changes of it.
func (s *Server) take(after *Server) (columns []string) {
	s.Name, s.Description, s.Hostname, s.AccessIPv4, s.AccessIPv6 = after.Name, after.Description, after.Hostname, after.AccessIPv4, after.AccessIPv6
	s.DiskConfig, s.Metadata = after.DiskConfig, after.Metadata
	s.KeyName, s.KeyType, s.PublicKey = after.KeyName, after.KeyType, after.PublicKey
	s.ImageID, s.Image, s.ImageProperties = after.ImageID, after.Image, after.ImageProperties
	return []string{"name", "description", "hostname", "access_ipv4", "access_ipv6", "disk_config", "metadata",
		"key_name", "key_type", "public_key", "image_id", "image", "image_properties"}
}

// changeGuestData keeps what a rebuild says of user data and files.
func (s *Service) changeGuestData(ctx context.Context, tx *store.Tx, id string, in RebuildServer) error {
	if in.UserData == nil && in.Personality == nil {
		return nil
	}
	data, err := s.guestData(ctx, tx, id)
	if err != nil {
		return err
	}
	if in.UserData != nil {
		data.UserData = revealed(*in.UserData)
	}
	if in.Personality != nil {
		data.Files = in.Personality
	}
	return s.setGuestData(ctx, tx, id, data)
}

func revealed(s *secret.String) string {
	if s == nil {
		return ""
	}
	return s.Reveal()
}

// rebuildOperation removes the guest and makes it anew. When that fails the
// guest is lost: there is nothing to go back to.
func (s *Service) rebuildOperation() flow.Operation[rebuildArgs] {
	return flow.Operation[rebuildArgs]{
		Kind:     "compute.server.rebuild",
		Deadline: time.Hour,
		Steps: []flow.Step[rebuildArgs]{
			{Name: "rebuild_destroy", Do: s.destroyOld, Save: func(ctx context.Context, tx *store.Tx, r *flow.Run[rebuildArgs]) error {
				srv, err := lockServer(ctx, tx, r.Key)
				if err != nil {
					return err
				}
				return s.advance(ctx, tx, r.ID, srv, TaskRebuildSpawn)
			}},
			{Name: "rebuild_spawn", Do: s.spawnAnew},
		},
		Done: func(ctx context.Context, tx *store.Tx, r *flow.Run[rebuildArgs]) error {
			return s.settle(ctx, tx, r.ID, r.Key, nil, func(srv *Server) []string {
				srv.setState(State{VM: VMStopped})
				srv.Power, srv.Fault = Shutdown, nil
				if r.Args.Start {
					srv.setState(State{VM: VMActive})
					srv.launched(s.Clock.Now())
				}
				return []string{"power_state", "progress", "launched_at", "fault"}
			})
		},
		Failed: func(ctx context.Context, tx *store.Tx, r *flow.Run[rebuildArgs], cause error) error {
			return s.settle(ctx, tx, r.ID, r.Key, cause, func(srv *Server) []string { return s.fail(srv, cause) })
		},
		Observe: observe(s, func(a *rebuildArgs) (string, int) { return a.Host, 0 }),
	}
}

func (s *Service) destroyOld(ctx context.Context, r *flow.Run[rebuildArgs]) error {
	srv, err := s.server(ctx, r.Key)
	if err != nil {
		return err
	}
	return s.onHost(ctx, srv.Host, func(ctx context.Context, h Hypervisor) error { return h.Remove(ctx, r.ID, r.Key) })
}

func (s *Service) spawnAnew(ctx context.Context, r *flow.Run[rebuildArgs]) error {
	srv, err := s.server(ctx, r.Key)
	if err != nil {
		return err
	}
	spec, err := s.plugged(ctx, srv)
	if err != nil {
		return err
	}
	if err := s.tellGuest(ctx, srv.Interfaces); err != nil {
		return err
	}
	return s.onHost(ctx, srv.Host, func(ctx context.Context, h Hypervisor) error {
		if err := h.Create(ctx, r.ID, spec); err != nil || !r.Args.Start {
			return err
		}
		return h.Start(ctx, r.ID, spec)
	})
}
