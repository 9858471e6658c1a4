package identityapi

import (
	"context"
	"net/http"

	"github.com/cumulite/cumulite/identity"
	"github.com/cumulite/cumulite/platform/httpapi"
	"github.com/cumulite/cumulite/platform/secret"
	"github.com/cumulite/cumulite/platform/store"
)

type userBody struct {
	object
	Name              string            `json:"name"`
	DomainID          string            `json:"domain_id"`
	DefaultProjectID  string            `json:"default_project_id,omitempty"`
	Enabled           bool              `json:"enabled"`
	PasswordExpiresAt *string           `json:"password_expires_at"` // passwords never expire
	Options           identity.Settings `json:"options"`
	Extra             map[string]any    `json:"-" api:"inline"` // email, description and what else there is
}

type userAnswer struct {
	User userBody `json:"user"`
}

type userList struct {
	Users []userBody `json:"users"`
	page
}

// groupList is a user's groups: there are none.
type groupList struct {
	Groups []object `json:"groups"`
	page
}

type createUser struct {
	User struct {
		echo
		Name              string                          `json:"name" api:"required,min=1,max=255,pattern=\\S"`
		DomainID          httpapi.Optional[string]        `json:"domain_id" api:"min=1,max=64,pattern=^[a-zA-Z0-9-]+$"`
		DefaultProjectID  httpapi.Optional[string]        `json:"default_project_id" api:"nullable"`
		Enabled           httpapi.Optional[flag]          `json:"enabled"`
		Password          httpapi.Optional[secret.String] `json:"password" api:"nullable"`
		OriginalPassword  unread                          `json:"original_password"` // which POST …/password asks for
		PasswordExpiresAt unread                          `json:"password_expires_at"`
		Federated         []any                           `json:"federated" api:"max=0"`
		Options           userOptions                     `json:"options"`
		Extra             map[string]any                  `json:"-" api:"inline"`
	} `json:"user" api:"required"`
}

type updateUser struct {
	User struct {
		echo
		Name              httpapi.Optional[string]        `json:"name" api:"min=1,max=255,pattern=\\S"`
		DomainID          httpapi.Optional[string]        `json:"domain_id" api:"min=1,max=64,pattern=^[a-zA-Z0-9-]+$"`
		DefaultProjectID  httpapi.Optional[string]        `json:"default_project_id" api:"nullable"`
		Enabled           httpapi.Optional[flag]          `json:"enabled"`
		Password          httpapi.Optional[secret.String] `json:"password" api:"nullable"`
		OriginalPassword  unread                          `json:"original_password"` // which POST …/password asks for
		PasswordExpiresAt unread                          `json:"password_expires_at"`
		Federated         []any                           `json:"federated" api:"max=0"`
		Options           userOptions                     `json:"options"`
		Extra             map[string]any                  `json:"-" api:"inline"`
	} `json:"user" api:"required,min=1"`
}

type changePassword struct {
	User struct {
		Original secret.String `json:"original_password" api:"required"`
		Password secret.String `json:"password" api:"required"`
	} `json:"user" api:"required"`
}

func (h handler) userRoutes() []httpapi.Route {
	return []httpapi.Route{
		{Method: "GET", Pattern: "/users", Action: identity.ActionListUsers, Response: userList{}, Handle: h.listUsers},
		{Method: "POST", Pattern: "/users", Action: identity.ActionCreateUser, Request: createUser{}, Response: userAnswer{},
			Status: http.StatusCreated, Handle: httpapi.Body(h.createUser)},
		{Method: "GET", Pattern: "/users/{user_id}", Action: identity.ActionGetUser, Response: userAnswer{}, Handle: h.getUser},
		{Method: "PATCH", Pattern: "/users/{user_id}", Action: identity.ActionUpdateUser, Request: updateUser{}, Response: userAnswer{},
			Handle: httpapi.Body(h.updateUser)},
		{Method: "DELETE", Pattern: "/users/{user_id}", Action: identity.ActionDeleteUser, Status: http.StatusNoContent, Handle: h.deleteUser},
		{Method: "POST", Pattern: "/users/{user_id}/password", Action: httpapi.Public, Request: changePassword{}, Status: http.StatusNoContent,
			Handle: httpapi.Body(h.changePassword)},
		{Method: "GET", Pattern: "/users/{user_id}/projects", Action: identity.ActionListUserProjects, Response: projectList{}, Handle: h.listUserProjects},
		{Method: "GET", Pattern: "/users/{user_id}/groups", Action: identity.ActionGetUser, Response: groupList{}, Handle: h.listUserGroups},
	}
}

