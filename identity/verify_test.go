package identity_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/cumulite/cumulite/identity"
	"github.com/cumulite/cumulite/identity/token"
	"github.com/cumulite/cumulite/platform/auth"
	"github.com/cumulite/cumulite/platform/errs"
	"github.com/cumulite/cumulite/platform/event"
	"github.com/cumulite/cumulite/platform/secret"
	"github.com/cumulite/cumulite/platform/store/storetest"
)

// member gives a world in which ann is a member of the project web, with a token for it.
func member(t testing.TB) (w *world, ann *identity.User, web *identity.Project, issued *identity.Issued) {
	w = bootstrapped(t)
	ann, web = w.user(t, "ann"), w.project(t, "web", "")
	w.give(t, ann.ID, "member", identity.OnProject, web.ID, false)
	return w, ann, web, w.login(t, byName("ann", "pass-ann"), onProject(web))
}

// dead requires that a token is not accepted any more.
func (w *world) dead(t testing.TB, i *identity.Issued) {
	t.Helper()
	_, err := w.Verify(t.Context(), i.Text)
	kind(t, errs.Unauthenticated, err)
	_, err = w.ValidateToken(w.admin, i.Text, false)
	kind(t, errs.NotFound, err)
}

func TestTokensEndAtOnceWithWhatTheyStandFor(t *testing.T) {
	off := false
	for name, end := range map[string]func(w *world, ann, web string) error{
		"user disabled": func(w *world, ann, _ string) error {
			_, err := w.UpdateUser(w.admin, ann, identity.UpdateUser{Enabled: &off})
			return err
		},
		"user deleted": func(w *world, ann, _ string) error { return w.DeleteUser(w.admin, ann) },
		"project gone": func(w *world, _, web string) error { return w.DeleteProject(w.admin, web) },
		"role deleted": func(w *world, _, _ string) error {
			id := w.role(t, "member")
			_, err := w.UpdateRole(w.admin, id, identity.UpdateRole{Options: map[string]*bool{identity.Immutable: &off}})
			require.NoError(t, err)
			return w.DeleteRole(w.admin, id)
		},
		"role taken": func(w *world, ann, web string) error { return w.Unassign(w.admin, memberOf(t, w, ann, web)) },
		"new password": func(w *world, ann, _ string) error {
			return w.ChangePassword(t.Context(), ann, secret.New("pass-ann"), secret.New("x"))
		},
		"admin's reset": func(w *world, ann, _ string) error { return reset(w, ann) },
		"domain disabled": func(w *world, _, _ string) error {
			_, err := w.UpdateDomain(w.admin, "default", identity.UpdateDomain{Enabled: &off})
			return err
		},
		"time": func(w *world, _, _ string) error { w.clk.Advance(time.Hour); return nil },
	} {
		t.Run(name, func(t *testing.T) {
			w, ann, web, issued := member(t)
			_, err := w.Verify(t.Context(), issued.Text)
			require.NoError(t, err)
			require.NoError(t, end(w, ann.ID, web.ID))
			w.dead(t, issued)
		})
	}
}

func memberOf(t testing.TB, w *world, user, project string) identity.Assignment {
	return identity.Assignment{UserID: user, RoleID: w.role(t, "member"), TargetType: identity.OnProject, TargetID: project}
}

func reset(w *world, user string) error {
	fresh := secret.New("fresh")
	_, err := w.UpdateUser(w.admin, user, identity.UpdateUser{Password: &fresh})
	return err
}

func TestRolesOfATokenAreThoseOfNow(t *testing.T) {
	w, ann, web, issued := member(t)
	require.Equal(t, []string{"member", "reader"}, issued.Grant.RoleNames())
	w.give(t, ann.ID, "manager", identity.OnProject, web.ID, false)
	g, err := w.Verify(t.Context(), issued.Text)
	require.NoError(t, err)
	require.Equal(t, []string{"manager", "member", "reader"}, g.RoleNames())
	require.NoError(t, w.UnimplyRole(w.admin, w.role(t, "manager"), w.role(t, "member")))
	require.NoError(t, w.Unassign(w.admin, memberOf(t, w, ann.ID, web.ID)))
	g, err = w.Verify(t.Context(), issued.Text)
	require.NoError(t, err)
	require.Equal(t, []string{"manager"}, g.RoleNames())
}

