package network_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/cumulite/cumulite/network"
	"github.com/cumulite/cumulite/platform/errs"
	"github.com/cumulite/cumulite/platform/quota"
	"github.com/cumulite/cumulite/platform/store"
)

func TestRulesThatMakeNoSense(t *testing.T) {
	s := newSite(t)
	g := s.group("web")
	type rule = network.CreateSecurityGroupRule
	for code, all := range map[string][]rule{
		"":                                  {{Direction: "sideways"}},
		"SecurityGroupRuleInvalidEtherType": {{Ethertype: "IPv5"}},
		"SecurityGroupRuleInvalidProtocol":  {{Protocol: "tpc"}, {Protocol: "256"}, {Protocol: "-1"}, {Protocol: "6.0"}},
		"SecurityGroupInvalidPortValue": {{Protocol: "tcp", PortMin: to(-1), PortMax: to(5)}, {Protocol: "tcp", PortMin: to(1), PortMax: to(65536)},
			{Protocol: "udp", PortMin: to(0), PortMax: to(5)}},
		"SecurityGroupInvalidPortRange":              {{Protocol: "tcp", PortMin: to(5), PortMax: to(4)}, {Protocol: "sctp", PortMin: to(5)}, {Protocol: "17", PortMax: to(5)}},
		"SecurityGroupProtocolRequiredWithPorts":     {{PortMin: to(5), PortMax: to(5)}, {Protocol: "any", PortMin: to(5), PortMax: to(6)}},
		"SecurityGroupInvalidProtocolForPort":        {{Protocol: "gre", PortMin: to(5), PortMax: to(5)}},
		"SecurityGroupInvalidIcmpValue":              {{Protocol: "icmp", PortMin: to(256)}, {Protocol: "1", PortMin: to(8), PortMax: to(300)}},
		"SecurityGroupMissingIcmpType":               {{Protocol: "icmp", PortMax: to(0)}},
		"InvalidCIDR":                                {{RemoteIPPrefix: "10.0.0.0/33"}, {RemoteIPPrefix: "ten"}, {RemoteIPPrefix: "fe80::1%eth0", Ethertype: "IPv6"}},
		"SecurityGroupRuleParameterConflict":         {{RemoteIPPrefix: "::/0"}, {RemoteIPPrefix: "10.0.0.1", Ethertype: "IPv6"}},
		"SecurityGroupEthertypeConflictWithProtocol": {{Protocol: "ipv6-icmp"}, {Protocol: "58"}, {Protocol: "ipv6-frag"}},
		"SecurityGroupMultipleRemoteEntites":         {{RemoteIPPrefix: "10.0.0.0/8", RemoteGroupID: g.ID}},
	} {
		for _, in := range all {
			in.GroupID = g.ID
			if in.Direction == "" {
				in.Direction = network.Ingress
			}
			_, err := s.CreateSecurityGroupRule(s.ann, in)
			s.requireFault(err, errs.Invalid, code)
		}
	}
	require.Len(t, ok(s.GetSecurityGroup(s.ann, g.ID))(s).Rules, 2)
}

func TestRulesAreKeptInOneForm(t *testing.T) {
	s := newSite(t)
	s.limit("ann", "security_group", quota.Unlimited)
	type rule = network.CreateSecurityGroupRule
	for name, c := range map[string]struct {
		in   rule
		want network.SecurityGroupRule
		cidr string
	}{
		"defaults":          {rule{}, network.SecurityGroupRule{Ethertype: "IPv4"}, ""},
		"any":               {rule{Protocol: "any", Ethertype: "ipv6"}, network.SecurityGroupRule{Ethertype: "IPv6"}, ""},
		"names":             {rule{Protocol: "TCP", PortMin: to(80), PortMax: to(80)}, network.SecurityGroupRule{Ethertype: "IPv4", Protocol: "tcp", PortMin: to(80), PortMax: to(80)}, ""},
		"numbers":           {rule{Protocol: "6"}, network.SecurityGroupRule{Ethertype: "IPv4", Protocol: "6"}, ""},
		"any by its name":   {rule{Protocol: "IP"}, network.SecurityGroupRule{Ethertype: "IPv4", Protocol: "ip"}, ""},
		"all ports":         {rule{Protocol: "udp", PortMin: to(1), PortMax: to(65535)}, network.SecurityGroupRule{Ethertype: "IPv4", Protocol: "udp"}, ""},
		"ping":              {rule{Protocol: "icmp", PortMin: to(8), PortMax: to(0)}, network.SecurityGroupRule{Ethertype: "IPv4", Protocol: "icmp", PortMin: to(8), PortMax: to(0)}, ""},
		"ICMP of IPv6":      {rule{Protocol: "icmp", Ethertype: "IPv6"}, network.SecurityGroupRule{Ethertype: "IPv6", Protocol: "ipv6-icmp"}, ""},
		"its number":        {rule{Protocol: "1", Ethertype: "IPv6"}, network.SecurityGroupRule{Ethertype: "IPv6", Protocol: "58"}, ""},
		"an address":        {rule{RemoteIPPrefix: "10.0.0.5"}, network.SecurityGroupRule{Ethertype: "IPv4", RemoteIPPrefix: "10.0.0.5/32"}, "10.0.0.5/32"},
		"bits that are cut": {rule{RemoteIPPrefix: "10.0.0.5/24"}, network.SecurityGroupRule{Ethertype: "IPv4", RemoteIPPrefix: "10.0.0.5/24"}, "10.0.0.0/24"},
	} {
		t.Run(name, func(t *testing.T) {
			c.in.GroupID, c.in.Direction = s.group(name).ID, network.Ingress
			id := ok(s.CreateSecurityGroupRule(s.ann, c.in))(s).ID
			got := ok(s.GetSecurityGroupRule(s.ann, id))(s)
			require.Equal(t, "ann", got.ProjectID)
			require.Equal(t, c.cidr, got.NormalizedCIDR())
			c.want.Standard, c.want.GroupID, c.want.Direction, c.want.Content = got.Standard, got.GroupID, network.Ingress, got.Content
			require.Equal(t, c.want, *got)
		})
	}
}

