package compute

import "context"

// ListAggregates gives the names of the host aggregates. There are none: hosts
// are put into availability zones by configuration. Clients ask all the same
// when they show a hypervisor.
func (s *Service) ListAggregates(ctx context.Context) ([]string, error) {
	return []string{}, s.checkOwn(ctx, ActionAggregateList)
}
