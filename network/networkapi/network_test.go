package networkapi_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestNetworkIsMadeShownChangedAndDeleted(t *testing.T) {
	w := newWorld(t)
	c := w.as("member")
	n := c.make("network", "/networks", object{"name": "net", "mtu": "1400"})
	require.Equal(t, "p1", n["project_id"])
	require.Equal(t, "p1", n["tenant_id"])
	require.Equal(t, "2030-01-02T03:04:05Z", n["created_at"])
	require.InDelta(t, 1400, n["mtu"], 0)
	require.NotContains(t, n, "provider:network_type", "policy hides it")
	path := "/networks/" + n["id"].(string)
	require.Contains(t, w.as("admin").get(path)["network"], "provider:segmentation_id")
	w.clock.Advance(time.Minute)
	changed := c.call("PUT", path, object{"network": object{"name": "other", "admin_state_up": "False"}}, 200)["network"].(object)
	require.Equal(t, "other", changed["name"])
	require.Equal(t, false, changed["admin_state_up"])
	require.Equal(t, "2030-01-02T03:05:05Z", changed["updated_at"])
	require.InDelta(t, 2, changed["revision_number"], 0)
	c.call("DELETE", path, nil, 204)
	require.Contains(t, c.refused("GET", path, nil, 404, "NetworkNotFound"), n["id"])
}

func TestManyAreMadeTogetherOrNot(t *testing.T) {
	w := newWorld(t)
	c := w.as("member")
	made := c.call("POST", "/networks", object{"networks": []object{{"name": "a"}, {"name": "b"}}}, 201)
	require.Equal(t, []string{"a", "b"}, names(made, "networks", "name"))
	c.refused("POST", "/networks", object{"networks": []object{{"name": "c"}, {"name": "d", "mtu": 20}}}, 400, "InvalidInput")
	c.refused("POST", "/networks", object{"networks": []object{}}, 400, "HTTPBadRequest")
	require.Len(t, c.get("/networks")["networks"], 2)
}

func TestBadBodiesAreRefusedInNeutronsWords(t *testing.T) {
	w := newWorld(t)
	c := w.as("member")
	n := c.make("network", "/networks", object{"name": "n"})
	path := "/networks/" + n["id"].(string)
	for _, row := range []struct {
		method, path string
		body         any
		message      string
	}{
		{"POST", "/networks", object{"network": object{"nam": "x", "color": "red"}}, "Unrecognized attribute(s) 'color, nam'"},
		{"POST", "/networks", object{"network": object{"id": "x"}}, "Attribute 'id' not allowed in POST"},
		{"POST", "/networks", object{"networks": []object{{"status": "x"}}}, "Attribute 'status' not allowed in POST"},
		{"PUT", path, object{"network": object{"tenant_id": "p2"}}, "Cannot update read-only attribute tenant_id"},
		{"PUT", path, object{"network": object{"revision_number": 4}}, "Cannot update read-only attribute revision_number"},
		{"PUT", path, object{"net": object{}}, "Unable to find 'network' in request body"},
		{"POST", "/networks", object{"net": object{}}, "Unable to find 'network' in request body"},
		{"POST", "/networks", object{"network": object{"name": 5}}, "Invalid input for name. Reason: 5 is not of type 'string'."},
		{"POST", "/networks", object{"network": object{"name": strings.Repeat("x", 256)}}, "Invalid input for name. Reason: "},
		{"POST", "/networks", object{"network": object{"admin_state_up": "maybe"}}, "Invalid input for admin_state_up. Reason: "},
		{"POST", "/networks", object{"network": object{"mtu": "big"}}, "Invalid input for mtu. Reason: "},
		{"POST", "/networks", object{"network": object{"project_id": "p1", "tenant_id": "p2"}}, "'project_id' and 'tenant_id' do not match"},
		{"POST", "/networks", object{"network": object{"project_id": "p2"}}, "Specifying 'project_id' or 'tenant_id' other than the authenticated project"},
		{"POST", "/subnets", object{"subnet": object{"cidr": "10.0.0.0/24", "ip_version": 4}}, "Failed to parse request. Required attribute 'network_id' not specified"},
		{"POST", "/subnets", object{"subnet": object{"network_id": n["id"], "ip_version": 5, "cidr": "10.0.0.0/24"}}, "Invalid input for ip_version."},
		{"POST", "/subnets", object{"subnet": object{"network_id": n["id"], "ip_version": 4, "cidr": "10.0.0.0/99"}}, "Invalid input for cidr. Reason: '10.0.0.0/99' is not a valid IP subnet."},
		{"POST", "/subnets", object{"subnet": object{"network_id": n["id"], "ip_version": 4, "cidr": "10.0.0.0/24", "dns_nameservers": []string{"dns"}}}, "Invalid input for dns_nameservers."},
		{"POST", "/ports", object{"port": object{"network_id": n["id"], "fixed_ips": []object{{"ip_address": "10.0.0"}}}}, "Invalid input for fixed_ips. Reason: '10.0.0' is not a valid IP address."},
		{"POST", "/ports", object{"ports": []object{{"network_id": n["id"], "fixed_ips": []object{{"ip": "10.0.0.1"}}}}}, "Unrecognized attribute(s) 'ip'"},
		{"POST", "/ports", object{"port": object{"network_id": "x"}}, "Invalid input for network_id."},
		{"POST", "/ports", object{"port": object{"network_id": n["id"], "mac_address": "fa:16:3e"}}, "Invalid input for mac_address."},
		{"POST", "/ports", object{"port": object{"network_id": n["id"], "binding:vnic_type": "magic"}}, "Invalid input for binding:vnic_type."},
		{"POST", "/ports", object{"port": object{"network_id": n["id"], "allowed_address_pairs": "all"}}, "Invalid input for allowed_address_pairs."},
		{"POST", "/ports", object{"port": object{"network_id": n["id"], "binding:vif_type": "tap"}}, "Attribute 'binding:vif_type' not allowed in POST"},
		{"POST", "/networks", object{"network": nil}, "Invalid input for network."},
		{"POST", "/networks", []object{}, "Malformed request body"},
		{"POST", "/networks", object{"networks": []any{"n"}}, "Invalid input for networks."},
		{"POST", "/ports", "{", "Malformed request body"},
	} {
		var typ string
		if typ = "HTTPBadRequest"; strings.HasPrefix(row.message, "Bad ") {
			typ = "BadRequest"
		}
		require.Contains(t, c.refused(row.method, row.path, row.body, 400, typ), row.message, "%v", row.body)
	}
	require.Len(t, c.get("/networks")["networks"], 1)
}

