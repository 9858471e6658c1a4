package cloud_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/cumulite/cumulite/cloud"
	simfault "github.com/cumulite/cumulite/drivers/sim/fault"
	"github.com/cumulite/cumulite/platform/clock"
	"github.com/cumulite/cumulite/platform/errs"
	"github.com/cumulite/cumulite/platform/store"
)

// A full disk refuses what would change something, in each service's way,
// changes nothing, and lets reads go on; once there is room all goes on.
func TestFullDisk(t *testing.T) {
	var full atomic.Bool
	w := newWorld(t, func(w *world) {
		w.o.Faults = &cloud.Faults{Store: func(op string) error {
			if full.Load() && op != "committed" {
				return fmt.Errorf("database or disk is full: %w", store.ErrFull)
			}
			return nil
		}}
	})
	flavor, image := w.flavor(), w.blue.image("private")
	network, subnet := w.blue.network("net", "10.0.0.0/24")
	s := id(w.blue.make("/compute/v2.1/servers", "server", server("one", flavor, image, network, nil)["server"].(object)))
	w.settled()
	full.Store(true)
	before := w.dump()
	const v2, compute, identity, glance = "/networking/v2.0", "/compute/v2.1", "/identity/v3", "/image/v2"
	for _, c := range []struct {
		by           client
		method, path string
		body         any
	}{
		{w.blue, "POST", compute + "/servers", server("two", flavor, image, network, nil)},
		{w.blue, "DELETE", compute + "/servers/" + s, nil},
		{w.blue, "POST", compute + "/servers/" + s + "/action", object{"reboot": object{"type": "HARD"}}},
		{w.blue, "POST", compute + "/os-keypairs", object{"keypair": object{"name": "k"}}},
		{w.admin, "POST", compute + "/flavors", object{"flavor": object{"name": "x", "ram": 1, "vcpus": 1, "disk": 1}}},
		{w.blue, "POST", v2 + "/networks", object{"network": object{"name": "x"}}},
		{w.blue, "POST", v2 + "/ports", object{"port": object{"network_id": network}}},
		{w.blue, "PUT", v2 + "/subnets/" + subnet, object{"subnet": object{"name": "x"}}},
		{w.blue, "POST", v2 + "/security-groups", object{"security_group": object{"name": "x"}}},
		{w.blue, "POST", glance + "/images", object{"name": "x"}},
		{w.blue, "DELETE", glance + "/images/" + image, nil},
		{w.admin, "POST", identity + "/users", object{"user": object{"name": "x", "password": "y"}}},
		{w.admin, "DELETE", identity + "/projects/" + w.red.Project, nil},
	} {
		r := c.by.Do(c.method, c.path, c.body)
		require.Equal(t, 503, r.Status, "%s %s: %s", c.method, c.path, r.Body)
		require.NotContains(t, string(r.Body), "disk is full", "what broke is for the log")
		require.NotEmpty(t, r.Header.Get("Retry-After"), c.path)
	}
	for _, path := range []string{compute + "/servers/" + s, v2 + "/ports", glance + "/images/" + image + "/file", identity + "/auth/catalog"} {
		w.blue.Get(path).Want(200)
	}
	w.login("red", "red") // issuing a token writes nothing
	w.unchanged(before)
	full.Store(false)
	w.blue.call("DELETE", compute+"/servers/"+s, nil, 204)
	w.settled()
	w.whole()
	require.Zero(t, w.count("SELECT count(*) FROM network_ports"))
}

// With no host that has room a server ends in ERROR, says why, and holds
// nothing but its place in the quota, as in Nova.
func TestNoHostHasRoom(t *testing.T) {
	w := newWorld(t, func(w *world) { w.machine.size.MemoryMiB = 32 })
	flavor, image := w.flavor(), w.blue.image("private")
	network, _ := w.blue.network("net", "10.0.0.0/24")
	s := id(w.blue.make("/compute/v2.1/servers", "server", server("one", flavor, image, network, nil)["server"].(object)))
	w.settled()
	require.Equal(t, map[string]int{"ERROR": 1}, w.states(w.blue))
	fault := w.blue.call("GET", "/compute/v2.1/servers/"+s, nil, 200)["server"].(object)["fault"].(object)
	require.NotContains(t, fault, "details", "they are for administrators")
	require.Zero(t, w.count("SELECT count(*) FROM network_ports"))
	require.Zero(t, w.count("SELECT servers + used_vcpus + used_memory_mib + used_disk_gib FROM compute_hosts"))
	require.Equal(t, 1, w.count("SELECT used FROM quota_usage WHERE resource = 'instances'"))
	action := w.actions(w.blue, s)[0]
	require.Equal(t, "Error", action["message"])
	w.whole()
	w.blue.call("DELETE", "/compute/v2.1/servers/"+s, nil, 204)
	w.settled()
	require.Zero(t, w.count("SELECT used FROM quota_usage WHERE resource = 'instances'"))
	w.whole()
}

