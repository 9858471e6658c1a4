package image_test

import (
	"bytes"
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/cumulite/cumulite/drivers/file/fileimage"
	"github.com/cumulite/cumulite/image"
	"github.com/cumulite/cumulite/image/imagetest"
	"github.com/cumulite/cumulite/platform/errs"
	"github.com/cumulite/cumulite/platform/store"
)

func world(t *testing.T) *imagetest.World {
	dir := t.TempDir()
	open := func() image.Store {
		s, err := fileimage.Open(dir)
		require.NoError(t, err)
		return s
	}
	return imagetest.NewWorld(t, imagetest.Harness{Store: open(), Reopen: open})
}

func admin(ctx context.Context) context.Context {
	return imagetest.As(ctx, "admin", "admin", "manager", "member", "reader")
}
func reader(ctx context.Context) context.Context { return imagetest.As(ctx, "p1", "reader") }
func other(ctx context.Context) context.Context {
	return imagetest.As(ctx, "p2", "member", "reader")
}

func kind(t *testing.T, want errs.Kind, err error) {
	t.Helper()
	require.Equal(t, want, errs.KindOf(err), "%v", err)
	require.Error(t, err)
}

func TestContentMustBeWhatIsDeclared(t *testing.T) {
	w := world(t)
	qcow2 := append([]byte("QFI\xfb\x00\x00\x00\x03"), make([]byte, 4096)...)
	i := w.Create(t)
	err := w.Images.Upload(w.Ctx, i.ID, bytes.NewReader(qcow2))
	kind(t, errs.Unsupported, err)
	require.Contains(t, errs.Message(err), "qcow2")
	got, err := w.Images.GetImage(w.Ctx, i.ID)
	require.NoError(t, err)
	require.Equal(t, image.Queued, got.Status)
	require.Nil(t, got.Size)
	objects, err := w.Store.Objects(w.Ctx)
	require.NoError(t, err)
	require.Empty(t, objects, "nothing of it is left")
	_, err = w.Images.Verified(w.Ctx, i.ID)
	kind(t, errs.Conflict, err)
}

func TestUploadTellsSizesAndSums(t *testing.T) {
	w := world(t)
	i := w.Create(t)
	w.Clock.Advance(time.Hour)
	require.NoError(t, w.Images.Upload(w.Ctx, i.ID, bytes.NewReader(imagetest.Disk(5000))))
	got, err := w.Images.GetImage(w.Ctx, i.ID)
	require.NoError(t, err)
	require.Equal(t, image.Active, got.Status)
	require.Equal(t, int64(5000), *got.Size)
	require.Len(t, got.Checksum, 32)
	require.Len(t, got.HashValue, 128)
	require.Equal(t, w.Clock.Now(), got.UpdatedAt)
	kind(t, errs.Conflict, w.Images.Upload(w.Ctx, i.ID, bytes.NewReader(nil)))
}

func TestUploadRefusesWhatIsTooLargeOrNotDeclared(t *testing.T) {
	w := world(t)
	i := w.Create(t)
	kind(t, errs.TooLarge, w.Images.Upload(w.Ctx, i.ID, bytes.NewReader(make([]byte, 8<<20+1))))
	bare, err := w.Images.CreateImage(w.Ctx, image.CreateImage{})
	require.NoError(t, err)
	kind(t, errs.Invalid, w.Images.Upload(w.Ctx, bare.ID, bytes.NewReader(nil)))
}

func TestImageDeletedDuringItsUploadStaysDeleted(t *testing.T) {
	w := world(t)
	i := w.Create(t)
	deleteFirst := readerFunc(func([]byte) (int, error) {
		return 0, w.Images.DeleteImage(w.Ctx, i.ID)
	})
	err := w.Images.Upload(w.Ctx, i.ID, &once{first: deleteFirst, rest: bytes.NewReader(imagetest.Disk(1000))})
	kind(t, errs.Gone, err)
	objects, err := w.Store.Objects(w.Ctx)
	require.NoError(t, err)
	require.Empty(t, objects)
}

