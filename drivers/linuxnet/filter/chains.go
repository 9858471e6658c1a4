package filter

import (
	"net"
	"net/netip"

	"github.com/google/nftables"

	"github.com/cumulite/cumulite/drivers/linuxnet/nft"
)

// The places of the base chains, in the order in which a frame meets them.
// Connections are looked up at -200 in the IP family, which is at 0 in the
// bridge family's prerouting; in its forward, what is shown to the IP family at 0
// comes back behind all chains there.
var (
	atSender  = nft.Hook{Type: nftables.ChainTypeFilter, At: nftables.ChainHookPrerouting, Priority: -300}
	atZone    = nft.Hook{Type: nftables.ChainTypeFilter, At: nftables.ChainHookPrerouting, Priority: -450} // before fragments are joined
	atState   = nft.Hook{Type: nftables.ChainTypeFilter, At: nftables.ChainHookPrerouting, Priority: -150}
	atLeaving = nft.Hook{Type: nftables.ChainTypeFilter, At: nftables.ChainHookPrerouting, Priority: 100}
	atHost    = nft.Hook{Type: nftables.ChainTypeFilter, At: nftables.ChainHookInput, Priority: 0}
	atAcross  = nft.Hook{Type: nftables.ChainTypeFilter, At: nftables.ChainHookForward, Priority: -100}
	atForward = nft.Hook{Type: nftables.ChainTypeFilter, At: nftables.ChainHookForward, Priority: 0}
	atComing  = nft.Hook{Type: nftables.ChainTypeFilter, At: nftables.ChainHookPostrouting, Priority: 0}
)

var (
	metadata = netip.MustParsePrefix("169.254.169.254/32")
	nobody   = netip.MustParsePrefix("0.0.0.0/32")
)

const (
	icmp, tcp, udp = 1, 6, 17
	http           = 80
	dhcpServer     = 67
	dhcpClient     = 68
)

// layout is where a filter keeps things.
type layout struct {
	Names
	frames, packets                 nft.Table
	senders, leaving, coming, zones nft.Set
	tunnels, segments               nft.Set
}

func layoutOf(n Names) layout {
	frames := nft.Table{Name: n.Table, Family: nftables.TableFamilyBridge}
	packets := nft.Table{Name: n.Table, Family: nftables.TableFamilyIPv4}
	return layout{
		Names: n, frames: frames, packets: packets,
		senders: nft.Set{Table: frames, Name: "senders", Kind: nft.LinkVerdicts},
		leaving: nft.Set{Table: frames, Name: "leaving", Kind: nft.LinkVerdicts},
		coming:  nft.Set{Table: frames, Name: "coming", Kind: nft.LinkVerdicts},
		zones:   nft.Set{Table: packets, Name: "zones", Kind: nft.LinkZones},

		tunnels:  nft.Set{Table: packets, Name: "tunnels", Kind: nft.Tunnels},
		segments: nft.Set{Table: packets, Name: "segments", Kind: nft.Segments},
	}
}

// base makes the chains that do not depend on any object. A tap that no map
// knows sends and gets nothing. The host itself gets nothing from a bridge:
// where it is on a network, it has a link of its own plugged in.
func (l layout) base(b *nft.Batch) {
	for _, s := range []nft.Set{l.senders, l.leaving, l.coming, l.zones, l.tunnels, l.segments} {
		b.Set(s)
	}
	b.Base(l.frames, "sender", atSender,
		nft.Of(nft.In.BeginsNot(l.Links), nft.Accept),
		nft.Unmark(answer),
		nft.Of(nft.In.BeginsNot(l.Metadata), nft.IPv4, nft.Source(metadata), nft.Drop),
		nft.Of(nft.In.BeginsNot(l.Metadata), nft.ARP, nft.ARPSenderIP(metadata), nft.Drop),
		nft.In.Verdict(l.senders.Name),
		nft.Of(nft.In.Begins(l.Taps), nft.Drop),
		nft.Of(nft.IPv4, nft.Dest(metadata), nft.Drop),
		nft.Of(nft.ARP, nft.ARPTarget(metadata), nft.Drop))
	b.Base(l.frames, "leave", atLeaving, nft.In.Verdict(l.leaving.Name))
	b.Base(l.frames, "host", atHost, nft.Of(nft.In.Begins(l.Links), nft.Drop))
	b.Base(l.frames, "come", atComing,
		nft.Of(nft.Out.Begins(l.Metadata), nft.IPv4, nft.Dest(metadata), nft.Protocol(tcp), nft.DestPorts(http, http), nft.Accept),
		nft.Of(nft.Out.Begins(l.Metadata), nft.ARP, nft.ARPTarget(metadata), nft.Accept),
		nft.Of(nft.Out.Begins(l.Metadata), nft.Drop),
		nft.Out.Verdict(l.coming.Name),
		nft.Of(nft.Out.Begins(l.Taps), nft.Drop))
	l.baseTunnels(b)

	b.Base(l.packets, "zone", atZone, nft.In.Zone(l.zones.Name))
	b.Base(l.packets, "state", atState,
		nft.Of(nft.In.Begins(l.Bridges), nft.Related, nft.Mark(answer)),
		nft.Of(nft.In.Begins(l.Bridges), nft.Established, nft.Answering, nft.Mark(answer)))
}

