package computeapi_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestFlavorIsMadeShownAndDeleted(t *testing.T) {
	w := newWorld(t)
	admin := w.client(t, "admin", "2.61")
	var made struct{ Flavor object }
	admin.do("POST", "/flavors", object{"flavor": object{"name": "tiny", "id": 7, "ram": "512", "vcpus": 1, "disk": 1, "swap": "64",
		"OS-FLV-EXT-DATA:ephemeral": 2, "rxtx_factor": "2.0", "os-flavor-access:is_public": "yes", "description": "small"}}).Want(200).JSON(&made)
	require.Equal(t, object{"id": "7", "name": "tiny", "ram": 512.0, "vcpus": 1.0, "disk": 1.0, "swap": 64.0, "OS-FLV-EXT-DATA:ephemeral": 2.0,
		"rxtx_factor": 2.0, "os-flavor-access:is_public": true, "OS-FLV-DISABLED:disabled": false, "description": "small", "extra_specs": object{},
		"links": []any{object{"rel": "self", "href": "https://cloud.example/compute/v2.1/flavors/7"},
			object{"rel": "bookmark", "href": "https://cloud.example/compute/flavors/7"}}}, made.Flavor)
	admin.do("PUT", "/flavors/7", object{"flavor": object{"description": nil}}).Want(200).JSON(&made)
	require.Nil(t, made.Flavor["description"])
	made.Flavor = nil
	w.client(t, "member", "").get("/flavors/7").Want(200).JSON(&made)
	require.NotContains(t, made.Flavor, "description")
	admin.do("DELETE", "/flavors/7", nil).Want(202)
	name, message := fault(t, admin.get("/flavors/7").Want(404))
	require.Equal(t, "itemNotFound", name)
	require.Equal(t, "Flavor 7 could not be found.", message)
}

func TestSwapOfNoneIsEmptyUntil275(t *testing.T) {
	w := newWorld(t)
	w.flavor(t, "1")
	for version, want := range map[string]any{"2.74": "", "2.75": 0.0} {
		var out struct{ Flavor object }
		w.client(t, "reader", version).get("/flavors/1").Want(200).JSON(&out)
		require.Equal(t, want, out.Flavor["swap"])
	}
}

func TestFlavorListsPageSortAndFilter(t *testing.T) {
	w := newWorld(t)
	for n := range 5 {
		w.flavor(t, fmt.Sprint(n))
	}
	c := w.client(t, "member", "2.75")
	ids := func(path string) (ids []string, next string) {
		var out struct {
			Flavors []struct{ ID string }
			Links   []struct{ Rel, Href string } `json:"flavors_links"`
		}
		c.get(path).Want(200).JSON(&out)
		for _, f := range out.Flavors {
			ids = append(ids, f.ID)
		}
		if len(out.Links) > 0 {
			next = out.Links[0].Href
		}
		return ids, next
	}
	got, next := ids("/flavors?limit=2")
	require.Equal(t, []string{"0", "1"}, got)
	require.Equal(t, "https://cloud.example/compute/v2.1/flavors?limit=2&marker=1", next)
	got, next = ids("/flavors/detail?limit=2&marker=1&sort_dir=desc&sort_key=name")
	require.Equal(t, []string{"0"}, got)
	require.Empty(t, next)
	got, _ = ids("/flavors?minRam=513")
	require.Empty(t, got)
	for path, message := range map[string]string{
		"/flavors?minRam=x": "Invalid minRam filter [x]", "/flavors/detail?is_public=x": "Invalid is_public filter [x]",
		"/flavors?limit=-2": "", "/flavors?marker=none": "", "/flavors?sort_key=nothing": "", "/flavors?color=red": "Additional properties are not allowed ('color' was unexpected)",
	} {
		_, got := fault(t, c.get(path).Want(400))
		require.Contains(t, got, message, path)
	}
	w.client(t, "member", "2.74").get("/flavors?color=red").Want(200)
}

