package identityapi

import (
	"context"
	"net/http"

	"github.com/cumulite/cumulite/identity"
	"github.com/cumulite/cumulite/platform/errs"
	"github.com/cumulite/cumulite/platform/httpapi"
)

type endpointBody struct {
	object
	ServiceID string         `json:"service_id"`
	Interface string         `json:"interface"`
	RegionID  *string        `json:"region_id"`
	Region    *string        `json:"region"` // the region's id by its old name
	URL       string         `json:"url"`
	Enabled   bool           `json:"enabled"`
	Extra     map[string]any `json:"-" api:"inline"`
}

type endpointAnswer struct {
	Endpoint endpointBody `json:"endpoint"`
}

type endpointList struct {
	Endpoints []endpointBody `json:"endpoints"`
	page
}

type endpointQuery struct {
	Interface string `json:"interface" api:"enum=admin|internal|public"`
}

type createEndpoint struct {
	Endpoint struct {
		echo
		ServiceID string                   `json:"service_id" api:"required"`
		Interface string                   `json:"interface" api:"required,enum=admin|internal|public"`
		RegionID  httpapi.Optional[string] `json:"region_id" api:"nullable"`
		Region    httpapi.Optional[string] `json:"region" api:"nullable"`
		URL       string                   `json:"url" api:"required,max=225,pattern=^[a-zA-Z0-9+.-]+:.+"`
		Enabled   httpapi.Optional[bool]   `json:"enabled"`
		Extra     map[string]any           `json:"-" api:"inline"`
	} `json:"endpoint" api:"required"`
}

type updateEndpoint struct {
	Endpoint struct {
		echo
		ServiceID httpapi.Optional[string] `json:"service_id"`
		Interface httpapi.Optional[string] `json:"interface" api:"enum=admin|internal|public"`
		RegionID  httpapi.Optional[string] `json:"region_id" api:"nullable"`
		Region    httpapi.Optional[string] `json:"region" api:"nullable"`
		URL       httpapi.Optional[string] `json:"url" api:"max=225,pattern=^[a-zA-Z0-9+.-]+:.+"`
		Enabled   httpapi.Optional[bool]   `json:"enabled"`
		Extra     map[string]any           `json:"-" api:"inline"`
	} `json:"endpoint" api:"required,min=1"`
}

func (h handler) endpointRoutes() []httpapi.Route {
	return []httpapi.Route{
		{Method: "GET", Pattern: "/endpoints", Action: identity.ActionListEndpoints, Query: endpointQuery{}, Loose: true, Response: endpointList{},
			Handle: h.listEndpoints},
		{Method: "POST", Pattern: "/endpoints", Action: identity.ActionCreateEndpoint, Request: createEndpoint{}, Response: endpointAnswer{},
			Status: http.StatusCreated, Handle: httpapi.Body(h.createEndpoint)},
		{Method: "GET", Pattern: "/endpoints/{endpoint_id}", Action: identity.ActionGetEndpoint, Response: endpointAnswer{}, Handle: h.getEndpoint},
		{Method: "PATCH", Pattern: "/endpoints/{endpoint_id}", Action: identity.ActionUpdateEndpoint, Request: updateEndpoint{},
			Response: endpointAnswer{}, Handle: httpapi.Body(h.updateEndpoint)},
		{Method: "DELETE", Pattern: "/endpoints/{endpoint_id}", Action: identity.ActionDeleteEndpoint, Status: http.StatusNoContent, Handle: h.deleteEndpoint},
	}
}

func (h handler) endpoint(e *identity.Endpoint) endpointBody {
	return endpointBody{object: h.object("endpoints", e.ID), ServiceID: e.ServiceID, Interface: e.Interface, RegionID: ref(e.RegionID),
		Region: ref(e.RegionID), URL: e.URL, Enabled: e.Enabled, Extra: e.Extra}
}

func (h handler) endpointAnswer(e *identity.Endpoint, err error) (any, error) {
	if err != nil {
		return nil, err
	}
	return endpointAnswer{h.endpoint(e)}, nil
}

func (h handler) listEndpoints(r *httpapi.Request) (any, error) {
	rows, p, err := list(h, r, h.ids.ListEndpoints, h.endpoint, "interface", "service_id", "region_id")
	return endpointList{rows, p}, err
}

func (h handler) createEndpoint(r *httpapi.Request, in *createEndpoint) (any, error) {
	e := in.Endpoint
	region, err := h.endpointRegion(r.Ctx(), e.RegionID, e.Region)
	if err != nil {
		return nil, err
	}
	return h.endpointAnswer(h.ids.CreateEndpoint(r.Ctx(), identity.CreateEndpoint{ServiceID: e.ServiceID, RegionID: region.Value,
		Interface: e.Interface, URL: e.URL, Disabled: !e.Enabled.Or(true), Extra: e.Extra}))
}

// endpointRegion gives the region of an endpoint. Under its old name it is
// made when it is not there, as clients of that name expect.
func (h handler) endpointRegion(ctx context.Context, id, old httpapi.Optional[string]) (httpapi.Optional[string], error) {
	if id.Ptr() != nil || old.Ptr() == nil {
		return id, nil
	}
	_, err := h.ids.GetRegion(ctx, old.Value)
	if errs.Is(err, errs.NotFound) {
		_, err = h.ids.CreateRegion(ctx, identity.CreateRegion{ID: old.Value})
	}
	if errs.Is(err, errs.Conflict) { // someone else was faster
		err = nil
	}
	return old, err
}

func (h handler) getEndpoint(r *httpapi.Request) (any, error) {
	return h.endpointAnswer(h.ids.GetEndpoint(r.Ctx(), r.PathValue("endpoint_id")))
}

func (h handler) updateEndpoint(r *httpapi.Request, in *updateEndpoint) (any, error) {
	e, id := in.Endpoint, r.PathValue("endpoint_id")
	if err := e.names(id); err != nil {
		return nil, err
	}
	region, err := h.endpointRegion(r.Ctx(), e.RegionID, e.Region)
	if err != nil {
		return nil, err
	}
	return h.endpointAnswer(h.ids.UpdateEndpoint(r.Ctx(), id, identity.UpdateEndpoint{ServiceID: e.ServiceID.Ptr(), RegionID: text(region),
		Interface: e.Interface.Ptr(), URL: e.URL.Ptr(), Enabled: e.Enabled.Ptr(), Extra: e.Extra}))
}

func (h handler) deleteEndpoint(r *httpapi.Request) (any, error) {
	return nil, h.ids.DeleteEndpoint(r.Ctx(), r.PathValue("endpoint_id"))
}
