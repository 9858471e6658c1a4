package imageapi

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/cumulite/cumulite/platform/errs"
	"github.com/cumulite/cumulite/platform/httpapi/discovery"
	"github.com/cumulite/cumulite/platform/httpapi/fault"
	"github.com/cumulite/cumulite/platform/httpapi/httpapitest"
	"github.com/cumulite/cumulite/platform/httpapi/schema"
	"github.com/cumulite/cumulite/platform/store"
)

func TestFaultsHaveTheOriginalsStatuses(t *testing.T) {
	require.Equal(t, http.StatusRequestEntityTooLarge, faults().Status(errs.Quota))
	require.Equal(t, http.StatusNotImplemented, faults().Status(errs.NotSupported))
	require.Equal(t, http.StatusUnsupportedMediaType, faults().Status(errs.Unsupported))
	require.Equal(t, http.StatusNotFound, faults().Status(errs.NotFound))
}

func TestFaultsHaveTheOriginalsBodies(t *testing.T) {
	f := fault.Fault{Status: 404, Message: "no <b>"}
	for accept, want := range map[string]string{"": "text/html", "*/*": "text/html", "application/json": "application/json", "text/plain": "text/plain"} {
		f.Accept = accept
		typ, body := faults().Body(f)
		require.Contains(t, typ, want)
		require.Contains(t, string(body), "404 Not Found")
		if want == "text/html" {
			require.Contains(t, string(body), "no &lt;b&gt;<br /><br />", "what a caller sent is no markup")
		}
	}
	_, body := faults().Body(fault.Fault{Status: 401, Message: "m"})
	require.JSONEq(t, `{"error":{"code":401,"title":"Unauthorized","message":"m"}}`, string(body))
}

func TestBadBodiesAreWordedAsByTheOriginal(t *testing.T) {
	require.Equal(t, "Provided object does not match schema 'image': 3 is not of type 'string'",
		faults().Invalid(schema.Problem{Path: []string{"server", "name"}, Value: "3", Reason: "3 is not of type 'string'"}))
	require.Contains(t, faults().Invalid(schema.Problem{Reason: "None is not of type 'object'", Value: "None"}), "None is not of type 'object'")
}

func TestListParametersAreRefusedAsByTheOriginal(t *testing.T) {
	httpapitest.ListsRefuse(t, lists, map[string]string{
		"limit=x":                              "limit param must be an integer",
		"limit=-1":                             "limit param must be positive",
		"sort=a:up":                            "Invalid sort direction: up",
		"sort=a&sort_key=b":                    "Old and new sorting syntax cannot be combined",
		"sort_key=a&sort_dir=asc&sort_dir=asc": "Number of sort dirs does not match the number of sort keys",
	})
}

func TestFiltersAreReadAsByTheOriginal(t *testing.T) {
	eq := func(field string, values ...string) store.Filter { return store.Filter{Field: field, Values: values} }
	for _, c := range []struct {
		query   string
		allowed []string
		want    []store.Filter
	}{
		{`name=in:a,"b,%20\"c",`, nil, []store.Filter{eq("name", "a", `b, "c`, "")}},
		{"name=gt:a&os=x:y", nil, []store.Filter{eq("name", "gt:a"), eq("os", "x:y")}},
		{"created_at=gte:2030-01-01T00:00:00Z", nil, []store.Filter{{Field: "created_at", Op: store.Gte, Values: []string{"2030-01-01T00:00:00Z"}}}},
		{"created_at=2030-01-01T00:00:00Z", nil, []store.Filter{eq("created_at", "2030-01-01T00:00:00Z")}},
		{"size_min=1&size_max=9", nil, []store.Filter{{Field: "size", Op: store.Gte, Values: []string{"1"}}, {Field: "size", Op: store.Lte, Values: []string{"9"}}}},
		{"tag=a&tag=b", nil, []store.Filter{eq("tag", "a"), eq("tag", "b")}},
	} {
		q, err := httpapitest.Lists(t, lists, c.query, c.allowed...)
		require.NoError(t, err, c.query)
		require.ElementsMatch(t, c.want, q.Filters, c.query)
	}
}

func TestVersionDocuments(t *testing.T) {
	at := discovery.Place{URL: "https://cloud.example/image", Root: "/v2"}
	link := `"links":[{"rel":"self","href":"https://cloud.example/image/v2/"}]`
	all := `{"versions":[{"id":"v2.9","status":"CURRENT",` + link + `}`
	for _, v := range older {
		all += `,{"id":"` + v + `","status":"SUPPORTED",` + link + `}`
	}
	require.JSONEq(t, all+`]}`, httpapitest.Document(t, at, versions().List, 300))
	require.JSONEq(t, all+`]}`, httpapitest.Document(t, at, versions().Show, 300))
	require.JSONEq(t, all+`]}`, httpapitest.Document(t, at, versions().Versions, 200))
}
