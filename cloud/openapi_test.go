package cloud_test

import (
	"encoding/json"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/cumulite/cumulite/platform/httpapi"
)

// document is what is looked at of an OpenAPI document.
type document struct {
	OpenAPI string
	Info    struct{ Title, Version string }
	Paths   map[string]map[string]json.RawMessage
}

type documented struct {
	Responses map[string]any
	Rows      struct{ Rows []documentedRow } `json:"x-openstack"`
}

type documentedRow struct {
	Policy, Action string
	Microversions  map[string]string
}

var wildcard = regexp.MustCompile(`\{([^}.]+)\.\.\.\}`)

// Each service's document has every row, and nothing that is none.
func TestDocumentsHaveEveryRow(t *testing.T) {
	w := newWorld(t)
	require.Len(t, w.APIs(), 5)
	for prefix, api := range w.APIs() {
		raw := served(w, prefix)
		require.Equal(t, raw, served(w, prefix))
		var doc document
		require.NoError(t, json.Unmarshal(raw, &doc))
		require.Equal(t, "3.1.0", doc.OpenAPI, prefix)
		require.NotEmpty(t, doc.Info.Title, prefix)
		require.NotEmpty(t, api.Routes(), prefix)
		rows := 0
		for _, r := range api.Routes() {
			raw := doc.Paths[wildcard.ReplaceAllString(api.Config().Root+r.Pattern, "{$1}")][strings.ToLower(r.Method)]
			require.NotEmpty(t, raw, r.Key())
			var op documented
			require.NoError(t, json.Unmarshal(raw, &op))
			require.Contains(t, op.Rows.Rows, rowOf(r), r.Key())
			require.Greater(t, len(op.Responses), 1, r.Key())
		}
		for _, item := range doc.Paths {
			for method, raw := range item {
				if method == "parameters" {
					continue
				}
				var op documented
				require.NoError(t, json.Unmarshal(raw, &op))
				rows += len(op.Rows.Rows)
			}
		}
		require.Equal(t, len(api.Routes()), rows, prefix)
	}
}

// served gives the document as anyone gets it.
func served(w *world, prefix string) []byte {
	anyone := w.blue
	anyone.Token = ""
	r := anyone.Get(prefix + "/openapi.json").Want(200)
	require.Equal(w.t, "application/json", r.Header.Get("Content-Type"))
	return r.Body
}

// rowOf is how a row stands in a document.
func rowOf(r httpapi.Route) documentedRow {
	row := documentedRow{Policy: string(r.Action), Action: r.BodyKey}
	for name, v := range map[string]httpapi.Version{"min-ver": r.Since, "max-ver": r.Until} {
		if v.IsZero() {
			continue
		}
		if row.Microversions == nil {
			row.Microversions = map[string]string{}
		}
		row.Microversions[name] = v.String()
	}
	return row
}

// Each prefix, with and without a slash behind, says without a token what is there.
func TestPrefixesAnswerWithTheirVersions(t *testing.T) {
	w := newWorld(t)
	anyone := w.blue
	anyone.Token = ""
	for prefix := range w.APIs() {
		for _, path := range []string{prefix, prefix + "/"} {
			r := anyone.Get(path)
			require.Contains(t, []int{200, 300}, r.Status, path)
			require.Contains(t, string(r.Body), "http://127.0.0.1:5000"+prefix+"/v", path)
		}
	}
}
