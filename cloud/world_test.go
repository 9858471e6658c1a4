package cloud_test

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"maps"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"github.com/cumulite/cumulite/cloud"
	"github.com/cumulite/cumulite/compute"
	"github.com/cumulite/cumulite/drivers/sim/simcompute"
	"github.com/cumulite/cumulite/drivers/sim/simnetwork"
	"github.com/cumulite/cumulite/identity"
	"github.com/cumulite/cumulite/image/imagetest"
	"github.com/cumulite/cumulite/network"
	"github.com/cumulite/cumulite/platform/httpapi/httpapitest"
	"github.com/cumulite/cumulite/platform/secret"
	"github.com/cumulite/cumulite/platform/store/storetest"
)

type object = map[string]any

// machine is the simulated host of a world: it outlives the cloud's process.
type machine struct {
	guests *simcompute.State
	wires  *simnetwork.State
	size   simcompute.Options
	host   *simcompute.Host // of the cloud that was opened last
	net    *simnetwork.Host
}

func newMachine() *machine {
	return &machine{guests: simcompute.NewState(), wires: simnetwork.NewState(), size: simcompute.Options{VCPUs: 1000, MemoryMiB: 1 << 20, DiskGiB: 100000}}
}

// open is cloud.Options.Hosts.
func (m *machine) open(deps cloud.HostDeps) (cloud.Hosts, error) {
	o := m.size
	o.Name, o.Clock, o.Images = "hv1", deps.Clock, deps.Images
	m.host = simcompute.New(m.guests, &o)
	m.net = simnetwork.New(m.wires, &simnetwork.Options{Name: "hv1", Clock: deps.Clock})
	return cloud.Hosts{Hypervisors: map[string]compute.Hypervisor{"hv1": m.host}, Networks: map[string]network.Driver{"hv1": m.net}}, nil
}

// world is a whole cloud, reached over its handler: two projects, "blue" and
// "red", each with a member named like it, and a reader of blue, "eye".
type world struct {
	*cloud.Cloud
	t       testing.TB
	o       cloud.Options
	machine *machine
	log     *journal
	metrics *prometheus.Registry
	admin   client
	blue    client
	red     client
	stop    func()
}

const password = "a password of tests"

// newWorld opens a cloud that lives as long as the test.
func newWorld(t testing.TB, change ...func(w *world)) *world {
	t.Helper()
	w := &world{t: t, machine: newMachine(), log: &journal{}, metrics: prometheus.NewRegistry()}
	w.o = cloud.Options{
		AdminPassword: secret.New(password), Hosts: w.machine.open, Metrics: w.metrics,
		Users: []identity.BootstrapUser{
			{Name: "blue", Project: "blue", Role: "member", Password: secret.New(password)},
			{Name: "red", Project: "red", Role: "member", Password: secret.New(password)},
			{Name: "eye", Project: "blue", Role: "reader", Password: secret.New(password)},
		},
		Logger: slog.New(slog.NewJSONHandler(w.log, &slog.HandlerOptions{Level: slog.LevelDebug})),
	}
	for _, f := range change {
		f(w)
	}
	w.open()
	t.Cleanup(func() {
		w.stop()
		if t.Failed() {
			t.Logf("the end of the log:\n%s", w.log.tail())
		}
	})
	return w
}

// open opens the cloud and has it at work until stop.
func (w *world) open() {
	w.t.Helper()
	c, err := cloud.Open(context.Background(), w.o)
	require.NoError(w.t, err)
	w.Cloud = c
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- c.Run(ctx) }()
	w.stop = sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			w.t.Errorf("run: %v", err)
		}
		if err := c.Close(); err != nil {
			w.t.Errorf("close: %v", err)
		}
	})
	if w.admin.Token == "" {
		require.Eventually(w.t, func() bool { // passwords are hashed beside
			return w.count("SELECT count(*) FROM identity_passwords") == w.count("SELECT count(*) FROM identity_users")
		}, 30*time.Second, time.Millisecond)
		w.admin, w.blue, w.red = w.login("admin", "admin"), w.login("blue", "blue"), w.login("red", "red")
	}
	w.admin.Handler, w.blue.Handler, w.red.Handler = c.Handler(), c.Handler(), c.Handler() // tokens outlive the process
}

// idle waits until all that can be done is done.
func (w *world) idle() {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	require.NoError(w.t, w.Ops().Idle(ctx))
}

// settled waits until no operation is left, those included that are tried again.
func (w *world) settled() {
	w.t.Helper()
	require.Eventually(w.t, func() bool { return w.count("SELECT count(*) FROM flow_operations") == 0 }, 30*time.Second, 5*time.Millisecond)
}

// client calls the cloud as one user.
type client struct {
	httpapitest.Client
	Project, User string // ids
}

