package identity

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/cumulite/cumulite/identity/token"
	"github.com/cumulite/cumulite/platform/auth"
	"github.com/cumulite/cumulite/platform/errs"
	"github.com/cumulite/cumulite/platform/secret"
)

// Credentials say who authenticates, by one method or by several that agree.
type Credentials struct {
	Password *PasswordMethod
	Token    *secret.String // a token of the user
}

// PasswordMethod authenticates a user by the password.
type PasswordMethod struct {
	User     Lookup
	Password secret.String
}

// Issued is a token that holds, and what it says. Whatever the API shows of it
// stands in the claims of the Grant and in the catalogue.
type Issued struct {
	Text    secret.String
	Grant   auth.Grant
	Catalog []CatalogEntry // not to be changed; nil when unscoped
}

// proof is what the methods of a request have shown.
type proof struct {
	user    string
	methods []string

	since *time.Time // the user's tokens_since when the password was right

	chain           string // audit id of the first token of the chain that was shown, "" without one
	issued, expires time.Time
}

// stale tells that what was shown does not hold any more: the password was
// changed, or the tokens were ended, before the standing was read.
func (p proof) stale(st *standing) bool {
	return p.since != nil && !p.since.Equal(st.user.TokensSince) ||
		p.chain != "" && ended(p.issued, latest(st.user.TokensSince, st.within.TokensSince))
}

// Authenticate issues a token for a scope. Whatever is wrong with the
// credentials, or keeps the user out of the scope, is the same
// errs.Unauthenticated error; only the log says why.
//
// A token issued for a token ends when that one does, and is revoked with the
// first of its chain.
func (s *Service) Authenticate(ctx context.Context, c Credentials, want Scope) (*Issued, error) {
	issued, err := s.authenticate(ctx, c, want)
	if errs.Is(err, errs.Unauthenticated) {
		s.log.InfoContext(ctx, "authentication refused", "request_id", auth.RequestID(ctx), "why", errors.Unwrap(err))
	}
	return issued, err
}

func (s *Service) authenticate(ctx context.Context, c Credentials, want Scope) (*Issued, error) {
	now := s.Clock.Now()
	p, err := s.prove(ctx, c, want)
	if err != nil {
		return nil, err
	}
	revision, err := s.revision.current(ctx)
	if err != nil {
		return nil, err
	}
	st, err := s.choose(ctx, revision, p.user, want)
	if err != nil {
		return nil, err
	}
	if p.stale(st) {
		return nil, unauthenticated("the credentials of user %s were changed meanwhile", p.user)
	}
	return s.issue(ctx, st, p, now)
}

// prove runs the methods of the credentials.
func (s *Service) prove(ctx context.Context, c Credentials, want Scope) (p proof, err error) {
	if c.Token == nil && c.Password == nil {
		return p, unauthenticated("no method was named")
	}
	if c.Token != nil {
		if p, err = s.proveToken(ctx, *c.Token, want); err != nil {
			return p, err
		}
	}
	if c.Password == nil {
		return p, nil
	}
	user, err := s.provePassword(ctx, c.Password)
	if err != nil {
		return p, err
	}
	if p.user != "" && p.user != user.ID {
		return p, unauthenticated("the methods name different users")
	}
	p.user, p.since, p.methods = user.ID, &user.TokensSince, append(p.methods, "password")
	return p, nil
}

func (s *Service) proveToken(ctx context.Context, text secret.String, want Scope) (p proof, err error) {
	g, err := s.Verify(ctx, text)
	if err != nil {
		return p, err
	}
	c := g.Claims()
	switch {
	case c.System && (want.Project != (Lookup{}) || want.Domain != (Lookup{})):
		return p, errs.Forbiddenf("You are not authorized to perform the requested action: " +
			"Using a system-scoped token to create a project-scoped or domain-scoped token is not allowed..")
	case !c.Unscoped && !s.rescope:
		return p, errs.Forbiddenf("You are not authorized to perform the requested action: rescope a scoped token.")
	}
	return proof{user: c.User.ID, methods: append(slices.Clone(c.Methods), "token"), chain: c.AuditIDs[len(c.AuditIDs)-1],
		issued: c.IssuedAt, expires: c.ExpiresAt}, nil
}

// provePassword gives the user whose password it is.
func (s *Service) provePassword(ctx context.Context, m *PasswordMethod) (*User, error) {
	id, err := s.lookup(ctx, "user", m.User)
	if err != nil && !errs.Is(err, errs.Unauthenticated) {
		return nil, err
	}
	return s.checkPassword(ctx, id, m.Password)
}

// choose gives the user's standing in the scope that is asked for, or in the default one.
func (s *Service) choose(ctx context.Context, revision int64, user string, want Scope) (*standing, error) {
	in, err := s.explicit(ctx, want)
	if err != nil {
		return nil, err
	}
	st, err := s.standing(ctx, revision, asked{user, in})
	if err != nil || in != (scope{}) || want.Unscoped || st.user.DefaultProjectID == "" {
		return st, err
	}
	home, err := s.standing(ctx, revision, asked{user, scope{project: st.user.DefaultProjectID}})
	if errs.Is(err, errs.Unauthenticated) {
		return st, nil
	}
	return home, err
}

// issue makes the token. Nothing is written.
func (s *Service) issue(ctx context.Context, st *standing, p proof, now time.Time) (*Issued, error) {
	c := st.claims()
	slices.Sort(p.methods)
	c.Methods, c.AuditIDs = slices.Compact(p.methods), []string{token.NewAuditID()}
	c.IssuedAt, c.ExpiresAt = st.issueTime(now), now.Add(s.lifetime)
	if p.chain != "" {
		c.AuditIDs = append(c.AuditIDs, p.chain)
		c.ExpiresAt = p.expires
	}
	t := token.Token{UserID: c.User.ID, Methods: c.Methods, ProjectID: c.Project.ID, System: c.System,
		AuditIDs: c.AuditIDs, IssuedAt: c.IssuedAt, ExpiresAt: c.ExpiresAt}
	if st.project == nil {
		t.DomainID = c.Domain.ID
	}
	text, err := s.Keys.Seal(t)
	if err != nil {
		return nil, err
	}
	g := auth.Authenticated(c)
	s.tokens.put(fingerprint(text), known{g, st.revision})
	return s.issued(ctx, text, g)
}

// issued adds the catalogue to a token that holds.
func (s *Service) issued(ctx context.Context, text secret.String, g auth.Grant) (*Issued, error) {
	c := g.Claims()
	if c.Unscoped {
		return &Issued{Text: text, Grant: g}, nil
	}
	rules, err := s.rulesAt(ctx, c.Revision)
	if err != nil {
		return nil, err
	}
	return &Issued{Text: text, Grant: g, Catalog: rules.catalog.forGrant(g)}, nil
}

// unauthenticated is a failed authentication; only logs say why.
func unauthenticated(why string, args ...any) error {
	return errs.New(errs.Unauthenticated, "The request you have made requires authentication.").Because(errs.Invalidf(why, args...))
}
