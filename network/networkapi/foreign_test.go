package networkapi_test

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// What a request names of another project is answered as what is not there.
func TestIdsOfOtherProjectsAreAsThoughTheyWereNot(t *testing.T) {
	w := newWorld(t)
	s := w.site()
	other := w.as("other")
	id := func(r object) string { return r["id"].(string) }
	net := id(other.make("network", "/networks", object{}))
	subnet := id(other.make("subnet", "/subnets", object{"network_id": net, "ip_version": 4, "cidr": "10.3.0.0/24"}))
	port := id(other.make("port", "/ports", object{"network_id": net}))
	router := id(other.make("router", "/routers", object{}))
	group := id(other.make("security_group", "/security-groups", object{}))
	floating := id(other.make("floatingip", "/floatingips", object{"floating_network_id": s.external}))
	const nowhere = "11111111-2222-3333-4444-555555555555"
	for name, call := range map[string]struct {
		method, path string
		body         func(foreign string) object
		foreign      string
	}{
		"network of a subnet": {"POST", "/subnets", func(f string) object {
			return object{"subnet": object{"network_id": f, "ip_version": 4, "cidr": "10.4.0.0/24"}}
		}, s.net},
		"network of a port": {"POST", "/ports", func(f string) object { return object{"port": object{"network_id": f}} }, s.net},
		"group of a new port": {"POST", "/ports", func(f string) object {
			return object{"port": object{"network_id": net, "security_groups": []string{f}}}
		}, s.group},
		"group of a port": {"PUT", "/ports/" + port, func(f string) object { return object{"port": object{"security_groups": []string{f}}} }, s.group},
		"subnet of a new port": {"POST", "/ports", func(f string) object {
			return object{"port": object{"network_id": net, "fixed_ips": []object{{"subnet_id": f}}}}
		}, s.subnet},
		"subnet of a port": {"PUT", "/ports/" + port, func(f string) object { return object{"port": object{"fixed_ips": []object{{"subnet_id": f}}}} }, s.subnet},
		"gateway of new router": {"POST", "/routers", func(f string) object {
			return object{"router": object{"external_gateway_info": object{"network_id": f}}}
		}, s.net},
		"gateway of a router": {"PUT", "/routers/" + router, func(f string) object {
			return object{"router": object{"external_gateway_info": object{"network_id": f}}}
		}, s.net},
		"subnet of a leg":       {"PUT", "/routers/" + router + "/add_router_interface", func(f string) object { return object{"subnet_id": f} }, s.subnet},
		"port of a leg":         {"PUT", "/routers/" + router + "/add_router_interface", func(f string) object { return object{"port_id": f} }, s.port},
		"leg to remove":         {"PUT", "/routers/" + router + "/remove_router_interface", func(f string) object { return object{"subnet_id": f} }, s.subnet},
		"network of an address": {"POST", "/floatingips", func(f string) object { return object{"floatingip": object{"floating_network_id": f}} }, s.net},
		"port of a new address": {"POST", "/floatingips", func(f string) object {
			return object{"floatingip": object{"floating_network_id": s.external, "port_id": f}}
		}, s.port},
		"port of an address": {"PUT", "/floatingips/" + floating, func(f string) object { return object{"floatingip": object{"port_id": f}} }, s.port},
		"group of a rule": {"POST", "/security-group-rules", func(f string) object {
			return object{"security_group_rule": object{"security_group_id": f, "direction": "egress"}}
		}, s.group},
		"remote group of a rule": {"POST", "/security-group-rules", func(f string) object {
			return object{"security_group_rule": object{"security_group_id": group, "direction": "egress", "remote_group_id": f}}
		}, s.group},
	} {
		foreign := other.Do(call.method, "/networking/v2.0"+call.path, call.body(call.foreign))
		missing := other.Do(call.method, "/networking/v2.0"+call.path, call.body(nowhere))
		require.GreaterOrEqual(t, foreign.Status, 400, name)
		require.Equal(t, missing.Status, foreign.Status, "%s: %s, but %s", name, foreign.Body, missing.Body)
	}
	require.Len(t, other.get("/ports?device_owner=")["ports"], 1, "nothing was left behind")
	require.NotEmpty(t, subnet)
}
