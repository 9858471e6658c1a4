package computeapi

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/cumulite/cumulite/platform/errs"
	"github.com/cumulite/cumulite/platform/httpapi/discovery"
	"github.com/cumulite/cumulite/platform/httpapi/fault"
	"github.com/cumulite/cumulite/platform/httpapi/httpapitest"
	"github.com/cumulite/cumulite/platform/httpapi/microversion"
	"github.com/cumulite/cumulite/platform/httpapi/schema"
)

func TestFaultsHaveTheOriginalsStatuses(t *testing.T) {
	require.Equal(t, http.StatusForbidden, faults().Status(errs.Quota))
	require.Equal(t, http.StatusBadRequest, faults().Status(errs.NotSupported))
	require.Equal(t, http.StatusUnsupportedMediaType, faults().Status(errs.Unsupported))
	require.Equal(t, http.StatusNotFound, faults().Status(errs.NotFound))
}

func TestFaultsHaveTheOriginalsBodies(t *testing.T) {
	httpapitest.Faults(t, faults(), map[string]fault.Fault{
		`{"itemNotFound":{"code":404,"message":"no <b> \"x\""}}`:      {Status: 404, Message: `no <b> "x"`},
		`{"overLimit":{"code":429,"message":"m","retryAfter":"7"}}`:   {Status: 429, Message: "m", RetryAfter: 7},
		`{"computeFault":{"code":406,"message":"m"}}`:                 {Status: 406, Message: "m"},
		`{"error":{"code":401,"title":"Unauthorized","message":"m"}}`: {Status: 401, Message: "m"},
	})
}

func TestBadBodiesAreWordedAsByTheOriginal(t *testing.T) {
	require.Equal(t, "Invalid input for field/attribute name. Value: 3. 3 is not of type 'string'",
		faults().Invalid(schema.Problem{Path: []string{"server", "name"}, Value: "3", Reason: "3 is not of type 'string'"}))
	require.Contains(t, faults().Invalid(schema.Problem{Reason: "None is not of type 'object'", Value: "None"}), "None is not of type 'object'")
}

func TestListParametersAreRefusedAsByTheOriginal(t *testing.T) {
	httpapitest.ListsRefuse(t, lists, map[string]string{
		"limit=-1":                             "Invalid input for query parameters limit. Value: -1. '-1' does not match '^[0-9]*$'",
		"limit=99999999999":                    "Invalid input for query parameters limit. Value: 99999999999. '99999999999' does not match '^[0-9]*$'",
		"sort_key=a&sort_dir=up":               "Invalid input received: Unknown sort direction, must be 'desc' or 'asc'",
		"sort_key=a&sort_dir=asc&sort_dir=asc": "Invalid input received: Sort direction size exceeds sort key size",
	})
}

func TestVersionDocuments(t *testing.T) {
	at := discovery.Place{URL: "https://cloud.example/compute", Root: "/v2.1", OldRoot: "/v2", Set: &microversion.Set{Min: microversion.V("2.1"), Max: microversion.V("2.96")}}
	v := `"id":"v2.1","status":"CURRENT","version":"2.96","min_version":"2.1","updated":"2013-07-23T11:33:21Z"`
	old := `"id":"v2.0","status":"SUPPORTED","version":"","min_version":"","updated":"2011-01-21T11:33:21Z"`
	link, oldLink := `{"rel":"self","href":"https://cloud.example/compute/v2.1/"}`, `{"rel":"self","href":"https://cloud.example/compute/v2/"}`
	described := `{"rel":"describedby","type":"text/html","href":"http://docs.openstack.org/"}`
	require.JSONEq(t, `{"versions":[{`+old+`,"links":[`+oldLink+`]},{`+v+`,"links":[`+link+`]}]}`, httpapitest.Document(t, at, versions().List, 200))
	require.JSONEq(t, `{"version":{`+v+`,"links":[`+link+`,`+described+`],"media-types":[{"base":"application/json","type":"application/vnd.openstack.compute+json;version=2.1"}]}}`,
		httpapitest.Document(t, at, versions().Show, 200))
	require.JSONEq(t, `{"version":{`+old+`,"links":[`+oldLink+`,`+described+`],"media-types":[{"base":"application/json","type":"application/vnd.openstack.compute+json;version=2"}]}}`,
		httpapitest.Document(t, at, versions().ShowOld, 200))
	at.OldRoot = ""
	require.JSONEq(t, `{"versions":[{`+v+`,"links":[`+link+`]}]}`, httpapitest.Document(t, at, versions().List, 200))
}
