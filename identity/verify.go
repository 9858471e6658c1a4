package identity

import (
	"context"
	"crypto/sha256"

	"github.com/cumulite/cumulite/identity/token"
	"github.com/cumulite/cumulite/platform/auth"
	"github.com/cumulite/cumulite/platform/secret"
)

// known is a token that was verified at a revision.
type known struct {
	grant    auth.Grant
	revision int64
}

// hashed is the hash of a token, by which it is remembered: the text is not kept.
type hashed [sha256.Size]byte

func fingerprint(text secret.String) hashed { return sha256.Sum256([]byte(text.Reveal())) }

// Verify implements auth.Verifier: it gives what the token stands for now,
// with the roles that its user has now.
func (s *Service) Verify(ctx context.Context, text secret.String) (auth.Grant, error) {
	g, err := s.holding(ctx, text)
	if err == nil && g.Expired(s.Clock.Now()) {
		return auth.Grant{}, unauthenticated("the token has expired")
	}
	return g, err
}

// holding is Verify for tokens that may have expired.
func (s *Service) holding(ctx context.Context, text secret.String) (auth.Grant, error) {
	revision, err := s.revision.current(ctx)
	if err != nil {
		return auth.Grant{}, err
	}
	key := fingerprint(text)
	if k, ok := s.tokens.get(key); ok && k.revision >= revision {
		return k.grant, nil
	}
	g, err := s.read(ctx, revision, text)
	if err == nil {
		s.tokens.put(key, known{g, revision})
	}
	return g, err
}

// read opens a token and computes what it stands for.
func (s *Service) read(ctx context.Context, revision int64, text secret.String) (auth.Grant, error) {
	t, err := s.Keys.Open(text)
	if err != nil {
		return auth.Grant{}, err
	}
	if len(t.AuditIDs) == 0 {
		return auth.Grant{}, unauthenticated("the token cannot be revoked, as it has no audit id")
	}
	if err := s.unrevoked(ctx, t.AuditIDs); err != nil {
		return auth.Grant{}, err
	}
	st, err := s.standing(ctx, revision, asked{t.UserID, scopeOf(t)})
	if err != nil {
		return auth.Grant{}, err
	}
	if ended(t.IssuedAt, st.since) {
		return auth.Grant{}, unauthenticated("all tokens of that time were ended")
	}
	c := st.claims()
	c.Methods, c.AuditIDs, c.IssuedAt, c.ExpiresAt = t.Methods, t.AuditIDs, t.IssuedAt, t.ExpiresAt
	return auth.Authenticated(c), nil
}

func scopeOf(t token.Token) scope {
	return scope{project: t.ProjectID, domain: t.DomainID, system: t.System}
}
