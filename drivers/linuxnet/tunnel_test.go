package linuxnet

import (
	"net/netip"
	"slices"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/cumulite/cumulite/drivers/linuxnet/nft"
	"github.com/cumulite/cumulite/network"
	"github.com/cumulite/cumulite/network/frame"
	"github.com/cumulite/cumulite/platform/errs"
)

// tunnelled gives a network on two machines, that one's peers are the other.
func (m *machine) tunnelled(segment int) network.NetworkSpec {
	m.t.Helper()
	p := netip.MustParsePrefix("10.1.0.0/24")
	n := network.NetworkSpec{
		Generation: 1, ID: uuid.NewString(), Type: "vxlan", Segment: segment, MTU: 1450,
		Subnets: []network.SubnetSpec{{ID: uuid.NewString(), CIDR: p, Gateway: p.Addr().Next(), DHCP: true}},
	}
	m.peers(n, m.other.opts.Tunnel)
	m.other.peers(n, m.opts.Tunnel)
	return n
}

// peers ensures a network with these peers.
func (m *machine) peers(n network.NetworkSpec, peers ...netip.Addr) {
	m.t.Helper()
	n.Peers = peers
	require.NoError(m.t, m.driver.EnsureNetwork(m.t.Context(), n))
}

// leads gives where frames of a network go that have an address; nil when its
// tunnel is not there.
func (m *machine) leads(n network.NetworkSpec, to string) (peers []string) {
	m.t.Helper()
	l, err := find(m.space, m.driver.names.link(tunnel, n.ID))
	require.NoError(m.t, err)
	if l == nil {
		return nil
	}
	all, err := m.space.Links.NeighList(l.Attrs().Index, unix.AF_BRIDGE)
	require.NoError(m.t, err)
	for _, e := range all {
		if e.IP != nil && e.HardwareAddr.String() == to {
			peers = append(peers, e.IP.String())
		}
	}
	slices.Sort(peers)
	return peers
}

func TestTunnelsLeadToPeersAndNobodyElse(t *testing.T) {
	m, o := newPair(t)
	n := m.tunnelled(7)
	a, b := m.spec(n, "10.1.0.10"), o.spec(n, "10.1.0.11")
	a.PortSecurity, b.PortSecurity = false, false
	m.ensure(a)
	o.ensure(b)
	require.Equal(t, []string{"192.0.2.2"}, m.leads(n, everyone.String()))
	require.True(t, o.reaches(b.ID, a.ID, packetOf(b, a, frame.UDP, 1, 2)))
	require.Equal(t, []string{"192.0.2.2"}, m.leads(n, b.MAC), "learned")

	third, fourth := netip.MustParseAddr("192.0.2.3"), netip.MustParseAddr("192.0.2.4")
	m.peers(n, third, o.opts.Tunnel, fourth, third)
	require.Equal(t, []string{"192.0.2.2", "192.0.2.3", "192.0.2.4"}, m.leads(n, everyone.String()))
	m.peers(n, third)
	require.Equal(t, []string{"192.0.2.3"}, m.leads(n, everyone.String()))
	require.Empty(t, m.leads(n, b.MAC), "what was learned of a peer that left")
	m.open()
	require.Equal(t, []string{"192.0.2.3"}, m.leads(n, everyone.String()))
	m.peers(n)
	require.Nil(t, m.leads(n, everyone.String()))
	require.Contains(t, m.snapshot(), "link "+m.driver.names.link(bridge, n.ID))
}

// forge sends what a tunnel of the other machine would, from an address of its own.
func (m *machine) forge(from netip.Addr, segment int, inside []byte) {
	m.t.Helper()
	var fd int
	require.NoError(m.t, m.other.space.Do(func() (err error) {
		fd, err = unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
		return err
	}))
	defer unix.Close(fd)
	require.NoError(m.t, unix.Bind(fd, &unix.SockaddrInet4{Addr: from.As4()}))
	require.NoError(m.t, unix.Sendto(fd, vxlanPayload(segment, inside), 0, &unix.SockaddrInet4{Port: nft.VXLANPort, Addr: m.opts.Tunnel.As4()}))
}

func vxlanPayload(segment int, inside []byte) []byte {
	return append([]byte{0x08, 0, 0, 0, byte(segment >> 16), byte(segment >> 8), byte(segment), 0}, inside...)
}

func TestForgedTunnelPacketsAreDropped(t *testing.T) {
	m, o := newPair(t)
	n, other := m.tunnelled(7), m.tunnelled(8)
	stranger := netip.MustParsePrefix("192.0.2.66/24")
	under, err := o.space.Links.LinkByName("under1")
	require.NoError(t, err)
	address := ipNet(stranger)
	require.NoError(t, o.space.Links.AddrAdd(under, &netlink.Addr{IPNet: &address}))
	victim := m.port(n, "10.1.0.10", m.openGroup())
	far := m.spec(n, "10.1.0.11")
	inside := encode(packetOf(far, victim, frame.UDP, 1, 2))
	hears := func() bool { return len(m.collect(frame.Frame{}, 100*1e6)) > 0 }
	m.connect()
	m.other.connect()
	hears()

	m.forge(o.opts.Tunnel, 7, inside)
	require.True(t, hears(), "a peer's")
	m.forge(stranger.Addr(), 7, inside)
	require.False(t, hears(), "a stranger's")
	m.peers(other)
	m.peers(n, stranger.Addr())
	m.forge(o.opts.Tunnel, 7, inside)
	require.False(t, hears(), "one who was a peer")
	m.forge(stranger.Addr(), 8, inside)
	require.False(t, hears(), "of a network that has no tunnels here")
	m.forge(stranger.Addr(), 7, inside)
	require.True(t, hears(), "who is one now")
}

