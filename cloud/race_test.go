package cloud_test

import (
	"fmt"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/cumulite/cumulite/image/imagetest"
	"github.com/cumulite/cumulite/platform/httpapi/httpapitest"
)

// atOnce makes n calls at the same time and gives the answers.
func atOnce(n int, call func(i int) *httpapitest.Response) []*httpapitest.Response {
	out := make([]*httpapitest.Response, n)
	start := make(chan struct{})
	var all sync.WaitGroup
	for i := range n {
		all.Go(func() {
			<-start
			out[i] = call(i)
		})
	}
	close(start)
	all.Wait()
	return out
}

// split wants as many answers with one status, and another with words for the rest.
func split(t testing.TB, answers []*httpapitest.Response, won, wins, lost int, words string) {
	t.Helper()
	winners := 0
	for _, r := range answers {
		if r.Status == won {
			winners++
			continue
		}
		require.Equal(t, lost, r.Status, "%s", r.Body)
		require.Contains(t, string(r.Body), words)
	}
	require.Equal(t, wins, winners)
}

const crowd = 50

// The last of something is had by one, and the others are told so.
func TestOneOfManyGetsTheLast(t *testing.T) {
	w := newWorld(t)
	flavor, image := w.flavor(), w.admin.image("public")
	network, _ := w.blue.network("net", "10.0.0.0/24")
	const v2 = "/networking/v2.0"

	t.Run("address of a subnet", func(t *testing.T) {
		n := w.blue.make(v2+"/networks", "network", object{"name": "tight"})
		w.blue.make(v2+"/subnets", "subnet", object{"network_id": n["id"], "ip_version": 4, "cidr": "10.1.0.0/29", "gateway_ip": nil,
			"allocation_pools": []object{{"start": "10.1.0.3", "end": "10.1.0.4"}}})
		split(t, atOnce(crowd, func(int) *httpapitest.Response {
			return w.blue.Do("POST", v2+"/ports", object{"port": object{"network_id": n["id"]}})
		}), 201, 2, 409, "IpAddressGenerationFailure")
	})
	t.Run("network of a quota", func(t *testing.T) {
		used := w.count("SELECT count(*) FROM network_networks WHERE project_id = ?", w.blue.Project)
		w.admin.call("PUT", v2+"/quotas/"+w.blue.Project, object{"quota": object{"network": used + 3}}, 200)
		split(t, atOnce(crowd, func(i int) *httpapitest.Response {
			return w.blue.Do("POST", v2+"/networks", object{"network": object{"name": fmt.Sprint(i)}})
		}), 201, 3, 409, "OverQuota")
	})
	t.Run("server of a quota", func(t *testing.T) {
		w.admin.call("PUT", "/compute/v2.1/os-quota-sets/"+w.blue.Project, object{"quota_set": object{"instances": 2}}, 200)
		split(t, atOnce(crowd, func(i int) *httpapitest.Response {
			return w.blue.Do("POST", "/compute/v2.1/servers", server(fmt.Sprint(i), flavor, image, network, nil))
		}), 202, 2, 403, "Quota exceeded for instances")
	})
	w.settled()
	w.whole()
}

// A name or an address that is to be there once is there once.
func TestOneOfManyGetsTheName(t *testing.T) {
	w := newWorld(t)
	const v2 = "/networking/v2.0"
	network, subnet := w.blue.network("net", "10.0.0.0/24")
	for _, c := range []struct {
		name, path string
		by         client
		body       object
		won        int
		words      string
	}{
		{"key pair", "/compute/v2.1/os-keypairs", w.blue, object{"keypair": object{"name": "k"}}, 200, "Key pair 'k' already exists."},
		{"flavor id", "/compute/v2.1/flavors", w.admin, object{"flavor": object{"name": "f", "id": "f", "ram": 1, "vcpus": 1, "disk": 1}}, 200, "already exists"},
		{"image id", "/image/v2/images", w.blue, object{"id": "6b7d4a2f-6a0f-4c55-8f6d-3f3c1d1c8a11"}, 201, "6b7d4a2f-6a0f-4c55-8f6d-3f3c1d1c8a11"},
		{"user", "/identity/v3/users", w.admin, object{"user": object{"name": "u"}}, 201, "Duplicate entry"},
		{"project", "/identity/v3/projects", w.admin, object{"project": object{"name": "p"}}, 201, "Duplicate entry"},
		{"role", "/identity/v3/roles", w.admin, object{"role": object{"name": "r"}}, 201, "Duplicate entry"},
		{"fixed address", v2 + "/ports", w.blue, object{"port": object{"network_id": network, "fixed_ips": []object{{"subnet_id": subnet, "ip_address": "10.0.0.77"}}}},
			201, "IpAddressAlreadyAllocated"},
		{"MAC address", v2 + "/ports", w.blue, object{"port": object{"network_id": network, "mac_address": "fa:16:3e:00:00:01"}}, 201, "MacAddressInUse"},
		{"rule", v2 + "/security-group-rules", w.blue, object{"security_group_rule": object{"security_group_id": w.defaultGroup(), "direction": "ingress", "protocol": "tcp",
			"port_range_min": 22, "port_range_max": 22}}, 201, "SecurityGroupRuleExists"},
	} {
		t.Run(c.name, func(t *testing.T) {
			split(t, atOnce(crowd/2, func(int) *httpapitest.Response { return c.by.Do("POST", c.path, c.body) }), c.won, 1, 409, c.words)
		})
	}
	w.whole()
}

