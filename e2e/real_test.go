package e2e

import (
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netns"

	"github.com/cumulite/cumulite/drivers/libvirt/libvirttest"
	"github.com/cumulite/cumulite/test/guest"
	"github.com/cumulite/cumulite/test/need"
)

func needOpenstack(t *testing.T) { need.File(t, "/usr/bin/openstack") }

// within starts commands in a network namespace.
func within(ns netns.NsHandle) spawn {
	return func(c *exec.Cmd) error {
		started := make(chan error)
		go func() {
			runtime.LockOSThread() // and never unlocked: the thread ends with the goroutine
			if err := netns.Set(ns); err != nil {
				started <- err
				return
			}
			started <- c.Start()
		}()
		return <-started
	}
}

// loopbackUp lets processes of a namespace reach each other.
func loopbackUp(t *testing.T, ns netns.NsHandle) {
	h, err := netlink.NewHandleAt(ns)
	require.NoError(t, err)
	defer h.Close()
	lo, err := h.LinkByName("lo")
	require.NoError(t, err)
	require.NoError(t, h.LinkSetUp(lo))
}

// realHost is a namespace with a libvirtd of its own.
type realHost struct {
	libvirt *libvirttest.Server
	ns      netns.NsHandle
	in      spawn
	state   string   // directory of a cumulited there
	flags   []string // with which it runs real servers
}

func newRealHost(t *testing.T) realHost {
	t.Helper()
	lv := libvirttest.Start(t)
	ns, err := netns.GetFromPath(lv.Namespace())
	require.NoError(t, err)
	t.Cleanup(func() { ns.Close() })
	loopbackUp(t, ns)
	base, err := os.MkdirTemp("/var/tmp", "e2e")
	require.NoError(t, err)
	t.Cleanup(func() { os.RemoveAll(base) })
	require.NoError(t, os.Chmod(base, 0o711)) // QEMU's user passes
	state := filepath.Join(base, "state")
	return realHost{lv, ns, within(ns), state, []string{"--state-dir", state, "--hypervisor", "libvirt", "--libvirt-socket", lv.Socket(),
		"--network", "linuxnet", "--accel", "tcg"}}
}

// TestStoryOnRealServers boots a real guest with QEMU through libvirtd on
// bridges, and reaches it; all of it in a network namespace of the test.
func TestStoryOnRealServers(t *testing.T) {
	needOpenstack(t)
	ping := need.Program(t, "ping")
	g := guest.Image(t)
	h := newRealHost(t)
	in, flags := h.in, h.flags
	purge := func() error {
		_, err := output(t, in, nil, program(t, "daemons/cumulited"), append(flags, "--purge")...)
		return err
	}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("purge: %v", purge())
		}
	})
	d := startDaemon(t, in, flags...)
	story(t, cloud{d, in, "cumulite-admin"}, cloud{d, in, "cumulite"}, disk{g.Image, "qcow2"}, func(t *testing.T, address, console, _ string) {
		require.Contains(t, console, "GUEST-DHCP")
		require.Regexp(t, `"name": ?"first"`, console)
		_, err := output(t, in, nil, ping, "-c", "3", "-W", "5", address)
		require.NoError(t, err)
		require.Len(t, h.libvirt.Names(), 1)
	})
	require.Empty(t, h.libvirt.Names())
	require.ErrorContains(t, purge(), "another process uses it")
	require.NoError(t, d.stop(os.Interrupt))
	require.NoError(t, purge())
	left, err := os.ReadDir(filepath.Dir(h.state))
	require.NoError(t, err)
	require.Empty(t, left)
	links, err := output(t, in, nil, need.Program(t, "ip"), "-o", "link")
	require.NoError(t, err)
	require.Len(t, strings.Split(strings.TrimSpace(links), "\n"), 1, links)
}
