package computeapi_test

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestServerGroupsByMicroversion(t *testing.T) {
	w := newWorld(t)
	at := func(v string) client { return w.client(t, "member", v) }
	old := func(policies ...string) object {
		return object{"server_group": object{"name": "g", "policies": policies}}
	}
	var out struct {
		Group object `json:"server_group"`
	}
	at("").do("POST", "/os-server-groups", old("affinity")).Want(200).JSON(&out)
	id := out.Group["id"].(string)
	require.Equal(t, object{"id": id, "name": "g", "policies": []any{"affinity"}, "metadata": object{}, "members": []any{}}, out.Group)
	out.Group = nil
	at("2.64").get("/os-server-groups/" + id).Want(200).JSON(&out)
	require.Equal(t, object{"id": id, "name": "g", "policy": "affinity", "rules": object{}, "members": []any{}, "project_id": "p1", "user_id": "member"}, out.Group)

	at("2.14").do("POST", "/os-server-groups", old("soft-affinity")).Want(400)
	at("2.15").do("POST", "/os-server-groups", old("soft-affinity")).Want(200)
	at("2.15").do("POST", "/os-server-groups", old("affinity", "anti-affinity")).Want(400)
	at("2.15").do("POST", "/os-server-groups", old("nearby")).Want(400)
	at("2.64").do("POST", "/os-server-groups", old("affinity")).Want(400)
	at("2.64").do("POST", "/os-server-groups", object{"server_group": object{"name": "g", "policy": "anti-affinity", "rules": object{"max_server_per_host": "3"}}}).Want(200).JSON(&out)
	require.Equal(t, object{"max_server_per_host": 3.0}, out.Group["rules"])
	_, message := fault(t, at("2.64").do("POST", "/os-server-groups", object{"server_group": object{"name": "g", "policy": "affinity", "rules": object{"max_server_per_host": 3}}}).Want(400))
	require.Equal(t, "Only anti-affinity policy supports rules.", message)
	at("2.64").do("POST", "/os-server-groups", object{"server_group": object{"name": "g", "policy": "anti-affinity", "rules": object{"max_server_per_host": 0}}}).Want(400)
}

func TestServerGroupsOfOneProject(t *testing.T) {
	w := newWorld(t)
	body := object{"server_group": object{"name": "g", "policy": "affinity"}}
	for range 3 {
		w.client(t, "member", "2.64").do("POST", "/os-server-groups", body).Want(200)
	}
	count := func(caller, query string) int {
		var out struct {
			Groups []any `json:"server_groups"`
		}
		w.client(t, caller, "2.64").get("/os-server-groups" + query).Want(200).JSON(&out)
		return len(out.Groups)
	}
	require.Equal(t, 3, count("reader", ""))
	require.Equal(t, 2, count("reader", "?limit=2"))
	require.Equal(t, 1, count("reader", "?limit=2&offset=2"))
	require.Equal(t, 0, count("other", "?all_projects=1"), "only administrators see all")
	w.client(t, "other", "2.64").do("POST", "/os-server-groups", body).Want(200)
	require.Equal(t, 4, count("admin", "?all_projects=1"))
	require.Equal(t, 3, count("admin", ""))
}

func TestTheLastServerGroupOfAQuota(t *testing.T) {
	w := newWorld(t)
	admin, c := w.client(t, "admin", "2.64"), w.client(t, "member", "2.64")
	admin.do("PUT", "/os-quota-sets/p1", object{"quota_set": object{"server_groups": 1}}).Want(200)
	body := object{"server_group": object{"name": "g", "policy": "affinity"}}
	var out struct {
		Group struct{ ID string } `json:"server_group"`
	}
	c.do("POST", "/os-server-groups", body).Want(200).JSON(&out)
	name, message := fault(t, c.do("POST", "/os-server-groups", body).Want(403))
	require.Equal(t, "forbidden", name)
	require.Equal(t, "Quota exceeded, too many server groups.", message)
	c.do("DELETE", "/os-server-groups/"+out.Group.ID, nil).Want(204)
	c.do("POST", "/os-server-groups", body).Want(200)
}
