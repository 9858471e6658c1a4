package identity_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/cumulite/cumulite/identity"
	"github.com/cumulite/cumulite/platform/auth"
	"github.com/cumulite/cumulite/platform/errs"
	"github.com/cumulite/cumulite/platform/store"
)

// held lists role assignments as "user role target".
func (w *world) held(t testing.TB, f identity.AssignmentFilter) (out []string) {
	all, err := w.ListRoleAssignments(w.admin, f)
	require.NoError(t, err)
	for _, a := range all {
		out = append(out, a.User.Name+" "+a.Role.Name+" "+a.Target.Name)
	}
	return out
}

func TestRoleAssignmentsAreListedAsGivenAndAsTheyHold(t *testing.T) {
	w := bootstrapped(t)
	top := w.project(t, "top", "")
	low := w.project(t, "low", top.ID)
	ann, bob := w.user(t, "ann"), w.user(t, "bob")
	w.give(t, ann.ID, "member", identity.OnProject, top.ID, true)
	w.give(t, bob.ID, "reader", identity.OnProject, top.ID, false)
	w.give(t, bob.ID, "reader", identity.OnDomain, "default", false)
	w.give(t, bob.ID, "reader", identity.OnSystem, identity.SystemID, false)

	require.Equal(t, []string{"ann member top"}, w.held(t, identity.AssignmentFilter{UserID: ann.ID}))
	require.Equal(t, []string{"ann member low", "ann reader low"}, w.held(t, identity.AssignmentFilter{UserID: ann.ID, Effective: true}))
	require.Equal(t, []string{"bob reader Default", "bob reader top", "bob reader "}, w.held(t, identity.AssignmentFilter{UserID: bob.ID}))
	require.Equal(t, []string{"bob reader Default"}, w.held(t, identity.AssignmentFilter{Target: identity.OnDomain, TargetID: "default"}))
	require.Equal(t, []string{"bob reader "}, w.held(t, identity.AssignmentFilter{UserID: bob.ID, Target: identity.OnSystem, TargetID: identity.SystemID}))
	require.ElementsMatch(t, []string{"ann member top", "bob reader top"},
		w.held(t, identity.AssignmentFilter{Target: identity.OnProject, TargetID: top.ID, Subtree: true}))
	require.ElementsMatch(t, []string{"ann member low", "ann reader low", "bob reader top"},
		w.held(t, identity.AssignmentFilter{Target: identity.OnProject, TargetID: top.ID, Subtree: true, Effective: true}))
	require.Equal(t, []string{"ann reader low"},
		w.held(t, identity.AssignmentFilter{RoleID: w.role(t, "reader"), Target: identity.OnProject, TargetID: low.ID, Effective: true}))
	require.Empty(t, w.held(t, identity.AssignmentFilter{GroupID: "g"}))
	no := false
	require.Empty(t, w.held(t, identity.AssignmentFilter{UserID: ann.ID, Inherited: &no}))

	all, err := w.ListRoleAssignments(w.admin, identity.AssignmentFilter{UserID: ann.ID, Effective: true})
	require.NoError(t, err)
	require.Equal(t, top.ID, all[0].From.TargetID)
	require.True(t, all[1].From.Inherited)
	require.Equal(t, w.role(t, "member"), all[1].PriorID)
	require.Equal(t, identity.Named{ID: low.ID, Name: "low", DomainID: "default", DomainName: "Default"}, all[1].Target)
}

func TestRoleAssignmentFiltersThatCannotHold(t *testing.T) {
	w := bootstrapped(t)
	yes := true
	for _, f := range []identity.AssignmentFilter{
		{UserID: "u", GroupID: "g"}, {GroupID: "g", Effective: true}, {Target: identity.OnDomain, TargetID: "default", Effective: true, Inherited: &yes},
	} {
		_, err := w.ListRoleAssignments(w.admin, f)
		kind(t, errs.Invalid, err)
	}
	_, err := w.ListRoleAssignments(w.admin, identity.AssignmentFilter{Subtree: true, Target: identity.OnProject, TargetID: "none"})
	kind(t, errs.NotFound, err)
}

