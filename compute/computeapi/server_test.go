package computeapi_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
)

// create is the body of a request for a server.
func (w *world) create(t testing.TB, more object) object {
	s := object{"name": "vm", "flavorRef": w.flavor(t, w.name("f")).ID, "imageRef": w.image}
	for k, v := range more {
		s[k] = v
	}
	return object{"server": s}
}

func TestAServersLife(t *testing.T) {
	w := newWorld(t)
	c := w.client(t, "member", "")
	made := c.do("POST", "/servers", w.create(t, object{"metadata": object{"a": "b"}, "adminPass": "hunter2"})).Want(202)
	var out struct{ Server object }
	made.JSON(&out)
	id := out.Server["id"].(string)
	require.Equal(t, "https://cloud.example/compute/v2.1/servers/"+id, made.Header.Get("Location"))
	require.Equal(t, object{"id": id, "adminPass": "hunter2", "OS-DCF:diskConfig": "MANUAL", "security_groups": []any{object{"name": "default"}}, "links": []any{
		object{"rel": "self", "href": "https://cloud.example/compute/v2.1/servers/" + id}, object{"rel": "bookmark", "href": "https://cloud.example/compute/servers/" + id}}}, out.Server)
	w.idle(t)
	out.Server = nil
	c.get("/servers/" + id).Want(200).JSON(&out)
	require.Equal(t, "ACTIVE", out.Server["status"])
	require.Equal(t, object{"a": "b"}, out.Server["metadata"])
	require.Equal(t, "2030-01-01T00:00:00Z", out.Server["created"])
	require.Len(t, out.Server["addresses"].(object)["private"], 1)
	for _, step := range []struct{ body, status string }{
		{`{"os-stop": null}`, "SHUTOFF"}, {`{"os-start": {}}`, "ACTIVE"}, {`{"reboot": {"type": "SOFT"}}`, "ACTIVE"}, {`{"reboot": {"type": "HARD"}}`, "ACTIVE"},
		{`{"pause": null}`, "PAUSED"}, {`{"unpause": null}`, "ACTIVE"}, {`{"suspend": null}`, "SUSPENDED"}, {`{"resume": null}`, "ACTIVE"},
		{`{"lock": null}`, "ACTIVE"}, {`{"unlock": null}`, "ACTIVE"}, {`{"rebuild": {"imageRef": "` + w.image + `"}}`, "ACTIVE"},
	} {
		c.do("POST", "/servers/"+id+"/action", step.body).Want(202)
		w.idle(t)
		c.get("/servers/" + id).Want(200).JSON(&out)
		require.Equal(t, step.status, out.Server["status"], step.body)
	}
	name, message := fault(t, c.do("POST", "/servers/"+id+"/action", `{"os-start": null}`).Want(409))
	require.Equal(t, "conflictingRequest", name)
	require.Equal(t, fmt.Sprintf("Cannot 'start' instance %s while it is in vm_state active", id), message)
	c.do("PUT", "/servers/"+id, object{"server": object{"name": "new"}}).Want(200).JSON(&out)
	require.Equal(t, "new", out.Server["name"])
	c.do("DELETE", "/servers/"+id, nil).Want(204)
	w.idle(t)
	_, message = fault(t, c.get("/servers/"+id).Want(404))
	require.Equal(t, "Instance "+id+" could not be found.", message)
}
