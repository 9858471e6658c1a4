package linuxnet

import (
	"bytes"
	"encoding/binary"
	"net/http"
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/cumulite/cumulite/drivers/linuxnet/packet"
	"github.com/cumulite/cumulite/network"
	"github.com/cumulite/cumulite/network/frame"
	"github.com/cumulite/cumulite/network/networktest"
)

// requireWho says which port the metadata service takes the asker for; "" is none.
func (g *stack) requireWho(id, from string, header http.Header, why string) {
	g.t.Helper()
	got, answered := g.get(netip.MustParseAddr(from), "/who", header)
	require.Equal(g.t, id, string(got[:len(got)*btoi(answered)]), why)
}

func btoi(b bool) int {
	if b {
		return 1
	}
	return 0
}

func TestMetadataKnowsWhoAsksByThePortAlone(t *testing.T) {
	m := newMachine(t)
	m.open()
	n, other := m.net("10.1.0.0/24", false), m.net("10.1.0.0/24", false)
	a, b, twin := m.port(n, "10.1.0.10"), m.port(n, "10.1.0.11"), m.port(other, "10.1.0.10")
	for _, p := range []network.PortSpec{a, b, twin} {
		m.tell(p)
	}
	loose := m.spec(n, "10.1.0.12")
	loose.PortSecurity = false
	m.ensure(loose)
	m.tell(loose)
	paired := m.spec(n, "10.1.0.13")
	paired.Pairs = []network.Pair{{Prefix: netip.MustParsePrefix("10.1.0.0/24")}}
	m.ensure(paired)
	m.tell(paired)

	forged := http.Header{}
	for _, name := range []string{"X-Forwarded-For", "X-Real-Ip", "Forwarded", "X-Instance-Id", "X-Tenant-Id", "X-Instance-Id-Signature"} {
		forged.Set(name, "10.1.0.11")
	}
	none := netip.Addr{}
	m.stack(a, none).requireWho(a.ID, "10.1.0.10", forged, "headers say nothing")
	m.stack(twin, none).requireWho(twin.ID, "10.1.0.10", nil, "the same address on another network")
	for _, p := range []network.PortSpec{loose, paired} {
		g := m.stack(p, none)
		g.requireWho(p.ID, p.Addresses[0].IP.String(), nil, "its own")
		g.take(netip.MustParsePrefix("10.1.0.11/24"))
		g.requireWho("", "10.1.0.11", nil, "another's address, which it may send from elsewhere")
	}
}

func TestMetadataIsReachedByTheDefaultRouteToo(t *testing.T) {
	m := newMachine(t)
	m.open()
	n, ext := m.net("10.1.0.0/24", false), m.net("203.0.113.0/24", true)
	p := m.port(n, "10.1.0.10")
	m.tell(p)
	m.outside(n, ext, nil)
	g := m.stack(p, n.Subnets[0].Gateway)
	direct := ipNet(netip.PrefixFrom(metadataIP, 32))
	require.NoError(t, g.space.Links.RouteDel(&netlink.Route{Dst: &direct, LinkIndex: g.link.Attrs().Index, Scope: unix.RT_SCOPE_LINK}))
	g.requireWho(p.ID, "10.1.0.10", nil, "a guest that knows no more than its router")
}

func TestNobodyPlaysTheMetadataService(t *testing.T) {
	m := newMachine(t)
	m.open()
	n := m.net("10.1.0.0/24", false)
	g := m.openGroup()
	victim := m.port(n, "10.1.0.10", g)
	loose := m.spec(n, "10.1.0.11", g)
	loose.PortSecurity = false
	m.ensure(loose)
	f := packetOf(loose, victim, frame.TCP, 80, 1000)
	require.True(t, m.reaches(loose.ID, victim.ID, f))
	f.Src = metadataIP
	require.Empty(t, m.Send(nil, loose.ID, f))
	f.Kind = frame.IsAt
	require.Empty(t, m.Send(nil, loose.ID, f))
}

// sendRaw puts bytes in at a port and gives what comes out.
func (m *machine) sendRaw(place string, raw []byte) []networktest.Delivery {
	m.connect()
	m.collect(frame.Frame{}, time.Millisecond)
	require.NoError(m.t, m.wires[place].send(raw))
	return m.collect(frame.Frame{}, 50*time.Millisecond)
}

