package computeapi_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/cumulite/cumulite/compute"
	"github.com/cumulite/cumulite/platform/quota"
	"github.com/cumulite/cumulite/platform/store"
)

func TestBadRequestsForServersMakeNothing(t *testing.T) {
	w := newWorld(t)
	c := w.client(t, "member", "2.96")
	port := uuid.NewString()
	for message, more := range map[string]object{
		"Additional properties are not allowed ('color' was unexpected)":       {"color": "red"},
		"Value: 5. 5 is not of type 'string'":                                  {"name": 5},
		"Value: ' vm'. ' vm' does not match":                                   {"name": " vm"},
		"Value: '  '. '  ' does not match":                                     {"name": "  "},
		"Value: 'a\x01'. 'a\x01' does not match":                               {"name": "a\x01"},
		"does not match '^[\\p{L}":                                             {"description": "two\nlines"},
		"'' is too short":                                                      {"name": ""},
		"Missing imageRef attribute":                                           {"imageRef": ""},
		"'x' is not a 'uuid'":                                                  {"imageRef": "x"},
		"could not be found":                                                   {"imageRef": uuid.NewString()},
		"Flavor none could not be found.":                                      {"flavorRef": "none"},
		"Invalid key_name provided.":                                           {"key_name": "none"},
		"field/attribute user_data. Value: ***. *** is too long":               {"user_data": strings.Repeat("YQ==", 16384)},
		"User data needs to be valid base 64.":                                 {"user_data": "not base64"},
		"'MAYBE' is not one of ['AUTO', 'MANUAL']":                             {"OS-DCF:diskConfig": "MAYBE"},
		"is not a 'ipv4'":                                                      {"accessIPv4": "300.1.1.1"},
		"min_count must be <= max_count":                                       {"min_count": 3, "max_count": 2},
		"Value: 0. 0 is less than the minimum of 1":                            {"min_count": 0},
		"is not one of [True, 'True'":                                          {"config_drive": "perhaps"},
		"Additional properties are not allowed ('a/b' was unexpected)":         {"metadata": object{"a/b": "c"}},
		"The requested availability zone is not available":                     {"availability_zone": "mars"},
		"does not match '^[^,/]*$'":                                            {"tags": []string{"a,b"}},
		"trusted_image_certificates must be null":                              {"trusted_image_certificates": []string{"x"}},
		"does not match '^[a-zA-Z0-9-._]*$'":                                   {"hostname": "a b"},
		"was specified twice":                                                  {"networks": []object{{"port": port}, {"port": port}}},
		"cannot be used with port":                                             {"networks": []object{{"port": port, "fixed_ip": "10.0.0.1"}}},
		"Bad network format: missing 'uuid'":                                   {"networks": []object{{}}},
		"Network 11111111-1111-1111-1111-111111111111 could not be found.":     {"networks": []object{{"uuid": "11111111-1111-1111-1111-111111111111"}}},
		"there is no block storage here":                                       {"block_device_mapping_v2": []object{{"source_type": "volume", "uuid": port, "boot_index": 0, "destination_type": "volume"}}},
		"volumes are not available here":                                       {"block_device_mapping": []object{{"volume_id": port}}},
		"Additional properties are not allowed ('personality' was unexpected)": {"personality": []object{}},
		"Security group none not found":                                        {"security_groups": []object{{"name": "none"}}},
	} {
		body := w.create(t, object{"networks": "none"})
		for k, v := range more {
			body["server"].(object)[k] = v
		}
		name, got := fault(t, c.do("POST", "/servers", body).Want(400))
		require.Equal(t, "badRequest", name)
		require.Contains(t, got, message)
	}
	list, _, err := w.compute.ListServers(as(t, "member"), compute.ServersOf{}, store.Query{})
	require.NoError(t, err)
	require.Empty(t, list)
	usage, err := w.compute.QuotaUsage(as(t, "member"), "p1")
	require.NoError(t, err)
	require.Zero(t, usage["instances"].Used)
	require.Zero(t, usage["cores"].Used)
}

func TestBodiesThatAreNoRequest(t *testing.T) {
	w := newWorld(t)
	c := w.client(t, "member", "")
	s := w.server(t)
	deep := strings.Repeat(`{"a":`, 100) + "1" + strings.Repeat("}", 100)
	for _, path := range []string{"/servers", "/servers/" + s.ID + "/action"} {
		for body, status := range map[string]int{"": 400, "[]": 400, "{": 400, "null": 400, deep: 400, `"x"`: 400, `{"server":null}`: 400, `{"` + strings.Repeat("x", 300<<10) + `":1}`: 413} {
			name, _ := fault(t, c.do("POST", path, body).Want(status))
			require.Equal(t, map[int]string{400: "badRequest", 413: "overLimit"}[status], name)
		}
	}
	name, _ := fault(t, client{c.With("Content-Type", "text/plain")}.do("POST", "/servers", "x").Want(415))
	require.Equal(t, "badMediaType", name)
	name, _ = fault(t, c.do("PATCH", "/servers", object{}).Want(405))
	require.Equal(t, "badMethod", name)
	name, _ = fault(t, c.get("/os-nothing").Want(404))
	require.Equal(t, "itemNotFound", name)
	name, message := fault(t, w.client(t, "member", "2.97").get("/servers").Want(406))
	require.Equal(t, "computeFault", name)
	require.Equal(t, "Version 2.97 is not supported by the API. Minimum is 2.1 and maximum is 2.96.", message)
}

