package cloud_test

import (
	"regexp"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/cumulite/cumulite/platform/httpapi"
)

// estate is what a project owns, by kind, and what it is called.
type estate map[string]string

// estateOf has a project own one of everything.
func (w *world) estateOf(c client, cidr, outside string) estate {
	w.t.Helper()
	const v2, compute = "/networking/v2.0", "/compute/v2.1"
	e := estate{"project": c.Project, "user": c.User, "nothing": uuid.NewString(), "request": "req-" + uuid.NewString()}
	e["image"] = c.image("private")
	e["network"], e["subnet"] = c.network("net", cidr)
	e["port"] = id(c.make(v2+"/ports", "port", object{"network_id": e["network"]}))
	e["router"] = id(c.make(v2+"/routers", "router", object{"external_gateway_info": object{"network_id": outside}}))
	c.call("PUT", v2+"/routers/"+e["router"]+"/add_router_interface", object{"subnet_id": e["subnet"]}, 200)
	e["group"] = id(c.make(v2+"/security-groups", "security_group", object{"name": "of " + c.Project}))
	e["rule"] = id(c.make(v2+"/security-group-rules", "security_group_rule", object{"security_group_id": e["group"], "direction": "ingress"}))
	e["floatingip"] = id(c.make(v2+"/floatingips", "floatingip", object{"floating_network_id": outside}))
	e["key"] = "key-" + c.Project
	c.make(compute+"/os-keypairs", "keypair", object{"name": e["key"]})
	e["servergroup"] = id(c.make(compute+"/os-server-groups", "server_group", object{"name": "g", "policies": []string{"affinity"}}))
	e["flavor"] = id(w.admin.make(compute+"/flavors", "flavor", object{"name": "of " + c.Project, "ram": 64, "vcpus": 1, "disk": 1, "os-flavor-access:is_public": false}))
	w.admin.call("POST", compute+"/flavors/"+e["flavor"]+"/action", object{"addTenantAccess": object{"tenant": c.Project}}, 200)
	e["server"] = id(c.make(compute+"/servers", "server", server("s", e["flavor"], e["image"], e["network"], object{"metadata": object{"k": "v"}})["server"].(object)))
	w.settled()
	return e
}

// foreignRow is a row that red calls with ids in its path.
type foreignRow struct {
	prefix string
	root   string
	httpapi.Route
}

// wildcards say what the names in paths stand for. The others ("tag", "key") name parts of those.
func (r foreignRow) kinds() map[string]string {
	switch r.prefix {
	case "/networking":
		first, _, _ := strings.Cut(strings.TrimPrefix(r.Pattern, "/"), "/")
		return map[string]string{"project_id": "project", "id": map[string]string{"networks": "network", "subnets": "subnet", "ports": "port", "routers": "router",
			"security-groups": "group", "security-group-rules": "rule", "floatingips": "floatingip", "agents": "agent", "network-ip-availabilities": "network"}[first]}
	case "/compute":
		return map[string]string{"server_id": "server", "flavor_id": "flavor", "group_id": "servergroup", "security_group_id": "group", "project_id": "project", "name": "key", "port_id": "port",
			"request_id": "request", "network": "network"}
	case "/image":
		return map[string]string{"image_id": "image"}
	}
	return map[string]string{"project_id": "project", "user_id": "user", "domain_id": "domain", "role_id": "role"}
}

// parts are names in paths that are no ids of a project's.
var parts = map[string]string{"tag": "t", "key": "k", "alias": "os-keypairs", "class": "default", "hypervisor_id": "hv1", "service_id": "x", "endpoint_id": "x", "region_id": "x",
	"implied_role_id": "x", "domain_id": "default", "role_id": "x", "agent": "x", "id": "x"}

var pathName = regexp.MustCompile(`\{([^}.]+)(\.\.\.)?\}`)

// An id in a path that is another project's is answered as one that nobody has,
// whatever the row, and changes nothing.
func TestForeignIDsInPathsAreNobodys(t *testing.T) {
	w := newWorld(t)
	outside := w.external()
	theirs, mine := w.estateOf(w.blue, "10.1.0.0/24", outside), w.estateOf(w.red, "10.2.0.0/24", outside)
	before := w.dump()
	rows := 0
	for prefix, api := range w.APIs() {
		for _, r := range api.Routes() {
			row := foreignRow{prefix, api.Config().Root, r}
			for _, m := range pathName.FindAllStringSubmatch(r.Pattern, -1) {
				kind := row.kinds()[m[1]]
				if theirs[kind] == "" {
					require.Contains(t, parts, m[1], "%s: what is %s?", r.Key(), m[1])
					continue
				}
				rows++
				foreign, nobodys := theirs[kind], uuid.NewString()
				if kind == "project" || kind == "user" {
					nobodys = strings.ReplaceAll(nobodys, "-", "")
				}
				require.Equal(t, w.ask(row, m[1], mine, nobodys), w.ask(row, m[1], mine, foreign), "%s: %s", r.Key(), m[1])
			}
		}
	}
	require.Greater(t, rows, 150)
	w.unchanged(before)
}

