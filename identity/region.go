package identity

import (
	"context"

	"github.com/uptrace/bun"

	"github.com/cumulite/cumulite/platform/errs"
	"github.com/cumulite/cumulite/platform/policy"
	"github.com/cumulite/cumulite/platform/store"
)

// Region is a part of the cloud with endpoints of its own. It is also its row.
type Region struct {
	bun.BaseModel  `bun:"table:identity_regions,alias:region" json:"-"`
	ID             string         `bun:"id,pk" json:"id"` // chosen by who makes it
	Version        int64          `bun:"version,notnull" json:"-"`
	Description    string         `bun:"description,notnull" json:"description"`
	ParentRegionID string         `bun:"parent_region_id,notnull" json:"parent_region_id"` // "" at the top
	Extra          map[string]any `bun:"extra,notnull" json:"-"`                           // what else the API was told
}

var regions = resource[Region]{
	noun:   "region",
	target: func(*Region) policy.Target { return nil },
	clash:  func(r *Region) string { return "ID " + r.ID },
	listing: store.Listing[Region]{MaxLimit: maxList, Columns: map[string]store.Column{
		"id": {Name: "id"}, "parent_region_id": {Name: "parent_region_id"}}},
}

// CreateRegion is what may be said of a new region.
type CreateRegion struct {
	ID, Description, ParentRegionID string
	Extra                           map[string]any
}

// UpdateRegion is what may be changed; nil fields stay.
type UpdateRegion struct {
	Description, ParentRegionID *string
	Extra                       map[string]any // set beside what is there; nil values are taken away
}

// CreateRegion makes a region.
func (s *Service) CreateRegion(ctx context.Context, in CreateRegion) (*Region, error) {
	r := &Region{ID: in.ID, Description: in.Description, ParentRegionID: in.ParentRegionID, Extra: merge(nil, in.Extra)}
	if r.ID == "" {
		r.ID = newID()
	}
	return r, regions.create(ctx, s, ActionCreateRegion, r.ID, r, func(ctx context.Context, tx *store.Tx) error {
		return needRegion(ctx, tx, r.ParentRegionID)
	})
}

// needRegion tells that there is no such region; "" is none and fine.
func needRegion(ctx context.Context, db bun.IDB, id string) error {
	if id == "" {
		return nil
	}
	_, err := regions.need(ctx, db, id)
	return err
}

// GetRegion gives a region.
func (s *Service) GetRegion(ctx context.Context, id string) (*Region, error) {
	return regions.get(ctx, s, s.DB.Read(), ActionGetRegion, id)
}

// ListRegions gives the regions.
func (s *Service) ListRegions(ctx context.Context, q store.Query) ([]Region, bool, error) {
	return regions.list(ctx, s, ActionListRegions, q, nil)
}

// UpdateRegion changes a region. It does not come to lie within itself.
func (s *Service) UpdateRegion(ctx context.Context, id string, in UpdateRegion) (*Region, error) {
	return regions.update(ctx, s, ActionUpdateRegion, id, func(ctx context.Context, tx *store.Tx, r *Region) error {
		set(&r.Description, in.Description)
		r.Extra = merge(r.Extra, in.Extra)
		set(&r.ParentRegionID, in.ParentRegionID)
		for above := r.ParentRegionID; above != ""; {
			if above == id {
				return errs.Forbiddenf("Unable to delete or update region %s because it would contain itself.", id)
			}
			parent, err := regions.need(ctx, tx, above)
			if err != nil {
				return err
			}
			above = parent.ParentRegionID
		}
		return nil
	}, "description", "parent_region_id", "extra")
}

// DeleteRegion removes a region that has no endpoints and no regions within.
func (s *Service) DeleteRegion(ctx context.Context, id string) error {
	return regions.remove(ctx, s, ActionDeleteRegion, id, func(ctx context.Context, tx *store.Tx, _ *Region) error {
		var used int
		err := tx.QueryRow(ctx, `SELECT (SELECT count(*) FROM identity_endpoints WHERE region_id = ?) +
			(SELECT count(*) FROM identity_regions WHERE parent_region_id = ?)`, id, id).Scan(&used)
		if err != nil || used == 0 {
			return err
		}
		return errs.Forbiddenf("Unable to delete region %s because it or its child regions have associated endpoints.", id)
	})
}
