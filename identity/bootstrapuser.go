package identity

import (
	"context"

	"github.com/cumulite/cumulite/platform/secret"
	"github.com/cumulite/cumulite/platform/store"
)

// bootstrapUser makes a user and the project, and gives the role.
func (s *Service) bootstrapUser(ctx context.Context, tx *store.Tx, b BootstrapUser) (id string, err error) {
	r := new(Role)
	if err := tx.NewSelect().Model(r).Where("name = ?", b.Role).Scan(ctx); err != nil {
		if store.IsNone(err) {
			err = missing("role", b.Role)
		}
		return "", err
	}
	p, err := s.bootstrapProject(ctx, tx, b.Project, "Bootstrap project for initializing the cloud.")
	if err != nil {
		return "", err
	}
	u := &User{ID: newID(), Name: b.Name, DomainID: DefaultDomain, Enabled: true, Extra: map[string]any{}, Options: Settings{}}
	if u, err = users.ensure(ctx, s, tx, u.ID, u, "domain_id = ? AND name = ?", u.DomainID, u.Name); err != nil {
		return "", err
	}
	return u.ID, s.assign(ctx, tx, Assignment{UserID: u.ID, RoleID: r.ID, TargetType: OnProject, TargetID: p.ID})
}

// bootstrapPassword has the password settled beside the caller, when there is something to settle.
func (s *Service) bootstrapPassword(ctx context.Context, userID string, b BootstrapUser) error {
	stored, err := s.storedPassword(ctx, userID)
	if err != nil || b.Password.IsZero() || stored != "" && !b.Replace {
		return err
	}
	ctx = context.WithoutCancel(ctx)
	s.settling.begin(userID, func() {
		if err := s.settlePassword(ctx, userID, stored, b.Password); err != nil {
			s.log.WarnContext(ctx, "the password of a first user was not stored; the next start does it", "user", b.Name, "error", err)
		}
	})
	return nil
}

// settlePassword stores the first password, or another one in the place of what was stored.
func (s *Service) settlePassword(ctx context.Context, userID, stored string, text secret.String) error {
	if stored != "" {
		if ok, err := s.passwords.matches(ctx, stored, text); err != nil || ok {
			return err
		}
	}
	hash, err := s.passwords.hash(ctx, text)
	if err != nil {
		return err
	}
	return s.write(ctx, func(ctx context.Context, tx *store.Tx) error {
		u, err := users.need(ctx, tx, userID)
		if err != nil {
			return err
		}
		if stored != "" {
			return s.replacePassword(ctx, tx, u, hash)
		}
		_, err = tx.Exec(ctx, "INSERT INTO identity_passwords (user_id, hash) VALUES (?, ?) ON CONFLICT DO NOTHING", userID, hash)
		return err
	})
}
