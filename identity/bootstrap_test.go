package identity_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/cumulite/cumulite/identity"
	"github.com/cumulite/cumulite/platform/errs"
	"github.com/cumulite/cumulite/platform/secret"
)

// counts gives how many rows and changes there are.
func (w *world) counts(t testing.TB) (rows [9]int, revision int64) {
	for i, table := range []string{"domains", "projects", "users", "roles", "implied_roles", "assignments", "regions", "services", "endpoints"} {
		require.NoError(t, w.db.QueryRow(t.Context(), "SELECT count(*) FROM identity_"+table).Scan(&rows[i]))
	}
	require.NoError(t, w.db.QueryRow(t.Context(), "SELECT revision FROM identity_revision").Scan(&revision))
	return rows, revision
}

func TestBootstrapTwiceChangesNothing(t *testing.T) {
	w := bootstrapped(t)
	rows, revision := w.counts(t)
	require.Equal(t, [9]int{1, 2, 1, 5, 3, 2, 1, 2, 3}, rows)
	require.NoError(t, w.Bootstrap(t.Context(), identity.Bootstrap{Password: secret.New("another"), Services: services()}))
	again, same := w.counts(t)
	require.Equal(t, rows, again)
	require.Equal(t, revision, same)
	w.login(t, byName("admin", "pw-admin"), adminScope)
	_, err := w.Authenticate(t.Context(), byName("admin", "another"), adminScope)
	kind(t, errs.Unauthenticated, err)
}

func TestBootstrapMovesEndpointsToTheirNewURL(t *testing.T) {
	w := bootstrapped(t)
	moved := services()
	moved[0].Public = "https://cloud.example/identity"
	require.NoError(t, w.Bootstrap(t.Context(), identity.Bootstrap{Services: moved}))
	issued := w.login(t, byName("admin", "pw-admin"), adminScope)
	require.Equal(t, "https://cloud.example/identity", issued.Catalog[0].Endpoints[1].URL)
}

func TestBootstrapMendsAPasswordThatACrashKeptFromBeingStored(t *testing.T) {
	w := newWorld(t)
	require.NoError(t, w.Bootstrap(t.Context(), identity.Bootstrap{}))
	_, err := w.Authenticate(t.Context(), byName("admin", ""), adminScope)
	kind(t, errs.Unauthenticated, err)
	require.NoError(t, w.Bootstrap(t.Context(), identity.Bootstrap{Password: secret.New("pw")}))
	w.login(t, byName("admin", "pw"), adminScope)
}

func TestBootstrapIsMadeOfWhatIsThere(t *testing.T) {
	w := newWorld(t)
	r, err := w.CreateRole(w.admin, identity.CreateRole{Name: "admin"})
	require.NoError(t, err)
	u := w.user(t, "root")
	require.NoError(t, w.Bootstrap(t.Context(), identity.Bootstrap{Admin: "root", Password: secret.New("other"), Region: "north"}))
	issued := w.login(t, byName("root", "pass-root"), identity.Scope{System: true})
	require.Equal(t, u.ID, issued.Grant.UserID())
	require.Equal(t, r.ID, issued.Grant.Claims().Roles[0].ID)
	_, err = w.GetRegion(w.admin, "north")
	require.NoError(t, err)
}

func TestBootstrapMakesUsersWithARoleOnAProject(t *testing.T) {
	w := newWorld(t)
	b := identity.Bootstrap{Password: secret.New("pw"), Users: []identity.BootstrapUser{{Name: "demo", Project: "demo", Role: "member", Password: secret.New("pw-demo")}}}
	require.NoError(t, w.Bootstrap(t.Context(), b))
	demo := w.login(t, byName("demo", "pw-demo"), identity.Scope{Project: identity.Lookup{Name: "demo", DomainID: "default"}})
	require.Equal(t, []string{"member", "reader"}, demo.Grant.RoleNames())
	b.Users[0].Role = "none"
	kind(t, errs.NotFound, w.Bootstrap(t.Context(), b))
}

func TestBootstrapReplacesPasswordsWhenAskedTo(t *testing.T) {
	w := bootstrapped(t)
	old := w.login(t, byName("admin", "pw-admin"), adminScope)
	_, before := w.counts(t)
	again := identity.Bootstrap{Password: secret.New("pw-admin"), Replace: true}
	require.NoError(t, w.Bootstrap(t.Context(), again))
	w.login(t, byName("admin", "pw-admin"), adminScope)
	_, same := w.counts(t)
	require.Equal(t, before, same, "it is the same password")
	again.Password = secret.New("other")
	require.NoError(t, w.Bootstrap(t.Context(), again))
	w.login(t, byName("admin", "other"), adminScope)
	w.dead(t, old)
	_, err := w.Authenticate(t.Context(), byName("admin", "pw-admin"), adminScope)
	kind(t, errs.Unauthenticated, err)
}