func TestBadActionsChangeNothing(t *testing.T) {
	w := newWorld(t)
	c, s := w.client(t, "member", "2.96"), w.server(t)
	path := "/servers/" + s.ID
	for _, body := range []any{object{"dance": nil}, object{"os-start": nil, "os-stop": nil}, object{"reboot": object{"type": "GENTLE"}}, object{"reboot": object{}}, object{"reboot": nil},
		object{"lock": object{"locked_reason": ""}}, object{"lock": object{"reason": "x"}}, object{"rebuild": object{}}, object{"rebuild": object{"imageRef": "x"}},
		object{"rebuild": object{"imageRef": w.image, "preserve_ephemeral": true}}, object{"rebuild": object{"imageRef": w.image, "personality": []object{}}},
		object{"os-getConsoleOutput": object{"length": "many"}}, object{"os-getConsoleOutput": object{"length": -2}}, object{"addSecurityGroup": object{}}} {
		fault(t, c.do("POST", path+"/action", body).Want(400))
	}
	fault(t, w.client(t, "admin", "2.96").do("POST", path+"/action", object{"os-resetState": object{"state": "happy"}}).Want(400))
	fault(t, c.do("PUT", path, object{"server": object{"status": "ERROR"}}).Want(400))
	fault(t, c.do("PUT", path, object{"server": object{"name": nil}}).Want(400))
	fault(t, c.do("PUT", path+"/metadata/k", object{"meta": object{"other": "v"}}).Want(400))
	fault(t, c.do("PUT", path+"/metadata/k", object{"meta": object{"k": "v", "l": "v"}}).Want(400))
	fault(t, c.do("POST", path+"/metadata", object{"metadata": object{"k": 5}}).Want(400))
	fault(t, c.do("PUT", path+"/tags", object{"tags": []int{1}}).Want(400))
	fault(t, c.do("POST", path+"/os-interface", object{"interfaceAttachment": object{"net_id": w.netID, "port_id": uuid.NewString()}}).Want(400))
	fault(t, c.do("POST", path+"/os-interface", object{"interfaceAttachment": object{"fixed_ips": []object{{"ip_address": "10.0.0.9"}}}}).Want(400))
	fault(t, c.get(path+"/ips/nowhere").Want(404))
	fault(t, c.get(path+"/os-interface/"+uuid.NewString()).Want(404))
	fault(t, c.get(path+"/os-instance-actions/req-x").Want(404))
	after, err := w.compute.GetServer(as(t, "member"), s.ID)
	require.NoError(t, err)
	require.Equal(t, s.UpdatedAt, after.UpdatedAt)
	require.Equal(t, s.Version, after.Version)
}

func TestTheLastServerOfAQuotaIsMadeOnce(t *testing.T) {
	w := newWorld(t)
	_, err := w.compute.SetQuotas(as(t, "admin"), "p1", map[quota.Resource]int{"instances": 1}, false)
	require.NoError(t, err)
	body := w.create(t, object{"networks": "none"})
	statuses := make(chan int, 4)
	for range 4 {
		go func() { statuses <- w.client(t, "member", "2.96").do("POST", "/servers", body).Status }()
	}
	count := map[int]int{}
	for range 4 {
		count[<-statuses]++
	}
	require.Equal(t, map[int]int{202: 1, 403: 3}, count)
	_, message := fault(t, w.client(t, "member", "2.96").do("POST", "/servers", body).Want(403))
	require.Equal(t, "Quota exceeded for instances: Requested 1, but already used 1 of 1 instances", message)
}

func TestServersOfOthersAreNotThere(t *testing.T) {
	w := newWorld(t)
	s := w.server(t)
	other := w.client(t, "other", "2.96")
	for _, path := range []string{"", "/metadata", "/tags", "/ips", "/os-interface", "/os-security-groups", "/os-instance-actions"} {
		_, message := fault(t, other.get("/servers/"+s.ID+path).Want(404))
		require.Equal(t, fmt.Sprintf("Instance %s could not be found.", s.ID), message)
	}
	theirs := w.create(t, object{"networks": []object{{"port": s.Interfaces[0].PortID}}})
	_, message := fault(t, other.do("POST", "/servers", theirs).Want(400))
	require.Equal(t, fmt.Sprintf("Port id %s could not be found.", s.Interfaces[0].PortID), message)
}
