package identityapi_test

import (
	"context"
	"errors"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/cumulite/cumulite/identity"
	"github.com/cumulite/cumulite/identity/identityapi"
	"github.com/cumulite/cumulite/identity/token"
	"github.com/cumulite/cumulite/platform/auth"
	"github.com/cumulite/cumulite/platform/clock"
	"github.com/cumulite/cumulite/platform/event"
	"github.com/cumulite/cumulite/platform/httpapi"
	"github.com/cumulite/cumulite/platform/httpapi/httpapitest"
	"github.com/cumulite/cumulite/platform/secret"
	"github.com/cumulite/cumulite/platform/store"
	"github.com/cumulite/cumulite/platform/store/storetest"
)

type object = map[string]any

const (
	publicURL = "https://cloud.example"
	root      = publicURL + "/identity/v3"
	password  = "open sesame"
)

// world is a cloud's identity with its API: as bootstrapped, with a project
// "web" of which ann is a member and ray a reader, and a project "shop" of which bob is.
type world struct {
	*identity.Service
	t     testing.TB
	api   *httpapi.API
	db    *store.Store
	clk   *clock.Manual
	admin context.Context
	roles map[string]string // ids by name
	web   *identity.Project
	shop  *identity.Project
	users map[string]*identity.User

	broken atomic.Bool // commits fail
}

func newWorld(t testing.TB, cfg httpapi.Config) *world {
	w := &world{t: t, clk: clock.NewManual(time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC)), roles: map[string]string{}, users: map[string]*identity.User{}}
	fault := func(op string) error {
		if w.broken.Load() && op == "commit" {
			return errors.New("the disk is gone")
		}
		return nil
	}
	w.db = storetest.OpenWith(t, &store.Options{Logger: cfg.Logger, Fault: fault}, event.Migrations(), identity.Migrations())
	keys, err := token.OpenKeys(filepath.Join(t.TempDir(), "keys"))
	require.NoError(t, err)
	w.Service, err = identity.New(identity.Deps{DB: w.db, Clock: w.clk, Events: event.New(w.db, w.clk, nil), Keys: keys},
		&identity.Options{PasswordCost: 4, Logger: cfg.Logger})
	require.NoError(t, err)
	if cfg.PublicURL == "" {
		cfg.PublicURL = publicURL
	}
	require.NoError(t, w.Bootstrap(t.Context(), identity.Bootstrap{Password: secret.New(password), Services: []identity.BootstrapService{
		{Type: "identity", Name: "keystone", Public: cfg.PublicURL + "/identity"},
		{Type: "compute", Name: "nova", Public: cfg.PublicURL + "/compute/v2.1"},
		{Type: "object-store", Name: "swift", Public: cfg.PublicURL + "/v1/AUTH_$(project_id)s"},
	}}))
	cfg.Prefix, cfg.Clock = "/identity", w.clk
	w.api, err = identityapi.New(w.Service, cfg)
	require.NoError(t, err)
	w.admin = auth.With(t.Context(), auth.Authenticated(auth.Claims{User: auth.Ref{ID: "root"}, Roles: []auth.Ref{{ID: "admin", Name: "admin"}}}))
	all, _, err := w.ListRoles(w.admin, store.Query{})
	require.NoError(t, err)
	for _, r := range all {
		w.roles[r.Name] = r.ID
	}
	w.web, w.shop = w.project("web"), w.project("shop")
	w.user("ann", w.web, "member")
	w.user("ray", w.web, "reader")
	w.user("bob", w.shop, "member")
	w.user("ada", w.web, "admin")
	return w
}

func (w *world) project(name string) *identity.Project {
	p, err := w.CreateProject(w.admin, identity.CreateProject{Name: name, DomainID: identity.DefaultDomain})
	require.NoError(w.t, err)
	return p
}

func (w *world) user(name string, on *identity.Project, role string) *identity.User {
	u, err := w.CreateUser(w.admin, identity.CreateUser{Name: name, DomainID: identity.DefaultDomain, Password: secret.New("pass " + name)})
	require.NoError(w.t, err)
	w.users[name] = u
	require.NoError(w.t, w.Assign(w.admin, identity.Assignment{UserID: u.ID, RoleID: w.roles[role], TargetType: identity.OnProject, TargetID: on.ID}))
	return u
}

// token logs in.
func (w *world) token(user, password string, scope identity.Scope) string {
	issued, err := w.Authenticate(w.t.Context(), identity.Credentials{Password: &identity.PasswordMethod{
		User: identity.Lookup{Name: user, DomainID: identity.DefaultDomain}, Password: secret.New(password)}}, scope)
	require.NoError(w.t, err)
	return issued.Text.Reveal()
}

func (w *world) tokenOf(user string) string {
	on := w.web
	if user == "bob" {
		on = w.shop
	}
	return w.token(user, "pass "+user, identity.Scope{Project: identity.Lookup{ID: on.ID}})
}

// as gives a client with a token of the user on the user's project; "" is nobody.
func (w *world) as(user string) httpapitest.Client {
	c := httpapitest.Client{T: w.t, Handler: w.api}
	if user != "" {
		c.Token = w.tokenOf(user)
	}
	return c
}

// login is the body of POST /auth/tokens by password.
func login(user, password string, scope any) object {
	in := object{"identity": object{"methods": []string{"password"}, "password": object{"user": object{"name": user,
		"domain": object{"id": "default"}, "password": password}}}}
	if scope != nil {
		in["scope"] = scope
	}
	return object{"auth": in}
}

// entity gives the object within a body: {"user": {…}}.
func entity(r *httpapitest.Response, name string) object {
	var out map[string]object
	r.JSON(&out)
	return out[name]
}

// names gives the names of a list's objects.
func names(r *httpapitest.Response, collection string) []string {
	var out map[string]any
	r.JSON(&out)
	got := []string{}
	for _, each := range out[collection].([]any) {
		got = append(got, each.(object)["name"].(string))
	}
	return got
}
