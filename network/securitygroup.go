package network

import (
	"context"
	"strings"

	"github.com/uptrace/bun"

	"github.com/cumulite/cumulite/platform/auth"
	"github.com/cumulite/cumulite/platform/errs"
	"github.com/cumulite/cumulite/platform/store"
)

// defaultGroupName is the name that only the default groups have.
const defaultGroupName = "default"

// SecurityGroup says what traffic the ports in it may have, and its row.
type SecurityGroup struct {
	bun.BaseModel `bun:"table:network_groups,alias:security_group"`
	Standard
	Stateful bool                `bun:"stateful,notnull"`
	Default  bool                `bun:"is_default,notnull"` // each project has one, for ports that name none
	Rules    []SecurityGroupRule `bun:"-"`                  // oldest first; rows of their own
}

// CreateSecurityGroup is what a user may say of a new security group.
type CreateSecurityGroup struct {
	ProjectID   string // "" is the caller's; another needs an administrator
	Name        string
	Description string
	Stateful    *bool // nil is true
}

// UpdateSecurityGroup is what a user may change; nil leaves a field as it is.
type UpdateSecurityGroup struct {
	Name, Description *string
	Stateful          *bool // not while ports use the group
}

var groups = kind[SecurityGroup, *SecurityGroup]{
	noun: "SecurityGroup", name: "security_group", missing: "Security group %s does not exist",
	listing: store.Listing[SecurityGroup]{Columns: columns("stateful:bool")},
	visible: own,
	load:    loadRules,
}

// loadRules fills in the rules of groups with one query.
func loadRules(ctx context.Context, db bun.IDB, rows []SecurityGroup) error {
	at := make(map[string]*SecurityGroup, len(rows))
	ids := make([]string, len(rows))
	for i := range rows {
		rows[i].Rules = []SecurityGroupRule{}
		at[rows[i].ID], ids[i] = &rows[i], rows[i].ID
	}
	var all []SecurityGroupRule
	err := db.NewSelect().Model(&all).Where("group_id IN (?)", bun.List(ids)).Order("created_at", "id").Scan(ctx)
	for _, r := range all {
		at[r.GroupID].Rules = append(at[r.GroupID].Rules, r)
	}
	return err
}

// CreateSecurityGroup makes a group that lets everything out and nothing in.
func (s *Service) CreateSecurityGroup(ctx context.Context, in CreateSecurityGroup) (*SecurityGroup, error) {
	return createOne(ctx, s, in, s.createGroup)
}

// CreateSecurityGroups makes groups, all of them or none.
func (s *Service) CreateSecurityGroups(ctx context.Context, in []CreateSecurityGroup) ([]SecurityGroup, error) {
	return createAll(ctx, s, in, s.createGroup)
}

func (s *Service) createGroup(ctx context.Context, tx *store.Tx, in *CreateSecurityGroup) (*SecurityGroup, error) {
	project, err := owner(ctx, in.ProjectID)
	if err != nil {
		return nil, err
	}
	g := &SecurityGroup{Standard: Standard{ProjectID: project, Name: in.Name, Description: in.Description}, Stateful: or(in.Stateful, true)}
	if err := groups.mayCreate(ctx, s, g); err != nil {
		return nil, err
	}
	if strings.EqualFold(in.Name, defaultGroupName) {
		return nil, reservedName()
	}
	if _, err := s.defaultGroup(ctx, tx, project); err != nil {
		return nil, err
	}
	return g, s.insertGroup(ctx, tx, g, s.use)
}

func reservedName() error {
	return errs.Conflictf("Default security group already exists.").WithCode("SecurityGroupDefaultAlreadyExists")
}

// insertGroup adds a group with the rules that it begins with: all may leave,
// and into a default group its own members may send.
func (s *Service) insertGroup(ctx context.Context, tx *store.Tx, g *SecurityGroup, count counter) error {
	if err := groups.add(ctx, s, tx, g, count); err != nil {
		return err
	}
	g.Rules = nil
	for _, ethertype := range []string{ethertypeIPv4, ethertypeIPv6} {
		if g.Default {
			g.Rules = append(g.Rules, SecurityGroupRule{GroupID: g.ID, Direction: Ingress, Ethertype: ethertype, RemoteGroupID: g.ID})
		}
		g.Rules = append(g.Rules, SecurityGroupRule{GroupID: g.ID, Direction: Egress, Ethertype: ethertype})
	}
	return s.insertRules(ctx, tx, g, g.Rules, s.count)
}

// defaultGroup gives the id of a project's default group, which is made on
// first use, whatever the quota says; "" for no project.
func (s *Service) defaultGroup(ctx context.Context, tx *store.Tx, projectID string) (string, error) {
	if projectID == "" {
		return "", nil
	}
	id, err := findDefaultGroup(ctx, tx, projectID)
	if err != nil || id != "" {
		return id, err
	}
	g := &SecurityGroup{
		Standard: Standard{ProjectID: projectID, Name: defaultGroupName, Description: "Default security group"},
		Stateful: true, Default: true,
	}
	err = s.insertGroup(ctx, tx, g, s.count)
	return g.ID, err
}

func findDefaultGroup(ctx context.Context, db bun.IDB, projectID string) (id string, err error) {
	err = db.NewSelect().Model((*SecurityGroup)(nil)).Column("id").Where("project_id = ? AND is_default", projectID).Scan(ctx, &id)
	if store.IsNone(err) {
		return "", nil
	}
	return id, err
}

