package identity

import (
	"cmp"
	"context"

	"github.com/cumulite/cumulite/platform/auth"
	"github.com/cumulite/cumulite/platform/secret"
	"github.com/cumulite/cumulite/platform/store"
)

// SystemID is the id of the system as a target of assignments.
const SystemID = "system"

// Bootstrap is what a cloud begins with. The users and projects are in the default domain.
type Bootstrap struct {
	Admin    string        // name of the administrator and of the project; default "admin"
	Password secret.String // of the administrator
	Replace  bool          // the password, if another one is stored
	Users    []BootstrapUser
	Region   string // default "RegionOne"
	Services []BootstrapService
}

// BootstrapUser is a user with a role on a project, which is made if it is missing.
type BootstrapUser struct {
	Name, Project string
	Role          string // by name
	Password      secret.String
	Replace       bool // the password, if another one is stored
}

// BootstrapService is a service with its endpoints in the region. Empty URLs are left out.
type BootstrapService struct {
	Type, Name, Description string
	Public, Internal, Admin string // URLs
}

// firstRoles are the default roles; each implies the next. The role service stands alone.
var firstRoles = []string{"admin", "manager", "member", "reader"}

// Bootstrap makes what is missing of the default domain, the roles admin,
// manager, member, reader and service, the projects admin and service, the
// administrator (with the role admin on the project and on the system), the
// other users, the region and its services; endpoints get the URLs given. It
// asks no policy.
//
// Passwords are hashed after Bootstrap has returned: a login waits for its
// user's. One that is stored already stays, and costs nothing, unless it is to
// be replaced.
func (s *Service) Bootstrap(ctx context.Context, b Bootstrap) error {
	b.Admin, b.Region = cmp.Or(b.Admin, "admin"), cmp.Or(b.Region, "RegionOne")
	all := append([]BootstrapUser{{Name: b.Admin, Project: b.Admin, Role: "admin", Password: b.Password, Replace: b.Replace}}, b.Users...)
	ids := make([]string, len(all))
	err := s.write(ctx, func(ctx context.Context, tx *store.Tx) (err error) {
		if err := s.bootstrapDomain(ctx, tx); err != nil {
			return err
		}
		for i, u := range all {
			if ids[i], err = s.bootstrapUser(ctx, tx, u); err != nil {
				return err
			}
		}
		if err := s.bootstrapSystem(ctx, tx, ids[0]); err != nil {
			return err
		}
		return s.bootstrapCatalog(ctx, tx, b)
	})
	if err != nil {
		return err
	}
	for i, u := range all {
		if err := s.bootstrapPassword(ctx, ids[i], u); err != nil {
			return err
		}
	}
	return nil
}

// bootstrapDomain makes the default domain with the default roles and the services' project.
func (s *Service) bootstrapDomain(ctx context.Context, tx *store.Tx) error {
	d := &Domain{ID: DefaultDomain, Name: "Default", Description: "The default domain", Enabled: true, Extra: map[string]any{}, Options: Settings{}}
	if _, err := domains.ensure(ctx, s, tx, d.ID, d, "id = ?", d.ID); err != nil {
		return err
	}
	if _, err := s.bootstrapRole(ctx, tx, auth.ServiceRole); err != nil {
		return err
	}
	prior := ""
	for _, name := range firstRoles {
		r, err := s.bootstrapRole(ctx, tx, name)
		if err != nil {
			return err
		}
		if prior != "" {
			if err := s.imply(ctx, tx, prior, r.ID); err != nil {
				return err
			}
		}
		prior = r.ID
	}
	_, err := s.bootstrapProject(ctx, tx, "service", "Project of the services' own users.")
	return err
}

func (s *Service) bootstrapRole(ctx context.Context, tx *store.Tx, name string) (*Role, error) {
	r := &Role{ID: newID(), Name: name, Extra: map[string]any{}, Options: Settings{Immutable: true}}
	return roles.ensure(ctx, s, tx, r.ID, r, "name = ?", name)
}

func (s *Service) bootstrapProject(ctx context.Context, tx *store.Tx, name, description string) (*Project, error) {
	p := &Project{ID: newID(), Name: name, DomainID: DefaultDomain, ParentID: DefaultDomain, Description: description, Enabled: true,
		Tags: []string{}, Extra: map[string]any{}, Options: Settings{}}
	return projects.ensure(ctx, s, tx, p.ID, p, "domain_id = ? AND name = ?", p.DomainID, p.Name)
}

// bootstrapSystem gives the administrator the system.
func (s *Service) bootstrapSystem(ctx context.Context, tx *store.Tx, userID string) error {
	r, err := s.bootstrapRole(ctx, tx, "admin")
	if err != nil {
		return err
	}
	return s.assign(ctx, tx, Assignment{UserID: userID, RoleID: r.ID, TargetType: OnSystem, TargetID: SystemID})
}
