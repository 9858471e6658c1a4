package identityapi

import (
	"net/http"
	"strings"

	"github.com/cumulite/cumulite/identity"
	"github.com/cumulite/cumulite/platform/errs"
	"github.com/cumulite/cumulite/platform/httpapi"
)

type projectBody struct {
	object
	Name        string            `json:"name"`
	DomainID    *string           `json:"domain_id"`
	ParentID    *string           `json:"parent_id"`
	IsDomain    bool              `json:"is_domain"`
	Description string            `json:"description"`
	Enabled     bool              `json:"enabled"`
	Tags        []string          `json:"tags"`
	Options     identity.Settings `json:"options"`
	Parents     any               `json:"parents,omitempty"` // when asked for
	Subtree     any               `json:"subtree,omitempty"`
	Extra       map[string]any    `json:"-" api:"inline"`
}

type projectAnswer struct {
	Project projectBody `json:"project"`
}

type projectList struct {
	Projects []projectBody `json:"projects"`
	page
}

// placed is where a project is: chosen when it is made, never changed.
type placed struct {
	DomainID httpapi.Optional[string] `json:"domain_id" api:"nullable,min=1,max=64,pattern=^[a-zA-Z0-9-]+$"`
	ParentID httpapi.Optional[string] `json:"parent_id" api:"nullable,min=1,max=64,pattern=^[a-zA-Z0-9-]+$"`
	IsDomain httpapi.Optional[flag]   `json:"is_domain"`
	Parents  unread                   `json:"parents"`
	Subtree  unread                   `json:"subtree"`
}

type createProject struct {
	Project struct {
		echo
		placed
		Name        string                   `json:"name" api:"required,min=1,max=64,pattern=\\S"`
		Description httpapi.Optional[string] `json:"description" api:"nullable"`
		Enabled     httpapi.Optional[flag]   `json:"enabled"`
		Tags        []string                 `json:"tags"`
		Options     options                  `json:"options"`
		Extra       map[string]any           `json:"-" api:"inline"`
	} `json:"project" api:"required"`
}

type updateProject struct {
	Project struct {
		echo
		placed
		Name        httpapi.Optional[string]   `json:"name" api:"min=1,max=64,pattern=\\S"`
		Description httpapi.Optional[string]   `json:"description" api:"nullable"`
		Enabled     httpapi.Optional[flag]     `json:"enabled"`
		Tags        httpapi.Optional[[]string] `json:"tags"`
		Options     options                    `json:"options"`
		Extra       map[string]any             `json:"-" api:"inline"`
	} `json:"project" api:"required,min=1"`
}

func (h handler) projectRoutes() []httpapi.Route {
	return []httpapi.Route{
		{Method: "GET", Pattern: "/projects", Action: identity.ActionListProjects, Response: projectList{}, Handle: h.listProjects},
		{Method: "POST", Pattern: "/projects", Action: identity.ActionCreateProject, Request: createProject{}, Response: projectAnswer{},
			Status: http.StatusCreated, Handle: httpapi.Body(h.createProject)},
		{Method: "GET", Pattern: "/projects/{project_id}", Action: identity.ActionGetProject, Response: projectAnswer{}, Handle: h.getProject},
		{Method: "PATCH", Pattern: "/projects/{project_id}", Action: identity.ActionUpdateProject, Request: updateProject{}, Response: projectAnswer{},
			Handle: httpapi.Body(h.updateProject)},
		{Method: "DELETE", Pattern: "/projects/{project_id}", Action: identity.ActionDeleteProject, Status: http.StatusNoContent, Handle: h.deleteProject},
	}
}

func (h handler) project(p *identity.Project) projectBody {
	return projectBody{object: h.object("projects", p.ID), Name: p.Name, DomainID: ref(p.DomainID), ParentID: ref(p.ParentID),
		Description: p.Description, Enabled: p.Enabled, Tags: p.Tags, Options: p.Options, Extra: p.Extra}
}

func (h handler) projectAnswer(p *identity.Project, err error) (any, error) {
	if err != nil {
		return nil, err
	}
	return projectAnswer{h.project(p)}, nil
}

