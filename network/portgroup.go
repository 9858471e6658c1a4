package network

import (
	"context"
	"slices"

	"github.com/uptrace/bun"

	"github.com/cumulite/cumulite/platform/store"
)

// portGroup says that a port is a member of a security group.
type portGroup struct {
	bun.BaseModel `bun:"table:network_port_groups,alias:port_group"`
	PortID        string `bun:"port_id,pk"`
	GroupID       string `bun:"group_id,pk"`
}

func loadPortGroups(ctx context.Context, db bun.IDB, rows []Port) error {
	byID, ids := portsByID(rows)
	for _, p := range byID {
		p.Groups = []string{}
	}
	var all []portGroup
	err := db.NewSelect().Model(&all).Where("port_id IN (?)", bun.List(ids)).Order("group_id").Scan(ctx)
	for _, m := range all {
		byID[m.PortID].Groups = append(byID[m.PortID].Groups, m.GroupID)
	}
	return err
}

// chooseGroups gives a new port the groups that were asked for, or else its
// project's default group. The service's own ports, and those without port
// security, have none.
func (s *Service) chooseGroups(ctx context.Context, tx *store.Tx, p *Port, asked *[]string) error {
	switch {
	case asked != nil:
		p.Groups = slices.Compact(slices.Sorted(slices.Values(*asked)))
		return s.checkPortGroups(ctx, tx, p.ProjectID, p.Groups)
	case !p.PortSecurity || p.own():
		return nil
	}
	id, err := s.defaultGroup(ctx, tx, p.ProjectID)
	p.Groups = []string{id}
	return err
}

// storeGroups writes a port's groups, and tells the hosts of their members.
func (s *Service) storeGroups(ctx context.Context, tx *store.Tx, p *Port) error {
	for _, id := range p.Groups {
		if err := store.Insert(ctx, tx, &portGroup{PortID: p.ID, GroupID: id}); err != nil {
			return err
		}
	}
	return s.touchGroups(ctx, tx, p.Groups)
}

// changeGroups gives a port other groups.
func (s *Service) changeGroups(ctx context.Context, tx *store.Tx, p *Port, to []string) error {
	before := p.Groups
	p.Groups = slices.Compact(slices.Sorted(slices.Values(to)))
	if err := s.checkPortGroups(ctx, tx, p.ProjectID, p.Groups); err != nil {
		return err
	}
	if _, err := tx.Exec(ctx, "DELETE FROM network_port_groups WHERE port_id = ?", p.ID); err != nil {
		return err
	}
	if err := s.storeGroups(ctx, tx, p); err != nil {
		return err
	}
	return s.touchGroups(ctx, tx, before)
}

// touchGroups tells the hosts that have groups that their members changed. A
// port that comes to a host brings its groups there.
func (s *Service) touchGroups(ctx context.Context, tx *store.Tx, ids []string) error {
	for _, id := range ids {
		if err := s.touchPlaced(ctx, tx, id); err != nil {
			return err
		}
	}
	return nil
}
