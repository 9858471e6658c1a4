// Package hosts gives tests several machines on one: network namespaces on a
// common underlay, one for the controllers and one with a libvirtd of its own
// for each host. What runs in them sees the links of its own machine only.
//
//	rig := hosts.Start(t, "hv1", "hv2")
//	err := rig.Controller.Start(exec.Command("cumulited", …))
//	err = rig.Hosts[0].Start(exec.Command("hostagent", "--libvirt-socket", rig.Hosts[0].Libvirt.Socket(), …))
//
// Nothing of it outlives the test: the namespaces are nameless, and go with it.
package hosts

import (
	"net/netip"
	"os/exec"
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netns"

	"github.com/cumulite/cumulite/drivers/libvirt/libvirttest"
	"github.com/cumulite/cumulite/test/need"
)

// underlay is the network between the machines; RFC 2544 sets it aside for tests.
var underlay = netip.MustParsePrefix("198.18.0.0/24")

// Rig is the machines of a test.
type Rig struct {
	Controller *Machine
	Hosts      []*Host
	t          testing.TB
	fabric     *netlink.Handle // of the namespace with the bridge between all
}

// Host is a machine that runs guests.
type Host struct {
	*Machine
	Libvirt *libvirttest.Server
}

// Machine is one on the underlay.
type Machine struct {
	Name    string
	Address netip.Addr // on the underlay
	t       testing.TB
	space   netns.NsHandle
	fabric  *netlink.Handle
}

// Start gives a controller's machine and one for each host by name, or skips
// the test where the machine that it runs on lacks something.
func Start(t testing.TB, names ...string) *Rig {
	t.Helper()
	need.Root(t)
	r := &Rig{t: t}
	fabric := newSpace(t)
	r.fabric = handle(t, fabric)
	require.NoError(t, r.fabric.LinkAdd(&netlink.Bridge{LinkAttrs: netlink.LinkAttrs{Name: "underlay"}}))
	up(t, r.fabric, "underlay")
	r.Controller = r.join("controller", newSpace(t), underlay.Addr().Next())
	at := r.Controller.Address
	for _, name := range names {
		h := &Host{Libvirt: libvirttest.Start(t)}
		space, err := netns.GetFromPath(h.Libvirt.Namespace())
		require.NoError(t, err)
		t.Cleanup(func() { _ = space.Close() })
		at = at.Next()
		h.Machine = r.join(name, space, at)
		r.Hosts = append(r.Hosts, h)
	}
	return r
}

// newSpace makes a network namespace.
func newSpace(t testing.TB) netns.NsHandle {
	made := make(chan netns.NsHandle)
	go func() {
		runtime.LockOSThread() // and never unlocked: the thread ends with the goroutine
		defer close(made)
		if ns, err := netns.New(); err == nil {
			made <- ns
		}
	}()
	ns, ok := <-made
	require.True(t, ok, "make a network namespace")
	t.Cleanup(func() { _ = ns.Close() })
	return ns
}

// handle works on the links of a namespace.
func handle(t testing.TB, space netns.NsHandle) *netlink.Handle {
	h, err := netlink.NewHandleAt(space)
	require.NoError(t, err)
	t.Cleanup(h.Close)
	return h
}

func up(t testing.TB, h *netlink.Handle, name string) netlink.Link {
	l, err := h.LinkByName(name)
	require.NoError(t, err)
	require.NoError(t, h.LinkSetUp(l))
	return l
}

// join puts a namespace on the underlay.
func (r *Rig) join(name string, space netns.NsHandle, at netip.Addr) *Machine {
	m := &Machine{Name: name, Address: at, t: r.t, space: space, fabric: r.fabric}
	bridge, err := r.fabric.LinkByName("underlay")
	require.NoError(r.t, err)
	require.NoError(r.t, r.fabric.LinkAdd(&netlink.Veth{
		LinkAttrs: netlink.LinkAttrs{Name: m.port(), MasterIndex: bridge.Attrs().Index}, PeerName: "eth0", PeerNamespace: netlink.NsFd(int(space)),
	}))
	up(r.t, r.fabric, m.port())
	own := handle(r.t, space)
	up(r.t, own, "lo")
	eth0 := up(r.t, own, "eth0")
	address := netlink.NewIPNet(at.AsSlice())
	address.Mask[3] = 0
	require.NoError(r.t, own.AddrAdd(eth0, &netlink.Addr{IPNet: address}))
	return m
}

// port names the machine's port of the underlay.
func (m *Machine) port() string { return "to-" + m.Name }

// Start starts a command on the machine.
func (m *Machine) Start(c *exec.Cmd) error { return m.Do(c.Start) }

// Do runs fn on a thread that is on the machine. What fn starts in goroutines
// of its own is not.
func (m *Machine) Do(fn func() error) error {
	done := make(chan error)
	go func() {
		runtime.LockOSThread() // and never unlocked: the thread ends with the goroutine
		if err := netns.Set(m.space); err != nil {
			done <- err
			return
		}
		done <- fn()
	}()
	return <-done
}

// Cut takes the machine off the underlay until Mend.
func (m *Machine) Cut() {
	l, err := m.fabric.LinkByName(m.port())
	require.NoError(m.t, err)
	require.NoError(m.t, m.fabric.LinkSetDown(l))
}

// Mend puts the machine back on the underlay.
func (m *Machine) Mend() { up(m.t, m.fabric, m.port()) }
