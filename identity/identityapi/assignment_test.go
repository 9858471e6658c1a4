package identityapi_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/cumulite/cumulite/identity"
	"github.com/cumulite/cumulite/platform/httpapi"
	"github.com/cumulite/cumulite/platform/httpapi/httpapitest"
)

func TestRolesAreGivenAndTaken(t *testing.T) {
	w := newWorld(t, httpapi.Config{})
	c, reader := w.as("ada"), "/roles/"+w.roles["reader"]
	user := "/users/" + w.user("eve", w.shop, "member").ID
	for _, each := range []struct{ roles, suffix string }{
		{"/projects/" + w.web.ID + user, ""}, {"/domains/default" + user, ""}, {"/system" + user, ""},
		{"/OS-INHERIT/projects/" + w.web.ID + user, "/inherited_to_projects"}, {"/OS-INHERIT/domains/default" + user, "/inherited_to_projects"},
	} {
		one := "/identity/v3" + each.roles + reader + each.suffix
		c.Get(one).Want(404)
		c.Do("PUT", one, nil).Want(204)
		c.Do("PUT", one, nil).Want(204)
		c.Get(one).Want(204)
		c.Do("HEAD", one, nil).Want(204)
		if !strings.HasPrefix(each.roles, "/OS-INHERIT/projects") {
			require.Equal(t, []string{"reader"}, names(c.Get("/identity/v3"+each.roles+"/roles"+each.suffix).Want(200), "roles"))
		}
		c.Do("DELETE", one, nil).Want(204)
		c.Do("DELETE", one, nil).Want(404)
		c.Do("PUT", strings.Replace(one, user, "/users/none", 1), nil).Want(404)
		c.Do("PUT", strings.Replace(one, reader, "/roles/none", 1), nil).Want(404)
	}
}

func TestRoleAssignmentsAreListed(t *testing.T) {
	w := newWorld(t, httpapi.Config{})
	below, err := w.CreateProject(w.admin, identity.CreateProject{Name: "below", ParentID: w.web.ID})
	require.NoError(t, err)
	eve := w.user("eve", w.web, "member")
	require.NoError(t, w.Assign(w.admin, identity.Assignment{UserID: eve.ID, RoleID: w.roles["member"], TargetType: identity.OnProject, TargetID: w.web.ID, Inherited: true}))
	require.NoError(t, w.Assign(w.admin, identity.Assignment{UserID: eve.ID, RoleID: w.roles["reader"], TargetType: identity.OnSystem, TargetID: identity.SystemID}))
	c := w.as("ada")
	get := func(query string) []any {
		var out map[string]any
		c.Get("/identity/v3/role_assignments?" + query).Want(200).JSON(&out)
		require.Equal(t, root+"/role_assignments?"+query, out["links"].(object)["self"])
		return out["role_assignments"].([]any)
	}
	of := "user.id=" + eve.ID
	require.Len(t, get(of), 3)
	require.Equal(t, object{
		"user": object{"id": eve.ID}, "role": object{"id": w.roles["member"]}, "scope": object{"project": object{"id": w.web.ID}},
		"links": object{"assignment": root + "/projects/" + w.web.ID + "/users/" + eve.ID + "/roles/" + w.roles["member"]},
	}, get(of + "&scope.OS-INHERIT:inherited_to=")[0])
	inherited := get(of + "&scope.OS-INHERIT:inherited_to=projects")
	require.Len(t, inherited, 1)
	require.Equal(t, object{"project": object{"id": w.web.ID}, "OS-INHERIT:inherited_to": "projects"}, inherited[0].(object)["scope"])
	require.Equal(t, object{"all": true}, get(of + "&scope.system=all")[0].(object)["scope"].(object)["system"])

	named := get(of + "&include_names&scope.project.id=" + w.web.ID + "&scope.OS-INHERIT:inherited_to=")[0].(object)
	domain := object{"id": "default", "name": "Default"}
	require.Equal(t, object{"id": eve.ID, "name": "eve", "domain": domain}, named["user"])
	require.Equal(t, object{"id": w.roles["member"], "name": "member"}, named["role"])
	require.Equal(t, object{"project": object{"id": w.web.ID, "name": "web", "domain": domain}}, named["scope"])

	effective := get(of + "&effective&scope.project.id=" + below.ID)
	require.Len(t, effective, 2, "member is inherited, and implies reader")
	implied := effective[1].(object)
	if implied["role"].(object)["id"] != w.roles["reader"] {
		implied = effective[0].(object)
	}
	require.Equal(t, object{
		"assignment": root + "/OS-INHERIT/projects/" + w.web.ID + "/users/" + eve.ID + "/roles/" + w.roles["member"] + "/inherited_to_projects",
		"prior_role": root + "/prior_role/" + w.roles["member"] + "/implies/" + w.roles["reader"],
	}, implied["links"])
	require.Len(t, get("include_subtree&scope.project.id="+w.web.ID+"&"+of), 2)
	require.Empty(t, get("group.id=none"))
	for _, query := range []string{"include_subtree", "scope.project.id=a&scope.domain.id=b", "scope.project.id=a&scope.system=all", "scope.domain.id=a&scope.system=all",
		"user.id=a&group.id=b", "effective&group.id=b"} {
		c.Get("/identity/v3/role_assignments?" + query).Want(400)
	}
}

