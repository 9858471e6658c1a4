package identity_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/cumulite/cumulite/identity"
	"github.com/cumulite/cumulite/platform/auth"
	"github.com/cumulite/cumulite/platform/errs"
	"github.com/cumulite/cumulite/platform/secret"
)

var adminScope = identity.Scope{Project: identity.Lookup{Name: "admin", DomainName: "Default"}}

func byName(name, pass string) identity.Credentials {
	return identity.Credentials{Password: &identity.PasswordMethod{User: identity.Lookup{Name: name, DomainID: "default"}, Password: secret.New(pass)}}
}

func byToken(text secret.String) identity.Credentials { return identity.Credentials{Token: &text} }

func services() []identity.BootstrapService {
	return []identity.BootstrapService{
		{Type: "identity", Name: "keystone", Public: "http://c/identity", Internal: "http://c/identity"},
		{Type: "object-store", Name: "swift", Public: "http://c/v1/AUTH_$(project_id)s"},
	}
}

// bootstrapped gives a world as a new cloud has it.
func bootstrapped(t testing.TB) *world {
	w := newWorld(t)
	require.NoError(t, w.Bootstrap(t.Context(), identity.Bootstrap{Password: secret.New("pw-admin"), Services: services()}))
	return w
}

// give gives a user a role by its name.
func (w *world) give(t testing.TB, user, role string, on identity.TargetType, target string, inherited bool) identity.Assignment {
	a := identity.Assignment{UserID: user, RoleID: w.role(t, role), TargetType: on, TargetID: target, Inherited: inherited}
	require.NoError(t, w.Assign(w.admin, a))
	return a
}

func (w *world) login(t testing.TB, c identity.Credentials, s identity.Scope) *identity.Issued {
	t.Helper()
	issued, err := w.Authenticate(t.Context(), c, s)
	require.NoError(t, err)
	return issued
}

func onProject(p *identity.Project) identity.Scope {
	return identity.Scope{Project: identity.Lookup{ID: p.ID}}
}

func TestAdministratorLogsInAfterBootstrap(t *testing.T) {
	w := bootstrapped(t)
	issued := w.login(t, byName("admin", "pw-admin"), adminScope)
	c := issued.Grant.Claims()
	require.Equal(t, []string{"admin", "manager", "member", "reader"}, issued.Grant.RoleNames())
	require.Equal(t, []string{"password"}, c.Methods)
	require.Equal(t, auth.Ref{ID: "default", Name: "Default"}, c.UserDomain)
	require.Equal(t, "admin", c.Project.Name)
	require.Equal(t, "Default", c.Domain.Name)
	require.Len(t, c.AuditIDs, 1)
	require.Equal(t, w.clk.Now().Add(time.Hour), c.ExpiresAt)
	require.Len(t, issued.Catalog, 2)
	g, err := w.Verify(t.Context(), issued.Text)
	require.NoError(t, err)
	require.Equal(t, c, g.Claims())
	require.True(t, w.login(t, byName("admin", "pw-admin"), identity.Scope{System: true}).Grant.System())
}

