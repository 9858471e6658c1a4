package errs_test

import (
	"errors"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/cumulite/cumulite/platform/errs"
)

func TestWrapKeepsKindCodeAndMessage(t *testing.T) {
	base := errs.Conflictf("port %s is in use", "p1").WithCode("PortInUse").Because(errors.New("row locked"))
	err := errs.Wrap(base, "delete port %s", "p1")
	require.Equal(t, errs.Conflict, errs.KindOf(err))
	require.Equal(t, "port p1 is in use", errs.Message(err))
	require.Equal(t, "PortInUse", errs.CodeOf(err))
	require.Contains(t, err.Error(), "row locked", "logs see the cause")
	require.NotContains(t, errs.Message(err), "row locked", "callers do not")
}

func TestPlainErrorIsInternalAndSilent(t *testing.T) {
	err := fmt.Errorf("open /secret/path: denied")
	require.Equal(t, errs.Internal, errs.KindOf(err))
	require.Empty(t, errs.Message(err))
	require.Empty(t, errs.Message(errs.New(errs.Internal, "open /secret/path")))
	require.Equal(t, errs.Internal, errs.KindOf(nil))
	require.False(t, errs.Is(nil, errs.Internal))
	require.NoError(t, errs.Wrap(nil, "nothing"))
}

func TestTransientKinds(t *testing.T) {
	for k := errs.Internal; k <= errs.Timeout; k++ {
		want := k == errs.Internal || k == errs.Unavailable || k == errs.Timeout || k == errs.RateLimited
		require.Equal(t, want, errs.Transient(errs.New(k, "x")), k.String())
	}
	require.True(t, errs.Transient(errors.New("connection reset")))
	require.False(t, errs.Transient(nil))
}

func TestMissingReadsTheSameForEveryReason(t *testing.T) {
	err := errs.Missing("Server", "42")
	require.Equal(t, "Server 42 could not be found.", errs.Message(err))
	require.True(t, errs.Is(err, errs.NotFound))
	require.Equal(t, "42", err.ID)
	require.Equal(t, "internal", errs.Kind(200).String())
}
