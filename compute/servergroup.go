package compute

import (
	"context"
	"time"

	"github.com/google/uuid"
	"github.com/uptrace/bun"

	"github.com/cumulite/cumulite/platform/auth"
	"github.com/cumulite/cumulite/platform/errs"
	"github.com/cumulite/cumulite/platform/policy"
	"github.com/cumulite/cumulite/platform/quota"
	"github.com/cumulite/cumulite/platform/store"
)

// ServerGroup says how its servers are spread over hosts, and is its row.
type ServerGroup struct {
	bun.BaseModel `bun:"table:compute_server_groups,alias:grp"`
	ID            string      `bun:"id,pk"`
	Version       int64       `bun:"version,notnull"`
	ProjectID     string      `bun:"project_id,notnull"`
	UserID        string      `bun:"user_id,notnull"`
	Name          string      `bun:"name,notnull"`
	Policy        GroupPolicy `bun:"policy,notnull"`
	MaxPerHost    int         `bun:"max_per_host,notnull"` // of AntiAffinity; 0 is 1
	Members       []string    `bun:"-"`                    // servers that are there, sorted; rows of their own
	CreatedAt     time.Time   `bun:"created_at,notnull"`
}

// GroupPolicy is how the servers of a group are spread.
type GroupPolicy string

// The policies. The soft ones are wishes.
const (
	Affinity         GroupPolicy = "affinity"
	AntiAffinity     GroupPolicy = "anti-affinity"
	SoftAffinity     GroupPolicy = "soft-affinity"
	SoftAntiAffinity GroupPolicy = "soft-anti-affinity"
)

// CreateServerGroup is what a user may say of a new server group.
type CreateServerGroup struct {
	Name       string
	Policy     GroupPolicy
	MaxPerHost int // 0 is not said; only AntiAffinity may
}

// serverGroups are listed the oldest first.
var serverGroups = store.Listing[ServerGroup]{Default: []store.Sort{{Field: "created_at"}},
	Columns: map[string]store.Column{"id": {Name: "id"}, "created_at": {Name: "created_at", Kind: store.Time}}}

// CreateServerGroup makes a group without servers. They join it when they are made.
func (s *Service) CreateServerGroup(ctx context.Context, in CreateServerGroup) (*ServerGroup, error) {
	g := auth.From(ctx)
	if err := s.policy.Check(ctx, ActionServerGroupCreate, policy.Target{"project_id": g.ProjectID()}); err != nil {
		return nil, err
	}
	if in.MaxPerHost != 0 && in.Policy != AntiAffinity {
		return nil, errs.Invalidf("Only anti-affinity policy supports rules.")
	}
	if in.MaxPerHost < 0 || in.Name == "" || len(in.Name) > 255 {
		return nil, errs.Invalidf("A server group needs a name of at most 255 characters, and a max_server_per_host above 0 if any.")
	}
	group := &ServerGroup{ID: uuid.NewString(), ProjectID: g.ProjectID(), UserID: g.UserID(), Name: in.Name, Policy: in.Policy,
		MaxPerHost: in.MaxPerHost, Members: []string{}, CreatedAt: s.Clock.Now()}
	return group, s.write(ctx, func(ctx context.Context, tx *store.Tx) error {
		err := s.quotas.Use(ctx, tx, group.ProjectID, map[quota.Resource]int{quotaServerGroups: 1})
		if errs.Is(err, errs.Quota) {
			return errs.New(errs.Quota, "Quota exceeded, too many server groups.").Because(err)
		}
		if err != nil {
			return err
		}
		return store.Insert(ctx, tx, group)
	})
}

// GetServerGroup gives a group of the caller's project; administrators see all.
func (s *Service) GetServerGroup(ctx context.Context, id string) (*ServerGroup, error) {
	group, err := s.findServerGroup(ctx, s.DB.Read(), ActionServerGroupShow, id)
	if err != nil {
		return nil, err
	}
	one := []ServerGroup{*group}
	return &one[0], loadMembers(ctx, s.DB.Read(), one)
}

// findServerGroup gives a group to which the caller may do action, without its members.
func (s *Service) findServerGroup(ctx context.Context, db bun.IDB, action policy.Action, id string) (*ServerGroup, error) {
	group, err := store.Get[ServerGroup](ctx, db, id)
	if store.IsNone(err) || err == nil && group.ProjectID != auth.From(ctx).ProjectID() && !s.isAdmin(ctx) {
		return nil, errs.NotFoundf("Instance group %s could not be found.", id)
	}
	if err != nil {
		return nil, err
	}
	return group, s.policy.Check(ctx, action, policy.Target{"project_id": group.ProjectID})
}

// ListServerGroups gives a page of the groups of the caller's project, or of
// all projects, which only administrators may ask for: others get their own.
// offset groups are left out before the page.
func (s *Service) ListServerGroups(ctx context.Context, allProjects bool, q store.Query, offset int) ([]ServerGroup, error) {
	own := auth.From(ctx).ProjectID()
	if err := s.policy.Check(ctx, ActionServerGroupList, policy.Target{"project_id": own}); err != nil {
		return nil, err
	}
	all := allProjects && s.policy.Allows(ctx, ActionServerGroupListAll, policy.Target{"project_id": own})
	groups, _, err := serverGroups.Find(ctx, s.DB.Read(), q, func(q *bun.SelectQuery) *bun.SelectQuery {
		if !all {
			q = q.Where("project_id = ?", own)
		}
		return q.Offset(int64(offset))
	})
	if err != nil {
		return nil, err
	}
	return groups, loadMembers(ctx, s.DB.Read(), groups)
}

// DeleteServerGroup removes a group. Its servers stay where they are.
func (s *Service) DeleteServerGroup(ctx context.Context, id string) error {
	return s.write(ctx, func(ctx context.Context, tx *store.Tx) error {
		group, err := s.findServerGroup(ctx, tx, ActionServerGroupDelete, id)
		if err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, "DELETE FROM compute_server_group_members WHERE group_id = ?", id); err != nil {
			return err
		}
		if err := store.Delete[ServerGroup](ctx, tx, id); err != nil {
			return err
		}
		return s.quotas.Use(ctx, tx, group.ProjectID, map[quota.Resource]int{quotaServerGroups: -1})
	})
}
