package identity_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/cumulite/cumulite/identity"
	"github.com/cumulite/cumulite/platform/errs"
)

// What a token gives in a project is what the list of effective assignments
// says, however roles were given above it.
func TestTokensGiveTheRolesThatAreListedAsEffective(t *testing.T) {
	w := bootstrapped(t)
	var projects []string
	for i := range 7 {
		parent := ""
		if i > 0 {
			parent = projects[(i-1)/2]
		}
		projects = append(projects, w.project(t, fmt.Sprint("p", i), parent).ID)
	}
	n := 0
	rapid.Check(t, func(r *rapid.T) {
		n++
		u := w.user(t, fmt.Sprint("u", n))
		for range rapid.IntRange(0, 5).Draw(r, "given") {
			on, target := identity.OnProject, rapid.SampledFrom(projects).Draw(r, "on")
			if rapid.IntRange(0, 5).Draw(r, "domain") == 0 {
				on, target = identity.OnDomain, "default"
			}
			w.give(t, u.ID, rapid.SampledFrom([]string{"manager", "member", "reader", "service"}).Draw(r, "role"), on, target, rapid.Bool().Draw(r, "inherited"))
		}
		unscoped := w.login(t, byName(u.Name, "pass-"+u.Name), identity.Scope{})
		for _, p := range projects {
			listed, err := w.ListRoleAssignments(w.admin, identity.AssignmentFilter{UserID: u.ID, Target: identity.OnProject, TargetID: p, Effective: true})
			require.NoError(t, err)
			var want, got []string
			for _, a := range listed {
				want = append(want, a.Role.Name)
			}
			issued, err := w.Authenticate(t.Context(), byToken(unscoped.Text), identity.Scope{Project: identity.Lookup{ID: p}})
			if len(want) == 0 {
				kind(t, errs.Unauthenticated, err)
				continue
			}
			require.NoError(t, err)
			for _, role := range issued.Grant.Claims().Roles {
				got = append(got, role.Name)
			}
			slices.Sort(want)
			require.Equal(t, want, got)
		}
	})
}
