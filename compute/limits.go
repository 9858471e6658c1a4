package compute

import (
	"cmp"
	"context"

	"github.com/cumulite/cumulite/platform/auth"
	"github.com/cumulite/cumulite/platform/quota"
)

// Limits gives what a project may have, and has: "" is the caller's own;
// others are for administrators.
func (s *Service) Limits(ctx context.Context, projectID string) (map[quota.Resource]quota.Usage, error) {
	action, own := ActionLimits, auth.From(ctx).ProjectID()
	if projectID = cmp.Or(projectID, own); projectID != own {
		action = ActionLimitsOther
	}
	return s.quotaUsage(ctx, action, projectID)
}
