package identity

import (
	"context"
	"slices"

	"github.com/cumulite/cumulite/platform/errs"
)

// tree knows the projects that are right below a project, and all within a domain.
type tree struct{ below, within map[string][]string }

// treeFor gives the tree, which is only read when one of the assignments is inherited.
func (s *Service) treeFor(ctx context.Context, held []Assignment) (*tree, error) {
	if !slices.ContainsFunc(held, func(a Assignment) bool { return a.Inherited }) {
		return &tree{}, nil
	}
	return s.tree(ctx)
}

func (s *Service) tree(ctx context.Context) (*tree, error) {
	t := &tree{below: map[string][]string{}, within: map[string][]string{}}
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
