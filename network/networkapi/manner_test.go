package networkapi

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/cumulite/cumulite/platform/errs"
	"github.com/cumulite/cumulite/platform/httpapi/discovery"
	"github.com/cumulite/cumulite/platform/httpapi/fault"
	"github.com/cumulite/cumulite/platform/httpapi/httpapitest"
	"github.com/cumulite/cumulite/platform/httpapi/schema"
)

func TestFaultsHaveTheOriginalsStatuses(t *testing.T) {
	require.Equal(t, http.StatusConflict, faults().Status(errs.Quota))
	require.Equal(t, http.StatusNotImplemented, faults().Status(errs.NotSupported))
	require.Equal(t, http.StatusUnsupportedMediaType, faults().Status(errs.Unsupported))
	require.Equal(t, http.StatusNotFound, faults().Status(errs.NotFound))
}

func TestFaultsHaveTheOriginalsBodies(t *testing.T) {
	httpapitest.Faults(t, faults(), map[string]fault.Fault{
		`{"NeutronError":{"type":"NetworkNotFound","message":"no <b> \"x\"","detail":""}}`: {Status: 404, Code: "NetworkNotFound", Message: `no <b> "x"`},
		`{"NeutronError":{"type":"OverQuota","message":"m","detail":""}}`:                  {Status: 409, Kind: errs.Quota, Message: "m"},
		`{"NeutronError":{"type":"HTTPNotFound","message":"m","detail":""}}`:               {Status: 404, Message: "m"},
		`{"error":{"code":401,"title":"Unauthorized","message":"m"}}`:                      {Status: 401, Message: "m"},
	})
}

func TestBadBodiesAreWordedAsByTheOriginal(t *testing.T) {
	require.Equal(t, "Invalid input for name. Reason: 3 is not of type 'string'.",
		faults().Invalid(schema.Problem{Path: []string{"server", "name"}, Value: "3", Reason: "3 is not of type 'string'"}))
	require.Contains(t, faults().Invalid(schema.Problem{Reason: "None is not of type 'object'", Value: "None"}), "None is not of type 'object'")
	require.Equal(t, "Failed to parse request. Required attribute 'network_id' not specified", faults().Invalid(schema.Problem{Missing: "network_id"}))
	require.Equal(t, "Unrecognized attribute(s) 'a, b'", faults().Invalid(schema.Problem{Unknown: []string{"a", "b"}}))
	readOnly := schema.Problem{Path: []string{"network"}, Unknown: []string{"id"}, ReadOnly: true, Method: "PUT"}
	require.Equal(t, "Cannot update read-only attribute id", faults().Invalid(readOnly))
	readOnly.Method = "POST"
	require.Equal(t, "Attribute 'id' not allowed in POST", faults().Invalid(readOnly))
	bulk := schema.Problem{Path: []string{"ports", "0", "fixed_ips", "1", "ip_address"}, Reason: "5 is not of type 'string'"}
	require.Equal(t, "Invalid input for fixed_ips. Reason: 5 is not of type 'string'.", faults().Invalid(bulk))
}

func TestListParametersAreRefusedAsByTheOriginal(t *testing.T) {
	httpapitest.ListsRefuse(t, lists, map[string]string{
		"limit=x":                "Limit must be an integer 0 or greater and not 'x'",
		"sort_key=a":             "The number of sort_keys and sort_dirs must be same",
		"sort_key=a&sort_dir=up": "['up'] is invalid value for sort_dirs, valid value is 'asc' and 'desc'",
		"name=a&zoo=b&ant=c":     "['ant', 'zoo'] is invalid attribute for filtering",
	})
}

func TestVersionDocuments(t *testing.T) {
	at := discovery.Place{URL: "https://cloud.example/networking", Root: "/v2.0"}
	require.JSONEq(t, `{"versions":[{"id":"v2.0","status":"CURRENT","links":[{"rel":"self","href":"https://cloud.example/networking/v2.0/"}]}]}`, httpapitest.Document(t, at, versions().List, 200))
	link := func(c string) string {
		return `"links":[{"rel":"self","href":"https://cloud.example/networking/v2.0/` + c + `"}]`
	}
	require.JSONEq(t, `{"resources":[{"name":"network","collection":"networks",`+link("networks")+`},{"name":"port","collection":"ports",`+link("ports")+`},
		{"name":"subnet","collection":"subnets",`+link("subnets")+`}]}`, httpapitest.Document(t, at, versions().Show, 200))
}
