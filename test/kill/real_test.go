package kill

import (
	"context"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/cumulite/cumulite/test/guest"
	"github.com/cumulite/cumulite/test/hosts"
)

// onRealParts is a cloud of cumulited, libvirtd, QEMU and Linux' networking,
// on a machine of its own.
type onRealParts struct {
	t       *testing.T
	host    *hosts.Host
	base    string
	program string
	self    *process
	url     string
	what    string        // is to be killed
	done    chan struct{} // closed when it is
}

const (
	killCumulited = "cumulited"
	killLibvirtd  = "libvirtd"
	killQEMU      = "QEMU"
)

// TestRealCloudsSurvive kills cumulited, libvirtd and QEMU.
func TestRealCloudsSurvive(t *testing.T) {
	if *really == 0 {
		t.Skip("no real rounds are wanted: -real says how many")
	}
	g := guest.Image(t)
	disk, err := os.ReadFile(g.Image)
	require.NoError(t, err)
	v := &onRealParts{t: t, host: hosts.Start(t, "hv1").Hosts[0]}
	v.base, err = os.MkdirTemp("/var/tmp", "kill-*")
	require.NoError(t, err)
	t.Cleanup(func() { os.RemoveAll(v.base) })
	require.NoError(t, os.Chmod(v.base, 0o711)) // QEMU's user passes
	v.program = filepath.Join(v.base, "cumulited")
	build(t, v.base, "cumulited")
	t.Cleanup(v.end)
	quick := slices.DeleteFunc(slices.Clone(deeds), func(d deed) bool { return d.name == "soft reboot" }) // waits for guests to boot
	play(t, v, v.dial, quick, disk, "qcow2", *really, 60)
}

// dial connects to what is on the host.
func (r *onRealParts) dial(_ context.Context, network, address string) (c net.Conn, err error) {
	err = r.host.Do(func() (err error) { c, err = net.DialTimeout(network, address, 5*time.Second); return err })
	return c, err
}

func (r *onRealParts) command(word ...string) *process {
	flags := []string{"--state-dir", filepath.Join(r.base, "state"), "--listen", r.host.Address.String() + ":5000", "--insecure-http", "--operator", "none",
		"--hypervisor", "libvirt", "--libvirt-socket", r.host.Libvirt.Socket(), "--network", "linuxnet", "--accel", "tcg", "--host", "hv1"}
	return run(r.t, r.host.Start, []string{"CUMULITE_ADMIN_PASSWORD=" + password}, r.program, append(word, flags...)...)
}

var ready = regexp.MustCompile(`^ready.*: (http://\S+) after`)

func (r *onRealParts) start() string {
	if r.what == killLibvirtd {
		r.host.Libvirt.Run()
	}
	if r.self != nil && !r.self.isDead() {
		return r.url
	}
	r.self = r.command("run")
	line := r.self.line()
	found := ready.FindStringSubmatch(line)
	require.NotNil(r.t, found, "%s %s", line, &r.self.log)
	r.url = found[1]
	return r.url
}

func (r *onRealParts) arm(n int) string {
	r.what, r.done = []string{killCumulited, killLibvirtd, killQEMU, killCumulited}[n%4], make(chan struct{})
	time.AfterFunc(time.Duration(n)*25*time.Millisecond, func() {
		defer close(r.done)
		switch r.what {
		case killCumulited:
			_ = r.self.cmd.Process.Kill() // it runs
		case killQEMU:
			r.killGuest()
		}
	})
	return r.what
}

func (r *onRealParts) strike() {
	<-r.done
	switch r.what {
	case killCumulited:
		<-r.self.dead
	case killLibvirtd:
		r.host.Libvirt.Kill()
	}
}

// killGuest kills a QEMU of this test's, if there is one.
func (r *onRealParts) killGuest() {
	all, _ := filepath.Glob("/proc/[0-9]*/cmdline") // the pattern is good
	for _, path := range all {
		line, err := os.ReadFile(path)
		if err != nil || !strings.Contains(string(line), "qemu-system") || !strings.Contains(string(line), r.base) {
			continue
		}
		if pid, err := strconv.Atoi(filepath.Base(filepath.Dir(path))); err == nil {
			_ = syscall.Kill(pid, syscall.SIGKILL) // unless it has ended
			return
		}
	}
}

func (r *onRealParts) doctor() []string { return diagnosis(r.command("doctor")) }

func (r *onRealParts) end() {
	if r.self != nil {
		r.self.kill()
		if r.t.Failed() {
			r.t.Logf("cumulited's log:\n%s", &r.self.log)
		}
	}
	p := r.command("--purge")
	<-p.dead
}