func TestSecuredPortsSendNothingForged(t *testing.T) {
	m := newMachine(t)
	m.open()
	n := m.net("10.1.0.0/24", false)
	g := m.openGroup()
	a := m.spec(n, "10.1.0.10", g)
	a.Pairs = []network.Pair{{Prefix: netip.MustParsePrefix("::/0")}} // which lets nothing pass here
	m.ensure(a)
	b, loose := m.spec(n, "10.1.0.11"), m.spec(n, "10.1.0.12") // who hear and may send everything
	b.PortSecurity, loose.PortSecurity = false, false
	m.ensure(b)
	m.ensure(loose)
	good := packetOf(a, b, frame.UDP, 1000, 2000)
	require.True(t, m.reaches(a.ID, b.ID, good))

	tagged := encode(good)
	tagged = append(append(append([]byte{}, tagged[:12]...), 0x81, 0, 0, 5), tagged[12:]...)
	six := append(append(mac(b.MAC), mac(a.MAC)...), 0x86, 0xdd)
	six = append(six, make([]byte, 60)...)
	six[14], six[19], six[20] = 0x60, 20, unix.IPPROTO_NONE
	advertisement := append([]byte{0x33, 0x33, 0, 0, 0, 1}, six[6:]...)
	advertisement[20], advertisement[54] = unix.IPPROTO_ICMPV6, 134
	arp := good
	arp.Kind, arp.Dst = frame.IsAt, b.Addresses[0].IP
	inside := encode(arp) // the frame is a's own, what it tells is not
	copy(inside[22:], mac("fa:16:3e:ff:ff:ff"))
	gateway := arp
	gateway.Src, gateway.DstMAC = n.Subnets[0].Gateway, frame.Broadcast
	unknown := encode(good)
	binary.BigEndian.PutUint16(unknown[12:], 0x88cc)
	for what, raw := range map[string][]byte{
		"a VLAN tag": tagged, "IPv6": six, "a router's advertisement": advertisement, "ARP with another's MAC": inside,
		"ARP for the gateway": encode(gateway), "another protocol": unknown, "a short frame": encode(good)[:20],
	} {
		require.Empty(t, m.sendRaw(a.ID, raw), what)
		require.Empty(t, m.overheard(b), what)
	}
	require.NotEmpty(t, m.sendRaw(a.ID, encode(arp)), "its own")
	for _, raw := range [][]byte{six, advertisement, unknown} {
		m.sendRaw(loose.ID, raw)
		require.NotNil(t, m.overheard(b), "b would have heard")
	}
}

// overheard gives what a port got besides frames that the suite can read.
func (m *machine) overheard(p network.PortSpec) []byte {
	w := m.wires[p.ID]
	select {
	case raw := <-w.strange:
		return raw
	default:
		return nil
	}
}

func TestDHCPIsForThePortsOwnMACOnly(t *testing.T) {
	m := newMachine(t)
	m.open()
	n := m.net("10.1.0.0/24", false)
	a, b := m.port(n, "10.1.0.10"), m.port(n, "10.1.0.11")
	ask := func(src, chaddr string) frame.Frame {
		request := make([]byte, 240, 250)
		request[0], request[1], request[2] = 1, 1, 6
		copy(request[28:], mac(chaddr))
		copy(request[236:], []byte{99, 130, 83, 99})
		return frame.Frame{
			SrcMAC: src, DstMAC: frame.Broadcast, Src: netip.IPv4Unspecified(), Dst: netip.MustParseAddr("255.255.255.255"),
			Protocol: frame.UDP, SrcPort: 68, DstPort: 67, Payload: append(request, 53, 1, 1, 255),
		}
	}
	require.Len(t, m.Send(nil, a.ID, ask(a.MAC, a.MAC)), 1)
	require.Empty(t, m.Send(nil, a.ID, ask(a.MAC, b.MAC)))
	require.Empty(t, m.Send(nil, a.ID, ask(b.MAC, b.MAC)))
}