func TestGuestsCannotPlayATunnelByWayOfTheHost(t *testing.T) {
	m, o := newPair(t)
	n := m.tunnelled(7)
	victim := m.port(n, "10.1.0.10", m.openGroup())
	private, ext := m.net("10.2.0.0/24", false), m.net("203.0.113.0/24", true)
	attacker := m.spec(private, "10.2.0.10")
	attacker.PortSecurity = false // it may say that it is a peer of the host
	m.ensure(attacker)
	r := m.outside(private, ext, nil)
	r.Generation, r.SNAT = 2, false
	require.NoError(t, m.driver.EnsureRouter(t.Context(), r))
	inside := encode(packetOf(m.spec(n, "10.1.0.11"), victim, frame.UDP, 1, 2))
	f := frame.Frame{
		SrcMAC: attacker.MAC, DstMAC: r.Interfaces[0].MAC, Src: o.opts.Tunnel, Dst: m.opts.Tunnel,
		Protocol: frame.UDP, SrcPort: 5000, DstPort: nft.VXLANPort, Payload: vxlanPayload(7, inside),
	}
	for _, name := range []string{"all", "default", m.driver.names.link(host, ext.ID)} { // a host that does not look where packets come from
		require.NoError(t, m.space.Sysctls(map[string]string{"ipv4/conf/" + name + "/rp_filter": "0"}))
	}
	for _, d := range m.Send(nil, attacker.ID, f) {
		require.NotEqual(t, victim.ID, d.Place)
	}
}

func TestASegmentIsOneNetworksOnly(t *testing.T) {
	m, o := newPair(t)
	n := m.tunnelled(7)
	second := n
	second.ID, second.Peers = uuid.NewString(), []netip.Addr{o.opts.Tunnel}
	require.Equal(t, errs.Unavailable, errs.KindOf(m.driver.EnsureNetwork(t.Context(), second)))
	m.peers(n)
	require.NoError(t, m.driver.EnsureNetwork(t.Context(), second))
	second.Segment = 9
	require.NoError(t, m.driver.EnsureNetwork(t.Context(), second))
	require.NotNil(t, m.leads(second, everyone.String()))
}

func TestTunnelsThatCannotBeAreRefused(t *testing.T) {
	m, o := newPair(t)
	good := m.tunnelled(7)
	good.ID, good.Segment, good.Peers = uuid.NewString(), 8, []netip.Addr{o.opts.Tunnel}
	for what, change := range map[string]func(n *network.NetworkSpec){
		"no segment": func(n *network.NetworkSpec) { n.Segment = 0 }, "a segment too high": func(n *network.NetworkSpec) { n.Segment = 1 << 24 },
		"another type": func(n *network.NetworkSpec) { n.Type = "local" }, "itself": func(n *network.NetworkSpec) { n.Peers = []netip.Addr{m.opts.Tunnel} },
		"IPv6": func(n *network.NetworkSpec) { n.Peers = []netip.Addr{netip.MustParseAddr("2001:db8::1")} },
	} {
		bad := good
		change(&bad)
		require.Equal(t, errs.NotSupported, errs.KindOf(m.driver.EnsureNetwork(t.Context(), bad)), what)
	}
	require.NoError(t, m.driver.Close())
	m.driver = nil
	for _, address := range []string{"192.0.2.77", "2001:db8::1"} {
		o := m.opts
		o.Tunnel = netip.MustParseAddr(address)
		_, err := Open(m.dir, &o)
		require.ErrorContains(t, err, "tunnel address")
	}
}

func TestTunnelsComeBackAfterARebootAndGoWithClear(t *testing.T) {
	m, o := newPair(t)
	before := o.snapshot()
	n := m.tunnelled(7)
	g := m.openGroup()
	require.NoError(t, o.driver.EnsureGroup(t.Context(), g))
	a, b := m.port(n, "10.1.0.10", g), o.port(n, "10.1.0.11", g)
	require.True(t, m.reaches(a.ID, b.ID, packetOf(a, b, frame.UDP, 1, 2)))
	m.close()
	require.NoError(t, clearLinks(m.space, m.names()))
	m.open()
	require.True(t, m.reaches(a.ID, b.ID, packetOf(a, b, frame.UDP, 3, 4)))
	require.True(t, o.reaches(b.ID, a.ID, packetOf(b, a, frame.UDP, 3, 4)))
	require.NoError(t, o.driver.RemovePort(t.Context(), b.ID))
	require.NoError(t, o.driver.RemoveGroup(t.Context(), g.ID))
	require.NoError(t, o.driver.RemoveNetwork(t.Context(), n.ID))
	require.Equal(t, before, o.snapshot())
}
