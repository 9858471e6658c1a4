package quota

import (
	"context"
	"maps"
	"slices"

	"github.com/uptrace/bun"

	"github.com/cumulite/cumulite/platform/errs"
	"github.com/cumulite/cumulite/platform/store"
)

// Everyone is the project whose limits take the place of the defaults.
const Everyone = ""

// Defaults gives the limits of projects that have none of their own, unless
// Everyone has others.
func (b *Book) Defaults() map[Resource]int { return maps.Clone(b.defaults) }

// Limits gives the limit of every resource for a project.
func (b *Book) Limits(ctx context.Context, db bun.IDB, projectID string) (map[Resource]int, error) {
	own, err := numbers(db.QueryContext(ctx, "SELECT resource, most FROM quota_limits WHERE project_id IN ('', ?) AND service = ? ORDER BY project_id", projectID, b.service))
	if err != nil {
		return nil, err
	}
	limits := b.Defaults()
	for r := range limits {
		if most, ok := own[r]; ok {
			limits[r] = most
		}
	}
	return limits, nil
}

// OwnLimits gives all limits of every project that has some of its own.
func (b *Book) OwnLimits(ctx context.Context, db bun.IDB) (map[string]map[Resource]int, error) {
	rows, err := db.QueryContext(ctx, "SELECT project_id, resource, most FROM quota_limits WHERE service = ? ORDER BY project_id", b.service)
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	common, all := b.Defaults(), map[string]map[Resource]int{}
	for rows.Next() {
		var project string
		var r Resource
		var most int
		if err := rows.Scan(&project, &r, &most); err != nil {
			return nil, err
		}
		limits := common // Everyone's come first
		if project != Everyone {
			if all[project] == nil {
				all[project] = maps.Clone(common)
			}
			limits = all[project]
		}
		if _, counted := b.defaults[r]; counted {
			limits[r] = most
		}
	}
	return all, rows.Err()
}

// SetLimits gives a project limits of its own, leaving those it does not name.
// A limit below what is used is taken: nothing more can be had until the count
// has fallen. Unknown resources and limits below Unlimited are errs.Invalid.
func (b *Book) SetLimits(ctx context.Context, tx *store.Tx, projectID string, limits map[Resource]int) error {
	names := slices.Sorted(maps.Keys(limits))
	for _, r := range names {
		if _, ok := b.defaults[r]; !ok {
			return errs.Invalidf("There is no quota for %q.", string(r))
		}
		if limits[r] < Unlimited {
			return errs.Invalidf("The quota for %s must be -1 or more.", string(r))
		}
	}
	for _, r := range names {
		_, err := tx.Exec(ctx, `INSERT INTO quota_limits (project_id, service, resource, most) VALUES (?, ?, ?, ?)
			ON CONFLICT (project_id, service, resource) DO UPDATE SET most = excluded.most`,
			projectID, b.service, string(r), limits[r])
		if err != nil {
			return err
		}
	}
	return nil
}

// ClearLimits makes the defaults hold again for a project.
func (b *Book) ClearLimits(ctx context.Context, tx *store.Tx, projectID string) error {
	_, err := tx.Exec(ctx, "DELETE FROM quota_limits WHERE project_id = ? AND service = ?", projectID, b.service)
	return err
}
