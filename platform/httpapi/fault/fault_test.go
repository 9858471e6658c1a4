package fault_test

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/cumulite/cumulite/platform/errs"
	"github.com/cumulite/cumulite/platform/httpapi/fault"
	"github.com/cumulite/cumulite/platform/httpapi/schema"
)

func TestEveryKindHasAStatus(t *testing.T) {
	for name, f := range formats() {
		for k := errs.Internal; k <= errs.Timeout; k++ {
			status := f.Status(k)
			require.GreaterOrEqual(t, status, 400, "%s %s", name, k)
			require.NotEmpty(t, http.StatusText(status))
			require.Equal(t, k == errs.Internal, status == 500, "%s %s", name, k)
		}
		require.Equal(t, 500, f.Status(errs.Kind(200)))
		require.NotEmpty(t, f.Internal+f.Malformed+f.MediaType)
	}
}

func formats() map[string]fault.Format {
	return map[string]fault.Format{"nova": fault.Nova(), "neutron": fault.Neutron(),
		"keystone": fault.Keystone(), "glance": fault.Glance()}
}

func TestServicesDifferInTheirStatuses(t *testing.T) {
	for name, want := range map[string]int{"nova": 403, "neutron": 409, "keystone": 403, "glance": 413} {
		require.Equal(t, want, formats()[name].Status(errs.Quota), name)
	}
	require.Equal(t, 400, fault.Nova().Status(errs.NotSupported))
	require.Equal(t, 400, fault.Keystone().Status(errs.Unsupported))
}

func TestBodiesAreThoseOfTheOriginals(t *testing.T) {
	gone := fault.Fault{Status: 404, Kind: errs.NotFound, Message: `no <b> "x"`}
	coded, quota, late := gone, gone, gone
	coded.Code = "NetworkNotFound"
	quota.Kind, quota.Status = errs.Quota, 409
	late.Status, late.RetryAfter = 429, 7
	unknown := fault.Fault{Status: 401, Message: "m"}
	for _, c := range []struct {
		format string
		f      fault.Fault
		want   string
	}{
		{"nova", gone, `{"itemNotFound":{"code":404,"message":"no <b> \"x\""}}`},
		{"nova", late, `{"overLimit":{"code":429,"message":"no <b> \"x\"","retryAfter":"7"}}`},
		{"nova", fault.Fault{Status: 406, Message: "m"}, `{"computeFault":{"code":406,"message":"m"}}`},
		{"neutron", coded, `{"NeutronError":{"type":"NetworkNotFound","message":"no <b> \"x\"","detail":""}}`},
		{"neutron", quota, `{"NeutronError":{"type":"OverQuota","message":"no <b> \"x\"","detail":""}}`},
		{"neutron", gone, `{"NeutronError":{"type":"HTTPNotFound","message":"no <b> \"x\"","detail":""}}`},
		{"keystone", gone, `{"error":{"code":404,"title":"Not Found","message":"no <b> \"x\""}}`},
		{"nova", unknown, `{"error":{"code":401,"title":"Unauthorized","message":"m"}}`},
		{"neutron", unknown, `{"error":{"code":401,"title":"Unauthorized","message":"m"}}`},
		{"glance", unknown, `{"error":{"code":401,"title":"Unauthorized","message":"m"}}`},
	} {
		typ, body := formats()[c.format].Dress(c.f)
		require.Equal(t, "application/json", typ)
		require.JSONEq(t, c.want, string(body))
	}
}

func TestGlanceAnswersInTheTypeAskedFor(t *testing.T) {
	f := fault.Fault{Status: 404, Message: "no <b>"}
	for accept, want := range map[string]string{"": "text/html", "*/*": "text/html", "application/json": "application/json", "text/plain": "text/plain"} {
		f.Accept = accept
		typ, body := fault.Glance().Dress(f)
		require.Contains(t, typ, want)
		require.Contains(t, string(body), "404 Not Found")
		if want == "text/html" {
			require.Contains(t, string(body), "no &lt;b&gt;<br /><br />", "what a caller sent is no markup")
		}
	}
}

func TestInvalidIsWordedByEachService(t *testing.T) {
	p := schema.Problem{Path: []string{"server", "name"}, Value: "3", Reason: "3 is not of type 'string'"}
	top := schema.Problem{Reason: "None is not of type 'object'", Value: "None"}
	for name, want := range map[string]string{
		"nova":     "Invalid input for field/attribute name. Value: 3. 3 is not of type 'string'",
		"keystone": "Invalid input for field 'server/name': 3 is not of type 'string'",
		"neutron":  "Invalid input for name. Reason: 3 is not of type 'string'.",
		"glance":   "Provided object does not match schema 'image': 3 is not of type 'string'",
	} {
		require.Equal(t, want, formats()[name].Invalid(p))
		require.Contains(t, formats()[name].Invalid(top), top.Reason)
	}
	n := fault.Neutron()
	require.Equal(t, "Failed to parse request. Required attribute 'network_id' not specified", n.Invalid(schema.Problem{Missing: "network_id"}))
	require.Equal(t, "Unrecognized attribute(s) 'a, b'", n.Invalid(schema.Problem{Unknown: []string{"a", "b"}}))
	readOnly := schema.Problem{Path: []string{"network"}, Unknown: []string{"id"}, ReadOnly: true, Method: "PUT"}
	require.Equal(t, "Cannot update read-only attribute id", n.Invalid(readOnly))
	readOnly.Method = "POST"
	require.Equal(t, "Attribute 'id' not allowed in POST", n.Invalid(readOnly))
	bulk := schema.Problem{Path: []string{"ports", "0", "fixed_ips", "1", "ip_address"}, Reason: "5 is not of type 'string'"}
	require.Equal(t, "Invalid input for fixed_ips. Reason: 5 is not of type 'string'.", n.Invalid(bulk))
}
