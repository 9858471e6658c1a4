package linuxnet

import (
	"net/netip"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/vishvananda/netlink"
)

// The underlay of two machines is a link between them.
var (
	near = netip.MustParsePrefix("192.0.2.1/24")
	far  = netip.MustParsePrefix("192.0.2.2/24")
)

// newTunnelled gives a machine with an underlay, on which nobody is yet.
func newTunnelled(t testing.TB) *machine {
	m := newMachine(t)
	require.NoError(t, m.space.Links.LinkAdd(&netlink.Veth{LinkAttrs: netlink.LinkAttrs{Name: "under0"}, PeerName: "under1"}))
	m.takeUnderlay("under0", near)
	return m
}

// takeUnderlay makes a link the machine's underlay.
func (m *machine) takeUnderlay(link string, a netip.Prefix) {
	l, err := m.space.Links.LinkByName(link)
	require.NoError(m.t, err)
	n := ipNet(a)
	require.NoError(m.t, m.space.Links.AddrReplace(l, &netlink.Addr{IPNet: &n}))
	require.NoError(m.t, m.space.Links.LinkSetUp(l))
	m.opts.Tunnel = a.Addr()
}

// second gives another machine on the underlay of m.
func (m *machine) second() *machine {
	o := newMachine(m.t)
	l, err := m.space.Links.LinkByName("under1")
	require.NoError(m.t, err)
	require.NoError(m.t, m.space.Links.LinkSetNsFd(l, o.space.FD()))
	o.takeUnderlay("under1", far)
	o.opts.Name, o.out, o.other, m.other = "hv2", m.out, m, o
	return o
}

// pair gives two machines that reach each other, with a driver on each.
func newPair(t testing.TB) (m, o *machine) {
	m = newTunnelled(t)
	o = m.second()
	m.open()
	o.open()
	return m, o
}
