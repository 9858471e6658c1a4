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
	member.make("floatingip", "/floatingips", object{"floating_network_id": s.external, "port_id": s.port, "description": "floating ip for testing"})
	member.call("PUT", "/networks/"+s.net+"/tags", object{"tags": []string{"tag1", "tag2"}}, 200)
	agent := admin.get("/agents?agent_type=L3%20agent")["agents"].([]any)[0].(object)["id"].(string)
	for name, path := range map[string]string{
		"network_show":           "/networks/" + s.net,
		"networks_list":          "/networks?name=private&limit=1",
		"network_external_show":  "/networks/" + s.external,
		"subnet_show":            "/subnets/" + s.subnet,
		"port_show":              "/ports/" + s.port,
		"quota_show":             "/quotas/p1",
		"quota_details_show":     "/quotas/p1/details.json",
		"azs_list":               "/availability_zones",
		"extension_show":         "/extensions/agent",
		"service_providers_list": "/service-providers",
		"tags_list":              "/networks/" + s.net + "/tags",
		"fault_not_found":        "/networks/x",
		"fault_filter":           "/networks?x=1",
	} {
		golden(member, name, path)
	}
	golden(admin, "network_provider_show", "/networks/"+s.net)
	golden(admin, "port_bind_show", "/ports/"+s.port)
	golden(admin, "agent_show", "/agents/"+agent)
	golden(admin, "network_ip_availability_show", "/network-ip-availabilities/"+s.net)
	golden(w.as(""), "version_show", "")
	golden(w.as(""), "versions_list", "/..")
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
