package cloud_test

import (
	"context"
	"encoding/json"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/cumulite/cumulite/compute"
	"github.com/cumulite/cumulite/platform/auth"
	"github.com/cumulite/cumulite/platform/clock"
)

// tampering is something done to a cloud behind its back.
type tampering struct {
	invariant string // that it breaks
	do        func(w *world, had tenant)
	lasting   bool // somebody has to decide
	random    bool // it may come together with others, and in any order
}

// row changes rows, which any number of other changes may come with.
func row(invariant, statement string, args ...any) tampering {
	return tampering{invariant: invariant, random: true, do: func(w *world, had tenant) {
		var given []any
		for _, a := range args {
			if f, is := a.(func(tenant) string); is {
				a = f(had)
			}
			given = append(given, a)
		}
		w.exec(statement, given...)
	}}
}

func server0(t tenant) string  { return t.servers[0] }
func server1(t tenant) string  { return t.servers[1] }
func subnet(t tenant) string   { return t.subnet }
func floating(t tenant) string { return t.floating }
func router(t tenant) string   { return t.router }

const nobody = "00000000-0000-4000-8000-000000000000"

var long = time.Date(2001, 1, 1, 0, 0, 0, 0, time.UTC)

var tamperings = map[string]tampering{
	"a usage count":       row("compute.quotas", "UPDATE quota_usage SET used = used + 3 WHERE resource = 'cores'"),
	"a count that is not": row("network.quotas", "INSERT INTO quota_usage (project_id, service, resource, used) VALUES ('nobody', 'network', 'port', 7)"),
	"a count of images":   row("image.quotas", "DELETE FROM quota_usage WHERE service = 'image'"),
	"a host's claims":     row("compute.claims", "UPDATE compute_hosts SET used_memory_mib = used_memory_mib - 64, servers = servers + 1"),
	"a server's claim":    row("compute.claims", "UPDATE compute_servers SET claimed_vcpus = 2 WHERE id = ?", server0),
	"a task":              row("compute.tasks", "UPDATE compute_servers SET task_state = 'powering-off' WHERE id = ?", server1),
	"tags of nobody":      row("compute.owners", "INSERT INTO compute_server_tags (server_id, tag) VALUES (?, 'x')", nobody),
	"data of nobody":      row("compute.owners", "INSERT INTO compute_guest_data (server_id, sealed) VALUES (?, 'x')", nobody),
	"a member of nothing": row("compute.owners", "UPDATE compute_server_group_members SET group_id = ? WHERE server_id = ?", nobody, server0),
	"an action of nobody": row("compute.owners", "UPDATE compute_actions SET server_id = ? WHERE server_id = ?", nobody, server0),
	"a port's host":       row("compute.ports", "UPDATE network_ports SET host_id = '', device_id = '' WHERE device_id = ?", server0),
	"a port's device":     row("compute.ports", "UPDATE network_ports SET device_id = ? WHERE device_id = ?", nobody, server1),
	"an interface":        row("compute.ports", "UPDATE compute_servers SET interfaces = '[]' WHERE id = ?", server1),

	"an allocation of nobody": row("network.owners", "INSERT INTO network_allocations (subnet_id, ip, port_id, seq, position) VALUES (?, '10.0.77.1', ?, 0, 19713)", subnet, nobody),
	"a segment of nobody":     row("network.owners", "INSERT INTO network_retired (network_id, network_type, segmentation_id) VALUES (?, 'vxlan', 77)", nobody),
	"a foreign allocation": row("network.addresses", `INSERT INTO network_allocations (subnet_id, ip, port_id, seq, position)
		SELECT ?, '192.0.2.1', id, 9, 5000 FROM network_ports WHERE device_id = ?`, subnet, server0),
	"an allocation's place":     row("network.addresses", "UPDATE network_allocations SET position = position + 4711 WHERE subnet_id = ?", subnet),
	"the floating allocation":   row("network.routers", "DELETE FROM network_allocations WHERE port_id IN (SELECT floating_port_id FROM network_floatingips)"),
	"where a floating IP leads": row("network.routers", "UPDATE network_floatingips SET fixed_ip = '10.0.250.1' WHERE id = ?", floating),
	"a gateway's port":          row("network.routers", "UPDATE network_routers SET gateway_port_id = ? WHERE id = ?", nobody, router),
	"a rule of nothing":         row("network.owners", "UPDATE network_rules SET group_id = ? WHERE remote_group_id <> ''", nobody),
	"a tag of nothing":          row("network.owners", "INSERT INTO network_tags (resource_id, tag) VALUES (?, 'x')", nobody),
	"a generation of nothing":   row("network.owners", "INSERT INTO network_generations (id, generation) VALUES (?, 3)", nobody),
	"a forgotten placement":     row("network.placements", "DELETE FROM network_placements WHERE kind = 'network'"),
	"a placement of nothing":    row("network.placements", "INSERT INTO network_placements (id, host, kind, network_id, pending, applied) VALUES (?, 'hv1', 'group', '', FALSE, 1)", nobody),
	"a pending placement":       row("network.placements", "UPDATE network_placements SET pending = TRUE WHERE kind = 'port'"),
	"a forgotten change":        row("network.placements", "UPDATE network_generations SET generation = generation + 1 WHERE id = ?", router),
	"a lost generation":         row("network.placements", "DELETE FROM network_generations WHERE id = ?", router),
	"a port on the host": {invariant: "network.hosts", random: true, do: func(w *world, had tenant) {
		has, err := w.machine.net.Inventory(context.Background())
		require.NoError(w.t, err)
		for id := range has.Ports {
			require.NoError(w.t, w.machine.net.RemovePort(context.Background(), id))
		}
	}},

	"an assignment of nobody":   row("identity.owners", "INSERT INTO identity_assignments (user_id, role_id, target_type, target_id, inherited) VALUES ('nobody', 'none', 'project', 'nowhere', FALSE)"),
	"a password of nobody":      row("identity.owners", "INSERT INTO identity_passwords (user_id, hash) VALUES ('nobody', 'x')"),
	"a lost parent":             row("identity.domains", "UPDATE identity_projects SET parent_id = 'nowhere' WHERE name = 'blue'"),
	"a revocation":              row("identity.revocations", "INSERT INTO identity_revocations (audit_id, expires_at) VALUES ('old', ?)", long),
	"an image's tag":            row("image.owners", "INSERT INTO image_tags (image_id, tag) VALUES (?, 'x')", nobody),
	"an operation without kind": {invariant: "flow.operations", lasting: true, do: func(w *world, _ tenant) { w.operation("nobody.knows", "x", "{}", "", 1, 1) }},
	"an operation in dead hands": {invariant: "flow.operations", do: func(w *world, _ tenant) {
		w.operation("network.apply", "router/x@hv1", `{"kind":"router","id":"x","host":"hv1"}`, "ghost", 1<<60, 1<<60)
	}},
	"a project without a domain": {invariant: "identity.domains", lasting: true, do: func(w *world, _ tenant) {
		w.exec("UPDATE identity_projects SET domain_id = 'nowhere' WHERE name = 'red'")
	}},
	"a server of an unknown host": {invariant: "compute.claims", lasting: true, do: func(w *world, had tenant) {
		w.exec("UPDATE compute_servers SET host = 'gone' WHERE id = ?", had.servers[0])
	}},
	"a guest": {invariant: "compute.guests", do: func(w *world, had tenant) {
		require.NoError(w.t, w.machine.host.Remove(context.Background(), "", had.servers[2]))
	}},
	"a guest of the deleted": {invariant: "compute.guests", do: func(w *world, had tenant) {
		spec := w.spec(had.servers[2])
		w.blue.call("DELETE", "/compute/v2.1/servers/"+had.servers[2], nil, 204)
		w.settled()
		require.NoError(w.t, w.machine.host.Create(context.Background(), "", spec))
	}},
	"a guest of nobody": {invariant: "compute.guests", lasting: true, do: func(w *world, had tenant) {
		spec := w.spec(had.servers[2])
		spec.ID = uuid.NewString()
		require.NoError(w.t, w.machine.host.Create(context.Background(), "", spec))
	}},
	"an image's file": {invariant: "image.bytes", lasting: true, do: func(w *world, had tenant) {
		require.NoError(w.t, os.Truncate(filepath.Join(w.Dir(), "images/objects", had.image), 100))
	}},
	"a file of no image": {invariant: "image.bytes", random: true, do: func(w *world, _ tenant) {
		require.NoError(w.t, os.WriteFile(filepath.Join(w.Dir(), "images/objects", uuid.NewString()), []byte("x"), 0o600))
	}},
	"an upload that hangs": row("image.uploads", "INSERT INTO image_images (id, version, name, owner, status, visibility, protected, hidden, disk_format, container_format, min_disk, min_ram, size, virtual_size, checksum, hash_value, content_format, properties, created_at, updated_at) SELECT '"+nobody+"', 1, name, owner, 'saving', visibility, protected, hidden, disk_format, container_format, min_disk,"+
		" min_ram, NULL, NULL, '', '', '', properties, created_at, ? FROM image_images", long),
}

