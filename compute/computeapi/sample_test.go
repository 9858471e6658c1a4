package computeapi_test

import (
	"encoding/json"
	"maps"
	"os"
	"path"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/cumulite/cumulite/compute"
	"github.com/cumulite/cumulite/platform/auth"
)

// shape is what an answer has: JSON types by path. In lists every element is
// "*", and so is every key that is data.
type shape map[string]string

// samples are the shapes of the answers that the API reference shows for each
// microversion in which one changed, by the names of its files.
func samples(t *testing.T) map[string]shape {
	t.Helper()
	raw, err := os.ReadFile("testdata/samples.json")
	require.NoError(t, err)
	var out map[string]shape
	require.NoError(t, json.Unmarshal(raw, &out))
	return out
}

// dataKeys are the objects whose keys are data.
var dataKeys = []string{"extra_specs", "metadata", "addresses", "meta", "hosts"}

func shapeOf(v any) shape {
	out := shape{}
	out.add("", "", v)
	return out
}

func (s shape) add(at, name string, v any) {
	typ := "null"
	switch v := v.(type) {
	case map[string]any:
		typ = "object"
		for key, inner := range v {
			step := key
			if slices.Contains(dataKeys, name) {
				step = "*"
			}
			if name != "cpu_info" {
				s.add(path.Join(at, step), key, inner)
			}
		}
	case []any:
		typ = "list"
		for _, inner := range v {
			s.add(path.Join(at, "*"), "", inner)
		}
	case string:
		typ = "string"
	case bool:
		typ = "boolean"
	case float64:
		typ = "number"
	}
	if at == "" {
		return
	}
	types := strings.Split(s[at], "|")
	if s[at] == "" {
		types = nil
	}
	types = slices.Compact(slices.Sorted(slices.Values(append(types, typ))))
	s[at] = strings.Join(types, "|")
}

// lacks gives the first path of s that other has not, but for what is within
// an empty list or null there.
func (s shape) lacks(other shape) string {
	for _, at := range slices.Sorted(maps.Keys(s)) {
		if other[at] != "" || optional(at) {
			continue
		}
		missing := true
		for up := path.Dir(at); up != "."; up = path.Dir(up) {
			if other[up] == "null" || path.Base(up) == "*" && other[up] == "" && other[path.Dir(up)] != "" {
				missing = false // nothing is there that could have it
			}
		}
		if path.Base(at) == "*" && other[path.Dir(at)] != "" {
			missing = false
		}
		if missing {
			return at
		}
	}
	return ""
}

// optional tells of what depends on the page, or on the state of a server.
func optional(at string) bool {
	for step := range strings.SplitSeq(at, "/") {
		if strings.HasSuffix(step, "_links") || step == "fault" || step == "progress" || step == "security_groups" || step == "type" {
			return true
		}
	}
	return strings.HasPrefix(at, "links")
}

// clashes gives the first path at which the types of the two have nothing in common.
func (s shape) clashes(other shape) string {
	for _, at := range slices.Sorted(maps.Keys(s)) {
		mine, theirs := strings.Split(s[at], "|"), strings.Split(other[at], "|")
		if other[at] == "" || slices.Contains(mine, "null") || slices.Contains(theirs, "null") {
			continue
		}
		if !slices.ContainsFunc(mine, func(t string) bool { return slices.Contains(theirs, t) }) {
			return at + ": " + s[at] + ", not " + other[at]
		}
	}
	return ""
}

// fixture is what the samples are asked of.
type fixture struct {
	*world
	t       *testing.T
	server  *compute.Server
	group   string
	host    *compute.Host
	version string
}

func newFixture(t *testing.T) *fixture {
	f := &fixture{world: newWorld(t), t: t}
	member := auth.WithRequestID(as(t, "member"), requestID)
	f.flavor(t, "1")
	_, err := f.compute.SetExtraSpecs(as(t, "admin"), "1", map[string]string{"hw:numa_nodes": "1"})
	require.NoError(t, err)
	private := true
	_, err = f.compute.CreateFlavor(as(t, "admin"), compute.CreateFlavor{ID: "10", Name: "own", VCPUs: 1, MemoryMiB: 1, Private: private})
	require.NoError(t, err)
	_, err = f.compute.AddFlavorAccess(as(t, "admin"), "10", "p1")
	require.NoError(t, err)
	for _, user := range []string{"member", "admin"} {
		_, _, err = f.compute.CreateKeypair(as(t, user), compute.CreateKeypair{Name: "keypair", PublicKey: publicKey})
		require.NoError(t, err)
	}
	g, err := f.compute.CreateServerGroup(as(t, "member"), compute.CreateServerGroup{Name: "g", Policy: compute.AntiAffinity, MaxPerHost: 3})
	require.NoError(t, err)
	f.group = g.ID
	f.server = f.serverAs(t, member, func(in *compute.CreateServer) {
		in.Metadata, in.Tags = map[string]string{"foo": "bar"}, []string{"t"}
	})
	hosts, err := f.compute.ListHypervisors(as(t, "admin"))
	require.NoError(t, err)
	f.host = &hosts[0]
	return f
}

