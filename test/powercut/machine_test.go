package powercut

import (
	"bytes"
	"fmt"

	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/cumulite/cumulite/test/capture"
	"github.com/cumulite/cumulite/test/guest"
	"github.com/cumulite/cumulite/test/need"
)

// machine is a computer that runs cumulited, with a disk that outlives its power.
type machine struct {
	t              testing.TB
	kernel, initrd string
	disk           string
	port           int
	qemu           *exec.Cmd
	console        *capture.Buffer
}

const password = "power-cut"

// initScript is PID 1: it mounts the disk and runs cumulited.
const initScript = `#!/bin/sh
export PATH=/bin:/sbin:/usr/bin:/usr/sbin CUMULITE_ADMIN_PASSWORD=%s
mount -t proc proc /proc; mount -t sysfs sys /sys; mount -t devtmpfs dev /dev; mount -t tmpfs tmp /tmp
for m in virtio_pci virtio_blk virtio_net crc32c_generic ext4; do modprobe $m; done
ip link set lo up; ip link set eth0 up; ip addr add 10.0.2.15/24 dev eth0; ip route add default via 10.0.2.2
mount -t ext4 /dev/vda /mnt && echo POWERCUT-MOUNTED
/cumulited --state-dir /mnt/state --host sim --listen 0.0.0.0:5000 --insecure-http --operator none --public-url http://127.0.0.1:%d %s
echo "POWERCUT-ENDED rc=$?"
while :; do sleep 60; done
`

// newMachine gives a machine whose disk has an empty file system. args are
// those of its cumulited.
func newMachine(t testing.TB, args ...string) *machine {
	t.Helper()
	need.Program(t, "qemu-system-x86_64")
	paths := guest.Image(t)
	m := &machine{t: t, kernel: paths.Kernel, port: freePort(t)}
	dir := t.TempDir()
	m.disk, m.initrd = filepath.Join(dir, "disk"), filepath.Join(dir, "initrd")
	require.NoError(t, os.WriteFile(m.disk, nil, 0o600))
	require.NoError(t, os.Truncate(m.disk, 512<<20))
	run(t, need.Program(t, "mkfs.ext4"), "-q", "-F", m.disk)

	program := filepath.Join(dir, "cumulited")
	build := exec.CommandContext(t.Context(), "go", "build", "-trimpath", "-ldflags=-s -w", "-o", program, "../../daemons/cumulited")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	out, err := build.CombinedOutput()
	require.NoError(t, err, string(out))
	binary, err := os.ReadFile(program)
	require.NoError(t, err)
	base, err := os.ReadFile(paths.Initrd)
	require.NoError(t, err)
	script := fmt.Sprintf(initScript, password, m.port, strings.Join(args, " "))
	require.NoError(t, os.WriteFile(m.initrd, append(padded(base), archive(
		file{"cumulited", binary}, file{"powercut", []byte(script)})...), 0o600))
	t.Cleanup(m.cut)
	return m
}

// on gives the machine power, and waits until cumulited answers.
func (m *machine) on() {
	m.t.Helper()
	m.console = &capture.Buffer{}
	m.qemu = exec.Command(need.Program(m.t, "qemu-system-x86_64"), "-nodefaults", "-no-reboot", "-display", "none", "-accel", "tcg", "-m", "640", "-smp", "1",
		"-kernel", m.kernel, "-initrd", m.initrd,
		"-append", "console=ttyS0 rdinit=/powercut net.ifnames=0 mitigations=off tsc=reliable no_timer_check loglevel=3 panic=-1",
		"-serial", "stdio", "-drive", "file="+m.disk+",format=raw,if=virtio,cache=writeback",
		"-netdev", fmt.Sprintf("user,id=n,restrict=on,hostfwd=tcp:127.0.0.1:%d-10.0.2.15:5000", m.port), "-device", "virtio-net-pci,netdev=n")
	m.qemu.Stdout, m.qemu.Stderr = m.console, m.console
	require.NoError(m.t, m.qemu.Start())
	client := http.Client{Timeout: 2 * time.Second}
	for range 600 {
		if answer, err := client.Get(m.url() + "/identity"); err == nil {
			_ = answer.Body.Close()
			return
		}
		time.Sleep(100 * time.Millisecond)
	}
	require.Fail(m.t, "cumulited does not answer", m.console.String())
}

// cut takes the power away.
func (m *machine) cut() {
	if m.qemu == nil {
		return
	}
	_ = m.qemu.Process.Kill()
	_ = m.qemu.Wait()
	m.qemu = nil
}

func (m *machine) url() string { return fmt.Sprintf("http://127.0.0.1:%d", m.port) }

// freePort gives a port of the loopback that nobody listens on.
func freePort(t testing.TB) int {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}

func run(t testing.TB, program string, args ...string) {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), program, args...).CombinedOutput()
	require.NoError(t, err, string(out))
}

// file is one file of an archive.
type file struct {
	name string
	data []byte
}

// archive writes files as the kernel reads a further part of its initial file
// system: cpio in the new ASCII format.
func archive(files ...file) []byte {
	var b bytes.Buffer
	for i, f := range append(files, file{name: "TRAILER!!!"}) {
		fmt.Fprintf(&b, "070701%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%s\x00",
			i+1, 0o100755, 0, 0, 1, 0, len(f.data), 0, 0, 0, 0, len(f.name)+1, 0, f.name)
		b.Write(make([]byte, -b.Len()&3))
		b.Write(f.data)
		b.Write(make([]byte, -b.Len()&3))
	}
	return b.Bytes()
}

// padded ends a part of the initial file system where the next may begin.
func padded(part []byte) []byte { return append(part, make([]byte, -len(part)&3)...) }