func TestImpliedRoles(t *testing.T) {
	w := newWorld(t, httpapi.Config{})
	c := w.as("ada")
	role := func(name string) object {
		return object{"id": w.roles[name], "name": name, "links": object{"self": root + "/roles/" + w.roles[name]}}
	}
	service, reader := w.roles["service"], w.roles["reader"]
	one := "/identity/v3/roles/" + service + "/implies/" + reader
	c.Get(one).Want(404)
	var got map[string]any
	c.Do("PUT", one, nil).Want(201).JSON(&got)
	require.Equal(t, object{"role_inference": object{"prior_role": role("service"), "implies": role("reader")},
		"links": object{"self": root + "/roles/" + service + "/implies/" + reader}}, got)
	c.Get(one).Want(200)
	c.Do("HEAD", one, nil).Want(204)
	c.Get("/identity/v3/roles/" + service + "/implies").Want(200).JSON(&got)
	require.Equal(t, object{"prior_role": role("service"), "implies": []any{role("reader")}}, got["role_inference"])
	var all struct {
		Inferences []any `json:"role_inferences"`
	}
	c.Get("/identity/v3/role_inferences").Want(200).JSON(&all)
	require.Len(t, all.Inferences, 4, "of admin, manager, member and service")
	require.Contains(t, all.Inferences, object{"prior_role": role("member"), "implies": []any{role("reader")}})
	c.Do("DELETE", one, nil).Want(204)
	c.Do("DELETE", one, nil).Want(404)
	c.Do("PUT", "/identity/v3/roles/"+service+"/implies/"+w.roles["admin"], nil).Want(403)
	c.Get("/identity/v3/roles/none/implies").Want(404)
	require.Empty(t, names(c.Get("/identity/v3/roles?domain_id=default").Want(200), "roles"))
}

