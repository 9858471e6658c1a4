package network

import (
	"context"
	"maps"
	"slices"

	"github.com/cumulite/cumulite/platform/errs"
	"github.com/cumulite/cumulite/platform/policy"
	"github.com/cumulite/cumulite/platform/quota"
	"github.com/cumulite/cumulite/platform/store"
)

// defaultQuotas are Neutron's.
var defaultQuotas = map[quota.Resource]int{
	"network": 100, "subnet": 100, "port": 500, "router": 10, "floatingip": 50, "security_group": 10, "security_group_rule": 100,
	"subnetpool": quota.Unlimited, "rbac_policy": 10,
}

// use counts resources of a project. What belongs to no project (the
// ports of gateways and floating addresses) is not counted.
func (s *Service) use(ctx context.Context, tx *store.Tx, projectID, resource string, n int) error {
	if projectID == "" {
		return nil
	}
	err := s.quotas.Use(ctx, tx, projectID, map[quota.Resource]int{quota.Resource(resource): n})
	if errs.Is(err, errs.Quota) {
		return errs.New(errs.Quota, "Quota exceeded for resources: ['%s'].", resource).WithCode("OverQuota").Because(err)
	}
	return err
}

// count counts what the service made for a project beside what it asked for,
// which, as in the original, no limit keeps from being there: default groups,
// the rules that groups begin with, ports of routers.
func (s *Service) count(ctx context.Context, tx *store.Tx, projectID, resource string, n int) error {
	if projectID == "" {
		return nil
	}
	return s.quotas.Count(ctx, tx, projectID, map[quota.Resource]int{quota.Resource(resource): n})
}

func quotaTarget(projectID string) policy.Target {
	return policy.Target{"project_id": projectID, "tenant_id": projectID}
}

// Quotas gives what a project may have, and has.
func (s *Service) Quotas(ctx context.Context, projectID string) (map[quota.Resource]quota.Usage, error) {
	if err := s.policy.Check(ctx, ActionGetQuota, quotaTarget(projectID)); err != nil {
		return nil, err
	}
	return s.quotas.Usage(ctx, s.DB.Read(), projectID)
}

// DefaultQuotas gives what projects may have that have no limits of their own.
func (s *Service) DefaultQuotas(ctx context.Context, projectID string) (map[quota.Resource]int, error) {
	if err := s.policy.Check(ctx, ActionGetQuota, quotaTarget(projectID)); err != nil {
		return nil, err
	}
	return s.quotas.Limits(ctx, s.DB.Read(), quota.Everyone)
}

// SetQuotas gives a project limits of its own, leaving those it does not name,
// and returns all of them.
func (s *Service) SetQuotas(ctx context.Context, projectID string, limits map[quota.Resource]int) (map[quota.Resource]int, error) {
	return s.setQuotas(ctx, projectID, limits, func(context.Context, *store.Tx) error { return nil })
}

// SetQuotasAboveUsage is SetQuotas that refuses a limit below what the project
// has already.
func (s *Service) SetQuotasAboveUsage(ctx context.Context, projectID string, limits map[quota.Resource]int) (map[quota.Resource]int, error) {
	return s.setQuotas(ctx, projectID, limits, func(ctx context.Context, tx *store.Tx) error {
		usage, err := s.quotas.Usage(ctx, tx, projectID)
		for _, r := range slices.Sorted(maps.Keys(limits)) {
			if used := usage[r].Used; err == nil && limits[r] != quota.Unlimited && limits[r] < used {
				err = errs.Invalidf("Quota limit %d for %s must be greater than or equal to already used %d", limits[r], string(r), used)
			}
		}
		return err
	})
}

func (s *Service) setQuotas(ctx context.Context, projectID string, limits map[quota.Resource]int, check func(context.Context, *store.Tx) error) (all map[quota.Resource]int, err error) {
	if err := s.policy.Check(ctx, ActionUpdateQuota, quotaTarget(projectID)); err != nil {
		return nil, err
	}
	err = s.write(ctx, func(ctx context.Context, tx *store.Tx) error {
		if err := first(check(ctx, tx), s.quotas.SetLimits(ctx, tx, projectID, limits)); err != nil {
			return err
		}
		all, err = s.quotas.Limits(ctx, tx, projectID)
		return err
	})
	return all, err
}

// ResetQuotas makes the defaults hold again for a project.
func (s *Service) ResetQuotas(ctx context.Context, projectID string) error {
	if err := s.policy.Check(ctx, ActionDeleteQuota, quotaTarget(projectID)); err != nil {
		return err
	}
	return s.write(ctx, func(ctx context.Context, tx *store.Tx) error {
		return s.quotas.ClearLimits(ctx, tx, projectID)
	})
}

// ListQuotas gives the limits of the projects that have some of their own. It
// is for those who may see the quotas of any project.
func (s *Service) ListQuotas(ctx context.Context) (map[string]map[quota.Resource]int, error) {
	if err := s.policy.Check(ctx, ActionGetQuota, quotaTarget("")); err != nil {
		return nil, err
	}
	return s.quotas.OwnLimits(ctx, s.DB.Read())
}
