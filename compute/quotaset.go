package compute

import (
	"context"
	"maps"

	"github.com/cumulite/cumulite/platform/errs"
	"github.com/cumulite/cumulite/platform/policy"
	"github.com/cumulite/cumulite/platform/quota"
	"github.com/cumulite/cumulite/platform/store"
)

// What is limited, by Nova's names. The first four are counted for each
// project; the others are limits on one server, one group, one user or one file.
const (
	quotaInstances    quota.Resource = "instances"
	quotaCores        quota.Resource = "cores"
	quotaRAM          quota.Resource = "ram" // in MiB
	quotaServerGroups quota.Resource = "server_groups"

	quotaGroupMembers  quota.Resource = "server_group_members"
	quotaMetadataItems quota.Resource = "metadata_items"
	quotaKeypairs      quota.Resource = "key_pairs"
	quotaFiles         quota.Resource = "injected_files"
	quotaFileBytes     quota.Resource = "injected_file_content_bytes"
	quotaFilePath      quota.Resource = "injected_file_path_bytes"
)

var quotaDefaults = map[quota.Resource]int{
	quotaInstances: 10, quotaCores: 20, quotaRAM: 51200, quotaServerGroups: 10, quotaGroupMembers: 10,
	quotaMetadataItems: 128, quotaKeypairs: 100, quotaFiles: 5, quotaFileBytes: 10240, quotaFilePath: 255,
}

// QuotaUsage gives what a project may have, and has.
func (s *Service) QuotaUsage(ctx context.Context, projectID string) (map[quota.Resource]quota.Usage, error) {
	return s.quotaUsage(ctx, ActionQuotaDetail, projectID)
}

func (s *Service) quotaUsage(ctx context.Context, action policy.Action, projectID string) (map[quota.Resource]quota.Usage, error) {
	if err := s.policy.Check(ctx, action, policy.Target{"project_id": projectID}); err != nil {
		return nil, err
	}
	return s.quotas.Usage(ctx, s.DB.Read(), projectID)
}

// Quotas gives what a project may have.
func (s *Service) Quotas(ctx context.Context, projectID string) (map[quota.Resource]int, error) {
	return s.quotaLimits(ctx, ActionQuotaShow, projectID, projectID)
}

// DefaultQuotas gives what projects may have that have no limits of their own.
func (s *Service) DefaultQuotas(ctx context.Context, projectID string) (map[quota.Resource]int, error) {
	return s.quotaLimits(ctx, ActionQuotaDefaults, projectID, quota.Everyone)
}

// ClassQuotas gives the limits of a quota class. There is one class, "default":
// others show its limits.
func (s *Service) ClassQuotas(ctx context.Context) (map[quota.Resource]int, error) {
	return s.quotaLimits(ctx, ActionQuotaClassShow, "", quota.Everyone)
}

func (s *Service) quotaLimits(ctx context.Context, action policy.Action, target, projectID string) (map[quota.Resource]int, error) {
	if err := s.policy.Check(ctx, action, policy.Target{"project_id": target}); err != nil {
		return nil, err
	}
	return s.quotas.Limits(ctx, s.DB.Read(), projectID)
}

// SetQuotas changes the limits of a project that are named, and gives all.
// Without force no limit goes below what is used.
func (s *Service) SetQuotas(ctx context.Context, projectID string, limits map[quota.Resource]int, force bool) (all map[quota.Resource]int, err error) {
	if err := s.policy.Check(ctx, ActionQuotaUpdate, policy.Target{"project_id": projectID}); err != nil {
		return nil, err
	}
	return all, s.write(ctx, func(ctx context.Context, tx *store.Tx) error {
		usage, err := s.quotas.Usage(ctx, tx, projectID)
		if err != nil {
			return err
		}
		for r, limit := range limits {
			if used := usage[r].Used; !force && limit != quota.Unlimited && limit < used {
				return errs.Invalidf("Quota limit %d for %s must be greater than or equal to already used and reserved %d.", limit, r, used)
			}
		}
		all, err = s.setLimits(ctx, tx, projectID, limits)
		return err
	})
}

func (s *Service) setLimits(ctx context.Context, tx *store.Tx, projectID string, limits map[quota.Resource]int) (map[quota.Resource]int, error) {
	if err := s.quotas.SetLimits(ctx, tx, projectID, maps.Clone(limits)); err != nil {
		return nil, err
	}
	return s.quotas.Limits(ctx, tx, projectID)
}

// SetClassQuotas changes the limits of all projects that have none of their
// own, and gives them.
func (s *Service) SetClassQuotas(ctx context.Context, class string, limits map[quota.Resource]int) (all map[quota.Resource]int, err error) {
	if err := s.policy.Check(ctx, ActionQuotaClassUpdate, nil); err != nil {
		return nil, err
	}
	if class != "default" {
		return nil, errs.Invalidf("There is no quota class %.255s: only default has limits.", class)
	}
	return all, s.write(ctx, func(ctx context.Context, tx *store.Tx) (err error) {
		all, err = s.setLimits(ctx, tx, quota.Everyone, limits)
		return err
	})
}

// ClearQuotas makes the default limits hold for a project again.
func (s *Service) ClearQuotas(ctx context.Context, projectID string) error {
	if err := s.policy.Check(ctx, ActionQuotaDelete, policy.Target{"project_id": projectID}); err != nil {
		return err
	}
	return s.write(ctx, func(ctx context.Context, tx *store.Tx) error { return s.quotas.ClearLimits(ctx, tx, projectID) })
}

// QuotaNames gives what is limited, with the limits that a new cloud has.
func (s *Service) QuotaNames() map[quota.Resource]int { return s.quotas.Defaults() }
