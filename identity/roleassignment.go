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
	Subtree        bool  // the projects below the target too
	Inherited      *bool // given to the projects below a target; when Effective, come from there
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

// ListRoleAssignments gives the role assignments that the filter lets through;
// to a caller scoped to a domain those on it and on its projects.
func (s *Service) ListRoleAssignments(ctx context.Context, f AssignmentFilter) ([]RoleAssignment, error) {
	domain := auth.From(ctx).DomainID()
	if err := s.mayList(ctx, f, domain); err != nil {
		return nil, err
	}
	if err := f.sound(); err != nil || f.GroupID != "" {
		return []RoleAssignment{}, err
	}
	targets, err := s.wanted(ctx, f)
	if err != nil {
		return nil, err
	}
	out, err := s.givenFor(ctx, f)
	if err != nil {
		return nil, err
	}
	if f.Effective {
		if out, err = s.effective(ctx, out); err != nil {
			return nil, err
		}
	}
	out = slices.DeleteFunc(out, func(a RoleAssignment) bool {
		return !f.lets(a) || targets != nil && !slices.Contains(targets, a.TargetID)
	})
	return s.named(ctx, out, domain)
}

// mayList checks the policy of the list, which for a subtree is that of its top.
func (s *Service) mayList(ctx context.Context, f AssignmentFilter, domain string) error {
	if !f.Subtree {
		return s.check(ctx, ActionListAssignments, policy.Target{"target.domain_id": domain})
	}
	p, err := projects.need(ctx, s.DB.Read(), f.TargetID)
	if err != nil {
		return orError(s.check(ctx, ActionListAssignmentsTree, nil), err)
	}
	return s.check(ctx, ActionListAssignmentsTree, policy.Target{"target.domain_id": p.DomainID})
}

// sound tells which filters Keystone refuses together.
func (f AssignmentFilter) sound() error {
	switch {
	case f.Subtree && f.Target != OnProject:
		return errs.Invalidf("scope.project.id must be specified if include_subtree is also specified")
	case f.UserID != "" && f.GroupID != "":
		return errs.Invalidf("Specify a user or group, not both")
	case f.Effective && f.GroupID != "":
		return errs.Invalidf("Combining effective and group filter will always result in an empty list.")
	case f.Effective && f.Target == OnDomain && f.Inherited != nil && *f.Inherited:
		return errs.Invalidf("Combining effective, domain and inherited filters will always result in an empty list.")
	}
	return nil
}

// wanted gives the ids of targets that are asked for, nil for all.
func (s *Service) wanted(ctx context.Context, f AssignmentFilter) ([]string, error) {
	switch {
	case f.TargetID == "":
		return nil, nil
	case !f.Subtree:
		return []string{f.TargetID}, nil
	}
	t, err := s.tree(ctx)
	if err != nil {
		return nil, err
	}
	return t.subtree(f.TargetID, []string{f.TargetID}), nil
}

// lets tells whether an assignment passes the filter, but for the id of its target.
func (f AssignmentFilter) lets(a RoleAssignment) bool {
	return (f.RoleID == "" || f.RoleID == a.RoleID) && (f.Target == "" || f.Target == a.TargetType) &&
		(f.Inherited == nil || *f.Inherited == a.From.Inherited)
}

// givenFor reads the assignments that the filter may let through. What holds
// in the end may come from another role or target than it asks for.
func (s *Service) givenFor(ctx context.Context, f AssignmentFilter) ([]RoleAssignment, error) {
	var rows []Assignment
	q := s.DB.Read().NewSelect().Model(&rows).Order("target_type", "target_id", "user_id", "role_id", "inherited")
	if f.UserID != "" {
		q = q.Where("user_id = ?", f.UserID)
	}
	if f.RoleID != "" && !f.Effective {
		q = q.Where("role_id = ?", f.RoleID)
	}
	if f.TargetID != "" && !f.Effective && !f.Subtree {
		q = q.Where("target_type = ? AND target_id = ?", f.Target, f.TargetID)
	}
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
