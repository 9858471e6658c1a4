package identity

import (
	"context"
	"slices"

	"github.com/uptrace/bun"

	"github.com/cumulite/cumulite/platform/auth"
	"github.com/cumulite/cumulite/platform/errs"
	"github.com/cumulite/cumulite/platform/policy"
	"github.com/cumulite/cumulite/platform/store"
)

// AssignmentFilter narrows a list of role assignments; empty fields do not.
type AssignmentFilter struct {
	UserID, RoleID string
	GroupID        string // nobody has roles by a group: with one the list is empty
	Target         TargetType
	TargetID       string
	Inherited      *bool
	// Effective shows what holds in the end: roles inherited from above stand
	// on the projects themselves, and implied roles beside those that imply them.
	Effective bool
}

// RoleAssignment is a role assignment as it is listed.
type RoleAssignment struct {
	Assignment            // who has which role where
	From       Assignment // what was given; another one when this is inherited or implied
	PriorID    string     // the role that implies this one, "" without one
	// Names of all three parts.
	User, Role, Target Named
}

// Named is a user, role, project or domain by its names.
type Named struct{ ID, Name, DomainID, DomainName string }

// ListRoleAssignments gives the role assignments that the filter lets through;
// to a caller scoped to a domain those on it and on its projects.
func (s *Service) ListRoleAssignments(ctx context.Context, f AssignmentFilter) ([]RoleAssignment, error) {
	domain := auth.From(ctx).DomainID()
	if err := s.check(ctx, ActionListAssignments, policy.Target{"target.domain_id": domain}); err != nil {
		return nil, err
	}
	if err := f.sound(); err != nil || f.GroupID != "" {
		return []RoleAssignment{}, err
	}
	given, err := s.givenFor(ctx, f)
	if err != nil {
		return nil, err
	}
	out := given
	if f.Effective {
		if out, err = s.effective(ctx, given); err != nil {
			return nil, err
		}
	}
	out = slices.DeleteFunc(out, func(a RoleAssignment) bool { return !f.lets(a.Assignment) })
	return s.named(ctx, out, domain)
}

// sound tells which filters Keystone refuses together.
func (f AssignmentFilter) sound() error {
	switch {
	case f.UserID != "" && f.GroupID != "":
		return errs.Invalidf("Specify a user or group, not both")
	case f.Effective && f.GroupID != "":
		return errs.Invalidf("Combining effective and group filter will always result in an empty list.")
	case f.Effective && f.Inherited != nil && *f.Inherited:
		return errs.Invalidf("Combining effective and inherited_to filter will always result in an empty list.")
	}
	return nil
}

// lets tells whether an assignment passes the filter.
func (f AssignmentFilter) lets(a Assignment) bool {
	return (f.UserID == "" || f.UserID == a.UserID) && (f.RoleID == "" || f.RoleID == a.RoleID) &&
		(f.Target == "" || f.Target == a.TargetType) && (f.TargetID == "" || f.TargetID == a.TargetID) &&
		(f.Inherited == nil || *f.Inherited == a.Inherited)
}

// givenFor reads the assignments that the filter may let through. What holds
// in the end may come from another role or target than it asks for.
func (s *Service) givenFor(ctx context.Context, f AssignmentFilter) ([]RoleAssignment, error) {
	var rows []Assignment
	q := s.DB.Read().NewSelect().Model(&rows).Order("target_type", "target_id", "user_id", "role_id", "inherited")
	where := func(column, value string, always bool) {
		if value != "" && (always || !f.Effective) {
			q = q.Where("? = ?", bun.Ident(column), value)
		}
	}
	where("user_id", f.UserID, true)
	where("role_id", f.RoleID, false)
	where("target_type", string(f.Target), false)
	where("target_id", f.TargetID, false)
	if err := q.Scan(ctx); err != nil {
		return nil, errs.Wrap(err, "list role assignments")
	}
	out := make([]RoleAssignment, len(rows))
	for i, a := range rows {
		out[i] = RoleAssignment{Assignment: a, From: a}
	}
	return out, nil
}

// effective spreads inherited assignments over their projects and adds the implied roles.
func (s *Service) effective(ctx context.Context, given []RoleAssignment) ([]RoleAssignment, error) {
	revision, err := s.revision.current(ctx)
	if err != nil {
		return nil, err
	}
	rules, err := s.rulesAt(ctx, revision)
	if err != nil {
		return nil, err
	}
	plain := make([]Assignment, len(given))
	for i, a := range given {
		plain[i] = a.Assignment
	}
	t, err := s.treeFor(ctx, plain)
	if err != nil {
		return nil, err
	}
	var out []RoleAssignment
	seen := map[Assignment]bool{}
	for _, a := range plain {
		for _, on := range t.spread(a) {
			rules.walk([]string{a.RoleID}, func(prior string, r *Role) {
				each := RoleAssignment{Assignment: on, From: a, PriorID: prior}
				each.RoleID = r.ID
				if !seen[each.Assignment] {
					seen[each.Assignment] = true
					out = append(out, each)
				}
			})
		}
	}
	return out, nil
}

