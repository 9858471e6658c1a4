package identity_test

import (
	"context"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/cumulite/cumulite/identity"
	"github.com/cumulite/cumulite/identity/token"
	"github.com/cumulite/cumulite/platform/auth"
	"github.com/cumulite/cumulite/platform/clock"
	"github.com/cumulite/cumulite/platform/errs"
	"github.com/cumulite/cumulite/platform/event"
	"github.com/cumulite/cumulite/platform/secret"
	"github.com/cumulite/cumulite/platform/store"
	"github.com/cumulite/cumulite/platform/store/storetest"
)

type world struct {
	*identity.Service
	admin context.Context
	clk   *clock.Manual
	db    *store.Store
	keys  *token.Keys

	keyDir string
}

func as(ctx context.Context, c auth.Claims, roles ...string) context.Context {
	for _, r := range roles {
		c.Roles = append(c.Roles, auth.Ref{ID: r, Name: r})
	}
	return auth.With(ctx, auth.Authenticated(c))
}

func newWorld(t testing.TB) *world {
	db := storetest.Open(t, event.Migrations(), identity.Migrations())
	clk := clock.NewManual(time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC))
	dir := filepath.Join(t.TempDir(), "keys")
	keys, err := token.OpenKeys(dir)
	require.NoError(t, err)
	s, err := identity.New(identity.Deps{DB: db, Clock: clk, Events: event.New(db, clk, nil), Keys: keys}, &identity.Options{PasswordCost: 4})
	require.NoError(t, err)
	admin := as(t.Context(), auth.Claims{User: auth.Ref{ID: "root"}, Project: auth.Ref{ID: "p0"}, Domain: auth.Ref{ID: "default"}}, "admin")
	_, err = s.CreateDomain(admin, identity.CreateDomain{ID: "default", Name: "Default"})
	require.NoError(t, err)
	return &world{s, admin, clk, db, keys, dir}
}

// role gives the id of a role.
func (w *world) role(t testing.TB, name string) string {
	all, _, err := w.ListRoles(w.admin, store.Query{Filters: []store.Filter{{Field: "name", Values: []string{name}}}})
	require.NoError(t, err)
	require.Len(t, all, 1)
	return all[0].ID
}

func kind(t testing.TB, want errs.Kind, err error) {
	t.Helper()
	require.Error(t, err)
	require.Equal(t, want, errs.KindOf(err), "%v", err)
}

func (w *world) user(t testing.TB, name string) *identity.User {
	u, err := w.CreateUser(w.admin, identity.CreateUser{Name: name, DomainID: "default", Password: secret.New("pass-" + name)})
	require.NoError(t, err)
	return u
}

func (w *world) project(t testing.TB, name, parent string) *identity.Project {
	p, err := w.CreateProject(w.admin, identity.CreateProject{Name: name, DomainID: "default", ParentID: parent})
	require.NoError(t, err)
	return p
}

func TestNamesAreUniqueInTheirDomain(t *testing.T) {
	w := newWorld(t)
	w.user(t, "ann")
	w.project(t, "web", "")
	_, err := w.CreateUser(w.admin, identity.CreateUser{Name: "ann", DomainID: "default"})
	kind(t, errs.Conflict, err)
	require.Equal(t, "Conflict occurred attempting to store user - Duplicate entry found with name ann at domain ID default.", errs.Message(err))
	_, err = w.CreateProject(w.admin, identity.CreateProject{Name: "web", DomainID: "default"})
	kind(t, errs.Conflict, err)
	other, err := w.CreateDomain(w.admin, identity.CreateDomain{Name: "other"})
	require.NoError(t, err)
	_, err = w.CreateUser(w.admin, identity.CreateUser{Name: "ann", DomainID: other.ID})
	require.NoError(t, err)
	_, err = w.CreateUser(w.admin, identity.CreateUser{Name: "bob", DomainID: "none"})
	kind(t, errs.NotFound, err)
}

func TestProjectsNestFiveDeepAndAreDeletedFromTheLeaves(t *testing.T) {
	w := newWorld(t)
	line := []*identity.Project{w.project(t, "0", "")}
	for _, name := range []string{"1", "2", "3"} {
		line = append(line, w.project(t, name, line[len(line)-1].ID))
	}
	_, err := w.CreateProject(w.admin, identity.CreateProject{Name: "4", ParentID: line[3].ID})
	kind(t, errs.Forbidden, err)
	kind(t, errs.Forbidden, w.DeleteProject(w.admin, line[2].ID))
	no := false
	_, err = w.UpdateProject(w.admin, line[2].ID, identity.UpdateProject{Enabled: &no})
	kind(t, errs.Forbidden, err)
	for i := len(line) - 1; i >= 0; i-- {
		require.NoError(t, w.DeleteProject(w.admin, line[i].ID))
	}
	kind(t, errs.NotFound, w.DeleteProject(w.admin, line[0].ID))
}

func TestDomainsAreDeletedWithWhatIsInThem(t *testing.T) {
	w := newWorld(t)
	u, p := w.user(t, "ann"), w.project(t, "web", "")
	w.project(t, "below", p.ID)
	kind(t, errs.Forbidden, w.DeleteDomain(w.admin, "default"))
	no := false
	_, err := w.UpdateDomain(w.admin, "default", identity.UpdateDomain{Enabled: &no})
	require.NoError(t, err)
	require.NoError(t, w.DeleteDomain(w.admin, "default"))
	_, err = w.GetUser(w.admin, u.ID)
	kind(t, errs.NotFound, err)
	left, _, err := w.ListProjects(w.admin, store.Query{})
	require.NoError(t, err)
	require.Empty(t, left)
}

