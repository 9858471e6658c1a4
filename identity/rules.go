package identity

import (
	"context"
	"slices"

	"github.com/cumulite/cumulite/platform/auth"
	"github.com/cumulite/cumulite/platform/errs"
)

// rules are the small tables that every token needs, at a revision: what
// roles are called and imply, and the catalogue. They are shared and never changed.
type rules struct {
	revision int64
	roles    map[string]*Role
	implied  map[string][]string // by the prior role
	catalog  catalog
}

// rulesAt gives the rules at the revision or later.
func (s *Service) rulesAt(ctx context.Context, revision int64) (*rules, error) {
	if r := s.rules.Load(); r != nil && r.revision >= revision {
		return r, nil
	}
	s.reading.Lock()
	defer s.reading.Unlock()
	if r := s.rules.Load(); r != nil && r.revision >= revision {
		return r, nil
	}
	r, err := s.readRules(ctx, revision)
	if err != nil {
		return nil, errs.Wrap(err, "read roles and catalogue")
	}
	s.rules.Store(r)
	return r, nil
}

func (s *Service) readRules(ctx context.Context, revision int64) (*rules, error) {
	r := &rules{revision: revision, roles: map[string]*Role{}, implied: map[string][]string{}}
	var all []Role
	if err := s.DB.Read().NewSelect().Model(&all).Scan(ctx); err != nil {
		return nil, err
	}
	for i := range all {
		r.roles[all[i].ID] = &all[i]
	}
	implications, err := implications(ctx, s.DB.Read())
	if err != nil {
		return nil, err
	}
	for _, i := range implications {
		r.implied[i.PriorID] = append(r.implied[i.PriorID], i.ImpliedID)
	}
	r.catalog, err = readCatalog(ctx, s.DB.Read())
	return r, err
}

// effective gives the roles of these ids with all that they imply, sorted by name.
func (r *rules) effective(given []string) []auth.Ref {
	var out []auth.Ref
	r.walk(given, func(_ string, role *Role) { out = append(out, auth.Ref{ID: role.ID, Name: role.Name}) })
	slices.SortFunc(out, func(a, b auth.Ref) int { return compare(a.Name, b.Name, a.ID, b.ID) })
	return out
}

// walk visits the roles of these ids and those that they imply, each once,
// with the role that implied it; "" for those given.
func (r *rules) walk(given []string, visit func(prior string, role *Role)) {
	seen := map[string]bool{}
	var each func(prior, id string)
	each = func(prior, id string) {
		role := r.roles[id]
		if role == nil || seen[id] {
			return
		}
		seen[id] = true
		visit(prior, role)
		for _, next := range r.implied[id] {
			each(id, next)
		}
	}
	for _, id := range given {
		each("", id)
	}
}
