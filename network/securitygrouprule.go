package network

import (
	"context"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"

	"github.com/uptrace/bun"

	"github.com/cumulite/cumulite/platform/errs"
	"github.com/cumulite/cumulite/platform/policy"
	"github.com/cumulite/cumulite/platform/store"
)

// The families of addresses that a rule is for.
const (
	ethertypeIPv4 = "IPv4"
	ethertypeIPv6 = "IPv6"
)

// SecurityGroupRule allows one kind of traffic, and its row. It belongs to the
// project of its group.
type SecurityGroupRule struct {
	bun.BaseModel `bun:"table:network_rules,alias:security_group_rule"`
	Standard
	GroupID        string    `bun:"group_id,notnull"`
	Direction      Direction `bun:"direction,notnull"`
	Ethertype      string    `bun:"ethertype,notnull"`        // "IPv4", "IPv6"
	Protocol       string    `bun:"protocol,notnull"`         // a name or a number; "" is any
	PortMin        *int      `bun:"port_min"`                 // of ICMP the type; nil is any
	PortMax        *int      `bun:"port_max"`                 // of ICMP the code; nil is any
	RemoteIPPrefix string    `bun:"remote_ip_prefix,notnull"` // as it was given, with its length; "" is any
	RemoteGroupID  string    `bun:"remote_group_id,notnull"`
	Content        string    `bun:"content,notnull"` // what makes two rules of a group the same
}

// CreateSecurityGroupRule is what a user may say of a new rule.
type CreateSecurityGroupRule struct {
	ProjectID        string // the caller\'s, or for administrators any; the rule is its group\'s in any case
	GroupID          string
	Description      string
	Direction        Direction
	Ethertype        string // in letters of either case; "" is IPv4
	Protocol         string // a name or a number; "" and "any" are any
	PortMin, PortMax *int   // of ICMP the type and the code
	RemoteIPPrefix   string // an address or a prefix
	RemoteGroupID    string
}

func (r *SecurityGroupRule) target() policy.Target {
	t := r.Standard.target()
	t["security_group:project_id"], t["security_group:tenant_id"] = r.ProjectID, r.ProjectID // of its group
	return t
}

var groupRules = kind[SecurityGroupRule, *SecurityGroupRule]{
	noun: "SecurityGroupRule", name: "security_group_rule", missing: "Security group rule %s does not exist",
	listing: store.Listing[SecurityGroupRule]{
		Columns: with(columns("direction", "ethertype", "protocol", "remote_ip_prefix", "remote_group_id"), map[string]store.Column{
			"security_group_id": {Name: "group_id"},
			"port_range_min":    {Name: "port_min", Kind: store.Int}, "port_range_max": {Name: "port_max", Kind: store.Int},
		}),
	},
	visible: own,
}

// NormalizedCIDR gives the remote prefix without the bits beyond its length; "" is any.
func (r *SecurityGroupRule) NormalizedCIDR() string {
	if p, err := netip.ParsePrefix(r.RemoteIPPrefix); err == nil {
		return p.Masked().String()
	}
	return ""
}

// CreateSecurityGroupRule adds a rule to a group.
func (s *Service) CreateSecurityGroupRule(ctx context.Context, in CreateSecurityGroupRule) (*SecurityGroupRule, error) {
	return only(s.CreateSecurityGroupRules(ctx, []CreateSecurityGroupRule{in}))
}

// CreateSecurityGroupRules adds rules to one group: all of them, or none.
func (s *Service) CreateSecurityGroupRules(ctx context.Context, in []CreateSecurityGroupRule) ([]SecurityGroupRule, error) {
	made := make([]SecurityGroupRule, len(in))
	for i, want := range in {
		if _, err := owner(ctx, want.ProjectID); err != nil {
			return nil, err
		}
		if want.GroupID != in[0].GroupID {
			return nil, errs.Invalidf("Only allowed to update rules for one security profile at a time").WithCode("SecurityGroupNotSingleGroupRules")
		}
		made[i] = SecurityGroupRule{
			Standard: Standard{Description: want.Description}, GroupID: want.GroupID, Direction: want.Direction, Ethertype: want.Ethertype,
			Protocol: want.Protocol, PortMin: want.PortMin, PortMax: want.PortMax,
			RemoteIPPrefix: want.RemoteIPPrefix, RemoteGroupID: want.RemoteGroupID,
		}
		if err := made[i].normalize(); err != nil {
			return nil, err
		}
	}
	if len(in) == 0 {
		return made, nil
	}
	return made, s.write(ctx, func(ctx context.Context, tx *store.Tx) error { return s.addRules(ctx, tx, in[0].GroupID, made) })
}

