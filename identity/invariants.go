package identity

import (
	"context"

	"github.com/cumulite/cumulite/platform/doctor"
	"github.com/cumulite/cumulite/platform/store"
)

// Invariants say what always holds of users, projects and roles.
func (s *Service) Invariants() []doctor.Invariant {
	return []doctor.Invariant{
		{Name: "identity.owners", Promise: "Assignments, passwords, implications and endpoints are of what is there.", Check: doctor.All(s.orphans()...)},
		{Name: "identity.domains", Promise: "Projects and users have their domain, and projects their parent.", Check: doctor.All(s.homeless()...)},
		{Name: "identity.revocations", Promise: "Of tokens that nobody can use any more nothing is kept.", Busy: true, Check: s.checkRevocations},
	}
}

// orphans are the rows that belong to others. As they may have given somebody
// a right, grants are computed anew without them.
func (s *Service) orphans() []doctor.Rows {
	onProjects, onDomains := "(SELECT id FROM identity_projects UNION ALL SELECT target_id FROM identity_assignments WHERE target_type <> 'project')",
		"(SELECT id FROM identity_domains UNION ALL SELECT target_id FROM identity_assignments WHERE target_type <> 'domain')"
	checks := []doctor.Rows{
		doctor.Orphans(s.DB, "identity_assignments", "user_id", "identity_users"),
		doctor.Orphans(s.DB, "identity_assignments", "role_id", "identity_roles"),
		doctor.Orphans(s.DB, "identity_assignments", "target_id", onProjects),
		doctor.Orphans(s.DB, "identity_assignments", "target_id", onDomains),
		doctor.Orphans(s.DB, "identity_passwords", "user_id", "identity_users"),
		doctor.Orphans(s.DB, "identity_implied_roles", "prior_id", "identity_roles"),
		doctor.Orphans(s.DB, "identity_implied_roles", "implied_id", "identity_roles"),
		doctor.Orphans(s.DB, "identity_endpoints", "service_id", "identity_services"),
	}
	for i := range checks {
		remove := checks[i].Mend
		checks[i].Mend = func(ctx context.Context, tx *store.Tx, id string) error {
			if err := remove(ctx, tx, id); err != nil {
				return err
			}
			return s.revision.raise(ctx, tx)
		}
	}
	return checks
}

// homeless are what only somebody who knows the projects can put right.
func (s *Service) homeless() []doctor.Rows {
	return []doctor.Rows{
		{DB: s.DB, Noun: "project", Find: `SELECT id, 'its domain ' || domain_id || ' is no more: delete it, once nothing in it is needed' AS says FROM identity_projects AS p
			WHERE NOT EXISTS (SELECT 1 FROM identity_domains AS d WHERE d.id = p.domain_id)`},
		{DB: s.DB, Noun: "user", Find: `SELECT id, 'its domain ' || domain_id || ' is no more: delete it' AS says FROM identity_users AS u
			WHERE NOT EXISTS (SELECT 1 FROM identity_domains AS d WHERE d.id = u.domain_id)`},
		{DB: s.DB, Noun: "project", Find: `SELECT id, 'its parent is no more' AS says FROM identity_projects AS p
			WHERE parent_id <> '' AND parent_id <> domain_id AND NOT EXISTS (SELECT 1 FROM identity_projects AS o WHERE o.id = p.parent_id)`,
			Mend: func(ctx context.Context, tx *store.Tx, id string) error { // what it inherited is lost: it cannot be known
				if _, err := tx.Exec(ctx, "UPDATE identity_projects SET parent_id = domain_id, version = version + 1 WHERE id = ?", id); err != nil {
					return err
				}
				return s.revision.raise(ctx, tx)
			}},
	}
}

func (s *Service) checkRevocations(ctx context.Context) ([]doctor.Finding, error) {
	return doctor.Rows{DB: s.DB, Noun: "revocation", Args: []any{s.Clock.Now().Add(-expiredWindow - 2*upkeepEvery)},
		Find: "SELECT audit_id AS id, 'its token expired long ago' AS says FROM identity_revocations WHERE expires_at < ?",
		Mend: func(ctx context.Context, tx *store.Tx, id string) error {
			_, err := tx.Exec(ctx, "DELETE FROM identity_revocations WHERE audit_id = ?", id)
			return err
		}}.Check(ctx)
}