func TestOnlyTheRevisionThatIsKnownIsChanged(t *testing.T) {
	w := newWorld(t)
	c := w.as("member")
	path := "/networks/" + c.make("network", "/networks", object{})["id"].(string)
	match := func(value string) client { return client{c.With("If-Match", value)} }
	body := object{"network": object{"name": "new"}}
	match("revision_number=7").refused("PUT", path, body, 412, "RevisionNumberConstraintFailed")
	match("7").refused("PUT", path, body, 400, "HTTPBadRequest")
	match("revision_number=1").call("PUT", path, body, 200)
	match("revision_number=1").refused("DELETE", path, nil, 412, "RevisionNumberConstraintFailed")
	match("revision_number=2").call("DELETE", path, nil, 204)
}

func TestListsPageBothWaysByTheirLinks(t *testing.T) {
	w := newWorld(t)
	c := w.as("member")
	for i := range 5 {
		c.make("network", "/networks", object{"name": fmt.Sprint("n", i)})
	}
	follow := func(list object, rel string) object {
		for _, l := range list["networks_links"].([]any) {
			if l.(object)["rel"] == rel {
				return c.get(strings.TrimPrefix(l.(object)["href"].(string), "https://cloud.example/networking/v2.0"))
			}
		}
		return nil
	}
	page := c.get("/networks?limit=2&sort_key=name&sort_dir=asc&fields=name")
	require.Equal(t, []any{object{"name": "n0"}, object{"name": "n1"}}, page["networks"])
	second := follow(page, "next")
	require.Equal(t, []string{"n2", "n3"}, names(second, "networks", "name"))
	last := follow(second, "next")
	require.Equal(t, []string{"n4"}, names(last, "networks", "name"))
	require.Nil(t, follow(last, "next"))
	require.Equal(t, []string{"n2", "n3"}, names(follow(last, "previous"), "networks", "name"))
	require.Equal(t, []string{"n0", "n1"}, names(follow(second, "previous"), "networks", "name"))
	require.NotContains(t, c.get("/networks"), "networks_links")
	c.refused("GET", "/networks?limit=2&marker=gone", nil, 404, "NetworkNotFound")
	id := w.as("other").make("network", "/networks", object{})["id"].(string)
	c.refused("GET", "/networks?limit=2&marker="+id, nil, 404, "NetworkNotFound")
}

func TestFiltersChooseAndUnknownOnesAreRefused(t *testing.T) {
	w := newWorld(t)
	c := w.as("member")
	for _, name := range []string{"a", "b", "c"} {
		c.make("network", "/networks", object{"name": name, "admin_state_up": name != "c"})
	}
	found := func(query string) []string {
		return names(c.get("/networks?sort_key=name&sort_dir=desc&"+query), "networks", "name")
	}
	require.Equal(t, []string{"b", "a"}, found("name=a&name=b"))
	require.Equal(t, []string{"b", "a"}, found("admin_state_up=True"))
	require.Equal(t, []string{"c"}, found("admin_state_up=0"))
	require.Equal(t, []string{"c", "b", "a"}, found("status=ACTIVE&tenant_id=p1"))
	require.Empty(t, found("name="))
	require.Empty(t, found("provider:network_type=vxlan"), "what is not shown cannot be asked for")
	require.Len(t, w.as("admin").get("/networks?provider:network_type=vxlan")["networks"], 3)
	require.Equal(t, "['colour'] is invalid attribute for filtering", c.refused("GET", "/networks?colour=red&name=a", nil, 400, "HTTPBadRequest"))
	require.Equal(t, "['colour'] is invalid attribute for sort_keys", c.refused("GET", "/networks?sort_key=colour&sort_dir=asc", nil, 400, "HTTPBadRequest"))
	c.refused("GET", "/networks?sort_key=name", nil, 400, "HTTPBadRequest")
	c.refused("GET", "/networks?sort_key=name&sort_dir=up", nil, 400, "HTTPBadRequest")
	c.refused("GET", "/networks?limit=-1", nil, 400, "HTTPBadRequest")
}

