package identityapi

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
	require.Equal(t, http.StatusForbidden, faults().Status(errs.Quota))
	require.Equal(t, http.StatusNotImplemented, faults().Status(errs.NotSupported))
	require.Equal(t, http.StatusBadRequest, faults().Status(errs.Unsupported))
	require.Equal(t, http.StatusNotFound, faults().Status(errs.NotFound))
}

func TestFaultsHaveTheOriginalsBodies(t *testing.T) {
	httpapitest.Faults(t, faults(), map[string]fault.Fault{
		`{"error":{"code":404,"title":"Not Found","message":"no <b> \"x\""}}`: {Status: 404, Message: `no <b> "x"`},
		`{"error":{"code":401,"title":"Unauthorized","message":"m"}}`:         {Status: 401, Message: "m"},
	})
}

func TestBadBodiesAreWordedAsByTheOriginal(t *testing.T) {
	require.Equal(t, "Invalid input for field 'server/name': 3 is not of type 'string'",
		faults().Invalid(schema.Problem{Path: []string{"server", "name"}, Value: "3", Reason: "3 is not of type 'string'"}))
	require.Contains(t, faults().Invalid(schema.Problem{Reason: "None is not of type 'object'", Value: "None"}), "None is not of type 'object'")
}

func TestListParametersAreRefusedAsByTheOriginal(t *testing.T) {
	httpapitest.ListsRefuse(t, lists, map[string]string{
		"limit=x":                "Invalid input for field 'limit': 'x' does not match '^[0-9]+$'",
		"sort_key=a&sort_dir=up": "Invalid input received: Unknown sort direction, must be 'desc' or 'asc'",
	})
}

func TestFiltersAreReadAsByTheOriginal(t *testing.T) {
	eq := func(field string, values ...string) store.Filter { return store.Filter{Field: field, Values: values} }
	for _, c := range []struct {
		query   string
		allowed []string
		want    []store.Filter
	}{
		{"name__contains=a&enabled=1&x__y=z", []string{"name", "enabled"}, []store.Filter{eq("enabled", "1"), {Field: "name", Op: store.Contains, Values: []string{"a"}}}},
		{"name__istartswith=a.", nil, []store.Filter{{Field: "name", Op: store.Regexp, Values: []string{`(?i)^a\.`}}}},
	} {
		q, err := httpapitest.Lists(t, lists, c.query, c.allowed...)
		require.NoError(t, err, c.query)
		require.ElementsMatch(t, c.want, q.Filters, c.query)
	}
}

func TestVersionDocuments(t *testing.T) {
	at := discovery.Place{URL: "https://cloud.example/identity", Root: "/v3"}
	v := `{"id":"v3.14","status":"stable","updated":"2020-04-07T00:00:00Z","links":[{"rel":"self","href":"https://cloud.example/identity/v3/"}],
		"media-types":[{"base":"application/json","type":"application/vnd.openstack.identity-v3+json"}]}`
	require.JSONEq(t, `{"versions":{"values":[`+v+`]}}`, httpapitest.Document(t, at, versions().List, 300))
	require.JSONEq(t, `{"version":`+v+`}`, httpapitest.Document(t, at, versions().Show, 200))
}
