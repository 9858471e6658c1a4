package networkapi_test

import (
	"maps"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/cumulite/cumulite/network"
	"github.com/cumulite/cumulite/platform/httpapi"
	"github.com/cumulite/cumulite/platform/httpapi/httpapitest"
	"github.com/cumulite/cumulite/platform/policy"
)

// fixture makes what rows are called with, in project p1.
type fixture struct {
	*world
	external, net string
}

func newFixture(t *testing.T) *fixture {
	f := &fixture{world: newWorld(t)}
	admin := f.as("admin")
	admin.call("PUT", "/quotas/p1", object{"quota": object{"network": -1, "subnet": -1, "port": -1, "router": -1, "floatingip": -1, "security_group": -1,
		"security_group_rule": -1}}, 200)
	f.external = admin.make("network", "/networks", object{"router:external": true})["id"].(string)
	admin.make("subnet", "/subnets", object{"network_id": f.external, "ip_version": 4, "cidr": "172.16.0.0/16"})
	f.net = f.as("member").make("network", "/networks", object{})["id"].(string)
	return f
}

// attributes gives what a resource of a collection can be made of, and the
// name of one of them.
func (f *fixture) attributes(collection string) (one string, attributes object) {
	switch collection {
	case "networks":
		return "network", object{"name": "n"}
	case "subnets":
		n := f.as("member").make("network", "/networks", object{})
		return "subnet", object{"network_id": n["id"], "ip_version": 4, "cidr": "10.0.0.0/24"}
	case "ports":
		return "port", object{"network_id": f.net, "name": "p"}
	case "routers":
		return "router", object{"name": "r"}
	case "floatingips":
		return "floatingip", object{"floating_network_id": f.external}
	case "security-groups":
		return "security_group", object{"name": "g"}
	}
	g := f.as("member").make("security_group", "/security-groups", object{"name": "g"})
	return "security_group_rule", object{"security_group_id": g["id"], "direction": "ingress"}
}

func (f *fixture) makeOne(collection string) (id string) {
	one, attributes := f.attributes(collection)
	return f.as("member").make(one, "/"+collection, attributes)["id"].(string)
}

func (f *fixture) call(r httpapi.Route) httpapitest.Call {
	call := httpapitest.Call{Path: map[string]string{"project_id": "p1", "alias": "router", "tag": "t"}}
	collection := strings.Split(r.Pattern, "/")[1]
	switch collection {
	case "extensions", "availability_zones", "service-providers":
		return call
	case "agents":
		call.Path["id"] = f.as("admin").get("/agents")["agents"].([]any)[0].(object)["id"].(string)
		return call
	case "network-ip-availabilities":
		call.Path["id"] = f.net
		return call
	case "quotas":
		call.Body = object{"quota": object{"rbac_policy": 5}}
		return call
	}
	if r.Method == "POST" {
		one, attributes := f.attributes(collection)
		call.Body = object{r.BodyKey: attributes}
		if r.BodyKey != one {
			call.Body = object{r.BodyKey: []object{attributes}}
		}
		return call
	}
	if r.Pattern != "/"+collection {
		call.Path["id"] = f.makeOne(collection)
	}
	f.prepareChange(&call, r, collection)
	return call
}

// prepareChange gives the rows that change a resource what they need.
func (f *fixture) prepareChange(call *httpapitest.Call, r httpapi.Route, collection string) {
	id := call.Path["id"]
	switch {
	case strings.HasSuffix(r.Pattern, "_interface"):
		subnet := f.makeOne("subnets")
		call.Body = object{"subnet_id": subnet}
		if strings.HasSuffix(r.Pattern, "/remove_router_interface") {
			f.as("member").call("PUT", "/routers/"+id+"/add_router_interface", call.Body, 200)
		}
	case strings.HasSuffix(r.Pattern, "_extraroutes"):
		call.Body = object{"router": object{"routes": []object{}}}
	case strings.HasSuffix(r.Pattern, "/tags"):
		call.Body = object{"tags": []string{"x"}}
	case strings.HasSuffix(r.Pattern, "/{tag}"):
		f.as("member").call("PUT", "/"+collection+"/"+id+"/tags/t", nil, 201)
	case r.Method == "PUT":
		call.Body = object{r.BodyKey: object{"description": "new"}}
	}
}

