package computeapi

import (
	"github.com/cumulite/cumulite/compute"
	"github.com/cumulite/cumulite/platform/errs"
	"github.com/cumulite/cumulite/platform/httpapi"
	"github.com/cumulite/cumulite/platform/quota"
)

func (h handler) quotaRoutes() []httpapi.Route {
	const set, class = "/os-quota-sets/{project_id}", "/os-quota-class-sets/{class}"
	return []httpapi.Route{
		{Method: "GET", Pattern: set, Action: compute.ActionQuotaShow, Query: quotaQuery{}, Response: quotaBody{}, Handle: h.showQuotas},
		{Method: "GET", Pattern: set + "/detail", Action: compute.ActionQuotaDetail, Query: quotaQuery{}, Response: quotaDetailBody{}, Handle: h.detailQuotas},
		{Method: "GET", Pattern: set + "/defaults", Action: compute.ActionQuotaDefaults, Response: quotaBody{}, Handle: h.defaultQuotas},
		{Method: "PUT", Pattern: set, Action: compute.ActionQuotaUpdate, Query: quotaQuery{}, Request: setQuotasBody{}, Response: quotaBody{}, Handle: httpapi.Body(h.setQuotas)},
		{Method: "DELETE", Pattern: set, Action: compute.ActionQuotaDelete, Query: quotaQuery{}, Status: 202, Handle: h.clearQuotas},
		{Method: "GET", Pattern: class, Action: compute.ActionQuotaClassShow, Response: quotaClassBody{}, Handle: h.showQuotaClass},
		{Method: "PUT", Pattern: class, Action: compute.ActionQuotaClassUpdate, Request: setQuotaClassBody{}, Response: quotaClassBody{}, Handle: httpapi.Body(h.setQuotaClass)},
	}
}

type quotaQuery struct {
	UserID string `json:"user_id"`
}

type quotaShape struct {
	ID string `json:"id,omitempty"`
	quotaSet[int]
}

type quotaBody struct {
	Set quotaShape `json:"quota_set"`
}

// quotaDetail is a limit with what is used of it.
type quotaDetail struct {
	Limit    int `json:"limit"`
	InUse    int `json:"in_use"`
	Reserved int `json:"reserved"` // nothing is reserved here: what is promised is counted
}

type quotaDetailShape struct {
	ID string `json:"id"`
	quotaSet[quotaDetail]
}

type quotaDetailBody struct {
	Set quotaDetailShape `json:"quota_set"`
}

type setQuotasBody struct {
	Set struct {
		quotaSet[*integer]
		Force boolean `json:"force"`
	} `json:"quota_set" api:"required"`
}

type quotaClassShape struct {
	ID string `json:"id,omitempty"`
	quotaClass[int]
}

type quotaClassBody struct {
	Set quotaClassShape `json:"quota_class_set"`
}

type setQuotaClassBody struct {
	Set struct {
		quotaClass[*integer]
	} `json:"quota_class_set" api:"required"`
}

func same(limit int) int { return limit }

func quotas(id string, limits map[quota.Resource]int, err error) (any, error) {
	out := quotaBody{quotaShape{ID: id}}
	fill(out.Set.byName(), limits, same, quota.Unlimited)
	return out, err
}

func classQuotas(id string, limits map[quota.Resource]int, err error) (any, error) {
	out := quotaClassBody{quotaClassShape{ID: id}}
	fill(out.Set.byName(), limits, same, quota.Unlimited)
	return out, err
}

func (h handler) showQuotas(r *httpapi.Request) (any, error) {
	id := r.PathValue("project_id")
	limits, err := h.compute.Quotas(r.Ctx(), id)
	return quotas(id, limits, err)
}

func (h handler) defaultQuotas(r *httpapi.Request) (any, error) {
	id := r.PathValue("project_id")
	limits, err := h.compute.DefaultQuotas(r.Ctx(), id)
	return quotas(id, limits, err)
}

func (h handler) detailQuotas(r *httpapi.Request) (any, error) {
	id := r.PathValue("project_id")
	usage, err := h.compute.QuotaUsage(r.Ctx(), id)
	out := quotaDetailBody{quotaDetailShape{ID: id}}
	fill(out.Set.byName(), usage, func(u quota.Usage) quotaDetail { return quotaDetail{Limit: u.Limit, InUse: u.Used} }, quotaDetail{Limit: quota.Unlimited})
	return out, err
}

// wholeProject refuses changes for one user of a project: limits here are those
// of the project, and what was meant for one must not change those of all.
func wholeProject(r *httpapi.Request) error {
	if r.Params().Get("user_id") != "" {
		return errs.Invalidf("Quotas of single users are not supported.")
	}
	return nil
}

func (h handler) setQuotas(r *httpapi.Request, in *setQuotasBody) (any, error) {
	if err := wholeProject(r); err != nil {
		return nil, err
	}
	limits := named(in.Set.byName(), h.compute.QuotaNames())
	all, err := h.compute.SetQuotas(r.Ctx(), r.PathValue("project_id"), limits, bool(in.Set.Force))
	return quotas("", all, err)
}

func (h handler) clearQuotas(r *httpapi.Request) (any, error) {
	if err := wholeProject(r); err != nil {
		return nil, err
	}
	return nil, h.compute.ClearQuotas(r.Ctx(), r.PathValue("project_id"))
}

func (h handler) showQuotaClass(r *httpapi.Request) (any, error) {
	limits, err := h.compute.ClassQuotas(r.Ctx())
	return classQuotas(r.PathValue("class"), limits, err)
}

func (h handler) setQuotaClass(r *httpapi.Request, in *setQuotaClassBody) (any, error) {
	all, err := h.compute.SetClassQuotas(r.Ctx(), r.PathValue("class"), named(in.Set.byName(), h.compute.QuotaNames()))
	return classQuotas("", all, err)
}