// as says who logs in: a body of POST /v3/auth/tokens.
func as(user, password string, scope any) object {
	in := object{"identity": object{"methods": []string{"password"}, "password": object{
		"user": object{"name": user, "domain": object{"id": "default"}, "password": password}}}}
	if scope != nil {
		in["scope"] = scope
	}
	return object{"auth": in}
}

// login gives a client with a token of the user on the project.
func (w *world) login(user, project string) client {
	w.t.Helper()
	c := client{Client: httpapitest.Client{T: w.t, Handler: w.Handler()}}
	r := c.Do("POST", "/identity/v3/auth/tokens", as(user, password, object{"project": object{"name": project, "domain": object{"id": "default"}}})).Want(201)
	var out struct {
		Token struct{ User, Project struct{ ID string } }
	}
	r.JSON(&out)
	c.Token, c.User, c.Project = r.Header.Get("X-Subject-Token"), out.Token.User.ID, out.Token.Project.ID
	c.Client = c.With("Accept", "application/json")
	return c
}

// at gives a client that speaks a microversion of compute.
func (c client) at(version string) client {
	c.Client = c.With("OpenStack-API-Version", "compute "+version)
	return c
}

// call wants a status and gives the answer's object.
func (c client) call(method, path string, body any, status int) object {
	c.T.Helper()
	r := c.Do(method, path, body).Want(status)
	out := object{}
	if len(r.Body) > 0 {
		r.JSON(&out)
	}
	return out
}

// make creates what stands below key in the body, and gives it.
func (c client) make(path, key string, attributes object) object {
	c.T.Helper()
	r := c.Do("POST", path, object{key: attributes})
	require.Less(c.T, r.Status, 300, "%s: %s", path, r.Body)
	out := object{}
	r.JSON(&out)
	made, _ := out[key].(object)
	require.NotNil(c.T, made, "%s", r.Body)
	return made
}

func id(o object) string { return o["id"].(string) }

// image makes an image that can be booted from.
func (c client) image(visibility string) string {
	c.T.Helper()
	i := c.call("POST", "/image/v2/images", object{"name": "disk", "disk_format": "raw", "container_format": "bare", "visibility": visibility}, 201)
	c.upload(id(i), imagetest.Disk(1<<16)).Want(204)
	return id(i)
}

func (c client) upload(image string, b []byte) *httpapitest.Response {
	c.T.Helper()
	return c.With("Content-Type", "application/octet-stream").Do("PUT", "/image/v2/images/"+image+"/file", b)
}

// network makes a network with a subnet.
func (c client) network(name, cidr string) (network, subnet string) {
	c.T.Helper()
	n := c.make("/networking/v2.0/networks", "network", object{"name": name})
	s := c.make("/networking/v2.0/subnets", "subnet", object{"network_id": n["id"], "ip_version": 4, "cidr": cidr})
	return id(n), id(s)
}

// flavor makes a public flavor of one CPU.
func (w *world) flavor() string {
	w.t.Helper()
	return id(w.admin.make("/compute/v2.1/flavors", "flavor", object{"name": "small", "ram": 64, "vcpus": 1, "disk": 1}))
}

// unlimited lifts the quotas of compute.
func (w *world) unlimited() {
	w.t.Helper()
	w.admin.call("PUT", "/compute/v2.1/os-quota-class-sets/default", object{"quota_class_set": object{"instances": -1, "cores": -1, "ram": -1}}, 200)
}

// server is a request for a server; more overwrites.
func server(name, flavor, image, network string, more object) object {
	in := object{"name": name, "flavorRef": flavor, "imageRef": image, "networks": []object{{"uuid": network}}}
	for k, v := range more {
		in[k] = v
	}
	return object{"server": in}
}

// journal keeps all that is logged.
type journal struct {
	mu   sync.Mutex
	text bytes.Buffer
}

// Write implements io.Writer.
func (j *journal) Write(b []byte) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.text.Write(b)
}

func (j *journal) String() string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.text.String()
}

func (j *journal) tail() string {
	s := j.String()
	return s[max(0, len(s)-8000):]
}

// count asks the database for one number.
func (w *world) count(query string, args ...any) int {
	w.t.Helper()
	var n int
	require.NoError(w.t, w.DB().QueryRow(context.Background(), query, args...).Scan(&n), query)
	return n
}

// none wants a query to find no rows.
func (w *world) none(why, query string) {
	w.t.Helper()
	rows, err := w.DB().Query(context.Background(), query)
	require.NoError(w.t, err, query)
	defer rows.Close()
	columns, err := rows.Columns()
	require.NoError(w.t, err)
	var found []string
	for rows.Next() {
		values := make([]any, len(columns))
		into := make([]any, len(columns))
		for i := range values {
			into[i] = &values[i]
		}
		require.NoError(w.t, rows.Scan(into...))
		found = append(found, fmt.Sprint(values...))
	}
	require.NoError(w.t, rows.Err())
	require.Empty(w.t, found, why)
}