func TestSubnetAndPortShowWhatTheyAre(t *testing.T) {
	w := newWorld(t)
	c := w.as("member")
	n := c.make("network", "/networks", object{"name": "n"})
	s := c.make("subnet", "/subnets", object{"network_id": n["id"], "ip_version": "4", "cidr": "10.0.0.0/24", "dns_nameservers": []string{"9.9.9.9"},
		"host_routes": []object{{"destination": "10.9.0.0/16", "nexthop": "10.0.0.9"}}})
	require.Equal(t, "10.0.0.1", s["gateway_ip"])
	require.Equal(t, []any{object{"start": "10.0.0.2", "end": "10.0.0.254"}}, s["allocation_pools"])
	require.Nil(t, s["ipv6_ra_mode"])
	p := c.make("port", "/ports", object{"network_id": n["id"], "fixed_ips": []object{{"ip_address": "10.0.0.7"}}, "binding:vnic_type": "normal",
		"allowed_address_pairs": []object{{"ip_address": "10.0.0.99"}}, "extra_dhcp_opts": []object{{"opt_name": "bootfile-name", "opt_value": "x"}}})
	require.Equal(t, []any{object{"subnet_id": s["id"], "ip_address": "10.0.0.7"}}, p["fixed_ips"])
	require.Equal(t, []any{object{"ip_address": "10.0.0.7", "hostname": "host-10-0-0-7", "fqdn": "host-10-0-0-7.openstacklocal."}}, p["dns_assignment"])
	require.Equal(t, "normal", p["binding:vnic_type"])
	require.NotContains(t, p, "binding:host_id")
	path := "/ports/" + p["id"].(string)
	shown := w.as("admin").get(path)["port"].(object)
	require.Equal(t, "unbound", shown["binding:vif_type"])
	require.Equal(t, object{}, shown["binding:vif_details"])
	for _, filter := range []string{"ip_address=10.0.0.7", "subnet_id=" + s["id"].(string), "ip_address_substr=0.0.7"} {
		require.Len(t, c.get("/ports?fixed_ips=" + filter)["ports"], 1, filter)
	}
	c.refused("GET", "/ports?fixed_ips=x", nil, 400, "HTTPBadRequest")
	s = c.call("PUT", "/subnets/"+s["id"].(string), object{"subnet": object{"gateway_ip": nil, "host_routes": nil, "dns_nameservers": []string{}}}, 200)["subnet"].(object)
	require.Nil(t, s["gateway_ip"])
	require.Empty(t, s["host_routes"])
	c.refused("DELETE", "/networks/"+n["id"].(string), nil, 409, "NetworkInUse")
}

func TestFieldsOfAdministratorsAreRefusedToOthers(t *testing.T) {
	w := newWorld(t)
	c, admin := w.as("member"), w.as("admin")
	for _, attributes := range []object{{"shared": true}, {"router:external": "True"}, {"provider:network_type": "vlan"}, {"provider:segmentation_id": 7}} {
		c.refused("POST", "/networks", object{"network": attributes}, 403, "PolicyNotAuthorized")
	}
	n := c.make("network", "/networks", object{"shared": false})
	c.refused("PUT", "/networks/"+n["id"].(string), object{"network": object{"shared": true}}, 403, "PolicyNotAuthorized")
	for _, attributes := range []object{{"binding:host_id": "hv1"}, {"binding:profile": object{"a": 1}}} {
		attributes["network_id"] = n["id"]
		c.refused("POST", "/ports", object{"port": attributes}, 403, "PolicyNotAuthorized")
	}
	require.Empty(t, c.get("/ports")["ports"])
	theirs := admin.make("network", "/networks", object{"project_id": "p2", "name": "given"})
	require.Equal(t, "p2", theirs["tenant_id"])
	require.Equal(t, []string{"given"}, names(w.as("other").get("/networks"), "networks", "name"))
	require.Empty(t, names(c.get("/networks?name=given"), "networks", "name"))
	port := admin.make("port", "/ports", object{"network_id": n["id"], "binding:host_id": "hv1", "binding:profile": object{"a": 1}})
	require.Equal(t, "hv1", port["binding:host_id"])
	require.Equal(t, object{"a": 1.0}, port["binding:profile"])
}
