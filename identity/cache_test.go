package identity

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestCacheIsBoundedAndKeepsWhatIsAskedFor(t *testing.T) {
	c := newCache[int, int](10)
	for i := range 1000 {
		c.put(i, i)
		got, ok := c.get(0)
		require.True(t, ok)
		require.Zero(t, got)
		require.LessOrEqual(t, len(c.young)+len(c.old), 10)
	}
	_, ok := c.get(500)
	require.False(t, ok)
}