func TestKilledUploadIsQueuedAgain(t *testing.T) {
	w := world(t)
	i := w.Create(t)
	require.NoError(t, w.Deps.DB.Write(t.Context(), func(ctx context.Context, tx *store.Tx) error {
		_, err := tx.Exec(ctx, "UPDATE image_images SET status = ? WHERE id = ?", image.Saving, i.ID)
		return err
	}))
	require.NoError(t, w.Images.Recover(t.Context()))
	require.NoError(t, w.Images.Upload(w.Ctx, i.ID, bytes.NewReader(imagetest.Disk(1000))))
	require.NoError(t, w.Images.Recover(t.Context()))
	_, err := w.Images.Verified(w.Ctx, i.ID)
	require.NoError(t, err, "an active image is left alone")
}

func TestImagesOfOthersDoNotExist(t *testing.T) {
	w := world(t)
	i := w.Create(t)
	_, err := w.Images.GetImage(other(t.Context()), i.ID)
	kind(t, errs.NotFound, err)
	_, absent := w.Images.GetImage(other(t.Context()), "5a9b9dbf-1d3e-4c62-a6a6-0a3f0f5c2d11")
	kind(t, errs.NotFound, absent)
	kind(t, errs.NotFound, w.Images.DeleteImage(other(t.Context()), i.ID))
	kind(t, errs.NotFound, w.Images.Upload(other(t.Context()), i.ID, bytes.NewReader(nil)))
	_, err = w.Images.UpdateImage(other(t.Context()), i.ID, image.UpdateImage{})
	kind(t, errs.NotFound, err)
	kind(t, errs.Forbidden, w.Images.DeleteImage(reader(t.Context()), i.ID))
	_, err = w.Images.CreateImage(reader(t.Context()), image.CreateImage{})
	kind(t, errs.Forbidden, err)
	_, err = w.Images.GetImage(t.Context(), i.ID)
	require.Error(t, err, "nobody sees nothing")
	_, err = w.Images.GetImage(admin(t.Context()), i.ID)
	require.NoError(t, err)
}

func TestVisibility(t *testing.T) {
	w := world(t)
	_, err := w.Images.CreateImage(w.Ctx, image.CreateImage{Visibility: image.Public})
	kind(t, errs.Forbidden, err)
	i := w.Create(t)
	public, community := image.Public, image.Community
	_, err = w.Images.UpdateImage(w.Ctx, i.ID, image.UpdateImage{Visibility: &public})
	kind(t, errs.Forbidden, err)
	seen := func(ctx context.Context, filters ...store.Filter) int {
		images, _, err := w.Images.ListImages(ctx, store.Query{Filters: filters})
		require.NoError(t, err)
		return len(images)
	}
	require.Equal(t, []int{1, 0, 1}, []int{seen(w.Ctx), seen(other(w.Ctx)), seen(admin(w.Ctx))})
	_, err = w.Images.UpdateImage(w.Ctx, i.ID, image.UpdateImage{Visibility: &community})
	require.NoError(t, err)
	require.Equal(t, []int{1, 0}, []int{seen(w.Ctx), seen(other(w.Ctx))})
	require.Equal(t, 1, seen(other(w.Ctx), store.Filter{Field: "visibility", Values: []string{"community"}}))
	_, err = w.Images.UpdateImage(admin(w.Ctx), i.ID, image.UpdateImage{Visibility: &public})
	require.NoError(t, err)
	require.Equal(t, 1, seen(other(w.Ctx)))
	kind(t, errs.Forbidden, w.Images.DeleteImage(other(w.Ctx), i.ID))
}

