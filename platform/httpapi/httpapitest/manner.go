package httpapitest

import (
	"net/url"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/cumulite/cumulite/platform/errs"
	"github.com/cumulite/cumulite/platform/httpapi/discovery"
	"github.com/cumulite/cumulite/platform/httpapi/fault"
	"github.com/cumulite/cumulite/platform/httpapi/listquery"
	"github.com/cumulite/cumulite/platform/store"
)

// Document gives a version document as its callers get it, with that status, as JSON.
func Document(t testing.TB, at discovery.Place, write func(discovery.Place) (int, any), status int) string {
	t.Helper()
	got, body := write(at)
	require.Equal(t, status, got)
	_, text := fault.JSON(body)
	return string(text)
}

// Lists reads the parameters of a list in an API's manner.
func Lists(t testing.TB, m listquery.Manner, query string, filters ...string) (store.Query, error) {
	t.Helper()
	p, err := url.ParseQuery(query)
	require.NoError(t, err)
	return listquery.Read(m, p, filters)
}

// ListsRefuse sees that parameters of a list, among them the filter "name", are
// refused with these words.
func ListsRefuse(t testing.TB, m listquery.Manner, words map[string]string) {
	t.Helper()
	for query, want := range words {
		_, err := Lists(t, m, query, "name")
		require.True(t, errs.Is(err, errs.Invalid), query)
		require.Equal(t, want, errs.Message(err), query)
	}
}

// Faults sees that faults have these bodies, which are JSON.
func Faults(t testing.TB, f fault.Format, bodies map[string]fault.Fault) {
	t.Helper()
	for want, x := range bodies {
		typ, body := f.Body(x)
		require.Equal(t, "application/json", typ)
		require.JSONEq(t, want, string(body))
	}
}