// ask has red call a row with an id in the place of one name of its path, and
// gives the answer without the id.
func (w *world) ask(row foreignRow, name string, mine estate, value string) (answer struct {
	Status int
	Body   string
}) {
	path := pathName.ReplaceAllStringFunc(row.Pattern, func(m string) string {
		n := pathName.FindStringSubmatch(m)[1]
		switch {
		case n == name:
			return value
		case mine[row.kinds()[n]] != "":
			return mine[row.kinds()[n]]
		}
		return parts[n]
	})
	c := w.red.at("2.96")
	if !row.Until.IsZero() {
		c = c.at(row.Until.String())
	}
	if row.ContentTypes != nil {
		c.Client = c.With("Content-Type", row.ContentTypes[0])
	}
	r := c.Do(row.Method, row.prefix+row.root+path, w.bodyFor(row, mine))
	answer.Status, answer.Body = r.Status, anonymous(string(r.Body), value)
	if row.Request != nil && row.Action != httpapi.Public {
		require.NotEqual(w.t, 400, r.Status, "%s wants another body: %s", row.Key(), r.Body)
	}
	return answer
}

var requestID = regexp.MustCompile(`req-[0-9a-f-]{36}`)

// anonymous takes the id that was asked for, and the request's own, out of an answer.
func anonymous(body, id string) string {
	return requestID.ReplaceAllString(strings.ReplaceAll(body, id, "<id>"), "<request>")
}

// bodyFor gives a body that the row would take.
func (w *world) bodyFor(row foreignRow, mine estate) any {
	if body, known := foreignBodies[row.Key()]; known {
		return body
	}
	first, last := row.Pattern[1:], row.Pattern[strings.LastIndex(row.Pattern, "/")+1:]
	switch {
	case row.Raw && row.Method == "PUT":
		return []byte("bytes")
	case row.Request == nil:
		return nil
	case last == "tags":
		return object{"tags": []string{"t"}}
	case row.BodyKey != "" && row.prefix == "/networking":
		return object{row.BodyKey: object{"description": "x"}}
	case strings.HasSuffix(last, "_router_interface"):
		return object{"subnet_id": mine["subnet"]}
	case row.BodyKey == "rebuild":
		return object{"rebuild": object{"imageRef": mine["image"]}}
	case row.BodyKey != "":
		return object{row.BodyKey: nil}
	case row.prefix == "/identity":
		first, _, _ = strings.Cut(first, "/")
		return object{strings.TrimSuffix(first, "s"): object{"description": "x"}}
	}
	require.Fail(w.t, "no body for "+row.Key())
	return nil
}

// foreignBodies are those of rows that want more than a name.
var foreignBodies = map[string]any{
	"PATCH /images/{image_id}":                             []object{{"op": "replace", "path": "/name", "value": "x"}},
	"PUT /routers/{id}/add_extraroutes router":             object{"router": object{"routes": []object{}}},
	"PUT /routers/{id}/remove_extraroutes router":          object{"router": object{"routes": []object{}}},
	"PUT /quotas/{project_id}":                             object{"quota": object{"port": 5}},
	"POST /users/{user_id}/password":                       object{"user": object{"original_password": "x", "password": "y"}},
	"PUT /servers/{server_id}":                             object{"server": object{"name": "x"}},
	"POST /servers/{server_id}/action reboot":              object{"reboot": object{"type": "HARD"}},
	"POST /servers/{server_id}/action lock @2.73":          object{"lock": object{"locked_reason": "because"}},
	"POST /servers/{server_id}/action os-resetState":       object{"os-resetState": object{"state": "error"}},
	"POST /servers/{server_id}/action addSecurityGroup":    object{"addSecurityGroup": object{"name": "default"}},
	"POST /servers/{server_id}/action removeSecurityGroup": object{"removeSecurityGroup": object{"name": "default"}},
	"POST /servers/{server_id}/action os-getConsoleOutput": object{"os-getConsoleOutput": object{"length": 5}},
	"POST /servers/{server_id}/metadata":                   object{"metadata": object{"x": "y"}},
	"PUT /servers/{server_id}/metadata":                    object{"metadata": object{"x": "y"}},
	"PUT /servers/{server_id}/metadata/{key}":              object{"meta": object{"k": "y"}},
	"POST /servers/{server_id}/os-interface":               object{"interfaceAttachment": object{}},
	"PUT /os-quota-sets/{project_id}":                      object{"quota_set": object{"cores": 5}},
	"PUT /os-quota-class-sets/{class}":                     object{"quota_class_set": object{"cores": 5}},
	"PUT /flavors/{flavor_id} @2.55":                       object{"flavor": object{"description": "x"}},
	"POST /flavors/{flavor_id}/os-extra_specs":             object{"extra_specs": object{"a": "b"}},
	"PUT /flavors/{flavor_id}/os-extra_specs/{key}":        object{"k": "b"},
	"POST /flavors/{flavor_id}/action addTenantAccess":     object{"addTenantAccess": object{"tenant": "p9"}},
	"POST /flavors/{flavor_id}/action removeTenantAccess":  object{"removeTenantAccess": object{"tenant": "p9"}},
}

// external makes an external network with a subnet.
func (w *world) external() string {
	w.t.Helper()
	n := id(w.admin.make("/networking/v2.0/networks", "network", object{"name": "public", "router:external": true}))
	w.admin.make("/networking/v2.0/subnets", "subnet", object{"network_id": n, "ip_version": 4, "cidr": "203.0.113.0/24"})
	return n
}
