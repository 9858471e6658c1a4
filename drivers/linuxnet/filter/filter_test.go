package filter

import (
	"net/netip"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/vishvananda/netlink"

	"github.com/cumulite/cumulite/network"
	"github.com/cumulite/cumulite/platform/errs"
)

func rule(change func(r *network.RuleSpec)) network.GroupSpec {
	r := network.RuleSpec{Direction: network.Ingress, Protocol: tcp, PortMin: 1, PortMax: 2}
	change(&r)
	return network.GroupSpec{ID: "g", Rules: []network.RuleSpec{r}}
}

func TestRulesThatCannotBeExpressedAreRefusedNotWidened(t *testing.T) {
	for what, change := range map[string]func(r *network.RuleSpec){
		"ports backwards":       func(r *network.RuleSpec) { r.PortMin, r.PortMax = 2, 1 },
		"a port too high":       func(r *network.RuleSpec) { r.PortMax = 1 << 16 },
		"half a range":          func(r *network.RuleSpec) { r.PortMin = -1 },
		"no direction":          func(r *network.RuleSpec) { r.Direction = "" },
		"a protocol too high":   func(r *network.RuleSpec) { r.Protocol = 256 },
		"a negative protocol":   func(r *network.RuleSpec) { r.Protocol = -1 },
		"ports of no protocol":  func(r *network.RuleSpec) { r.Protocol = 0 },
		"ports of GRE":          func(r *network.RuleSpec) { r.Protocol = 47 },
		"an ICMP type too high": func(r *network.RuleSpec) { r.Protocol, r.PortMin = icmp, 256 },
		"an ICMP code alone":    func(r *network.RuleSpec) { r.Protocol, r.PortMin, r.PortMax = icmp, -1, 0 },
		"an IPv6 remote":        func(r *network.RuleSpec) { r.Remote = netip.MustParsePrefix("::/0") },
	} {
		require.Equal(t, errs.NotSupported, errs.KindOf(check(rule(change))), what)
	}
	for what, change := range map[string]func(r *network.RuleSpec){
		"a range":              func(*network.RuleSpec) {},
		"one port":             func(r *network.RuleSpec) { r.PortMin = 2 },
		"port 0":               func(r *network.RuleSpec) { r.PortMin, r.PortMax = 0, 0 },
		"all ports":            func(r *network.RuleSpec) { r.PortMin, r.PortMax = -1, -1 },
		"everything":           func(r *network.RuleSpec) { r.Protocol, r.PortMin, r.PortMax = 0, -1, -1 },
		"an ICMP type":         func(r *network.RuleSpec) { r.Protocol, r.PortMin, r.PortMax = icmp, 8, -1 },
		"IPv6, which is moot":  func(r *network.RuleSpec) { r.IPv6, r.Remote = true, netip.MustParsePrefix("::/0") },
		"a protocol by number": func(r *network.RuleSpec) { r.Protocol, r.PortMin, r.PortMax = 112, -1, -1 },
	} {
		require.NoError(t, check(rule(change)), what)
	}
}

func TestOnlyWhatTakesSomethingAwayIsNarrower(t *testing.T) {
	a, b := netip.MustParsePrefix("10.0.0.1/32"), netip.MustParsePrefix("10.0.0.0/25")
	r := network.RuleSpec{Direction: network.Ingress}
	old := network.GroupSpec{Stateful: true, Rules: []network.RuleSpec{r}, Members: []netip.Prefix{a}}
	wider := old
	wider.Rules, wider.Members = append([]network.RuleSpec{{Direction: network.Egress}}, r), []netip.Prefix{b, a}
	require.False(t, narrower(old, wider))
	require.False(t, narrower(network.GroupSpec{}, wider))
	require.True(t, narrower(wider, old))
	left, stateless := old, old
	left.Members, stateless.Stateful = nil, false
	require.True(t, narrower(old, left))
	require.True(t, narrower(old, stateless))
}

func TestConnectionsAreJudgedByTheirFirstDirection(t *testing.T) {
	ip := netip.MustParseAddr
	in := network.GroupSpec{Stateful: true, Rules: []network.RuleSpec{
		{Direction: network.Ingress, Protocol: tcp, PortMin: 80, PortMax: 90, RemoteGroup: "friends"},
		{Direction: network.Ingress, Protocol: icmp, PortMin: 8, PortMax: 0, Remote: netip.MustParsePrefix("10.0.0.0/25")},
	}}
	f := Filter{
		bridges: map[string]Bridge{"n": {Zone: 7}},
		groups:  map[string]network.GroupSpec{"in": in, "friends": {Members: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/31")}}},
		ports: map[string]Port{
			"server": {Network: "n", Secure: true, Groups: []string{"in"}, Fixed: []netip.Addr{ip("10.0.0.9")}},
			"loose":  {Network: "n", Fixed: []netip.Addr{ip("10.0.0.8")}},
			"paired": {Network: "n", Secure: true, Pairs: []Pair{{Prefix: netip.MustParsePrefix("10.0.0.128/25")}}},
			"shut":   {Network: "n", Blocked: true, Fixed: []netip.Addr{ip("10.0.0.7")}},
		},
		ending: []Port{{Network: "n", Fixed: []netip.Addr{ip("10.0.0.6")}}},
	}
	ends := func(zone uint16, from, to string, protocol uint8, port uint16) bool {
		return f.judge().MatchConntrackFlow(&netlink.ConntrackFlow{Zone: zone, Forward: netlink.IPTuple{
			Protocol: protocol, SrcIP: ip(from).AsSlice(), DstIP: ip(to).AsSlice(), DstPort: port,
		}})
	}
	require.False(t, ends(7, "10.0.0.1", "10.0.0.9", tcp, 85))
	require.True(t, ends(7, "10.0.0.1", "10.0.0.9", tcp, 91), "another port")
	require.True(t, ends(7, "10.0.0.2", "10.0.0.9", tcp, 85), "no friend")
	require.True(t, ends(7, "10.0.0.9", "10.0.0.1", tcp, 85), "the other direction")
	require.False(t, ends(8, "10.0.0.9", "10.0.0.1", tcp, 85), "not ours")
	require.False(t, ends(7, "10.0.0.2", "10.0.0.9", icmp, 0))
	require.True(t, ends(7, "10.0.0.200", "10.0.0.9", icmp, 0), "outside the remote, and of a port that allows nothing")
	require.False(t, ends(7, "10.0.0.8", "10.9.9.9", udp, 1), "without port security")
	require.True(t, ends(7, "10.0.0.130", "10.9.9.9", udp, 1), "an allowed pair is of the port")
	require.True(t, ends(7, "10.9.9.9", "10.0.0.7", tcp, 1), "a disabled port")
	require.True(t, ends(7, "10.9.9.9", "10.0.0.6", tcp, 1), "a port that is gone")
	require.False(t, ends(7, "10.0.0.9", "169.254.169.254", tcp, 80), "metadata")
	require.False(t, ends(7, "10.9.9.9", "10.9.9.8", tcp, 80), "nobody's here")
}
