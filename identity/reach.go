package identity

import (
	"context"

	"github.com/uptrace/bun"

	"github.com/cumulite/cumulite/platform/auth"
	"github.com/cumulite/cumulite/platform/errs"
	"github.com/cumulite/cumulite/platform/store"
)

// AuthProjects gives the projects in which the caller has a role, for which
// there are tokens unless they are disabled.
func (s *Service) AuthProjects(ctx context.Context) ([]Project, error) {
	if err := s.check(ctx, ActionAuthProjects, nil); err != nil {
		return nil, err
	}
	all, _, err := s.projectsOf(ctx, auth.From(ctx).UserID(), store.Query{})
	return all, err
}

// ListUserProjects gives the projects in which a user has a role.
func (s *Service) ListUserProjects(ctx context.Context, userID string, q store.Query) ([]Project, bool, error) {
	if _, err := users.get(ctx, s, s.DB.Read(), ActionListUserProjects, userID); err != nil {
		return nil, false, err
	}
	return s.projectsOf(ctx, userID, q)
}

// AuthDomains gives the domains on which the caller has a role, sorted by name.
func (s *Service) AuthDomains(ctx context.Context) ([]Domain, error) {
	if err := s.check(ctx, ActionAuthDomains, nil); err != nil {
		return nil, err
	}
	out := []Domain{}
	err := s.DB.Read().NewSelect().Model(&out).Where("id IN (?)", s.targets(auth.From(ctx).UserID(), OnDomain)).Order("name").Scan(ctx)
	return out, errs.Wrap(err, "list the domains of a user")
}

// AuthSystem tells whether the caller can get a token for the system.
func (s *Service) AuthSystem(ctx context.Context) (bool, error) {
	if err := s.check(ctx, ActionAuthSystem, nil); err != nil {
		return false, err
	}
	there, err := s.targets(auth.From(ctx).UserID(), OnSystem).Exists(ctx)
	return there, errs.Wrap(err, "look for roles on the system")
}

// AuthCatalog gives the catalogue of the caller's token, which must be for a
// project. It must not be changed.
func (s *Service) AuthCatalog(ctx context.Context) ([]CatalogEntry, error) {
	if err := s.check(ctx, ActionAuthCatalog, nil); err != nil {
		return nil, err
	}
	g := auth.From(ctx)
	if g.ProjectID() == "" {
		return nil, errs.Forbiddenf("A project-scoped token is required to produce a service catalog.")
	}
	revision, err := s.revision.current(ctx)
	if err != nil {
		return nil, err
	}
	rules, err := s.rulesAt(ctx, revision)
	if err != nil {
		return nil, err
	}
	return rules.catalog.forGrant(g), nil
}

// targets selects the ids of what a user has roles on.
func (s *Service) targets(userID string, t TargetType) *bun.SelectQuery {
	return s.DB.Read().NewSelect().Model((*Assignment)(nil)).Column("target_id").Where("user_id = ? AND target_type = ? AND NOT inherited", userID, t)
}

// projectsOf gives the projects in which a user has a role, there or inherited.
func (s *Service) projectsOf(ctx context.Context, userID string, q store.Query) ([]Project, bool, error) {
	var held []Assignment
	if err := s.DB.Read().NewSelect().Model(&held).Where("user_id = ?", userID).Scan(ctx); err != nil {
		return nil, false, errs.Wrap(err, "list the roles of a user")
	}
	t, err := s.treeFor(ctx, held)
	if err != nil {
		return nil, false, err
	}
	var ids []string
	for _, a := range held {
		ids = append(ids, t.reach(a)...)
	}
	return projects.listing.Find(ctx, s.DB.Read(), q, func(q *bun.SelectQuery) *bun.SelectQuery { return q.Where("id IN (?)", bun.List(ids)) })
}