// actions gives what was asked of a server, the newest first, with its events.
func (w *world) actions(c client, server string) (out []object) {
	w.t.Helper()
	path := "/compute/v2.1/servers/" + server + "/os-instance-actions"
	for _, a := range c.at("2.51").call("GET", path, nil, 200)["instanceActions"].([]any) {
		out = append(out, c.at("2.84").call("GET", path+"/"+a.(object)["request_id"].(string), nil, 200)["instanceAction"].(object))
	}
	return out
}

// absent is a hypervisor that is not there.
func absent(_ context.Context, at simfault.Step) error {
	return errs.New(errs.Unavailable, "The hypervisor does not answer.").Because(errors.New("dial unix /run/libvirt/libvirt-sock: no such file"))
}

// While the hypervisor is away a server is BUILD, tries on and says so; it can
// be deleted; another gets its guest once the hypervisor is back.
func TestHypervisorThatIsNotThere(t *testing.T) {
	clk := clock.NewManual(time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC))
	w := newWorld(t, func(w *world) { w.o.Clock = clk })
	tick := func() { clk.Advance(time.Second) }
	flavor, image := w.flavor(), w.blue.image("private")
	network, _ := w.blue.network("net", "10.0.0.0/24")
	w.machine.host.SetFault(func(ctx context.Context, at simfault.Step) error {
		if at.Method == "describe" {
			return nil
		}
		return absent(ctx, at)
	})
	make := func(name string) string {
		return id(w.blue.make("/compute/v2.1/servers", "server", server(name, flavor, image, network, nil)["server"].(object)))
	}
	one, two := make("one"), make("two")
	status := func(s string) string {
		r := w.blue.Get("/compute/v2.1/servers/" + s)
		if r.Status == 404 {
			return "gone"
		}
		var out struct{ Server struct{ Status string } }
		r.Want(200).JSON(&out)
		return out.Server.Status
	}
	until := func(want string, what func() string) {
		t.Helper()
		require.Eventually(t, func() bool { tick(); return what() == want }, 20*time.Second, 5*time.Millisecond, "%s", what())
	}
	until("The hypervisor does not answer", func() string { return w.lastDetails(one) })
	require.Equal(t, "BUILD", status(one))
	require.Contains(t, fmt.Sprint(w.actions(w.blue, one)), "The hypervisor does not answer; attempt ", "its owner sees that it fails, and is tried again")
	require.NotContains(t, fmt.Sprint(w.actions(w.admin, one)), "libvirt-sock", "the cause is for the log")

	w.blue.call("DELETE", "/compute/v2.1/servers/"+one, nil, 204)
	w.machine.host.SetFault(absent) // from now on it is seen to be away
	until("gone", func() string { return status(one) })
	w.machine.host.SetFault(nil)
	until("ACTIVE", func() string { return status(two) })
	w.whole()
	guests, err := w.machine.host.Guests(t.Context())
	require.NoError(t, err)
	require.Len(t, guests, 1)
}

// lastDetails gives what administrators read of the last failure of a server's creation.
func (w *world) lastDetails(server string) string {
	w.t.Helper()
	events, _ := w.actions(w.admin, server)[0]["events"].([]any)
	for _, e := range slices.Backward(events) {
		if details, is := e.(object)["details"].(string); is {
			failure, _, _ := strings.Cut(details, "; attempt ")
			return failure
		}
	}
	return ""
}

// A server whose network cannot be made real takes back what it had; when its
// deletion is cut off from the host it is done once that is back.
func TestNetworkThatFails(t *testing.T) {
	w := newWorld(t)
	flavor, image := w.flavor(), w.blue.image("private")
	network, _ := w.blue.network("net", "10.0.0.0/24")
	w.machine.net.SetFault(simfault.FailAt("ensure port", "end", 1000, errs.New(errs.NotSupported, "This host has no such network.")))
	s := id(w.blue.make("/compute/v2.1/servers", "server", server("one", flavor, image, network, nil)["server"].(object)))
	w.settled()
	shown := w.blue.call("GET", "/compute/v2.1/servers/"+s, nil, 200)["server"].(object)
	require.Equal(t, "ERROR", shown["status"])
	require.Equal(t, "This host has no such network.", shown["fault"].(object)["message"])
	require.Zero(t, w.count("SELECT count(*) FROM network_ports"))
	require.Zero(t, w.count("SELECT servers FROM compute_hosts"))
	w.machine.net.SetFault(nil)
	w.blue.call("DELETE", "/compute/v2.1/servers/"+s, nil, 204)
	w.settled()
	w.whole()
	wires, err := w.machine.net.Inventory(t.Context())
	require.NoError(t, err)
	require.Empty(t, wires.Ports)
}
