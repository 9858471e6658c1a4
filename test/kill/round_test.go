package kill

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/cumulite/cumulite/image/imagetest"
)

// site is what is there between the rounds.
type site struct {
	t   *testing.T
	rng *rand.Rand
	victim
	*api
	disk                                   []byte
	flavor, image, network, floating, port string
	servers                                []string
	attached                               bool // the floating address has the port
	guests                                 bool // were killed, too: some may have stopped
	names                                  int
	patience                               time.Duration
}

// deed is what is under way when a process is killed.
type deed struct {
	name string
	do   func(c *site) (of string, a answer)
	// outcome says what became of it, once all is at rest. It fails the test
	// when that is not what was promised.
	outcome func(c *site, of string, a answer) string
}

var deeds = []deed{
	{"server create", (*site).createServer, (*site).createdServer},
	{"soft reboot", func(c *site) (string, answer) { return c.reboot("SOFT") }, (*site).rebooted},
	{"hard reboot", func(c *site) (string, answer) { return c.reboot("HARD") }, (*site).rebooted},
	{"server delete", (*site).deleteServer, (*site).deletedServer},
	{"floating IP association", (*site).associate, (*site).associated},
	{"image upload", (*site).upload, (*site).uploaded},
}

const servers, v2, images = "/compute/v2.1/servers", "/networking/v2.0", "/image/v2/images"

func newSite(t *testing.T, rng *rand.Rand, v victim, dial dialer, disk []byte, format string) *site {
	c := &site{t: t, rng: rng, victim: v, disk: disk, api: &api{url: v.start()}, patience: time.Minute}
	c.http.Transport = &http.Transport{DialContext: dial}
	c.back()
	must := func(method, path string, body any) answer {
		a := c.call(method, path, body)
		require.True(t, a.acked(), "%s %s: %d %v", method, path, a.status, a.body)
		return a
	}
	c.flavor = must("POST", "/compute/v2.1/flavors", object{"flavor": object{"name": "small", "ram": 128, "vcpus": 1, "disk": 1}}).made()
	c.image = must("POST", images, object{"name": "disk", "disk_format": format, "container_format": "bare"}).made()
	must("PUT", images+"/"+c.image+"/file", disk)
	c.network = must("POST", v2+"/networks", object{"network": object{"name": "inside"}}).made()
	inside := must("POST", v2+"/subnets", object{"subnet": object{"network_id": c.network, "ip_version": 4, "cidr": "10.9.0.0/24"}}).made()
	outside := must("POST", v2+"/networks", object{"network": object{"name": "outside", "router:external": true}}).made()
	must("POST", v2+"/subnets", object{"subnet": object{"network_id": outside, "ip_version": 4, "cidr": "198.51.100.0/24", "enable_dhcp": false}})
	router := must("POST", v2+"/routers", object{"router": object{"external_gateway_info": object{"network_id": outside}}}).made()
	must("PUT", v2+"/routers/"+router+"/add_router_interface", object{"subnet_id": inside})
	c.port = must("POST", v2+"/ports", object{"port": object{"network_id": c.network}}).made()
	c.floating = must("POST", v2+"/floatingips", object{"floatingip": object{"floating_network_id": outside}}).made()
	return c
}

func (c *site) name() string { c.names++; return fmt.Sprintf("n%d", c.names) }

// server gives one that runs.
func (c *site) server() string {
	for len(c.servers) == 0 {
		name, a := c.createServer()
		require.True(c.t, a.acked(), "%v", a.body)
		c.rest()
		c.createdServer(name, a)
	}
	return c.servers[c.rng.IntN(len(c.servers))]
}

func (c *site) createServer() (string, answer) {
	name := c.name()
	return name, c.call("POST", servers, object{"server": object{"name": name, "flavorRef": c.flavor, "imageRef": c.image, "networks": []object{{"uuid": c.network}}}})
}

func (c *site) createdServer(name string, a answer) string {
	for _, s := range c.list(servers+"/detail", "servers") {
		if s["name"] == name {
			return c.status(s)
		}
	}
	require.False(c.t, a.acked(), "server %s was promised", name)
	return "not begun"
}

// status gives the state of a server, and forgets those that are broken.
func (c *site) status(s object) string {
	id, status := s["id"].(string), s["status"].(string)
	c.servers = slices.DeleteFunc(c.servers, func(known string) bool { return known == id })
	switch status {
	case "ACTIVE":
		c.servers = append(c.servers, id)
	case "ERROR":
		fault, _ := s["fault"].(object)
		require.NotEmpty(c.t, fault["message"], "%v", s)
		require.True(c.t, c.call("DELETE", servers+"/"+id, nil).acked())
		return fmt.Sprintf("ERROR (%v)", fault["message"])
	case "SHUTOFF":
		require.True(c.t, c.guests, "server %s stopped: %v", id, s)
		require.True(c.t, c.call("DELETE", servers+"/"+id, nil).acked())
	default:
		c.t.Fatalf("server %s is %s: %v", id, status, s)
	}
	return status
}

func (c *site) reboot(kind string) (string, answer) {
	id := c.server()
	return id, c.call("POST", servers+"/"+id+"/action", object{"reboot": object{"type": kind}})
}

