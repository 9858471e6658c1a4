package cloud_test

import (
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
)

// reference is a field of a body that names something by its id.
type reference struct {
	row, field   string
	kind         string // of what it names
	method, path string
	at           string // compute's microversion
	body         func(id string) any
}

// references has a line for each field of each body that can name another
// project's resource. e is red's, who asks.
func references(e estate) []reference {
	return slices.Concat(computeReferences(e), networkReferences(e), ownerReferences(e), identityReferences())
}

func computeReferences(e estate) (out []reference) {
	const servers = "/compute/v2.1/servers"
	action := servers + "/" + e["server"] + "/action"
	for row, at := range map[string]string{"POST /servers": "2.36", "POST /servers @2.37": "2.96"} {
		create := func(field, kind string, change func(in object, id string)) {
			out = append(out, reference{row, field, kind, "POST", servers, at, func(id string) any {
				in := server("s", e["flavor"], e["image"], e["network"], nil)
				change(in["server"].(object), id)
				return in
			}})
		}
		set := func(key string, value func(id string) any) func(object, string) {
			return func(in object, id string) { in[key] = value(id) }
		}
		plain := func(id string) any { return id }
		create("server.imageRef", "image", set("imageRef", plain))
		create("server.flavorRef", "flavor", set("flavorRef", plain))
		create("server.key_name", "key", set("key_name", plain))
		create("server.networks.uuid", "network", set("networks", func(id string) any { return []object{{"uuid": id}} }))
		create("server.networks.port", "port", set("networks", func(id string) any { return []object{{"port": id}} }))
		create("server.security_groups.name", "group", set("security_groups", func(id string) any { return []object{{"name": id}} }))
		create("server.block_device_mapping_v2.uuid", "image", func(in object, id string) {
			delete(in, "imageRef")
			in["block_device_mapping_v2"] = []object{{"uuid": id, "source_type": "image", "destination_type": "local", "boot_index": 0}}
		})
		for _, hints := range []string{"os:scheduler_hints", "OS-SCH-HNT:scheduler_hints"} {
			out = append(out, reference{row, hints + ".group", "servergroup", "POST", servers, at, func(id string) any {
				in := server("s", e["flavor"], e["image"], e["network"], nil)
				in[hints] = object{"group": id}
				return in
			}})
		}
	}
	for _, r := range []struct{ key, field, kind string }{
		{"rebuild", "imageRef", "image"}, {"rebuild", "key_name", "key"}, {"addSecurityGroup", "name", "group"}, {"removeSecurityGroup", "name", "group"},
	} {
		out = append(out, reference{"POST /servers/{server_id}/action " + r.key, r.key + "." + r.field, r.kind, "POST", action, "2.96", func(id string) any {
			in := object{r.field: id}
			if r.field == "key_name" {
				in["imageRef"] = e["image"]
			}
			return object{r.key: in}
		}})
	}
	for field, kind := range map[string]string{"net_id": "network", "port_id": "port"} {
		out = append(out, reference{"POST /servers/{server_id}/os-interface", "interfaceAttachment." + field, kind, "POST", servers + "/" + e["server"] + "/os-interface", "2.96",
			func(id string) any { return object{"interfaceAttachment": object{field: id}} }})
	}
	return append(out,
		reference{"POST /os-keypairs", "keypair.user_id", "user", "POST", "/compute/v2.1/os-keypairs", "2.91", func(id string) any {
			return object{"keypair": object{"name": "stolen", "user_id": id}}
		}},
		reference{"POST /os-keypairs @2.92", "keypair.user_id", "user", "POST", "/compute/v2.1/os-keypairs", "2.96", func(id string) any {
			return object{"keypair": object{"name": "stolen", "user_id": id, "public_key": "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIH0Wm2ZqN1qKBXKzF3FQ1R0mQd3rbT4z7e1b5YzWzj5W x"}}
		}})
}

