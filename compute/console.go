package compute

import (
	"context"

	"github.com/cumulite/cumulite/platform/errs"
)

// Console gives the last lines of a server's console; lines below 0 gives all.
func (s *Service) Console(ctx context.Context, id string, lines int) ([]byte, error) {
	srv, err := s.findServer(ctx, s.DB.Read(), ActionServerConsole, id)
	if err != nil {
		return nil, err
	}
	if srv.Host == "" || srv.LaunchedAt == nil && srv.Task != TaskSpawning {
		return nil, errs.Conflictf("Instance %s is not ready", id)
	}
	h, err := s.hypervisor(srv.Host)
	if err != nil {
		return nil, err
	}
	log, err := h.Console(ctx, id, lines)
	if errs.Is(err, errs.NotFound) {
		return nil, errs.Conflictf("Instance %s is not ready", id)
	}
	return log, err
}
