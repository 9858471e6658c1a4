package computeapi_test

import (
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/cumulite/cumulite/compute"
	"github.com/cumulite/cumulite/drivers/sim/simcompute"
	"github.com/cumulite/cumulite/network"
	"github.com/cumulite/cumulite/platform/auth"
	"github.com/cumulite/cumulite/platform/httpapi"
	"github.com/cumulite/cumulite/platform/httpapi/httpapitest"
	"github.com/cumulite/cumulite/platform/quota"
)

// Every row as every kind of caller: other project, reader, member, admin.
func TestWalk(t *testing.T) {
	w := newWorld(t)
	_, err := w.compute.SetClassQuotas(as(t, "admin"), "default", map[quota.Resource]int{"server_groups": -1, "instances": -1, "cores": -1, "ram": -1})
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
			"GET /servers":                                              "200",
			"GET /servers/detail":                                       "200",
			"POST /servers":                                             "202 403 202 202",
			"POST /servers @2.37":                                       "202 403 202 202",
			"GET /servers/{server_id}":                                  "404 200 200 200",
			"PUT /servers/{server_id}":                                  "404 403 200 200",
			"DELETE /servers/{server_id}":                               "404 403 204 204",
			"POST /servers/{server_id}/action os-start":                 "404 403 202 202",
			"POST /servers/{server_id}/action os-stop":                  "404 403 202 202",
			"POST /servers/{server_id}/action reboot":                   "404 403 202 202",
			"POST /servers/{server_id}/action pause":                    "404 403 202 202",
			"POST /servers/{server_id}/action unpause":                  "404 403 202 202",
			"POST /servers/{server_id}/action suspend":                  "404 403 202 202",
			"POST /servers/{server_id}/action resume":                   "404 403 202 202",
			"POST /servers/{server_id}/action lock":                     "404 403 202 202",
			"POST /servers/{server_id}/action lock @2.73":               "404 403 202 202",
			"POST /servers/{server_id}/action unlock":                   "404 403 202 202",
			"POST /servers/{server_id}/action rebuild":                  "404 403 202 202",
			"POST /servers/{server_id}/action os-resetState":            "404 403 403 202",
			"POST /servers/{server_id}/action addSecurityGroup":         "404 403 202 202",
			"POST /servers/{server_id}/action removeSecurityGroup":      "404 403 202 202",
			"POST /servers/{server_id}/action os-getConsoleOutput":      "404 403 200 200",
			"GET /servers/{server_id}/metadata":                         "404 200 200 200",
			"POST /servers/{server_id}/metadata":                        "404 403 200 200",
			"PUT /servers/{server_id}/metadata":                         "404 403 200 200",
			"GET /servers/{server_id}/metadata/{key}":                   "404 200 200 200",
			"PUT /servers/{server_id}/metadata/{key}":                   "404 403 200 200",
			"DELETE /servers/{server_id}/metadata/{key}":                "404 403 204 204",
			"GET /servers/{server_id}/tags @2.26":                       "404 200 200 200",
			"PUT /servers/{server_id}/tags @2.26":                       "404 403 200 200",
			"DELETE /servers/{server_id}/tags @2.26":                    "404 403 204 204",
			"GET /servers/{server_id}/tags/{tag} @2.26":                 "404 204 204 204",
			"PUT /servers/{server_id}/tags/{tag} @2.26":                 "404 403 204 204",
			"DELETE /servers/{server_id}/tags/{tag} @2.26":              "404 403 204 204",
			"GET /servers/{server_id}/ips":                              "404 200 200 200",
			"GET /servers/{server_id}/ips/{network}":                    "404 200 200 200",
			"GET /servers/{server_id}/os-interface":                     "404 200 200 200",
			"POST /servers/{server_id}/os-interface":                    "404 403 200 200",
			"GET /servers/{server_id}/os-interface/{port_id}":           "404 200 200 200",
			"DELETE /servers/{server_id}/os-interface/{port_id}":        "404 403 202 202",
			"GET /servers/{server_id}/os-security-groups":               "404 200 200 200",
			"GET /servers/{server_id}/os-instance-actions":              "404 200 200 200",
			"GET /servers/{server_id}/os-instance-actions/{request_id}": "404 200 200 200",
			"GET /os-services":                                          "403 403 403 200",
			"PUT /os-services/{service_id} @2.53":                       "403 403 403 200",
			"DELETE /os-services/{service_id}":                          "403 403 403 204",
			"PUT /os-services/enable":                                   "403 403 403 200",
			"PUT /os-services/disable":                                  "403 403 403 200",
			"PUT /os-services/disable-log-reason":                       "403 403 403 200",
			"PUT /os-services/force-down @2.11":                         "403 403 403 200",
			"GET /os-hypervisors":                                       "403 403 403 200",
			"GET /os-hypervisors/detail":                                "403 403 403 200",
			"GET /os-hypervisors/statistics":                            "403 403 403 200",
			"GET /os-hypervisors/{hypervisor_id}":                       "403 403 403 200",
			"GET /os-hypervisors/{hypervisor_id}/uptime":                "403 403 403 501",
			"GET /os-hypervisors/{hypervisor_id}/search":                "403 403 403 200",
			"GET /os-hypervisors/{hypervisor_id}/servers":               "403 403 403 200",
			"GET /os-aggregates":                                        "403 403 403 200",
			"GET /os-availability-zone":                                 "200",
			"GET /os-availability-zone/detail":                          "403 403 403 200",
			"GET /os-security-groups":                                   "200",
			"GET /os-security-groups/{security_group_id}":               "404 200 200 200",
			"GET /limits":                              "200",
			"GET /os-simple-tenant-usage":              "403 403 403 200",
			"GET /os-simple-tenant-usage/{project_id}": "403 200 200 200",
			"GET /extensions":                          "200",
			"GET /extensions/{alias}":                  "200",
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
	if strings.Contains(r.Pattern, "{security_group_id}") {
		g, err := w.network.CreateSecurityGroup(as(t, "member"), network.CreateSecurityGroup{Name: w.name("group")})
		require.NoError(t, err)
		call.Path["security_group_id"] = g.ID
	}
	if _, known := callers[string(c)]; known {
		k, _, err := w.compute.CreateKeypair(as(t, string(c)), compute.CreateKeypair{Name: w.name("key"), PublicKey: publicKey})
		require.NoError(t, err)
		call.Path["name"] = k.Name
	} else {
		call.Path["name"] = "nobody's"
	}
	if strings.Contains(r.Pattern, "{server_id}") {
		w.prepareServer(t, r, call)
	}
	hosts, err := w.compute.ListHypervisors(as(t, "admin"))
	require.NoError(t, err)
	call.Path["service_id"], call.Path["hypervisor_id"] = hosts[0].ID, hosts[0].ID
	if strings.HasSuffix(r.Pattern, "/search") || strings.HasSuffix(r.Pattern, "/servers") {
		call.Path["hypervisor_id"] = "hv"
	}
	if strings.HasPrefix(r.Pattern, "/os-simple-tenant-usage") {
		call.Query = url.Values{"start": {"2029-01-01T00:00:00"}}
	}
	switch r.Key() {
	case "DELETE /os-services/{service_id}":
		call.Path["service_id"] = w.joinedHost(t)
	case "POST /flavors":
		call.Body = object{"flavor": object{"name": w.name("flavor"), "ram": 1, "vcpus": 1, "disk": 1}}
	case "POST /servers":
		call.Body = w.create(t, nil)
	case "POST /servers @2.37":
		call.Body = w.create(t, object{"networks": "none"})
	case "POST /servers/{server_id}/action rebuild":
		call.Body = object{"rebuild": object{"imageRef": w.image}}
	case "POST /os-keypairs", "POST /os-keypairs @2.92":
		call.Body = object{"keypair": object{"name": w.name("new"), "public_key": publicKey}}
	}
	return call
}

