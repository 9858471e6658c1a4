package httpapi_test

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/cumulite/cumulite/platform/httpapi"
	"github.com/cumulite/cumulite/platform/httpapi/discovery"
	"github.com/cumulite/cumulite/platform/httpapi/openapi"
)

func TestVersionDocumentsNeedNoTokenAndCarryThePublicURL(t *testing.T) {
	v := `"id":"v2.1","status":"CURRENT","version":"2.96","min_version":"2.1","updated":"2013-07-23T11:33:21Z"`
	link := `{"rel":"self","href":"https://cloud.example/compute/v2.1/"}`
	none := []string{"X-Auth-Token", "", at, "9.9"}
	r := newRig(t, nil)
	for path, want := range map[string]string{
		"/compute":       `{"versions":[{` + v + `,"links":[` + link + `]}]}`,
		"/compute/":      `{"versions":[{` + v + `,"links":[` + link + `]}]}`,
		"/compute/v2.1":  `{"version":{` + v + `,"links":[` + link + `,{"rel":"describedby","type":"text/html","href":"http://docs.openstack.org/"}],"media-types":[{"base":"application/json","type":"application/vnd.openstack.compute+json;version=2.1"}]}}`,
		"/compute/v2.1/": `{"version":{` + v + `,"links":[` + link + `,{"rel":"describedby","type":"text/html","href":"http://docs.openstack.org/"}],"media-types":[{"base":"application/json","type":"application/vnd.openstack.compute+json;version=2.1"}]}}`,
	} {
		w := r.do("GET", path, "", none...)
		require.Equal(t, 200, w.Code, path)
		require.JSONEq(t, want, w.Body.String())
	}
	require.Equal(t, 200, r.do("HEAD", "/compute/", "").Code)
}

func TestVersionDocumentsOfEachStyle(t *testing.T) {
	for _, c := range []struct {
		doc          *discovery.Document
		prefix, root string
		path         string
		status       int
		want         string
	}{
		{discovery.Keystone("v3.14", "2020-04-07T00:00:00Z", "application/vnd.openstack.identity-v3+json"), "/identity", "/v3", "/identity", 300,
			`{"versions":{"values":[{"id":"v3.14","status":"stable","updated":"2020-04-07T00:00:00Z","links":[{"rel":"self","href":"https://cloud.example/identity/v3/"}],"media-types":[{"base":"application/json","type":"application/vnd.openstack.identity-v3+json"}]}]}}`},
		{discovery.Keystone("v3.14", "x", "y"), "", "/v3", "/v3/", 200,
			`{"version":{"id":"v3.14","status":"stable","updated":"x","links":[{"rel":"self","href":"https://cloud.example/v3/"}],"media-types":[{"base":"application/json","type":"y"}]}}`},
		{discovery.Glance("v2.17", "v2.16"), "/image", "/v2", "/image/", 300,
			`{"versions":[{"id":"v2.17","status":"CURRENT","links":[{"rel":"self","href":"https://cloud.example/image/v2/"}]},{"id":"v2.16","status":"SUPPORTED","links":[{"rel":"self","href":"https://cloud.example/image/v2/"}]}]}`},
		{discovery.Glance("v2.17"), "", "/v2", "/versions", 200,
			`{"versions":[{"id":"v2.17","status":"CURRENT","links":[{"rel":"self","href":"https://cloud.example/v2/"}]}]}`},
		{discovery.Neutron("v2.0", map[string]string{"port": "ports", "network": "networks"}), "/networking", "/v2.0", "/networking/v2.0/", 200,
			`{"resources":[{"name":"network","collection":"networks","links":[{"rel":"self","href":"https://cloud.example/networking/v2.0/networks"}]},{"name":"port","collection":"ports","links":[{"rel":"self","href":"https://cloud.example/networking/v2.0/ports"}]}]}`},
		{discovery.Neutron("v2.0", nil), "", "/v2.0", "/", 200,
			`{"versions":[{"id":"v2.0","status":"CURRENT","links":[{"rel":"self","href":"https://cloud.example/v2.0/"}]}]}`},
	} {
		r := newRig(t, func(cfg *httpapi.Config) { cfg.Document, cfg.Prefix, cfg.Root = c.doc, c.prefix, c.root })
		w := r.do("GET", c.path, "", "X-Auth-Token", "")
		require.Equal(t, c.status, w.Code, c.path)
		require.JSONEq(t, c.want, w.Body.String())
	}
	r := newRig(t, func(cfg *httpapi.Config) { cfg.Document = nil })
	require.Equal(t, 404, r.do("GET", "/compute", "").Code)
}

func TestFieldsCutAnswers(t *testing.T) {
	cfg := config()
	cfg.SelectFields = true
	api, err := httpapi.New(cfg, []httpapi.Route{{Method: "GET", Pattern: "/networks", Action: "n:list", Handle: func(r *httpapi.Request) (any, error) {
		q, err := r.List(httpapi.Neutron, "name")
		require.Equal(t, []string{"id", "mtu"}, q.Fields)
		return map[string]any{"networks": []any{map[string]any{"id": "1", "mtu": int64(9007199254740993), "name": "x"}},
			"networks_links": []any{map[string]string{"rel": "next"}}}, err
	}}})
	require.NoError(t, err)
	w := rig{api: api}.do("GET", "/compute/v2.1/networks?fields=id&fields=mtu", "")
	require.Equal(t, `{"networks":[{"id":"1","mtu":9007199254740993}],"networks_links":[{"rel":"next"}]}`, w.Body.String())
}

func TestOpenAPIHasEveryRow(t *testing.T) {
	r := newRig(t, nil)
	raw, err := openapi.Document(r.api)
	require.NoError(t, err)
	var doc struct {
		OpenAPI string
		Paths   map[string]map[string]json.RawMessage
	}
	require.NoError(t, json.Unmarshal(raw, &doc))
	require.Equal(t, "3.1.0", doc.OpenAPI)
	for _, row := range r.api.Routes() {
		item := doc.Paths["/v2.1"+row.Pattern]
		require.NotNil(t, item, row.Key())
		var op struct {
			Security []any
			X        struct {
				Rows []struct{ Policy, Action string }
			} `json:"x-openstack"`
			Responses map[string]any
		}
		require.NoError(t, json.Unmarshal(item[map[string]string{"GET": "get", "PUT": "put", "POST": "post", "PATCH": "patch", "DELETE": "delete"}[row.Method]], &op), row.Key())
		require.Contains(t, op.X.Rows, struct{ Policy, Action string }{string(row.Action), row.BodyKey})
		require.Equal(t, row.Action == httpapi.Public, op.Security == nil)
		require.Contains(t, op.Responses, "default")
	}
	for _, want := range []string{`"max-ver":"2.5"`, `"action-name":"reboot"`, `"enum":["HARD","SOFT"]`, `"writeOnly":true`, `"name":"all_tenants"`, `"min-ver":"2.10"`, `"application/json-patch"`} {
		require.Contains(t, string(raw), want)
	}
}