func TestNewTokensHoldInTheSecondInWhichOldOnesWereEnded(t *testing.T) {
	w, ann, web, old := member(t)
	require.NoError(t, reset(w, ann.ID))
	fresh := w.login(t, byName("ann", "fresh"), onProject(web))
	_, err := w.Verify(t.Context(), fresh.Text)
	require.NoError(t, err)
	w.dead(t, old)
	w.clk.Advance(2 * time.Second)
	w.dead(t, old)
}

func TestForgedTokensAreRefused(t *testing.T) {
	w, ann, _, issued := member(t)
	elsewhere, err := token.OpenKeys(t.TempDir())
	require.NoError(t, err)
	now := w.clk.Now()
	seal := func(k *token.Keys, tok token.Token) secret.String {
		text, err := k.Seal(tok)
		require.NoError(t, err)
		return text
	}
	good := token.Token{UserID: ann.ID, Methods: []string{"password"}, AuditIDs: []string{token.NewAuditID()}, IssuedAt: now, ExpiresAt: now.Add(time.Hour)}
	_, err = w.Verify(t.Context(), seal(w.keys, good))
	require.NoError(t, err)
	noAudit := good
	noAudit.AuditIDs = nil
	text := issued.Text.Reveal()
	for _, bad := range []secret.String{
		{}, secret.New("x"), secret.New(text[:len(text)-4]), secret.New(strings.ToLower(text)), seal(elsewhere, good), seal(w.keys, noAudit),
	} {
		_, err := w.Verify(t.Context(), bad)
		kind(t, errs.Unauthenticated, err)
	}
}

func TestRevokingEndsATokenAndThoseIssuedForIt(t *testing.T) {
	w, ann, web, _ := member(t)
	first := w.login(t, byName("ann", "pass-ann"), identity.Scope{Unscoped: true})
	second := w.login(t, byToken(first.Text), onProject(web))
	third := w.login(t, byToken(second.Text), onProject(web))
	other := w.login(t, byName("ann", "pass-ann"), onProject(web))
	self := auth.With(t.Context(), other.Grant)
	require.NoError(t, w.RevokeToken(self, second.Text))
	w.dead(t, second)
	_, err := w.Verify(t.Context(), third.Text)
	require.NoError(t, err)
	require.NoError(t, w.RevokeToken(self, first.Text))
	w.dead(t, first)
	w.dead(t, third)
	_, err = w.Verify(t.Context(), other.Text)
	require.NoError(t, err)
	kind(t, errs.NotFound, w.RevokeToken(self, first.Text))
	eve := as(t.Context(), auth.Claims{User: auth.Ref{ID: "eve"}, Unscoped: true})
	kind(t, errs.Forbidden, w.RevokeToken(eve, other.Text))
	require.NoError(t, w.RevokeToken(w.admin, other.Text))
	_ = ann
}

func TestTokensAreShownToTheirUsersAndToThoseWhoMay(t *testing.T) {
	w, ann, _, issued := member(t)
	self := auth.With(t.Context(), issued.Grant)
	reader := as(t.Context(), auth.Claims{User: auth.Ref{ID: "r"}, System: true}, "reader")
	service := auth.AsService(t.Context(), "compute")
	eve := as(t.Context(), auth.Claims{User: auth.Ref{ID: "eve"}, Unscoped: true}, "member")
	for _, ctx := range []context.Context{self, w.admin, reader, service} {
		got, err := w.ValidateToken(ctx, issued.Text, false)
		require.NoError(t, err)
		require.Equal(t, issued.Grant.Claims(), got.Grant.Claims())
		require.Equal(t, issued.Catalog, got.Catalog)
	}
	for _, ctx := range []context.Context{eve, t.Context()} {
		_, err := w.ValidateToken(ctx, issued.Text, false)
		kind(t, errs.Forbidden, err)
		kind(t, errs.Forbidden, w.CheckToken(ctx, issued.Text, false))
	}
	require.NoError(t, w.CheckToken(self, issued.Text, false))
	kind(t, errs.NotFound, w.CheckToken(w.admin, secret.String{}, false))
	w.clk.Advance(time.Hour)
	_, err := w.ValidateToken(service, issued.Text, false)
	kind(t, errs.NotFound, err)
	_, err = w.ValidateToken(service, issued.Text, true)
	require.NoError(t, err)
	w.clk.Advance(48 * time.Hour)
	_, err = w.ValidateToken(service, issued.Text, true)
	kind(t, errs.NotFound, err)
	_ = ann
}

