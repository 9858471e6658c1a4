package linuxnet_test

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/cumulite/cumulite/compute"
	"github.com/cumulite/cumulite/compute/computetest"
	"github.com/cumulite/cumulite/drivers/libvirt"
	"github.com/cumulite/cumulite/drivers/libvirt/libvirttest"
	"github.com/cumulite/cumulite/drivers/linuxnet"
	"github.com/cumulite/cumulite/drivers/linuxnet/namespace"
	"github.com/cumulite/cumulite/network"
	"github.com/cumulite/cumulite/test/guest"
)

// cloud is what a guest is booted in: libvirtd and a driver in one namespace.
type cloud struct {
	*linuxnet.Driver
	t          *testing.T
	server     *libvirttest.Server
	hypervisor *libvirt.Driver
	images     *computetest.Images
	host       *namespace.Space
	dir        string
	opts       linuxnet.Options
}

func newCloud(t *testing.T) *cloud {
	c := &cloud{t: t, server: libvirttest.Start(t), images: computetest.NewImages(), dir: t.TempDir()}
	state, err := os.MkdirTemp("/tmp", "lvstate") // QEMU's user passes
	require.NoError(t, err)
	require.NoError(t, os.Chmod(state, 0o711))
	t.Cleanup(func() { require.NoError(t, os.RemoveAll(state)) })
	c.hypervisor, err = libvirt.New(state, c.images, &libvirt.Options{Socket: c.server.Socket(), Accel: libvirt.TCG})
	require.NoError(t, err)
	c.host, err = namespace.Open(c.server.Namespace())
	require.NoError(t, err)
	c.opts = linuxnet.Options{Prefix: "zgt", Namespace: c.server.Namespace(), Logger: slog.New(slog.NewTextHandler(t.Output(), nil))}
	c.open()
	t.Cleanup(func() {
		require.NoError(t, c.Close())
		require.NoError(t, linuxnet.Clear(c.dir, &c.opts))
		require.NoError(t, c.host.Close())
		require.NoError(t, c.hypervisor.Close())
	})
	return c
}

func (c *cloud) open() {
	d, err := linuxnet.Open(c.dir, &c.opts)
	require.NoError(c.t, err)
	c.Driver = d
}

func (c *cloud) network(cidr string, external bool) network.NetworkSpec {
	p := netip.MustParsePrefix(cidr)
	n := network.NetworkSpec{
		Generation: 1, ID: uuid.NewString(), Type: "local", MTU: 1450, External: external,
		Subnets: []network.SubnetSpec{{
			ID: uuid.NewString(), CIDR: p, Gateway: p.Addr().Next(), DHCP: !external, DNS: []netip.Addr{netip.MustParseAddr("9.9.9.9")},
		}},
	}
	require.NoError(c.t, c.EnsureNetwork(c.t.Context(), n))
	return n
}

func (c *cloud) port(n network.NetworkSpec, address string) network.PortSpec {
	web := network.RuleSpec{Direction: network.Ingress, Protocol: 6, PortMin: 80, PortMax: 80}
	g := network.GroupSpec{Generation: 1, ID: uuid.NewString(), Stateful: true, Rules: []network.RuleSpec{web}}
	require.NoError(c.t, c.EnsureGroup(c.t.Context(), g))
	p := network.PortSpec{
		Generation: 1, ID: uuid.NewString(), NetworkID: n.ID, MAC: "fa:16:3e:12:34:56", PortSecurity: true, Groups: []string{g.ID},
		Addresses: []network.Address{{SubnetID: n.Subnets[0].ID, IP: netip.MustParseAddr(address)}}, Hostname: "by-dhcp",
	}
	return p
}

// router leads from a network out, and in to a port.
func (c *cloud) router(n, ext network.NetworkSpec, p network.PortSpec, floating string) {
	leg := func(n network.NetworkSpec, address, mac string) network.RouterInterface {
		return network.RouterInterface{PortID: uuid.NewString(), NetworkID: n.ID, MAC: mac, Addresses: []netip.Prefix{netip.MustParsePrefix(address)}}
	}
	gw := leg(ext, "203.0.113.20/24", "fa:16:3e:00:00:02")
	require.NoError(c.t, c.EnsureRouter(c.t.Context(), network.RouterSpec{
		Generation: 1, ID: uuid.NewString(), Interfaces: []network.RouterInterface{leg(n, "10.10.0.1/24", "fa:16:3e:00:00:01")},
		Gateway: &gw, GatewayIP: []netip.Addr{ext.Subnets[0].Gateway}, SNAT: true,
		Floating: []network.FloatingSpec{{ID: uuid.NewString(), External: netip.MustParseAddr(floating), Fixed: p.Addresses[0].IP}},
	}))
}