func networkReferences(e estate) (out []reference) {
	const v2 = "/networking/v2.0"
	rule := func(in object) object { in["direction"] = "egress"; return in }
	for _, r := range []struct {
		path, one, field, kind string
		body                   func(id string) object
	}{
		{"/subnets", "subnet", "network_id", "network", func(id string) object { return object{"network_id": id, "ip_version": 4, "cidr": "10.9.0.0/24"} }},
		{"/ports", "port", "network_id", "network", func(id string) object { return object{"network_id": id} }},
		{"/ports", "port", "fixed_ips.subnet_id", "subnet", func(id string) object {
			return object{"network_id": e["network"], "fixed_ips": []object{{"subnet_id": id}}}
		}},
		{"/ports", "port", "security_groups", "group", func(id string) object { return object{"network_id": e["network"], "security_groups": []string{id}} }},
		{"/routers", "router", "external_gateway_info.network_id", "network", func(id string) object { return object{"external_gateway_info": object{"network_id": id}} }},
		{"/floatingips", "floatingip", "floating_network_id", "network", func(id string) object { return object{"floating_network_id": id} }},
		{"/floatingips", "floatingip", "port_id", "port", func(id string) object { return object{"floating_network_id": e["outside"], "port_id": id} }},
		{"/floatingips", "floatingip", "subnet_id", "subnet", func(id string) object { return object{"floating_network_id": e["outside"], "subnet_id": id} }},
		{"/security-group-rules", "security_group_rule", "security_group_id", "group", func(id string) object { return rule(object{"security_group_id": id}) }},
		{"/security-group-rules", "security_group_rule", "remote_group_id", "group", func(id string) object {
			return rule(object{"security_group_id": e["group"], "remote_group_id": id})
		}},
	} {
		out = append(out,
			reference{"POST " + r.path + " " + r.one, r.one + "." + r.field, r.kind, "POST", v2 + r.path, "", func(id string) any { return object{r.one: r.body(id)} }},
			reference{"POST " + r.path + " " + r.one + "s", r.one + "s." + r.field, r.kind, "POST", v2 + r.path, "",
				func(id string) any { return object{r.one + "s": []object{r.body(id)}} }})
	}
	for _, r := range []struct {
		path, key, field, kind string
		body                   func(id string) any
	}{
		{"/ports/{id}", "port", "fixed_ips.subnet_id", "subnet", func(id string) any { return object{"fixed_ips": []object{{"subnet_id": id}}} }},
		{"/ports/{id}", "port", "security_groups", "group", func(id string) any { return object{"security_groups": []string{id}} }},
		{"/routers/{id}", "router", "external_gateway_info.network_id", "network", func(id string) any { return object{"external_gateway_info": object{"network_id": id}} }},
		{"/floatingips/{id}", "floatingip", "port_id", "port", func(id string) any { return object{"port_id": id} }},
		{"/routers/{id}/add_router_interface", "", "subnet_id", "subnet", nil},
		{"/routers/{id}/add_router_interface", "", "port_id", "port", nil},
		{"/routers/{id}/remove_router_interface", "", "subnet_id", "subnet", nil},
		{"/routers/{id}/remove_router_interface", "", "port_id", "port", nil},
	} {
		kind, _, _ := strings.Cut(r.path[1:], "s/")
		out = append(out, reference{strings.TrimSpace("PUT " + r.path + " " + r.key), strings.Trim(r.key+"."+r.field, "."), r.kind, "PUT",
			v2 + strings.Replace(r.path, "{id}", e[kind], 1), "", func(id string) any {
				if r.key == "" {
					return object{r.field: id}
				}
				return object{r.key: r.body(id)}
			}})
	}
	return out
}

// ownerReferences are the fields by which something is made for a project.
func ownerReferences(e estate) (out []reference) {
	for _, r := range []struct {
		path, one string
		in        object
	}{
		{"/networks", "network", object{}},
		{"/subnets", "subnet", object{"network_id": e["network"], "ip_version": 4, "cidr": "10.9.0.0/24"}},
		{"/ports", "port", object{"network_id": e["network"]}},
		{"/routers", "router", object{}},
		{"/floatingips", "floatingip", object{"floating_network_id": e["outside"]}},
		{"/security-groups", "security_group", object{"name": "x"}},
		{"/security-group-rules", "security_group_rule", object{"security_group_id": e["group"], "direction": "egress"}},
	} {
		for _, field := range []string{"project_id", "tenant_id"} {
			with := func(id string) object {
				in := object{field: id}
				for k, v := range r.in {
					in[k] = v
				}
				return in
			}
			out = append(out,
				reference{"POST " + r.path + " " + r.one, r.one + "." + field, "project", "POST", "/networking/v2.0" + r.path, "",
					func(id string) any { return object{r.one: with(id)} }},
				reference{"POST " + r.path + " " + r.one + "s", r.one + "s." + field, "project", "POST", "/networking/v2.0" + r.path, "",
					func(id string) any { return object{r.one + "s": []object{with(id)}} }})
		}
	}
	return out
}

func identityReferences() []reference {
	return []reference{{"POST /auth/tokens", "auth.scope.id", "project", "POST", "/identity/v3/auth/tokens", "", func(id string) any {
		return as("red", password, object{"project": object{"id": id}})
	}}}
}

