package identityapi

import (
	"fmt"

	"github.com/cumulite/cumulite/identity"
	"github.com/cumulite/cumulite/platform/errs"
	"github.com/cumulite/cumulite/platform/httpapi"
)

// named is something that an assignment refers to; names are shown when asked for.
type named struct {
	ID     string `json:"id"`
	Name   string `json:"name,omitempty"`
	Domain *named `json:"domain,omitempty"`
}

type assignmentBody struct {
	User  named           `json:"user"`
	Role  named           `json:"role"`
	Scope assignmentScope `json:"scope"`
	Links assignmentLinks `json:"links"`
}

type assignmentScope struct {
	Project     *named      `json:"project,omitempty"`
	Domain      *named      `json:"domain,omitempty"`
	System      *systemBody `json:"system,omitempty"`
	InheritedTo string      `json:"OS-INHERIT:inherited_to,omitempty"`
}

type assignmentLinks struct {
	Assignment string `json:"assignment"`
	PriorRole  string `json:"prior_role,omitempty"`
}

type assignmentList struct {
	Assignments []assignmentBody `json:"role_assignments"`
	page
}

func (h handler) assignmentRoutes() []httpapi.Route {
	return []httpapi.Route{{Method: "GET", Pattern: "/role_assignments", Action: identity.ActionListAssignments, Response: assignmentList{}, Handle: h.listAssignments}}
}

func (h handler) listAssignments(r *httpapi.Request) (any, error) {
	f, err := assignmentFilter(r)
	if err != nil {
		return nil, err
	}
	rows, err := h.ids.ListRoleAssignments(r.Ctx(), f)
	names := asked(r, "include_names")
	return assignmentList{each(rows, func(a *identity.RoleAssignment) assignmentBody { return h.assignment(a, names) }), h.whole(r)}, err
}

// assignmentFilter reads the parameters of the list.
func assignmentFilter(r *httpapi.Request) (f identity.AssignmentFilter, err error) {
	p := r.Params()
	f = identity.AssignmentFilter{UserID: p.Get("user.id"), RoleID: p.Get("role.id"), GroupID: p.Get("group.id"),
		Effective: asked(r, "effective"), Subtree: asked(r, "include_subtree")}
	project, domain, system := p.Get("scope.project.id"), p.Get("scope.domain.id"), p.Get("scope.system")
	switch {
	case f.Subtree && project == "":
		return f, errs.Invalidf("scope.project.id must be specified if include_subtree is also specified")
	case domain != "" && project != "":
		return f, errs.Invalidf("Specify a domain or project, not both")
	case domain != "" && system != "":
		return f, errs.Invalidf("Specify system or domain, not both")
	case project != "" && system != "":
		return f, errs.Invalidf("Specify system or project, not both")
	case project != "":
		f.Target, f.TargetID = identity.OnProject, project
	case domain != "":
		f.Target, f.TargetID = identity.OnDomain, domain
	case system != "":
		f.Target = identity.OnSystem
	}
	if p.Has("scope.OS-INHERIT:inherited_to") {
		inherited := p.Get("scope.OS-INHERIT:inherited_to") == "projects"
		f.Inherited = &inherited
	}
	return f, nil
}

func (h handler) assignment(a *identity.RoleAssignment, names bool) assignmentBody {
	out := assignmentBody{User: named{ID: a.UserID}, Role: named{ID: a.RoleID}, Links: assignmentLinks{Assignment: h.url(grantPath(a.From))}}
	target := &named{ID: a.TargetID}
	if names {
		out.User, out.Role, *target = withNames(a.User), withNames(a.Role), withNames(a.Target)
	}
	switch a.TargetType {
	case identity.OnProject:
		out.Scope.Project = target
	case identity.OnDomain:
		out.Scope.Domain = target
	case identity.OnSystem:
		out.Scope.System = &systemBody{All: true}
	}
	if a.From.Inherited {
		out.Scope.InheritedTo = "projects"
	}
	if a.PriorID != "" {
		out.Links.PriorRole = h.url("/prior_role/" + a.PriorID + "/implies/" + a.RoleID)
	}
	return out
}

func withNames(n identity.Named) named {
	out := named{ID: n.ID, Name: n.Name}
	if n.DomainID != "" {
		out.Domain = &named{ID: n.DomainID, Name: n.DomainName}
	}
	return out
}

// grantPath gives the path under which an assignment was made.
func grantPath(a identity.Assignment) string {
	path := "/system"
	if a.TargetType != identity.OnSystem {
		path = fmt.Sprintf("/%ss/%s", a.TargetType, a.TargetID)
	}
	path += "/users/" + a.UserID + "/roles/" + a.RoleID
	if a.Inherited {
		path = "/OS-INHERIT" + path + "/inherited_to_projects"
	}
	return path
}
