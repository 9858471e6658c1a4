package identityapi_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/cumulite/cumulite/identity"
	"github.com/cumulite/cumulite/platform/httpapi"
	"github.com/cumulite/cumulite/platform/httpapi/httpapitest"
	"github.com/cumulite/cumulite/platform/secret"
)

// callers are the users behind the kinds of callers.
var callers = map[httpapitest.Caller]string{httpapitest.Other: "bob", httpapitest.Reader: "ray", httpapitest.Member: "ann", httpapitest.Admin: "ada"}

// Every row as every kind of caller: those of projects see little beside themselves.
func TestWalk(t *testing.T) {
	w := newWorld(t, httpapi.Config{})
	tokens := map[httpapitest.Caller]string{httpapitest.Invalid: "gAAAAA", httpapitest.Expired: w.tokenOf("ann")}
	w.clk.Advance(2 * time.Hour)
	for c, user := range callers {
		tokens[c] = w.tokenOf(user)
	}
	expect := map[string]string{
		"POST /auth/tokens":   "201",
		"GET /auth/tokens":    "403 403 200 200", // ann's
		"HEAD /auth/tokens":   "403 403 200 200",
		"DELETE /auth/tokens": "403 403 204 204",
		"GET /auth/catalog":   "200",
		"GET /auth/projects":  "200",
		"GET /auth/domains":   "200",
		"GET /auth/system":    "200",

		"GET /domains/{domain_id}":                        "200", // the domain of their projects
		"GET /projects/{project_id}":                      "403 200 200 200",
		"GET /projects/{project_id}/tags":                 "403 200 200 200",
		"GET /projects/{project_id}/tags/{tag}":           "403 204 204 204",
		"PUT /projects/{project_id}/tags/{tag}":           "403 403 403 201",
		"PUT /projects/{project_id}/tags":                 "403 403 403 200",
		"GET /users/{user_id}":                            "403 403 200 200", // ann
		"GET /users/{user_id}/projects":                   "403 403 200 200",
		"GET /users/{user_id}/groups":                     "403 403 200 200",
		"POST /users/{user_id}/password":                  "204",
		"GET /regions":                                    "200",
		"GET /regions/{region_id}":                        "200",
		"PUT /regions/{region_id}":                        "403 403 403 201",
		"GET /roles/{role_id}/implies/{implied_role_id}":  "403 403 403 200",
		"HEAD /roles/{role_id}/implies/{implied_role_id}": "403 403 403 204",
		"PUT /roles/{role_id}/implies/{implied_role_id}":  "403 403 403 201",
	}
	for _, r := range w.api.Routes() {
		if expect[r.Key()] == "" {
			expect[r.Key()] = fmt.Sprintf("403 403 403 %d", max(r.Status, usual[r.Method]))
		}
	}
	httpapitest.Walk(t, httpapitest.WalkConfig{
		API: w.api, Expect: expect, Prepare: w.prepare,
		Token: func(c httpapitest.Caller) string { return tokens[c] },
	})
}

// usual are the statuses of rows that are for administrators only.
var usual = map[string]int{"GET": 200, "PATCH": 200, "PUT": 200, "POST": 200, "DELETE": 200}