// baseTunnels says what goes to and comes from other hosts. The services of a
// host are for its own ports: the metadata service and the host itself have the
// same addresses everywhere. A segment that is ours is taken from its peers
// only; what guests send by way of the host is never taken for a tunnel.
func (l layout) baseTunnels(b *nft.Batch) {
	toService := func(r ...nft.Rule) nft.Rule { return nft.Of(nft.Out.Begins(l.Tunnels), nft.Of(r...), nft.Drop) }
	b.Base(l.frames, "tunnel", atAcross,
		toService(nft.In.Begins(l.Metadata)), toService(nft.In.Begins(l.Plugs)),
		toService(nft.IPv4, nft.Dest(metadata)), toService(nft.ARP, nft.ARPTarget(metadata)),
		nft.Of(nft.In.Begins(l.Tunnels), nft.Out.Begins(l.Plugs), nft.Drop),
		nft.Of(nft.Out.Begins(l.Tunnels), nft.Unmark(answer)))
	guests := nft.Of(nft.VXLAN, nft.In.Begins(l.Hosts), nft.Drop)
	b.Base(l.packets, "tunnel", atHost, guests,
		nft.Of(nft.VXLAN, nft.TunnelIn(l.tunnels.Name), nft.Accept),
		nft.Of(nft.VXLAN, nft.SegmentIn(l.segments.Name), nft.Drop))
	b.Base(l.packets, "forward", atForward, guests)
}

func (l layout) setBridge(b *nft.Batch, br Bridge) {
	b.Add(l.zones, nft.Link{Name: br.Link, Zone: br.Zone})
	if br.Segment > 0 {
		b.AddSegment(l.segments, br.Segment)
		b.AddTunnels(l.tunnels, br.Segment, br.Peers)
	}
}

func (l layout) removeBridge(b *nft.Batch, br Bridge) {
	b.Take(l.zones, nft.Link{Name: br.Link, Zone: br.Zone})
	if br.Segment > 0 {
		b.TakeSegment(l.segments, br.Segment)
		b.TakeTunnels(l.tunnels, br.Segment, br.Peers)
	}
}

// The names of a port's chains.
func senderChain(id string) string  { return "sender-" + id }
func leavingChain(id string) string { return "leave-" + id }
func comingChain(id string) string  { return "come-" + id }

func (l layout) setPort(b *nft.Batch, id string, p Port) {
	b.Chain(l.frames, senderChain(id), senderRules(p)...)
	b.Chain(l.frames, leavingChain(id), p.groupRules(leavingGroup, nft.Dest, dhcpClient, dhcpServer)...)
	b.Chain(l.frames, comingChain(id), append(p.overheard(), p.groupRules(comingGroup, nft.Source, dhcpServer, dhcpClient)...)...)
	b.Add(l.senders, nft.Link{Name: p.Tap, Jump: senderChain(id)})
	b.Add(l.leaving, nft.Link{Name: p.Tap, Jump: leavingChain(id)})
	b.Add(l.coming, nft.Link{Name: p.Tap, Jump: comingChain(id)})
}

func (l layout) removePort(b *nft.Batch, id string, p Port) {
	b.Take(l.senders, nft.Link{Name: p.Tap, Jump: senderChain(id)})
	b.Take(l.leaving, nft.Link{Name: p.Tap, Jump: leavingChain(id)})
	b.Take(l.coming, nft.Link{Name: p.Tap, Jump: comingChain(id)})
	for _, c := range []string{senderChain(id), leavingChain(id), comingChain(id)} {
		b.RemoveChain(l.frames, c)
	}
}

