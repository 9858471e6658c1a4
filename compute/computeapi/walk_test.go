package computeapi_test

import (
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/cumulite/cumulite/compute"
	"github.com/cumulite/cumulite/platform/httpapi"
	"github.com/cumulite/cumulite/platform/httpapi/httpapitest"
	"github.com/cumulite/cumulite/platform/quota"
)

// Every row as every kind of caller: other project, reader, member, admin.
func TestWalk(t *testing.T) {
	w := newWorld(t)
	_, err := w.compute.SetClassQuotas(as(t, "admin"), "default", map[quota.Resource]int{"server_groups": -1})
	require.NoError(t, err)
	httpapitest.Walk(t, httpapitest.WalkConfig{
		API:     w.api,
		Token:   func(c httpapitest.Caller) string { return string(c) },
		Prepare: w.prepare,
		Expect: map[string]string{
			"GET /flavors":                                              "200",
			"GET /flavors/detail":                                       "200",
			"GET /flavors/{flavor_id}":                                  "404 404 404 200",
			"POST /flavors":                                             "403 403 403 200",
			"PUT /flavors/{flavor_id} @2.55":                            "403 403 403 200",
			"DELETE /flavors/{flavor_id}":                               "403 403 403 202",
			"GET /flavors/{flavor_id}/os-extra_specs":                   "404 404 404 200",
			"POST /flavors/{flavor_id}/os-extra_specs":                  "403 403 403 200",
			"GET /flavors/{flavor_id}/os-extra_specs/{key}":             "404 404 404 200",
			"PUT /flavors/{flavor_id}/os-extra_specs/{key}":             "403 403 403 200",
			"DELETE /flavors/{flavor_id}/os-extra_specs/{key}":          "403 403 403 200",
			"GET /flavors/{flavor_id}/os-flavor-access":                 "403 403 403 200",
			"POST /flavors/{flavor_id}/action addTenantAccess":          "403 403 403 200",
			"POST /flavors/{flavor_id}/action removeTenantAccess":       "403 403 403 200",
			"GET /os-keypairs":                                          "200",
			"POST /os-keypairs":                                         "201",
			"POST /os-keypairs @2.92":                                   "201",
			"GET /os-keypairs/{name}":                                   "200",
			"DELETE /os-keypairs/{name}":                                "204",
			"GET /os-server-groups":                                     "200",
			"POST /os-server-groups":                                    "200 403 200 200",
			"POST /os-server-groups @2.64":                              "200 403 200 200",
			"GET /os-server-groups/{group_id}":                          "404 200 200 200",
			"DELETE /os-server-groups/{group_id}":                       "404 403 204 204",
			"GET /os-quota-sets/{project_id}":                           "403 200 200 200",
			"GET /os-quota-sets/{project_id}/detail":                    "403 200 200 200",
			"GET /os-quota-sets/{project_id}/defaults":                  "200",
			"PUT /os-quota-sets/{project_id}":                           "403 403 403 200",
			"DELETE /os-quota-sets/{project_id}":                        "403 403 403 202",
			"GET /os-quota-class-sets/{class}":                          "403 403 403 200",
			"PUT /os-quota-class-sets/{class}":                          "403 403 403 200",
			"GET /servers/{server_id}/os-instance-actions":              "404",
			"GET /servers/{server_id}/os-instance-actions/{request_id}": "404",
			"GET /limits":                                               "200",
			"GET /os-simple-tenant-usage":                               "403 403 403 200",
			"GET /os-simple-tenant-usage/{project_id}":                  "403 200 200 200",
			"GET /extensions":                                           "200",
			"GET /extensions/{alias}":                                   "200",
		},
	})
}

// prepare makes what a row needs to succeed, anew for each call.
func (w *world) prepare(t testing.TB, r httpapi.Route, c httpapitest.Caller) httpapitest.Call {
	call := httpapitest.Call{Path: map[string]string{"key": "k", "alias": "os-keypairs", "class": "default", "project_id": "p1", "server_id": "none", "request_id": "none"}, Body: bodies[r.Key()]}
	if strings.Contains(r.Pattern, "{flavor_id}") {
		call.Path["flavor_id"] = w.privateFlavor(t)
	}
	if strings.Contains(r.Pattern, "{group_id}") {
		g, err := w.compute.CreateServerGroup(as(t, "member"), compute.CreateServerGroup{Name: "g", Policy: compute.Affinity})
		require.NoError(t, err)
		call.Path["group_id"] = g.ID
	}
	if _, known := callers[string(c)]; known {
		k, _, err := w.compute.CreateKeypair(as(t, string(c)), compute.CreateKeypair{Name: w.name("key"), PublicKey: publicKey})
		require.NoError(t, err)
		call.Path["name"] = k.Name
	} else {
		call.Path["name"] = "nobody's"
	}
	if strings.HasPrefix(r.Pattern, "/os-simple-tenant-usage") {
		call.Query = url.Values{"start": {"2029-01-01T00:00:00"}}
	}
	switch r.Key() {
	case "POST /flavors":
		call.Body = object{"flavor": object{"name": w.name("flavor"), "ram": 1, "vcpus": 1, "disk": 1}}
	case "POST /os-keypairs", "POST /os-keypairs @2.92":
		call.Body = object{"keypair": object{"name": w.name("new"), "public_key": publicKey}}
	}
	return call
}

// bodies are what rows are sent that need nothing of their own.
var bodies = map[string]any{
	"POST /os-server-groups":                              object{"server_group": object{"name": "g", "policies": []string{"affinity"}}},
	"POST /os-server-groups @2.64":                        object{"server_group": object{"name": "g", "policy": "affinity"}},
	"PUT /os-quota-sets/{project_id}":                     object{"quota_set": object{"server_groups": -1}},
	"PUT /os-quota-class-sets/{class}":                    object{"quota_class_set": object{"server_groups": -1}},
	"PUT /flavors/{flavor_id} @2.55":                      object{"flavor": object{"description": "x"}},
	"POST /flavors/{flavor_id}/os-extra_specs":            object{"extra_specs": object{"a": "b"}},
	"PUT /flavors/{flavor_id}/os-extra_specs/{key}":       object{"k": "b"},
	"POST /flavors/{flavor_id}/action addTenantAccess":    object{"addTenantAccess": object{"tenant": "p9"}},
	"POST /flavors/{flavor_id}/action removeTenantAccess": object{"removeTenantAccess": object{"tenant": "p3"}},
}

// privateFlavor makes a flavor that only project p3 may use, with an extra spec.
func (w *world) privateFlavor(t testing.TB) string {
	ctx := as(t, "admin")
	f, err := w.compute.CreateFlavor(ctx, compute.CreateFlavor{Name: w.name("private"), VCPUs: 1, MemoryMiB: 1, Private: true})
	require.NoError(t, err)
	_, err = w.compute.AddFlavorAccess(ctx, f.ID, "p3")
	require.NoError(t, err)
	_, err = w.compute.SetExtraSpecs(ctx, f.ID, map[string]string{"k": "v"})
	require.NoError(t, err)
	return f.ID
}
