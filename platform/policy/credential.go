package policy

import (
	"slices"

	"github.com/cumulite/cumulite/platform/auth"
)

// credential reports whether an attribute of the caller has the value, or one
// of the values, that is asked for. One that the caller lacks has the value ""
// only, for which no rule can ask but with ATTRIBUTE:None.
type credential func(g auth.Grant, value string) bool

// credentials are the attributes by the names that rules use: those of the
// service contexts, and the token.* ones of the identity service. Each is read
// only when a rule asks for it.
var credentials = map[string]credential{
	"user_id":           is(auth.Grant.UserID),
	"user_domain_id":    is(userDomain),
	"project_id":        is(auth.Grant.ProjectID),
	"project_domain_id": is(projectDomain),
	"tenant_id":         is(auth.Grant.ProjectID),
	"domain_id":         is(auth.Grant.DomainID),
	"system_scope":      is(systemScope),
	"is_admin":          isAdmin,
	"is_admin_project":  isAdminProject,
	"roles":             holdsRole,
	"service_user_id":   is(auth.Grant.Service),
	"service_roles":     holdsServiceRole,

	"token.roles":             holdsTokenRole,
	"token.user.id":           is(auth.Grant.UserID),
	"token.user.domain.id":    is(userDomain),
	"token.project.id":        is(auth.Grant.ProjectID),
	"token.project.domain.id": is(projectDomain),
	"token.domain.id":         is(auth.Grant.DomainID),
	"token.is_admin_project":  isAdminProject,
}

// is compares an attribute that has one value.
func is(read func(auth.Grant) string) credential {
	return func(g auth.Grant, value string) bool { return read(g) == value }
}

func userDomain(g auth.Grant) string { return g.Claims().UserDomain.ID }

func projectDomain(g auth.Grant) string {
	if g.ProjectID() == "" {
		return ""
	}
	return g.Claims().Domain.ID
}

func systemScope(g auth.Grant) string {
	if g.System() {
		return "all"
	}
	return ""
}

// isAdmin has the meaning of the original's context_is_admin rule.
func isAdmin(g auth.Grant, value string) bool { return value == boolText(g.HasRole("admin")) }

// isAdminProject is true for all: no project is set apart for administrators.
func isAdminProject(_ auth.Grant, value string) bool { return value == boolText(true) }

func holdsRole(g auth.Grant, value string) bool { return slices.Contains(g.RoleNames(), value) }

// holdsTokenRole sees what role:NAME does not: a user's role called "service".
// It makes nobody a service of this cloud, but it is what the users of services
// have that ask whose tokens they were sent.
func holdsTokenRole(g auth.Grant, value string) bool {
	return slices.ContainsFunc(g.Claims().Roles, func(r auth.Ref) bool { return r.Name == value })
}

func holdsServiceRole(g auth.Grant, value string) bool {
	return value == auth.ServiceRole && g.HasRole(auth.ServiceRole)
}
