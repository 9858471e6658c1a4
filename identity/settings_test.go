package identity_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/cumulite/cumulite/identity"
	"github.com/cumulite/cumulite/platform/errs"
	"github.com/cumulite/cumulite/platform/secret"
)

func TestWhatIsImmutableStaysUntilItIsNot(t *testing.T) {
	w := newWorld(t)
	on, off, name := true, false, "other"
	immutable := map[string]*bool{identity.Immutable: &on}
	p, err := w.CreateProject(w.admin, identity.CreateProject{Name: "web", DomainID: "default", Options: immutable})
	require.NoError(t, err)
	d, err := w.CreateDomain(w.admin, identity.CreateDomain{Name: "acme", Disabled: true, Options: immutable})
	require.NoError(t, err)
	r, err := w.CreateRole(w.admin, identity.CreateRole{Name: "driver", Options: immutable})
	require.NoError(t, err)
	update := func(to *bool, set bool) (failures []error) {
		var options map[string]*bool
		if set {
			options = map[string]*bool{identity.Immutable: to}
		}
		_, inProject := w.UpdateProject(w.admin, p.ID, identity.UpdateProject{Name: &name, Options: options})
		_, inDomain := w.UpdateDomain(w.admin, d.ID, identity.UpdateDomain{Name: &name, Options: options})
		_, inRole := w.UpdateRole(w.admin, r.ID, identity.UpdateRole{Name: &name, Options: options})
		return []error{inProject, inDomain, inRole}
	}
	remove := func() []error {
		return []error{w.DeleteProject(w.admin, p.ID), w.DeleteDomain(w.admin, d.ID), w.DeleteRole(w.admin, r.ID)}
	}
	refused := append(append(update(nil, false), update(&on, true)...), remove()...)
	for _, err := range append(refused, w.AddProjectTag(w.admin, p.ID, "red")) {
		kind(t, errs.Forbidden, err)
	}
	for _, err := range append(update(&off, true), remove()...) {
		require.NoError(t, err)
	}
}

func TestOptionsAreKnownAndTakenAway(t *testing.T) {
	w := newWorld(t)
	on := true
	_, err := w.CreateUser(w.admin, identity.CreateUser{Name: "x", DomainID: "default", Options: map[string]*bool{identity.Immutable: &on}})
	kind(t, errs.Invalid, err)
	_, err = w.CreateRole(w.admin, identity.CreateRole{Name: "x", Options: map[string]*bool{identity.LockPassword: &on}})
	kind(t, errs.Invalid, err)
	u, err := w.CreateUser(w.admin, identity.CreateUser{Name: "x", DomainID: "default", Options: map[string]*bool{"ignore_password_expiry": &on}})
	require.NoError(t, err)
	u, err = w.UpdateUser(w.admin, u.ID, identity.UpdateUser{Options: map[string]*bool{"ignore_password_expiry": nil, "ignore_user_inactivity": &on}})
	require.NoError(t, err)
	require.Equal(t, identity.Settings{"ignore_user_inactivity": true}, u.Options)
}

func TestALockedPasswordIsNotChangedByItsOwner(t *testing.T) {
	w := newWorld(t)
	u := w.user(t, "ann")
	on := true
	_, err := w.UpdateUser(w.admin, u.ID, identity.UpdateUser{Options: map[string]*bool{identity.LockPassword: &on}})
	require.NoError(t, err)
	kind(t, errs.Unauthenticated, w.ChangePassword(t.Context(), u.ID, secret.New("wrong"), secret.New("new")))
	kind(t, errs.Invalid, w.ChangePassword(t.Context(), u.ID, secret.New("pass-ann"), secret.New("new")))
	fresh := secret.New("new")
	_, err = w.UpdateUser(w.admin, u.ID, identity.UpdateUser{Password: &fresh, Options: map[string]*bool{identity.LockPassword: nil}})
	require.NoError(t, err)
	require.NoError(t, w.ChangePassword(t.Context(), u.ID, fresh, secret.New("newer")))
}
