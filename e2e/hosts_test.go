package e2e

import (
	"context"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/cumulite/cumulite/drivers/linuxnet"
	"github.com/cumulite/cumulite/test/capture"
	"github.com/cumulite/cumulite/test/guest"
	"github.com/cumulite/cumulite/test/hosts"
	"github.com/cumulite/cumulite/test/need"
)

// apart is a cloud on three machines: a controller and two hosts.
type apart struct {
	*testing.T
	rig     *hosts.Rig
	dir     string
	daemon  *daemon
	agents  map[string]*exec.Cmd // by host
	admin   cloud
	member  cloud
	log     *capture.Buffer // of the agents
	servers map[string]place
}

// place is where a server is.
type place struct{ id, host, fixed, instance string }

func newApart(t *testing.T) *apart {
	needOpenstack(t)
	a := &apart{T: t, rig: hosts.Start(t, "hv1", "hv2"), agents: map[string]*exec.Cmd{}, log: &capture.Buffer{}, servers: map[string]place{}}
	var err error
	a.dir, err = os.MkdirTemp("/var/tmp", "e2e")
	require.NoError(t, err)
	require.NoError(t, os.Chmod(a.dir, 0o711)) // QEMU's user passes
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("the agents' log:\n%s", a.log)
		}
		require.NoError(t, os.RemoveAll(a.dir))
	})
	a.control()
	for _, h := range a.rig.Hosts {
		a.join(h)
		a.serve(h)
	}
	return a
}

// control starts the controller, again after its end.
func (a *apart) control() {
	in := a.rig.Controller.Start
	a.daemon = startDaemon(a.T, in, "--state-dir", filepath.Join(a.dir, "controller"), "--operator", "none",
		"--hosts-listen", a.rig.Controller.Address.String()+":9292", "--hypervisor", "none", "--network", "none")
	a.admin, a.member = cloud{a.daemon, in, "cumulite-admin"}, cloud{a.daemon, in, "cumulite"}
}

func (a *apart) stateOf(h *hosts.Host) string { return filepath.Join(a.dir, h.Name) }

// join makes a machine a host of the cloud, with a token for it alone.
func (a *apart) join(h *hosts.Host) {
	token, err := output(a.T, a.rig.Controller.Start, nil, program(a.T, "daemons/cumulited"),
		"host-token", "--state-dir", filepath.Join(a.dir, "controller"), "--name", h.Name)
	require.NoError(a, err)
	join := func() error {
		_, err := output(a.T, h.Start, nil, program(a.T, "daemons/hostagent"), "join", "--state-dir", a.stateOf(h), strings.TrimSpace(token))
		return err
	}
	require.NoError(a, join())
	require.Error(a, join(), "a token is good for once")
	a.Cleanup(func() {
		require.NoError(a, linuxnet.Clear(filepath.Join(a.stateOf(h), "network"), &linuxnet.Options{Namespace: h.Libvirt.Namespace()}))
	})
}

// serve runs a host's agent.
func (a *apart) serve(h *hosts.Host) {
	c := exec.Command(program(a.T, "daemons/hostagent"), "--state-dir", a.stateOf(h), "--hypervisor", "libvirt", "--accel", "tcg",
		"--libvirt-socket", h.Libvirt.Socket(), "--network", "linuxnet", "--operator", "none")
	c.Stdout, c.Stderr = a.log, a.log
	require.NoError(a, h.Start(c))
	a.agents[h.Name] = c
	a.Cleanup(func() {
		if c.ProcessState == nil {
			require.NoError(a, c.Process.Signal(syscall.SIGTERM))
			require.NoError(a, c.Wait())
		}
	})
}

// kill ends a host's agent as a crash does.
func (a *apart) kill(h *hosts.Host) {
	require.NoError(a, a.agents[h.Name].Process.Kill())
	require.Error(a, a.agents[h.Name].Wait())
}

func (a *apart) host(name string) *hosts.Host {
	for _, h := range a.rig.Hosts {
		if h.Name == name {
			return h
		}
	}
	require.Fail(a, "no such host", name)
	return nil
}

