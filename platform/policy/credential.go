package policy

import (
	"slices"

	"github.com/cumulite/cumulite/platform/auth"
)

// credential reports whether an attribute of the caller has the value, or one
// of the values, that is asked for. An attribute that the caller lacks has none.
type credential func(g auth.Grant, value string) bool

// credentials are the attributes by the names that rules use: those of the
// service contexts, and the token.* ones of the identity service. Each is read
// only when a rule asks for it.
var credentials = map[string]credential{
	"user_id":                is(auth.Grant.UserID),
	"user_name":              says(func(c auth.Claims) string { return c.User.Name }),
	"user_domain_id":         says(func(c auth.Claims) string { return c.UserDomain.ID }),
	"project_id":             is(auth.Grant.ProjectID),
	"project_name":           says(func(c auth.Claims) string { return c.Project.Name }),
	"project_domain_id":      says(func(c auth.Claims) string { return projectDomain(c).ID }),
	"tenant_id":              is(auth.Grant.ProjectID),
	"domain_id":              is(auth.Grant.DomainID),
	"system_scope":           is(systemScope),
	"is_admin":               isAdmin,
	"is_admin_project":       isAdminProject,
	"roles":                  holdsRole,
	"service_user_id":        is(auth.Grant.Service),
	"service_roles":          holdsServiceRole,
	"token.is_admin_project": isAdminProject,

	"token.user.id":             is(auth.Grant.UserID),
	"token.user.name":           says(func(c auth.Claims) string { return c.User.Name }),
	"token.user.domain.id":      says(func(c auth.Claims) string { return c.UserDomain.ID }),
	"token.user.domain.name":    says(func(c auth.Claims) string { return c.UserDomain.Name }),
	"token.project.id":          is(auth.Grant.ProjectID),
	"token.project.name":        says(func(c auth.Claims) string { return c.Project.Name }),
	"token.project.domain.id":   says(func(c auth.Claims) string { return projectDomain(c).ID }),
	"token.project.domain.name": says(func(c auth.Claims) string { return projectDomain(c).Name }),
	"token.domain.id":           is(auth.Grant.DomainID),
	"token.domain.name":         says(func(c auth.Claims) string { return scopedDomain(c).Name }),
}

// is compares an attribute that can be read from the grant as it is.
func is(read func(auth.Grant) string) credential {
	return func(g auth.Grant, value string) bool {
		have := read(g)
		return have != "" && have == value
	}
}

// says compares an attribute that needs a copy of the claims: the rare ones.
func says(read func(auth.Claims) string) credential {
	return is(func(g auth.Grant) string { return read(g.Claims()) })
}

func projectDomain(c auth.Claims) auth.Ref {
	if c.Project.ID == "" {
		return auth.Ref{}
	}
	return c.Domain
}

func scopedDomain(c auth.Claims) auth.Ref {
	if c.Project.ID != "" {
		return auth.Ref{}
	}
	return c.Domain
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

func holdsServiceRole(g auth.Grant, value string) bool {
	return value == auth.ServiceRole && g.HasRole(auth.ServiceRole)
}
