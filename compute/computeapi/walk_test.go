package computeapi_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/cumulite/cumulite/compute"
	"github.com/cumulite/cumulite/platform/httpapi"
	"github.com/cumulite/cumulite/platform/httpapi/httpapitest"
)

// Every row as every kind of caller: other project, reader, member, admin.
func TestWalk(t *testing.T) {
	w := newWorld(t)
	httpapitest.Walk(t, httpapitest.WalkConfig{
		API:     w.api,
		Token:   func(c httpapitest.Caller) string { return string(c) },
		Prepare: w.prepare,
		Expect: map[string]string{
			"GET /flavors":                                        "200",
			"GET /flavors/detail":                                 "200",
			"GET /flavors/{flavor_id}":                            "404 404 404 200",
			"POST /flavors":                                       "403 403 403 200",
			"PUT /flavors/{flavor_id} @2.55":                      "403 403 403 200",
			"DELETE /flavors/{flavor_id}":                         "403 403 403 202",
			"GET /flavors/{flavor_id}/os-extra_specs":             "404 404 404 200",
			"POST /flavors/{flavor_id}/os-extra_specs":            "403 403 403 200",
			"GET /flavors/{flavor_id}/os-extra_specs/{key}":       "404 404 404 200",
			"PUT /flavors/{flavor_id}/os-extra_specs/{key}":       "403 403 403 200",
			"DELETE /flavors/{flavor_id}/os-extra_specs/{key}":    "403 403 403 200",
			"GET /flavors/{flavor_id}/os-flavor-access":           "403 403 403 200",
			"POST /flavors/{flavor_id}/action addTenantAccess":    "403 403 403 200",
			"POST /flavors/{flavor_id}/action removeTenantAccess": "403 403 403 200",
			"GET /os-keypairs":                                    "200",
			"POST /os-keypairs":                                   "201",
			"POST /os-keypairs @2.92":                             "201",
			"GET /os-keypairs/{name}":                             "200",
			"DELETE /os-keypairs/{name}":                          "204",
			"GET /extensions":                                     "200",
			"GET /extensions/{alias}":                             "200",
		},
	})
}

// prepare makes what a row needs to succeed, anew for each call.
func (w *world) prepare(t testing.TB, r httpapi.Route, c httpapitest.Caller) httpapitest.Call {
	w.made++
	call := httpapitest.Call{Path: map[string]string{"key": "k", "alias": "os-keypairs"}, Body: bodies[r.Key()]}
	if id := w.privateFlavor(t); true {
		call.Path["flavor_id"] = id
	}
	if _, known := callers[string(c)]; known {
		k, _, err := w.compute.CreateKeypair(as(t, string(c)), compute.CreateKeypair{Name: w.name("key"), PublicKey: publicKey})
		require.NoError(t, err)
		call.Path["name"] = k.Name
	} else {
		call.Path["name"] = "nobody's"
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
