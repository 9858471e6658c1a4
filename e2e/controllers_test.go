package e2e

import (
	"fmt"
	"math/rand/v2"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/cumulite/cumulite/test/capture"
	"github.com/cumulite/cumulite/test/pgtest"
)

// controllers are several cumuliteds on one PostgreSQL, with hosts of their own.
type controllers struct {
	dir      string
	database *pgtest.Server
	port     int
}

func newControllers(t *testing.T) controllers {
	return controllers{t.TempDir(), pgtest.Start(t), 20000 + rand.IntN(10000)}
}

// args are those of the controller of that name, which listens for hosts at an
// address of loopback of its own.
func (c controllers) args(name string) []string {
	return []string{"--operator", "none", "--state-dir", filepath.Join(c.dir, name), "--hypervisor", "none", "--network", "none",
		"--hosts-listen", fmt.Sprintf("127.0.0.%d:%d", name[0]-'a'+2, c.port),
		"--database", c.database.URL("postgres"), "--keys", c.keys(), "--images", filepath.Join(c.dir, "images")}
}

func (c controllers) keys() string { return filepath.Join(c.dir, "keys") }

// host runs a simulated host until the test ends.
func (c controllers) host(t *testing.T, name string) {
	t.Helper()
	token, err := output(t, here, nil, program(t, "daemons/cumulited"), "host-token", "--state-dir", c.keys(), "--name", name)
	require.NoError(t, err)
	state := filepath.Join(c.dir, name)
	_, err = output(t, here, nil, program(t, "daemons/hostagent"), "join", "--state-dir", state, strings.TrimSpace(token))
	require.NoError(t, err)
	agent := exec.Command(program(t, "daemons/hostagent"), "--state-dir", state, "--hypervisor", "sim", "--network", "sim", "--operator", "none")
	log := &capture.Buffer{}
	agent.Stdout, agent.Stderr = log, log
	require.NoError(t, agent.Start())
	t.Cleanup(func() {
		require.NoError(t, agent.Process.Signal(syscall.SIGTERM))
		require.NoError(t, agent.Wait())
		if t.Failed() {
			t.Logf("the log of %s:\n%s", name, log)
		}
	})
}

func TestSeveralControllersAreOneCloud(t *testing.T) {
	c := newControllers(t)
	a, b := startDaemon(t, here, c.args("a")...), startDaemon(t, here, c.args("b")...)
	c.host(t, "host-1")
	c.host(t, "host-2")
	both := []string{a.url, b.url}
	admin, member := logIn(t, a.clouds, "admin", both...), logIn(t, b.clouds, "cumulite", both...)

	// A token that one controller revokes is refused by the other.
	other := logIn(t, a.clouds, "cumulite", b.url)
	require.NotNil(t, other.statuses(t))
	revoke := &rest{urls: []string{a.url}, token: other.token}
	status, _, _ := revoke.call(t, "GET", "/compute/v2.1/servers", nil)
	require.Equal(t, 200, status)
	revokeToken(t, a.url, other.token)
	require.Eventually(t, func() bool {
		status, _, _ := other.call(t, "GET", "/compute/v2.1/servers", nil)
		return status == 401
	}, 2*time.Second, 50*time.Millisecond)

	flavor := admin.must(t, "POST", "/compute/v2.1/flavors", map[string]any{"flavor": map[string]any{"name": "tiny", "vcpus": 1, "ram": 64, "disk": 1}})["flavor"].(map[string]any)["id"]
	image := member.must(t, "POST", "/image/v2/images", map[string]any{"name": "i", "disk_format": "raw", "container_format": "bare"})["id"].(string)
	member.must(t, "PUT", "/image/v2/images/"+image+"/file", make([]byte, 4096))
	network := member.must(t, "POST", "/networking/v2.0/networks", map[string]any{"network": map[string]any{"name": "n"}})["network"].(map[string]any)["id"]
	member.must(t, "POST", "/networking/v2.0/subnets", map[string]any{"subnet": map[string]any{"network_id": network, "ip_version": 4, "cidr": "10.1.0.0/24"}})
	admin.must(t, "PUT", "/compute/v2.1/os-quota-sets/"+member.project, map[string]any{"quota_set": map[string]any{"instances": -1, "cores": -1}})
	create := func(name string) bool {
		status, _, answer := member.call(t, "POST", "/compute/v2.1/servers", map[string]any{"server": map[string]any{
			"name": name, "flavorRef": flavor, "imageRef": image, "networks": []any{map[string]any{"uuid": network}}}})
		if status != 202 {
			t.Logf("%s was refused: %d %v", name, status, answer)
		}
		return status == 202
	}
	var names []string
	for i := range 8 {
		names = append(names, fmt.Sprintf("first-%d", i))
		require.True(t, create(names[i]))
	}
	member.active(t, 30*time.Second, names...)

	// The database dies under load: what was acknowledged is there, all goes on.
	for i := range 10 {
		if name := fmt.Sprintf("second-%d", i); create(name) {
			names = append(names, name)
		}
		if i == 5 {
			c.database.Kill(t)
		}
	}
	c.database.Restart(t)
	member.active(t, 60*time.Second, names...)

	// One controller dies, and comes back.
	for i := range 6 {
		names = append(names, fmt.Sprintf("third-%d", i))
		require.True(t, create(names[len(names)-1]))
	}
	require.Error(t, a.stop(syscall.SIGKILL))
	member.urls = []string{b.url}
	require.True(t, create("while-one-is-away"), "the other serves on")
	names = append(names, "while-one-is-away")
	begun := time.Now()
	member.active(t, 60*time.Second, names...)
	t.Logf("the operations of the dead controller were done after %v", time.Since(begun))
	a = startDaemon(t, here, c.args("a")...)
	member.urls = []string{a.url, b.url}
	require.True(t, create("last"))
	member.active(t, 60*time.Second, append(names, "last")...)
}