// asked says how a sample's answer is asked for: as whom, and with what.
type asked struct {
	as, method, path string
	body             any
}

func get(as, path string) asked { return asked{as, "GET", path, nil} }

// hostID is the id of the host's hypervisor and service in the microversion at hand.
func (f *fixture) hostID() string {
	if f.client(f.t, "admin", f.version).get("/os-hypervisors").Status != 200 {
		f.t.Fatal("no hypervisors")
	}
	var out struct{ Hypervisors []struct{ ID any } }
	f.client(f.t, "admin", f.version).get("/os-hypervisors").JSON(&out)
	b, _ := json.Marshal(out.Hypervisors[0].ID)
	return strings.Trim(string(b), `"`)
}

func (f *fixture) ask(name string) asked {
	srv := "/servers/" + f.server.ID
	switch path.Base(name) {
	case "extensions-get-resp":
		return get("reader", "/extensions/os-agents")
	case "extensions-list-resp":
		return get("reader", "/extensions")
	case "limit-get-resp":
		return get("reader", "/limits")
	case "availability-zone-list-resp":
		return get("reader", "/os-availability-zone")
	case "availability-zone-detail-resp":
		return get("admin", "/os-availability-zone/detail")
	case "server-security-groups-list-resp":
		return get("reader", srv+"/os-security-groups")
	case "console-output-post-resp":
		return asked{"member", "POST", srv + "/action", object{"os-getConsoleOutput": object{"length": 50}}}
	case "server-tags-index-resp":
		return get("reader", srv+"/tags")
	case "server-tags-put-all-resp":
		return asked{"member", "PUT", srv + "/tags", object{"tags": []string{"a", "b"}}}
	case "server-ips-resp":
		return get("reader", srv+"/ips")
	case "server-ips-network-resp":
		return get("reader", srv+"/ips/private")
	case "server-metadata-all-resp":
		return get("reader", srv+"/metadata")
	case "server-metadata-resp":
		return get("reader", srv+"/metadata/foo")
	}
	for _, part := range []func(string) (asked, bool){f.askFlavor, f.askKeypair, f.askQuota, f.askServer, f.askAction, f.askInterface, f.askHost, f.askUsage} {
		if a, is := part(path.Base(name)); is {
			return a
		}
	}
	f.t.Fatalf("nothing is known of the sample %s", name)
	return asked{}
}

func (f *fixture) askFlavor(base string) (asked, bool) {
	const specs, act = "/flavors/1/os-extra_specs", "/flavors/10/action"
	made := object{"name": f.name("f"), "ram": 1024, "vcpus": 2, "disk": 10}
	all := map[string]asked{
		"flavor-get-resp":                  get("reader", "/flavors/1"),
		"flavors-list-resp":                get("reader", "/flavors"),
		"flavors-detail-resp":              get("reader", "/flavors/detail"),
		"flavor-create-post-resp":          {"admin", "POST", "/flavors", object{"flavor": made}},
		"flavor-update-resp":               {"admin", "PUT", "/flavors/1", object{"flavor": object{"description": "updated"}}},
		"flavor-extra-specs-list-resp":     get("reader", specs),
		"flavor-extra-specs-get-resp":      get("reader", specs+"/hw:numa_nodes"),
		"flavor-extra-specs-create-resp":   {"admin", "POST", specs, object{"extra_specs": object{"hw:cpu_policy": "shared"}}},
		"flavor-extra-specs-update-resp":   {"admin", "PUT", specs + "/hw:numa_nodes", object{"hw:numa_nodes": "1"}},
		"flavor-access-list-resp":          get("admin", "/flavors/10/os-flavor-access"),
		"flavor-access-add-tenant-resp":    {"admin", "POST", act, object{"addTenantAccess": object{"tenant": "p9"}}},
		"flavor-access-remove-tenant-resp": {"admin", "POST", act, object{"removeTenantAccess": object{"tenant": "p9"}}},
	}
	a, is := all[base]
	return a, is
}

