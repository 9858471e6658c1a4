package cloud_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/cumulite/cumulite/cloud"
)

func TestRunThatIsEndedAtOnceEndsInOrder(t *testing.T) {
	c, err := cloud.Open(t.Context(), cloud.Options{})
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	require.NoError(t, c.Run(ctx))
	require.NoError(t, c.Close())
}
