package identityapi

import (
	"net/http"

	"github.com/cumulite/cumulite/identity"
	"github.com/cumulite/cumulite/platform/httpapi"
)

type domainBody struct {
	object
	Name        string            `json:"name"`
	Description string            `json:"description"`
	Enabled     bool              `json:"enabled"`
	Tags        []string          `json:"tags"`
	Options     identity.Settings `json:"options"`
	Extra       map[string]any    `json:"-" api:"inline"`
}

type domainAnswer struct {
	Domain domainBody `json:"domain"`
}

type domainList struct {
	Domains []domainBody `json:"domains"`
	page
}

type createDomain struct {
	Domain struct {
		echo
		Explicit    string                   `json:"explicit_domain_id" api:"pattern=^[0-9a-f]{32}$"`
		Name        string                   `json:"name" api:"required,min=1,max=64,pattern=\\S"`
		Description httpapi.Optional[string] `json:"description" api:"nullable"`
		Enabled     httpapi.Optional[flag]   `json:"enabled"`
		Tags        []string                 `json:"tags" api:"max=0"`
		Options     options                  `json:"options"`
		Extra       map[string]any           `json:"-" api:"inline"`
	} `json:"domain" api:"required"`
}

type updateDomain struct {
	Domain struct {
		echo
		Name        httpapi.Optional[string] `json:"name" api:"min=1,max=64,pattern=\\S"`
		Description httpapi.Optional[string] `json:"description" api:"nullable"`
		Enabled     httpapi.Optional[flag]   `json:"enabled"`
		Tags        []string                 `json:"tags" api:"max=0"`
		Options     options                  `json:"options"`
		Extra       map[string]any           `json:"-" api:"inline"`
	} `json:"domain" api:"required,min=1"`
}

func (h handler) domainRoutes() []httpapi.Route {
	return []httpapi.Route{
		{Method: "GET", Pattern: "/domains", Action: identity.ActionListDomains, Response: domainList{}, Handle: h.listDomains},
		{Method: "POST", Pattern: "/domains", Action: identity.ActionCreateDomain, Request: createDomain{}, Response: domainAnswer{},
			Status: http.StatusCreated, Handle: httpapi.Body(h.createDomain)},
		{Method: "GET", Pattern: "/domains/{domain_id}", Action: identity.ActionGetDomain, Response: domainAnswer{}, Handle: h.getDomain},
		{Method: "PATCH", Pattern: "/domains/{domain_id}", Action: identity.ActionUpdateDomain, Request: updateDomain{}, Response: domainAnswer{},
			Handle: httpapi.Body(h.updateDomain)},
		{Method: "DELETE", Pattern: "/domains/{domain_id}", Action: identity.ActionDeleteDomain, Status: http.StatusNoContent, Handle: h.deleteDomain},
	}
}

func (h handler) domain(d *identity.Domain) domainBody {
	return domainBody{object: h.object("domains", d.ID), Name: d.Name, Description: d.Description, Enabled: d.Enabled, Options: d.Options, Extra: d.Extra}
}

func (h handler) domainAnswer(d *identity.Domain, err error) (any, error) {
	if err != nil {
		return nil, err
	}
	return domainAnswer{h.domain(d)}, nil
}

func (h handler) listDomains(r *httpapi.Request) (any, error) {
	rows, p, err := list(h, r, h.ids.ListDomains, h.domain, "name", "enabled")
	return domainList{rows, p}, err
}

func (h handler) createDomain(r *httpapi.Request, in *createDomain) (any, error) {
	d := in.Domain
	return h.domainAnswer(h.ids.CreateDomain(r.Ctx(), identity.CreateDomain{ID: d.Explicit, Name: d.Name, Description: d.Description.Value,
		Disabled: !bool(d.Enabled.Or(true)), Options: d.Options, Extra: d.Extra}))
}

func (h handler) getDomain(r *httpapi.Request) (any, error) {
	return h.domainAnswer(h.ids.GetDomain(r.Ctx(), r.PathValue("domain_id")))
}

func (h handler) updateDomain(r *httpapi.Request, in *updateDomain) (any, error) {
	d, id := in.Domain, r.PathValue("domain_id")
	if err := d.names(id); err != nil {
		return nil, err
	}
	return h.domainAnswer(h.ids.UpdateDomain(r.Ctx(), id, identity.UpdateDomain{Name: d.Name.Ptr(), Description: text(d.Description),
		Enabled: truth(d.Enabled), Options: d.Options, Extra: d.Extra}))
}

func (h handler) deleteDomain(r *httpapi.Request) (any, error) {
	return nil, h.ids.DeleteDomain(r.Ctx(), r.PathValue("domain_id"))
}
