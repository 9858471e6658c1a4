package cloud_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"os"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/cumulite/cumulite/platform/httpapi/httpapitest"
)

// fault wants an answer to be a fault in the form of the service behind a
// prefix, and gives its words.
func fault(t testing.TB, prefix string, r *httpapitest.Response) string {
	t.Helper()
	var body map[string]any
	require.NoError(t, json.Unmarshal(r.Body, &body), "%d %s", r.Status, r.Body)
	if prefix == "/image" && r.Status != http.StatusUnauthorized {
		require.Equal(t, fmt.Sprintf("%d %s", r.Status, http.StatusText(r.Status)), body["code"])
		return body["message"].(string)
	}
	require.Len(t, body, 1, "%s", r.Body)
	for key, inner := range body {
		in := inner.(map[string]any)
		switch {
		case key == "error": // Keystone's own, ours, and what its middleware answers in all services
			require.True(t, prefix == "/identity" || prefix == "/cumulite" || r.Status == http.StatusUnauthorized, "%s", r.Body)
			require.InDelta(t, r.Status, in["code"], 0)
			require.NotEmpty(t, in["title"])
		case prefix == "/networking":
			require.Equal(t, "NeutronError", key)
			require.NotEmpty(t, in["type"])
			require.Contains(t, in, "detail")
		default:
			require.Equal(t, "/compute", prefix, "%s", r.Body)
			require.InDelta(t, r.Status, in["code"], 0)
		}
		return in["message"].(string)
	}
	return ""
}

// malformed are bodies that no row takes.
func malformed() map[string]any {
	return map[string]any{
		"cut":          `{"server": {"name": `,
		"two":          `{}{}`,
		"bad UTF-8":    "{\"server\": {\"name\": \"\xff\xfe\"}}",
		"bare":         `server`,
		"deep list":    strings.Repeat("[", 20000) + strings.Repeat("]", 20000),
		"deep object":  strings.Repeat(`{"a":`, 10000) + "1" + strings.Repeat("}", 10000),
		"not a number": `{"server": NaN}`,
		"NUL":          `{"server": {"name": "a\u0000"}}`,
		"comment":      `{"server": {} /* hello */}`,
	}
}

// Each row that takes a body refuses one that is too large, too deep, broken,
// of another media type, or of another shape, in its service's way, and
// changes nothing.
func TestBadBodiesAreRefused(t *testing.T) {
	w := newWorld(t)
	before := w.dump()
	statusOf := map[string]int{"/identity": 400, "/image": 415, "/networking": 415, "/compute": 415, "/cumulite": 415}
	for prefix, api := range w.APIs() {
		for _, row := range api.Routes() {
			if row.Request == nil || row.Raw {
				continue
			}
			send := func(contentType string, body any) *httpapitest.Response {
				c := w.admin.at("2.96")
				if !row.Until.IsZero() {
					c = c.at(row.Until.String())
				}
				if contentType == "" && row.ContentTypes != nil {
					contentType = row.ContentTypes[0]
				}
				if contentType != "" {
					c.Client = c.With("Content-Type", contentType)
				}
				return c.Do(row.Method, prefix+api.Config().Root+pathName.ReplaceAllString(row.Pattern, "x"), body)
			}
			for name, body := range malformed() {
				r := send("", body)
				require.Equal(t, 400, r.Status, "%s: %s: %s", row.Key(), name, r.Body)
				require.NotEmpty(t, fault(t, prefix, r), row.Key())
			}
			for _, body := range []any{`5`, `"x"`, `[]`, `true`, `{"` + strings.Repeat("x", 300) + `": 1}`, object{row.BodyKey: []int{1}}, object{row.BodyKey: 5}} {
				r := send("", body)
				require.Contains(t, []int{400, 403, 404}, r.Status, "%s: %v: %s", row.Key(), body, r.Body)
				fault(t, prefix, r)
			}
			large := send("", `{"x": "`+strings.Repeat("x", 1<<20)+`"}`)
			require.Equal(t, 413, large.Status, "%s: %s", row.Key(), large.Body)
			fault(t, prefix, large)
			other := send("text/plain", `{}`)
			require.Equal(t, statusOf[prefix], other.Status, "%s: %s", row.Key(), other.Body)
			fault(t, prefix, other)
		}
	}
	w.unchanged(before)
}