// spread gives an assignment as it holds: an inherited one once for each project.
func (t *tree) spread(a Assignment) []Assignment {
	if !a.Inherited {
		return []Assignment{a}
	}
	var out []Assignment
	for _, id := range t.reach(a) {
		on := a
		on.TargetType, on.TargetID, on.Inherited = OnProject, id, false
		out = append(out, on)
	}
	return out
}

// named adds the names, and leaves out what is not in the domain, if one is given.
func (s *Service) named(ctx context.Context, all []RoleAssignment, domain string) ([]RoleAssignment, error) {
	n, err := s.namesFor(ctx, all)
	if err != nil {
		return nil, err
	}
	out := make([]RoleAssignment, 0, len(all))
	for _, a := range all {
		a.User, a.Role = n.users[a.UserID], n.roles[a.RoleID]
		switch a.TargetType {
		case OnProject:
			a.Target = n.projects[a.TargetID]
		case OnDomain:
			a.Target = n.domains[a.TargetID]
		case OnSystem:
		}
		if domain == "" || a.Target.DomainID == domain || a.TargetType == OnDomain && a.TargetID == domain {
			out = append(out, a)
		}
	}
	return out, nil
}

// names are those of everything in a list, by id.
type names struct{ users, roles, projects, domains map[string]Named }

// namesFor reads the names, in as many queries as there are kinds.
func (s *Service) namesFor(ctx context.Context, all []RoleAssignment) (n names, err error) {
	ids := map[string][]string{}
	for _, a := range all {
		ids["users"] = append(ids["users"], a.UserID)
		ids["roles"] = append(ids["roles"], a.RoleID)
		ids[string(a.TargetType)] = append(ids[string(a.TargetType)], a.TargetID)
	}
	const inDomain = "SELECT r.id, r.name, d.id AS domain_id, d.name AS domain_name FROM ? AS r JOIN identity_domains AS d ON d.id = r.domain_id WHERE r.id IN (?)"
	const alone = "SELECT r.id, r.name, '' AS domain_id, '' AS domain_name FROM ? AS r WHERE r.id IN (?)"
	for _, each := range []struct {
		to           *map[string]Named
		query, table string
		ids          []string
	}{
		{&n.users, inDomain, "identity_users", ids["users"]},
		{&n.projects, inDomain, "identity_projects", ids[string(OnProject)]},
		{&n.roles, alone, "identity_roles", ids["roles"]},
		{&n.domains, alone, "identity_domains", ids[string(OnDomain)]},
	} {
		if *each.to, err = readNames(ctx, s.DB.Read(), each.query, each.table, unique(each.ids)); err != nil {
			return n, errs.Wrap(err, "read names of %s", each.table)
		}
	}
	return n, nil
}

func readNames(ctx context.Context, db bun.IDB, query, table string, ids []string) (map[string]Named, error) {
	var all []Named
	if err := db.NewRaw(query, bun.Ident(table), bun.List(ids)).Scan(ctx, &all); err != nil {
		return nil, err
	}
	out := map[string]Named{}
	for _, n := range all {
		out[n.ID] = n
	}
	return out, nil
}

// ListGrants gives the roles that a user was given on a target; a.RoleID is not looked at.
func (s *Service) ListGrants(ctx context.Context, a Assignment) ([]Role, error) {
	a.RoleID = ""
	target, absent := s.parts(ctx, s.DB.Read(), a)
	action := ActionListGrants
	if a.TargetType == OnSystem {
		action = ActionListSystemGrants
	}
	if err := s.check(ctx, action, target); err != nil || absent != nil {
		return nil, orError(err, absent)
	}
	held := s.DB.Read().NewSelect().Model((*Assignment)(nil)).Column("role_id").
		Where("user_id = ? AND target_type = ? AND target_id = ? AND inherited = ?", a.UserID, a.TargetType, a.TargetID, a.Inherited)
	out, _, err := roles.listing.Find(ctx, s.DB.Read(), store.Query{}, func(q *bun.SelectQuery) *bun.SelectQuery { return q.Where("id IN (?)", held) })
	return out, err
}
