// Package guest gives tests the test guest: a small Linux that boots in
// seconds under emulation, takes its addresses by DHCP, reads its metadata,
// and says what it does on its serial console ("GUEST-READY hostname=…").
package guest

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/cumulite/cumulite/platform/command"
	"github.com/cumulite/cumulite/test/need"
)

// Paths says where the test guest's files are.
type Paths struct {
	Image       string // qcow2, a whole disk
	VirtualSize int64  // of the disk, in bytes
	Kernel      string
	Initrd      string
}

// cache is shared by all tests and users of this machine that may write there.
const cache = "/var/tmp/cumulite-guest"

// Image gives the test guest. It is built once for each machine and version of
// its script; the first time it downloads a Debian kernel.
func Image(t testing.TB) Paths {
	t.Helper()
	for _, program := range []string{"qemu-img", "busybox", "syslinux", "mcopy", "mkfs.vfat", "sfdisk", "cpio", "depmod", "flock"} {
		need.Program(t, program)
	}
	out, err := command.Run(t.Context(), command.Command{
		Path:   need.Program(t, "bash"),
		Args:   []string{script(t), cache},
		Env:    []string{"PATH=/usr/sbin:/usr/bin:/sbin:/bin"},
		Limits: command.Limits{Time: 5 * time.Minute},
	})
	require.NoError(t, err, "build the test guest")
	dir := strings.TrimSpace(string(out))
	_, err = os.Stat(dir)
	require.NoError(t, err)
	return Paths{
		Image: filepath.Join(dir, "guest.qcow2"), VirtualSize: 40 << 20,
		Kernel: filepath.Join(dir, "vmlinuz"), Initrd: filepath.Join(dir, "initrd.img"),
	}
}

// script is found from where the test runs: a folder of this module. The
// compiler may have been told to forget where the sources are (-trimpath).
func script(t testing.TB) string {
	t.Helper()
	dir, err := os.Getwd()
	require.NoError(t, err)
	for ; dir != "/"; dir = filepath.Dir(dir) {
		path := filepath.Join(dir, "test/guest/build.sh")
		if _, err := os.Stat(path); err == nil {
			return path
		}
	}
	require.Fail(t, "the test does not run in a folder of the module")
	return ""
}