// prepare makes what a call needs, anew for each.
func (w *world) prepare(t testing.TB, r httpapi.Route, c httpapitest.Caller) httpapitest.Call {
	f := w.fixture(t)
	call := httpapitest.Call{Header: http.Header{"X-Subject-Token": {w.tokenOf("ann")}}, Path: map[string]string{"domain_id": f.domain, "project_id": w.web.ID, "tag": "t",
		"user_id": w.users["ann"].ID, "role_id": f.role, "implied_role_id": w.roles["reader"], "region_id": "R", "service_id": f.service, "endpoint_id": f.endpoint}}
	switch {
	case r.Method == "POST" && r.Pattern == "/auth/tokens":
		call.Body = login("ann", "pass ann", nil)
	case r.Method == "POST" && r.Pattern == "/users/{user_id}/password":
		call.Path["user_id"] = f.user
		call.Body = object{"user": object{"original_password": "old", "password": "new"}}
	case r.Pattern == "/projects/{project_id}/tags":
		call.Body = object{"tags": []string{"t"}}
	case r.Method == "GET" && r.Pattern == "/domains/{domain_id}":
		call.Path["domain_id"] = identity.DefaultDomain
	case r.Method == "DELETE" && r.Pattern == "/projects/{project_id}":
		call.Path["project_id"] = f.project
	case (r.Method == "DELETE" || r.Method == "PATCH") && r.Pattern == "/users/{user_id}":
		call.Path["user_id"] = f.user
	case r.Pattern == "/regions/{region_id}" && r.Method != "GET":
		call.Path["region_id"] = f.region
	}
	if r.Method == "POST" || r.Method == "PATCH" || r.Pattern == "/regions/{region_id}" {
		w.bodies(r, f, &call)
	}
	return call
}

// bodies gives rows that make or change something a body that does so.
func (w *world) bodies(r httpapi.Route, f fixture, call *httpapitest.Call) {
	if call.Body != nil {
		return
	}
	noun := strings.TrimSuffix(strings.Split(r.Pattern, "/")[1], "s")
	fresh := fmt.Sprintf("fresh %d", w.clk.Now().UnixNano())
	w.clk.Advance(time.Microsecond)
	in := object{"name": fresh, "description": "new"}
	switch noun {
	case "endpoint":
		in = object{"service_id": f.service, "interface": "public", "url": "http://x"}
	case "service":
		in["type"] = "dns"
	case "region":
		in = object{"description": "x"}
		if r.Method == "PUT" {
			call.Path["region_id"] = fresh
		}
	}
	call.Body = object{noun: in}
}

// fixture is the ids of what nobody else needs.
type fixture struct{ domain, project, user, role, region, service, endpoint string }

func (w *world) fixture(t testing.TB) (f fixture) {
	w.clk.Advance(time.Microsecond)
	name := fmt.Sprint(w.clk.Now().UnixNano())
	d, err := w.CreateDomain(w.admin, identity.CreateDomain{Name: name, Disabled: true})
	require.NoError(t, err)
	p, err := w.CreateProject(w.admin, identity.CreateProject{Name: name, DomainID: "default"})
	require.NoError(t, err)
	u, err := w.CreateUser(w.admin, identity.CreateUser{Name: name, DomainID: "default", Password: secret.New("old")})
	require.NoError(t, err)
	role, err := w.CreateRole(w.admin, identity.CreateRole{Name: name})
	require.NoError(t, err)
	require.NoError(t, w.ImplyRole(w.admin, role.ID, w.roles["reader"]))
	region, err := w.CreateRegion(w.admin, identity.CreateRegion{ID: name})
	require.NoError(t, err)
	_, err = w.CreateRegion(w.admin, identity.CreateRegion{ID: "R"})
	if err != nil {
		require.Contains(t, err.Error(), "Duplicate")
	}
	s, err := w.CreateCatalogService(w.admin, identity.CreateCatalogService{Type: "x", Name: name})
	require.NoError(t, err)
	e, err := w.CreateEndpoint(w.admin, identity.CreateEndpoint{ServiceID: s.ID, Interface: "public", URL: "http://x"})
	require.NoError(t, err)
	require.NoError(t, w.AddProjectTag(w.admin, w.web.ID, "t"))
	for _, a := range []identity.Assignment{
		{TargetType: identity.OnProject, TargetID: w.web.ID}, {TargetType: identity.OnProject, TargetID: w.web.ID, Inherited: true},
		{TargetType: identity.OnDomain, TargetID: d.ID}, {TargetType: identity.OnDomain, TargetID: d.ID, Inherited: true},
		{TargetType: identity.OnSystem, TargetID: identity.SystemID},
	} {
		a.UserID, a.RoleID = w.users["ann"].ID, role.ID
		require.NoError(t, w.Assign(w.admin, a))
	}
	return fixture{d.ID, p.ID, u.ID, role.ID, region.ID, s.ID, e.ID}
}

