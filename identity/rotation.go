package identity

import (
	"context"
	"time"

	"github.com/cumulite/cumulite/platform/errs"
	"github.com/cumulite/cumulite/platform/store"
)

// keyPeriod is how long a key seals tokens. What it sealed can be opened until
// the last of these tokens is of no use to anyone.
const keyPeriod = 24 * time.Hour

// RotateKeys has another key seal tokens once the present one has done so for
// a day. Run asks for it every hour.
func (s *Service) RotateKeys(ctx context.Context) error {
	due, err := s.rotationDue(ctx)
	if err != nil || !due {
		return errs.Wrap(err, "look when keys were rotated")
	}
	// It is noted already: what fails now is made up for when it is due again.
	return errs.Wrap(s.Keys.Rotate(s.activeKeys()), "rotate the keys of tokens")
}

// rotationDue notes that keys are rotated now, of all processes in one only.
func (s *Service) rotationDue(ctx context.Context) (due bool, err error) {
	return due, s.write(ctx, func(ctx context.Context, tx *store.Tx) error {
		now := s.Clock.Now()
		if _, err := tx.Exec(ctx, "UPDATE identity_keys SET rotated_at = ? WHERE rotated_at IS NULL", now); err != nil {
			return err
		}
		due, err = someRow(tx.Exec(ctx, "UPDATE identity_keys SET rotated_at = ? WHERE rotated_at <= ?", now, now.Add(-keyPeriod)))
		return err
	})
}

// activeKeys is how many keys are kept: the one staged, the one that seals, and
// those before it whose tokens can still be validated.
func (s *Service) activeKeys() int {
	useful := s.lifetime + expiredWindow
	return 2 + int((useful+keyPeriod-1)/keyPeriod)
}
