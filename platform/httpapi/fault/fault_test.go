package fault_test

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/cumulite/cumulite/platform/errs"
	"github.com/cumulite/cumulite/platform/httpapi/fault"
)

func TestEveryKindHasAStatus(t *testing.T) {
	var f fault.Format
	for k := errs.Internal; k <= errs.Timeout; k++ {
		status := f.Status(k)
		require.GreaterOrEqual(t, status, 400, k)
		require.NotEmpty(t, http.StatusText(status))
		require.Equal(t, k == errs.Internal, status == 500, k)
	}
	require.Equal(t, 500, f.Status(errs.Kind(200)))
	f.Statuses = map[errs.Kind]int{errs.Quota: 413}
	require.Equal(t, 413, f.Status(errs.Quota), "where a service differs from the table")
	require.Equal(t, 404, f.Status(errs.NotFound))
}

func TestUnknownCallersAreAnsweredByAllServicesAlike(t *testing.T) {
	own := fault.Format{Dress: func(f fault.Fault) (string, []byte) { return "text/plain", []byte(f.Message) }}
	typ, body := own.Body(fault.Fault{Status: 404, Message: "m"})
	require.Equal(t, "text/plain m", typ+" "+string(body))
	typ, body = own.Body(fault.Fault{Status: 401, Message: `no <b> "x"`})
	require.Equal(t, "application/json", typ)
	require.JSONEq(t, `{"error":{"code":401,"title":"Unauthorized","message":"no <b> \"x\""}}`, string(body))
}