// beside gives another process of the same cloud.
func (w *world) beside(t testing.TB) *identity.Service {
	s, err := identity.New(identity.Deps{DB: w.db, Clock: w.clk, Events: event.New(w.db, w.clk, nil), Keys: w.keys}, &identity.Options{PasswordCost: 4})
	require.NoError(t, err)
	return s
}

func TestOtherProcessesLearnOfChanges(t *testing.T) {
	w, ann, _, issued := member(t)
	asking, following := w.beside(t), w.beside(t)
	ctx, stop := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	wg.Go(func() { _ = following.Run(ctx) })
	defer wg.Wait()
	defer stop()
	for _, s := range []*identity.Service{asking, following} {
		_, err := s.Verify(t.Context(), issued.Text)
		require.NoError(t, err)
	}
	require.NoError(t, w.DeleteUser(w.admin, ann.ID))
	_, err := asking.Verify(t.Context(), issued.Text)
	kind(t, errs.Unauthenticated, err)
	require.Eventually(t, func() bool {
		_, err := following.Verify(t.Context(), issued.Text)
		return errs.Is(err, errs.Unauthenticated)
	}, 2*time.Second, 20*time.Millisecond)
}

func TestRevocationsAreForgottenWhenTheirTokensCannotBeUsed(t *testing.T) {
	w, _, _, issued := member(t)
	require.NoError(t, w.RevokeToken(w.admin, issued.Text))
	left := func() (n int) {
		require.NoError(t, w.Prune(t.Context()))
		require.NoError(t, w.db.QueryRow(t.Context(), "SELECT count(*) FROM identity_revocations").Scan(&n))
		return n
	}
	w.clk.Advance(48 * time.Hour)
	require.Equal(t, 1, left(), "it may still be validated as expired")
	w.clk.Advance(2 * time.Hour)
	require.Zero(t, left())
}

func TestIssuingWritesNothing(t *testing.T) {
	w, _, web, issued := member(t)
	revision := func() (n, events int64) {
		require.NoError(t, w.db.QueryRow(t.Context(), "SELECT (SELECT revision FROM identity_revision), (SELECT seq FROM event_last)").Scan(&n, &events))
		return n, events
	}
	before, events := revision()
	w.login(t, byToken(issued.Text), onProject(web))
	w.login(t, byName("ann", "pass-ann"), onProject(web))
	after, now := revision()
	require.Equal(t, before, after)
	require.Equal(t, events, now)
}

func TestSecretsStandInNoLogErrorOrRow(t *testing.T) {
	w := newWorld(t)
	var out strings.Builder
	log := slog.New(slog.NewTextHandler(&out, &slog.HandlerOptions{Level: slog.LevelDebug}))
	s, err := identity.New(identity.Deps{DB: w.db, Clock: w.clk, Events: event.New(w.db, w.clk, nil), Keys: w.keys}, &identity.Options{PasswordCost: 4, Logger: log})
	require.NoError(t, err)
	const canary = "canary-8d1f"
	require.NoError(t, s.Bootstrap(t.Context(), identity.Bootstrap{Password: secret.New(canary)}))
	issued, err := s.Authenticate(t.Context(), byName("admin", canary), identity.Scope{})
	require.NoError(t, err)
	u, err := s.CreateUser(w.admin, identity.CreateUser{Name: "ann", DomainID: "default", Password: secret.New(canary)})
	require.NoError(t, err)
	require.NoError(t, s.ChangePassword(t.Context(), u.ID, secret.New(canary), secret.New(canary+"2")))
	tampered := secret.New(issued.Text.Reveal() + canary)
	_, wrong := s.Authenticate(t.Context(), byName("admin", canary+"3"), identity.Scope{})
	_, forged := s.Authenticate(t.Context(), byToken(tampered), identity.Scope{})
	_, unknown := s.ValidateToken(w.admin, tampered, false)
	require.NoError(t, s.RevokeToken(w.admin, issued.Text))
	_, revoked := s.Authenticate(t.Context(), byToken(issued.Text), identity.Scope{})
	seen := out.String() + errors.Join(wrong, forged, unknown, revoked).Error() + w.dump(t)
	require.Contains(t, seen, "authentication refused")
	require.NotContains(t, seen, canary)
	require.NotContains(t, seen, issued.Text.Reveal())
}