// defaultGroup gives the default security group of blue.
func (w *world) defaultGroup() string {
	w.t.Helper()
	groups := w.blue.call("GET", "/networking/v2.0/security-groups", nil, 200)["security_groups"].([]any)
	return id(groups[0].(object))
}

// A host gets as many servers as it has room for; the others end in ERROR and hold nothing.
func TestHostIsFilledAndNotMore(t *testing.T) {
	w := newWorld(t, func(w *world) { w.machine.size.MemoryMiB = 5*64 + 63 })
	w.unlimited()
	flavor, image := w.flavor(), w.admin.image("public")
	network, _ := w.blue.network("net", "10.0.0.0/24")
	split(t, atOnce(crowd, func(i int) *httpapitest.Response {
		return w.blue.Do("POST", "/compute/v2.1/servers", server(fmt.Sprint(i), flavor, image, network, nil))
	}), 202, crowd, 0, "")
	w.settled()
	require.Equal(t, map[string]int{"ACTIVE": 5, "ERROR": crowd - 5}, w.states(w.blue))
	require.Equal(t, 5, w.count("SELECT count(*) FROM network_ports"), "servers without a host have no port")
	guests, err := w.machine.host.Guests(t.Context())
	require.NoError(t, err)
	require.Len(t, guests, 5)
	w.whole()
}

// states counts the servers of a project by their status. Those in ERROR say why.
func (w *world) states(c client) map[string]int {
	w.t.Helper()
	out := map[string]int{}
	for _, s := range c.call("GET", "/compute/v2.1/servers/detail", nil, 200)["servers"].([]any) {
		out[s.(object)["status"].(string)]++
		if s.(object)["status"] == "ERROR" {
			fault, _ := s.(object)["fault"].(object)
			require.Contains(w.t, fault["message"], "No valid host was found.")
			require.InDelta(w.t, 500, fault["code"], 0)
		}
	}
	return out
}

// A port is given to one server, an image takes one upload, a port has one
// floating address, and a server is deleted once, whoever asks and however often.
func TestThingsAreGivenOnce(t *testing.T) {
	w := newWorld(t)
	w.unlimited()
	flavor, image := w.flavor(), w.admin.image("public")
	network, subnet := w.blue.network("net", "10.0.0.0/24")
	const v2 = "/networking/v2.0"

	t.Run("port", func(t *testing.T) {
		port := id(w.blue.make(v2+"/ports", "port", object{"network_id": network}))
		answers := atOnce(20, func(i int) *httpapitest.Response {
			return w.blue.Do("POST", "/compute/v2.1/servers", server(fmt.Sprint(i), flavor, image, network, object{"networks": []object{{"port": port}}}))
		})
		w.settled()
		active := 0
		for _, r := range answers {
			if r.Status != 202 {
				require.Equal(t, 409, r.Status, "%s", r.Body)
				require.Contains(t, string(r.Body), "Port "+port+" is still in use.")
				continue
			}
			var made struct{ Server struct{ ID string } }
			r.JSON(&made)
			if w.blue.call("GET", "/compute/v2.1/servers/"+made.Server.ID, nil, 200)["server"].(object)["status"] == "ACTIVE" {
				active++
				require.Equal(t, made.Server.ID, w.blue.call("GET", v2+"/ports/"+port, nil, 200)["port"].(object)["device_id"])
			}
		}
		require.Equal(t, 1, active)
		w.whole()
	})
	t.Run("upload", func(t *testing.T) {
		i := id(w.blue.call("POST", "/image/v2/images", object{"disk_format": "raw", "container_format": "bare"}, 201))
		split(t, atOnce(20, func(int) *httpapitest.Response { return w.blue.upload(i, imagetest.Disk(1<<18)) }), 204, 1, 409, "Image status transition from")
		w.blue.Get("/image/v2/images/" + i + "/file").Want(200)
	})
	t.Run("floating address of a port", func(t *testing.T) {
		outside := w.outside(subnet)
		port := id(w.blue.make(v2+"/ports", "port", object{"network_id": network}))
		var all []string
		for range 20 {
			all = append(all, id(w.blue.make(v2+"/floatingips", "floatingip", object{"floating_network_id": outside})))
		}
		split(t, atOnce(len(all), func(i int) *httpapitest.Response {
			return w.blue.Do("PUT", v2+"/floatingips/"+all[i], object{"floatingip": object{"port_id": port}})
		}), 200, 1, 409, "FloatingIPPortAlreadyAssociated")
	})
	t.Run("deletion", func(t *testing.T) {
		s := id(w.blue.make("/compute/v2.1/servers", "server", server("s", flavor, image, network, nil)["server"].(object)))
		for _, r := range atOnce(crowd, func(int) *httpapitest.Response { return w.blue.Do("DELETE", "/compute/v2.1/servers/"+s, nil) }) {
			require.Contains(t, []int{204, 404}, r.Status, "%s", r.Body)
		}
		w.settled()
		w.blue.Get("/compute/v2.1/servers/" + s).Want(404)
	})
	w.whole()
}

// outside makes an external network with a router of blue's to it, on a subnet, and gives its id.
func (w *world) outside(subnet string) string {
	w.t.Helper()
	const v2 = "/networking/v2.0"
	n := w.external()
	r := id(w.blue.make(v2+"/routers", "router", object{"external_gateway_info": object{"network_id": n}}))
	w.blue.call("PUT", v2+"/routers/"+r+"/add_router_interface", object{"subnet_id": subnet}, 200)
	w.admin.call("PUT", v2+"/quotas/"+w.blue.Project, object{"quota": object{"floatingip": -1}}, 200)
	return n
}
