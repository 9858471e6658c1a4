package identityapi

import (
	"net/http"

	"github.com/cumulite/cumulite/identity"
	"github.com/cumulite/cumulite/platform/errs"
	"github.com/cumulite/cumulite/platform/httpapi"
)

type regionBody struct {
	object
	Description    string         `json:"description"`
	ParentRegionID *string        `json:"parent_region_id"`
	Extra          map[string]any `json:"-" api:"inline"`
}

type regionAnswer struct {
	Region regionBody `json:"region"`
}

type regionList struct {
	Regions []regionBody `json:"regions"`
	page
}

type regionQuery struct {
	ParentRegionID string `json:"parent_region_id"`
	Limit          string `json:"limit"`
	Marker         string `json:"marker"`
}

type createRegion struct {
	Region struct {
		ID             httpapi.Optional[string] `json:"id" api:"nullable,max=255"`
		Links          unread                   `json:"links"`
		Description    httpapi.Optional[string] `json:"description" api:"nullable"`
		ParentRegionID httpapi.Optional[string] `json:"parent_region_id" api:"nullable,min=1,max=255"`
		Extra          map[string]any           `json:"-" api:"inline"`
	} `json:"region" api:"required"`
}

type updateRegion struct {
	Region struct {
		echo
		Description    httpapi.Optional[string] `json:"description" api:"nullable"`
		ParentRegionID httpapi.Optional[string] `json:"parent_region_id" api:"nullable,min=1,max=255"`
		Extra          map[string]any           `json:"-" api:"inline"`
	} `json:"region" api:"required,min=1"`
}

func (h handler) regionRoutes() []httpapi.Route {
	return []httpapi.Route{
		{Method: "GET", Pattern: "/regions", Action: identity.ActionListRegions, Query: regionQuery{}, Response: regionList{}, Handle: h.listRegions},
		{Method: "POST", Pattern: "/regions", Action: identity.ActionCreateRegion, Request: createRegion{}, Response: regionAnswer{},
			Status: http.StatusCreated, Handle: httpapi.Body(h.createRegion)},
		{Method: "GET", Pattern: "/regions/{region_id}", Action: identity.ActionGetRegion, Response: regionAnswer{}, Handle: h.getRegion},
		{Method: "PUT", Pattern: "/regions/{region_id}", Action: identity.ActionCreateRegion, Request: createRegion{}, Response: regionAnswer{},
			Status: http.StatusCreated, Handle: httpapi.Body(h.putRegion)},
		{Method: "PATCH", Pattern: "/regions/{region_id}", Action: identity.ActionUpdateRegion, Request: updateRegion{}, Response: regionAnswer{},
			Handle: httpapi.Body(h.updateRegion)},
		{Method: "DELETE", Pattern: "/regions/{region_id}", Action: identity.ActionDeleteRegion, Status: http.StatusNoContent, Handle: h.deleteRegion},
	}
}

func (h handler) region(r *identity.Region) regionBody {
	return regionBody{object: h.object("regions", r.ID), Description: r.Description, ParentRegionID: ref(r.ParentRegionID), Extra: r.Extra}
}

func (h handler) regionAnswer(r *identity.Region, err error) (any, error) {
	if err != nil {
		return nil, err
	}
	return regionAnswer{h.region(r)}, nil
}

func (h handler) listRegions(r *httpapi.Request) (any, error) {
	rows, p, err := list(h, r, h.ids.ListRegions, h.region, "parent_region_id")
	return regionList{rows, p}, err
}

func (h handler) createRegion(r *httpapi.Request, in *createRegion) (any, error) {
	return h.regionAnswer(h.ids.CreateRegion(r.Ctx(), identity.CreateRegion{ID: in.Region.ID.Value, Description: in.Region.Description.Value,
		ParentRegionID: in.Region.ParentRegionID.Value, Extra: in.Region.Extra}))
}

// putRegion creates a region of the id in the path.
func (h handler) putRegion(r *httpapi.Request, in *createRegion) (any, error) {
	id := r.PathValue("region_id")
	if sent := in.Region.ID; sent.Or(id) != id {
		return nil, errs.Invalidf("Conflicting region IDs specified: %q != %q", id, sent.Value)
	}
	in.Region.ID.Value = id
	return h.createRegion(r, in)
}

func (h handler) getRegion(r *httpapi.Request) (any, error) {
	return h.regionAnswer(h.ids.GetRegion(r.Ctx(), r.PathValue("region_id")))
}

func (h handler) updateRegion(r *httpapi.Request, in *updateRegion) (any, error) {
	id := r.PathValue("region_id")
	if err := in.Region.names(id); err != nil {
		return nil, err
	}
	return h.regionAnswer(h.ids.UpdateRegion(r.Ctx(), id, identity.UpdateRegion{Description: text(in.Region.Description),
		ParentRegionID: text(in.Region.ParentRegionID), Extra: in.Region.Extra}))
}

func (h handler) deleteRegion(r *httpapi.Request) (any, error) {
	return nil, h.ids.DeleteRegion(r.Ctx(), r.PathValue("region_id"))
}
