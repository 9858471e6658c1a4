package computeapi

import (
	"github.com/cumulite/cumulite/compute"
	"github.com/cumulite/cumulite/platform/httpapi"
)

func (h handler) aggregateRoutes() []httpapi.Route {
	return []httpapi.Route{
		{Method: "GET", Pattern: "/os-aggregates", Action: compute.ActionAggregateList, Response: aggregateList{}, Handle: h.listAggregates},
	}
}

type aggregateList struct {
	Aggregates []string `json:"aggregates"` // always empty
}

func (h handler) listAggregates(r *httpapi.Request) (any, error) {
	list, err := h.compute.ListAggregates(r.Ctx())
	return aggregateList{list}, err
}
