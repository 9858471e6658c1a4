package identityapi_test

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/cumulite/cumulite/platform/httpapi"
	"github.com/cumulite/cumulite/platform/httpapi/httpapitest"
)

// made is how each kind of resource is created: its collection, its noun and a body.
func made(w *world) map[string]object {
	service := entity(w.as("ada").Do("POST", "/identity/v3/services", object{"service": object{"type": "dns", "name": "designate", "description": "names"}}).Want(201), "service")
	return map[string]object{
		"domain":   {"name": "myDomain", "description": "Domain description", "enabled": true},
		"project":  {"name": "myNewProject", "description": "My new project", "domain_id": "default", "enabled": true, "is_domain": false},
		"user":     {"name": "James Doe", "password": "secretsecret", "email": "jdoe@example.com", "description": "James Doe user", "default_project_id": w.web.ID, "domain_id": "default"},
		"role":     {"name": "developer", "description": "My new role"},
		"region":   {"id": "RegionOneSubRegion", "parent_region_id": "RegionOne", "description": "My subregion"},
		"service":  {"type": "compute", "name": "compute2", "description": "Compute service 2"},
		"endpoint": {"service_id": service["id"], "interface": "public", "region_id": "RegionOne", "url": "http://example.com/identity/v3/endpoints/828384", "enabled": true},
	}
}

func TestResourcesLookAsInTheReference(t *testing.T) {
	w := newWorld(t, httpapi.Config{})
	c := w.as("ada")
	for noun, body := range made(w) {
		path := "/identity/v3/" + noun + "s"
		created := c.Do("POST", path, object{noun: body}).Want(201)
		httpapitest.Golden(t, "testdata/"+noun+".json", created.Body)
		id := entity(created, noun)["id"].(string)
		require.Equal(t, root+"/"+noun+"s/"+id, entity(created, noun)["links"].(object)["self"])
		require.JSONEq(t, string(created.Body), string(c.Get(path+"/"+id).Want(200).Body))
		c.Do("HEAD", path+"/"+id, nil).Want(200)

		var all map[string]any
		c.Get(path + "?limit=1000").Want(200).JSON(&all)
		require.Contains(t, all[noun+"s"], entity(created, noun))
		require.Equal(t, object{"self": root + "/" + noun + "s?limit=1000", "previous": nil, "next": nil}, all["links"])
		require.NotContains(t, all, "truncated")
	}
}

// What an answer shows may be sent back, and no name stands twice in an answer.
func TestAnswersCanBeSentBack(t *testing.T) {
	w := newWorld(t, httpapi.Config{})
	c := w.as("ada")
	for noun, body := range made(w) {
		body["os:colour"] = object{"deep": []any{"blue", 1.5, nil}}
		path := "/identity/v3/" + noun + "s"
		created := c.Do("POST", path, object{noun: body}).Want(201)
		path += "/" + entity(created, noun)["id"].(string)
		again := c.Do("PATCH", path, string(created.Body)).Want(200)
		require.JSONEq(t, string(created.Body), string(again.Body))
		require.Equal(t, body["os:colour"], entity(again, noun)["os:colour"])
		onceEach(t, again.Body)

		changed := c.Do("PATCH", path, object{noun: object{"os:colour": nil, "size": 5}}).Want(200)
		require.NotContains(t, entity(changed, noun), "os:colour")
		require.InDelta(t, 5, entity(changed, noun)["size"], 0)
		c.Do("PATCH", path, object{noun: object{"id": "other", "description": "x"}}).Want(400)
		if noun == "domain" {
			require.Equal(t, false, entity(c.Do("PATCH", path, object{noun: object{"enabled": "False"}}).Want(200), noun)["enabled"])
		}
		c.Do("DELETE", path, nil).Want(204)
		c.Get(path).Want(404)
		c.Do("PATCH", path, object{noun: object{"description": "x"}}).Want(404)
		c.Do("DELETE", path, nil).Want(404)
	}
}

// onceEach fails when a name stands twice in an object.
func onceEach(t *testing.T, body []byte) {
	dec := json.NewDecoder(strings.NewReader(string(body)))
	var seen []map[string]bool
	for key := true; ; {
		tok, err := dec.Token()
		if err == io.EOF {
			return
		}
		require.NoError(t, err)
		switch v := tok.(type) {
		case json.Delim:
			switch v {
			case '{':
				seen = append(seen, map[string]bool{})
			case '[':
				seen = append(seen, nil)
			default:
				seen = seen[:len(seen)-1]
			}
			key = true
		case string:
			in := seen[len(seen)-1]
			if in != nil && key {
				require.False(t, in[v], "%s stands twice in %s", v, body)
				in[v] = true
			}
			key = in == nil || !key
		default:
			key = true
		}
	}
}