// revokeToken ends a token at one controller.
func revokeToken(t *testing.T, url, token string) {
	t.Helper()
	r := &rest{urls: []string{url}, token: token}
	status := r.revoke(t)
	require.Equal(t, 204, status)
}

func TestControllersRefuseKeysThatAreNotTheDatabases(t *testing.T) {
	c := newControllers(t)
	a := startDaemon(t, here, c.args("a")...)
	require.NoError(t, a.stop(syscall.SIGTERM))
	_, err := output(t, here, nil, program(t, "daemons/cumulited"), "--listen", "127.0.0.1:0", "--operator", "none", "--state-dir", filepath.Join(c.dir, "b"),
		"--database", c.database.URL("postgres"), "--keys", filepath.Join(c.dir, "other"), "--images", filepath.Join(c.dir, "images"))
	require.ErrorContains(t, err, "are not those that the database was made with")
}

func TestControllersHaveNoHostsThatOthersCannotReach(t *testing.T) {
	c := newControllers(t)
	a := startDaemon(t, here, c.args("a")...)
	local := []string{"--listen", "127.0.0.1:0", "--operator", "none", "--state-dir", filepath.Join(c.dir, "b"),
		"--database", c.database.URL("postgres"), "--keys", c.keys(), "--images", filepath.Join(c.dir, "images")}
	_, err := output(t, here, nil, program(t, "daemons/cumulited"), local...)
	require.ErrorContains(t, err, "another controller of this cloud is there")
	require.NoError(t, a.stop(syscall.SIGTERM))
	b := startDaemon(t, here, local[2:]...)
	require.NotEmpty(t, b.url, "alone it may have hosts")
}

func TestCommandsFindTheCloudThatSeveralControllersShare(t *testing.T) {
	c := newControllers(t)
	a := startDaemon(t, here, c.args("a")...)
	c.host(t, "host-1")
	admin := logIn(t, a.clouds, "admin", a.url)
	state := func() (state string) {
		for _, s := range admin.must(t, "GET", "/compute/v2.1/os-services", nil)["services"].([]any) {
			state = s.(map[string]any)["state"].(string)
		}
		return state
	}
	require.Eventually(t, func() bool { return state() == "up" }, 15*time.Second, 50*time.Millisecond)
	command := func(words ...string) (string, error) {
		return output(t, here, nil, program(t, "daemons/cumulited"), append(words, c.args("a")...)...)
	}
	_, err := command("host-revoke", "nobody")
	require.ErrorContains(t, err, "No host nobody has joined")
	_, err = command("host-revoke", "host-1")
	require.NoError(t, err)
	require.Eventually(t, func() bool { return state() == "down" }, 15*time.Second, 50*time.Millisecond)
	said, err := command("doctor")
	require.NoError(t, err, said)
	require.NoError(t, a.stop(syscall.SIGTERM))
	said, err = command("doctor")
	require.NoError(t, err, said)
	require.Contains(t, said, "held")

	b := startDaemon(t, here, c.args("b")...)
	said, err = command("doctor")
	require.NoError(t, err, said)
	_, err = command("doctor", "--public-url", "http://127.0.0.1:1")
	require.ErrorContains(t, err, "connection refused", "beside another controller nothing is at rest")
	said, err = command("doctor", "--public-url", b.url)
	require.NoError(t, err, said)
}
