package quota

import (
	"context"
	"fmt"
	"strings"

	"github.com/cumulite/cumulite/platform/doctor"
	"github.com/cumulite/cumulite/platform/store"
)

// Recount is the invariant that counts and truth are the same. truth is a
// query for project_id, resource and used of all that is there.
func (b *Book) Recount(db *store.Store, truth string) doctor.Invariant {
	check := doctor.Rows{DB: db, Noun: "count of project", Args: []any{b.service}, Find: fmt.Sprintf(`
		SELECT project_id || ' ' || resource AS id, CASE WHEN SUM(used) > 0 THEN 'it is too high by ' ELSE 'it is too low by ' END || ABS(CAST(SUM(used) AS BIGINT)) AS says
		FROM (SELECT project_id, resource, used FROM quota_usage WHERE service = ?
			UNION ALL SELECT project_id, resource, -used FROM (%s) AS truth) AS both_counts
		GROUP BY project_id, resource HAVING SUM(used) <> 0`, truth)}
	check.Mend = func(ctx context.Context, tx *store.Tx, id string) error {
		project, resource, _ := strings.Cut(id, " ")
		// The count is locked before the truth is read.
		if _, err := b.add(ctx, tx, project, Resource(resource), 0); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, fmt.Sprintf(`UPDATE quota_usage SET used = (SELECT COALESCE(SUM(used), 0) FROM (%s) AS truth WHERE project_id = ? AND resource = ?)
			WHERE project_id = ? AND service = ? AND resource = ?`, truth), project, resource, project, b.service, resource)
		return err
	}
	return doctor.Invariant{Name: b.service + ".quotas", Promise: "What projects use is counted, and nothing else.", Check: check.Check}
}