// What is not in a schema is said by name, and nothing is made.
func TestUnknownAndMistypedFields(t *testing.T) {
	w := newWorld(t)
	flavor, image := w.flavor(), w.blue.image("private")
	network, _ := w.blue.network("net", "10.0.0.0/24")
	before := w.dump()
	const v2, servers = "/networking/v2.0", "/compute/v2.1/servers"
	for _, c := range []struct {
		by    client
		path  string
		body  any
		words string
	}{
		{w.blue, servers, server("s", flavor, image, network, object{"colour": "red"}), "Additional properties are not allowed ('colour' was unexpected)"},
		{w.blue, servers, server("s", flavor, image, network, object{"name": 5}), "Invalid input for field/attribute name. Value: 5. 5 is not of type 'string'"},
		{w.blue, servers, server("s", flavor, image, network, object{"min_count": "two"}), "Invalid input for field/attribute min_count."},
		{w.blue, servers, server("s", flavor, image, network, object{"min_count": "0"}), "'0' is less than the minimum of 1"},
		{w.admin, "/compute/v2.1/flavors", object{"flavor": object{"name": "f", "ram": "-1", "vcpus": 1, "disk": 1}}, "'-1' is less than the minimum of 1"},
		{w.admin, "/compute/v2.1/flavors", object{"flavor": object{"name": "f", "ram": 1, "vcpus": "99999999999", "disk": 1}}, "is greater than the maximum of"},
		{w.blue, servers, server("s", flavor, image, network, object{"metadata": object{"k": 5}}), "Invalid input for field/attribute k."},
		{w.blue, servers, server(strings.Repeat("x", 256), flavor, image, network, nil), "is too long"},
		{w.blue, servers, object{"server": object{"name": "s"}}, "'flavorRef' is a required property"},
		{w.blue, servers, server("s", flavor, image, network, object{"networks": []object{{"uuid": "none"}}}), "Invalid input for field/attribute networks."},
		{w.blue, v2 + "/networks", object{"network": object{"colour": "red"}}, "Unrecognized attribute(s) 'colour'"},
		{w.blue, v2 + "/networks", object{"network": object{"name": 5}}, "Invalid input for name. Reason:"},
		{w.blue, v2 + "/networks", object{"network": object{"admin_state_up": "perhaps"}}, "Invalid input for admin_state_up."},
		{w.blue, v2 + "/networks", object{"network": object{"status": "ACTIVE"}}, "Attribute 'status' not allowed in POST"},
		{w.blue, v2 + "/subnets", object{"subnet": object{"network_id": network, "ip_version": 4, "cidr": "10.0.0.0/99"}}, "cidr"},
		{w.blue, v2 + "/subnets", object{"subnet": object{"network_id": network, "ip_version": 4, "cidr": "10.0.0.0/24"}}, "overlaps"},
		{w.blue, v2 + "/ports", object{"port": object{}}, "Required attribute 'network_id' not specified"},
		{w.blue, v2 + "/ports", object{"port": object{"network_id": network, "fixed_ips": "x"}}, "Invalid input for fixed_ips."},
		{w.blue, v2 + "/ports", object{"port": object{"network_id": network, "fixed_ips": []object{{"ip_address": "10.9.9.9"}}}}, "10.9.9.9"},
		{w.blue, v2 + "/floatingips", object{"floatingip": object{"floating_network_id": network}}, "is not a valid external network"},
		{w.blue, "/image/v2/images", object{"name": 5}, "5 is not of type"},
		{w.blue, "/image/v2/images", object{"disk_format": "exe"}, "exe"},
		{w.admin, "/identity/v3/users", object{"user": object{"name": 5}}, "5 is not of type 'string'"},
		{w.admin, "/identity/v3/users", object{"user": object{}}, "'name' is a required property"},
		{w.admin, "/identity/v3/projects", object{"project": object{"name": strings.Repeat("x", 65)}}, "is too long"},
		{w.blue, "/identity/v3/auth/tokens", object{"auth": object{}}, "identity"},
	} {
		prefix, _, _ := strings.Cut(c.path[1:], "/")
		r := c.by.at("2.60").Do("POST", c.path, c.body)
		require.Contains(t, []int{400, 409}, r.Status, "%s %v: %s", c.path, c.body, r.Body)
		require.Contains(t, fault(t, "/"+prefix, r), c.words, "%s %v", c.path, c.body)
	}
	w.unchanged(before)
}