func (h handler) listProjects(r *httpapi.Request) (any, error) {
	if asked(r, "is_domain") && !strings.EqualFold(r.Params().Get("is_domain"), "false") {
		rows, p, err := list(h, r, h.ids.ListDomains, h.domainAsProject, "name", "enabled")
		return projectList{rows, p}, err
	}
	rows, p, err := list(h, r, h.ids.ListProjects, h.project, "domain_id", "enabled", "name", "parent_id", "tags", "tags-any", "not-tags", "not-tags-any")
	return projectList{rows, p}, err
}

func (h handler) createProject(r *httpapi.Request, in *createProject) (any, error) {
	p := in.Project
	if p.IsDomain.Or(false) {
		return h.createDomainProject(r, in)
	}
	domain := p.DomainID.Or("")
	if domain == "" && p.ParentID.Ptr() == nil {
		domain = ownDomain(r)
	}
	made, err := h.ids.CreateProject(r.Ctx(), identity.CreateProject{Name: p.Name, DomainID: domain, ParentID: p.ParentID.Or(""),
		Description: p.Description.Value, Disabled: !bool(p.Enabled.Or(true)), Tags: p.Tags, Options: p.Options, Extra: p.Extra})
	if errs.Is(err, errs.NotFound) { // the place that the body names, not the one of the path
		err = errs.Invalidf("%s", errs.Message(err))
	}
	return h.projectAnswer(made, err)
}

func (h handler) getProject(r *httpapi.Request) (any, error) {
	id := r.PathValue("project_id")
	p, err := h.ids.GetProject(r.Ctx(), id)
	if err != nil {
		return h.orDomain(err, func() (*identity.Domain, error) { return h.ids.GetDomain(r.Ctx(), id) })
	}
	out := projectAnswer{h.project(p)}
	return out, h.addFamily(r, &out.Project)
}

func (h handler) updateProject(r *httpapi.Request, in *updateProject) (any, error) {
	p, id := in.Project, r.PathValue("project_id")
	if err := p.names(id); err != nil {
		return nil, err
	}
	made, err := h.changeProject(r, id, in)
	if err != nil {
		return h.orDomain(err, func() (*identity.Domain, error) { return h.changeDomainProject(r, id, in) })
	}
	return projectAnswer{h.project(made)}, nil
}

func (h handler) changeProject(r *httpapi.Request, id string, in *updateProject) (*identity.Project, error) {
	p := in.Project
	if p.DomainID.Set || p.ParentID.Set || p.IsDomain.Set {
		have, err := h.ids.GetProject(r.Ctx(), id)
		if err != nil {
			return nil, err
		}
		if err := p.stays(have.DomainID, have.ParentID, false); err != nil {
			return nil, err
		}
	}
	return h.ids.UpdateProject(r.Ctx(), id, identity.UpdateProject{Name: p.Name.Ptr(), Description: text(p.Description),
		Enabled: truth(p.Enabled), Tags: p.Tags.Ptr(), Options: p.Options, Extra: p.Extra})
}

// stays refuses to move a project, or to make it a domain or none.
func (p placed) stays(domain, parent string, isDomain bool) error {
	if p.ParentID.Or(parent) != parent {
		return errs.Forbiddenf("You are not authorized to perform the requested action: Update of `parent_id` is not allowed..")
	}
	if bool(p.IsDomain.Or(flag(isDomain))) != isDomain {
		return errs.Invalidf("Update of `is_domain` is not allowed.")
	}
	return unchanged("Cannot change Domain ID", p.DomainID, domain)
}

func (h handler) deleteProject(r *httpapi.Request) (any, error) {
	id := r.PathValue("project_id")
	err := h.ids.DeleteProject(r.Ctx(), id)
	if errs.Is(err, errs.NotFound) {
		if asDomain := h.ids.DeleteDomain(r.Ctx(), id); !errs.Is(asDomain, errs.NotFound) {
			err = asDomain
		}
	}
	return nil, err
}
