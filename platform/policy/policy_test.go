package policy_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/cumulite/cumulite/platform/auth"
	"github.com/cumulite/cumulite/platform/errs"
	"github.com/cumulite/cumulite/platform/policy"
)

func enforcer(t testing.TB, rules ...policy.Rule) *policy.Enforcer {
	t.Helper()
	e, err := policy.New(rules, nil)
	require.NoError(t, err)
	return e
}

func TestCheckSaysWhatTheOriginalSays(t *testing.T) {
	e := enforcer(t, policy.Rule{Action: "os_compute_api:servers:show", Check: "role:admin"})
	err := e.Check(member(), "os_compute_api:servers:show", nil)
	require.True(t, errs.Is(err, errs.Forbidden))
	require.Equal(t, "Policy doesn't allow os_compute_api:servers:show to be performed.", errs.Message(err))
	require.NoError(t, e.Check(as(claims("Admin")), "os_compute_api:servers:show", nil))
}

func TestUnknownActionIsAFaultAndNeverAllowed(t *testing.T) {
	e := enforcer(t, policy.Rule{Action: "known", Check: "@"})
	err := e.Check(as(claims("admin")), "unknown", nil)
	require.Error(t, err)
	require.True(t, errs.Is(err, errs.Internal))
	require.ErrorContains(t, err, "unknown")
	require.False(t, e.Allows(as(claims("admin")), "unknown", nil))
}

func TestNobodyPassesOnlyRulesForEveryone(t *testing.T) {
	for check, want := range map[string]bool{
		"@": true, "": true, "rule:open": true, "rule:alias": true,
		"!": false, "not role:admin": false, "not !": false, "is_admin:False": false, "is_admin_project:True": false,
		"True:%(public)s": false, "field:x:public=True": false, "role:admin or not !": false, "rule:closed": false,
	} {
		e := enforcer(t, policy.Rule{Action: "x", Check: check}, policy.Rule{Action: "alias", Check: "rule:open"},
			policy.Rule{Action: "open"}, policy.Rule{Action: "closed", Check: "not role:x"})
		require.Equal(t, want, e.Allows(context.Background(), "x", policy.Target{"public": true}), "%q", check)
	}
	scoped := enforcer(t, policy.Rule{Action: "x", Scopes: []policy.Scope{policy.ScopeProject}})
	require.False(t, scoped.Allows(context.Background(), "x", nil), "nobody has no scope")
}

func TestServiceGrants(t *testing.T) {
	e := enforcer(t,
		policy.Rule{Action: "service", Check: "role:service", Scopes: []policy.Scope{policy.ScopeSystem}},
		policy.Rule{Action: "roles", Check: "role:SERVICE and service_roles:service and roles:service"},
		policy.Rule{Action: "who", Check: "service_user_id:compute"},
		policy.Rule{Action: "owner", Check: "project_id:%(project_id)s"})
	mine := policy.Target{"project_id": "p1"}

	background := auth.AsService(context.Background(), "compute")
	for _, action := range []policy.Action{"service", "roles", "who"} {
		require.NoError(t, e.Check(background, action, nil), action)
	}
	require.False(t, e.Allows(background, "owner", mine))
	require.False(t, e.Allows(background, "owner", policy.Target{"project_id": ""}), "no project is not the empty project")
	require.True(t, e.Allows(auth.AsService(member(), "compute"), "owner", mine), "it acts for whom it acts")

	impostor := as(claims("service", "Service"))
	for _, action := range []policy.Action{"service", "roles", "who"} {
		require.False(t, e.Allows(impostor, action, nil), action)
	}
}

func TestScopes(t *testing.T) {
	domain, system, unscoped := claims("admin"), claims("admin"), claims()
	domain.Project = auth.Ref{}
	system.Project, system.Domain, system.System = auth.Ref{}, auth.Ref{}, true
	unscoped.Project, unscoped.Domain, unscoped.Unscoped = auth.Ref{}, auth.Ref{}, true
	callers := map[policy.Scope]context.Context{
		policy.ScopeProject: as(claims("admin")), policy.ScopeDomain: as(domain), policy.ScopeSystem: as(system),
	}
	all := []policy.Scope{policy.ScopeProject, policy.ScopeDomain, policy.ScopeSystem}
	for _, wanted := range all {
		e := enforcer(t, policy.Rule{Action: "one", Scopes: []policy.Scope{wanted}},
			policy.Rule{Action: "all", Scopes: all}, policy.Rule{Action: "none"},
			policy.Rule{Action: "alias", Check: "rule:one"})
		for scope, ctx := range callers {
			require.Equal(t, scope == wanted, e.Allows(ctx, "one", nil), "%s asked of %s", wanted, scope)
			require.True(t, e.Allows(ctx, "all", nil) && e.Allows(ctx, "none", nil), scope)
			require.True(t, e.Allows(ctx, "alias", nil), "scopes belong to the action, not to what it refers to")
		}
		require.Equal(t, wanted == policy.ScopeProject, e.Allows(as(unscoped), "one", nil), "unscoped counts as project")
	}
	e := enforcer(t, policy.Rule{Action: "s", Check: "system_scope:all"}, policy.Rule{Action: "d", Check: "domain_id:pd and token.domain.id:pd"},
		policy.Rule{Action: "pd", Check: "project_domain_id:pd"}, policy.Rule{Action: "a", Check: "is_admin:True"})
	require.True(t, e.Allows(as(system), "s", nil) && e.Allows(as(domain), "d", nil) && e.Allows(as(domain), "a", nil))
	require.False(t, e.Allows(as(domain), "s", nil) || e.Allows(as(system), "d", nil) || e.Allows(as(domain), "pd", nil))
}

