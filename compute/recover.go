package compute

import (
	"context"

	"github.com/cumulite/cumulite/platform/store"
)

// Recover readies the service for its first request: every host that is there
// from the start has a row, and no server is in between without an operation
// that carries it on. Hosts are asked how they are, all at once and for a few
// seconds at most, unless another process may watch them already.
func (s *Service) Recover(ctx context.Context) error {
	for _, name := range s.hosts.Names() {
		if err := s.write(ctx, func(ctx context.Context, tx *store.Tx) error { return s.enterHost(ctx, tx, name) }); err != nil {
			return err
		}
	}
	if err := s.settleOrphans(ctx, s.Clock.Now()); err != nil {
		return err
	}
	if s.opts.Leases != nil {
		return s.learn(ctx)
	}
	s.hosts.Each(func(name string, h Hypervisor) { s.ask(ctx, name, h) })
	return nil
}
