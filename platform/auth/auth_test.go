package auth_test

import (
	"context"
	"encoding/json"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/cumulite/cumulite/platform/auth"
)

var noon = time.Date(2030, 1, 1, 12, 0, 0, 0, time.UTC)

func member() auth.Grant {
	return auth.Authenticated(auth.Claims{
		User: auth.Ref{ID: "u1", Name: "ann"}, Project: auth.Ref{ID: "p1"}, Domain: auth.Ref{ID: "default"},
		Roles: []auth.Ref{{ID: "r2", Name: "reader"}, {ID: "r1", Name: "member"}}, ExpiresAt: noon,
	})
}

func TestZeroGrantIsNobody(t *testing.T) {
	g := auth.From(context.Background())
	require.True(t, g.IsZero())
	require.Empty(t, g.UserID()+g.ProjectID()+g.DomainID()+g.Service())
	require.False(t, g.HasRole("admin") || g.HasRole(auth.ServiceRole) || g.System())
	require.True(t, g.Attenuate(auth.Limits{}).IsZero())
}

func TestServiceRoleComesOnlyFromAsService(t *testing.T) {
	impostor := auth.Authenticated(auth.Claims{Roles: []auth.Ref{{ID: "s", Name: auth.ServiceRole}}})
	require.False(t, impostor.HasRole(auth.ServiceRole), "a role of that name given to a user is not it")
	require.NotContains(t, impostor.RoleNames(), auth.ServiceRole)

	ctx := auth.AsService(auth.With(context.Background(), member()), "compute")
	g := auth.From(ctx)
	require.True(t, g.HasRole(auth.ServiceRole))
	require.True(t, g.HasRole("member"))
	require.Equal(t, "p1", g.ProjectID(), "it acts for whom it acts")
	require.Equal(t, "compute", g.Service())
	require.False(t, member().HasRole(auth.ServiceRole), "the caller's own grant is unchanged")
	require.False(t, g.Attenuate(auth.Limits{}).HasRole(auth.ServiceRole))
}

func TestGrantSurvivesJSON(t *testing.T) {
	b, err := json.Marshal(member())
	require.NoError(t, err)
	var g auth.Grant
	require.NoError(t, json.Unmarshal(b, &g))
	require.Equal(t, member().Claims(), g.Claims())
	require.NoError(t, json.Unmarshal([]byte("null"), &g))
	require.True(t, g.IsZero())
}

func TestExpiry(t *testing.T) {
	require.False(t, member().Expired(noon.Add(-time.Second)))
	require.True(t, member().Expired(noon))
	require.False(t, auth.Authenticated(auth.Claims{}).Expired(noon), "no expiry, no end")
}

func TestClaimsAreACopy(t *testing.T) {
	g := member()
	c := g.Claims()
	c.Roles[0].Name = "admin"
	require.False(t, g.HasRole("admin"))
}

// No chain of derivations gains a role, a later expiry, a write or a scope.
func TestAttenuateOnlyTakesAway(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		roles := rapid.SliceOfN(rapid.SampledFrom([]string{"admin", "manager", "member", "reader", "x"}), 0, 4)
		var c auth.Claims
		for _, r := range roles.Draw(t, "roles") {
			c.Roles = append(c.Roles, auth.Ref{ID: r, Name: r})
		}
		c.Project.ID, c.ExpiresAt = "p", noon
		g := auth.Authenticated(c)
		for range rapid.IntRange(1, 5).Draw(t, "depth") {
			l := auth.Limits{ReadOnly: rapid.Bool().Draw(t, "ro"), DropScope: rapid.Bool().Draw(t, "drop")}
			if rapid.Bool().Draw(t, "limit roles") {
				l.Roles = append([]string{}, roles.Draw(t, "kept")...)
			}
			if rapid.Bool().Draw(t, "limit time") {
				l.ExpiresAt = noon.Add(time.Duration(rapid.IntRange(-100, 100).Draw(t, "minutes")) * time.Minute)
			}
			child := g.Attenuate(l)
			subset(t, child.Claims(), g.Claims())
			g = child
		}
	})
}

func subset(t *rapid.T, child, parent auth.Claims) {
	for _, r := range child.Roles {
		if !slices.Contains(parent.Roles, r) {
			t.Fatalf("gained role %s", r.Name)
		}
	}
	switch {
	case child.ExpiresAt.After(parent.ExpiresAt):
		t.Fatal("lives longer than its parent")
	case parent.ReadOnly && !child.ReadOnly:
		t.Fatal("may write again")
	case child.Project.ID != "" && child.Project.ID != parent.Project.ID:
		t.Fatal("another project")
	case child.System && !parent.System, child.Service != "":
		t.Fatal("gained scope")
	}
}

func TestRequestIDIsKnownWithAndWithoutAGrant(t *testing.T) {
	ctx := auth.WithRequestID(context.Background(), "req-1")
	require.Equal(t, "req-1", auth.RequestID(ctx))
	require.True(t, auth.From(ctx).IsZero(), "a request id makes nobody somebody")
	ctx = auth.WithRequestID(auth.With(ctx, member()), "req-2")
	require.Equal(t, "req-2", auth.RequestID(ctx))
	require.Equal(t, "req-2", auth.From(ctx).RequestID())
	require.Empty(t, member().RequestID())
	require.Empty(t, auth.RequestID(context.Background()))
}
