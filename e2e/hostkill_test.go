package e2e

import (
	"bufio"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/cumulite/cumulite/test/capture"
)

// hostagent is a running agent of a host.
type hostagent struct {
	t    testing.TB
	name string
	dir  string
	cmd  *exec.Cmd
	log  *capture.Buffer
	done chan error
}

// joinHost makes a host of the cloud in stateDir and runs its agent.
func joinHost(t testing.TB, stateDir, name string) *hostagent {
	t.Helper()
	token, err := output(t, here, nil, program(t, "daemons/cumulited"), "host-token", "--state-dir", stateDir, "--name", name)
	require.NoError(t, err)
	h := &hostagent{t: t, name: name, dir: t.TempDir()}
	_, err = output(t, here, nil, program(t, "daemons/hostagent"), "join", "--state-dir", h.dir, strings.TrimSpace(token))
	require.NoError(t, err)
	t.Cleanup(func() {
		if h.cmd.ProcessState == nil {
			require.NoError(t, h.stop(syscall.SIGTERM), h.log.String())
		}
	})
	h.start()
	return h
}

// start runs the agent and waits until it is ready, which needs no controller.
func (h *hostagent) start() {
	h.t.Helper()
	h.log, h.done = &capture.Buffer{}, make(chan error, 1)
	h.cmd = exec.Command(program(h.t, "daemons/hostagent"), "--state-dir", h.dir, "--operator", "none")
	out, err := h.cmd.StdoutPipe()
	require.NoError(h.t, err)
	h.cmd.Stderr = h.log
	require.NoError(h.t, h.cmd.Start())
	r := bufio.NewReader(out)
	line, _ := r.ReadString('\n')
	go func() {
		_, _ = io.Copy(h.log, r)
		h.done <- h.cmd.Wait()
	}()
	require.Equal(h.t, "ready: host "+h.name, strings.TrimSpace(line), h.log)
}

// stop ends the agent by a signal and gives what became of it.
func (h *hostagent) stop(signal os.Signal) error {
	h.t.Helper()
	require.NoError(h.t, h.cmd.Process.Signal(signal))
	return <-h.done
}

// empty tells that the host has no guests: a journal of none is taken away.
func (h *hostagent) empty() bool {
	info, err := os.Stat(filepath.Join(h.dir, "simulated", "guests.journal"))
	return os.IsNotExist(err) || err == nil && info.Size() == 0
}

// hostPorts gives an address of this machine with three free ports in a row.
func hostPorts(t testing.TB) string {
	for range 100 {
		base, free := 20000+rand.IntN(10000), 0
		for i := range 3 {
			if l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", base+i)); err == nil {
				l.Close()
				free++
			}
		}
		if free == 3 {
			return fmt.Sprintf("127.0.0.1:%d", base)
		}
	}
	t.Fatal("there are no free ports")
	return ""
}

func TestHostsOfTheirOwnSurviveKills(t *testing.T) {
	needOpenstack(t)
	state, listen := filepath.Join(t.TempDir(), "state"), hostPorts(t)
	args := []string{"--state-dir", state, "--hosts-listen", listen, "--hypervisor", "none", "--network", "none"}
	d := startDaemon(t, here, args...)
	one, two := joinHost(t, state, "one"), joinHost(t, state, "two")
	admin := cloud{d, here, "cumulite-admin"}
	hostsAre(t, admin, map[string]string{"one": "up", "two": "up"}, time.Minute)

	path := filepath.Join(t.TempDir(), "disk")
	require.NoError(t, os.WriteFile(path, make([]byte, 1<<20), 0o600))
	admin.must(t, "image", "create", "guest", "--disk-format", "raw", "--container-format", "bare", "--file", path)
	admin.must(t, "flavor", "create", "m1.tiny", "--ram", "64", "--disk", "1", "--vcpus", "1")
	admin.must(t, "network", "create", "net")
	admin.must(t, "subnet", "create", "--network", "net", "--subnet-range", "10.1.0.0/24", "sub")
	create := func(name, host string) {
		admin.must(t, "--os-compute-api-version", "2.74", "server", "create", name, "--host", host, "--flavor", "m1.tiny", "--image", "guest", "--network", "net")
	}
	for _, name := range []string{"kept", "dropped"} {
		create(name, "one")
	}
	create("other", "two")
	for _, name := range []string{"kept", "dropped", "other"} {
		eventually(t, name+" is built", func() bool { return admin.field(t, "status", "server", "show", name) == "ACTIVE" })
	}

	require.Error(t, one.stop(syscall.SIGKILL))
	hostsAre(t, admin, map[string]string{"one": "down", "two": "up"}, 13*time.Second) // ten, and a client that takes its time
	require.Equal(t, "ACTIVE", admin.field(t, "status", "server", "show", "kept"))
	admin.must(t, "server", "delete", "dropped", "--wait")
	one.start()
	hostsAre(t, admin, map[string]string{"one": "up", "two": "up"}, time.Minute)

	require.Error(t, d.stop(syscall.SIGKILL))
	require.Error(t, two.stop(syscall.SIGKILL))
	two.start() // nobody is there
	admin.daemon = startDaemon(t, here, args...)
	hostsAre(t, admin, map[string]string{"one": "up", "two": "up"}, time.Minute)
	for _, name := range []string{"kept", "other"} {
		require.Equal(t, "ACTIVE", admin.field(t, "status", "server", "show", name))
	}
	powered(t, admin, "other")
	admin.must(t, "server", "delete", "kept", "other")
	for _, h := range []*hostagent{one, two} {
		eventually(t, "nothing is left on "+h.name, h.empty)
	}

	_, err := output(t, here, nil, program(t, "daemons/cumulited"), "host-revoke", "--state-dir", state, "two")
	require.NoError(t, err, "beside the cloud that runs")
	hostsAre(t, admin, map[string]string{"one": "up", "two": "down"}, 13*time.Second)
}

// hostsAre waits until the hosts of the cloud are up and down as they should be.
func hostsAre(t testing.TB, admin cloud, want map[string]string, within time.Duration) {
	t.Helper()
	is := map[string]string{}
	for deadline := time.Now().Add(within); time.Now().Before(deadline); time.Sleep(200 * time.Millisecond) {
		is = map[string]string{}
		for _, row := range admin.list(t, "compute", "service", "list") {
			is[row["Host"].(string)] = row["State"].(string)
		}
		if fmt.Sprint(is) == fmt.Sprint(want) {
			return
		}
	}
	require.Equal(t, want, is)
}

// powered stops and starts a server: its host is worked with.
func powered(t testing.TB, admin cloud, name string) {
	t.Helper()
	for _, to := range [][2]string{{"stop", "SHUTOFF"}, {"start", "ACTIVE"}} {
		admin.must(t, "server", to[0], name)
		eventually(t, name+" is "+to[1], func() bool { return admin.field(t, "status", "server", "show", name) == to[1] })
	}
}
