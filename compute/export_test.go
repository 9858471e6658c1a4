package compute

import (
	"context"

	"github.com/cumulite/cumulite/platform/event"
	"github.com/cumulite/cumulite/platform/store"
)

// ReleasePort starts the operation that follows each detaching.
func (s *Service) ReleasePort(ctx context.Context, id string, i Interface) error {
	return s.DB.Write(ctx, func(ctx context.Context, tx *store.Tx) error {
		_, err := s.ops.release.Start(ctx, tx, id, detachArgs{Interface: i})
		return err
	})
}

// KnowsDown tells whether this process calls a host no more.
func (s *Service) KnowsDown(host string) bool {
	_, down := s.down.Load(host)
	return down
}

// Orphans gives the servers in between that no operation carries on.
func (s *Service) Orphans(ctx context.Context) ([]Server, error) { return s.unattended(ctx) }

// SettleOrphan settles one of them.
func (s *Service) SettleOrphan(ctx context.Context, srv *Server) error {
	return s.settleThose(ctx, []Server{*srv})
}

// PortDeleted tells the service of a port that was deleted.
func (s *Service) PortDeleted(ctx context.Context, ev event.Event) error {
	return s.portDeleted(ctx, ev)
}