// ensureDefaultGroup is defaultGroup outside of a transaction, for lists: the
// one of the project that q is about, if the caller may see it.
func (s *Service) ensureDefaultGroup(ctx context.Context, q store.Query) error {
	g := auth.From(ctx)
	project := g.ProjectID()
	for _, f := range q.Filters {
		if (f.Field == "project_id" || f.Field == "tenant_id") && f.Op == store.Eq && len(f.Values) == 1 {
			project = f.Values[0]
		}
	}
	if project != g.ProjectID() && !seesAll(g) {
		return nil
	}
	id, err := findDefaultGroup(ctx, s.DB.Read(), project)
	if err != nil || id != "" {
		return err
	}
	return s.write(ctx, func(ctx context.Context, tx *store.Tx) error {
		_, err := s.defaultGroup(ctx, tx, project)
		return err
	})
}

// GetSecurityGroup gives a group that the caller may see, with its rules.
func (s *Service) GetSecurityGroup(ctx context.Context, id string) (*SecurityGroup, error) {
	return groups.find(ctx, s, s.DB.Read(), id)
}

// ListSecurityGroups gives a page of the groups that the caller sees. The
// caller's default group is among them even when nothing has used it yet.
func (s *Service) ListSecurityGroups(ctx context.Context, q store.Query) (rows []SecurityGroup, more bool, err error) {
	if err := s.ensureDefaultGroup(ctx, q); err != nil {
		return nil, false, err
	}
	return groups.list(ctx, s, q)
}

// UpdateSecurityGroup changes a group. A default group keeps its name.
func (s *Service) UpdateSecurityGroup(ctx context.Context, id string, in UpdateSecurityGroup) (g *SecurityGroup, err error) {
	err = s.write(ctx, func(ctx context.Context, tx *store.Tx) error {
		if g, err = groups.findFor(ctx, s, tx, "update", id); err != nil {
			return err
		}
		if in.Name != nil && g.Default {
			return errs.Conflictf("Updating default security group not allowed.").WithCode("SecurityGroupCannotUpdateDefault")
		}
		if in.Name != nil && strings.EqualFold(*in.Name, defaultGroupName) {
			return reservedName()
		}
		if in.Stateful != nil && *in.Stateful != g.Stateful {
			if err := groupUnused(ctx, tx, id); err != nil {
				return err
			}
		}
		set(&g.Name, in.Name)
		set(&g.Description, in.Description)
		set(&g.Stateful, in.Stateful)
		return groups.update(ctx, s, tx, g, "name", "description", "stateful")
	})
	return g, err
}

// groupUnused refuses what is not possible while a port is in the group.
func groupUnused(ctx context.Context, tx *store.Tx, id string) error {
	used, err := tx.NewSelect().Table("network_port_groups").Where("group_id = ?", id).Exists(ctx)
	if err != nil {
		return err
	}
	if used {
		return errs.Conflictf("Security Group %s in use.", id).WithCode("SecurityGroupInUse")
	}
	return nil
}

// DeleteSecurityGroup removes a group that no port is in, with its rules and
// those of other groups that name it as their remote. Only an administrator
// removes a default group, which is made anew when it is needed again.
func (s *Service) DeleteSecurityGroup(ctx context.Context, id string) error {
	return s.write(ctx, func(ctx context.Context, tx *store.Tx) error {
		g, err := groups.findFor(ctx, s, tx, "delete", id)
		if err != nil {
			return err
		}
		if err := groupUnused(ctx, tx, id); err != nil {
			return err
		}
		if g.Default && !auth.From(ctx).HasRole("admin") {
			return errs.Conflictf("Insufficient rights for removing default security group.").WithCode("SecurityGroupCannotRemoveDefault")
		}
		if err := s.removeRulesAbout(ctx, tx, id); err != nil {
			return err
		}
		if err := groups.remove(ctx, s, tx, g); err != nil {
			return err
		}
		return s.touch(ctx, tx, objGroup, id)
	})
}

// removeRulesAbout removes the rules of a group and those that name it.
func (s *Service) removeRulesAbout(ctx context.Context, tx *store.Tx, groupID string) error {
	var gone []SecurityGroupRule
	if err := tx.NewSelect().Model(&gone).Where("group_id = ? OR remote_group_id = ?", groupID, groupID).Scan(ctx); err != nil {
		return err
	}
	for i := range gone {
		if err := groupRules.remove(ctx, s, tx, &gone[i]); err != nil {
			return err
		}
		if gone[i].GroupID == groupID {
			continue
		}
		if err := s.touch(ctx, tx, objGroup, gone[i].GroupID); err != nil {
			return err
		}
	}
	return nil
}

// checkPortGroups refuses groups that a port of a project may not be in:
// those of others, unless an administrator puts it there, and stateful and
// stateless ones together.
func (s *Service) checkPortGroups(ctx context.Context, tx *store.Tx, projectID string, ids []string) error {
	if len(ids) == 0 {
		return nil
	}
	var found []SecurityGroup
	ofAll := auth.From(ctx).HasRole("admin")
	if err := tx.NewSelect().Model(&found).Where("id IN (?) AND (project_id = ? OR ?)", bun.List(ids), projectID, ofAll).Scan(ctx); err != nil {
		return err
	}
	stateful := map[string]bool{}
	for _, g := range found {
		stateful[g.ID] = g.Stateful
	}
	var missing []string
	for _, id := range ids {
		if _, known := stateful[id]; !known {
			missing = append(missing, id)
		} else if stateful[id] != stateful[ids[0]] {
			return errs.Conflictf("Error Cannot apply both stateful and stateless security groups on the same port at the same time while attempting the operation.").
				WithCode("SecurityGroupConflict")
		}
	}
	if len(missing) > 0 {
		return groups.notFound(strings.Join(missing, ", "))
	}
	return nil
}