func TestWhatIsWrongWithALoginIsNotTold(t *testing.T) {
	w := bootstrapped(t)
	ann, bob, web := w.user(t, "ann"), w.user(t, "bob"), w.project(t, "web", "")
	off := false
	_, err := w.UpdateUser(w.admin, bob.ID, identity.UpdateUser{Enabled: &off})
	require.NoError(t, err)
	w.give(t, ann.ID, "member", identity.OnProject, web.ID, false)
	byID := func(id, pass string) identity.Credentials {
		return identity.Credentials{Password: &identity.PasswordMethod{User: identity.Lookup{ID: id}, Password: secret.New(pass)}}
	}
	for name, try := range map[string]struct {
		c identity.Credentials
		s identity.Scope
	}{
		"wrong password":     {byName("ann", "no"), identity.Scope{}},
		"no such user":       {byName("eve", "no"), identity.Scope{}},
		"no such id":         {byID("eve", "no"), identity.Scope{}},
		"no such domain":     {identity.Credentials{Password: &identity.PasswordMethod{User: identity.Lookup{Name: "ann", DomainName: "x"}}}, identity.Scope{}},
		"disabled":           {byName("bob", "pass-bob"), identity.Scope{}},
		"no method":          {identity.Credentials{}, identity.Scope{}},
		"not a token":        {byToken(secret.New("gAAAAAB")), identity.Scope{}},
		"no role on system":  {byName("ann", "pass-ann"), identity.Scope{System: true}},
		"no role on domain":  {byName("ann", "pass-ann"), identity.Scope{Domain: identity.Lookup{ID: "default"}}},
		"no role on project": {byName("ann", "pass-ann"), adminScope},
		"no such project":    {byName("ann", "pass-ann"), identity.Scope{Project: identity.Lookup{ID: "none"}}},
		"no project by name": {byName("ann", "pass-ann"), identity.Scope{Project: identity.Lookup{Name: "none", DomainID: "default"}}},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := w.Authenticate(t.Context(), try.c, try.s)
			kind(t, errs.Unauthenticated, err)
			require.Equal(t, "The request you have made requires authentication.", errs.Message(err))
		})
	}
	w.login(t, byID(ann.ID, "pass-ann"), onProject(web))
	_, err = w.Authenticate(t.Context(), byName("ann", "pass-ann"), identity.Scope{Project: identity.Lookup{Name: "web"}})
	kind(t, errs.Invalid, err)
}

func TestDisabledProjectsAndDomainsLetNobodyIn(t *testing.T) {
	w := bootstrapped(t)
	d, err := w.CreateDomain(w.admin, identity.CreateDomain{Name: "acme"})
	require.NoError(t, err)
	p, err := w.CreateProject(w.admin, identity.CreateProject{Name: "p", DomainID: d.ID})
	require.NoError(t, err)
	ann := w.user(t, "ann")
	w.give(t, ann.ID, "member", identity.OnProject, p.ID, false)
	issued := w.login(t, byName("ann", "pass-ann"), onProject(p))
	off, on := false, true
	for _, able := range []*bool{&off, &on} {
		_, err := w.UpdateDomain(w.admin, d.ID, identity.UpdateDomain{Enabled: able})
		require.NoError(t, err)
		_, err = w.Verify(t.Context(), issued.Text)
		kind(t, errs.Unauthenticated, err)
	}
	issued = w.login(t, byName("ann", "pass-ann"), onProject(p))
	_, err = w.UpdateProject(w.admin, p.ID, identity.UpdateProject{Enabled: &off})
	require.NoError(t, err)
	_, err = w.Verify(t.Context(), issued.Text)
	kind(t, errs.Unauthenticated, err)
	_, err = w.Authenticate(t.Context(), byName("ann", "pass-ann"), onProject(p))
	kind(t, errs.Unauthenticated, err)
}

func TestRolesComeFromAboveAndByImplication(t *testing.T) {
	w := bootstrapped(t)
	top := w.project(t, "top", "")
	mid := w.project(t, "mid", top.ID)
	low := w.project(t, "low", mid.ID)
	ann := w.user(t, "ann")
	w.give(t, ann.ID, "member", identity.OnProject, mid.ID, true)
	w.give(t, ann.ID, "reader", identity.OnDomain, "default", true)
	roles := func(s identity.Scope) []string { return w.login(t, byName("ann", "pass-ann"), s).Grant.RoleNames() }
	require.Equal(t, []string{"reader"}, roles(onProject(top)))
	require.Equal(t, []string{"reader"}, roles(onProject(mid)), "what is inherited holds below, not there")
	require.Equal(t, []string{"member", "reader"}, roles(onProject(low)))
	_, err := w.Authenticate(t.Context(), byName("ann", "pass-ann"), identity.Scope{Domain: identity.Lookup{ID: "default"}})
	kind(t, errs.Unauthenticated, err)
	w.give(t, ann.ID, "manager", identity.OnDomain, "default", false)
	inDomain := w.login(t, byName("ann", "pass-ann"), identity.Scope{Domain: identity.Lookup{Name: "Default"}})
	require.Equal(t, []string{"manager", "member", "reader"}, inDomain.Grant.RoleNames())
	require.Equal(t, "default", inDomain.Grant.DomainID())
}