func (f *fixture) askKeypair(base string) (asked, bool) {
	key := object{"name": f.name("key")}
	switch base {
	case "keypairs-get-resp":
		return get("member", "/os-keypairs/keypair"), true
	case "keypairs-list-resp":
		return get("member", "/os-keypairs"), true
	case "keypairs-import-post-resp":
		key["public_key"] = publicKey
	case "keypairs-post-resp":
	default:
		return asked{}, false
	}
	return asked{"member", "POST", "/os-keypairs", object{"keypair": key}}, true
}

func (f *fixture) askQuota(base string) (asked, bool) {
	group := object{"name": "g", "policies": []string{"affinity"}}
	if f.version == "2.64" {
		group = object{"name": "g", "policy": "anti-affinity", "rules": object{"max_server_per_host": 3}}
	}
	all := map[string]asked{
		"quotas-show-get-resp":           get("reader", "/os-quota-sets/p1"),
		"quotas-show-detail-get-resp":    get("reader", "/os-quota-sets/p1/detail"),
		"quotas-show-defaults-get-resp":  get("reader", "/os-quota-sets/p1/defaults"),
		"quotas-update-post-resp":        {"admin", "PUT", "/os-quota-sets/p1", object{"quota_set": object{"instances": 45}}},
		"quota-classes-show-get-resp":    get("admin", "/os-quota-class-sets/default"),
		"quota-classes-update-post-resp": {"admin", "PUT", "/os-quota-class-sets/default", object{"quota_class_set": object{"instances": 50, "cores": 50, "ram": 51200}}},
		"server-groups-get-resp":         get("reader", "/os-server-groups/"+f.group),
		"server-groups-list-resp":        get("reader", "/os-server-groups"),
		"server-groups-post-resp":        {"member", "POST", "/os-server-groups", object{"server_group": group}},
	}
	a, is := all[base]
	return a, is
}

func (f *fixture) askServer(base string) (asked, bool) {
	srv := "/servers/" + f.server.ID
	made := f.create(f.t, nil)
	if slices.Contains([]string{"2.37", "2.42", "2.47", "2.52", "2.57", "2.63", "2.66", "2.67", "2.69", "2.71", "2.73", "2.74", "2.90", "2.94"}, f.version) {
		made["server"].(object)["networks"] = "none"
	}
	all := map[string]asked{
		"server-get-resp":            get("member", srv),
		"servers-list-resp":          get("member", "/servers"),
		"servers-details-resp":       get("member", "/servers/detail"),
		"server-create-resp":         {"member", "POST", "/servers", made},
		"server-update-resp":         {"member", "PUT", srv, object{"server": object{"name": "new-server-test"}}},
		"server-action-rebuild-resp": {"member", "POST", srv + "/action", object{"rebuild": object{"imageRef": f.image}}},
	}
	a, is := all[base]
	return a, is
}

func (f *fixture) askAction(base string) (asked, bool) {
	actions := "/servers/" + f.server.ID + "/os-instance-actions"
	all := map[string]asked{
		"instance-actions-list-resp":         get("admin", actions),
		"instance-action-get-resp":           get("admin", actions+"/"+requestID),
		"instance-action-get-non-admin-resp": get("member", actions+"/"+requestID),
	}
	a, is := all[base]
	return a, is
}

func (f *fixture) askInterface(base string) (asked, bool) {
	list := "/servers/" + f.server.ID + "/os-interface"
	all := map[string]asked{
		"attach-interfaces-list-resp":   get("member", list),
		"attach-interfaces-show-resp":   get("member", list+"/"+f.server.Interfaces[0].PortID),
		"attach-interfaces-create-resp": {"member", "POST", list, object{"interfaceAttachment": object{}}},
	}
	a, is := all[base]
	return a, is
}

