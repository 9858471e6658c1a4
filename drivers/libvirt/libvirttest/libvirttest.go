// Package libvirttest runs a libvirtd of a test's own: with its own state,
// configuration and socket, in its own mount and network namespaces, and
// without systemd, D-Bus or any other daemon. It ends with the test, and takes
// its guests with it.
package libvirttest

import (
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netns"
	"golang.org/x/sys/unix"

	"github.com/cumulite/cumulite/platform/command"
	"github.com/cumulite/cumulite/test/need"
)

// startTime bounds the start; the first on a machine asks QEMU for all it can do.
const startTime = time.Minute

// Server is a libvirtd.
type Server struct {
	t      testing.TB
	dir    string
	net    netns.NsHandle
	stop   context.CancelFunc
	ended  chan struct{}
	result error // of libvirtd, once ended is closed
}

// Start runs a libvirtd, or skips the test where the machine lacks something.
func Start(t testing.TB) *Server {
	t.Helper()
	need.Root(t)
	for _, program := range []string{"libvirtd", "qemu-system-x86_64", "qemu-img"} {
		need.Program(t, program)
	}
	dir, err := os.MkdirTemp("/tmp", "lv") // not t.TempDir: sockets' paths are short
	require.NoError(t, err)
	require.NoError(t, os.Chmod(dir, 0o755)) // QEMU's user passes
	s := &Server{t: t, dir: dir}
	t.Cleanup(s.clear)
	for _, sub := range []string{"run", "lib", "log", "etc", "sock"} {
		require.NoError(t, os.Mkdir(filepath.Join(dir, sub), 0o755))
	}
	require.NoError(t, os.WriteFile(filepath.Join(dir, "etc/libvirtd.conf"), []byte(fmt.Sprintf(libvirtdConf, dir)), 0o600))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "etc/qemu.conf"), []byte(qemuConf), 0o600))
	s.net = s.namespace()
	s.Run()
	return s
}

const libvirtdConf = `unix_sock_dir = "%[1]s/sock"
auth_unix_rw = "none"
unix_sock_rw_perms = "0700"
log_outputs = "3:file:%[1]s/log/libvirtd.log"
`

// QEMU runs as libvirt's own user, with dynamic ownership, as on a usual host.
const qemuConf = `stdio_handler = "file"
security_driver = "none"
cgroup_controllers = []
namespaces = []
`

// Socket is the path of libvirtd's socket.
func (s *Server) Socket() string { return filepath.Join(s.dir, "sock/libvirt-sock") }

// Namespace is the path of the network namespace that libvirtd and its guests are in.
func (s *Server) Namespace() string { return fmt.Sprintf("/proc/%d/fd/%d", os.Getpid(), int(s.net)) }

// namespace makes the network namespace that every libvirtd of s is in.
func (s *Server) namespace() netns.NsHandle {
	made := make(chan netns.NsHandle)
	go func() {
		runtime.LockOSThread() // and never unlocked: the thread ends with the goroutine
		defer close(made)
		if ns, err := netns.New(); err == nil {
			made <- ns
		}
	}()
	ns, ok := <-made
	require.True(s.t, ok, "make a network namespace")
	s.t.Cleanup(func() { ns.Close() })
	return ns
}

// Run runs libvirtd again after Kill.
func (s *Server) Run() {
	s.t.Helper()
	ctx, stop := context.WithCancel(context.Background())
	s.stop, s.ended = stop, make(chan struct{})
	go func() {
		runtime.LockOSThread()
		defer close(s.ended)
		if s.result = s.enter(); s.result != nil {
			return
		}
		_, s.result = command.Run(ctx, command.Command{
			Path: need.Program(s.t, "libvirtd"),
			Args: []string{"-f", "/etc/libvirt/libvirtd.conf", "-p", filepath.Join(s.dir, "libvirtd.pid")},
			Env:  []string{"PATH=/usr/sbin:/usr/bin:/sbin:/bin"}, Limits: command.Limits{Time: time.Hour},
		})
	}()
	s.awaitSocket()
}

// enter puts the thread into the namespaces, with the folders of libvirt
// replaced by those of s.
func (s *Server) enter() error {
	if err := netns.Set(s.net); err != nil {
		return err
	}
	if err := unix.Unshare(unix.CLONE_FS | unix.CLONE_NEWNS); err != nil {
		return err
	}
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return err
	}
	if err := s.hideKVM(); err != nil {
		return err
	}
	for from, to := range map[string]string{"run": "/run/libvirt", "lib": "/var/lib/libvirt", "log": "/var/log/libvirt", "etc": "/etc/libvirt"} {
		if err := os.MkdirAll(to, 0o755); err != nil {
			return err
		}
		if err := unix.Mount(filepath.Join(s.dir, from), to, "", unix.MS_BIND, ""); err != nil {
			return fmt.Errorf("mount %s: %w", to, err)
		}
	}
	return nil
}