// senderRules say which frames a port may send at all. Whatever else is
// allowed, the metadata service hears from a port only by its own addresses,
// and by whatever way the guest sent it.
func senderRules(p Port) []nft.Rule {
	if p.Blocked {
		return []nft.Rule{nft.Drop}
	}
	var rules []nft.Rule
	for _, a := range p.Fixed {
		own := netip.PrefixFrom(a, 32)
		rules = append(rules,
			nft.Of(nft.EtherSource(p.MAC), nft.IPv4, nft.Source(own), nft.Dest(metadata), nft.Protocol(tcp), nft.DestPorts(http, http),
				nft.SetEtherDest(p.Metadata), nft.Accept),
			nft.Of(nft.EtherSource(p.MAC), nft.ARP, nft.ARPSender(p.MAC, own), nft.ARPTarget(metadata), nft.Accept))
	}
	rules = append(rules,
		nft.Of(nft.IPv4, nft.Dest(metadata), nft.Drop),
		nft.Of(nft.ARP, nft.ARPTarget(metadata), nft.Drop))
	if !p.Secure {
		return append(rules, nft.Accept)
	}
	return append(rules, antiSpoofing(p)...)
}

func antiSpoofing(p Port) []nft.Rule {
	rules := []nft.Rule{nft.Of(nft.IPv4, nft.Protocol(udp), nft.SourcePort(dhcpServer), nft.Drop)}
	if p.DHCP {
		rules = append(rules, nft.Of(nft.IPv4, nft.Protocol(udp), nft.DestPorts(dhcpServer, dhcpServer), nft.Drop))
	} else {
		rules = append(rules, nft.Of(nft.EtherSource(p.MAC), nft.IPv4, nft.Source(nobody), dhcp(dhcpClient, dhcpServer), nft.Accept))
	}
	for _, s := range p.senders() {
		rules = append(rules,
			nft.Of(nft.EtherSource(s.MAC), nft.IPv4, nft.Source(s.Prefix), nft.Accept),
			nft.Of(nft.EtherSource(s.MAC), nft.ARP, nft.ARPSender(s.MAC, s.Prefix), nft.Accept),
			nft.Of(nft.EtherSource(s.MAC), nft.ARP, nft.ARPRequest, nft.ARPSender(s.MAC, nobody), nft.Accept)) // is it free?
	}
	return append(rules, nft.Drop)
}

// senders are the port itself and its pairs.
func (p Port) senders() []Pair {
	var all []Pair
	for _, a := range p.Fixed {
		all = append(all, Pair{MAC: p.MAC, Prefix: netip.PrefixFrom(a, 32)})
	}
	return append(all, p.Pairs...)
}

// overheard keeps from a port what is for others, and comes along while the
// bridge does not know where they are.
func (p Port) overheard() []nft.Rule {
	if !p.Secure {
		return nil
	}
	own := []net.HardwareAddr{p.MAC}
	for _, pair := range p.Pairs {
		own = append(own, pair.MAC)
	}
	return []nft.Rule{nft.Of(nft.NotFor(own...), nft.Drop)}
}

func dhcp(from, to int) nft.Rule {
	return nft.Of(nft.Protocol(udp), nft.SourcePort(from), nft.DestPorts(to, to))
}

// groupRules say which packets pass a port in one direction: those of its
// groups, and what no group need allow.
func (p Port) groupRules(chain func(string) string, far func(netip.Prefix) nft.Rule, from, to int) []nft.Rule {
	switch {
	case p.Blocked:
		return []nft.Rule{nft.Drop}
	case !p.Secure:
		return []nft.Rule{nft.Accept}
	}
	rules := []nft.Rule{
		nft.Of(nft.ARP, nft.Accept),
		nft.Of(nft.NotIPv4, nft.Drop),
		nft.Of(far(metadata), nft.Accept),
	}
	if !p.DHCP {
		rules = append(rules, nft.Of(dhcp(from, to), nft.Accept))
	}
	for _, id := range p.Groups {
		rules = append(rules, nft.Jump(chain(id)))
	}
	return append(rules, nft.Drop)
}
