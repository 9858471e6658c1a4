package httpapi_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/cumulite/cumulite/platform/errs"
	"github.com/cumulite/cumulite/platform/httpapi"
	"github.com/cumulite/cumulite/platform/httpapi/discovery"
	"github.com/cumulite/cumulite/platform/httpapi/fault"
	"github.com/cumulite/cumulite/platform/httpapi/listquery"
	"github.com/cumulite/cumulite/platform/httpapi/openapi"
	"github.com/cumulite/cumulite/platform/httpapi/schema"
)

// faults, lists and documents are the manner of the service in these tests.
var (
	faults = fault.Format{Dress: fault.Titled, Internal: "Our fault.", Malformed: "Malformed request body", MediaType: "Unsupported Content-Type",
		Invalid: func(p schema.Problem) string {
			return strings.TrimPrefix(strings.Join(p.Path, ".")+": "+p.Reason, ": ")
		}}
	lists = listquery.Manner{
		Limit:     func(text string) error { return errs.Invalidf("limit %s", text) },
		Direction: func(text string) error { return errs.Invalidf("direction %s", text) },
	}
	documents = &discovery.Document{
		List: func(p discovery.Place) (int, any) {
			return 300, map[string]any{"list": discovery.Links(p.URL + p.Root)}
		},
		Show: func(p discovery.Place) (int, any) {
			return 200, map[string]any{"id": p.Set.Max.String(), "types": discovery.MediaTypes("x")}
		},
		ShowOld:  func(p discovery.Place) (int, any) { return 200, map[string]any{"old": p.URL + p.OldRoot} },
		Versions: func(discovery.Place) (int, any) { return 200, map[string]any{"all": true} },
	}
)

func TestVersionDocumentsNeedNoTokenAndCarryThePublicURL(t *testing.T) {
	none := []string{"X-Auth-Token", "", at, "9.9"}
	r := newRig(t, nil)
	for path, want := range map[string]string{
		"/compute":          `{"list":[{"rel":"self","href":"https://cloud.example/compute/v2.1"}]}`,
		"/compute/":         `{"list":[{"rel":"self","href":"https://cloud.example/compute/v2.1"}]}`,
		"/compute/v2.1":     `{"id":"2.96","types":[{"base":"application/json","type":"x"}]}`,
		"/compute/v2.1/":    `{"id":"2.96","types":[{"base":"application/json","type":"x"}]}`,
		"/compute/versions": `{"all":true}`,
	} {
		w := r.do("GET", path, "", none...)
		require.JSONEq(t, want, w.Body.String(), path)
		if w.Code != 200 {
			require.Equal(t, 300, w.Code)
			require.Equal(t, "https://cloud.example/compute/v2.1/", w.Header().Get("Location"), "a choice says where to go")
		}
	}
	require.Equal(t, 300, r.do("HEAD", "/compute/", "").Code)
}

func TestVersionDocumentsStandWhereTheServiceIs(t *testing.T) {
	r := newRig(t, func(cfg *httpapi.Config) { cfg.Prefix = "" })
	for path, status := range map[string]int{"/": 300, "/versions": 200, "/v2.1/": 200, "/v2.1": 200} {
		require.Equal(t, status, r.do("GET", path, "", "X-Auth-Token", "").Code, path)
	}
	r = newRig(t, func(cfg *httpapi.Config) { cfg.Document = nil })
	require.Equal(t, 404, r.do("GET", "/compute", "").Code)
}

func TestFieldsCutAnswers(t *testing.T) {
	cfg := config()
	cfg.SelectFields = true
	api, err := httpapi.New(cfg, []httpapi.Route{{Method: "GET", Pattern: "/networks", Action: "n:list", Handle: func(r *httpapi.Request) (any, error) {
		q, err := r.List("name")
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