// joinedHost adds a host, the last by its name, and gives the id of its compute service.
func (w *world) joinedHost(t testing.TB) string {
	require.NoError(t, w.compute.AddHost(t.Context(), w.name("later"), simcompute.New(simcompute.NewState(), nil)))
	hosts, err := w.compute.ListHypervisors(as(t, "admin"))
	require.NoError(t, err)
	return hosts[len(hosts)-1].ID
}

// bodies are what rows are sent that need nothing of their own.
var bodies = map[string]any{
	"PUT /servers/{server_id}":                             object{"server": object{"name": "x"}},
	"POST /servers/{server_id}/action os-start":            object{"os-start": nil},
	"POST /servers/{server_id}/action os-stop":             object{"os-stop": nil},
	"POST /servers/{server_id}/action reboot":              object{"reboot": object{"type": "HARD"}},
	"POST /servers/{server_id}/action pause":               object{"pause": nil},
	"POST /servers/{server_id}/action unpause":             object{"unpause": nil},
	"POST /servers/{server_id}/action suspend":             object{"suspend": nil},
	"POST /servers/{server_id}/action resume":              object{"resume": nil},
	"POST /servers/{server_id}/action lock":                object{"lock": nil},
	"POST /servers/{server_id}/action lock @2.73":          object{"lock": object{"locked_reason": "because"}},
	"POST /servers/{server_id}/action unlock":              object{"unlock": nil},
	"POST /servers/{server_id}/action os-resetState":       object{"os-resetState": object{"state": "error"}},
	"POST /servers/{server_id}/action addSecurityGroup":    object{"addSecurityGroup": object{"name": "default"}},
	"POST /servers/{server_id}/action removeSecurityGroup": object{"removeSecurityGroup": object{"name": "default"}},
	"POST /servers/{server_id}/action os-getConsoleOutput": object{"os-getConsoleOutput": object{"length": 5}},
	"POST /servers/{server_id}/metadata":                   object{"metadata": object{"x": "y"}},
	"PUT /servers/{server_id}/metadata":                    object{"metadata": object{"x": "y"}},
	"PUT /servers/{server_id}/metadata/{key}":              object{"meta": object{"k": "y"}},
	"PUT /servers/{server_id}/tags @2.26":                  object{"tags": []string{"x"}},
	"POST /servers/{server_id}/os-interface":               object{"interfaceAttachment": object{}},
	"PUT /os-services/{service_id} @2.53":                  object{"status": "enabled"},
	"PUT /os-services/enable":                              object{"host": "hv1", "binary": "nova-compute"},
	"PUT /os-services/disable":                             object{"host": "hv1", "binary": "nova-compute"},
	"PUT /os-services/disable-log-reason":                  object{"host": "hv1", "binary": "nova-compute", "disabled_reason": "x"},
	"PUT /os-services/force-down @2.11":                    object{"host": "hv1", "binary": "nova-compute", "forced_down": false},
	"POST /os-server-groups":                               object{"server_group": object{"name": "g", "policies": []string{"affinity"}}},
	"POST /os-server-groups @2.64":                         object{"server_group": object{"name": "g", "policy": "affinity"}},
	"PUT /os-quota-sets/{project_id}":                      object{"quota_set": object{"server_groups": -1}},
	"PUT /os-quota-class-sets/{class}":                     object{"quota_class_set": object{"server_groups": -1}},
	"PUT /flavors/{flavor_id} @2.55":                       object{"flavor": object{"description": "x"}},
	"POST /flavors/{flavor_id}/os-extra_specs":             object{"extra_specs": object{"a": "b"}},
	"PUT /flavors/{flavor_id}/os-extra_specs/{key}":        object{"k": "b"},
	"POST /flavors/{flavor_id}/action addTenantAccess":     object{"addTenantAccess": object{"tenant": "p9"}},
	"POST /flavors/{flavor_id}/action removeTenantAccess":  object{"removeTenantAccess": object{"tenant": "p3"}},
}

// prepareServer makes a server in the state that a row needs.
func (w *world) prepareServer(t testing.TB, r httpapi.Route, call httpapitest.Call) {
	ctx := auth.WithRequestID(as(t, "member"), requestID)
	s := w.serverAs(t, ctx, func(in *compute.CreateServer) { in.Metadata, in.Tags = map[string]string{"k": "v"}, []string{"t"} })
	call.Path["server_id"], call.Path["tag"], call.Path["network"], call.Path["request_id"] = s.ID, "t", "private", requestID
	call.Path["port_id"] = s.Interfaces[0].PortID
	switch r.BodyKey {
	case "os-start":
		require.NoError(t, w.compute.ChangePower(ctx, s.ID, compute.DoStop))
	case "unpause":
		require.NoError(t, w.compute.ChangePower(ctx, s.ID, compute.DoPause))
	case "resume":
		require.NoError(t, w.compute.ChangePower(ctx, s.ID, compute.DoSuspend))
	case "unlock":
		require.NoError(t, w.compute.LockServer(ctx, s.ID, nil))
	}
	w.idle(t)
}

// requestID is that of what the fixtures ask for.
const requestID = "req-11111111-2222-3333-4444-555555555555"

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