func TestRuleThatIsThereAlready(t *testing.T) {
	s := newSite(t)
	g := s.group("web")
	in := network.CreateSecurityGroupRule{GroupID: g.ID, Direction: network.Ingress, Protocol: "tcp", PortMin: to(22), PortMax: to(22)}
	first := ok(s.CreateSecurityGroupRule(s.ann, in))(s)
	for _, same := range []func(*network.CreateSecurityGroupRule){
		func(r *network.CreateSecurityGroupRule) {}, func(r *network.CreateSecurityGroupRule) { r.Protocol = "6" },
		func(r *network.CreateSecurityGroupRule) { r.RemoteIPPrefix = "0.0.0.0/0" },
		func(r *network.CreateSecurityGroupRule) { r.Description = "but why" },
	} {
		again := in
		same(&again)
		_, err := s.CreateSecurityGroupRule(s.ann, again)
		s.requireFault(err, errs.Conflict, "SecurityGroupRuleExists")
		require.Equal(t, "Security group rule already exists. Rule id is "+first.ID+".", errs.Message(err))
	}
	in.RemoteIPPrefix = "10.0.0.0/8"
	ok(s.CreateSecurityGroupRule(s.ann, in))(s)
}

func TestSeveralRulesAreMadeTogetherOrNotAtAll(t *testing.T) {
	s := newSite(t)
	g := s.group("web")
	rule := func(port int) network.CreateSecurityGroupRule {
		return network.CreateSecurityGroupRule{GroupID: g.ID, Direction: network.Ingress, Protocol: "tcp", PortMin: &port, PortMax: &port}
	}
	all := []network.CreateSecurityGroupRule{rule(80), rule(443)}
	require.Len(t, ok(s.CreateSecurityGroupRules(s.ann, all))(s), 2)

	_, err := s.CreateSecurityGroupRules(s.ann, []network.CreateSecurityGroupRule{rule(81), rule(81)})
	s.requireFault(err, errs.Conflict, "DuplicateSecurityGroupRuleInPost")
	_, err = s.CreateSecurityGroupRules(s.ann, []network.CreateSecurityGroupRule{rule(81), rule(443)})
	s.requireFault(err, errs.Conflict, "SecurityGroupRuleExists")
	apart := rule(81)
	apart.GroupID = s.group("other").ID
	_, err = s.CreateSecurityGroupRules(s.ann, []network.CreateSecurityGroupRule{rule(82), apart})
	s.requireFault(err, errs.Invalid, "SecurityGroupNotSingleGroupRules")
	require.Len(t, ok(s.GetSecurityGroup(s.ann, g.ID))(s).Rules, 4)
}

func TestRuleRaisesTheRevisionOfItsGroup(t *testing.T) {
	s := newSite(t)
	g := s.group("web")
	require.NoError(t, s.DeleteSecurityGroupRule(s.ann, g.Rules[0].ID))
	after := ok(s.GetSecurityGroup(s.ann, g.ID))(s)
	require.Greater(t, after.Version, g.Version)
	require.Len(t, after.Rules, 1)
	require.Equal(t, 4+1, s.used("ann", "security_group_rule"))
}

func TestRulesAreFilteredByWhatTheySay(t *testing.T) {
	s := newSite(t)
	g := s.group("web")
	ok(s.CreateSecurityGroupRule(s.ann, network.CreateSecurityGroupRule{GroupID: g.ID, Direction: network.Ingress, Protocol: "tcp", PortMin: to(22), PortMax: to(23)}))(s)
	list := func(filters ...store.Filter) int {
		all, _, err := s.ListSecurityGroupRules(s.ann, store.Query{Filters: filters})
		require.NoError(t, err)
		return len(all)
	}
	require.Equal(t, 4+3, list())
	require.Equal(t, 3, list(store.Filter{Field: "security_group_id", Values: []string{g.ID}}))
	require.Equal(t, 1, list(store.Filter{Field: "port_range_min", Values: []string{"22"}}, store.Filter{Field: "protocol", Values: []string{"tcp"}}))
	require.Equal(t, 3, list(store.Filter{Field: "direction", Values: []string{"ingress"}}))
}
