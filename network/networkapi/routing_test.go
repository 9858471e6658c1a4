package networkapi_test

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// site is an external network, a network, a router between them and a port.
type site struct{ external, externalSubnet, net, subnet, router, port, group string }

func (w *world) site() site {
	admin, c := w.as("admin"), w.as("member")
	id := func(r object) string { return r["id"].(string) }
	var s site
	s.external = id(admin.make("network", "/networks", object{"name": "public", "router:external": true}))
	s.externalSubnet = id(admin.make("subnet", "/subnets", object{"network_id": s.external, "ip_version": 4, "cidr": "172.24.4.0/24", "enable_dhcp": false}))
	s.net = id(c.make("network", "/networks", object{"name": "private"}))
	s.subnet = id(c.make("subnet", "/subnets", object{"network_id": s.net, "ip_version": 4, "cidr": "10.0.0.0/24"}))
	s.router = id(c.make("router", "/routers", object{"name": "r", "external_gateway_info": object{"network_id": s.external}}))
	c.call("PUT", "/routers/"+s.router+"/add_router_interface", object{"subnet_id": s.subnet}, 200)
	s.group = id(c.make("security_group", "/security-groups", object{"name": "web"}))
	s.port = id(c.make("port", "/ports", object{"network_id": s.net, "security_groups": []string{s.group}}))
	return s
}

func TestRouterShowsItsGatewayAndTakesInterfaces(t *testing.T) {
	w := newWorld(t)
	s := w.site()
	c := w.as("member")
	path := "/routers/" + s.router
	gateway := c.get(path)["router"].(object)["external_gateway_info"].(object)
	require.Equal(t, s.external, gateway["network_id"])
	require.Equal(t, true, gateway["enable_snat"])
	require.Len(t, gateway["external_fixed_ips"], 1)
	leg := c.call("PUT", path+"/remove_router_interface", object{"subnet_id": s.subnet}, 200)
	require.Equal(t, s.router, leg["id"])
	require.Equal(t, s.subnet, leg["subnet_id"])
	require.Equal(t, []any{s.subnet}, leg["subnet_ids"])
	c.refused("PUT", path+"/remove_router_interface", object{"subnet_id": s.subnet}, 404, "RouterInterfaceNotFoundForSubnet")
	c.refused("PUT", path+"/add_router_interface", object{}, 400, "BadRequest")
	c.refused("PUT", path+"/add_router_interface", object{"subnet": s.subnet}, 400, "HTTPBadRequest")
	require.Equal(t, s.net, c.call("PUT", path+"/add_router_interface", object{"subnet_id": s.subnet}, 200)["network_id"])
	c.refused("DELETE", path, nil, 409, "RouterInUse")
	router := c.call("PUT", path, object{"router": object{"external_gateway_info": object{}}}, 200)["router"].(object)
	require.Nil(t, router["external_gateway_info"])
	c.refused("PUT", path, object{"router": object{"external_gateway_info": object{"enable_snat": true}}}, 400, "HTTPBadRequest")
}

func TestExtraRoutesAreAddedAndRemovedOneByOne(t *testing.T) {
	w := newWorld(t)
	s := w.site()
	c := w.as("member")
	path := "/routers/" + s.router
	body := func(destination string) object {
		return object{"router": object{"routes": []object{{"destination": destination, "nexthop": "10.0.0.9"}}}}
	}
	c.call("PUT", path+"/add_extraroutes", body("10.8.0.0/16"), 200)
	require.Len(t, c.call("PUT", path+"/add_extraroutes", body("10.9.0.0/16"), 200)["router"].(object)["routes"], 2)
	require.Equal(t, []any{object{"destination": "10.9.0.0/16", "nexthop": "10.0.0.9"}},
		c.call("PUT", path+"/remove_extraroutes", body("10.8.0.0/16"), 200)["router"].(object)["routes"])
	require.Empty(t, c.call("PUT", path, object{"router": object{"routes": nil}}, 200)["router"].(object)["routes"])
	c.refused("PUT", path+"/add_extraroutes", body("everything"), 400, "HTTPBadRequest")
}

func TestFloatingIPLeadsToAPortAndAway(t *testing.T) {
	w := newWorld(t)
	s := w.site()
	c := w.as("member")
	f := c.make("floatingip", "/floatingips", object{"floating_network_id": s.external, "port_id": s.port})
	require.Equal(t, s.router, f["router_id"])
	require.Equal(t, s.port, f["port_id"])
	require.Equal(t, "DOWN", f["status"], "no host knows")
	require.Equal(t, s.net, c.get("/floatingips?status=DOWN&port_id=" + s.port)["floatingips"].([]any)[0].(object)["port_details"].(object)["network_id"])
	path := "/floatingips/" + f["id"].(string)
	f = c.call("PUT", path, object{"floatingip": object{"port_id": nil}}, 200)["floatingip"].(object)
	for _, null := range []string{"router_id", "port_id", "fixed_ip_address", "port_details"} {
		require.Contains(t, f, null)
		require.Nil(t, f[null], null)
	}
	require.Equal(t, "DOWN", f["status"])
	c.refused("POST", "/floatingips", object{"floatingip": object{"floating_network_id": s.net}}, 400, "BadRequest")
	c.refused("POST", "/floatingips", object{"floatingip": object{}}, 400, "HTTPBadRequest")
	c.refused("PUT", path, object{"floatingip": object{"floating_ip_address": "172.24.4.9"}}, 400, "HTTPBadRequest")
	c.call("DELETE", path, nil, 204)
}

