package networkapi

import (
	"cmp"
	"net/http"
	"slices"

	"github.com/cumulite/cumulite/network"
	"github.com/cumulite/cumulite/platform/auth"
	"github.com/cumulite/cumulite/platform/httpapi"
	"github.com/cumulite/cumulite/platform/quota"
)

// quotaBody is {"quota": …}: a number for each resource, or its details.
type quotaBody[T any] struct {
	Quota map[quota.Resource]T `json:"quota"`
}

// quotaDetails is how much of a quota is used.
type quotaDetails struct {
	Limit    int `json:"limit"`
	Used     int `json:"used"`
	Reserved int `json:"reserved"`
}

type quotaList struct {
	Quotas []projectQuota `json:"quotas"`
}

// projectQuota is the quota of one project among others.
type projectQuota struct {
	ProjectID string         `json:"project_id"`
	TenantID  string         `json:"tenant_id"`
	Limits    map[string]int `json:"-" api:"inline"`
}

type changedQuotaBody struct {
	Quota changedQuota `json:"quota" api:"required"`
}

// changedQuota is the body of PUT /quotas/{project_id}. A limit below what is
// used is taken unless check_limit is set.
type changedQuota struct {
	Network           httpapi.Optional[integer] `json:"network" api:"min=-1,max=2147483647"`
	Subnet            httpapi.Optional[integer] `json:"subnet" api:"min=-1,max=2147483647"`
	SubnetPool        httpapi.Optional[integer] `json:"subnetpool" api:"min=-1,max=2147483647"`
	Port              httpapi.Optional[integer] `json:"port" api:"min=-1,max=2147483647"`
	Router            httpapi.Optional[integer] `json:"router" api:"min=-1,max=2147483647"`
	FloatingIP        httpapi.Optional[integer] `json:"floatingip" api:"min=-1,max=2147483647"`
	SecurityGroup     httpapi.Optional[integer] `json:"security_group" api:"min=-1,max=2147483647"`
	SecurityGroupRule httpapi.Optional[integer] `json:"security_group_rule" api:"min=-1,max=2147483647"`
	RBACPolicy        httpapi.Optional[integer] `json:"rbac_policy" api:"min=-1,max=2147483647"`
	CheckLimit        boolean                   `json:"check_limit"`
	Force             boolean                   `json:"force"` // the opposite, which is the default
}

func (in *changedQuota) limits() map[quota.Resource]int {
	limits := map[quota.Resource]int{}
	for resource, limit := range map[quota.Resource]httpapi.Optional[integer]{
		"network": in.Network, "subnet": in.Subnet, "subnetpool": in.SubnetPool, "port": in.Port, "router": in.Router, "floatingip": in.FloatingIP,
		"security_group": in.SecurityGroup, "security_group_rule": in.SecurityGroupRule, "rbac_policy": in.RBACPolicy,
	} {
		if limit.Set {
			limits[resource] = int(limit.Value)
		}
	}
	return limits
}

func (h handler) quotaRows() []httpapi.Route {
	const one, get = "/quotas/{project_id}", network.ActionGetQuota
	return []httpapi.Route{
		{Method: "GET", Pattern: "/quotas", Action: get, Response: quotaList{}, Handle: h.listQuotas},
		{Method: "GET", Pattern: "/quotas/tenant", Action: httpapi.Authenticated, Handle: ownProject("tenant")},
		{Method: "GET", Pattern: "/quotas/project", Action: httpapi.Authenticated, Handle: ownProject("project")},
		{Method: "GET", Pattern: one, Action: get, Response: quotaBody[int]{}, Handle: h.showQuota},
		{Method: "PUT", Pattern: one, Action: network.ActionUpdateQuota, Request: changedQuotaBody{}, Response: quotaBody[int]{}, Handle: httpapi.Body(h.updateQuota)},
		{Method: "DELETE", Pattern: one, Action: network.ActionDeleteQuota, Status: http.StatusNoContent, Handle: h.resetQuota},
		{Method: "GET", Pattern: one + "/default", Action: get, Response: quotaBody[int]{}, Handle: h.showDefaultQuota},
		{Method: "GET", Pattern: one + "/details", Action: get, Response: quotaBody[quotaDetails]{}, Handle: h.showQuotaDetails},
		{Method: "GET", Pattern: one + "/details.json", Action: get, Response: quotaBody[quotaDetails]{}, Handle: h.showQuotaDetails},
	}
}

func (h handler) listQuotas(r *httpapi.Request) (any, error) {
	all, err := h.networks.ListQuotas(r.Ctx())
	if err != nil {
		return nil, err
	}
	var out quotaList
	for project, limits := range all {
		p := projectQuota{project, project, map[string]int{}}
		for resource, limit := range limits {
			p.Limits[string(resource)] = limit
		}
		out.Quotas = append(out.Quotas, p)
	}
	slices.SortFunc(out.Quotas, func(a, b projectQuota) int { return cmp.Compare(a.ProjectID, b.ProjectID) })
	return out, nil
}

// ownProject tells callers which project they act for: {"tenant": {"tenant_id": …}}.
func ownProject(name string) func(*httpapi.Request) (any, error) {
	return func(r *httpapi.Request) (any, error) {
		return keyed[keyed[string]]{name: {name + "_id": auth.From(r.Ctx()).ProjectID()}}, nil
	}
}

func (h handler) showQuota(r *httpapi.Request) (any, error) {
	usage, err := h.networks.Quotas(r.Ctx(), r.PathValue("project_id"))
	if err != nil {
		return nil, err
	}
	return quotaBody[int]{mapped(usage, func(u quota.Usage) int { return u.Limit })}, nil
}

func (h handler) showQuotaDetails(r *httpapi.Request) (any, error) {
	usage, err := h.networks.Quotas(r.Ctx(), r.PathValue("project_id"))
	if err != nil {
		return nil, err
	}
	return quotaBody[quotaDetails]{mapped(usage, func(u quota.Usage) quotaDetails { return quotaDetails{Limit: u.Limit, Used: u.Used} })}, nil
}

func mapped[K comparable, A, B any](in map[K]A, f func(A) B) map[K]B {
	out := make(map[K]B, len(in))
	for k, v := range in {
		out[k] = f(v)
	}
	return out
}

func (h handler) showDefaultQuota(r *httpapi.Request) (any, error) {
	limits, err := h.networks.DefaultQuotas(r.Ctx(), r.PathValue("project_id"))
	if err != nil {
		return nil, err
	}
	return quotaBody[int]{limits}, nil
}

func (h handler) updateQuota(r *httpapi.Request, in *changedQuotaBody) (any, error) {
	set := h.networks.SetQuotas
	if in.Quota.CheckLimit && !in.Quota.Force {
		set = h.networks.SetQuotasAboveUsage
	}
	limits, err := set(r.Ctx(), r.PathValue("project_id"), in.Quota.limits())
	if err != nil {
		return nil, err
	}
	return quotaBody[int]{limits}, nil
}

func (h handler) resetQuota(r *httpapi.Request) (any, error) {
	return nil, h.networks.ResetQuotas(r.Ctx(), r.PathValue("project_id"))
}