// Every row as every kind of caller: other project, reader, member, admin.
func TestWalk(t *testing.T) {
	f := newFixture(t)
	expect := map[string]string{
		"PUT /routers/{id}/add_router_interface":      "404 403 200 200",
		"PUT /routers/{id}/remove_router_interface":   "404 403 200 200",
		"PUT /routers/{id}/add_extraroutes router":    "404 403 200 200",
		"PUT /routers/{id}/remove_extraroutes router": "404 403 200 200",

		"GET /quotas/tenant":                    "200",
		"GET /quotas/project":                   "200",
		"GET /quotas":                           "403 403 403 200",
		"GET /quotas/{project_id}":              "403 200 200 200",
		"PUT /quotas/{project_id}":              "403 403 403 200",
		"DELETE /quotas/{project_id}":           "403 403 403 204",
		"GET /quotas/{project_id}/default":      "403 200 200 200",
		"GET /quotas/{project_id}/details":      "403 200 200 200",
		"GET /quotas/{project_id}/details.json": "403 200 200 200",

		"GET /agents":                         "200",
		"GET /agents/{id}":                    "404 404 404 200",
		"GET /routers/{id}/l3-agents":         "404 403 403 200",
		"GET /availability_zones":             "200",
		"GET /service-providers":              "200",
		"GET /network-ip-availabilities":      "200",
		"GET /network-ip-availabilities/{id}": "404 404 404 200",
		"GET /extensions":                     "200",
		"GET /extensions/{alias}":             "200",
	}
	// What is made on what project p1 has is not found by others.
	for collection, create := range map[string]string{
		"networks": "201 403 201 201", "subnets": "404 403 201 201", "ports": "404 403 201 201", "routers": "201 403 201 201",
		"floatingips": "201 403 201 201", "security-groups": "201 403 201 201", "security-group-rules": "404 403 201 201",
	} {
		one, _ := f.attributes(collection)
		maps.Copy(expect, ofResource("/"+collection, one, create))
	}
	delete(expect, "PUT /security-group-rules/{id} security_group_rule")
	httpapitest.Walk(t, httpapitest.WalkConfig{
		API:     f.api,
		Token:   func(c httpapitest.Caller) string { return string(c) },
		Prepare: func(_ testing.TB, r httpapi.Route, _ httpapitest.Caller) httpapitest.Call { return f.call(r) },
		Expect:  expect,
	})
}

func TestEveryRowsActionHasARule(t *testing.T) {
	rules := map[policy.Action]bool{httpapi.Authenticated: true}
	for _, r := range network.Policies() {
		rules[r.Action] = true
	}
	for _, r := range newWorld(t).api.Routes() {
		require.True(t, rules[r.Action], "%s: %s", r.Key(), r.Action)
	}
}

// ofResource gives what is expected of the rows that all resources have.
func ofResource(path, one, create string) map[string]string {
	rows := map[string]string{
		"GET " + path:                         "200",
		"POST " + path + " " + one:            create,
		"POST " + path + " " + one + "s":      create,
		"GET " + path + "/{id}":               "404 200 200 200",
		"PUT " + path + "/{id} " + one:        "404 403 200 200",
		"DELETE " + path + "/{id}":            "404 403 204 204",
		"GET " + path + "/{id}/tags":          "404 200 200 200",
		"PUT " + path + "/{id}/tags":          "404 403 200 200",
		"DELETE " + path + "/{id}/tags":       "404 403 204 204",
		"GET " + path + "/{id}/tags/{tag}":    "404 204 204 204",
		"PUT " + path + "/{id}/tags/{tag}":    "404 403 201 201",
		"DELETE " + path + "/{id}/tags/{tag}": "404 403 204 204",
	}
	if one == "security_group_rule" {
		maps.DeleteFunc(rows, func(key, _ string) bool { return strings.Contains(key, "/tags") })
	}
	return rows
}