// operation puts an operation there that nobody started.
func (w *world) operation(kind, key, args, owner string, due, deadline int64) {
	caller, err := json.Marshal(auth.Grant{})
	require.NoError(w.t, err)
	w.exec(`INSERT INTO flow_operations (id, kind, key, seq, args, caller, request_id, forward, step, undoing, cancelled, attempt, failure, cause, owner, fence, due_at, deadline, created_at)
		VALUES (?, ?, ?, 1, ?, ?, '', TRUE, 0, FALSE, FALSE, 0, '', '', ?, 0, ?, ?, 1)`, uuid.NewString(), kind, key, args, string(caller), owner, due, deadline)
}

// spec is that of a server's guest.
func (w *world) spec(id string) compute.GuestSpec {
	v, there := w.machine.guests.View(id)
	require.True(w.t, there)
	return v.Spec
}

// broken gives the invariants that do not hold.
func (w *world) broken() (names []string) {
	w.t.Helper()
	report, _ := w.examine(false)
	for _, r := range report.Results {
		if !r.Held() {
			names = append(names, r.Name)
		}
	}
	return names
}

// Whatever is done to rows, counts, guests, ports and files behind the cloud's
// back, the doctor names it and mends it, or says what has to be decided.
func TestDoctorNamesAndMendsWhatWasTamperedWith(t *testing.T) {
	for name, it := range tamperings {
		t.Run(strings.ReplaceAll(name, " ", "_"), func(t *testing.T) {
			t.Parallel()
			w := newStill(t)
			had := w.furnish()
			it.do(w, had)
			require.Contains(t, w.broken(), it.invariant)
			report, found := w.examine(true)
			require.Equal(t, it.lasting, !report.Held(), "%q", found)
			if !it.lasting {
				w.settled()
				_, found = w.examine(false)
				require.Empty(t, found)
			}
		})
	}
}

// newStill makes a world whose own reconcilers leave it to the doctor: no time
// passes on its clock.
func newStill(t testing.TB) *world {
	return newWorld(t, func(w *world) { w.o.Clock = clock.NewManual(time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC)) })
}

// Any number of things may be wrong at once.
func TestDoctorMendsWhateverIsWrongAtOnce(t *testing.T) {
	var names []string
	for name, it := range tamperings {
		if it.random {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	seed := uint64(time.Now().UnixNano())
	r := rand.New(rand.NewPCG(seed, 0))
	for range 8 {
		r.Shuffle(len(names), func(i, j int) { names[i], names[j] = names[j], names[i] })
		some := names[:2+r.IntN(7)]
		w := newStill(t)
		had := w.furnish()
		for _, name := range some {
			tamperings[name].do(w, had)
		}
		require.NotEmpty(t, w.broken(), "seed %d: %q", seed, some)
		report, found := w.examine(true)
		require.True(t, report.Held(), "seed %d: %q: %q", seed, some, found)
		w.settled()
		_, found = w.examine(false)
		require.Empty(t, found, "seed %d: after %q", seed, some)
		w.stop()
	}
}
