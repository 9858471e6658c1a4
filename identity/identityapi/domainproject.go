package identityapi

import (
	"github.com/cumulite/cumulite/identity"
	"github.com/cumulite/cumulite/platform/errs"
	"github.com/cumulite/cumulite/platform/httpapi"
)

// To Keystone a domain is a project too: one with is_domain, in no domain and
// below no project. The rows of projects show and change domains as such.

func (h handler) domainAsProject(d *identity.Domain) projectBody {
	return projectBody{object: h.object("projects", d.ID), Name: d.Name, IsDomain: true, Description: d.Description, Enabled: d.Enabled, Options: d.Options, Extra: d.Extra}
}

// orDomain tries the domain of an id of which there is no project.
func (h handler) orDomain(absent error, try func() (*identity.Domain, error)) (any, error) {
	if !errs.Is(absent, errs.NotFound) {
		return nil, absent
	}
	d, err := try()
	if errs.Is(err, errs.NotFound) {
		return nil, absent
	}
	if err != nil {
		return nil, err
	}
	return projectAnswer{h.domainAsProject(d)}, nil
}

func (h handler) createDomainProject(r *httpapi.Request, in *createProject) (any, error) {
	p := in.Project
	if p.DomainID.Ptr() != nil || p.ParentID.Ptr() != nil {
		return nil, errs.Invalidf("only root projects are allowed to act as domains.")
	}
	if err := untagged(p.Tags); err != nil {
		return nil, err
	}
	d, err := h.ids.CreateDomain(r.Ctx(), identity.CreateDomain{Name: p.Name, Description: p.Description.Value,
		Disabled: !bool(p.Enabled.Or(true)), Options: p.Options, Extra: p.Extra})
	if err != nil {
		return nil, err
	}
	return projectAnswer{h.domainAsProject(d)}, nil
}

func (h handler) changeDomainProject(r *httpapi.Request, id string, in *updateProject) (*identity.Domain, error) {
	p := in.Project
	if err := p.stays("", "", true); err != nil {
		return nil, err
	}
	if err := untagged(p.Tags.Value); err != nil {
		return nil, err
	}
	return h.ids.UpdateDomain(r.Ctx(), id, identity.UpdateDomain{Name: p.Name.Ptr(), Description: text(p.Description), Enabled: truth(p.Enabled), Options: p.Options, Extra: p.Extra})
}

// untagged refuses tags for domains, which have none.
func untagged(tags []string) error {
	if len(tags) > 0 {
		return errs.Invalidf("Invalid input for field 'project/tags': domains have no tags")
	}
	return nil
}