// boot starts the test guest on a port.
func (c *cloud) boot(p network.PortSpec) (id string) {
	vif, err := c.EnsurePort(c.t.Context(), p)
	require.NoError(c.t, err)
	paths := guest.Image(c.t)
	spec := compute.GuestSpec{
		ID: uuid.NewString(), Name: "t-" + uuid.NewString()[:8], VCPUs: 1, MemoryMiB: 128,
		Image: c.images.AddFile(c.t, "qcow2", paths.Image, paths.VirtualSize),
		NICs:  []compute.NIC{{PortID: p.ID, MAC: p.MAC, Type: vif.Type, Device: vif.Device, Bridge: vif.Bridge, MTU: vif.MTU}},
	}
	require.NoError(c.t, c.hypervisor.Create(c.t.Context(), "create", spec))
	c.t.Cleanup(func() { require.NoError(c.t, c.hypervisor.Remove(context.Background(), "remove", spec.ID)) })
	require.NoError(c.t, c.hypervisor.Start(c.t.Context(), "start", spec))
	return spec.ID
}

func (c *cloud) console(id string) string {
	log, err := c.hypervisor.Console(c.t.Context(), id, -1)
	require.NoError(c.t, err)
	return string(log)
}

func (c *cloud) await(id, text string) {
	c.t.Helper()
	if !waitFor(time.Minute, func() bool { return strings.Contains(c.console(id), text) }) {
		require.Fail(c.t, "the console does not say "+text, c.console(id))
	}
}

func waitFor(limit time.Duration, done func() bool) bool {
	for end := time.Now().Add(limit); time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
		if done() {
			return true
		}
	}
	return false
}

// run runs a command in the guest, over its web server at an address, from the host.
func (c *cloud) run(address, command string) (string, error) {
	client := http.Client{Timeout: 10 * time.Second, Transport: &http.Transport{
		DisableKeepAlives: true,
		DialContext: func(ctx context.Context, kind, at string) (conn net.Conn, err error) {
			err = c.host.Do(func() error {
				conn, err = (&net.Dialer{Timeout: 2 * time.Second}).DialContext(ctx, kind, at)
				return err
			})
			return conn, err
		},
	}}
	req, err := http.NewRequestWithContext(c.t.Context(), http.MethodGet, fmt.Sprintf("http://%s/cgi-bin/sh?%s", address, url.PathEscape(command)), nil)
	require.NoError(c.t, err)
	answer, err := client.Do(req)
	if err != nil {
		return "", err
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	return string(body), err
}

// renew takes a lease and asks, at once and the server alone, to prolong it.
const renew = `printf '#!/bin/sh\necho $1 $ip >>/tmp/told\n' >/tmp/tell; chmod 700 /tmp/tell; touch /tmp/told
	told() { for i in $(seq 20); do grep -q "$1" /tmp/told && return; sleep 0.2; done; }
	udhcpc -f -i eth0 -s /tmp/tell >/tmp/log 2>&1 & told bound; kill -USR1 $!; told renew; kill $!; cat /tmp/told /tmp/log`

func TestGuestIsServedAndReachedAcrossARestart(t *testing.T) {
	c := newCloud(t)
	n, ext := c.network("10.10.0.0/24", false), c.network("203.0.113.0/24", true)
	p := c.port(n, "10.10.0.5")
	const floating = "203.0.113.50"
	c.router(n, ext, p, floating)
	_, err := c.EnsurePort(t.Context(), p)
	require.NoError(t, err)
	doc := `{"uuid": "1", "hostname": "by-metadata"}`
	require.NoError(t, c.SetMetadata(t.Context(), p.ID, network.Metadata{Files: map[string][]byte{"openstack/latest/meta_data.json": []byte(doc)}}))
	id := c.boot(p)

	c.await(id, "GUEST-READY hostname=by-metadata")
	require.Contains(t, c.console(id), "GUEST-DHCP eth0 10.10.0.5/24 gw=10.10.0.1 mtu=1450 dns=9.9.9.9 server=169.254.169.254")
	require.Contains(t, c.console(id), doc)
	out, err := c.run(floating, "hostname")
	require.NoError(t, err)
	require.Equal(t, "by-metadata\nrc=0\n", out)

	require.NoError(t, c.Close())
	out, err = c.run(floating, "ip -4 addr show eth0")
	require.NoError(t, err, "what is in force outlives the process")
	require.Contains(t, out, "10.10.0.5/24")

	c.open()
	const ask = "timeout 5 wget -q -O - --header 'X-Forwarded-For: 10.10.0.9' http://169.254.169.254/openstack/latest/meta_data.json"
	out, err = c.run(floating, ask)
	require.NoError(t, err)
	require.Equal(t, doc+"rc=0\n", out)
	out, err = c.run(floating, renew)
	require.NoError(t, err)
	require.Contains(t, out, "bound 10.10.0.5\nrenew 10.10.0.5\n")

	require.NoError(t, c.RemovePort(t.Context(), p.ID))
	_, err = c.run(floating, "hostname")
	require.Error(t, err)
}
