package network

import (
	"context"

	"github.com/cumulite/cumulite/platform/event"
	"github.com/cumulite/cumulite/platform/store"
)

// projectDeleted forgets the limits of a project that is no more. Its
// resources stay, as in the original: administrators see and delete them.
func (s *Service) projectDeleted(ctx context.Context, ev event.Event) error {
	return s.write(ctx, func(ctx context.Context, tx *store.Tx) error {
		return s.quotas.ClearLimits(ctx, tx, ev.Resource)
	})
}
