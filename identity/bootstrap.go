package identity

import (
	"cmp"
	"context"

	"github.com/cumulite/cumulite/platform/secret"
	"github.com/cumulite/cumulite/platform/store"
)

// SystemID is the id of the system as a target of assignments.
const SystemID = "system"

// Bootstrap is what a cloud begins with.
type Bootstrap struct {
	Admin    string        // name of the administrator and of the project; default "admin"
	Password secret.String // of the administrator, used when there is none yet
	Region   string        // default "RegionOne"
	Services []BootstrapService
}

// BootstrapService is a service with its endpoints in the region. Empty URLs are left out.
type BootstrapService struct {
	Type, Name, Description string
	Public, Internal, Admin string // URLs
}

// firstRoles are the default roles; each implies the next, but service, which stands alone.
var firstRoles = []string{"admin", "manager", "member", "reader"}

// Bootstrap makes what is missing of the default domain, the roles admin,
// manager, member, reader and service, the projects admin and service, the
// administrator (with the role admin on the project and on the system), the
// region and its services; endpoints get the URLs given. It asks no policy.
//
// The administrator's password is hashed after Bootstrap has returned: a login
// waits for it. One that is stored already stays as it is.
func (s *Service) Bootstrap(ctx context.Context, b Bootstrap) error {
	b.Admin, b.Region = cmp.Or(b.Admin, "admin"), cmp.Or(b.Region, "RegionOne")
	var admin *User
	err := s.DB.Write(ctx, func(ctx context.Context, tx *store.Tx) (err error) {
		if admin, err = s.bootstrapAdmin(ctx, tx, b.Admin); err != nil {
			return err
		}
		return s.bootstrapCatalog(ctx, tx, b)
	})
	if err != nil {
		return err
	}
	_, err = store.Get[password](ctx, s.DB.Read(), admin.ID)
	if !store.IsNone(err) {
		return err
	}
	if !b.Password.IsZero() {
		s.first.begin(admin.ID, func() { s.storeFirst(context.WithoutCancel(ctx), admin.ID, b.Password) })
	}
	return nil
}

// bootstrapAdmin makes who and what is needed to administer the rest.
func (s *Service) bootstrapAdmin(ctx context.Context, tx *store.Tx, name string) (*User, error) {
	d := &Domain{ID: DefaultDomain, Name: "Default", Description: "The default domain", Enabled: true, Extra: map[string]any{}}
	if _, err := domains.ensure(ctx, s, tx, d.ID, d, "id = ?", d.ID); err != nil {
		return nil, err
	}
	role, err := s.bootstrapRoles(ctx, tx)
	if err != nil {
		return nil, err
	}
	p, err := s.bootstrapProject(ctx, tx, name, "Bootstrap project for initializing the cloud.")
	if err != nil {
		return nil, err
	}
	if _, err := s.bootstrapProject(ctx, tx, "service", "Project of the services' own users."); err != nil {
		return nil, err
	}
	u := &User{ID: newID(), Name: name, DomainID: DefaultDomain, Enabled: true, Extra: map[string]any{}}
	if u, err = users.ensure(ctx, s, tx, u.ID, u, "domain_id = ? AND name = ?", u.DomainID, u.Name); err != nil {
		return nil, err
	}
	for _, a := range []Assignment{
		{UserID: u.ID, RoleID: role.ID, TargetType: OnProject, TargetID: p.ID},
		{UserID: u.ID, RoleID: role.ID, TargetType: OnSystem, TargetID: SystemID},
	} {
		if err := s.assign(ctx, tx, a); err != nil {
			return nil, err
		}
	}
	return u, nil
}

// bootstrapRoles makes the default roles and gives that of administrators.
func (s *Service) bootstrapRoles(ctx context.Context, tx *store.Tx) (admin *Role, err error) {
	var prior *Role
	for i, name := range append([]string{"service"}, firstRoles...) {
		r := &Role{ID: newID(), Name: name, Extra: map[string]any{}}
		if r, err = roles.ensure(ctx, s, tx, r.ID, r, "name = ?", name); err != nil {
			return nil, err
		}
		if i == 1 {
			admin = r
		}
		if i > 1 {
			if err := s.imply(ctx, tx, prior.ID, r.ID); err != nil {
				return nil, err
			}
		}
		prior = r
	}
	return admin, nil
}

func (s *Service) bootstrapProject(ctx context.Context, tx *store.Tx, name, description string) (*Project, error) {
	p := &Project{ID: newID(), Name: name, DomainID: DefaultDomain, ParentID: DefaultDomain, Description: description, Enabled: true, Tags: []string{}, Extra: map[string]any{}}
	return projects.ensure(ctx, s, tx, p.ID, p, "domain_id = ? AND name = ?", p.DomainID, p.Name)
}

func (s *Service) bootstrapCatalog(ctx context.Context, tx *store.Tx, b Bootstrap) error {
	r := &Region{ID: b.Region, Extra: map[string]any{}}
	if _, err := regions.ensure(ctx, s, tx, r.ID, r, "id = ?", r.ID); err != nil {
		return err
	}
	for _, each := range b.Services {
		c := &CatalogService{ID: newID(), Type: each.Type, Name: each.Name, Description: each.Description, Enabled: true, Extra: map[string]any{}}
		c, err := catalogServices.ensure(ctx, s, tx, c.ID, c, "type = ? AND name = ?", c.Type, c.Name)
		if err != nil {
			return err
		}
		for _, e := range []Endpoint{{Interface: "public", URL: each.Public}, {Interface: "internal", URL: each.Internal}, {Interface: "admin", URL: each.Admin}} {
			e.ID, e.ServiceID, e.RegionID, e.Enabled = newID(), c.ID, b.Region, true
			if err := s.bootstrapEndpoint(ctx, tx, &e); err != nil {
				return err
			}
		}
	}
	return nil
}

func (s *Service) bootstrapEndpoint(ctx context.Context, tx *store.Tx, want *Endpoint) error {
	if want.URL == "" {
		return nil
	}
	want.ID, want.Extra = newID(), map[string]any{}
	e, err := endpoints.ensure(ctx, s, tx, want.ID, want, "service_id = ? AND region_id = ? AND interface = ?", want.ServiceID, want.RegionID, want.Interface)
	if err != nil || e.URL == want.URL {
		return err
	}
	e.URL = want.URL
	if err := store.Update(ctx, tx, e, "url"); err != nil {
		return err
	}
	return s.changed(ctx, tx, endpoints.event("updated"), e.ID, e)
}

// storeFirst hashes and stores the password of an administrator who has none.
func (s *Service) storeFirst(ctx context.Context, userID string, text secret.String) {
	hash, err := s.passwords.hash(ctx, text)
	if err == nil {
		err = s.DB.Write(ctx, func(ctx context.Context, tx *store.Tx) error {
			_, err := tx.Exec(ctx, "INSERT INTO identity_passwords (user_id, hash) VALUES (?, ?) ON CONFLICT DO NOTHING", userID, hash)
			return err
		})
	}
	if err != nil {
		s.log.WarnContext(ctx, "the administrator's password was not stored; the next start does it", "user", userID, "error", err)
	}
}