// A name that stands twice in an object counts once, the last time.
func TestNameThatStandsTwice(t *testing.T) {
	w := newWorld(t)
	n := w.blue.call("POST", "/networking/v2.0/networks", `{"network": {"name": "first", "name": "second"}}`, 201)["network"].(object)
	require.Equal(t, "second", n["name"])
}

// Parameters of lists that cannot be meant are refused as in the original.
func TestBadParametersOfLists(t *testing.T) {
	w := newWorld(t)
	lists := map[string][]string{
		"/compute":    {"/v2.1/servers", "/v2.1/servers/detail", "/v2.1/flavors", "/v2.1/os-keypairs"},
		"/image":      {"/v2/images"},
		"/networking": {"/v2.0/networks", "/v2.0/subnets", "/v2.0/ports", "/v2.0/routers", "/v2.0/security-groups", "/v2.0/security-group-rules", "/v2.0/floatingips"},
	}
	for prefix, paths := range lists {
		marker := map[string]int{"/compute": 400, "/image": 400, "/networking": 404}[prefix]
		for _, path := range paths {
			for query, want := range map[string]int{
				"limit=-1": 400, "limit=x": 400, "limit=1.5": 400, "limit=1%00": 400,
				"marker=nobodys": marker, "marker=0b1e8e8f-4d53-4e4a-8f77-0d6f3a4f2c11": marker, "marker=%27%20OR%201=1--": marker,
			} {
				r := w.blue.at("2.96").Get(prefix + path + "?" + query)
				require.Equal(t, want, r.Status, "%s?%s: %s", path, query, r.Body)
				fault(t, prefix, r)
			}
			for _, query := range []string{"limit=99999999999999999999", "limit=2147483647", "sort_key=%27;--&sort_dir=asc", "sort_key=project_id&sort_dir=sideways", "marker=" + strings.Repeat("x", 10000),
				"%ff=%fe", "a=%zz", "name=%00", strings.Repeat("tags=x&", 1000), "name=" + strings.Repeat("%25_", 2000), "id=%27%22%5C", "fields=%00", "status=%00", "x%00y=1", "user_id=%00", "image=%00&flavor=%00", "changed_since=x", "created_at=in:x"} {
				r := w.blue.at("2.96").Get(prefix + path + "?" + query)
				require.Less(t, r.Status, 500, "%s?%.60s: %s", path, query, r.Body)
			}
		}
	}
}

// Methods and paths that are none are 404 or 405 in the service's form,
// whatever the path is made of, and never somebody else's path.
func TestOddMethodsAndPaths(t *testing.T) {
	w := newWorld(t)
	w.blue.make("/compute/v2.1/os-keypairs", "keypair", object{"name": "k"})
	before := w.dump()
	roots := map[string]string{"/compute": "/v2.1/servers", "/image": "/v2/images", "/networking": "/v2.0/networks", "/identity": "/v3/users"}
	for prefix, path := range roots {
		for _, method := range []string{"PATCH", "PUT", "DELETE", "OPTIONS", "TRACE", "CONNECT", "BREW", "get"} {
			r := w.admin.Do(method, prefix+path, nil)
			require.Equal(t, 405, r.Status, "%s %s: %s", method, path, r.Body)
			require.Contains(t, r.Header.Get("Allow"), "GET")
			fault(t, prefix, r)
		}
		for _, odd := range []string{"/nothing", path + "/a/b/c/d/e", path + "//x", "//" + path[1:], "/." + path, path + "/../servers", path + "/%2e%2e/x", path + "/..%2f..%2fv3%2fusers",
			path + "/%2F", path + "/x%2fy", path + "/%00", path + "/x%00y", path + "/%ff", path + "/" + strings.Repeat("x", 8000), path + ";x", path + "/;", path + "%20", "/v9/servers", "/V2.1/servers",
			path + "/' OR 1=1 --", path + "/{id}", path + "/x/../../.."} {
			r := w.asIs(prefix, odd)
			require.Contains(t, []int{400, 403, 404}, r.Status, "%s%.60s: %s", prefix, odd, r.Body)
			require.NotEmpty(t, fault(t, prefix, r), "%s%.60s", prefix, odd)
		}
	}
	for _, path := range []string{"/", "/computer/v2.1/servers", "/compute%2fv2.1/servers", "/%63ompute/v2.1/%73ervers/none", "//compute/v2.1/servers", "/../compute/v2.1/servers"} {
		r := w.asIs("", path)
		require.Contains(t, []int{400, 404}, r.Status, "%s: %s", path, r.Body)
	}
	w.unchanged(before)
}

