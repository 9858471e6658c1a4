package identityapi

import (
	"net/http"

	"github.com/cumulite/cumulite/identity"
	"github.com/cumulite/cumulite/platform/httpapi"
	"github.com/cumulite/cumulite/platform/policy"
)

// grants is where roles are given on one kind of target.
type grants struct {
	roles     string // the pattern of a user's roles there
	suffix    string // what stands behind, "/inherited_to_projects"
	target    identity.TargetType
	wildcard  string // of the target's id; "" for the system
	unlisted  bool
	inherited bool
}

var allGrants = []grants{
	{roles: "/projects/{project_id}/users/{user_id}/roles", target: identity.OnProject, wildcard: "project_id"},
	{roles: "/domains/{domain_id}/users/{user_id}/roles", target: identity.OnDomain, wildcard: "domain_id"},
	{roles: "/system/users/{user_id}/roles", target: identity.OnSystem},
	{roles: "/OS-INHERIT/projects/{project_id}/users/{user_id}/roles", suffix: "/inherited_to_projects", target: identity.OnProject,
		wildcard: "project_id", unlisted: true, inherited: true},
	{roles: "/OS-INHERIT/domains/{domain_id}/users/{user_id}/roles", suffix: "/inherited_to_projects", target: identity.OnDomain,
		wildcard: "domain_id", inherited: true},
}

func (h handler) grantRoutes() (rows []httpapi.Route) {
	for _, g := range allGrants {
		list, check, create, revoke := identity.ActionListGrants, identity.ActionCheckGrant, identity.ActionCreateGrant, identity.ActionRevokeGrant
		if g.target == identity.OnSystem {
			list, check, create, revoke = identity.ActionListSystemGrants, identity.ActionCheckSystemGrant, identity.ActionCreateSystemGrant, identity.ActionRevokeSystemGrant
		}
		one := func(method string, action policy.Action, handle func(*httpapi.Request, identity.Assignment) error) httpapi.Route {
			return httpapi.Route{Method: method, Pattern: g.roles + "/{role_id}" + g.suffix, Action: action, Status: http.StatusNoContent,
				Handle: func(r *httpapi.Request) (any, error) { return nil, handle(r, g.assignment(r)) }}
		}
		rows = append(rows, one("GET", check, h.checkGrant), one("PUT", create, h.grant), one("DELETE", revoke, h.revokeGrant))
		if !g.unlisted {
			rows = append(rows, httpapi.Route{Method: "GET", Pattern: g.roles + g.suffix, Action: list, Response: roleList{},
				Handle: func(r *httpapi.Request) (any, error) { return h.listGrants(r, g.assignment(r)) }})
		}
	}
	return rows
}

// assignment gives what the path names.
func (g grants) assignment(r *httpapi.Request) identity.Assignment {
	a := identity.Assignment{UserID: r.PathValue("user_id"), RoleID: r.PathValue("role_id"), TargetType: g.target, TargetID: identity.SystemID, Inherited: g.inherited}
	if g.wildcard != "" {
		a.TargetID = r.PathValue(g.wildcard)
	}
	return a
}

func (h handler) checkGrant(r *httpapi.Request, a identity.Assignment) error {
	return h.ids.CheckAssignment(r.Ctx(), a)
}

func (h handler) grant(r *httpapi.Request, a identity.Assignment) error {
	return h.ids.Assign(r.Ctx(), a)
}

func (h handler) revokeGrant(r *httpapi.Request, a identity.Assignment) error {
	return h.ids.Unassign(r.Ctx(), a)
}

func (h handler) listGrants(r *httpapi.Request, a identity.Assignment) (any, error) {
	rows, err := h.ids.ListGrants(r.Ctx(), a)
	return roleList{each(rows, h.role), h.whole(r)}, err
}
