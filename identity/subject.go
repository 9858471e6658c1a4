package identity

import (
	"context"
	"time"

	"github.com/cumulite/cumulite/platform/auth"
	"github.com/cumulite/cumulite/platform/errs"
	"github.com/cumulite/cumulite/platform/policy"
	"github.com/cumulite/cumulite/platform/secret"
)

// expiredWindow is how long a token that has expired can still be validated by
// those who ask for it ([token]allow_expired_window).
const expiredWindow = 48 * time.Hour

// ValidateToken shows a token: the caller's own, or to those that policy
// allows it everyone's. One that does not hold is errs.NotFound; with
// allowExpired one that expired less than two days ago holds.
func (s *Service) ValidateToken(ctx context.Context, subject secret.String, allowExpired bool) (*Issued, error) {
	g, err := s.subject(ctx, ActionValidateToken, subject, window(allowExpired))
	if err != nil {
		return nil, err
	}
	return s.issued(ctx, subject, g)
}

// CheckToken is ValidateToken for those who only want to know that it holds.
func (s *Service) CheckToken(ctx context.Context, subject secret.String, allowExpired bool) error {
	_, err := s.subject(ctx, ActionCheckToken, subject, window(allowExpired))
	return err
}

func window(allowExpired bool) time.Duration {
	if allowExpired {
		return expiredWindow
	}
	return 0
}

// subject gives the grant of a token on which the caller may do action.
func (s *Service) subject(ctx context.Context, action policy.Action, text secret.String, late time.Duration) (auth.Grant, error) {
	if text.IsZero() {
		return auth.Grant{}, errs.NotFoundf("No token in the request")
	}
	g, err := s.holding(ctx, text)
	if errs.Is(err, errs.Unauthenticated) || err == nil && g.Expired(s.Clock.Now().Add(-late)) {
		return auth.Grant{}, errs.NotFoundf("Failed to validate token")
	}
	if err != nil {
		return auth.Grant{}, err
	}
	return g, s.check(ctx, action, policy.Target{"target.token.user_id": g.UserID()})
}