func TestReadersOfADomainSeeItsAssignmentsOnly(t *testing.T) {
	w := bootstrapped(t)
	d, err := w.CreateDomain(w.admin, identity.CreateDomain{Name: "acme"})
	require.NoError(t, err)
	p, err := w.CreateProject(w.admin, identity.CreateProject{Name: "p", DomainID: d.ID})
	require.NoError(t, err)
	ann := w.user(t, "ann")
	given := w.give(t, ann.ID, "member", identity.OnProject, p.ID, false)
	reader := as(t.Context(), auth.Claims{User: auth.Ref{ID: "r"}, Domain: auth.Ref{ID: d.ID}}, "reader")
	all, err := w.ListRoleAssignments(reader, identity.AssignmentFilter{})
	require.NoError(t, err)
	require.Len(t, all, 1)
	require.Equal(t, given, all[0].Assignment)
	member := as(t.Context(), auth.Claims{User: auth.Ref{ID: "r"}, Project: auth.Ref{ID: p.ID}, Domain: auth.Ref{ID: d.ID}}, "member", "reader")
	_, err = w.ListRoleAssignments(member, identity.AssignmentFilter{})
	kind(t, errs.Forbidden, err)
	_, err = w.ListRoleAssignments(member, identity.AssignmentFilter{Subtree: true, Target: identity.OnProject, TargetID: p.ID})
	kind(t, errs.Forbidden, err)
}

func TestGrantsAreListedOnEachKindOfTarget(t *testing.T) {
	w := bootstrapped(t)
	ann, web := w.user(t, "ann"), w.project(t, "web", "")
	for _, a := range []identity.Assignment{
		w.give(t, ann.ID, "member", identity.OnProject, web.ID, false),
		w.give(t, ann.ID, "reader", identity.OnProject, web.ID, true),
		w.give(t, ann.ID, "manager", identity.OnDomain, "default", false),
		w.give(t, ann.ID, "admin", identity.OnSystem, identity.SystemID, false),
	} {
		got, err := w.ListGrants(w.admin, a)
		require.NoError(t, err)
		require.Len(t, got, 1)
		require.Equal(t, a.RoleID, got[0].ID)
	}
	_, err := w.ListGrants(w.admin, identity.Assignment{UserID: ann.ID, TargetType: identity.OnProject, TargetID: "none"})
	kind(t, errs.NotFound, err)
	self := as(t.Context(), auth.Claims{User: auth.Ref{ID: ann.ID}, Unscoped: true})
	_, err = w.ListGrants(self, identity.Assignment{UserID: ann.ID, TargetType: identity.OnProject, TargetID: web.ID})
	kind(t, errs.Forbidden, err)
}

func TestWhereAUserCanGo(t *testing.T) {
	w := bootstrapped(t)
	top := w.project(t, "top", "")
	low := w.project(t, "low", top.ID)
	w.project(t, "other", "")
	ann := w.user(t, "ann")
	self := as(t.Context(), auth.Claims{User: auth.Ref{ID: ann.ID}, Unscoped: true})
	names := func() (out []string) {
		all, err := w.AuthProjects(self)
		require.NoError(t, err)
		listed, _, err := w.ListUserProjects(self, ann.ID, store.Query{})
		require.NoError(t, err)
		require.Equal(t, all, listed)
		for _, p := range all {
			out = append(out, p.Name)
		}
		return out
	}
	require.Empty(t, names())
	w.give(t, ann.ID, "reader", identity.OnProject, top.ID, true)
	require.Equal(t, []string{"low"}, names())
	w.give(t, ann.ID, "reader", identity.OnProject, low.ID, false)
	w.give(t, ann.ID, "reader", identity.OnProject, top.ID, false)
	require.Equal(t, []string{"low", "top"}, names())
	domains, err := w.AuthDomains(self)
	require.NoError(t, err)
	require.Empty(t, domains)
	w.give(t, ann.ID, "reader", identity.OnDomain, "default", true)
	require.Equal(t, []string{"admin", "low", "other", "service", "top"}, names())
	w.give(t, ann.ID, "reader", identity.OnDomain, "default", false)
	domains, err = w.AuthDomains(self)
	require.NoError(t, err)
	require.Equal(t, "Default", domains[0].Name)
	for _, want := range []bool{false, true} {
		got, err := w.AuthSystem(self)
		require.NoError(t, err)
		require.Equal(t, want, got)
		w.give(t, ann.ID, "reader", identity.OnSystem, identity.SystemID, false)
	}
	_, _, err = w.ListUserProjects(as(t.Context(), auth.Claims{User: auth.Ref{ID: "eve"}, Unscoped: true}), ann.ID, store.Query{})
	kind(t, errs.Forbidden, err)
}