// asIs sends a path as it stands, spaces aside.
func (w *world) asIs(prefix, path string) *httpapitest.Response {
	return w.admin.Get(prefix + strings.ReplaceAll(path, " ", "%20"))
}

// Versions and tokens that cannot be are refused before anything else.
func TestOddHeaders(t *testing.T) {
	w := newWorld(t)
	for version, want := range map[string]int{"compute 99.99": 406, "compute 2.0": 406, "compute banana": 400, "compute 2": 400, "compute 2.1.1": 400, "compute -2.1": 400,
		"compute " + strings.Repeat("9", 5000): 400, "volume 3.0": 200, "compute latest": 200} {
		r := w.blue.With("OpenStack-API-Version", version).Get("/compute/v2.1/servers")
		require.Equal(t, want, r.Status, "%.40s: %s", version, r.Body)
	}
	for _, token := range []string{"x", strings.Repeat("x", 60000), "gAAAAA", w.blue.Token + "x", w.blue.Token[:len(w.blue.Token)-5], "\x00", "é", strings.ToUpper(w.blue.Token), w.blue.Token + "," + w.red.Token} {
		c := w.blue
		c.Token = token
		for prefix, path := range map[string]string{"/compute": "/v2.1/servers", "/image": "/v2/images", "/networking": "/v2.0/networks", "/identity": "/v3/auth/projects"} {
			r := c.Get(prefix + path).Want(401)
			require.Contains(t, r.Header.Get("WWW-Authenticate"), "Keystone uri=")
			fault(t, prefix, r)
		}
	}
	forged := w.blue
	forged.Token = ""
	forged.Client = forged.With("X-Roles", "admin").With("X-Project-Id", w.blue.Project).With("X-User-Id", w.blue.User).With("X-Identity-Status", "Confirmed")
	forged.Get("/compute/v2.1/servers").Want(401)
}

// usage is what a process has taken.
type usage struct{ heap, goroutines, descriptors, series int }

func (w *world) usage() usage {
	w.t.Helper()
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	fds, err := os.ReadDir("/proc/self/fd")
	require.NoError(w.t, err)
	families, err := w.metrics.Gather()
	require.NoError(w.t, err)
	series := 0
	for _, f := range families {
		series += len(f.GetMetric())
	}
	return usage{int(m.HeapAlloc), runtime.NumGoroutine(), len(fds), series}
}

// Thousands of bad requests cost nothing that stays.
func TestBadRequestsLeaveNothing(t *testing.T) {
	w := newWorld(t, func(w *world) { w.o.Logger = nil })
	anyone := w.blue
	anyone.Token = ""
	large := `{"x": "` + strings.Repeat("x", 1<<18) + `"}`
	bodies := slices.Collect(maps.Values(malformed()))
	bad := func(i int) {
		c := w.blue
		n := fmt.Sprint(i)
		c.Do("POST", "/compute/v2.1/servers", bodies[i%len(bodies)])
		c.Do("POST", "/networking/v2.0/ports", large)
		c.Do("POST", "/image/v2/images", bodies[i%len(bodies)])
		c.Get("/compute/v2.1/" + n)
		c.Get("/networking/v2.0/networks?" + n + "=" + n)
		c.With("OpenStack-API-Version", "compute "+n).Get("/compute/v2.1/servers")
		c.Do("METHOD"+n, "/identity/v3/users", nil)
		anyone.Do("POST", "/identity/v3/auth/tokens", as("nobody"+n, "x", nil))
		anyone.With("X-Auth-Token", n).Get("/image/v2/images/" + n)
		c.Get("/unknown/" + n)
	}
	const rounds = 300
	for i := range rounds {
		bad(i)
	}
	before := w.usage()
	for i := range 2 * rounds {
		bad(rounds + i)
	}
	after := w.usage()
	require.LessOrEqual(t, after.heap, before.heap+(2<<20))
	require.LessOrEqual(t, after.goroutines, before.goroutines+2)
	require.LessOrEqual(t, after.descriptors, before.descriptors+2)
	require.Equal(t, before.series, after.series)
}
