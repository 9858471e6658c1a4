package guest_test

import (
	"encoding/json"
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/cumulite/cumulite/platform/command"
	"github.com/cumulite/cumulite/test/guest"
	"github.com/cumulite/cumulite/test/need"
)

func TestImageIsBuiltOnce(t *testing.T) {
	first := guest.Image(t)
	before, err := os.Stat(first.Image)
	require.NoError(t, err)
	require.Less(t, before.Size(), int64(25<<20))

	require.Equal(t, first, guest.Image(t))
	after, err := os.Stat(first.Image)
	require.NoError(t, err)
	require.Equal(t, before.ModTime(), after.ModTime())
}

func TestImageIsWhatItSays(t *testing.T) {
	paths := guest.Image(t)
	out, err := command.Run(t.Context(), command.Command{
		Path: need.Program(t, "qemu-img"), Args: []string{"info", "-f", "qcow2", "--output=json", "--", paths.Image},
	})
	require.NoError(t, err)
	var info struct {
		VirtualSize int64  `json:"virtual-size"`
		Backing     string `json:"backing-filename"`
	}
	require.NoError(t, json.Unmarshal(out, &info))
	require.Equal(t, paths.VirtualSize, info.VirtualSize)
	require.Empty(t, info.Backing)
	require.FileExists(t, paths.Kernel)
	require.FileExists(t, paths.Initrd)
}