// Every row as those with a wider token than one for a project: nobody in
// particular, a reader of the system, a manager of the domain, an administrator
// of the system.
func TestWalkWithWiderScopes(t *testing.T) {
	w := newWorld(t, httpapi.Config{})
	tokens := w.widerTokens()
	httpapitest.Walk(t, httpapitest.WalkConfig{
		API: w.api, Prepare: w.prepare,
		Token: func(c httpapitest.Caller) string { return tokens[c] },
		Expect: map[string]string{
			"POST /auth/tokens":                                             "201 201 201 201",
			"GET /auth/tokens":                                              "403 200 403 200",
			"HEAD /auth/tokens":                                             "403 200 403 200",
			"DELETE /auth/tokens":                                           "403 403 403 204",
			"GET /auth/catalog":                                             "403 403 403 403",
			"GET /auth/projects":                                            "200 200 200 200",
			"GET /auth/domains":                                             "200 200 200 200",
			"GET /auth/system":                                              "200 200 200 200",
			"GET /domains":                                                  "403 200 200 200",
			"POST /domains":                                                 "403 403 403 201",
			"GET /domains/{domain_id}":                                      "403 200 200 200",
			"PATCH /domains/{domain_id}":                                    "403 403 403 200",
			"DELETE /domains/{domain_id}":                                   "403 403 403 204",
			"GET /projects":                                                 "403 200 200 200",
			"POST /projects":                                                "403 403 201 201",
			"GET /projects/{project_id}":                                    "403 200 200 200",
			"PATCH /projects/{project_id}":                                  "403 403 200 200",
			"DELETE /projects/{project_id}":                                 "403 403 204 204",
			"GET /projects/{project_id}/tags":                               "403 200 200 200",
			"PUT /projects/{project_id}/tags":                               "403 403 200 200",
			"DELETE /projects/{project_id}/tags":                            "403 403 204 204",
			"GET /projects/{project_id}/tags/{tag}":                         "403 204 204 204",
			"PUT /projects/{project_id}/tags/{tag}":                         "403 403 201 201",
			"DELETE /projects/{project_id}/tags/{tag}":                      "403 403 204 204",
			"GET /users":                                                    "403 200 200 200",
			"POST /users":                                                   "403 403 201 201",
			"GET /users/{user_id}":                                          "403 200 200 200",
			"PATCH /users/{user_id}":                                        "403 403 200 200",
			"DELETE /users/{user_id}":                                       "403 403 204 204",
			"POST /users/{user_id}/password":                                "204 204 204 204",
			"GET /users/{user_id}/projects":                                 "403 200 200 200",
			"GET /users/{user_id}/groups":                                   "403 200 200 200",
			"GET /roles":                                                    "403 200 200 200",
			"POST /roles":                                                   "403 403 403 201",
			"GET /roles/{role_id}":                                          "403 200 403 200",
			"PATCH /roles/{role_id}":                                        "403 403 403 200",
			"DELETE /roles/{role_id}":                                       "403 403 403 204",
			"GET /role_inferences":                                          "403 200 403 200",
			"GET /roles/{role_id}/implies":                                  "403 200 403 200",
			"GET /roles/{role_id}/implies/{implied_role_id}":                "403 200 403 200",
			"HEAD /roles/{role_id}/implies/{implied_role_id}":               "403 204 403 204",
			"PUT /roles/{role_id}/implies/{implied_role_id}":                "403 403 403 201",
			"DELETE /roles/{role_id}/implies/{implied_role_id}":             "403 403 403 204",
			"GET /projects/{project_id}/users/{user_id}/roles/{role_id}":    "403 204 204 204",
			"PUT /projects/{project_id}/users/{user_id}/roles/{role_id}":    "403 403 403 204",
			"DELETE /projects/{project_id}/users/{user_id}/roles/{role_id}": "403 403 403 204",
			"GET /projects/{project_id}/users/{user_id}/roles":              "403 200 200 200",
			"GET /domains/{domain_id}/users/{user_id}/roles/{role_id}":      "403 204 403 204",
			"PUT /domains/{domain_id}/users/{user_id}/roles/{role_id}":      "403 403 403 204",
			"DELETE /domains/{domain_id}/users/{user_id}/roles/{role_id}":   "403 403 403 204",
			"GET /domains/{domain_id}/users/{user_id}/roles":                "403 200 403 200",
			"GET /system/users/{user_id}/roles/{role_id}":                   "403 204 403 204",
			"PUT /system/users/{user_id}/roles/{role_id}":                   "403 403 403 204",
			"DELETE /system/users/{user_id}/roles/{role_id}":                "403 403 403 204",
			"GET /system/users/{user_id}/roles":                             "403 200 403 200",
			"GET /OS-INHERIT/projects/{project_id}/users/{user_id}/roles/{role_id}/inherited_to_projects":    "403 204 204 204",
			"PUT /OS-INHERIT/projects/{project_id}/users/{user_id}/roles/{role_id}/inherited_to_projects":    "403 403 403 204",
			"DELETE /OS-INHERIT/projects/{project_id}/users/{user_id}/roles/{role_id}/inherited_to_projects": "403 403 403 204",
			"GET /OS-INHERIT/domains/{domain_id}/users/{user_id}/roles/{role_id}/inherited_to_projects":      "403 204 403 204",
			"PUT /OS-INHERIT/domains/{domain_id}/users/{user_id}/roles/{role_id}/inherited_to_projects":      "403 403 403 204",
			"DELETE /OS-INHERIT/domains/{domain_id}/users/{user_id}/roles/{role_id}/inherited_to_projects":   "403 403 403 204",
			"GET /OS-INHERIT/domains/{domain_id}/users/{user_id}/roles/inherited_to_projects":                "403 200 403 200",
			"GET /role_assignments":           "403 200 200 200",
			"GET /regions":                    "200 200 200 200",
			"POST /regions":                   "403 403 403 201",
			"GET /regions/{region_id}":        "200 200 200 200",
			"PUT /regions/{region_id}":        "403 403 403 201",
			"PATCH /regions/{region_id}":      "403 403 403 200",
			"DELETE /regions/{region_id}":     "403 403 403 204",
			"GET /services":                   "403 200 403 200",
			"POST /services":                  "403 403 403 201",
			"GET /services/{service_id}":      "403 200 403 200",
			"PATCH /services/{service_id}":    "403 403 403 200",
			"DELETE /services/{service_id}":   "403 403 403 204",
			"GET /endpoints":                  "403 200 403 200",
			"POST /endpoints":                 "403 403 403 201",
			"GET /endpoints/{endpoint_id}":    "403 200 403 200",
			"PATCH /endpoints/{endpoint_id}":  "403 403 403 200",
			"DELETE /endpoints/{endpoint_id}": "403 403 403 204",
		},
	})
}

// widerTokens are those of someone without a scope, a reader of the system, a
// manager of the domain and an administrator of the system.
func (w *world) widerTokens() map[httpapitest.Caller]string {
	give := func(name, role string, on identity.TargetType, id string) {
		w.user(name, w.shop, "reader")
		require.NoError(w.t, w.Assign(w.admin, identity.Assignment{UserID: w.users[name].ID, RoleID: w.roles[role], TargetType: on, TargetID: id}))
	}
	give("sam", "reader", identity.OnSystem, identity.SystemID)
	give("max", "manager", identity.OnDomain, identity.DefaultDomain)
	give("sue", "admin", identity.OnSystem, identity.SystemID)
	return map[httpapitest.Caller]string{
		httpapitest.Invalid: "gAAAAA", httpapitest.Expired: "gAAAAA",
		httpapitest.Other:  w.token("bob", "pass bob", identity.Scope{Unscoped: true}),
		httpapitest.Reader: w.token("sam", "pass sam", identity.Scope{System: true}),
		httpapitest.Member: w.token("max", "pass max", identity.Scope{Domain: identity.Lookup{ID: identity.DefaultDomain}}),
		httpapitest.Admin:  w.token("sue", "pass sue", identity.Scope{System: true}),
	}
}