// up tells whether both services of a host are shown as being there.
func (a *apart) up(name string) bool {
	rows := a.admin.list(a.T, "compute", "service", "list", "--service", "nova-compute")
	for _, row := range rows {
		if row["Host"] == name {
			return row["State"] == "up"
		}
	}
	return false
}

// boot boots two servers, each on a host of its own.
func (a *apart) boot() {
	group := a.member.field(a.T, "id", "server", "group", "create", "--policy", "anti-affinity", "apart")
	for _, name := range []string{"one", "two"} {
		a.member.must(a.T, "server", "create", "--flavor", "m1.tiny", "--image", "guest", "--network", "private", "--security-group", "web", "--hint", "group="+group, "--wait", name)
	}
	for _, name := range []string{"one", "two"} {
		eventually(a.T, "server "+name+" is up", func() bool {
			return strings.Contains(a.member.must(a.T, "console", "log", "show", name), "GUEST-READY")
		})
		shown := a.admin.show(a.T, "server", "show", a.member.field(a.T, "id", "server", "show", name))
		fixed := shown["addresses"].(map[string]any)["private"].([]any)[0].(string)
		a.servers[name] = place{shown["id"].(string), shown["OS-EXT-SRV-ATTR:host"].(string), fixed, shown["OS-EXT-SRV-ATTR:instance_name"].(string)}
	}
	require.NotEqual(a, a.servers["one"].host, a.servers["two"].host)
}

// edge gives the host of the router.
func (a *apart) edge() *hosts.Host {
	router := a.member.field(a.T, "id", "router", "show", "router")
	rows := a.admin.list(a.T, "network", "agent", "list", "--router", router)
	require.Len(a, rows, 1)
	return a.host(rows[0]["Host"].(string))
}