// hideKVM takes /dev/kvm away: tests emulate. Left there, but not for QEMU's
// user, it makes libvirtd ask QEMU for its abilities again at every call.
func (s *Server) hideKVM() error {
	if _, err := os.Stat("/dev/kvm"); err != nil {
		return nil
	}
	nothing := filepath.Join(s.dir, "nothing")
	if err := os.WriteFile(nothing, nil, 0); err != nil {
		return err
	}
	return unix.Mount(nothing, "/dev/kvm", "", unix.MS_BIND, "")
}

func (s *Server) awaitSocket() {
	s.t.Helper()
	deadline := time.Now().Add(startTime)
	for {
		c, err := net.Dial("unix", s.Socket())
		if err == nil {
			c.Close()
			return
		}
		select {
		case <-s.ended:
			s.t.Fatalf("libvirtd ended: %v\n%s", s.result, s.log())
		case <-time.After(10 * time.Millisecond):
		}
		if time.Now().After(deadline) {
			s.t.Fatalf("libvirtd did not come up: %v\n%s", err, s.log())
		}
	}
}

func (s *Server) log() string {
	text, _ := os.ReadFile(filepath.Join(s.dir, "log/libvirtd.log"))
	return string(text)
}

// Kill ends libvirtd as a crash does. Its guests run on.
func (s *Server) Kill() {
	s.stop()
	<-s.ended
}

// Pause halts libvirtd, so that it takes connections and answers nothing, until
// the function that it gives is called.
func (s *Server) Pause() (resume func()) {
	s.t.Helper()
	text, err := os.ReadFile(filepath.Join(s.dir, "libvirtd.pid"))
	require.NoError(s.t, err)
	pid, err := strconv.Atoi(strings.TrimSpace(string(text)))
	require.NoError(s.t, err)
	require.NoError(s.t, unix.Kill(pid, unix.SIGSTOP))
	return func() { _ = unix.Kill(pid, unix.SIGCONT) }
}

// Tap makes a tap device in the namespace of s, and sets it up.
func (s *Server) Tap(name string) {
	s.t.Helper()
	h, err := netlink.NewHandleAt(s.net)
	require.NoError(s.t, err)
	defer h.Close()
	made := make(chan error)
	go func() { // a tap is made by opening it: in the namespace of the thread
		runtime.LockOSThread()
		if err := netns.Set(s.net); err != nil {
			made <- err
			return
		}
		made <- netlink.LinkAdd(&netlink.Tuntap{LinkAttrs: netlink.LinkAttrs{Name: name}, Mode: netlink.TUNTAP_MODE_TAP, Flags: netlink.TUNTAP_DEFAULTS})
	}()
	require.NoError(s.t, <-made)
	link, err := h.LinkByName(name)
	require.NoError(s.t, err)
	require.NoError(s.t, h.LinkSetUp(link))
}

// Carrier reports whether a tap device in the namespace of s has a carrier: a
// guest has it open.
func (s *Server) Carrier(name string) bool {
	s.t.Helper()
	h, err := netlink.NewHandleAt(s.net)
	require.NoError(s.t, err)
	defer h.Close()
	link, err := h.LinkByName(name)
	require.NoError(s.t, err)
	return link.Attrs().RawFlags&unix.IFF_LOWER_UP != 0
}

// PID gives the process id of the running guest named name.
func (s *Server) PID(name string) int {
	s.t.Helper()
	text, err := os.ReadFile(filepath.Join(s.dir, "run/qemu", name+".pid"))
	require.NoError(s.t, err)
	pid, err := strconv.Atoi(strings.TrimSpace(string(text)))
	require.NoError(s.t, err)
	return pid
}

// clear ends libvirtd and the guests that it left, by their pid files, and
// removes its files.
func (s *Server) clear() {
	if s.stop != nil {
		s.Kill()
	}
	if s.t.Failed() {
		s.t.Log("libvirtd's log:\n" + s.log())
	}
	files, _ := filepath.Glob(filepath.Join(s.dir, "run/qemu/*.pid"))
	for _, file := range files {
		pid := s.PID(strings.TrimSuffix(filepath.Base(file), ".pid"))
		line, _ := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
		if strings.Contains(string(line), "qemu-system") {
			_ = unix.Kill(pid, unix.SIGKILL)
		}
	}
	if err := os.RemoveAll(s.dir); err != nil {
		s.t.Errorf("remove %s: %v", s.dir, err)
	}
}
