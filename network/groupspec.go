package network

import (
	"context"
	"net/netip"
	"slices"

	"github.com/uptrace/bun"

	"github.com/cumulite/cumulite/platform/store"
)

// groupSpec gives a group as hosts realise it; false when it is not there (any more).
func groupSpec(ctx context.Context, db bun.IDB, id string) (GroupSpec, bool, error) {
	g, err := store.Get[SecurityGroup](ctx, db, id)
	if store.IsNone(err) {
		return GroupSpec{}, false, nil
	}
	if err != nil {
		return GroupSpec{}, false, err
	}
	rows := []SecurityGroup{*g}
	if err := loadRules(ctx, db, rows); err != nil {
		return GroupSpec{}, false, err
	}
	spec := GroupSpec{ID: id, Stateful: g.Stateful, Rules: make([]RuleSpec, len(rows[0].Rules))}
	for i := range rows[0].Rules {
		spec.Rules[i] = rows[0].Rules[i].spec()
	}
	spec.Members, err = groupMembers(ctx, db, id)
	return spec, true, err
}

// spec gives a rule as hosts realise it.
func (r *SecurityGroupRule) spec() RuleSpec {
	spec := RuleSpec{
		Direction: r.Direction, IPv6: r.Ethertype == ethertypeIPv6, Protocol: protocolNumber(r.Protocol),
		PortMin: -1, PortMax: -1, RemoteGroup: r.RemoteGroupID,
	}
	set(&spec.PortMin, r.PortMin)
	set(&spec.PortMax, r.PortMax)
	if p, err := netip.ParsePrefix(r.RemoteIPPrefix); err == nil {
		spec.Remote = p.Masked()
	}
	return spec
}

// groupMembers gives the addresses that the ports in a group have or may
// take: their own and those of their allowed pairs.
func groupMembers(ctx context.Context, db bun.IDB, id string) ([]netip.Prefix, error) {
	var texts []string
	in := db.NewSelect().Table("network_port_groups").Column("port_id").Where("group_id = ?", id)
	if err := db.NewSelect().Table("network_allocations").Column("ip").Where("port_id IN (?)", in).Scan(ctx, &texts); err != nil {
		return nil, err
	}
	members := make([]netip.Prefix, 0, len(texts))
	for _, text := range texts {
		a, err := netip.ParseAddr(text)
		if err != nil {
			return nil, err
		}
		members = append(members, netip.PrefixFrom(a, a.BitLen()))
	}
	var with []Port
	if err := db.NewSelect().Model(&with).Column("pairs").Where("id IN (?) AND pairs NOT IN ('[]', 'null', '')", in).Scan(ctx); err != nil {
		return nil, err
	}
	for i := range with {
		for _, pair := range with[i].Pairs {
			if p, err := prefixOf(pair.IP); err == nil {
				members = append(members, p.Masked())
			}
		}
	}
	slices.SortFunc(members, netip.Prefix.Compare)
	return slices.Compact(members), nil
}

// groupsForPort gives the groups that a port's host must have: its own, and
// those that their rules name.
func groupsForPort(ctx context.Context, db bun.IDB, portID string) (ids []string, err error) {
	err = db.NewRaw(`SELECT group_id FROM network_port_groups WHERE port_id = ?
		UNION SELECT rule.remote_group_id FROM network_rules AS rule JOIN network_port_groups AS member ON member.group_id = rule.group_id
		WHERE member.port_id = ? AND rule.remote_group_id <> ''
		ORDER BY 1`, portID, portID).Scan(ctx, &ids)
	return ids, err
}
