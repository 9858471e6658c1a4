package identity

import (
	"context"

	"github.com/uptrace/bun"

	"github.com/cumulite/cumulite/platform/errs"
	"github.com/cumulite/cumulite/platform/secret"
	"github.com/cumulite/cumulite/platform/store"
)

// password is the hash of a user's password.
type password struct {
	bun.BaseModel `bun:"table:identity_passwords,alias:password"`
	UserID        string `bun:"user_id,pk"`
	Hash          string `bun:"hash,notnull"`
}

// ChangePassword lets users change their own password, which ends all of
// their tokens. Who knows the old one needs no grant.
func (s *Service) ChangePassword(ctx context.Context, id string, old, fresh secret.String) error {
	known, err := s.checkPassword(ctx, id, old)
	if err != nil {
		return err
	}
	if known.Options[LockPassword] {
		return errs.Invalidf("You cannot change your password at this time due to password policy disallowing password changes. " +
			"Please contact your administrator to reset your password.")
	}
	if fresh.IsZero() {
		return errs.Invalidf("Invalid input for field 'password': the password is empty.")
	}
	hash, err := s.passwords.hash(ctx, fresh)
	if err != nil {
		return err
	}
	return s.write(ctx, func(ctx context.Context, tx *store.Tx) error {
		u, err := users.need(ctx, tx, id)
		if err != nil || !u.Enabled || !u.TokensSince.Equal(known.TokensSince) {
			return orError(err, unauthenticated("the user %s was disabled, or has another password by now", id))
		}
		return s.replacePassword(ctx, tx, u, hash)
	})
}

// replacePassword stores another password, and ends the user's tokens.
func (s *Service) replacePassword(ctx context.Context, tx *store.Tx, u *User, hash string) error {
	u.TokensSince = s.endTokens()
	if err := store.Update(ctx, tx, u, "tokens_since"); err != nil {
		return err
	}
	if err := setPassword(ctx, tx, u.ID, hash); err != nil {
		return err
	}
	return s.changed(ctx, tx, users.event("updated"), u.ID, u)
}

// checkPassword gives the user, as it was before the password was looked at.
// A user who is not there, or has no password, is answered as for a wrong one,
// and takes as long. A password that Bootstrap is about to store is waited for.
func (s *Service) checkPassword(ctx context.Context, id string, given secret.String) (*User, error) {
	if err := s.settling.await(ctx, id); err != nil {
		return nil, err
	}
	u, err := store.Get[User](ctx, s.DB.Read(), id)
	if err != nil && !store.IsNone(err) {
		return nil, err
	}
	hash, err := s.storedPassword(ctx, id)
	if err != nil {
		return nil, err
	}
	ok, err := s.passwords.matches(ctx, hash, given)
	if err == nil && !ok {
		err = unauthenticated("the password of user %q does not match", id)
	}
	return u, err
}

// storedPassword gives the hash of a user's password, "" when there is none.
func (s *Service) storedPassword(ctx context.Context, id string) (string, error) {
	p, err := store.Get[password](ctx, s.DB.Read(), id)
	if store.IsNone(err) {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	return p.Hash, nil
}

// hashOf hashes a password outside of any transaction; "" for none.
func (s *Service) hashOf(ctx context.Context, p *secret.String) (string, error) {
	if p == nil || p.IsZero() {
		return "", nil
	}
	return s.passwords.hash(ctx, *p)
}

func setPassword(ctx context.Context, tx *store.Tx, userID, hash string) error {
	if _, err := tx.Exec(ctx, "DELETE FROM identity_passwords WHERE user_id = ?", userID); err != nil || hash == "" {
		return err
	}
	return store.Insert(ctx, tx, &password{UserID: userID, Hash: hash})
}