func (f *fixture) askHost(base string) (asked, bool) {
	hv, id := "/os-hypervisors", f.hostID()
	name := object{"host": f.host.Name, "binary": "nova-compute", "disabled_reason": "maintenance", "forced_down": true}
	service := func(what string, fields ...string) asked {
		body := object{}
		for _, field := range fields {
			body[field] = name[field]
		}
		return asked{"admin", "PUT", "/os-services/" + what, body}
	}
	all := map[string]asked{
		"hypervisors-list-resp":                get("admin", hv),
		"hypervisors-detail-resp":              get("admin", hv+"/detail"),
		"hypervisors-show-resp":                get("admin", hv+"/"+id),
		"hypervisors-statistics-resp":          get("admin", hv+"/statistics"),
		"hypervisors-search-resp":              get("admin", hv+"/hv/search"),
		"hypervisors-with-servers-resp":        get("admin", hv+"/hv/servers"),
		"hypervisors-detail-with-servers-resp": get("admin", hv+"/detail?with_servers=1"),
		"hypervisors-show-with-servers-resp":   get("admin", hv+"/"+id+"?with_servers=1"),
		"services-list-get-resp":               get("admin", "/os-services"),
		"service-enable-put-resp":              service("enable", "host", "binary"),
		"service-disable-put-resp":             service("disable", "host", "binary"),
		"service-disable-log-put-resp":         service("disable-log-reason", "host", "binary", "disabled_reason"),
		"service-force-down-put-resp":          service("force-down", "host", "binary", "forced_down"),
	}
	if f.version == "2.53" || f.version == "2.88" {
		all["hypervisors-search-resp"] = get("admin", hv+"?hypervisor_hostname_pattern=hv")
		all["hypervisors-with-servers-resp"] = get("admin", hv+"?with_servers=1")
		put := func(body object) asked { return asked{"admin", "PUT", "/os-services/" + id, body} }
		all["service-enable-put-resp"], all["service-disable-put-resp"] = put(object{"status": "enabled"}), put(object{"status": "disabled"})
		all["service-disable-log-put-resp"] = put(object{"status": "disabled", "disabled_reason": "maintenance"})
		all["service-force-down-put-resp"] = put(object{"forced_down": true})
	}
	a, is := all[base]
	return a, is
}

func (f *fixture) askUsage(base string) (asked, bool) {
	const list, period = "/os-simple-tenant-usage", "start=2029-12-31T00:00:00&end=2030-01-02T00:00:00"
	all := map[string]asked{
		"simple-tenant-usage-get":          get("admin", list+"?"+period),
		"simple-tenant-usage-get-detail":   get("admin", list+"?detailed=1&"+period),
		"simple-tenant-usage-get-all":      get("admin", list+"?detailed=1&"+period),
		"simple-tenant-usage-get-specific": get("admin", list+"/p1?"+period),
	}
	a, is := all[base]
	return a, is
}

// versionOf gives the microversion of a sample from its folder.
func versionOf(name string) string {
	if v, is := strings.CutPrefix(path.Base(path.Dir(name)), "v"); is {
		return v
	}
	return "2.1"
}

func TestAnswersHaveTheShapesOfTheReference(t *testing.T) {
	f := newFixture(t)
	all := samples(t)
	f.clock.Advance(1e9 * 3600)
	for _, name := range slices.Sorted(maps.Keys(all)) {
		f.version = versionOf(name)
		want, a := all[name], f.ask(name)
		if _, placed := want["server/OS-EXT-SRV-ATTR:host"]; placed {
			a.as = "admin"
		}
		if _, placed := want["servers/*/OS-EXT-SRV-ATTR:host"]; placed {
			a.as = "admin"
		}
		res := f.client(t, a.as, f.version).do(a.method, a.path, a.body)
		if res.Status >= 300 {
			t.Errorf("%s: %d %s", name, res.Status, res.Body)
			continue
		}
		var doc any
		res.JSON(&doc)
		have := shapeOf(doc)
		if at := want.lacks(have); at != "" {
			t.Errorf("%s: %s is missing in %s", name, at, res.Body)
		}
		if at := have.lacks(want); at != "" {
			t.Errorf("%s: %s should not be there: %s", name, at, res.Body)
		}
		if at := have.clashes(want); at != "" {
			t.Errorf("%s: %s", name, at)
		}
		f.unfence(t)
	}
}

// unfence takes back what a sample may have done to the host, and waits.
func (f *fixture) unfence(t *testing.T) {
	no := false
	_, err := f.compute.UpdateComputeService(as(t, "admin"), f.host.Name, compute.UpdateHost{ForcedDown: &no, Disabled: &no})
	require.NoError(t, err)
	f.idle(t)
}