func TestOptionsAreSetShownAndTakenAway(t *testing.T) {
	w := newWorld(t, httpapi.Config{})
	c := w.as("ada")
	r := entity(c.Do("POST", "/identity/v3/roles", object{"role": object{"name": "driver", "options": object{"immutable": true}}}).Want(201), "role")
	require.Equal(t, object{"immutable": true}, r["options"])
	path := "/identity/v3/roles/" + r["id"].(string)
	c.Do("PATCH", path, object{"role": object{"name": "x"}}).Want(403)
	c.Do("DELETE", path, nil).Want(403)
	require.Empty(t, entity(c.Do("PATCH", path, object{"role": object{"options": object{"immutable": nil}}}).Want(200), "role")["options"])
	c.Do("DELETE", path, nil).Want(204)
	c.Do("DELETE", "/identity/v3/roles/"+w.roles["admin"], nil).Want(403)
	u := entity(c.Do("POST", "/identity/v3/users", object{"user": object{"name": "x", "password": "old", "options": object{"lock_password": true, "ignore_password_expiry": false}}}).Want(201), "user")
	require.Equal(t, object{"lock_password": true, "ignore_password_expiry": false}, u["options"])
	c.Do("POST", "/identity/v3/users/"+u["id"].(string)+"/password", object{"user": object{"original_password": "old", "password": "new"}}).Want(400)
}

func TestListsAreFilteredAndPaged(t *testing.T) {
	w := newWorld(t, httpapi.Config{})
	c := w.as("ada")
	for i := range 5 {
		c.Do("POST", "/identity/v3/users", object{"user": object{"name": fmt.Sprintf("u%d", i), "enabled": i%2 == 0}}).Want(201)
	}
	get := func(query string) []string { return names(c.Get("/identity/v3/users?"+query).Want(200), "users") }
	require.Equal(t, []string{"u3"}, get("name=u3"))
	require.Equal(t, []string{"u0", "u1", "u2", "u3", "u4"}, get("name__startswith=u"))
	require.Equal(t, []string{"u4"}, get("name__endswith=4"))
	require.Equal(t, []string{"admin", "ann"}, get("name__contains=a&name__contains=n"))
	require.Equal(t, []string{"u3"}, get("name__icontains=U3"))
	require.Equal(t, []string{"u3"}, get("name__istartswith=U&name__iendswith=3"))
	require.Empty(t, get("name__icontains=u."))
	require.Equal(t, []string{"u1", "u3"}, get("enabled=False&name__startswith=u"))
	require.Empty(t, get("domain_id=other"))
	require.Len(t, get("colour=blue"), 10, "a filter that is not known is none")

	var seen []string
	path := "/identity/v3/users?limit=4&name__startswith=u"
	for path != "" {
		var out struct {
			Users     []struct{ Name string }
			Truncated bool
			Links     struct{ Next string }
		}
		c.Get(path).Want(200).JSON(&out)
		for _, u := range out.Users {
			seen = append(seen, u.Name)
		}
		require.Equal(t, out.Links.Next != "", out.Truncated)
		path = strings.TrimPrefix(out.Links.Next, publicURL)
	}
	require.Equal(t, []string{"u0", "u1", "u2", "u3", "u4"}, seen)
	c.Get("/identity/v3/users?limit=x").Want(400)
	c.Get("/identity/v3/users?marker=none").Want(400)
	c.Get("/identity/v3/regions?colour=blue").Want(400)
	c.Get("/identity/v3/endpoints?interface=secret").Want(400)
}

func TestEndpointsAreFilteredAndKnowTheirRegionByItsOldName(t *testing.T) {
	w := newWorld(t, httpapi.Config{})
	c := w.as("ada")
	s := entity(c.Do("POST", "/identity/v3/services", object{"service": object{"type": "dns"}}).Want(201), "service")["id"]
	create := func(in object) *httpapitest.Response {
		return c.Do("POST", "/identity/v3/endpoints", object{"endpoint": in})
	}
	e := entity(create(object{"service_id": s, "interface": "admin", "url": "http://x", "region": "Mars", "name": "e"}).Want(201), "endpoint")
	require.Equal(t, "Mars", e["region_id"])
	require.Equal(t, "e", e["name"])
	c.Get("/identity/v3/regions/Mars").Want(200)
	require.Equal(t, []string{"e"}, names(c.Get(fmt.Sprintf("/identity/v3/endpoints?service_id=%s&interface=admin&region_id=Mars", s)).Want(200), "endpoints"))
	require.Empty(t, names(c.Get(fmt.Sprintf("/identity/v3/endpoints?service_id=%s&interface=public", s)).Want(200), "endpoints"))
	path := "/identity/v3/endpoints/" + e["id"].(string)
	require.Nil(t, entity(c.Do("PATCH", path, object{"endpoint": object{"region_id": nil}}).Want(200), "endpoint")["region_id"])
	require.Equal(t, "Venus", entity(c.Do("PATCH", path, object{"endpoint": object{"region": "Venus"}}).Want(200), "endpoint")["region"])
	create(object{"service_id": "none", "interface": "admin", "url": "http://x"}).Want(400)
	create(object{"service_id": s, "interface": "admin", "url": "http://x", "region_id": "none"}).Want(400)
	create(object{"service_id": s, "interface": "admin", "url": "http://x/$(secret)s"}).Want(400)
	create(object{"service_id": s, "interface": "admin", "url": "x"}).Want(400)
	c.Do("PUT", "/identity/v3/regions/Pluto", object{"region": object{"id": "Mars"}}).Want(400)
	c.Do("PUT", "/identity/v3/regions/Pluto", object{"region": object{}}).Want(201)
	c.Do("PUT", "/identity/v3/regions/Pluto", object{"region": object{}}).Want(409)
}