func TestSecurityGroupHasItsRules(t *testing.T) {
	w := newWorld(t)
	c := w.as("member")
	require.Equal(t, []string{"default"}, names(c.get("/security-groups"), "security_groups", "name"))
	g := c.make("security_group", "/security-groups", object{"name": "web", "stateful": "true"})
	require.Len(t, g["security_group_rules"], 2)
	rule := object{"security_group_id": g["id"], "direction": "ingress", "ethertype": "IPv4", "protocol": "tcp", "port_range_min": "80", "port_range_max": 80,
		"remote_ip_prefix": "10.1.2.3/8", "remote_group_id": nil}
	r := c.make("security_group_rule", "/security-group-rules", rule)
	require.Equal(t, "10.0.0.0/8", r["normalized_cidr"])
	require.InDelta(t, 80, r["port_range_min"], 0)
	require.Nil(t, r["remote_group_id"])
	c.refused("POST", "/security-group-rules", object{"security_group_rule": rule}, 409, "SecurityGroupRuleExists")
	made := c.call("POST", "/security-group-rules", object{"security_group_rules": []object{
		{"security_group_id": g["id"], "direction": "ingress", "protocol": nil}, {"security_group_id": g["id"], "direction": "ingress", "protocol": 47},
	}}, 201)
	require.Len(t, made["security_group_rules"], 2)
	path := "/security-groups/" + g["id"].(string)
	require.Len(t, c.get(path)["security_group"].(object)["security_group_rules"], 5)
	require.Len(t, c.get("/security-group-rules?direction=ingress&security_group_id=" + g["id"].(string))["security_group_rules"], 3)
	for _, bad := range []object{{"direction": "up"}, {"port_range_min": 70000}, {"protocol": "nothing"}, {"ethertype": "IPv5"}, {"remote_ip_prefix": "x"}, {"id": "x"}} {
		body := object{"security_group_id": g["id"], "direction": "ingress", "protocol": "udp"}
		for k, v := range bad {
			body[k] = v
		}
		c.call("POST", "/security-group-rules", object{"security_group_rule": body}, 400)
	}
	c.call("DELETE", "/security-group-rules/"+r["id"].(string), nil, 204)
	c.call("PUT", "/security-group-rules/"+r["id"].(string), object{"security_group_rule": object{}}, 405)
	require.Equal(t, "new", c.call("PUT", path, object{"security_group": object{"name": "new"}}, 200)["security_group"].(object)["name"])
	c.call("DELETE", path, nil, 204)
}

// TestEveryFilterIsServed asks each list by each of its parameters.
func TestEveryFilterIsServed(t *testing.T) {
	w := newWorld(t)
	w.site()
	admin := w.as("admin")
	standard := []string{"id", "project_id", "tenant_id", "description", "tags", "tags-any", "not-tags", "not-tags-any"}
	for path, filters := range map[string][]string{
		"/networks":             {"name", "status", "dns_domain", "provider:network_type", "provider:physical_network"},
		"/subnets":              {"name", "network_id", "cidr", "gateway_ip", "ipv6_ra_mode", "ipv6_address_mode"},
		"/ports":                {"name", "network_id", "mac_address", "status", "device_id", "device_owner", "dns_name", "binding:host_id", "binding:vnic_type", "security_groups"},
		"/security-groups":      {"name"},
		"/security-group-rules": {"security_group_id", "direction", "ethertype", "protocol", "remote_ip_prefix", "remote_group_id"},
		"/routers":              {"name", "status"},
		"/floatingips":          {"floating_network_id", "floating_ip_address", "router_id", "port_id", "fixed_ip_address", "status"},
	} {
		for _, f := range append(filters, standard...) {
			admin.get(path + "?" + f + "=172.24.4.2&" + f + "=x")
		}
		admin.get(path + "?changed_since=2020-01-01T00:00:00Z&created_at=2030-01-02T03:04:05Z&revision_number=1&sort_key=updated_at&sort_dir=desc&sort_key=id&sort_dir=asc")
		admin.refused("GET", path+"?changed_since=yesterday", nil, 400, "InvalidInput")
	}
	for _, query := range []string{
		"/networks?shared=true&router:external=False&is_default=0&port_security_enabled=1&mtu=1450&provider:segmentation_id=3&admin_state_up=True",
		"/subnets?ip_version=4&enable_dhcp=True&shared=False", "/ports?admin_state_up=true&port_security_enabled=True",
		"/security-groups?stateful=True", "/security-group-rules?port_range_min=1&port_range_max=2", "/routers?admin_state_up=True",
	} {
		admin.get(query)
	}
}
