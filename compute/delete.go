package compute

import (
	"context"

	"github.com/cumulite/cumulite/platform/flow"
	"github.com/cumulite/cumulite/platform/store"
)

// deleteArgs are those of the operation that deletes a server.
type deleteArgs struct {
	Host       string
	Interfaces []Interface
}

// DeleteServer has a server deleted. What is being done to it is cut short
// and undone first.
func (s *Service) DeleteServer(ctx context.Context, id string) error {
	_, err := s.begin(ctx, id, ActionServerDelete, DoDelete, "delete", func(ctx context.Context, tx *store.Tx, srv *Server) (string, []string, error) {
		if err := s.Ops.Cancel(ctx, tx, id); err != nil {
			return "", nil, err
		}
		op, err := s.ops.remove.Start(ctx, tx, id, deleteArgs{Host: srv.Host})
		return op, nil, err
	})
	return err
}

// deleteOperation takes away a server's guest, its ports and its row.
func (s *Service) deleteOperation() flow.Operation[deleteArgs] {
	return flow.Operation[deleteArgs]{
		Kind:    "compute.server.delete",
		Forward: true,
		Steps: []flow.Step[deleteArgs]{
			{Name: "destroy", Do: s.destroyGuest},
			{Name: "deallocate_network", Do: func(ctx context.Context, r *flow.Run[deleteArgs]) error {
				return s.dropInterfaces(ctx, r.Key, r.Args.Interfaces)
			}},
		},
		Done:    s.forgetServer,
		Observe: observe(s, func(a *deleteArgs) (string, int) { return a.Host, 0 }),
	}
}

// destroyGuest removes the guest of a server as it stands now: what ran before
// this operation may have changed where it is and what it has.
func (s *Service) destroyGuest(ctx context.Context, r *flow.Run[deleteArgs]) error {
	srv, err := store.Get[Server](ctx, s.DB.Read(), r.Key)
	if store.IsNone(err) {
		return nil // another request to delete it came first
	}
	if err != nil {
		return err
	}
	r.Args.Host, r.Args.Interfaces = srv.Host, srv.Interfaces
	_, err = s.removeGuest(ctx, r.ID, r.Key, srv.Host)
	return err
}

// forgetServer moves a server's row to those that were, and gives back what
// the server counted for.
func (s *Service) forgetServer(ctx context.Context, tx *store.Tx, r *flow.Run[deleteArgs]) error {
	if err := s.endAction(ctx, tx, r.Key, nil); err != nil {
		return err
	}
	srv, err := lockServer(ctx, tx, r.Key)
	if store.IsNone(err) {
		return nil
	}
	if err != nil {
		return err
	}
	if err := s.unclaim(ctx, tx, srv); err != nil {
		return err
	}
	if err := s.bury(ctx, tx, srv); err != nil {
		return err
	}
	if err := s.quotas.Use(ctx, tx, srv.ProjectID, usage(srv, -1)); err != nil {
		return err
	}
	return s.emit(ctx, tx, "deleted", srv)
}

// bury makes the record of a server that is no more.
func (s *Service) bury(ctx context.Context, tx *store.Tx, srv *Server) error {
	now := s.Clock.Now()
	srv.setState(State{VM: VMDeleted})
	srv.Power, srv.UpdatedAt, srv.TerminatedAt, srv.Interfaces = NoState, now, &now, []Interface{}
	if _, err := tx.NewInsert().Model(srv).ModelTableExpr("compute_deleted_servers").Exec(ctx); err != nil {
		return err
	}
	for _, from := range []string{"DELETE FROM compute_servers WHERE id = ?", "DELETE FROM compute_server_tags WHERE server_id = ?", "DELETE FROM compute_guest_data WHERE server_id = ?"} {
		if _, err := tx.Exec(ctx, from, srv.ID); err != nil {
			return err
		}
	}
	return s.leaveGroups(ctx, tx, srv.ID)
}