func TestManagersOfADomainMindTheirOwnOnly(t *testing.T) {
	w := newWorld(t)
	other, err := w.CreateDomain(w.admin, identity.CreateDomain{Name: "other"})
	require.NoError(t, err)
	ann := w.user(t, "ann")
	manager := as(t.Context(), auth.Claims{User: auth.Ref{ID: "m"}, Domain: auth.Ref{ID: other.ID}}, "manager", "member", "reader")
	bob, err := w.CreateUser(manager, identity.CreateUser{Name: "bob"})
	require.NoError(t, err)
	require.Equal(t, other.ID, bob.DomainID)
	_, err = w.GetUser(manager, ann.ID)
	kind(t, errs.Forbidden, err)
	_, absent := w.GetUser(manager, "none")
	require.Equal(t, err.Error(), absent.Error(), "what may not be seen is answered as what is not there")
	_, err = w.CreateUser(manager, identity.CreateUser{Name: "eve", DomainID: "default"})
	kind(t, errs.Forbidden, err)
	seen, _, err := w.ListUsers(manager, store.Query{})
	require.NoError(t, err)
	require.Len(t, seen, 1)
	require.Equal(t, bob.ID, seen[0].ID)
	_, _, err = w.ListRoles(manager, store.Query{})
	require.NoError(t, err)
	ofProject := as(t.Context(), auth.Claims{User: auth.Ref{ID: "m"}, Project: auth.Ref{ID: "p"}, Domain: auth.Ref{ID: other.ID}}, "manager")
	_, _, err = w.ListRoles(ofProject, store.Query{})
	kind(t, errs.Forbidden, err)
	self := as(t.Context(), auth.Claims{User: auth.Ref{ID: ann.ID}, Unscoped: true})
	_, err = w.GetUser(self, ann.ID)
	require.NoError(t, err)
	_, err = w.UpdateUser(self, ann.ID, identity.UpdateUser{})
	kind(t, errs.Forbidden, err)
}

func TestAssignmentsNeedAllTheirParts(t *testing.T) {
	w := newWorld(t)
	u, p := w.user(t, "ann"), w.project(t, "web", "")
	r, err := w.CreateRole(w.admin, identity.CreateRole{Name: "member"})
	require.NoError(t, err)
	a := identity.Assignment{UserID: u.ID, RoleID: r.ID, TargetType: identity.OnProject, TargetID: p.ID}
	kind(t, errs.NotFound, w.CheckAssignment(w.admin, a))
	require.NoError(t, w.Assign(w.admin, a))
	require.NoError(t, w.Assign(w.admin, a))
	require.NoError(t, w.CheckAssignment(w.admin, a))
	for _, bad := range []identity.Assignment{
		{UserID: "none", RoleID: r.ID, TargetType: identity.OnProject, TargetID: p.ID},
		{UserID: u.ID, RoleID: "none", TargetType: identity.OnSystem, TargetID: "system"},
		{UserID: u.ID, RoleID: r.ID, TargetType: identity.OnDomain, TargetID: "none"},
	} {
		kind(t, errs.NotFound, w.Assign(w.admin, bad))
	}
	reader := as(t.Context(), auth.Claims{User: auth.Ref{ID: u.ID}, Project: auth.Ref{ID: p.ID}, Domain: auth.Ref{ID: "default"}}, "reader")
	kind(t, errs.Forbidden, w.Assign(reader, a))
	require.NoError(t, w.Unassign(w.admin, a))
	kind(t, errs.NotFound, w.Unassign(w.admin, a))
}

func TestPasswordsOfTheirOwners(t *testing.T) {
	w := newWorld(t)
	u := w.user(t, "ann")
	kind(t, errs.Unauthenticated, w.ChangePassword(t.Context(), u.ID, secret.New("wrong"), secret.New("new")))
	kind(t, errs.Unauthenticated, w.ChangePassword(t.Context(), "none", secret.New("wrong"), secret.New("new")))
	require.NoError(t, w.ChangePassword(t.Context(), u.ID, secret.New("pass-ann"), secret.New("new")))
	kind(t, errs.Unauthenticated, w.ChangePassword(t.Context(), u.ID, secret.New("pass-ann"), secret.New("x")))
}

func TestRolesImplyOthers(t *testing.T) {
	w := newWorld(t)
	var ids []string
	for _, name := range []string{"admin", "member", "reader"} {
		r, err := w.CreateRole(w.admin, identity.CreateRole{Name: name})
		require.NoError(t, err)
		ids = append(ids, r.ID)
	}
	require.NoError(t, w.ImplyRole(w.admin, ids[1], ids[2]))
	require.NoError(t, w.ImplyRole(w.admin, ids[1], ids[2]))
	kind(t, errs.Forbidden, w.ImplyRole(w.admin, ids[1], ids[0]))
	kind(t, errs.NotFound, w.ImplyRole(w.admin, ids[1], "none"))
	all, err := w.ListInferences(w.admin, ids[1])
	require.NoError(t, err)
	require.Len(t, all, 1)
	require.Equal(t, "reader", all[0].Implied[0].Name)
	require.NoError(t, w.UnimplyRole(w.admin, ids[1], ids[2]))
	kind(t, errs.NotFound, w.UnimplyRole(w.admin, ids[1], ids[2]))
	require.NoError(t, w.DeleteRole(w.admin, ids[0]))
}
