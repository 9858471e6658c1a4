package identity_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/cumulite/cumulite/identity"
)

// told gives the events of a type since the last one seen, by what they are about.
func (w *world) told(t testing.TB, typ string) (ids []string) {
	require.NoError(t, w.db.Read().NewRaw("SELECT resource FROM event_events WHERE type = ? ORDER BY seq", typ).Scan(t.Context(), &ids))
	return ids
}

func TestServicesAboveAreToldOfAllThatGoesWithADomain(t *testing.T) {
	w := bootstrapped(t)
	d, err := w.CreateDomain(w.admin, identity.CreateDomain{Name: "acme"})
	require.NoError(t, err)
	top, err := w.CreateProject(w.admin, identity.CreateProject{Name: "top", DomainID: d.ID})
	require.NoError(t, err)
	low, err := w.CreateProject(w.admin, identity.CreateProject{Name: "low", ParentID: top.ID})
	require.NoError(t, err)
	ann, err := w.CreateUser(w.admin, identity.CreateUser{Name: "ann", DomainID: d.ID})
	require.NoError(t, err)
	w.give(t, ann.ID, "member", identity.OnProject, low.ID, false)
	w.give(t, w.user(t, "bob").ID, "member", identity.OnDomain, d.ID, true)
	off := false
	_, err = w.UpdateDomain(w.admin, d.ID, identity.UpdateDomain{Enabled: &off})
	require.NoError(t, err)
	require.NoError(t, w.DeleteDomain(w.admin, d.ID))
	require.ElementsMatch(t, []string{top.ID, low.ID}, w.told(t, "identity.project.deleted"))
	require.Equal(t, []string{ann.ID}, w.told(t, "identity.user.deleted"))
	require.Equal(t, []string{d.ID}, w.told(t, "identity.domain.deleted"))
	rows, _ := w.counts(t)
	require.Equal(t, [9]int{1, 2, 2, 5, 3, 2, 1, 2, 3}, rows, "nothing of it is left but bob")
}

func TestWhatIsDeletedLeavesNoAssignments(t *testing.T) {
	for name, remove := range map[string]func(w *world, user, project string) error{
		"user":    func(w *world, user, _ string) error { return w.DeleteUser(w.admin, user) },
		"project": func(w *world, _, project string) error { return w.DeleteProject(w.admin, project) },
		"role":    func(w *world, _, _ string) error { return w.DeleteRole(w.admin, w.role(t, "member")) },
	} {
		t.Run(name, func(t *testing.T) {
			w, ann, web, _ := member(t)
			_, err := w.UpdateUser(w.admin, ann.ID, identity.UpdateUser{DefaultProjectID: &web.ID})
			require.NoError(t, err)
			require.NoError(t, remove(w, ann.ID, web.ID))
			require.Len(t, w.told(t, "identity."+name+".deleted"), 1)
			left, err := w.ListRoleAssignments(w.admin, identity.AssignmentFilter{Target: identity.OnProject, TargetID: web.ID})
			require.NoError(t, err)
			require.Empty(t, left)
			if u, err := w.GetUser(w.admin, ann.ID); err == nil && name == "project" {
				require.Empty(t, u.DefaultProjectID)
			}
		})
	}
}
