package fileimage_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/cumulite/cumulite/drivers/file/fileimage"
	"github.com/cumulite/cumulite/image"
	"github.com/cumulite/cumulite/image/imagetest"
)

func TestFilesKeepTheContract(t *testing.T) {
	imagetest.Run(t, func(t *testing.T) imagetest.Harness {
		dir := t.TempDir()
		open := func() image.Store {
			s, err := fileimage.Open(dir)
			require.NoError(t, err)
			return s
		}
		return imagetest.Harness{Store: open(), Reopen: open}
	})
}