// run runs a command in the guest with a floating address, from the router's host.
func run(h *hosts.Host, address, command string) (string, error) {
	client := http.Client{Timeout: 20 * time.Second, Transport: &http.Transport{DisableKeepAlives: true,
		DialContext: func(ctx context.Context, kind, at string) (conn net.Conn, err error) {
			err = h.Do(func() error {
				conn, err = (&net.Dialer{Timeout: 3 * time.Second}).DialContext(ctx, kind, at)
				return err
			})
			return conn, err
		}}}
	answer, err := client.Get("http://" + address + "/cgi-bin/sh?" + url.PathEscape(command))
	if err != nil {
		return "", err
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	return string(body), err
}

// renew takes a lease and asks, at once and the server alone, to prolong it.
const renew = `printf '#!/bin/sh\necho $1 $ip >>/tmp/told\n' >/tmp/tell; chmod 700 /tmp/tell; : >/tmp/told
	told() { for i in $(seq 20); do grep -q "$1" /tmp/told && return; sleep 0.2; done; }
	udhcpc -f -i eth0 -s /tmp/tell >/tmp/log 2>&1 & told bound; kill -USR1 $!; told renew; kill $!; cat /tmp/told /tmp/log`

const metadata = "timeout 5 wget -q -O - http://169.254.169.254/openstack/latest/meta_data.json"

// works says that a server on another host than its router's is whole: it is
// reached, reaches the other, and has its lease and metadata.
func (a *apart) works(edge *hosts.Host, floating string, far, near place, why string) {
	a.Helper()
	for command, says := range map[string]string{
		"ping -c 2 -W 3 " + near.fixed:                "rc=0",
		"timeout 5 wget -q -O - http://" + near.fixed: "rc=0",
		metadata: far.id,
		renew:    "bound " + far.fixed + "\nrenew " + far.fixed + "\n",
	} {
		out, err := run(edge, floating, command)
		require.NoError(a, err, why)
		require.Contains(a, out, says, why)
	}
}

// TestStoryOnTwoHosts has two real servers on two hosts with an agent each, in
// namespaces of the test, and a controller in another.
func TestStoryOnTwoHosts(t *testing.T) {
	ip := need.Program(t, "ip")
	g := guest.Image(t)
	a := newApart(t)
	for _, h := range a.rig.Hosts {
		eventually(t, h.Name+" is up", func() bool { return a.up(h.Name) })
	}
	provide(t, a.admin, disk{g.Image, "qcow2"})
	connect(t, a.member)
	a.boot()

	edge := a.edge()
	near, far := a.servers["one"], a.servers["two"]
	if far.host == edge.Name {
		near, far = far, near
	}
	floating := a.member.field(t, "floating_ip_address", "floating", "ip", "create", "public")
	a.member.must(t, "server", "add", "floating", "ip", far.id, floating)
	a.works(edge, floating, far, near, "on two hosts")
	pid := a.host(far.host).Libvirt.PID(far.instance)

	t.Run("groups", func(t *testing.T) { a.groups(t, edge, floating, near) })
	t.Run("controller killed", func(t *testing.T) {
		require.Error(t, a.daemon.stop(syscall.SIGKILL))
		a.works(edge, floating, far, near, "without a controller")
		a.control()
		eventually(t, "the hosts are back", func() bool { return a.up("hv1") && a.up("hv2") })
		require.Equal(t, "ACTIVE", a.member.field(t, "status", "server", "show", far.id))
	})
	t.Run("agent killed", func(t *testing.T) {
		h := a.host(far.host)
		a.kill(h)
		out, err := run(edge, floating, "ping -c 2 -W 3 "+near.fixed)
		require.NoError(t, err)
		require.Contains(t, out, "rc=0")
		a.serve(h)
		eventually(t, "the host is back", func() bool { return a.up(h.Name) })
		a.works(edge, floating, far, near, "with an agent that was started again")
	})
	t.Run("host cut off", func(t *testing.T) { a.cutOff(t, edge, floating, far, near) })
	require.Equal(t, pid, a.host(far.host).Libvirt.PID(far.instance), "the guest was never touched")

	a.member.must(t, "server", "delete", "--wait", near.id)
	a.member.must(t, "server", "set", "--name", "first", far.id)
	a.member.must(t, "server", "group", "delete", "apart")
	a.member.must(t, "keypair", "create", "mine")
	clear(t, a.admin, a.member, floating)
	for _, h := range a.rig.Hosts {
		require.Empty(t, h.Libvirt.Names())
		links := ""
		eventually(t, "no link is left on "+h.Name, func() bool {
			var err error
			links, err = output(t, h.Start, nil, ip, "-o", "link")
			require.NoError(t, err)
			return len(strings.Split(strings.TrimSpace(links), "\n")) == 2 // lo and the underlay's
		})
	}
}

// groups says that security groups hold across hosts.
func (a *apart) groups(t *testing.T, edge *hosts.Host, floating string, near place) {
	ping := "ping -c 1 -W 2 " + near.fixed
	passes := func() bool {
		out, err := run(edge, floating, ping)
		require.NoError(t, err)
		return strings.Contains(out, "rc=0")
	}
	rules := a.member.list(t, "security", "group", "rule", "list", "--protocol", "icmp", "web")
	require.Len(t, rules, 1)
	a.member.must(t, "security", "group", "rule", "delete", rules[0]["ID"].(string))
	eventually(t, "no ping passes without its rule", func() bool { return !passes() })
	a.member.must(t, "security", "group", "rule", "create", "web", "--protocol", "icmp", "--remote-group", "web")
	eventually(t, "a member's ping passes", passes)
}

// cutOff takes the far server's host off the underlay for a while.
func (a *apart) cutOff(t *testing.T, edge *hosts.Host, floating string, far, near place) {
	h := a.host(far.host)
	h.Cut()
	began := time.Now()
	eventually(t, "the host is shown as down", func() bool { return !a.up(h.Name) })
	require.Less(t, time.Since(began), 15*time.Second, "the command takes its time too")
	require.True(t, a.up(edge.Name))
	h.Mend()
	eventually(t, "the host is back", func() bool { return a.up(h.Name) })
	require.Equal(t, "ACTIVE", a.member.field(t, "status", "server", "show", far.id))
	a.works(edge, floating, far, near, "after the host was cut off")
}
