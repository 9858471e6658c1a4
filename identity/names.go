package identity

import (
	"context"

	"github.com/uptrace/bun"

	"github.com/cumulite/cumulite/platform/errs"
)

// Named is a user, role, project or domain by its names.
type Named struct{ ID, Name, DomainID, DomainName string }

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