// whole wants that counts are what is there, and that nothing is without its owner.
func (w *world) whole() {
	w.t.Helper()
	for resource, counted := range map[string]string{
		"instances":  "SELECT project_id, count(*) AS n FROM compute_servers GROUP BY project_id",
		"cores":      "SELECT project_id, sum(flavor_vcpus) AS n FROM compute_servers GROUP BY project_id",
		"ram":        "SELECT project_id, sum(flavor_memory_mib) AS n FROM compute_servers GROUP BY project_id",
		"network":    "SELECT project_id, count(*) AS n FROM network_networks GROUP BY project_id",
		"subnet":     "SELECT project_id, count(*) AS n FROM network_subnets GROUP BY project_id",
		"port":       "SELECT project_id, count(*) AS n FROM network_ports WHERE project_id <> '' GROUP BY project_id",
		"router":     "SELECT project_id, count(*) AS n FROM network_routers GROUP BY project_id",
		"floatingip": "SELECT project_id, count(*) AS n FROM network_floatingips GROUP BY project_id",
	} {
		w.none("counts of "+resource, `SELECT u.project_id, u.used, coalesce(c.n, 0) FROM quota_usage u LEFT JOIN (`+counted+`) c ON c.project_id = u.project_id
			WHERE u.resource = '`+resource+`' AND u.used <> coalesce(c.n, 0)
			UNION ALL SELECT c.project_id, 0, c.n FROM (`+counted+`) c LEFT JOIN quota_usage u ON c.project_id = u.project_id AND u.resource = '`+resource+`'
			WHERE u.project_id IS NULL`)
	}
	w.none("room taken on hosts", `SELECT h.name, h.servers, h.used_vcpus, count(s.id), coalesce(sum(s.flavor_vcpus), 0) FROM compute_hosts h
		LEFT JOIN compute_servers s ON s.host = h.name GROUP BY h.name
		HAVING h.servers <> count(s.id) OR h.used_vcpus <> coalesce(sum(s.flavor_vcpus), 0) OR h.used_memory_mib <> coalesce(sum(s.flavor_memory_mib), 0)`)
	w.none("ports of servers that are not there", `SELECT id, device_id FROM network_ports WHERE device_owner LIKE 'compute:%'
		AND device_id NOT IN (SELECT id FROM compute_servers)`)
	w.none("addresses of ports that are not there", "SELECT subnet_id, ip FROM network_allocations WHERE port_id NOT IN (SELECT id FROM network_ports)")
	w.none("secrets of servers that are not there", "SELECT server_id FROM compute_guest_data WHERE server_id NOT IN (SELECT id FROM compute_servers)")
	w.none("tasks without an operation", `SELECT id, vm_state, task_state FROM compute_servers WHERE task_state <> '' AND id NOT IN (SELECT key FROM flow_operations)`)
}

// dump gives every value of every table.
func (w *world) dump() string {
	w.t.Helper()
	ctx := context.Background()
	tables := storetest.Tables(w.t, w.DB())
	require.Greater(w.t, len(tables), 30)
	var out strings.Builder
	for _, table := range tables {
		var rows []map[string]any
		require.NoError(w.t, w.DB().Read().NewSelect().Table(table).Scan(ctx, &rows))
		for _, row := range rows {
			for _, name := range slices.Sorted(maps.Keys(row)) {
				fmt.Fprintf(&out, "%s.%s: %s\n", table, name, row[name])
			}
		}
	}
	return out.String()
}

// unchanged wants the database to hold what it held, but for how far events
// were delivered, and when keys were made.
func (w *world) unchanged(before string) {
	w.t.Helper()
	was, is := kept(before), kept(w.dump())
	for i := range max(len(was), len(is)) {
		switch {
		case i >= len(was) || i >= len(is):
			w.t.Fatalf("there were %d values, and are %d: %q, %q", len(was), len(is), was[i:], is[i:])
		case was[i] != is[i]:
			w.t.Fatalf("%q became %q", was[i], is[i])
		}
	}
}

// kept gives the lines of a dump that requests change.
func kept(dump string) []string {
	return slices.DeleteFunc(strings.Split(dump, "\n"), func(line string) bool {
		return strings.HasPrefix(line, "event_cursors.") || strings.HasPrefix(line, "identity_keys.")
	})
}

// files lists the files below a directory.
func files(t testing.TB, dir string) (names []string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if os.IsNotExist(err) {
		return nil
	}
	require.NoError(t, err)
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}
