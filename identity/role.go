package identity

import (
	"context"
	"slices"

	"github.com/uptrace/bun"

	"github.com/cumulite/cumulite/platform/errs"
	"github.com/cumulite/cumulite/platform/policy"
	"github.com/cumulite/cumulite/platform/store"
)

// Role is what policy asks for. It is also its row.
type Role struct {
	bun.BaseModel `bun:"table:identity_roles,alias:role" json:"-"`
	ID            string         `bun:"id,pk" json:"id"`
	Version       int64          `bun:"version,notnull" json:"-"`
	Name          string         `bun:"name,notnull" json:"name"`
	Description   string         `bun:"description,notnull" json:"description"`
	Extra         map[string]any `bun:"extra,notnull" json:"-"` // what else the API was told
	Options       Settings       `bun:"options,notnull" json:"-"`
}

// Implication says that who has one role has the other.
type Implication struct {
	bun.BaseModel `bun:"table:identity_implied_roles,alias:implication" json:"-"`
	PriorID       string `bun:"prior_id,pk" json:"prior_role_id"`
	ImpliedID     string `bun:"implied_id,pk" json:"implied_role_id"`
}

var roles = resource[Role]{
	noun:   "role",
	target: func(r *Role) policy.Target { return policy.Target{"target.role.id": r.ID, "target.role.name": r.Name} },
	clash:  func(r *Role) string { return "name " + r.Name },
	listing: store.Listing[Role]{MaxLimit: maxList, Default: []store.Sort{{Field: "name"}}, Columns: map[string]store.Column{
		"id": {Name: "id"}, "name": {Name: "name"}}},
}

// CreateRole is what may be said of a new role.
type CreateRole struct {
	Name, Description string
	Extra             map[string]any
	Options           map[string]*bool
}

// UpdateRole is what may be changed; nil fields stay.
type UpdateRole struct {
	Name, Description *string
	Extra             map[string]any   // set beside what is there; nil values are taken away
	Options           map[string]*bool // nil values are taken away
}

// CreateRole makes a role.
func (s *Service) CreateRole(ctx context.Context, in CreateRole) (*Role, error) {
	options, err := Settings(nil).with(in.Options, Immutable)
	if err != nil {
		return nil, err
	}
	r := &Role{ID: newID(), Name: in.Name, Description: in.Description, Extra: merge(nil, in.Extra), Options: options}
	return r, roles.create(ctx, s, ActionCreateRole, r.ID, r, nil)
}

// GetRole gives a role.
func (s *Service) GetRole(ctx context.Context, id string) (*Role, error) {
	return roles.get(ctx, s, s.DB.Read(), ActionGetRole, id)
}

// ListRoles gives the roles.
func (s *Service) ListRoles(ctx context.Context, q store.Query) ([]Role, bool, error) {
	return roles.list(ctx, s, ActionListRoles, q, nil)
}

// UpdateRole changes a role.
func (s *Service) UpdateRole(ctx context.Context, id string, in UpdateRole) (*Role, error) {
	return roles.update(ctx, s, ActionUpdateRole, id, func(_ context.Context, _ *store.Tx, r *Role) (err error) {
		if r.Options, err = r.Options.change("role", id, in.Options); err != nil {
			return err
		}
		set(&r.Name, in.Name)
		set(&r.Description, in.Description)
		r.Extra = merge(r.Extra, in.Extra)
		return nil
	}, "name", "description", "extra", "options")
}

// DeleteRole removes a role from everyone who has it.
func (s *Service) DeleteRole(ctx context.Context, id string) error {
	return roles.remove(ctx, s, ActionDeleteRole, id, func(ctx context.Context, tx *store.Tx, r *Role) error {
		if err := r.Options.deletable("role", id); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, "DELETE FROM identity_implied_roles WHERE prior_id = ? OR implied_id = ?", id, id); err != nil {
			return err
		}
		return dropAssignments(ctx, tx, "role_id = ?", id)
	})
}

// ImplyRole has everyone with the role prior also have implied; it may be so already.
func (s *Service) ImplyRole(ctx context.Context, prior, implied string) error {
	if err := s.check(ctx, ActionCreateImplied, nil); err != nil {
		return err
	}
	return s.write(ctx, func(ctx context.Context, tx *store.Tx) error {
		if err := needRoles(ctx, tx, prior, implied); err != nil {
			return err
		}
		if r, err := roles.need(ctx, tx, implied); err != nil || r.Name == "admin" {
			return orError(err, errs.Forbiddenf("%s cannot be an implied roles.", implied))
		}
		return s.imply(ctx, tx, prior, implied)
	})
}

func (s *Service) imply(ctx context.Context, tx *store.Tx, prior, implied string) error {
	fresh, err := someRow(tx.Exec(ctx, "INSERT INTO identity_implied_roles (prior_id, implied_id) VALUES (?, ?) ON CONFLICT DO NOTHING", prior, implied))
	if err != nil || !fresh {
		return err
	}
	return s.changed(ctx, tx, "role.implied", prior, Implication{PriorID: prior, ImpliedID: implied})
}

func needRoles(ctx context.Context, db bun.IDB, ids ...string) error {
	for _, id := range ids {
		if _, err := roles.need(ctx, db, id); err != nil {
			return err
		}
	}
	return nil
}

// UnimplyRole undoes ImplyRole.
func (s *Service) UnimplyRole(ctx context.Context, prior, implied string) error {
	if err := s.check(ctx, ActionDeleteImplied, nil); err != nil {
		return err
	}
	return s.write(ctx, func(ctx context.Context, tx *store.Tx) error {
		there, err := someRow(tx.Exec(ctx, "DELETE FROM identity_implied_roles WHERE prior_id = ? AND implied_id = ?", prior, implied))
		if err != nil || !there {
			return orError(err, errs.NotFoundf("%s does not imply %s.", prior, implied))
		}
		return s.changed(ctx, tx, "role.unimplied", prior, Implication{PriorID: prior, ImpliedID: implied})
	})
}

// Inference says what a role implies by itself.
type Inference struct {
	Prior   Role
	Implied []Role
}

// ListInferences gives what prior implies, or with "" what each role does that implies any.
func (s *Service) ListInferences(ctx context.Context, prior string) ([]Inference, error) {
	if err := s.check(ctx, ActionListImplied, nil); err != nil {
		return nil, err
	}
	var all []Role
	if err := s.DB.Read().NewSelect().Model(&all).Order("name").Scan(ctx); err != nil {
		return nil, err
	}
	pairs, err := implications(ctx, s.DB.Read())
	if err != nil {
		return nil, err
	}
	implied := map[string][]string{}
	for _, i := range pairs {
		implied[i.PriorID] = append(implied[i.PriorID], i.ImpliedID)
	}
	out := []Inference{}
	for _, r := range all {
		if r.ID == prior || prior == "" && implied[r.ID] != nil {
			out = append(out, Inference{r, slices.DeleteFunc(slices.Clone(all), func(o Role) bool { return !slices.Contains(implied[r.ID], o.ID) })})
		}
	}
	if prior != "" && len(out) == 0 {
		return nil, missing("role", prior)
	}
	return out, nil
}

func implications(ctx context.Context, db bun.IDB) (all []Implication, err error) {
	err = db.NewSelect().Model(&all).Order("prior_id", "implied_id").Scan(ctx)
	return all, err
}
