package computeapi

import (
	"github.com/cumulite/cumulite/compute"
	"github.com/cumulite/cumulite/platform/httpapi"
)

func (h handler) flavorAccessRoutes() []httpapi.Route {
	const list, act = "/flavors/{flavor_id}/os-flavor-access", "/flavors/{flavor_id}/action"
	return []httpapi.Route{
		{Method: "GET", Pattern: list, Action: compute.ActionFlavorAccess, Response: accessBody{}, Handle: h.listFlavorAccess},
		{Method: "POST", Pattern: act, BodyKey: "addTenantAccess", Action: compute.ActionFlavorAccessAdd, Request: addAccessBody{}, Response: accessBody{}, Handle: httpapi.Body(h.addFlavorAccess)},
		{Method: "POST", Pattern: act, BodyKey: "removeTenantAccess", Action: compute.ActionFlavorAccessRemove, Request: removeAccessBody{}, Response: accessBody{}, Handle: httpapi.Body(h.removeFlavorAccess)},
	}
}

type tenant struct {
	Tenant string `json:"tenant" api:"required,min=1,max=255"`
}

type addAccessBody struct {
	Add tenant `json:"addTenantAccess" api:"required"`
}

type removeAccessBody struct {
	Remove tenant `json:"removeTenantAccess" api:"required"`
}

type accessBody struct {
	Access []access `json:"flavor_access"`
}

type access struct {
	FlavorID string `json:"flavor_id"`
	TenantID string `json:"tenant_id"`
}

func accesses(flavorID string, projects []string, err error) (any, error) {
	out := accessBody{Access: []access{}}
	for _, p := range projects {
		out.Access = append(out.Access, access{flavorID, p})
	}
	return out, err
}

func (h handler) listFlavorAccess(r *httpapi.Request) (any, error) {
	id := r.PathValue("flavor_id")
	projects, err := h.compute.FlavorAccess(r.Ctx(), id)
	return accesses(id, projects, err)
}

func (h handler) addFlavorAccess(r *httpapi.Request, in *addAccessBody) (any, error) {
	id := r.PathValue("flavor_id")
	projects, err := h.compute.AddFlavorAccess(r.Ctx(), id, in.Add.Tenant)
	return accesses(id, projects, err)
}

func (h handler) removeFlavorAccess(r *httpapi.Request, in *removeAccessBody) (any, error) {
	id := r.PathValue("flavor_id")
	projects, err := h.compute.RemoveFlavorAccess(r.Ctx(), id, in.Remove.Tenant)
	return accesses(id, projects, err)
}
