package filter

import (
	"net/netip"
	"slices"

	"github.com/cumulite/cumulite/drivers/linuxnet/nft"
	"github.com/cumulite/cumulite/network"
	"github.com/cumulite/cumulite/platform/errs"
)

// ported are the protocols that have ports: TCP, UDP, DCCP, SCTP, UDP-Lite.
var ported = map[int]bool{tcp: true, udp: true, 33: true, 132: true, 136: true}

func leavingGroup(id string) string { return "leave-group-" + id }
func comingGroup(id string) string  { return "come-group-" + id }

func (l layout) members(id string) nft.Set {
	return nft.Set{Table: l.frames, Name: "members-" + id, Kind: nft.Addresses}
}

// makeGroup makes what others refer to of a group. It allows nothing and has
// no members.
func (l layout) makeGroup(b *nft.Batch, id string) {
	b.Set(l.members(id))
	b.Chain(l.frames, leavingGroup(id))
	b.Chain(l.frames, comingGroup(id))
}

func (l layout) removeGroup(b *nft.Batch, id string) {
	b.RemoveChain(l.frames, leavingGroup(id))
	b.RemoveChain(l.frames, comingGroup(id))
	b.RemoveSet(l.members(id))
}

func (l layout) setGroup(b *nft.Batch, g network.GroupSpec) {
	b.Replace(l.members(g.ID), ipv4(g.Members))
	b.Chain(l.frames, leavingGroup(g.ID), l.groupRules(g, network.Egress)...)
	b.Chain(l.frames, comingGroup(g.ID), l.groupRules(g, network.Ingress)...)
}

func ipv4(all []netip.Prefix) []netip.Prefix {
	return slices.DeleteFunc(slices.Clone(all), func(p netip.Prefix) bool { return !p.Addr().Is4() })
}

// groupRules are those for IPv4; of IPv6 nothing passes anyway.
func (l layout) groupRules(g network.GroupSpec, d network.Direction) []nft.Rule {
	var rules []nft.Rule
	if g.Stateful {
		rules = append(rules, nft.Of(nft.Marked(answer), nft.Accept))
	}
	for _, r := range g.Rules {
		if r.Direction == d && !r.IPv6 {
			rules = append(rules, l.groupRule(r))
		}
	}
	return rules
}

func (l layout) groupRule(r network.RuleSpec) nft.Rule {
	far, farIn := nft.Source, nft.SourceIn
	if r.Direction == network.Egress {
		far, farIn = nft.Dest, nft.DestIn
	}
	var rule nft.Rule
	if r.Remote.IsValid() {
		rule = nft.Of(rule, far(r.Remote))
	}
	if r.RemoteGroup != "" {
		rule = nft.Of(rule, farIn(l.members(r.RemoteGroup).Name))
	}
	if r.Protocol != 0 {
		rule = nft.Of(rule, nft.Protocol(r.Protocol))
	}
	switch {
	case ported[r.Protocol] && r.PortMin >= 0:
		rule = nft.Of(rule, nft.DestPorts(r.PortMin, r.PortMax))
	case r.Protocol == icmp && r.PortMin >= 0:
		rule = nft.Of(rule, nft.ICMPType(r.PortMin))
		if r.PortMax >= 0 {
			rule = nft.Of(rule, nft.ICMPCode(r.PortMax))
		}
	}
	return nft.Of(rule, nft.Accept)
}

// check refuses groups with rules that say what this filter cannot.
func check(g network.GroupSpec) error {
	for _, r := range g.Rules {
		if !r.IPv6 && !expressible(r) {
			return errs.New(errs.NotSupported, "Security group %s has a rule that this host cannot express: %+v.", g.ID, r)
		}
	}
	return nil
}

func expressible(r network.RuleSpec) bool {
	if r.Direction != network.Ingress && r.Direction != network.Egress || r.Protocol < 0 || r.Protocol > 255 {
		return false
	}
	if r.Remote.IsValid() && !r.Remote.Addr().Is4() {
		return false
	}
	switch {
	case ported[r.Protocol]:
		return r.PortMin < 0 && r.PortMax < 0 || r.PortMin >= 0 && r.PortMin <= r.PortMax && r.PortMax <= 0xffff
	case r.Protocol == icmp:
		return r.PortMin <= 255 && r.PortMax <= 255 && (r.PortMin >= 0 || r.PortMax < 0)
	}
	return r.PortMin <= 0 && r.PortMax <= 0
}