// addRules adds rules to a group that the caller named.
func (s *Service) addRules(ctx context.Context, tx *store.Tx, groupID string, made []SecurityGroupRule) error {
	g, err := groups.find(ctx, s, tx, groupID)
	if err != nil {
		return err
	}
	for i := range made {
		made[i].ID, made[i].ProjectID = "", g.ProjectID
		if err := s.policy.Check(ctx, groupRules.action("create"), made[i].target()); err != nil {
			return err
		}
		if remote := made[i].RemoteGroupID; remote != "" {
			if _, err := groups.find(ctx, s, tx, remote); err != nil {
				return err
			}
		}
	}
	if err := refuseRepeated(g, made); err != nil {
		return err
	}
	if err := s.insertRules(ctx, tx, g, made, s.use); err != nil {
		return err
	}
	return s.rulesChanged(ctx, tx, g, made)
}

// insertRules adds rules to a group, without telling hosts.
func (s *Service) insertRules(ctx context.Context, tx *store.Tx, g *SecurityGroup, made []SecurityGroupRule, count counter) error {
	for i := range made {
		made[i].ProjectID, made[i].Content = g.ProjectID, made[i].content()
		if err := groupRules.add(ctx, s, tx, &made[i], count); err != nil {
			return err
		}
	}
	return nil
}

// rulesChanged raises the revision of a group and tells the hosts that have
// it, or need those that its rules name, of the rules that came or went.
func (s *Service) rulesChanged(ctx context.Context, tx *store.Tx, g *SecurityGroup, changed []SecurityGroupRule) error {
	if err := groups.update(ctx, s, tx, g); err != nil {
		return err
	}
	about := map[string]bool{g.ID: true}
	for i := range changed {
		about[changed[i].RemoteGroupID] = true
	}
	delete(about, "")
	for _, id := range slices.Sorted(maps.Keys(about)) {
		if err := s.touch(ctx, tx, objGroup, id); err != nil {
			return err
		}
	}
	return nil
}

// refuseRepeated refuses rules that are there already, or twice among the new.
func refuseRepeated(g *SecurityGroup, made []SecurityGroupRule) error {
	seen := map[string]bool{}
	for i := range made {
		content := made[i].content()
		if seen[content] {
			return errs.Conflictf("Duplicate Security Group Rule in POST.").WithCode("DuplicateSecurityGroupRuleInPost")
		}
		seen[content] = true
	}
	for i := range g.Rules {
		if seen[g.Rules[i].content()] {
			return errs.Conflictf("Security group rule already exists. Rule id is %s.", g.Rules[i].ID).WithCode("SecurityGroupRuleExists")
		}
	}
	return nil
}

// content writes what the rule allows: the same for a protocol's name and
// number, and for any address in all its spellings.
func (r *SecurityGroupRule) content() string {
	const anything = "+"
	text := func(s string) string {
		if s == "" {
			return anything
		}
		return s
	}
	number := func(n *int) string {
		if n == nil {
			return anything
		}
		return fmt.Sprint(*n)
	}
	protocol, prefix := text(r.Protocol), text(r.RemoteIPPrefix)
	if r.Protocol != "" {
		protocol = fmt.Sprint(protocolNumber(r.Protocol))
	}
	if slices.Contains([]string{"0.0.0.0/0", "::/0"}, prefix) {
		prefix = anything
	}
	return strings.Join([]string{string(r.Direction), r.Ethertype, protocol, number(r.PortMin), number(r.PortMax), prefix, text(r.RemoteGroupID)}, " ")
}

// GetSecurityGroupRule gives a rule that the caller may see.
func (s *Service) GetSecurityGroupRule(ctx context.Context, id string) (*SecurityGroupRule, error) {
	return groupRules.find(ctx, s, s.DB.Read(), id)
}

// ListSecurityGroupRules gives a page of the rules that the caller sees, those
// of the default group among them even when nothing has used it yet.
func (s *Service) ListSecurityGroupRules(ctx context.Context, q store.Query) (rows []SecurityGroupRule, more bool, err error) {
	if err := s.ensureDefaultGroup(ctx, q); err != nil {
		return nil, false, err
	}
	return groupRules.list(ctx, s, q)
}

// DeleteSecurityGroupRule removes a rule: what it alone allowed is dropped
// from then on, also in conversations that go on.
func (s *Service) DeleteSecurityGroupRule(ctx context.Context, id string) error {
	return s.write(ctx, func(ctx context.Context, tx *store.Tx) error {
		r, err := groupRules.findFor(ctx, s, tx, "delete", id)
		if err != nil {
			return err
		}
		g, err := store.Get[SecurityGroup](ctx, tx, r.GroupID)
		if err != nil {
			return err
		}
		if err := groupRules.remove(ctx, s, tx, r); err != nil {
			return err
		}
		return s.rulesChanged(ctx, tx, g, []SecurityGroupRule{*r})
	})
}