func TestUpdateChangesWhatIsNamedAndNothingElse(t *testing.T) {
	w := world(t)
	name := "debian"
	i, err := w.Images.CreateImage(w.Ctx, image.CreateImage{Name: &name, DiskFormat: "raw", ContainerFormat: "bare", MinRAM: 64,
		Properties: map[string]string{"os": "linux", "old": "x"}, Tags: []string{"b", "a", "a"}})
	require.NoError(t, err)
	protected, tags := true, []string{"c"}
	got, err := w.Images.UpdateImage(w.Ctx, i.ID, image.UpdateImage{Protected: &protected, Tags: &tags,
		Set: map[string]string{"arch": "x86_64"}, Unset: []string{"old"}})
	require.NoError(t, err)
	require.Equal(t, map[string]string{"os": "linux", "arch": "x86_64"}, got.Properties)
	require.Equal(t, []string{"c"}, got.Tags)
	require.Equal(t, "debian", *got.Name)
	require.Equal(t, int64(64), got.MinRAM)
	kind(t, errs.Forbidden, w.Images.DeleteImage(w.Ctx, i.ID))
	require.NoError(t, w.Images.AddTag(w.Ctx, i.ID, "d"))
	require.NoError(t, w.Images.RemoveTag(w.Ctx, i.ID, "c"))
	kind(t, errs.NotFound, w.Images.RemoveTag(w.Ctx, i.ID, "c"))
	images, _, err := w.Images.ListImages(w.Ctx, store.Query{Filters: []store.Filter{{Field: "tag", Values: []string{"d"}}}})
	require.NoError(t, err)
	require.Len(t, images, 1)
	require.Equal(t, []string{"d"}, images[0].Tags)
}

func TestBadInputIsRefusedAndChangesNothing(t *testing.T) {
	w := world(t)
	long := string(make([]byte, 300))
	for what, in := range map[string]image.CreateImage{
		"id": {ID: "no-uuid"}, "name": {Name: &long}, "disk format": {DiskFormat: "exe"}, "container": {ContainerFormat: "box"},
		"visibility": {Visibility: "secret"}, "min disk": {MinDisk: -1}, "reserved": {Properties: map[string]string{"status": "active"}},
		"empty property": {Properties: map[string]string{"": "x"}}, "tag": {Tags: []string{""}},
	} {
		_, err := w.Images.CreateImage(w.Ctx, in)
		require.Error(t, err, what)
		require.Contains(t, []errs.Kind{errs.Invalid, errs.Forbidden}, errs.KindOf(err), what)
	}
	i := w.Create(t)
	_, err := w.Images.CreateImage(w.Ctx, image.CreateImage{ID: i.ID})
	kind(t, errs.Conflict, err)
	owner := "p2"
	_, err = w.Images.UpdateImage(w.Ctx, i.ID, image.UpdateImage{Owner: &owner})
	kind(t, errs.Forbidden, err)
	images, _, err := w.Images.ListImages(w.Ctx, store.Query{})
	require.NoError(t, err)
	require.Len(t, images, 1)
	_, err = w.Images.Open(w.Ctx, image.Verified{}, 0)
	kind(t, errs.Invalid, err)
}

func TestDeactivatedBytesAreForAdministrators(t *testing.T) {
	w := world(t)
	i := w.Create(t)
	kind(t, errs.Forbidden, w.Images.Deactivate(admin(w.Ctx), i.ID))
	require.NoError(t, w.Images.Upload(w.Ctx, i.ID, bytes.NewReader(imagetest.Disk(1000))))
	require.NoError(t, w.Images.Deactivate(w.Ctx, i.ID))
	require.NoError(t, w.Images.Deactivate(admin(w.Ctx), i.ID))
	_, err := w.Images.Verified(w.Ctx, i.ID)
	kind(t, errs.Forbidden, err)
	_, err = w.Images.Verified(admin(w.Ctx), i.ID)
	require.NoError(t, err)
	require.NoError(t, w.Images.Reactivate(admin(w.Ctx), i.ID))
	_, err = w.Images.Verified(w.Ctx, i.ID)
	require.NoError(t, err)
}

type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }

// once reads from first once, then from rest.
type once struct {
	first, rest interface{ Read([]byte) (int, error) }
	done        bool
}

func (o *once) Read(p []byte) (int, error) {
	if !o.done {
		o.done = true
		return o.first.Read(p)
	}
	return o.rest.Read(p)
}
