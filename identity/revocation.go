package identity

import (
	"context"
	"errors"
	"time"

	"github.com/cumulite/cumulite/platform/errs"
	"github.com/cumulite/cumulite/platform/secret"
	"github.com/cumulite/cumulite/platform/store"
)

// upkeepEvery is how often keys are looked at, and revocations of tokens that have expired are removed.
const upkeepEvery = time.Hour

// unrevoked tells that a token, or the first of its chain, was revoked.
func (s *Service) unrevoked(ctx context.Context, audits []string) error {
	var n int
	err := s.DB.QueryRow(ctx, "SELECT count(*) FROM identity_revocations WHERE audit_id IN (?, ?)", audits[0], audits[len(audits)-1]).Scan(&n)
	if err != nil || n == 0 {
		return errs.Wrap(err, "read revocations")
	}
	return unauthenticated("the token was revoked")
}

// RevokeToken ends a token, and with it those that were issued for it.
func (s *Service) RevokeToken(ctx context.Context, subject secret.String) error {
	g, err := s.subject(ctx, ActionRevokeToken, subject, 0)
	if err != nil {
		return err
	}
	c := g.Claims()
	return s.write(ctx, func(ctx context.Context, tx *store.Tx) error {
		_, err := tx.Exec(ctx, "INSERT INTO identity_revocations (audit_id, expires_at) VALUES (?, ?) ON CONFLICT DO NOTHING", c.AuditIDs[0], c.ExpiresAt)
		if err != nil {
			return err
		}
		return s.changed(ctx, tx, "token.revoked", c.AuditIDs[0], nil)
	})
}

// Prune removes what is kept of tokens that nobody can use any more. Run does it every hour.
func (s *Service) Prune(ctx context.Context) error {
	return s.write(ctx, func(ctx context.Context, tx *store.Tx) error {
		_, err := tx.Exec(ctx, "DELETE FROM identity_revocations WHERE expires_at < ?", s.Clock.Now().Add(-expiredWindow))
		return err
	})
}

func (s *Service) runUpkeep(ctx context.Context) {
	for ctx.Err() == nil {
		if err := errors.Join(s.Prune(ctx), s.RotateKeys(ctx)); err != nil && ctx.Err() == nil {
			s.log.WarnContext(ctx, "expired revocations were not removed, or keys not rotated", "error", err)
		}
		sleep(ctx, s.Clock, upkeepEvery)
	}
}