func TestProjectsHaveTags(t *testing.T) {
	w := newWorld(t, httpapi.Config{})
	c, web := w.as("ada"), "/identity/v3/projects/"+w.web.ID
	odd := `a"b<%_\`
	tags := func(r *httpapitest.Response) (out struct{ Tags []string }) { r.JSON(&out); return out }
	require.Equal(t, []string{odd, "blue", "red"}, tags(c.Do("PUT", web+"/tags", object{"tags": []string{"red", "blue", odd}}).Want(200)).Tags)
	require.Equal(t, web[len("/identity/v3"):]+"/tags/green", c.Do("PUT", web+"/tags/green", nil).Want(201).Header.Get("Location")[len(root):])
	c.Get(web + "/tags/green").Want(204)
	c.Do("DELETE", web+"/tags/green", nil).Want(204)
	c.Do("DELETE", web+"/tags/green", nil).Want(404)
	c.Get(web + "/tags/green").Want(404)
	require.Len(t, tags(c.Get(web+"/tags").Want(200)).Tags, 3)
	require.Equal(t, []any{odd, "blue", "red"}, entity(c.Get(web).Want(200), "project")["tags"])
	c.Do("PUT", "/identity/v3/projects/"+w.shop.ID+"/tags/red", nil).Want(201)

	get := func(query string) []string { return names(c.Get("/identity/v3/projects?"+query).Want(200), "projects") }
	require.Equal(t, []string{"shop", "web"}, get("tags=red"))
	require.Equal(t, []string{"web"}, get("tags=red,blue"))
	require.Equal(t, []string{"shop", "web"}, get("tags-any=red,blue"))
	require.Equal(t, []string{"admin", "service", "shop"}, get("not-tags=red,blue"))
	require.Equal(t, []string{"admin", "service"}, get("not-tags-any=red,blue"))
	require.Equal(t, []string{"web"}, get("tags=a%22b%3C%25_%5C"))
	for _, part := range []string{"b", "re", "RED", "r%25", "b%3C%25_%5C"} {
		require.Empty(t, get("tags="+part), part)
	}
	c.Do("PUT", web+"/tags", object{"tags": []string{"a,b"}}).Want(400)
	c.Do("PUT", web+"/tags", object{"tags": []string{"a", "a"}}).Want(400)
	c.Do("PUT", web+"/tags/"+strings.Repeat("x", 256), nil).Want(400)
	c.Do("DELETE", web+"/tags", nil).Want(204)
	require.Empty(t, tags(c.Get(web+"/tags").Want(200)).Tags)
}

func TestProjectsHaveFamilies(t *testing.T) {
	w := newWorld(t, httpapi.Config{})
	c := w.as("ada")
	create := func(name, parent string) string {
		return entity(c.Do("POST", "/identity/v3/projects", object{"project": object{"name": name, "parent_id": parent}}).Want(201), "project")["id"].(string)
	}
	a := create("a", w.web.ID)
	b, d := create("b", a), create("d", a)
	get := func(id, query string) object {
		return entity(c.Get("/identity/v3/projects/"+id+"?"+query).Want(200), "project")
	}
	require.Equal(t, object{a: object{w.web.ID: object{"default": nil}}}, get(b, "parents_as_ids")["parents"])
	require.Equal(t, object{a: object{b: nil, d: nil}}, get(w.web.ID, "subtree_as_ids")["subtree"])
	last := get(b, "subtree_as_ids")
	require.Contains(t, last, "subtree")
	require.Nil(t, last["subtree"])
	parents := get(b, "parents_as_list")["parents"].([]any)
	require.Len(t, parents, 1, "the caller has a role in web only")
	require.Equal(t, "web", parents[0].(object)["project"].(object)["name"])
	require.Empty(t, get(w.web.ID, "subtree_as_list")["subtree"])
	require.NotContains(t, get(b, ""), "parents")
	c.Get("/identity/v3/projects/" + b + "?parents_as_ids&parents_as_list").Want(400)
	c.Do("DELETE", "/identity/v3/projects/"+a, nil).Want(403)
	require.Equal(t, []string{"b", "d"}, names(c.Get("/identity/v3/projects?parent_id="+a).Want(200), "projects"))
	require.Equal(t, []string{"Default"}, names(c.Get("/identity/v3/projects?is_domain=True").Want(200), "projects"))
	require.Contains(t, names(c.Get("/identity/v3/projects?is_domain=False").Want(200), "projects"), "web")
	require.Equal(t, []string{"web"}, names(c.Get("/identity/v3/users/"+w.users["ann"].ID+"/projects").Want(200), "projects"))
	require.Empty(t, names(c.Get("/identity/v3/users/"+w.users["ann"].ID+"/projects?name=x").Want(200), "projects"))
}

func TestDomainsAreProjectsToo(t *testing.T) {
	w := newWorld(t, httpapi.Config{})
	c := w.as("ada")
	p := entity(c.Do("POST", "/identity/v3/projects", object{"project": object{"name": "acme", "is_domain": true, "domain_id": nil, "cost": "5"}}).Want(201), "project")
	require.Equal(t, true, p["is_domain"])
	require.Nil(t, p["domain_id"])
	require.Nil(t, p["parent_id"])
	path := "/identity/v3/projects/" + p["id"].(string)
	require.Equal(t, p, entity(c.Get(path).Want(200), "project"))
	require.Equal(t, "acme", entity(c.Get("/identity/v3/domains/"+p["id"].(string)).Want(200), "domain")["name"])
	require.Equal(t, p, entity(c.Do("PATCH", path, object{"project": p}).Want(200), "project"))
	c.Do("PATCH", path, object{"project": object{"is_domain": false}}).Want(400)
	c.Do("PATCH", path, object{"project": object{"domain_id": "default"}}).Want(400)
	c.Do("PATCH", path, object{"project": object{"tags": []string{"x"}}}).Want(400)
	c.Do("DELETE", path, nil).Want(403)
	require.Equal(t, false, entity(c.Do("PATCH", path, object{"project": object{"enabled": false}}).Want(200), "project")["enabled"])
	c.Do("DELETE", path, nil).Want(204)
	c.Get(path).Want(404)
	w.as("ann").Get("/identity/v3/projects/default").Want(403)
}

// A manager of a domain makes users and projects there, and nowhere else.
func TestTheDomainOfATokenIsWhereThingsAreMade(t *testing.T) {
	w := newWorld(t, httpapi.Config{})
	d, err := w.CreateDomain(w.admin, identity.CreateDomain{Name: "acme"})
	require.NoError(t, err)
	w.user("max", w.web, "reader")
	require.NoError(t, w.Assign(w.admin, identity.Assignment{UserID: w.users["max"].ID, RoleID: w.roles["manager"], TargetType: identity.OnDomain, TargetID: d.ID}))
	c := w.as("").With("X-Auth-Token", w.token("max", "pass max", identity.Scope{Domain: identity.Lookup{ID: d.ID}}))
	u := entity(c.Do("POST", "/identity/v3/users", object{"user": object{"name": "ann"}}).Want(201), "user")
	require.Equal(t, d.ID, u["domain_id"])
	p := entity(c.Do("POST", "/identity/v3/projects", object{"project": object{"name": "web"}}).Want(201), "project")
	require.Equal(t, d.ID, p["domain_id"])
	require.Equal(t, d.ID, p["parent_id"])
	require.Equal(t, []string{"ann"}, names(c.Get("/identity/v3/users").Want(200), "users"))
	require.Equal(t, []string{"web"}, names(c.Get("/identity/v3/projects").Want(200), "projects"))
	require.Equal(t, []string{"acme"}, names(c.Get("/identity/v3/domains").Want(200), "domains"))
	c.Do("POST", "/identity/v3/users", object{"user": object{"name": "x", "domain_id": "default"}}).Want(403)
	absent, foreign := c.Get("/identity/v3/users/none").Want(403), c.Get("/identity/v3/users/"+w.users["ann"].ID).Want(403)
	require.Equal(t, string(absent.Body), string(foreign.Body), "what may not be seen reads as what is not there")
	member := "/identity/v3/projects/" + p["id"].(string) + "/users/" + u["id"].(string) + "/roles/" + w.roles["member"]
	c.Do("PUT", member, nil).Want(204)
	c.Do("PUT", strings.Replace(member, w.roles["member"], w.roles["admin"], 1), nil).Want(403)
}
