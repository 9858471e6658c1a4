package linuxnet

import (
	"context"
	"io"
	"net"
	"net/http"
	"net/netip"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/cumulite/cumulite/drivers/linuxnet/namespace"
	"github.com/cumulite/cumulite/network"
)

// stack is a guest with a kernel's network stack: a namespace with a tap of
// its own, whose frames are carried to the port's tap and back.
type stack struct {
	t     testing.TB
	space *namespace.Space
	link  netlink.Link
}

// stack boots a guest on a port, as it was told by DHCP.
func (m *machine) stack(p network.PortSpec, gateway netip.Addr) *stack {
	name := m.opts.Namespace + "-" + p.ID[:8]
	space, err := namespace.Create(name)
	require.NoError(m.t, err)
	g := &stack{t: m.t, space: space}
	require.NoError(m.t, space.Do(func() error {
		return space.Links.LinkAdd(&netlink.Tuntap{LinkAttrs: netlink.LinkAttrs{Name: "eth0"}, Mode: netlink.TUNTAP_MODE_TAP})
	}))
	inner := openTap(m.t, space, "eth0")
	if w := m.wires[p.ID]; w != nil {
		require.NoError(m.t, w.end())
		<-w.done
		delete(m.wires, p.ID)
	}
	outer := openTap(m.t, m.space, m.driver.names.link(tap, p.ID))
	m.waitUp(m.driver.names.link(tap, p.ID))
	done := make(chan struct{}, 2)
	go carry(inner, outer, done)
	go carry(outer, inner, done)
	m.t.Cleanup(func() {
		inner.Close()
		outer.Close()
		<-done
		<-done
		space.Close()
		require.NoError(m.t, namespace.Remove(name))
	})
	g.link, err = space.Links.LinkByName("eth0")
	require.NoError(m.t, err)
	require.NoError(m.t, space.Links.LinkSetHardwareAddr(g.link, mac(p.MAC)))
	require.NoError(m.t, space.Links.LinkSetUp(g.link))
	g.take(netip.PrefixFrom(p.Addresses[0].IP, 24))
	g.route(netip.PrefixFrom(metadataIP, 32), netip.Addr{})
	if gateway.IsValid() {
		g.route(netip.PrefixFrom(netip.IPv4Unspecified(), 0), gateway)
	}
	return g
}

func carry(from, to *os.File, done chan<- struct{}) {
	buf := make([]byte, 9000)
	for {
		n, err := from.Read(buf)
		if err != nil {
			done <- struct{}{}
			return
		}
		_, _ = to.Write(buf[:n])
	}
}

// take gives the guest an address.
func (g *stack) take(a netip.Prefix) {
	g.t.Helper()
	n := ipNet(a)
	require.NoError(g.t, g.space.Links.AddrReplace(g.link, &netlink.Addr{IPNet: &n}))
}

// route tells the guest a route, without a gateway on the link itself.
func (g *stack) route(to netip.Prefix, via netip.Addr) {
	g.t.Helper()
	n := ipNet(to)
	r := netlink.Route{Dst: &n, LinkIndex: g.link.Attrs().Index, Scope: unix.RT_SCOPE_LINK}
	if via.IsValid() {
		r.Gw, r.Scope = via.AsSlice(), unix.RT_SCOPE_UNIVERSE
	}
	require.NoError(g.t, g.space.Links.RouteReplace(&r))
}

// get asks the metadata service from one of the guest's addresses; false:
// not found, or no answer.
func (g *stack) get(from netip.Addr, path string, header http.Header) ([]byte, bool) {
	g.t.Helper()
	dialer := net.Dialer{Timeout: time.Second, LocalAddr: net.TCPAddrFromAddrPort(netip.AddrPortFrom(from, 0))}
	client := http.Client{Transport: &http.Transport{
		DisableKeepAlives: true,
		DialContext: func(ctx context.Context, network, address string) (c net.Conn, err error) {
			err = g.space.Do(func() error { c, err = dialer.DialContext(ctx, network, address); return err })
			return c, err
		},
	}}
	req, err := http.NewRequestWithContext(g.t.Context(), http.MethodGet, "http://169.254.169.254"+path, nil)
	require.NoError(g.t, err)
	req.Header = header
	answer, err := client.Do(req)
	if err != nil {
		return nil, false
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	require.NoError(g.t, err)
	return body, answer.StatusCode == http.StatusOK
}

// Metadata is what the guest on a port reads.
func (m *machine) Metadata(_ *testing.T, id, path string) ([]byte, bool) {
	p, there := m.driver.records.ports.Get(id)
	if !there {
		return nil, false
	}
	if m.stacks[id] == nil {
		m.stacks[id] = m.stack(p, netip.Addr{})
	}
	return m.stacks[id].get(p.Addresses[0].IP, path, nil)
}