// unreferenced are fields that look like references and are none, or that only
// administrators may fill, who see everything.
var unreferenced = regexp.MustCompile(strings.Join([]string{
	`^POST /flavors: flavor\.id$`, // of what is made
	`^POST /images: id$`,
	`TenantAccess: .*\.tenant$`, // administrators
	`[.:](device_id|segmentation_id|host_id)$`,
	`(volume|snapshot)_id$`, // there are none
	`block_device_mapping_v2\.image_id$`,
	`return_reservation_id$`,
	`(subnetpool_id|remote_address_group_id)$`,
	`external_gateway_info\.external_fixed_ips\.subnet_id$`, // administrators
	`^PUT .*quota`,
	`^POST /security-groups security_groups: `, // the name of a list
}, "|"))

// names are the names of fields that are references, or look like it.
var names = regexp.MustCompile(`(^|[._:])(ids?|id|uuid|port|tenant|imageRef|flavorRef|image|key_name|group|security_groups|security_groups\.name|(add|remove)SecurityGroup\.name)$`)

// Another project's id in any field of any body is answered as one that nobody
// has, and changes nothing.
func TestForeignIDsInBodiesAreNobodys(t *testing.T) {
	w := newWorld(t)
	outside := w.external()
	theirs, mine := w.estateOf(w.blue, "10.1.0.0/24", outside), w.estateOf(w.red, "10.2.0.0/24", outside)
	mine["outside"] = outside
	lines := references(mine)
	w.covers(lines)
	before := w.dump()
	for _, l := range lines {
		nobodys := uuid.NewString()
		if l.kind == "project" || l.kind == "user" {
			nobodys = strings.ReplaceAll(nobodys, "-", "")
		}
		if l.kind == "key" {
			nobodys = "nobodys"
		}
		ask := func(id string) (int, string) {
			c := w.red
			if l.at != "" {
				c = c.at(l.at)
			}
			if l.row == "POST /auth/tokens" {
				c.Token = ""
			}
			r := c.Do(l.method, l.path, l.body(id))
			return r.Status, anonymous(string(r.Body), id)
		}
		status, words := ask(nobodys)
		require.GreaterOrEqual(t, status, 400, "%s %s: %s", l.row, l.field, words)
		require.Less(t, status, 500, "%s %s: %s", l.row, l.field, words)
		if l.kind == "project" && l.path != "/identity/v3/auth/tokens" {
			require.Contains(t, words, "other than the authenticated project", "%s %s", l.row, l.field)
		}
		foreign, said := ask(theirs[l.kind])
		require.Equal(t, status, foreign, "%s %s: %s", l.row, l.field, said)
		require.Equal(t, words, said, "%s %s", l.row, l.field)
	}
	w.unchanged(before)
}

// covers wants a line for each field of each body whose name is that of a reference.
func (w *world) covers(lines []reference) {
	w.t.Helper()
	have := map[string]bool{}
	for _, l := range lines {
		have[l.row+": "+l.field] = true
	}
	for prefix, api := range w.APIs() {
		for _, r := range api.Routes() {
			if r.Request == nil || prefix == "/identity" { // where only administrators write
				continue
			}
			body, key := reflect.TypeOf(r.Request), ""
			if body.Kind() == reflect.Map {
				key = r.BodyKey
			}
			for _, field := range fieldsIn(body, key) {
				at := r.Key() + ": " + field
				if names.MatchString(field) && !unreferenced.MatchString(at) && !have[at] {
					w.t.Errorf("no line for %s", at)
				}
			}
		}
	}
}

// fieldsIn lists the fields of a body, but for those that are only read.
func fieldsIn(t reflect.Type, path string) (out []string) {
	switch t.Kind() {
	case reflect.Pointer, reflect.Slice, reflect.Map:
		return fieldsIn(t.Elem(), path)
	case reflect.Struct:
	default:
		return []string{strings.Trim(path, ".")}
	}
	if value, optional := t.FieldByName("Value"); optional && strings.HasPrefix(t.Name(), "Optional[") {
		return fieldsIn(value.Type, path)
	}
	for i := range t.NumField() {
		f := t.Field(i)
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		switch {
		case name == "-" || name == "" && !f.Anonymous || strings.Contains(f.Tag.Get("api"), "readonly"):
			continue
		case name != "":
			name = "." + name
		}
		out = append(out, fieldsIn(f.Type, path+name)...)
	}
	return out
}
