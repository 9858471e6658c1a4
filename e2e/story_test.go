package e2e

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// disk is what a server boots from.
type disk struct{ path, format string }

// story is the first session of a new cloud, at the openstack command: image,
// network, server, and away again. reach is called when the server should
// answer on its floating address, with what its console says then.
func story(t *testing.T, admin, member cloud, d disk, reach func(t *testing.T, address, console, keyFile string)) {
	provide(t, admin, d)
	connect(t, member)
	key := filepath.Join(t.TempDir(), "key")
	require.NoError(t, os.WriteFile(key, []byte(member.must(t, "keypair", "create", "mine")), 0o600))

	server := member.show(t, "server", "create", "--flavor", "m1.tiny", "--image", "guest", "--network", "private", "--key-name", "mine",
		"--security-group", "web", "--property", "purpose=story", "--wait", "first")
	require.Equal(t, "ACTIVE", server["status"])
	require.Equal(t, "mine", server["key_name"])
	require.Equal(t, 1., server["OS-EXT-STS:power_state"])
	id := server["id"].(string)

	address := member.field(t, "floating_ip_address", "floating", "ip", "create", "public")
	member.must(t, "server", "add", "floating", "ip", "first", address)
	require.Contains(t, member.must(t, "server", "show", "first", "-c", "addresses", "-f", "value"), address)
	rows := member.list(t, "server", "list")
	require.Len(t, rows, 1)
	require.Equal(t, id, rows[0]["ID"])
	require.Equal(t, "guest", rows[0]["Image"])
	require.Equal(t, "m1.tiny", rows[0]["Flavor"])
	console := ""
	eventually(t, "the server's console says that it is up", func() bool {
		console = member.must(t, "console", "log", "show", "first")
		return strings.Contains(console, "GUEST-READY") || d.format == "raw"
	})
	reach(t, address, console, key)
	powers(t, member)
	refusals(t, member, id)
	events := member.list(t, "server", "event", "list", "first")
	require.Equal(t, "create", events[len(events)-1]["Action"])
	clear(t, admin, member, address)
}

// provide is the administrator's part.
func provide(t *testing.T, admin cloud, d disk) {
	admin.must(t, "image", "create", "--public", "--disk-format", d.format, "--container-format", "bare", "--file", d.path, "guest")
	image := admin.show(t, "image", "show", "guest")
	require.Equal(t, "active", image["status"])
	require.Equal(t, "public", image["visibility"])
	admin.must(t, "flavor", "create", "--id", "1", "--ram", "192", "--disk", "1", "--vcpus", "1", "m1.tiny")
	require.Equal(t, true, admin.show(t, "network", "create", "--external", "public")["router:external"])
	admin.must(t, "subnet", "create", "--network", "public", "--subnet-range", "172.24.6.0/24", "--gateway", "172.24.6.1", "--no-dhcp",
		"--allocation-pool", "start=172.24.6.10,end=172.24.6.99", "public")
}

// connect makes the member's network, its router and a security group.
func connect(t *testing.T, member cloud) {
	require.Equal(t, "ACTIVE", member.field(t, "status", "network", "create", "private"))
	require.Contains(t, member.field(t, "allocation_pools", "subnet", "create", "--network", "private", "--subnet-range", "10.2.0.0/24", "private"), "10.2.0.254")
	member.must(t, "router", "create", "router")
	member.must(t, "router", "set", "--external-gateway", "public", "router")
	member.must(t, "router", "add", "subnet", "router", "private")
	require.Contains(t, member.must(t, "router", "show", "router", "-f", "json"), "172.24.6.")
	member.must(t, "security", "group", "create", "web")
	for _, rule := range [][]string{{"icmp"}, {"tcp", "--dst-port", "22"}, {"tcp", "--dst-port", "80"}} {
		member.must(t, append([]string{"security", "group", "rule", "create", "web", "--protocol"}, rule...)...)
	}
	require.Len(t, member.list(t, "security", "group", "rule", "list", "web"), 5)
}

// powers takes the server through its states.
func powers(t *testing.T, member cloud) {
	for _, step := range []struct{ command, status string }{
		{"pause", "PAUSED"}, {"unpause", "ACTIVE"}, {"suspend", "SUSPENDED"}, {"resume", "ACTIVE"},
		{"stop", "SHUTOFF"}, {"start", "ACTIVE"}, {"lock", "ACTIVE"}, {"unlock", "ACTIVE"},
	} {
		member.must(t, "server", step.command, "first")
		eventually(t, "openstack server "+step.command, func() bool { return member.field(t, "status", "server", "show", "first") == step.status })
	}
	member.must(t, "server", "reboot", "--hard", "--wait", "first")
	member.must(t, "server", "set", "--property", "more=yes", "--name", "renamed", "first")
	require.Contains(t, member.must(t, "server", "show", "renamed", "-c", "properties", "-f", "value"), "more")
	member.must(t, "server", "set", "--name", "first", "renamed")
}

// refusals are what a user is told in the original's words.
func refusals(t *testing.T, member cloud, id string) {
	for _, each := range []struct {
		says string
		args []string
	}{
		{"No server with a name or ID of 'other' exists|No Server found for other", []string{"server", "show", "other"}},
		{"403|Forbidden|disallowed by policy", []string{"flavor", "create", "--ram", "1", "--disk", "1", "--vcpus", "1", "mine"}},
		{"in use|Conflict|409", []string{"network", "delete", "private"}},
		{"409|Conflict|cannot be deleted", []string{"router", "delete", "router"}},
		{`Quota exceeded for instances: Requested 10, but already used 1 of 10 instances`,
			[]string{"server", "create", "--flavor", "m1.tiny", "--image", "guest", "--network", "private", "--min", "10", "--max", "10", "many"}},
	} {
		_, err := member.do(t, each.args...)
		require.Error(t, err, each.args)
		require.Regexp(t, each.says, err.Error(), each.args)
	}
	require.Equal(t, id, member.field(t, "id", "server", "show", "first"))
}

// clear takes everything away again, in the order that the cloud demands.
func clear(t *testing.T, admin, member cloud, address string) {
	member.must(t, "server", "remove", "floating", "ip", "first", address)
	member.must(t, "floating", "ip", "delete", address)
	member.must(t, "server", "delete", "--wait", "first")
	require.Empty(t, member.list(t, "server", "list"))
	member.must(t, "router", "remove", "subnet", "router", "private")
	member.must(t, "router", "delete", "router")
	member.must(t, "network", "delete", "private")
	require.Empty(t, member.list(t, "port", "list"))
	member.must(t, "security", "group", "delete", "web")
	member.must(t, "keypair", "delete", "mine")
	admin.must(t, "network", "delete", "public")
	admin.must(t, "flavor", "delete", "m1.tiny")
	admin.must(t, "image", "delete", "guest")
	require.Empty(t, admin.list(t, "image", "list"))
}

func TestStoryOnSimulatedHosts(t *testing.T) {
	needOpenstack(t)
	path := filepath.Join(t.TempDir(), "disk")
	require.NoError(t, os.WriteFile(path, make([]byte, 1<<20), 0o600))
	d := startDaemon(t, here, "--ephemeral")
	story(t, cloud{d, here, "cumulite-admin"}, cloud{d, here, "cumulite"}, disk{path, "raw"}, func(t *testing.T, address, console, _ string) {
		require.Regexp(t, `^172\.24\.6\.`, address)
		require.NotEmpty(t, console)
	})
}
