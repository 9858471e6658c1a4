package compute

import (
	"context"
	"slices"

	"github.com/cumulite/cumulite/platform/errs"
	"github.com/cumulite/cumulite/platform/store"
)

// Recover readies the service for its first request: every host that is there
// from the start has a row, and no server is in between without an operation
// that carries it on. Hosts are asked how they are, all at once and for a few
// seconds at most, unless another process may watch them already.
func (s *Service) Recover(ctx context.Context) error {
	for _, name := range s.hosts.Names() {
		if err := s.DB.Write(ctx, func(ctx context.Context, tx *store.Tx) error { return s.enterHost(ctx, tx, name) }); err != nil {
			return err
		}
	}
	if err := s.settleOrphans(ctx); err != nil {
		return err
	}
	if s.opts.Leases != nil {
		return s.learn(ctx)
	}
	s.hosts.Each(func(name string, h Hypervisor) { s.ask(ctx, name, h) })
	return nil
}

// settleOrphans ends what no operation carries on: what a repaired or restored
// database may hold.
func (s *Service) settleOrphans(ctx context.Context) error {
	var list []Server
	err := s.DB.Read().NewSelect().Model(&list).Where("task_state <> ''").Scan(ctx)
	if err != nil {
		return err
	}
	for i := range list {
		ops, err := s.Ops.List(ctx, list[i].ID)
		if err != nil {
			return err
		}
		if len(ops) > 0 {
			continue
		}
		s.log.Warn("a server was left in between without an operation", "server", list[i].ID, "task", list[i].Task)
		if err := s.DB.Write(ctx, func(ctx context.Context, tx *store.Tx) error { return s.settleOrphan(ctx, tx, &list[i]) }); err != nil {
			return err
		}
	}
	return nil
}

func (s *Service) settleOrphan(ctx context.Context, tx *store.Tx, srv *Server) error {
	if srv.Task == TaskDeleting {
		_, err := s.ops.remove.Start(ctx, tx, srv.ID, deleteArgs{Host: srv.Host})
		return err
	}
	if srv.VM == VMBuilding || slices.Contains(rebuilding, srv.Task) {
		return s.save(ctx, tx, srv, s.fail(srv, errs.New(errs.Internal, "it was interrupted"))...)
	}
	srv.Task = TaskNone
	return s.save(ctx, tx, srv)
}
