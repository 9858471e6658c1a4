package identity

import (
	"context"
	"slices"

	"github.com/uptrace/bun"

	"github.com/cumulite/cumulite/platform/auth"
	"github.com/cumulite/cumulite/platform/errs"
)

// AuthProjects gives the projects that the caller can get a token for, sorted by name.
func (s *Service) AuthProjects(ctx context.Context) ([]Project, error) {
	if err := s.check(ctx, ActionAuthProjects, nil); err != nil {
		return nil, err
	}
	return s.projectsOf(ctx, auth.From(ctx).UserID())
}

// ListUserProjects gives the projects in which a user has a role, sorted by name.
func (s *Service) ListUserProjects(ctx context.Context, userID string) ([]Project, error) {
	if _, err := users.get(ctx, s, s.DB.Read(), ActionListUserProjects, userID); err != nil {
		return nil, err
	}
	return s.projectsOf(ctx, userID)
}

// AuthDomains gives the domains that the caller can get a token for, sorted by name.
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
func (s *Service) projectsOf(ctx context.Context, userID string) ([]Project, error) {
	var held []Assignment
	if err := s.DB.Read().NewSelect().Model(&held).Where("user_id = ?", userID).Scan(ctx); err != nil {
		return nil, errs.Wrap(err, "list the roles of a user")
	}
	t, err := s.treeFor(ctx, held)
	if err != nil {
		return nil, err
	}
	ids := []string{}
	for _, a := range held {
		ids = append(ids, t.reach(a)...)
	}
	out := []Project{}
	err = s.DB.Read().NewSelect().Model(&out).Where("id IN (?)", bun.List(ids)).Order("name", "id").Scan(ctx)
	return out, errs.Wrap(err, "list the projects of a user")
}

// tree knows which projects are below a domain or project, as far as it was needed.
type tree struct{ below, within map[string][]string }

// treeFor reads the projects when one of the assignments is inherited by some.
func (s *Service) treeFor(ctx context.Context, held []Assignment) (*tree, error) {
	t := &tree{below: map[string][]string{}, within: map[string][]string{}}
	if !slices.ContainsFunc(held, func(a Assignment) bool { return a.Inherited }) {
		return t, nil
	}
	var all []Project
	if err := s.DB.Read().NewSelect().Model(&all).Column("id", "domain_id", "parent_id").Scan(ctx); err != nil {
		return nil, errs.Wrap(err, "read the tree of projects")
	}
	for _, p := range all {
		t.below[p.ParentID] = append(t.below[p.ParentID], p.ID)
		t.within[p.DomainID] = append(t.within[p.DomainID], p.ID)
	}
	return t, nil
}

// reach gives the projects on which an assignment holds.
func (t *tree) reach(a Assignment) []string {
	switch {
	case a.TargetType == OnDomain && a.Inherited:
		return t.within[a.TargetID]
	case a.TargetType != OnProject:
		return nil
	case !a.Inherited:
		return []string{a.TargetID}
	}
	return t.subtree(a.TargetID, nil)
}

// subtree adds the projects below id to out.
func (t *tree) subtree(id string, out []string) []string {
	for _, p := range t.below[id] {
		out = t.subtree(p, append(out, p))
	}
	return out
}
