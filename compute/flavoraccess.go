package compute

import (
	"context"

	"github.com/uptrace/bun"

	"github.com/cumulite/cumulite/platform/errs"
	"github.com/cumulite/cumulite/platform/store"
)

// flavorAccess lets a project use a flavor that is not public.
type flavorAccess struct {
	bun.BaseModel `bun:"table:compute_flavor_access,alias:access"`
	FlavorID      string `bun:"flavor_id,pk"`
	ProjectID     string `bun:"project_id,pk"`
}

// FlavorAccess gives the projects that may use a flavor which is not public, sorted.
func (s *Service) FlavorAccess(ctx context.Context, id string) ([]string, error) {
	if err := s.policy.Check(ctx, ActionFlavorAccess, nil); err != nil {
		return nil, err
	}
	f, err := s.findFlavor(ctx, s.DB.Read(), id)
	if err != nil {
		return nil, err
	}
	if f.Public {
		return nil, errs.NotFoundf("Access list not available for public flavors.")
	}
	return projectsOf(ctx, s.DB.Read(), id)
}

func projectsOf(ctx context.Context, db bun.IDB, flavorID string) ([]string, error) {
	projects := []string{}
	err := db.NewSelect().Model((*flavorAccess)(nil)).Column("project_id").Where("flavor_id = ?", flavorID).Order("project_id").Scan(ctx, &projects)
	return projects, err
}

// AddFlavorAccess lets a project use a flavor, and gives all that may.
func (s *Service) AddFlavorAccess(ctx context.Context, id, projectID string) (projects []string, err error) {
	if err := s.policy.Check(ctx, ActionFlavorAccessAdd, nil); err != nil {
		return nil, err
	}
	err = s.write(ctx, func(ctx context.Context, tx *store.Tx) error {
		f, err := s.findFlavor(ctx, tx, id)
		if err != nil {
			return err
		}
		if f.Public {
			return errs.Conflictf("Can not add access to a public flavor.")
		}
		err = store.Insert(ctx, tx, &flavorAccess{FlavorID: id, ProjectID: projectID})
		if store.IsDuplicate(err) {
			return errs.Conflictf("Flavor access already exists for flavor %s and project %s combination.", id, projectID)
		}
		if err != nil {
			return err
		}
		projects, err = projectsOf(ctx, tx, id)
		return err
	})
	return projects, err
}

// RemoveFlavorAccess takes the use of a flavor from a project, and gives all that still may.
func (s *Service) RemoveFlavorAccess(ctx context.Context, id, projectID string) (projects []string, err error) {
	if err := s.policy.Check(ctx, ActionFlavorAccessRemove, nil); err != nil {
		return nil, err
	}
	err = s.write(ctx, func(ctx context.Context, tx *store.Tx) error {
		if _, err := s.findFlavor(ctx, tx, id); err != nil {
			return err
		}
		res, err := tx.NewDelete().Model((*flavorAccess)(nil)).Where("flavor_id = ? AND project_id = ?", id, projectID).Exec(ctx)
		if err != nil {
			return err
		}
		if n, err := res.RowsAffected(); err != nil || n == 0 {
			return errs.NotFoundf("Flavor access not found for %s / %s combination.", id, projectID).Because(err)
		}
		projects, err = projectsOf(ctx, tx, id)
		return err
	})
	return projects, err
}
