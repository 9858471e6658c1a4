package identityapi

import (
	"github.com/cumulite/cumulite/identity"
	"github.com/cumulite/cumulite/platform/httpapi"
)

type catalogEntry struct {
	ID        string            `json:"id"`
	Type      string            `json:"type"`
	Name      string            `json:"name"`
	Endpoints []catalogEndpoint `json:"endpoints"`
}

type catalogEndpoint struct {
	ID        string  `json:"id"`
	Interface string  `json:"interface"`
	RegionID  *string `json:"region_id"`
	Region    *string `json:"region"` // the region's id by its old name
	URL       string  `json:"url"`
}

type catalogAnswer struct {
	Catalog []catalogEntry `json:"catalog"`
	Links   self           `json:"links"`
}

type systemAnswer struct {
	System []systemBody `json:"system"`
	Links  self         `json:"links"`
}

// authRoutes show what the caller's token is good for.
func (h handler) authRoutes() []httpapi.Route {
	return []httpapi.Route{
		{Method: "GET", Pattern: "/auth/catalog", Action: identity.ActionAuthCatalog, Response: catalogAnswer{}, Handle: h.authCatalog},
		{Method: "GET", Pattern: "/auth/projects", Action: identity.ActionAuthProjects, Response: projectList{}, Handle: h.authProjects},
		{Method: "GET", Pattern: "/auth/domains", Action: identity.ActionAuthDomains, Response: domainList{}, Handle: h.authDomains},
		{Method: "GET", Pattern: "/auth/system", Action: identity.ActionAuthSystem, Response: systemAnswer{}, Handle: h.authSystem},
	}
}

func (h handler) authCatalog(r *httpapi.Request) (any, error) {
	entries, err := h.ids.AuthCatalog(r.Ctx())
	return catalogAnswer{showCatalog(entries), self{h.url("/auth/catalog")}}, err
}

func (h handler) authProjects(r *httpapi.Request) (any, error) {
	rows, err := h.ids.AuthProjects(r.Ctx())
	return projectList{each(rows, h.project), h.whole(r)}, err
}

func (h handler) authDomains(r *httpapi.Request) (any, error) {
	rows, err := h.ids.AuthDomains(r.Ctx())
	return domainList{each(rows, h.domain), h.whole(r)}, err
}

func (h handler) authSystem(r *httpapi.Request) (any, error) {
	out := systemAnswer{Links: self{h.url("/auth/system")}}
	all, err := h.ids.AuthSystem(r.Ctx())
	if all {
		out.System = []systemBody{{All: true}}
	}
	return out, err
}

func showCatalog(entries []identity.CatalogEntry) []catalogEntry {
	return each(entries, func(e *identity.CatalogEntry) catalogEntry {
		return catalogEntry{ID: e.ID, Type: e.Type, Name: e.Name, Endpoints: each(e.Endpoints, func(p *identity.CatalogEndpoint) catalogEndpoint {
			return catalogEndpoint{ID: p.ID, Interface: p.Interface, RegionID: ref(p.RegionID), Region: ref(p.RegionID), URL: p.URL}
		})}
	})
}
