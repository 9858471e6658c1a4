package networkapi_test

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/cumulite/cumulite/platform/httpapi/httpapitest"
	"github.com/cumulite/cumulite/platform/httpapi/openapi"
)

// The shapes are those of the API reference's samples, without the attributes
// of extensions that are not served.
func TestAnswersHaveTheReferencesShape(t *testing.T) {
	w := newWorld(t)
	s := w.site()
	member, admin := w.as("member"), w.as("admin")
	f := member.make("floatingip", "/floatingips", object{"floating_network_id": s.external, "port_id": s.port, "description": "floating ip for testing"})
	member.call("PUT", "/routers/"+s.router+"/add_extraroutes", object{"router": object{"routes": []object{{"destination": "179.24.1.0/24", "nexthop": "10.0.0.99"}}}}, 200)
	member.call("PUT", "/networks/"+s.net+"/tags", object{"tags": []string{"tag1", "tag2"}}, 200)
	agent := admin.get("/agents?agent_type=L3%20agent")["agents"].([]any)[0].(object)["id"].(string)
	for name, path := range map[string]string{
		"network-show":           "/networks/" + s.net,
		"networks-list":          "/networks?name=private&limit=1",
		"network-external-show":  "/networks/" + s.external,
		"subnet-show":            "/subnets/" + s.subnet,
		"port-show":              "/ports/" + s.port,
		"router-show":            "/routers/" + s.router,
		"security-group-show":    "/security-groups/" + s.group,
		"floatingip-show":        "/floatingips/" + f["id"].(string),
		"quota-show":             "/quotas/p1",
		"quota-details-show":     "/quotas/p1/details.json",
		"azs-list":               "/availability_zones",
		"extension-show":         "/extensions/agent",
		"service-providers-list": "/service-providers",
		"tags-list":              "/networks/" + s.net + "/tags",
		"fault-not-found":        "/networks/x",
		"fault-filter":           "/networks?x=1",
	} {
		golden(member, name, path)
	}
	golden(admin, "network-provider-show", "/networks/"+s.net)
	golden(admin, "port-bind-show", "/ports/"+s.port)
	golden(admin, "agent-show", "/agents/"+agent)
	golden(admin, "network-ip-availability-show", "/network-ip-availabilities/"+s.net)
	golden(w.as(""), "version-show", "")
	golden(w.as(""), "versions-list", "/..")
}

func golden(c client, name, path string) {
	c.T.Helper()
	url := "/networking/v2.0" + path
	if path == "/.." {
		url = "/networking/"
	}
	httpapitest.Golden(c.T, "testdata/"+name+".json", c.Get(url).Body)
}

func TestDocumentNamesEveryBody(t *testing.T) {
	w := newWorld(t)
	doc, err := openapi.Document(w.api)
	require.NoError(t, err)
	var out struct {
		Paths map[string]map[string]any
	}
	require.NoError(t, json.Unmarshal(doc, &out))
	require.Contains(t, out.Paths, "/v2.0/routers/{id}/add_router_interface")
	bodies := func(of any) (names []string) {
		schema := of.(object)["content"].(object)["application/json"].(object)["schema"].(object)
		for _, s := range schema["anyOf"].([]any) {
			for name := range s.(object)["properties"].(object) {
				names = append(names, name)
			}
		}
		return names
	}
	post := out.Paths["/v2.0/ports"]["post"].(object)
	require.ElementsMatch(t, []string{"port", "ports"}, bodies(post["requestBody"]))
	require.ElementsMatch(t, []string{"port", "ports"}, bodies(post["responses"].(object)["201"]))
	require.Equal(t, []string{"ports"}, bodies(out.Paths["/v2.0/ports"]["get"].(object)["responses"].(object)["200"]))
}
