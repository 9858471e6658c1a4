package microversion_test

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/cumulite/cumulite/platform/errs"
	"github.com/cumulite/cumulite/platform/httpapi/microversion"
)

func TestVersions(t *testing.T) {
	require.True(t, microversion.V("2.79").AtLeast(microversion.V("2.8")))
	require.Equal(t, 1, microversion.V("3.0").Compare(microversion.V("2.99")))
	require.True(t, microversion.V("2.8").In(microversion.V("2.8"), microversion.Version{}))
	require.False(t, microversion.V("2.8").In(microversion.V("2.9"), microversion.Version{}))
	for _, bad := range []string{"", "2", "2.", ".1", "2.01", "02.1", "2.1.1", "2.-1", "latest", "0.1", "2.99999"} {
		_, err := microversion.Parse(bad)
		require.Error(t, err, bad)
	}
	require.Panics(t, func() { microversion.V("x") })
}

func TestSetWithoutALegacyHeaderSpeaksTheCommonOne(t *testing.T) {
	s := microversion.Set{Min: microversion.V("1.0"), Max: microversion.V("1.39"), Type: "placement"}
	for asked, want := range map[string]string{"placement 1.10": "1.10", "placement latest": "1.39", "": "1.0", "compute 2.1": "1.0"} {
		response := http.Header{}
		v, err := s.Negotiate(http.Header{microversion.Header: {asked}}, response)
		require.NoError(t, err)
		require.Equal(t, want, v.String())
		require.Equal(t, http.Header{microversion.Header: {"placement " + want}, "Vary": {microversion.Header}}, response)
	}
	_, err := s.Negotiate(http.Header{microversion.Header: {"placement 1.40"}}, http.Header{})
	require.True(t, errs.Is(err, errs.NotAcceptable))
}

func TestRangeLeavesOpenEndsOut(t *testing.T) {
	require.Nil(t, microversion.Range(microversion.Version{}, microversion.Version{}))
	require.Equal(t, map[string]any{"min-ver": "2.3"}, microversion.Range(microversion.V("2.3"), microversion.Version{}))
}
