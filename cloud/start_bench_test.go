package cloud_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/cumulite/cumulite/cloud"
)

// BenchmarkOpen is what a start of an ephemeral cloud costs.
func BenchmarkOpen(b *testing.B) {
	for b.Loop() {
		c, err := cloud.Open(b.Context(), cloud.Options{})
		require.NoError(b, err)
		require.NoError(b, c.Close())
	}
}