func TestBadFlavorsAreRefused(t *testing.T) {
	w := newWorld(t)
	c := w.client(t, "admin", "2.55")
	good := object{"name": "tiny", "ram": 512, "vcpus": 1, "disk": 1}
	for field, value := range map[string]any{"name": "", "id": "a/b", "ram": 0, "vcpus": "one", "disk": -1, "swap": 1.5, "rxtx_factor": -1, "color": "red",
		"os-flavor-access:is_public": "maybe", "description": 5, "extra_specs": object{}} {
		bad := object{}
		for k, v := range good {
			bad[k] = v
		}
		bad[field] = value
		name, _ := fault(t, c.do("POST", "/flavors", object{"flavor": bad}).Want(400))
		require.Equal(t, "badRequest", name, field)
	}
	_, message := fault(t, c.do("POST", "/flavors", object{"flavor": object{"name": "x"}, "more": 1}).Want(400))
	require.NotEmpty(t, message)
	w.client(t, "admin", "2.54").do("POST", "/flavors", object{"flavor": object{"name": "x", "ram": 1, "vcpus": 1, "disk": 1, "description": "x"}}).Want(400)
	w.client(t, "admin", "2.54").do("PUT", "/flavors/1", object{"flavor": object{"description": "x"}}).Want(404)
	c.do("POST", "/flavors", object{"flavor": good}).Want(200)
	name, message := fault(t, c.do("POST", "/flavors", object{"flavor": good}).Want(409))
	require.Equal(t, "conflictingRequest", name)
	require.Equal(t, "Flavor with name tiny already exists.", message)
}

func TestExtraSpecs(t *testing.T) {
	w := newWorld(t)
	w.flavor(t, "1")
	admin, reader := w.client(t, "admin", ""), w.client(t, "reader", "")
	var out object
	const path = "/flavors/1/os-extra_specs"
	admin.do("POST", path, object{"extra_specs": object{"hw:cpu_policy": "shared", "n": 5}}).Want(200).JSON(&out)
	require.Equal(t, object{"hw:cpu_policy": "shared", "n": "5"}, out["extra_specs"])
	admin.do("PUT", path+"/n", object{"n": "6"}).Want(200)
	out = nil
	reader.get(path + "/n").Want(200).JSON(&out)
	require.Equal(t, object{"n": "6"}, out)
	admin.do("DELETE", path+"/n", nil).Want(200)
	_, message := fault(t, reader.get(path+"/n").Want(404))
	require.Equal(t, "Flavor 1 has no extra specs with key n.", message)
	_, message = fault(t, admin.do("PUT", path+"/n", object{"m": "6"}).Want(400))
	require.Equal(t, "Request body and URI mismatch", message)
	admin.do("POST", path, object{"extra_specs": object{"a/b": "c"}}).Want(400)
	w.client(t, "admin", "2.85").do("PUT", path+"/hw:numa_node", object{"hw:numa_node": "1"}).Want(200)
	_, message = fault(t, w.client(t, "admin", "2.86").do("PUT", path+"/hw:numa_node", object{"hw:numa_node": "1"}).Want(400))
	require.Equal(t, "Validation failed; extra spec 'hw:numa_node' does not appear to be a valid extra spec.", message)
	admin.do("POST", path, object{"extra_specs": object{"a": object{}}}).Want(400)
}

func TestAccessToPrivateFlavors(t *testing.T) {
	w := newWorld(t)
	admin, other := w.client(t, "admin", "2.7"), w.client(t, "other", "2.7")
	admin.do("POST", "/flavors", object{"flavor": object{"id": "9", "name": "own", "ram": 1, "vcpus": 1, "disk": 0, "os-flavor-access:is_public": false}}).Want(200)
	other.get("/flavors/9").Want(404)
	var out object
	admin.do("POST", "/flavors/9/action", object{"addTenantAccess": object{"tenant": "p2"}}).Want(200).JSON(&out)
	require.Equal(t, object{"flavor_access": []any{object{"flavor_id": "9", "tenant_id": "p2"}}}, out)
	other.get("/flavors/9").Want(200)
	admin.do("POST", "/flavors/9/action", object{"addTenantAccess": object{"tenant": "p2"}}).Want(409)
	admin.do("POST", "/flavors/9/action", object{"removeTenantAccess": object{"tenant": "p2"}}).Want(200)
	admin.do("POST", "/flavors/9/action", object{"removeTenantAccess": object{"tenant": "p2"}}).Want(404)
	admin.get("/flavors/9/os-flavor-access").Want(200).JSON(&out)
	require.Equal(t, object{"flavor_access": []any{}}, out)
}