func (c *site) rebooted(id string, _ answer) string {
	s, is := c.call("GET", servers+"/"+id, nil).body["server"].(object)
	require.True(c.t, is, "server %s is gone", id)
	return c.status(s)
}

func (c *site) deleteServer() (string, answer) {
	id := c.server()
	return id, c.call("DELETE", servers+"/"+id, nil)
}

func (c *site) deletedServer(id string, a answer) string {
	got := c.call("GET", servers+"/"+id, nil)
	if got.status == 404 {
		c.servers = slices.DeleteFunc(c.servers, func(known string) bool { return known == id })
		return "gone"
	}
	require.False(c.t, a.acked(), "server %s was to be deleted: %v", id, got.body)
	return c.status(got.body["server"].(object))
}

// associate gives the floating address to the port, or takes it away.
func (c *site) associate() (string, answer) {
	to := any(c.port)
	if c.attached { // not asked: the process may die of that already
		to = nil
	}
	return fmt.Sprint(to), c.call("PUT", v2+"/floatingips/"+c.floating, object{"floatingip": object{"port_id": to}})
}

func (c *site) address() object {
	f, is := c.call("GET", v2+"/floatingips/"+c.floating, nil).body["floatingip"].(object)
	require.True(c.t, is)
	return f
}

func (c *site) associated(to string, a answer) string {
	at := c.address()["port_id"]
	c.attached = at != nil
	if fmt.Sprint(at) == to {
		return "done"
	}
	require.False(c.t, a.acked(), "the floating address was to be at %s", to)
	return "not begun"
}

func (c *site) upload() (string, answer) {
	id := c.call("POST", images, object{"disk_format": "raw", "container_format": "bare"}).made()
	return id, c.call("PUT", images+"/"+id+"/file", imagetest.Disk(1<<(12+c.rng.IntN(8))))
}

func (c *site) uploaded(id string, a answer) string {
	if id == "" {
		require.False(c.t, a.acked())
		return "not begun"
	}
	got := c.call("GET", images+"/"+id, nil)
	for end := time.Now().Add(3 * c.patience); got.body["status"] == "saving" && time.Now().Before(end); time.Sleep(time.Second) {
		got = c.call("GET", images+"/"+id, nil) // its lease runs out, and somebody looks
	}
	status := fmt.Sprint(got.body["status"])
	if got.status == 404 {
		status = "gone"
	}
	require.True(c.t, status == "active" || !a.acked(), "image %s was promised and is %s", id, status)
	require.Contains(c.t, []string{"active", "queued", "killed", "gone"}, status)
	if got.status == 200 {
		require.True(c.t, c.call("DELETE", images+"/"+id, nil).acked())
	}
	return status
}

func (c *site) list(path, key string) (all []object) {
	a := c.call("GET", path, nil)
	require.Equal(c.t, 200, a.status, "%v", a.body)
	for _, each := range a.body[key].([]any) {
		all = append(all, each.(object))
	}
	return all
}

// back waits until the cloud answers and has all its hosts.
func (c *site) back() {
	var last answer
	for end := time.Now().Add(c.patience); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		last = c.call("GET", "/compute/v2.1/os-services", nil)
		all, _ := last.body["services"].([]any)
		if len(all) > 0 && !slices.ContainsFunc(all, func(s any) bool { return s.(object)["state"] != "up" }) {
			return
		}
	}
	c.t.Fatalf("the cloud does not come back: %d %v", last.status, last.body)
}

// rest waits until nothing is under way.
func (c *site) rest() {
	var busy []string
	for end := time.Now().Add(c.patience); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		busy = nil
		for _, s := range c.list(servers+"/detail", "servers") {
			if task := s["OS-EXT-STS:task_state"]; task != nil || s["status"] == "BUILD" {
				busy = append(busy, fmt.Sprint(s["id"], " ", s["status"], " ", task))
			}
		}
		if len(busy) == 0 {
			return
		}
	}
	c.t.Fatalf("in between for good: %v", busy)
}

// healthy wants doctor to find nothing, soon.
func (c *site) healthy() {
	var found []string
	for end := time.Now().Add(c.patience); time.Now().Before(end); time.Sleep(200 * time.Millisecond) {
		if found = c.doctor(); len(found) == 0 {
			return
		}
	}
	c.t.Fatalf("doctor found:\n%s", strings.Join(found, "\n"))
}

// round kills once, amid a deed.
func (c *site) round(d deed, n int) fate {
	if strings.Contains(d.name, "reboot") || strings.Contains(d.name, "delete") {
		c.server() // is there before
	}
	what := c.arm(n)
	c.guests = c.guests || what == killQEMU
	of, a := d.do(c)
	c.strike()
	c.url = c.start()
	c.back()
	c.rest()
	c.healthy()
	f := fate{deed: d.name, killed: what, acked: a.acked(), outcome: d.outcome(c, of, a)}
	for len(c.servers) > 8 {
		id := c.servers[0]
		require.True(c.t, c.call("DELETE", servers+"/"+id, nil).acked())
		c.servers = c.servers[1:]
	}
	return f
}
