package computeapi

import (
	"github.com/cumulite/cumulite/compute"
	"github.com/cumulite/cumulite/platform/httpapi"
)

func (h handler) secGroupRoutes() []httpapi.Route {
	return []httpapi.Route{
		{Method: "GET", Pattern: "/servers/{server_id}/os-security-groups", Action: compute.ActionServerGroupsOfList, Response: secGroupList{}, Handle: h.listSecurityGroups},
	}
}

type secGroupShape struct {
	ID          string   `json:"id"`
	Name        string   `json:"name"`
	Description string   `json:"description"`
	TenantID    string   `json:"tenant_id"`
	Rules       []string `json:"rules"` // the network API has them
}

type secGroupList struct {
	Groups []secGroupShape `json:"security_groups"`
}

func (h handler) listSecurityGroups(r *httpapi.Request) (any, error) {
	groups, err := h.compute.ServerSecurityGroups(r.Ctx(), r.PathValue("server_id"))
	if err != nil {
		return nil, err
	}
	out := secGroupList{Groups: make([]secGroupShape, len(groups))}
	for n, g := range groups {
		out.Groups[n] = secGroupShape{ID: g.ID, Name: g.Name, Description: g.Description, TenantID: g.ProjectID}
	}
	return out, nil
}
