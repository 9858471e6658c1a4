package identityapi

import (
	"net/http"

	"github.com/cumulite/cumulite/identity"
	"github.com/cumulite/cumulite/platform/httpapi"
)

type serviceBody struct {
	object
	Type        string         `json:"type"`
	Name        string         `json:"name"`
	Description string         `json:"description,omitempty"`
	Enabled     bool           `json:"enabled"`
	Extra       map[string]any `json:"-" api:"inline"`
}

type serviceAnswer struct {
	Service serviceBody `json:"service"`
}

type serviceList struct {
	Services []serviceBody `json:"services"`
	page
}

type createService struct {
	Service struct {
		echo
		Type        string                   `json:"type" api:"required,min=1,max=255"`
		Name        string                   `json:"name" api:"min=1,max=255"`
		Description httpapi.Optional[string] `json:"description" api:"nullable"`
		Enabled     httpapi.Optional[bool]   `json:"enabled"`
		Extra       map[string]any           `json:"-" api:"inline"`
	} `json:"service" api:"required"`
}

type updateService struct {
	Service struct {
		echo
		Type        httpapi.Optional[string] `json:"type" api:"min=1,max=255"`
		Name        httpapi.Optional[string] `json:"name" api:"min=1,max=255"`
		Description httpapi.Optional[string] `json:"description" api:"nullable"`
		Enabled     httpapi.Optional[bool]   `json:"enabled"`
		Extra       map[string]any           `json:"-" api:"inline"`
	} `json:"service" api:"required,min=1"`
}

func (h handler) serviceRoutes() []httpapi.Route {
	return []httpapi.Route{
		{Method: "GET", Pattern: "/services", Action: identity.ActionListServices, Response: serviceList{}, Handle: h.listServices},
		{Method: "POST", Pattern: "/services", Action: identity.ActionCreateService, Request: createService{}, Response: serviceAnswer{},
			Status: http.StatusCreated, Handle: httpapi.Body(h.createService)},
		{Method: "GET", Pattern: "/services/{service_id}", Action: identity.ActionGetService, Response: serviceAnswer{}, Handle: h.getService},
		{Method: "PATCH", Pattern: "/services/{service_id}", Action: identity.ActionUpdateService, Request: updateService{}, Response: serviceAnswer{},
			Handle: httpapi.Body(h.updateService)},
		{Method: "DELETE", Pattern: "/services/{service_id}", Action: identity.ActionDeleteService, Status: http.StatusNoContent, Handle: h.deleteService},
	}
}

func (h handler) service(s *identity.CatalogService) serviceBody {
	return serviceBody{object: h.object("services", s.ID), Type: s.Type, Name: s.Name, Description: s.Description, Enabled: s.Enabled, Extra: s.Extra}
}

func (h handler) serviceAnswer(s *identity.CatalogService, err error) (any, error) {
	if err != nil {
		return nil, err
	}
	return serviceAnswer{h.service(s)}, nil
}

func (h handler) listServices(r *httpapi.Request) (any, error) {
	rows, p, err := list(h, r, h.ids.ListCatalogServices, h.service, "type", "name")
	return serviceList{rows, p}, err
}

func (h handler) createService(r *httpapi.Request, in *createService) (any, error) {
	s := in.Service
	return h.serviceAnswer(h.ids.CreateCatalogService(r.Ctx(), identity.CreateCatalogService{Type: s.Type, Name: s.Name,
		Description: s.Description.Value, Disabled: !s.Enabled.Or(true), Extra: s.Extra}))
}

func (h handler) getService(r *httpapi.Request) (any, error) {
	return h.serviceAnswer(h.ids.GetCatalogService(r.Ctx(), r.PathValue("service_id")))
}

func (h handler) updateService(r *httpapi.Request, in *updateService) (any, error) {
	s, id := in.Service, r.PathValue("service_id")
	if err := s.names(id); err != nil {
		return nil, err
	}
	return h.serviceAnswer(h.ids.UpdateCatalogService(r.Ctx(), id, identity.UpdateCatalogService{Type: s.Type.Ptr(), Name: s.Name.Ptr(),
		Description: text(s.Description), Enabled: s.Enabled.Ptr(), Extra: s.Extra}))
}

func (h handler) deleteService(r *httpapi.Request) (any, error) {
	return nil, h.ids.DeleteCatalogService(r.Ctx(), r.PathValue("service_id"))
}
