package cloud_test

import (
	"path/filepath"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/cumulite/cumulite/cloud"
	"github.com/cumulite/cumulite/platform/errs"
)

func TestPurgeLeavesNothingAndSparesAnOpenCloud(t *testing.T) {
	dir := t.TempDir()
	o := cloud.Options{Dir: filepath.Join(dir, "state"), HostDir: filepath.Join(dir, "host")}
	cleared := false
	o.Hosts = func(deps cloud.HostDeps) (cloud.Hosts, error) {
		hosts, err := cloud.Simulated(deps)
		hosts.Clear = func() error {
			cleared = true
			_, err := deps.Images.Open(t.Context(), uuid.NewString()) // drivers tidy what they keep of images
			require.True(t, errs.Is(err, errs.Unavailable), "%v", err)
			return nil
		}
		return hosts, err
	}
	c, err := cloud.Open(t.Context(), o)
	require.NoError(t, err)
	require.ErrorContains(t, cloud.Purge(t.Context(), o), "another process uses it")
	require.False(t, cleared)
	require.NoError(t, c.Close())

	require.NoError(t, cloud.Purge(t.Context(), o))
	require.True(t, cleared)
	left, err := filepath.Glob(filepath.Join(dir, "*"))
	require.NoError(t, err)
	require.Empty(t, left)
}
