package fileimage_test

import (
	"bytes"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/cumulite/cumulite/drivers/file/fileimage"
	"github.com/cumulite/cumulite/image"
	"github.com/cumulite/cumulite/image/imagetest"
	"github.com/cumulite/cumulite/platform/errs"
	"github.com/cumulite/cumulite/test/need"
)

func TestFullDiskLeavesNothingOfWhatItCouldNotTake(t *testing.T) {
	need.Root(t)
	dir := t.TempDir()
	require.NoError(t, unix.Mount("tmpfs", dir, "tmpfs", 0, "size=256k"))
	t.Cleanup(func() { require.NoError(t, unix.Unmount(dir, 0)) })
	files, err := fileimage.Open(dir)
	require.NoError(t, err)
	w := imagetest.NewWorld(t, imagetest.Harness{Store: files})
	i := w.Create(t)
	err = w.Images.Upload(w.Ctx, i.ID, bytes.NewReader(imagetest.Disk(1<<20)))
	require.Equal(t, errs.TooLarge, errs.KindOf(err), "%v", err)
	require.Contains(t, errs.Message(err), "not enough disk space")
	got, err := w.Images.GetImage(w.Ctx, i.ID)
	require.NoError(t, err)
	require.Equal(t, image.Queued, got.Status)
	require.NoError(t, w.Images.Upload(w.Ctx, i.ID, bytes.NewReader(imagetest.Disk(200<<10))), "there is room again")
}