func (h handler) user(u *identity.User) userBody {
	return userBody{object: h.object("users", u.ID), Name: u.Name, DomainID: u.DomainID, DefaultProjectID: u.DefaultProjectID, Enabled: u.Enabled, Options: u.Options, Extra: u.Extra}
}

func (h handler) userAnswer(u *identity.User, err error) (any, error) {
	if err != nil {
		return nil, err
	}
	return userAnswer{h.user(u)}, nil
}

func (h handler) listUsers(r *httpapi.Request) (any, error) {
	rows, p, err := list(h, r, h.ids.ListUsers, h.user, "domain_id", "enabled", "name")
	return userList{rows, p}, err
}

func (h handler) createUser(r *httpapi.Request, in *createUser) (any, error) {
	u := in.User
	return h.userAnswer(h.ids.CreateUser(r.Ctx(), identity.CreateUser{Name: u.Name, DomainID: u.DomainID.Or(ownDomain(r)),
		DefaultProjectID: u.DefaultProjectID.Value, Disabled: !bool(u.Enabled.Or(true)), Password: u.Password.Value, Options: u.Options, Extra: u.Extra}))
}

func (h handler) getUser(r *httpapi.Request) (any, error) {
	return h.userAnswer(h.ids.GetUser(r.Ctx(), r.PathValue("user_id")))
}

func (h handler) updateUser(r *httpapi.Request, in *updateUser) (any, error) {
	u, id := in.User, r.PathValue("user_id")
	if err := u.names(id); err != nil {
		return nil, err
	}
	if u.DomainID.Set {
		have, err := h.ids.GetUser(r.Ctx(), id)
		if err != nil {
			return nil, err
		}
		if err := unchanged("Cannot change Domain ID", u.DomainID, have.DomainID); err != nil {
			return nil, err
		}
	}
	changes := identity.UpdateUser{Name: u.Name.Ptr(), DefaultProjectID: text(u.DefaultProjectID), Enabled: truth(u.Enabled), Options: u.Options, Extra: u.Extra}
	if u.Password.Set {
		changes.Password = &u.Password.Value
	}
	return h.userAnswer(h.ids.UpdateUser(r.Ctx(), id, changes))
}

func (h handler) deleteUser(r *httpapi.Request) (any, error) {
	return nil, h.ids.DeleteUser(r.Ctx(), r.PathValue("user_id"))
}

func (h handler) changePassword(r *httpapi.Request, in *changePassword) (any, error) {
	return nil, h.ids.ChangePassword(r.Ctx(), r.PathValue("user_id"), in.User.Original, in.User.Password)
}

func (h handler) listUserProjects(r *httpapi.Request) (any, error) {
	of := func(ctx context.Context, q store.Query) ([]identity.Project, bool, error) {
		return h.ids.ListUserProjects(ctx, r.PathValue("user_id"), q)
	}
	rows, p, err := list(h, r, of, h.project, "domain_id", "enabled", "name")
	return projectList{rows, p}, err
}

// listUserGroups shows that the user is in no group.
func (h handler) listUserGroups(r *httpapi.Request) (any, error) {
	_, err := h.ids.GetUser(r.Ctx(), r.PathValue("user_id"))
	return groupList{page: h.whole(r)}, err
}
