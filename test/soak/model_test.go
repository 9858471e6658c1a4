package soak

import (
	"encoding/json"
	"fmt"
	"slices"

	"github.com/stretchr/testify/require"
)

// fate is what is known of whether a thing is there.
type fate string

const (
	lives  fate = "its creation was acknowledged"
	gone   fate = "its deletion was acknowledged"
	unsure fate = "a request for its deletion was cut off"
)

// thing is something that was made, with what is known of it.
type thing struct {
	kind string
	id   string
	fate fate
	want object // what its attributes must be; those that are not known are missing
}

// kind is how the API calls one kind of things.
type kind struct {
	path string // of all of them
	key  string // around one of them
	list string // around all; "" for those that are listed with others
}

var kinds = map[string]kind{
	"server":   {"/compute/v2.1/servers", "server", "servers"},
	"keypair":  {"/compute/v2.1/os-keypairs", "keypair", ""},
	"image":    {"/image/v2/images", "", "images"},
	"network":  {"/networking/v2.0/networks", "network", "networks"},
	"subnet":   {"/networking/v2.0/subnets", "subnet", "subnets"},
	"port":     {"/networking/v2.0/ports", "port", ""},
	"router":   {"/networking/v2.0/routers", "router", "routers"},
	"floating": {"/networking/v2.0/floatingips", "floatingip", "floatingips"},
	"group":    {"/networking/v2.0/security-groups", "security_group", "security_groups"},
	"rule":     {"/networking/v2.0/security-group-rules", "security_group_rule", ""},
	"user":     {"/identity/v3/users", "user", ""},
	"project":  {"/identity/v3/projects", "project", ""},
	"flavor":   {"/compute/v2.1/flavors", "flavor", ""},
}

func (t *thing) path() string { return kinds[t.kind].path + "/" + t.id }

func (t *thing) String() string { return fmt.Sprintf("%s %s (%s)", t.kind, t.id, t.fate) }

// name gives a name that nothing had before.
func (c *client) newName() string {
	c.made++
	return fmt.Sprintf("%s-%d-%d", c.name, c.epoch, c.made)
}

// make asks for a thing. It is nil when there is none, or none that is known of.
func (c *client) make(kind string, attributes object) *thing {
	k := kinds[kind]
	var body any = attributes
	if k.key != "" {
		body = object{k.key: attributes}
	}
	a := c.call("POST", k.path, body)
	switch {
	case a.acked():
		made := a.body
		if k.key != "" {
			made, _ = a.body[k.key].(object)
		}
		id, _ := made["id"].(string)
		if kind == "keypair" {
			id, _ = made["name"].(string)
		}
		t := &thing{kind: kind, id: id, fate: lives, want: object{}}
		c.things = append(c.things, t)
		return t
	case !a.refused():
		c.cut[label(attributes)] = true
	}
	return nil
}

// label gives what a thing was named by whoever asked for it: floating
// addresses have a description only.
func label(attributes object) string {
	if name, is := attributes["name"].(string); is {
		return name
	}
	return fmt.Sprint(attributes["description"])
}

// have gives the things of a kind that are there for sure.
func (c *client) have(kind string) (all []*thing) {
	for _, t := range c.things {
		if t.kind == kind && t.fate == lives {
			all = append(all, t)
		}
	}
	return all
}

func (c *client) one(kind string) *thing { return pick(c.rng, c.have(kind)) }

// learn takes note of attributes that were asked for.
func (t *thing) learn(a answer, attributes object) {
	for name, value := range attributes {
		switch {
		case a.acked():
			t.want[name] = plain(value)
		case !a.refused():
			delete(t.want, name)
		}
	}
}

// doubt forgets an attribute of all things of a kind: something else may have changed it.
func (c *client) doubt(kind, attribute string) {
	for _, t := range c.things {
		if t.kind == kind {
			delete(t.want, attribute)
		}
	}
}

// end takes note of a deletion.
func (t *thing) end(a answer) {
	switch {
	case a.acked() || a.status == 404 && t.fate == unsure:
		t.fate = gone
	case !a.refused() && t.fate == lives:
		t.fate = unsure
	}
}

// update changes attributes of a thing.
func (c *client) update(t *thing, attributes object) {
	if t == nil {
		return
	}
	t.learn(c.call("PUT", t.path(), object{kinds[t.kind].key: attributes}), attributes)
}

// remove deletes a thing.
func (c *client) remove(t *thing) answer {
	if t == nil {
		return answer{status: 404}
	}
	a := c.call("DELETE", t.path(), nil)
	t.end(a)
	return a
}

// plain gives a value as JSON has it.
func plain(v any) (out any) {
	b, _ := json.Marshal(v)
	_ = json.Unmarshal(b, &out)
	return out
}

// verify holds what a client knows against what is.
func (c *client) verify() {
	require.True(c.t, c.login(), "%s cannot log in", c.name)
	for _, t := range c.things {
		a := c.call("GET", t.path(), nil)
		switch t.fate {
		case gone:
			require.Equal(c.t, 404, a.status, "%s: %v", t, a.body)
		case lives:
			require.Equal(c.t, 200, a.status, "%s: %v", t, a.body)
		case unsure:
			require.Contains(c.t, []int{200, 404}, a.status, "%s: %v", t, a.body)
		}
		if a.status != 200 {
			continue
		}
		is := a.body
		if key := kinds[t.kind].key; key != "" {
			is, _ = a.body[key].(object)
		}
		for name, value := range t.want {
			require.Equal(c.t, value, is[name], "%s: %s", t, name)
		}
		if t.kind == "server" {
			c.verifyServer(t, is)
		}
	}
	c.verifyLists()
	c.verifyActions()
}

// verifyLists sees that there is nothing of a client's that it did not ask for.
func (c *client) verifyLists() {
	for kind, k := range kinds {
		if k.list == "" {
			continue
		}
		var known []string
		for _, t := range c.things {
			if t.kind == kind {
				known = append(known, t.id)
			}
		}
		a := c.call("GET", k.path, nil)
		require.Equal(c.t, 200, a.status)
		seen := map[string]bool{}
		for _, each := range a.body[k.list].([]any) {
			is := each.(object)
			name := label(is)
			if c.ofAnother(is) {
				continue
			}
			if is["name"] == "default" || is["shared"] == true || is["visibility"] == "public" || slices.Contains(known, is["id"].(string)) {
				continue
			}
			require.True(c.t, c.cut[name], "%s %v was not asked for", kind, is)
			require.False(c.t, seen[name], "%s %v was made twice", kind, is)
			seen[name] = true
		}
	}
}

// ofAnother tells whether a thing is another project's: administrators see all.
func (c *client) ofAnother(is object) bool {
	for _, name := range []string{"owner", "project_id"} {
		if owner, shown := is[name]; shown && owner != c.project {
			return true
		}
	}
	return false
}
