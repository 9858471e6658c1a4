package networkapi_test

import (
	"testing"

	"github.com/cumulite/cumulite/platform/httpapi/httpapitest"
)

// TestRoutingLooksAsInTheReference sends the requests of the API reference and
// compares the answers with its samples.
func TestRoutingLooksAsInTheReference(t *testing.T) {
	w := newWorld(t)
	s := w.site()
	c := w.as("member")
	golden := func(name, method, path string, body any, status int) {
		httpapitest.Golden(t, "testdata/"+name+".json", c.Do(method, "/networking/v2.0"+path, body).Want(status).Body)
	}
	golden("security_group", "POST", "/security-groups", object{"security_group": object{
		"name": "new-webservers", "description": "security group for webservers"}}, 201)
	golden("security_group_rule", "POST", "/security-group-rules", object{"security_group_rule": object{
		"direction": "ingress", "port_range_min": "80", "ethertype": "IPv4", "port_range_max": "80", "protocol": "tcp",
		"remote_group_id": s.group, "security_group_id": s.group}}, 201)
	golden("security_group_rule_prefix", "POST", "/security-group-rules", object{"security_group_rule": object{
		"direction": "egress", "ethertype": "IPv6", "protocol": "icmp", "remote_ip_prefix": "2001:db8::1/64", "security_group_id": s.group}}, 201)
	golden("router", "POST", "/routers", object{"router": object{"name": "router1", "external_gateway_info": object{
		"network_id": s.external}, "admin_state_up": true}}, 201)
	golden("router_without_gateway", "POST", "/routers", object{"router": object{"name": "another_router"}}, 201)
	golden("router_extraroutes", "PUT", "/routers/"+s.router+"/add_extraroutes", object{"router": object{"routes": []object{
		{"destination": "10.0.3.0/24", "nexthop": "10.0.0.13"}, {"destination": "10.0.4.0/24", "nexthop": "10.0.0.14"}}}}, 200)
	golden("router_interface", "PUT", "/routers/"+s.router+"/add_router_interface", object{"subnet_id": s.another(c)}, 200)
	golden("floatingip", "POST", "/floatingips", object{"floatingip": object{"floating_network_id": s.external, "port_id": s.port,
		"subnet_id": s.externalSubnet, "description": "floating ip for testing", "dns_domain": "my-domain.org.", "dns_name": "myfip"}}, 201)
	golden("floatingip_free", "POST", "/floatingips", object{"floatingip": object{"floating_network_id": s.external}}, 201)
}

// another makes one more network and gives its subnet.
func (s site) another(c client) string {
	c.T.Helper()
	n := c.make("network", "/networks", object{})
	return c.make("subnet", "/subnets", object{"network_id": n["id"], "ip_version": 4, "cidr": "10.5.0.0/24"})["id"].(string)
}
