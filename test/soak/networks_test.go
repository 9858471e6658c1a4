package soak

import "fmt"

func (c *client) createNetwork() {
	name := c.newName()
	t := c.make("network", object{"name": name})
	if t == nil {
		return
	}
	t.want["name"] = name
	for range 1 + c.rng.IntN(5)/4 {
		c.createSubnet(t)
	}
}

func (c *client) createSubnet(n *thing) {
	cidr := fmt.Sprintf("10.%d.%d.0/24", c.rng.IntN(200), c.rng.IntN(250))
	if t := c.make("subnet", object{"network_id": n.id, "ip_version": 4, "cidr": cidr, "name": c.newName()}); t != nil {
		t.want["cidr"], t.want["network_id"] = cidr, n.id
	}
}

func (c *client) changeNetwork() {
	if c.chance(50) {
		c.update(c.one("network"), object{"name": c.newName()})
		return
	}
	c.update(c.one("subnet"), object{"enable_dhcp": c.chance(50)})
}

func (c *client) deleteNetwork() {
	t := c.one("network")
	if t == nil {
		return
	}
	a := c.remove(t)
	for _, s := range c.have("subnet") {
		if s.want["network_id"] == t.id {
			s.end(a)
		}
	}
}

func (c *client) createPort() {
	n := c.one("network")
	if n == nil {
		return
	}
	name := c.newName()
	if t := c.make("port", object{"network_id": n.id, "name": name}); t != nil {
		t.want["name"] = name
	}
}

func (c *client) changePort() {
	t := c.one("port")
	if t == nil {
		return
	}
	switch c.rng.IntN(3) {
	case 0:
		c.update(t, object{"name": c.newName()})
	case 1:
		c.update(t, object{"admin_state_up": c.chance(50)})
	case 2:
		if g := c.one("group"); g != nil {
			c.update(t, object{"security_groups": []string{g.id}})
		}
	}
}

func (c *client) deletePort() {
	t := c.one("port")
	if t == nil {
		return
	}
	a := c.remove(t)
	for _, f := range c.things {
		if f.kind == "floating" && f.want["port_id"] == t.id {
			f.learn(a, object{"port_id": nil})
		}
	}
}

func (c *client) createRouter() {
	name := c.newName()
	if t := c.make("router", object{"name": name, "external_gateway_info": object{"network_id": c.externalID}}); t != nil {
		t.want["name"] = name
	}
}

// wireRouter connects a router with a subnet, or takes the connection away.
func (c *client) wireRouter() {
	r, s := c.one("router"), c.one("subnet")
	if r == nil || s == nil {
		return
	}
	verb := pick(c.rng, []string{"add_router_interface", "add_router_interface", "remove_router_interface"})
	c.call("PUT", r.path()+"/"+verb, object{"subnet_id": s.id})
}

func (c *client) createFloating() {
	if t := c.make("floating", object{"floating_network_id": c.externalID, "description": c.newName()}); t != nil {
		t.want["port_id"] = nil
	}
}

func (c *client) associate() {
	f := c.one("floating")
	if f == nil {
		return
	}
	if p := c.one("port"); p != nil && c.chance(75) {
		c.update(f, object{"port_id": p.id})
		return
	}
	c.update(f, object{"port_id": nil})
}

func (c *client) createGroup() {
	name := c.newName()
	if t := c.make("group", object{"name": name}); t != nil {
		t.want["name"] = name
	}
}

func (c *client) createRule() {
	g := c.one("group")
	if g == nil {
		return
	}
	port := 1 + c.rng.IntN(60000)
	in := object{"security_group_id": g.id, "direction": "ingress", "protocol": "tcp", "port_range_min": port, "port_range_max": port}
	if c.chance(30) {
		in["remote_group_id"] = c.one("group").id
	}
	if t := c.make("rule", in); t != nil {
		t.want["port_range_min"], t.want["security_group_id"], t.want["remote_group_id"] = float64(port), g.id, in["remote_group_id"]
	}
}

func (c *client) deleteGroup() {
	g := c.one("group")
	if g == nil {
		return
	}
	a := c.remove(g)
	for _, r := range c.things {
		if r.kind == "rule" && (r.want["security_group_id"] == g.id || r.want["remote_group_id"] == g.id) {
			r.end(a)
		}
	}
}
