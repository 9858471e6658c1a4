package computeapi

import (
	"github.com/cumulite/cumulite/compute"
	"github.com/cumulite/cumulite/platform/errs"
	"github.com/cumulite/cumulite/platform/httpapi"
	"github.com/cumulite/cumulite/platform/store"
)

func (h handler) serverGroupRoutes() []httpapi.Route {
	const list, one = "/os-server-groups", "/os-server-groups/{group_id}"
	return []httpapi.Route{
		{Method: "GET", Pattern: list, Action: compute.ActionServerGroupList, Query: groupQuery{}, Response: groupList{}, Handle: h.listServerGroups},
		{Method: "POST", Pattern: list, Action: compute.ActionServerGroupCreate, Until: httpapi.V("2.63"), Request: oldGroupBody{}, Response: groupBody{}, Handle: httpapi.Body(h.createOldServerGroup)},
		{Method: "POST", Pattern: list, Action: compute.ActionServerGroupCreate, Since: httpapi.V("2.64"), Request: newGroupBody{}, Response: groupBody{}, Handle: httpapi.Body(h.createServerGroup)},
		{Method: "GET", Pattern: one, Action: compute.ActionServerGroupShow, Response: groupBody{}, Handle: h.showServerGroup},
		{Method: "DELETE", Pattern: one, Action: compute.ActionServerGroupDelete, Status: 204, Handle: h.deleteServerGroup},
	}
}

type groupQuery struct {
	AllProjects *string  `json:"all_projects"`
	Limit       *integer `json:"limit" api:"min=0"`
	Offset      *integer `json:"offset" api:"min=0"`
}

// groupPolicies are those of a group: one, in a list for historical reasons.
type groupPolicies []compute.GroupPolicy

// JSONSchema says what is taken.
func (groupPolicies) JSONSchema() map[string]any {
	one := map[string]any{"type": "string", "enum": []any{"anti-affinity", "affinity", "soft-anti-affinity", "soft-affinity"}}
	return map[string]any{"type": "array", "items": one, "minItems": 1, "maxItems": 1, "uniqueItems": true}
}

type oldGroupBody struct {
	Group struct {
		Name     name          `json:"name" api:"required"`
		Policies groupPolicies `json:"policies" api:"required"`
	} `json:"server_group" api:"required"`
}

type newGroupBody struct {
	Group struct {
		Name   name                `json:"name" api:"required"`
		Policy compute.GroupPolicy `json:"policy" api:"required,enum=anti-affinity|affinity|soft-anti-affinity|soft-affinity"`
		Rules  struct {
			MaxPerHost integer `json:"max_server_per_host" api:"min=1"`
		} `json:"rules"`
	} `json:"server_group" api:"required"`
}

type groupShape struct {
	ID        string            `json:"id"`
	Name      string            `json:"name"`
	Policies  []string          `json:"policies" until:"2.63"`
	Metadata  map[string]string `json:"metadata" until:"2.63"` // always empty
	Policy    string            `json:"policy" since:"2.64"`
	Rules     map[string]int    `json:"rules" since:"2.64"`
	Members   []string          `json:"members"`
	ProjectID string            `json:"project_id" since:"2.13"`
	UserID    string            `json:"user_id" since:"2.13"`
}

type groupBody struct {
	Group groupShape `json:"server_group"`
}

type groupList struct {
	Groups []groupShape `json:"server_groups"`
}

func showGroup(g *compute.ServerGroup) groupShape {
	out := groupShape{ID: g.ID, Name: g.Name, Policies: []string{string(g.Policy)}, Policy: string(g.Policy), Rules: map[string]int{},
		Members: g.Members, ProjectID: g.ProjectID, UserID: g.UserID}
	if g.MaxPerHost > 0 {
		out.Rules["max_server_per_host"] = g.MaxPerHost
	}
	return out
}

func (h handler) createOldServerGroup(r *httpapi.Request, in *oldGroupBody) (any, error) {
	p := in.Group.Policies[0]
	if soft := p == compute.SoftAffinity || p == compute.SoftAntiAffinity; soft && !r.Version.AtLeast(httpapi.V("2.15")) {
		return nil, errs.Invalidf("Invalid input for field/attribute 0. Value: %s. '%[1]s' is not one of ['anti-affinity', 'affinity']", p)
	}
	return h.makeServerGroup(r, compute.CreateServerGroup{Name: string(in.Group.Name), Policy: p})
}

func (h handler) createServerGroup(r *httpapi.Request, in *newGroupBody) (any, error) {
	return h.makeServerGroup(r, compute.CreateServerGroup{Name: string(in.Group.Name), Policy: in.Group.Policy, MaxPerHost: int(in.Group.Rules.MaxPerHost)})
}

func (h handler) makeServerGroup(r *httpapi.Request, in compute.CreateServerGroup) (any, error) {
	g, err := h.compute.CreateServerGroup(r.Ctx(), in)
	if err != nil {
		return nil, err
	}
	return groupBody{showGroup(g)}, nil
}

func (h handler) showServerGroup(r *httpapi.Request) (any, error) {
	g, err := h.compute.GetServerGroup(r.Ctx(), r.PathValue("group_id"))
	if err != nil {
		return nil, err
	}
	return groupBody{showGroup(g)}, nil
}

func (h handler) listServerGroups(r *httpapi.Request) (any, error) {
	in, err := httpapi.Query[groupQuery](r)
	if err != nil {
		return nil, err
	}
	groups, err := h.compute.ListServerGroups(r.Ctx(), in.AllProjects != nil, store.Query{Limit: int(deref(in.Limit))}, int(deref(in.Offset)))
	if err != nil {
		return nil, err
	}
	out := groupList{Groups: make([]groupShape, len(groups))}
	for n := range groups {
		out.Groups[n] = showGroup(&groups[n])
	}
	return out, nil
}

func (h handler) deleteServerGroup(r *httpapi.Request) (any, error) {
	return nil, h.compute.DeleteServerGroup(r.Ctx(), r.PathValue("group_id"))
}