func TestBadBodiesChangeNothing(t *testing.T) {
	w := newWorld(t, httpapi.Config{})
	c := w.as("ada")
	before := c.Get("/identity/v3/users").Want(200).Body
	deep := strings.Repeat(`{"a":`, 100) + "1" + strings.Repeat("}", 100)
	for body, status := range map[any]int{
		`{}`: 400, `{"user": {}}`: 400, `{"user": []}`: 400, `{"user": {"name": ""}}`: 400, `{"user": {"name": "  "}}`: 400, `{"user": {"name": 5}}`: 400,
		`{"user": {"name": "x", "enabled": "maybe"}}`: 400, `{"user": {"name": "x", "enabled": null}}`: 400, `{"user": {"name": "x"}, "more": 1}`: 400,
		`{"user": {"name": "x", "password": 12345}}`: 400, `{"user": {"name": "x", "domain_id": null}}`: 400, `{"user": {"name": "x", "domain_id": "a/b"}}`: 400,
		`{"user": {"name": "x", "options": {"lock_password": 1}}}`: 400, `{"user": {"name": "x", "options": {"immutable": true}}}`: 400, `{"user": {"name": "` + strings.Repeat("x", 256) + `"}}`: 400,
		`{"user": {"name": "x", "domain_id": "none"}}`: 404, `{"user": {"name": "ann"}}`: 409, `{"user": {"name": "x", "extra": ` + deep + `}}`: 400,
		`{"user": {"name": "x", "extra": "` + strings.Repeat("x", 120_000) + `"}}`: 413, "": 400, "nonsense": 400,
	} {
		got := c.Do("POST", "/identity/v3/users", body)
		require.Equal(t, status, got.Status, "%.80s: %s", body, got.Body)
		require.InDelta(t, status, entity(got, "error")["code"], 0)
		require.NotContains(t, string(got.Body), "12345")
	}
	c.With("Content-Type", "text/plain").Do("POST", "/identity/v3/users", `{"user": {"name": "x"}}`).Want(400)
	c.Do("PUT", "/identity/v3/users", nil).Want(405)
	c.Get("/identity/v3/nothing").Want(404)
	require.JSONEq(t, string(before), string(c.Get("/identity/v3/users").Want(200).Body))
	for _, body := range []string{`{"project": {"name": "p", "is_domain": true, "domain_id": "default"}}`, `{"project": {"name": "p", "tags": ["a", "a"]}}`, `{"project": {"name": "p", "domain_id": "none"}}`, `{"project": {"name": "p", "parent_id": "none"}}`,
		`{"project": {"name": "p", "tags": ["a,b"]}}`, `{"project": {"name": "p", "tags": [5]}}`, `{"project": {"name": "p", "options": {"immutable": "yes"}}}`, `{"project": {"name": "p", "options": {"lock_password": true}}}`} {
		c.Do("POST", "/identity/v3/projects", body).Want(400)
	}
	c.Do("PATCH", "/identity/v3/projects/"+w.web.ID, object{"project": object{"domain_id": "other"}}).Want(400)
	c.Do("PATCH", "/identity/v3/projects/"+w.web.ID, object{"project": object{"parent_id": w.shop.ID}}).Want(403)
	c.Do("PATCH", "/identity/v3/projects/"+w.web.ID, object{"project": object{"is_domain": true}}).Want(400)
	c.Do("PATCH", "/identity/v3/users/"+w.users["ann"].ID, object{"user": object{"domain_id": "other"}}).Want(400)
	c.Do("POST", "/identity/v3/roles", object{"role": object{"name": "r", "domain_id": "default"}}).Want(400)
	c.Do("POST", "/identity/v3/domains", object{"domain": object{"name": "d", "explicit_domain_id": "short"}}).Want(400)
	c.Do("DELETE", "/identity/v3/domains/default", nil).Want(403)
}
