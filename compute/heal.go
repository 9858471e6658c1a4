package compute

import (
	"context"
	"slices"
	"time"

	"github.com/cumulite/cumulite/platform/errs"
	"github.com/cumulite/cumulite/platform/flow"
	"github.com/cumulite/cumulite/platform/store"
)

const (
	healEvery  = time.Minute // how often orphans are looked for
	healAtOnce = 500         // servers whose operations are asked for with one query
)

// heal settles now and then what a repaired or restored database, or a mistake
// of ours, has left in between. A server that changed within the last minute
// is left alone.
func (s *Service) heal(ctx context.Context) {
	if err := s.settleOrphans(ctx, s.Clock.Now().Add(-healEvery)); err != nil && ctx.Err() == nil {
		s.log.Error("servers that were left in between cannot be settled", "error", err)
	}
}

// settleOrphans ends what no operation carries on in servers that have not
// changed since before. Every process may do it at any time: it changes only
// what nobody else does.
func (s *Service) settleOrphans(ctx context.Context, before time.Time) error {
	var list []Server
	err := s.DB.Read().NewSelect().Model(&list).Column("id", "version", "task_state", "operation").
		Where("task_state <> '' AND updated_at <= ?", before).Scan(ctx)
	if err != nil {
		return err
	}
	for some := range slices.Chunk(list, healAtOnce) {
		if err := s.settleThose(ctx, some); err != nil {
			return err
		}
	}
	return nil
}

// unattended gives the servers that are in between although no operation carries
// them on.
func (s *Service) unattended(ctx context.Context) ([]Server, error) {
	var list []Server
	if err := s.DB.Read().NewSelect().Model(&list).Where("task_state <> '' OR vm_state = ?", VMBuilding).Order("id").Scan(ctx); err != nil || len(list) == 0 {
		return nil, err
	}
	carried, err := s.carried(ctx, list)
	return slices.DeleteFunc(list, func(srv Server) bool { return len(carried[srv.ID]) > 0 }), err
}

// carried gives the operations that may own what is done to servers, by server.
func (s *Service) carried(ctx context.Context, list []Server) (map[string][]flow.Info, error) {
	keys := make([]string, len(list))
	for i := range list {
		keys[i] = list[i].ID
	}
	ops, err := s.Ops.List(ctx, keys...)
	by := map[string][]flow.Info{}
	for _, op := range ops {
		if s.owning[op.Kind] {
			by[op.Key] = append(by[op.Key], op)
		}
	}
	return by, err
}

// settleThose settles those of the servers that no operation carries on, and
// that have not changed since they were read.
func (s *Service) settleThose(ctx context.Context, list []Server) error {
	if len(list) == 0 {
		return nil
	}
	carried, err := s.carried(ctx, list)
	if err != nil {
		return err
	}
	for i := range list {
		ops := carried[list[i].ID]
		if slices.ContainsFunc(ops, func(op flow.Info) bool { return op.ID == list[i].Operation }) {
			continue
		}
		err := s.DB.Write(asked(ctx), func(ctx context.Context, tx *store.Tx) error { return s.settleOrphan(ctx, tx, &list[i], ops) })
		if err != nil && !store.IsNone(err) && !errs.Is(err, errs.Conflict) {
			return err // the others were changed meanwhile
		}
	}
	return nil
}

// settleOrphan gives a server to the last of the operations that there are,
// what an earlier release may have left to do, or ends what none of them does.
func (s *Service) settleOrphan(ctx context.Context, tx *store.Tx, seen *Server, ops []flow.Info) error {
	srv, err := lockServer(ctx, tx, seen.ID)
	if err != nil || srv.Version != seen.Version {
		return err
	}
	if len(ops) > 0 {
		srv.Operation = ops[len(ops)-1].ID
		return s.save(ctx, tx, srv)
	}
	s.log.Warn("a server was left in between without an operation", "server", srv.ID, "task", srv.Task)
	if srv.Task == TaskDeleting {
		if srv.Operation, err = s.ops.remove.Start(ctx, tx, srv.ID, deleteArgs{Host: srv.Host}); err != nil {
			return err
		}
		return s.save(ctx, tx, srv)
	}
	if err := s.failLastAction(ctx, tx, srv.ID); err != nil {
		return err
	}
	var columns []string
	if srv.VM == VMBuilding || srv.Task == TaskRebuilding || srv.Task == TaskRebuildSpawn {
		columns = s.fail(srv, errInterrupted)
	}
	srv.setState(State{VM: srv.VM})
	if err := s.emit(ctx, tx, "updated", srv); err != nil {
		return err
	}
	return s.save(ctx, tx, srv, columns...)
}

var errInterrupted = errs.New(errs.Unavailable, "The operation was interrupted, and cannot be taken up again.")
