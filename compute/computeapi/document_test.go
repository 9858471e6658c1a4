package computeapi_test

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/cumulite/cumulite/platform/httpapi/httpapitest"
	"github.com/cumulite/cumulite/platform/httpapi/openapi"
)

func TestVersionDocumentsNeedNoToken(t *testing.T) {
	w := newWorld(t)
	c := httpapitest.Client{T: t, Handler: w.api}
	for _, path := range []string{"/compute", "/compute/"} {
		var out struct {
			Versions []struct {
				ID, Status, Version string
				Min                 string `json:"min_version"`
				Links               []struct{ Href string }
			}
		}
		c.Get(path).Want(200).JSON(&out)
		require.Len(t, out.Versions, 2)
		require.Equal(t, "v2.0", out.Versions[0].ID)
		require.Equal(t, "https://cloud.example/compute/v2/", out.Versions[0].Links[0].Href)
		v := out.Versions[1]
		require.Equal(t, []string{"v2.1", "CURRENT", "2.1", "2.96"}, []string{v.ID, v.Status, v.Min, v.Version})
		require.Equal(t, "https://cloud.example/compute/v2.1/", v.Links[0].Href)
	}
	for _, path := range []string{"/compute/v2.1", "/compute/v2.1/"} {
		require.Contains(t, string(c.Get(path).Want(200).Body), `"version":"2.96"`)
	}
	require.Equal(t, 401, c.Get("/compute/v2.1/servers").Status)
	require.Equal(t, 401, c.Get("/compute/v2/servers").Status)
	c.Token = "member"
	require.Equal(t, 200, c.Get("/compute/v2/servers").Status)
}

func TestEveryRowHasItsPlaceInTheOpenAPIDocument(t *testing.T) {
	w := newWorld(t)
	raw, err := openapi.Document(w.api)
	require.NoError(t, err)
	var doc struct {
		Paths map[string]map[string]json.RawMessage
	}
	require.NoError(t, json.Unmarshal(raw, &doc))
	for _, r := range w.api.Routes() {
		require.NotNil(t, doc.Paths["/v2.1"+r.Pattern], r.Key())
	}
}