// dump gives all that stands in the database as text.
func (w *world) dump(t testing.TB) string {
	var out strings.Builder
	tables := storetest.Tables(t, w.db)
	for _, table := range tables {
		var rows []map[string]any
		require.NoError(t, w.db.Read().NewSelect().Table(table).Scan(t.Context(), &rows))
		for _, row := range rows {
			for _, v := range row {
				if b, ok := v.([]byte); ok {
					v = string(b)
				}
				fmt.Fprintln(&out, table, v)
			}
		}
	}
	require.Contains(t, out.String(), "identity_passwords $2a$04$")
	return out.String()
}

func TestLoginsThatRaceWithAPasswordChangeDoNotOutliveIt(t *testing.T) {
	w, ann, web, first := member(t)
	w.clk.Advance(time.Minute)
	for range 10 {
		var wg sync.WaitGroup
		var issued [4]*identity.Issued
		for i, c := range []identity.Credentials{byName("ann", "pass-ann"), byName("ann", "pass-ann"), byToken(first.Text), byToken(first.Text)} {
			wg.Go(func() { issued[i], _ = w.Authenticate(t.Context(), c, onProject(web)) })
		}
		wg.Go(func() {
			if w.ChangePassword(t.Context(), ann.ID, secret.New("pass-ann"), secret.New("new")) != nil {
				t.Error("the password was not changed")
			}
		})
		wg.Wait()
		for _, i := range issued {
			if i != nil {
				w.dead(t, i)
			}
		}
		require.NoError(t, w.ChangePassword(t.Context(), ann.ID, secret.New("new"), secret.New("pass-ann")))
		w.clk.Advance(time.Minute)
		first = w.login(t, byName("ann", "pass-ann"), onProject(web))
	}
}

func TestNoTokenIsTrustedWhenTheRevisionCannotBeRead(t *testing.T) {
	w, _, _, issued := member(t)
	ctx, stop := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	wg.Go(func() { _ = w.Run(ctx) })
	defer wg.Wait()
	defer stop()
	_, err := w.Verify(t.Context(), issued.Text)
	require.NoError(t, err)
	require.NoError(t, w.db.Close())
	require.Eventually(t, func() bool {
		_, err := w.Verify(t.Context(), issued.Text)
		return err != nil
	}, 5*time.Second, 50*time.Millisecond)
}

func TestOnlyUnscopedTokensAreRescopedWhenOthersAreRefused(t *testing.T) {
	w, _, web, issued := member(t)
	s, err := identity.New(identity.Deps{DB: w.db, Clock: w.clk, Events: event.New(w.db, w.clk, nil), Keys: w.keys}, &identity.Options{PasswordCost: 4, RefuseRescope: true})
	require.NoError(t, err)
	_, err = s.Authenticate(t.Context(), byToken(issued.Text), onProject(web))
	kind(t, errs.Forbidden, err)
	first, err := s.Authenticate(t.Context(), byName("ann", "pass-ann"), identity.Scope{Unscoped: true})
	require.NoError(t, err)
	_, err = s.Authenticate(t.Context(), byToken(first.Text), onProject(web))
	require.NoError(t, err)
}

// The users of services that are none of this cloud's own have the role service.
func TestUsersWithTheRoleServiceValidateTokensAndGainNothingElse(t *testing.T) {
	w, _, web, issued := member(t)
	swift := w.user(t, "swift")
	w.give(t, swift.ID, auth.ServiceRole, identity.OnProject, web.ID, false)
	theirs := w.login(t, byName("swift", "pass-swift"), onProject(web))
	ctx := auth.With(t.Context(), theirs.Grant)
	shown, err := w.ValidateToken(ctx, issued.Text, false)
	require.NoError(t, err)
	require.Equal(t, issued.Grant.UserID(), shown.Grant.UserID())
	require.False(t, theirs.Grant.HasRole(auth.ServiceRole))
	kind(t, errs.Forbidden, w.CheckToken(ctx, issued.Text, false))
	kind(t, errs.Forbidden, w.RevokeToken(ctx, issued.Text))
	_, err = w.ValidateToken(auth.With(t.Context(), issued.Grant), theirs.Text, false)
	kind(t, errs.Forbidden, err)
}
