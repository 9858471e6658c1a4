package identity

import (
	"context"
	"time"

	"github.com/uptrace/bun"

	"github.com/cumulite/cumulite/platform/errs"
	"github.com/cumulite/cumulite/platform/policy"
	"github.com/cumulite/cumulite/platform/store"
)

// Domain holds users and projects, whose names are unique in it. It is also its row.
type Domain struct {
	bun.BaseModel `bun:"table:identity_domains,alias:domain" json:"-"`
	ID            string         `bun:"id,pk" json:"id"`
	Version       int64          `bun:"version,notnull" json:"-"`
	Name          string         `bun:"name,notnull" json:"name"`
	Description   string         `bun:"description,notnull" json:"description"`
	Enabled       bool           `bun:"enabled,notnull" json:"enabled"`
	Extra         map[string]any `bun:"extra,notnull" json:"-"` // what else the API was told
	Options       Settings       `bun:"options,notnull" json:"-"`
	TokensSince   time.Time      `bun:"tokens_since,notnull" json:"-"` // as a User's, for its users and for tokens in it
}

var domains = resource[Domain]{
	noun:    "domain",
	target:  func(d *Domain) policy.Target { return policy.Target{"target.domain.id": d.ID} },
	clash:   func(d *Domain) string { return "name " + d.Name },
	enabled: func(d *Domain) bool { return d.Enabled },
	listing: store.Listing[Domain]{MaxLimit: maxList, Default: []store.Sort{{Field: "name"}}, Columns: map[string]store.Column{
		"id": {Name: "id"}, "name": {Name: "name"}, "enabled": {Name: "enabled", Kind: store.Bool}}},
}

// CreateDomain is what a user may say of a new domain.
type CreateDomain struct {
	ID          string // "" has one made
	Name        string
	Description string
	Disabled    bool
	Extra       map[string]any
	Options     map[string]*bool
}

// UpdateDomain is what may be changed; nil fields stay.
type UpdateDomain struct {
	Name, Description *string
	Enabled           *bool
	Extra             map[string]any   // set beside what is there; nil values are taken away
	Options           map[string]*bool // nil values are taken away
}

// CreateDomain makes a domain.
func (s *Service) CreateDomain(ctx context.Context, in CreateDomain) (*Domain, error) {
	options, err := Settings(nil).with(in.Options, Immutable)
	if err != nil {
		return nil, err
	}
	d := &Domain{ID: in.ID, Name: in.Name, Description: in.Description, Enabled: !in.Disabled, Extra: merge(nil, in.Extra), Options: options}
	if d.ID == "" {
		d.ID = newID()
	}
	return d, domains.create(ctx, s, ActionCreateDomain, d.ID, d, nil)
}

// GetDomain gives a domain.
func (s *Service) GetDomain(ctx context.Context, id string) (*Domain, error) {
	return domains.get(ctx, s, s.DB.Read(), ActionGetDomain, id)
}

// ListDomains gives the domains; to a caller scoped to a domain that one only.
func (s *Service) ListDomains(ctx context.Context, q store.Query) ([]Domain, bool, error) {
	return domains.list(ctx, s, ActionListDomains, q, inDomain(ctx, "id"))
}

// UpdateDomain changes a domain. Disabling it ends the tokens of its users and for what is in it.
func (s *Service) UpdateDomain(ctx context.Context, id string, in UpdateDomain) (*Domain, error) {
	return domains.update(ctx, s, ActionUpdateDomain, id, func(_ context.Context, _ *store.Tx, d *Domain) (err error) {
		if d.Options, err = d.Options.change("domain", id, in.Options); err != nil {
			return err
		}
		set(&d.Name, in.Name)
		set(&d.Description, in.Description)
		set(&d.Enabled, in.Enabled)
		d.Extra = merge(d.Extra, in.Extra)
		if !d.Enabled {
			d.TokensSince = s.endTokens()
		}
		return nil
	}, "name", "description", "enabled", "extra", "options", "tokens_since")
}

// DeleteDomain removes a disabled domain with all that is in it.
func (s *Service) DeleteDomain(ctx context.Context, id string) error {
	return domains.remove(ctx, s, ActionDeleteDomain, id, func(ctx context.Context, tx *store.Tx, d *Domain) error {
		if err := d.Options.deletable("domain", id); err != nil {
			return err
		}
		if d.Enabled {
			return errs.Forbiddenf("You are not authorized to perform the requested action: Cannot delete a domain that is enabled, please disable it first..")
		}
		return s.emptyDomain(ctx, tx, id)
	})
}

// emptyDomain removes the users and projects of a domain, and tells of each.
func (s *Service) emptyDomain(ctx context.Context, tx *store.Tx, id string) error {
	var inProjects []Project
	if err := tx.NewSelect().Model(&inProjects).Where("domain_id = ?", id).Order("id").Scan(ctx); err != nil {
		return err
	}
	for n := range inProjects {
		if err := s.dropProject(ctx, tx, &inProjects[n]); err != nil {
			return err
		}
	}
	var inUsers []User
	if err := tx.NewSelect().Model(&inUsers).Where("domain_id = ?", id).Order("id").Scan(ctx); err != nil {
		return err
	}
	for n := range inUsers {
		if err := s.dropUser(ctx, tx, &inUsers[n]); err != nil {
			return err
		}
	}
	return dropAssignments(ctx, tx, "target_type = 'domain' AND target_id = ?", id)
}