func TestNoScopeMeansTheDefaultProjectIfItIsUsable(t *testing.T) {
	w := bootstrapped(t)
	ann, web := w.user(t, "ann"), w.project(t, "web", "")
	login := func(s identity.Scope) auth.Claims {
		issued := w.login(t, byName("ann", "pass-ann"), s)
		if issued.Grant.Claims().Unscoped {
			require.Nil(t, issued.Catalog)
		}
		return issued.Grant.Claims()
	}
	require.True(t, login(identity.Scope{}).Unscoped)
	_, err := w.UpdateUser(w.admin, ann.ID, identity.UpdateUser{DefaultProjectID: &web.ID})
	require.NoError(t, err)
	require.True(t, login(identity.Scope{}).Unscoped, "no role there")
	w.give(t, ann.ID, "reader", identity.OnProject, web.ID, false)
	require.Equal(t, web.ID, login(identity.Scope{}).Project.ID)
	require.True(t, login(identity.Scope{Unscoped: true}).Unscoped)
	off := false
	_, err = w.UpdateProject(w.admin, web.ID, identity.UpdateProject{Enabled: &off})
	require.NoError(t, err)
	require.True(t, login(identity.Scope{}).Unscoped)
}

func TestRescopingKeepsExpiryAndChain(t *testing.T) {
	w := bootstrapped(t)
	first := w.login(t, byName("admin", "pw-admin"), identity.Scope{Unscoped: true})
	w.clk.Advance(10 * time.Minute)
	second := w.login(t, byToken(first.Text), adminScope)
	third := w.login(t, byToken(second.Text), identity.Scope{System: true})
	a, b, c := first.Grant.Claims(), second.Grant.Claims(), third.Grant.Claims()
	require.Equal(t, a.ExpiresAt, c.ExpiresAt)
	require.Equal(t, w.clk.Now(), b.IssuedAt)
	require.Equal(t, []string{"password", "token"}, c.Methods)
	require.Equal(t, a.AuditIDs[0], b.AuditIDs[1])
	require.Equal(t, a.AuditIDs[0], c.AuditIDs[1])
	_, err := w.Authenticate(t.Context(), byToken(third.Text), adminScope)
	kind(t, errs.Forbidden, err)
	w.clk.Advance(50 * time.Minute)
	_, err = w.Authenticate(t.Context(), byToken(second.Text), adminScope)
	kind(t, errs.Unauthenticated, err)
}

func TestMethodsMustAgreeOnTheUser(t *testing.T) {
	w := bootstrapped(t)
	w.user(t, "ann")
	c := byName("ann", "pass-ann")
	c.Token = &w.login(t, byName("admin", "pw-admin"), identity.Scope{}).Text
	_, err := w.Authenticate(t.Context(), c, identity.Scope{})
	kind(t, errs.Unauthenticated, err)
	c.Token = &w.login(t, byName("ann", "pass-ann"), identity.Scope{}).Text
	require.Equal(t, []string{"password", "token"}, w.login(t, c, identity.Scope{}).Grant.Claims().Methods)
}

func TestLoginWaitsNoLongerThanItsCaller(t *testing.T) {
	w := bootstrapped(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := w.Authenticate(ctx, byName("admin", "pw-admin"), adminScope)
	require.ErrorIs(t, err, context.Canceled)
}
