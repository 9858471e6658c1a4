package compute

import (
	"context"

	"github.com/uptrace/bun"

	"github.com/cumulite/cumulite/platform/auth"
	"github.com/cumulite/cumulite/platform/errs"
	"github.com/cumulite/cumulite/platform/quota"
	"github.com/cumulite/cumulite/platform/store"
)

// groupMember says that a server is in a group, and is its row.
type groupMember struct {
	bun.BaseModel `bun:"table:compute_server_group_members,alias:member"`
	ServerID      string `bun:"server_id,pk"`
	GroupID       string `bun:"group_id,notnull"`
}

// loadMembers fills in the members of groups.
func loadMembers(ctx context.Context, db bun.IDB, groups []ServerGroup) error {
	byID := make(map[string]*ServerGroup, len(groups))
	ids := make([]string, len(groups))
	for n := range groups {
		groups[n].Members = []string{}
		byID[groups[n].ID], ids[n] = &groups[n], groups[n].ID
	}
	if len(ids) == 0 {
		return nil
	}
	var members []groupMember
	err := db.NewSelect().Model(&members).Where("group_id IN (?)", bun.List(ids)).Order("server_id").Scan(ctx)
	for _, m := range members {
		byID[m.GroupID].Members = append(byID[m.GroupID].Members, m.ServerID)
	}
	return err
}

// groupForCreate gives the group that n new servers are to join, if the caller
// may name it and it has room for them.
func (s *Service) groupForCreate(ctx context.Context, tx *store.Tx, id string, n int) (*ServerGroup, error) {
	if err := lockGroup(ctx, tx, id); err != nil {
		return nil, err
	}
	group, err := store.Get[ServerGroup](ctx, tx, id)
	if store.IsNone(err) || err == nil && group.ProjectID != auth.From(ctx).ProjectID() && !s.isAdmin(ctx) {
		return nil, errs.Invalidf("Instance group %s could not be found.", id)
	}
	if err != nil {
		return nil, err
	}
	limits, err := s.quotas.Limits(ctx, tx, group.ProjectID)
	if err != nil {
		return nil, err
	}
	there, err := tx.NewSelect().Model((*groupMember)(nil)).Where("group_id = ?", id).Count(ctx)
	if most := limits[quotaGroupMembers]; err == nil && most != quota.Unlimited && int(there)+n > most {
		return nil, errs.New(errs.Quota, "Quota exceeded, too many servers in group")
	}
	return group, err
}

// lockGroup has others wait that would join a group, or choose a host for one of its members.
func lockGroup(ctx context.Context, tx *store.Tx, id string) error {
	return tx.Lock(ctx, "compute.group."+id)
}

// joinGroup makes a server a member of a group.
func (s *Service) joinGroup(ctx context.Context, tx *store.Tx, groupID, serverID string) error {
	return store.Insert(ctx, tx, &groupMember{ServerID: serverID, GroupID: groupID})
}

// leaveGroups ends a server's membership.
func (s *Service) leaveGroups(ctx context.Context, tx *store.Tx, serverID string) error {
	_, err := tx.Exec(ctx, "DELETE FROM compute_server_group_members WHERE server_id = ?", serverID)
	return err
}

// groupHosts gives how many members of a group each host has.
func (s *Service) groupHosts(ctx context.Context, db bun.IDB, groupID string) (map[string]int, error) {
	var rows []struct {
		Host  string
		Count int
	}
	err := db.NewSelect().Table("compute_servers").ColumnExpr("host, count(*) AS count").
		Where("host <> '' AND id IN (SELECT server_id FROM compute_server_group_members WHERE group_id = ?)", groupID).Group("host").Scan(ctx, &rows)
	hosts := make(map[string]int, len(rows))
	for _, r := range rows {
		hosts[r.Host] = r.Count
	}
	return hosts, err
}

// GroupsOf gives the groups of servers that the caller was shown, by their ids.
func (s *Service) GroupsOf(ctx context.Context, serverIDs []string) (map[string][]string, error) {
	groups := make(map[string][]string, len(serverIDs))
	if len(serverIDs) == 0 {
		return groups, nil
	}
	var members []groupMember
	err := s.DB.Read().NewSelect().Model(&members).Where("server_id IN (?)", bun.List(serverIDs)).Scan(ctx)
	for _, m := range members {
		groups[m.ServerID] = append(groups[m.ServerID], m.GroupID)
	}
	return groups, err
}
