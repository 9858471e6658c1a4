package soak

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/stretchr/testify/require"

	"github.com/cumulite/cumulite/compute"
)

// action is something that was asked of a server and acknowledged.
type action struct{ server, request, name string }

func (c *client) createServer() {
	name := c.newName()
	in := object{"name": name, "flavorRef": c.flavor(), "imageRef": c.image(), "networks": c.nics(), "metadata": object{"of": c.name}}
	if k := c.one("keypair"); k != nil && c.chance(50) {
		in["key_name"] = k.id
	}
	if c.chance(30) {
		in["user_data"], in["config_drive"] = "c2VjcmV0", true
	}
	if t := c.make("server", in); t != nil {
		t.want["name"] = name
		t.want["metadata"] = object{"of": c.name}
	}
}

// flavor gives the id of a small one, or now and then of one that may end.
func (c *client) flavor() string {
	if t := c.admin.one("flavor"); t != nil && c.chance(20) {
		return t.id
	}
	return c.flavorID
}

func (c *client) image() string {
	if t := c.one("image"); t != nil && c.chance(40) {
		return t.id
	}
	return c.imageID
}

// nics gives what a server is plugged into.
func (c *client) nics() any {
	if p := c.one("port"); p != nil && c.chance(40) {
		return []object{{"port": p.id}}
	}
	nets := sample(c.rng, c.have("network"), 1+c.rng.IntN(2))
	if len(nets) == 0 {
		return "none"
	}
	var all []object
	for _, n := range nets {
		all = append(all, object{"uuid": n.id})
	}
	return all
}

var serverActions = []object{
	{"reboot": object{"type": "SOFT"}}, {"reboot": object{"type": "HARD"}}, {"reboot": object{"type": "HARD"}}, {"os-stop": nil}, {"os-start": nil}, {"os-start": nil}, {"pause": nil}, {"unpause": nil},
	{"unpause": nil}, {"suspend": nil}, {"resume": nil}, {"resume": nil}, {"rebuild": nil}, {"lock": nil}, {"unlock": nil}, {"unlock": nil}, {"addSecurityGroup": nil}, {"removeSecurityGroup": nil},
}

// actOnServer asks something of a server, twice at once now and then.
func (c *client) actOnServer() {
	t := c.one("server")
	if t == nil {
		return
	}
	for range 1 + c.rng.IntN(5)/4 {
		in := maps.Clone(pick(c.rng, serverActions))
		var name string
		for name = range in {
			switch name {
			case "rebuild":
				in[name] = object{"imageRef": c.image()}
			case "addSecurityGroup", "removeSecurityGroup":
				g := c.one("group")
				if g == nil {
					return
				}
				in[name] = object{"name": g.id}
			}
		}
		a := c.call("POST", t.path()+"/action", in)
		if strings.HasSuffix(name, "SecurityGroup") {
			c.doubt("port", "security_groups")
		}
		if a.acked() && !strings.HasSuffix(name, "SecurityGroup") { // of those Nova keeps no record
			c.actions = append(c.actions, action{t.id, a.id, name})
		}
	}
}

func (c *client) changeServer() {
	t := c.one("server")
	if t == nil {
		return
	}
	if c.chance(50) {
		c.update(t, object{"name": c.newName()})
		return
	}
	metadata := object{"of": c.name, "n": fmt.Sprint(c.rng.IntN(100))}
	a := c.call("PUT", t.path()+"/metadata", object{"metadata": metadata})
	t.learn(a, object{"metadata": metadata})
}

func (c *client) attach() {
	t := c.one("server")
	if t == nil {
		return
	}
	in := object{}
	if p := c.one("port"); p != nil && c.chance(50) {
		in["port_id"] = p.id
	} else if n := c.one("network"); n != nil {
		in["net_id"] = n.id
	}
	c.call("POST", t.path()+"/os-interface", object{"interfaceAttachment": in})
}

func (c *client) detach() {
	t := c.one("server")
	if t == nil {
		return
	}
	all, _ := c.call("GET", t.path()+"/os-interface", nil).body["interfaceAttachments"].([]any)
	one, is := pick(c.rng, all).(object)
	if !is {
		return
	}
	if a := c.call("DELETE", fmt.Sprintf("%s/os-interface/%v", t.path(), one["port_id"]), nil); a.acked() {
		c.actions = append(c.actions, action{t.id, a.id, "detach_interface"})
	}
}

func (c *client) deleteServer() { c.remove(c.one("server")) }

// verifyServer holds a server against its guest.
func (c *client) verifyServer(t *thing, is object) {
	require.Nil(c.t, is["OS-EXT-STS:task_state"], "%s: %v", t, is)
	status := is["status"].(string)
	if status == "ERROR" {
		fault, _ := is["fault"].(object)
		require.NotEmpty(c.t, fault["message"], "%s: %v", t, is)
		return
	}
	at := c.hostOf(t.id)
	require.NotNil(c.t, at, "%s is %s and on no host", t, status)
	guest, _ := at.guests.View(t.id)
	powers := map[string][]compute.PowerState{"ACTIVE": {compute.Running}, "PAUSED": {compute.Paused}, "SUSPENDED": {compute.Suspended}, "SHUTOFF": {compute.Shutdown, compute.Crashed}}[status]
	require.Contains(c.t, powers, guest.Power, "%s is %s", t, status)
	var plugged, shown []string
	for _, n := range guest.NICs {
		plugged = append(plugged, n.PortID)
		_, there := at.wires.Port(n.PortID)
		require.True(c.t, there, "%s: port %s is not on %s", t, n.PortID, at.name)
	}
	all, _ := c.call("GET", t.path()+"/os-interface", nil).body["interfaceAttachments"].([]any)
	for _, each := range all {
		shown = append(shown, each.(object)["port_id"].(string))
	}
	slices.Sort(plugged)
	slices.Sort(shown)
	require.Equal(c.t, shown, plugged, "%s: interfaces", t)
}

// verifyActions sees that each action that was acknowledged is on record, and
// came to an end.
func (c *client) verifyActions() {
	shown := map[string]map[string]object{}
	for _, t := range c.things {
		if t.kind != "server" || t.fate == gone {
			continue
		}
		shown[t.id] = map[string]object{}
		all, _ := c.call("GET", t.path()+"/os-instance-actions", nil).body["instanceActions"].([]any)
		for _, each := range all {
			a := each.(object)
			shown[t.id][a["request_id"].(string)] = a
			require.NotNil(c.t, a["updated_at"], "%s: %v", t, a)
		}
	}
	for _, a := range c.actions {
		if of, is := shown[a.server]; is {
			require.Contains(c.t, of, a.request, "server %s: %s", a.server, a.name)
		}
	}
}
