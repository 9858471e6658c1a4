package identityapi

import (
	"net/http"

	"github.com/cumulite/cumulite/identity"
	"github.com/cumulite/cumulite/platform/errs"
	"github.com/cumulite/cumulite/platform/httpapi"
)

type roleBody struct {
	object
	Name        string            `json:"name"`
	Description *string           `json:"description"`
	DomainID    *string           `json:"domain_id"` // all roles are those of the whole cloud
	Options     identity.Settings `json:"options"`
	Extra       map[string]any    `json:"-" api:"inline"`
}

type roleAnswer struct {
	Role roleBody `json:"role"`
}

type roleList struct {
	Roles []roleBody `json:"roles"`
	page
}

type createRole struct {
	Role struct {
		echo
		Name        string                   `json:"name" api:"required,min=1,max=255,pattern=\\S"`
		Description httpapi.Optional[string] `json:"description" api:"nullable"`
		DomainID    httpapi.Optional[string] `json:"domain_id" api:"nullable"`
		Options     options                  `json:"options"`
		Extra       map[string]any           `json:"-" api:"inline"`
	} `json:"role" api:"required"`
}

type updateRole struct {
	Role struct {
		echo
		Name        httpapi.Optional[string] `json:"name" api:"min=1,max=255,pattern=\\S"`
		Description httpapi.Optional[string] `json:"description" api:"nullable"`
		DomainID    httpapi.Optional[string] `json:"domain_id" api:"nullable"`
		Options     options                  `json:"options"`
		Extra       map[string]any           `json:"-" api:"inline"`
	} `json:"role" api:"required,min=1"`
}

func (h handler) roleRoutes() []httpapi.Route {
	return []httpapi.Route{
		{Method: "GET", Pattern: "/roles", Action: identity.ActionListRoles, Response: roleList{}, Handle: h.listRoles},
		{Method: "POST", Pattern: "/roles", Action: identity.ActionCreateRole, Request: createRole{}, Response: roleAnswer{},
			Status: http.StatusCreated, Handle: httpapi.Body(h.createRole)},
		{Method: "GET", Pattern: "/roles/{role_id}", Action: identity.ActionGetRole, Response: roleAnswer{}, Handle: h.getRole},
		{Method: "PATCH", Pattern: "/roles/{role_id}", Action: identity.ActionUpdateRole, Request: updateRole{}, Response: roleAnswer{},
			Handle: httpapi.Body(h.updateRole)},
		{Method: "DELETE", Pattern: "/roles/{role_id}", Action: identity.ActionDeleteRole, Status: http.StatusNoContent, Handle: h.deleteRole},
	}
}

func (h handler) role(r *identity.Role) roleBody {
	return roleBody{object: h.object("roles", r.ID), Name: r.Name, Description: ref(r.Description), Options: r.Options, Extra: r.Extra}
}

func (h handler) roleAnswer(r *identity.Role, err error) (any, error) {
	if err != nil {
		return nil, err
	}
	return roleAnswer{h.role(r)}, nil
}

func (h handler) listRoles(r *httpapi.Request) (any, error) {
	rows, p, err := list(h, r, h.ids.ListRoles, h.role, "name")
	if r.Params().Get("domain_id") != "" { // no domain has roles of its own
		rows, p = nil, h.whole(r)
	}
	return roleList{rows, p}, err
}

func (h handler) createRole(r *httpapi.Request, in *createRole) (any, error) {
	if in.Role.DomainID.Ptr() != nil {
		return nil, errs.Invalidf("Invalid input for field 'role/domain_id': roles belong to no domain")
	}
	return h.roleAnswer(h.ids.CreateRole(r.Ctx(), identity.CreateRole{Name: in.Role.Name, Description: in.Role.Description.Value, Options: in.Role.Options, Extra: in.Role.Extra}))
}

func (h handler) getRole(r *httpapi.Request) (any, error) {
	return h.roleAnswer(h.ids.GetRole(r.Ctx(), r.PathValue("role_id")))
}

func (h handler) updateRole(r *httpapi.Request, in *updateRole) (any, error) {
	id := r.PathValue("role_id")
	if err := in.Role.names(id); err != nil {
		return nil, err
	}
	if err := unchanged("Update of `domain_id` is not allowed.", in.Role.DomainID, ""); err != nil {
		return nil, err
	}
	return h.roleAnswer(h.ids.UpdateRole(r.Ctx(), id, identity.UpdateRole{Name: in.Role.Name.Ptr(), Description: text(in.Role.Description), Options: in.Role.Options, Extra: in.Role.Extra}))
}

func (h handler) deleteRole(r *httpapi.Request) (any, error) {
	return nil, h.ids.DeleteRole(r.Ctx(), r.PathValue("role_id"))
}