func TestTheHostIsNotOnNetworksThatAreNotExternal(t *testing.T) {
	m := newMachine(t)
	m.open()
	n := m.net("10.1.0.0/24", false)
	p := m.port(n, "10.1.0.10", m.openGroup())
	m.connect()
	br := m.driver.names.link(bridge, n.ID)
	l, err := m.space.Links.LinkByName(br)
	require.NoError(t, err)
	s, err := packet.Open(m.space, br, []unix.SockFilter{{Code: unix.BPF_RET, K: 1 << 16}})
	require.NoError(t, err)
	up := m.run(n.ID, s.Receive, s.Send, s.Close)
	defer func() { require.NoError(t, up.end()); <-up.done }()

	for _, f := range []frame.Frame{
		{Src: p.Addresses[0].IP, Dst: netip.MustParseAddr("127.0.0.1"), Protocol: frame.TCP, DstPort: 5000},
		{Kind: frame.WhoHas, Src: p.Addresses[0].IP, Dst: netip.MustParseAddr("10.1.0.1")},
	} {
		f.SrcMAC, f.DstMAC = p.MAC, l.Attrs().HardwareAddr.String()
		require.NoError(t, m.wires[p.ID].send(encode(f)))
	}
	select {
	case d := <-m.out:
		require.Fail(t, "the host hears a guest", "%+v", d)
	case <-time.After(50 * time.Millisecond):
	}
	addresses, err := m.space.Links.AddrList(l, unix.AF_UNSPEC)
	require.NoError(t, err)
	require.Empty(t, addresses)
}

func TestNobodyTakesAnothersTraffic(t *testing.T) {
	m := newMachine(t)
	m.open()
	w := m.whole()
	loose := m.spec(w.n, "10.1.0.12")
	loose.PortSecurity = false
	m.ensure(loose)
	require.True(t, m.reaches(w.ext.ID, w.p.ID, w.knock(5000)), "from now on the router knows where it is")
	for _, stolen := range []string{w.p.MAC, "fa:16:3e:01:00:01", metadataMAC(w.n.ID).String()} {
		f := packetOf(loose, loose, frame.UDP, 1, 2)
		f.SrcMAC, f.DstMAC = stolen, frame.Broadcast
		m.Send(nil, loose.ID, f)
	}
	out := m.Send(nil, w.ext.ID, w.knock(5001))
	require.Len(t, out, 1)
	require.Equal(t, w.p.ID, out[0].Place)
	m.requireWorks(w)
}

func TestWhatWasDroppedIsNotAnswered(t *testing.T) {
	m := newMachine(t)
	m.open()
	n := m.net("10.1.0.0/24", false)
	m.outside(n, m.net("203.0.113.0/24", true), nil) // a link that anything may come to
	a, b := m.port(n, "10.1.0.10", m.openGroup()), m.port(n, "10.1.0.11")
	loose := m.spec(n, "10.1.0.12")
	loose.PortSecurity = false
	m.ensure(loose)
	asked := packetOf(a, b, frame.UDP, 1000, 2000)
	require.Empty(t, m.Send(nil, a.ID, asked))
	require.Empty(t, m.Send(nil, b.ID, asked.Reply(nil)))
}

func TestAChangedMACIsTheOnlyOne(t *testing.T) {
	m := newMachine(t)
	m.open()
	n, g := m.net("10.1.0.0/24", false), m.openGroup()
	a, b := m.port(n, "10.1.0.10", g), m.port(n, "10.1.0.11", g)
	c := m.spec(n, "10.1.0.12", g)
	c.MAC, b.MAC, b.Generation = b.MAC, "fa:16:3e:00:00:99", 2
	m.ensure(b)
	m.ensure(c)
	require.True(t, m.reaches(a.ID, b.ID, packetOf(a, b, frame.UDP, 1, 2)))
	require.True(t, m.reaches(a.ID, c.ID, packetOf(a, c, frame.UDP, 1, 2)))
}

func TestLongAnswersArriveWhole(t *testing.T) {
	m := newMachine(t)
	m.open()
	p := m.port(m.net("10.1.0.0/24", false), "10.1.0.10")
	long := bytes.Repeat([]byte("0123456789abcdef"), 1<<16)
	require.NoError(t, m.driver.SetMetadata(t.Context(), p.ID, network.Metadata{Files: map[string][]byte{"long": long}}))
	got, answered := m.Metadata(t, p.ID, "/long")
	require.True(t, answered)
	require.True(t, bytes.Equal(long, got))
}
