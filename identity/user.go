package identity

import (
	"context"
	"time"

	"github.com/uptrace/bun"

	"github.com/cumulite/cumulite/platform/auth"
	"github.com/cumulite/cumulite/platform/policy"
	"github.com/cumulite/cumulite/platform/secret"
	"github.com/cumulite/cumulite/platform/store"
)

// User is someone who authenticates. It is also its row; the password is not in it.
type User struct {
	bun.BaseModel    `bun:"table:identity_users,alias:usr" json:"-"`
	ID               string         `bun:"id,pk" json:"id"`
	Version          int64          `bun:"version,notnull" json:"-"`
	Name             string         `bun:"name,notnull" json:"name"`
	DomainID         string         `bun:"domain_id,notnull" json:"domain_id"`
	DefaultProjectID string         `bun:"default_project_id,notnull" json:"default_project_id"`
	Enabled          bool           `bun:"enabled,notnull" json:"enabled"`
	Extra            map[string]any `bun:"extra,notnull" json:"-"` // email, description and what else the API was told
	Options          Settings       `bun:"options,notnull" json:"-"`
	TokensSince      time.Time      `bun:"tokens_since,notnull" json:"-"` // tokens issued in that second or before no longer hold
}

var users = resource[User]{
	noun: "user",
	target: func(u *User) policy.Target {
		return policy.Target{"target.user.id": u.ID, "target.user.domain_id": u.DomainID, "user_id": u.ID}
	},
	clash:   func(u *User) string { return "name " + u.Name + " at domain ID " + u.DomainID },
	enabled: func(u *User) bool { return u.Enabled },
	listing: store.Listing[User]{MaxLimit: maxList, Default: []store.Sort{{Field: "name"}}, Columns: map[string]store.Column{
		"id": {Name: "id"}, "name": {Name: "name"}, "domain_id": {Name: "domain_id"}, "enabled": {Name: "enabled", Kind: store.Bool},
		"default_project_id": {Name: "default_project_id"}}},
}

// CreateUser is what may be said of a new user.
type CreateUser struct {
	Name             string
	DomainID         string // "" is the caller's domain
	DefaultProjectID string
	Disabled         bool
	Password         secret.String // empty: cannot log in by password
	Extra            map[string]any
	Options          map[string]*bool
}

// UpdateUser is what may be changed; nil fields stay.
type UpdateUser struct {
	Name, DefaultProjectID *string
	Enabled                *bool
	Password               *secret.String
	Extra                  map[string]any   // set beside those that are there; nil values are taken away
	Options                map[string]*bool // nil values are taken away
}

// CreateUser makes a user.
func (s *Service) CreateUser(ctx context.Context, in CreateUser) (*User, error) {
	options, err := Settings(nil).with(in.Options, userOptions...)
	if err != nil {
		return nil, err
	}
	u := &User{ID: newID(), Name: in.Name, DomainID: in.DomainID, DefaultProjectID: in.DefaultProjectID, Enabled: !in.Disabled,
		Extra: merge(nil, in.Extra), Options: options}
	if u.DomainID == "" {
		c := auth.From(ctx).Claims()
		u.DomainID = c.Domain.ID
	}
	if err := s.check(ctx, ActionCreateUser, users.target(u)); err != nil {
		return nil, err
	}
	hash, err := s.hashOf(ctx, &in.Password)
	if err != nil {
		return nil, err
	}
	return u, users.create(ctx, s, ActionCreateUser, u.ID, u, func(ctx context.Context, tx *store.Tx) error {
		if _, err := domains.need(ctx, tx, u.DomainID); err != nil {
			return err
		}
		return setPassword(ctx, tx, u.ID, hash)
	})
}

// GetUser gives a user.
func (s *Service) GetUser(ctx context.Context, id string) (*User, error) {
	return users.get(ctx, s, s.DB.Read(), ActionGetUser, id)
}

// ListUsers gives the users; to a caller scoped to a domain those in it.
func (s *Service) ListUsers(ctx context.Context, q store.Query) ([]User, bool, error) {
	return users.list(ctx, s, ActionListUsers, q, inDomain(ctx, "domain_id"))
}

// UpdateUser changes a user. A new password, or disabling, ends all of the user's tokens.
func (s *Service) UpdateUser(ctx context.Context, id string, in UpdateUser) (*User, error) {
	if _, err := users.get(ctx, s, s.DB.Read(), ActionUpdateUser, id); err != nil {
		return nil, err
	}
	hash, err := s.hashOf(ctx, in.Password)
	if err != nil {
		return nil, err
	}
	return users.update(ctx, s, ActionUpdateUser, id, func(ctx context.Context, tx *store.Tx, u *User) (err error) {
		if u.Options, err = u.Options.with(in.Options, userOptions...); err != nil {
			return err
		}
		set(&u.Name, in.Name)
		set(&u.DefaultProjectID, in.DefaultProjectID)
		set(&u.Enabled, in.Enabled)
		u.Extra = merge(u.Extra, in.Extra)
		if in.Password != nil || !u.Enabled {
			u.TokensSince = s.endTokens()
		}
		if in.Password == nil {
			return nil
		}
		return setPassword(ctx, tx, id, hash)
	}, "name", "default_project_id", "enabled", "extra", "options", "tokens_since")
}

// DeleteUser removes a user with all assignments.
func (s *Service) DeleteUser(ctx context.Context, id string) error {
	return users.remove(ctx, s, ActionDeleteUser, id, func(ctx context.Context, tx *store.Tx, _ *User) error {
		return leaveUser(ctx, tx, id)
	})
}

// leaveUser takes away what belongs to a user.
func leaveUser(ctx context.Context, tx *store.Tx, id string) error {
	if err := setPassword(ctx, tx, id, ""); err != nil {
		return err
	}
	return dropAssignments(ctx, tx, "user_id = ?", id)
}

func (s *Service) dropUser(ctx context.Context, tx *store.Tx, u *User) error {
	if err := leaveUser(ctx, tx, u.ID); err != nil {
		return err
	}
	if err := store.Delete[User](ctx, tx, u.ID); err != nil {
		return err
	}
	return s.changed(ctx, tx, users.event("deleted"), u.ID, u)
}

// merge gives old with what is in changes; nil values are taken away.
func merge(old, changes map[string]any) map[string]any {
	out := map[string]any{}
	for _, each := range []map[string]any{old, changes} {
		for name, value := range each {
			out[name] = value
			if value == nil {
				delete(out, name)
			}
		}
	}
	return out
}