func TestNewRefusesCirclesAndDoubles(t *testing.T) {
	_, err := policy.New([]policy.Rule{{Action: "a", Check: "role:x or not rule:b"},
		{Action: "b", Check: "role:y and (rule:c or @)"}, {Action: "c", Check: "rule:a"}}, nil)
	require.EqualError(t, err, `rule "a" refers to itself: [a b c a]`)
	_, err = policy.New([]policy.Rule{{Action: "a", Check: "rule:b"}, {Action: "b", Check: "rule:b"}}, nil)
	require.EqualError(t, err, `rule "b" refers to itself: [b b]`)
	_, err = policy.New([]policy.Rule{{Action: "a"}, {Action: "a", Check: "!"}}, nil)
	require.EqualError(t, err, `rule "a" stands twice`)
	_, err = policy.New([]policy.Rule{{Action: "a", Check: "rule:b"}, {Action: "b", Check: "rule:gone"}}, nil)
	require.EqualError(t, err, `rule "b": there is no rule "gone"`)
	enforcer(t, policy.Rule{Action: "a", Check: "rule:c and rule:b"}, policy.Rule{Action: "b", Check: "rule:c"},
		policy.Rule{Action: "c"}) // twice the same way down is no circle
}

func TestRulesAreSortedAndCannotBeChanged(t *testing.T) {
	scopes := []policy.Scope{policy.ScopeProject}
	e := enforcer(t, policy.Rule{Action: "b", Check: "@", Scopes: scopes, Doc: "Second."}, policy.Rule{Action: "a"})
	scopes[0] = policy.ScopeSystem
	want := []policy.Rule{{Action: "a"}, {Action: "b", Check: "@", Scopes: []policy.Scope{policy.ScopeProject}, Doc: "Second."}}
	require.Equal(t, want, e.Rules())
	e.Rules()[1].Scopes[0] = policy.ScopeSystem
	require.Equal(t, want, e.Rules())
}

const usual = "(role:admin) or (role:member and project_id:%(project_id)s)"

func TestCheckAllocatesNothing(t *testing.T) {
	e := enforcer(t, policy.Rule{Action: "x", Check: "rule:usual", Scopes: []policy.Scope{policy.ScopeProject}},
		policy.Rule{Action: "usual", Check: usual})
	ctx, target := member(), policy.Target{"project_id": "p1"}
	require.NoError(t, e.Check(ctx, "x", target))
	require.Zero(t, testing.AllocsPerRun(100, func() { _ = e.Check(ctx, "x", target) }))
}

func BenchmarkCheck(b *testing.B) {
	e := enforcer(b, policy.Rule{Action: "x", Check: usual})
	ctx, target := member(), policy.Target{"project_id": "p1"}
	b.ReportAllocs()
	for b.Loop() {
		if err := e.Check(ctx, "x", target); err != nil {
			b.Fatal(err)
		}
	}
}

func TestRoleCalledServiceIsSeenInTokensOnly(t *testing.T) {
	e, err := policy.New([]policy.Rule{{Action: "a:role", Check: "role:service or roles:service"}, {Action: "a:token", Check: "token.roles:service"}}, nil)
	require.NoError(t, err)
	user := auth.With(t.Context(), auth.Authenticated(auth.Claims{User: auth.Ref{ID: "u"}, Roles: []auth.Ref{{ID: "1", Name: "service"}}}))
	require.Error(t, e.Check(user, "a:role", nil), "it gives no power of services")
	require.NoError(t, e.Check(user, "a:token", nil))
	require.Error(t, e.Check(auth.With(t.Context(), auth.From(user).Attenuate(auth.Limits{Roles: []string{}})), "a:token", nil))
}
