package image_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"sync/atomic"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/cumulite/cumulite/image"
	"github.com/cumulite/cumulite/image/imagetest"
	"github.com/cumulite/cumulite/platform/errs"
	"github.com/cumulite/cumulite/platform/event"
	"github.com/cumulite/cumulite/platform/quota"
	"github.com/cumulite/cumulite/platform/store"
	"github.com/cumulite/cumulite/platform/store/storetest"
)

// during gives a reader of a small disk that does something before its first byte.
func during(does func()) io.Reader {
	return &once{first: readerFunc(func([]byte) (int, error) {
		does()
		return 0, nil
	}), rest: bytes.NewReader(imagetest.Disk(1000))}
}

func TestImageMayBeChangedDuringItsUpload(t *testing.T) {
	w := world(t)
	i := w.Create(t)
	name := "renamed"
	ref := &name
	require.NoError(t, w.Images.Upload(w.Ctx, i.ID, during(func() {
		_, err := w.Images.UpdateImage(w.Ctx, i.ID, image.UpdateImage{Name: &ref})
		require.NoError(t, err)
	})))
	got, err := w.Images.GetImage(w.Ctx, i.ID)
	require.NoError(t, err)
	require.Equal(t, image.Active, got.Status)
	require.Equal(t, name, *got.Name)
}

func TestOneUploadAtATime(t *testing.T) {
	w := world(t)
	i := w.Create(t)
	require.NoError(t, w.Images.Upload(w.Ctx, i.ID, during(func() {
		kind(t, errs.Conflict, w.Images.Upload(w.Ctx, i.ID, bytes.NewReader(imagetest.Disk(600))))
	})))
	v, err := w.Images.Verified(w.Ctx, i.ID)
	require.NoError(t, err)
	require.Equal(t, int64(1000), v.Size(), "the first one's bytes")
}

// slowDelete is a store during whose Delete something happens.
type slowDelete struct {
	image.Store
	meanwhile func()
}

func (s slowDelete) Delete(ctx context.Context, id string) error {
	s.meanwhile()
	return s.Store.Delete(ctx, id)
}

func TestFailedUploadTakesNothingFromTheNext(t *testing.T) {
	w := world(t)
	i := w.Create(t)
	deps, next := w.Deps, error(nil)
	deps.Store = slowDelete{w.Store, func() { next = w.Images.Upload(w.Ctx, i.ID, bytes.NewReader(imagetest.Disk(1000))) }}
	slow, err := image.New(deps, nil)
	require.NoError(t, err)
	require.Error(t, slow.Upload(w.Ctx, i.ID, bytes.NewReader([]byte("QFI\xfb\x00\x00\x00\x03"))))
	kind(t, errs.Conflict, next)
	require.NoError(t, w.Images.Upload(w.Ctx, i.ID, bytes.NewReader(imagetest.Disk(1000))))
}

// Else the upload for a deleted image could give its bytes to another one of that id.
func TestIDsAreNeverUsedAgain(t *testing.T) {
	w := world(t)
	for _, id := range []string{"", uuid.NewString()} {
		i, err := w.Images.CreateImage(w.Ctx, image.CreateImage{ID: id})
		require.NoError(t, err)
		require.NoError(t, w.Images.DeleteImage(w.Ctx, i.ID))
		_, err = w.Images.CreateImage(other(w.Ctx), image.CreateImage{ID: i.ID})
		kind(t, errs.Conflict, err)
		_, err = w.Images.GetImage(w.Ctx, i.ID)
		kind(t, errs.NotFound, err)
	}
}

func TestAnImageCountsForItsOwner(t *testing.T) {
	w := world(t)
	i := w.Create(t)
	used := func(project string) (n int) {
		require.NoError(t, w.Deps.DB.QueryRow(t.Context(), "SELECT coalesce(sum(used), 0) FROM quota_usage WHERE project_id = ?", project).Scan(&n))
		return n
	}
	owner := "p2"
	require.Equal(t, []int{1, 0}, []int{used("p1"), used("p2")})
	_, err := w.Images.UpdateImage(admin(t.Context()), i.ID, image.UpdateImage{Owner: &owner})
	require.NoError(t, err)
	require.Equal(t, []int{0, 1}, []int{used("p1"), used("p2")})
	require.NoError(t, w.Images.DeleteImage(other(t.Context()), i.ID))
	require.Equal(t, []int{0, 0}, []int{used("p1"), used("p2")})
}

func TestRecoverLooksAtManyObjectsAtOnce(t *testing.T) {
	w := world(t)
	i := w.Create(t)
	require.NoError(t, w.Images.Upload(w.Ctx, i.ID, bytes.NewReader(imagetest.Disk(1000))))
	require.NoError(t, w.Deps.DB.Write(t.Context(), func(ctx context.Context, tx *store.Tx) error {
		_, err := tx.Exec(ctx, "UPDATE image_images SET status = ? WHERE id = ?", image.Deactivated, i.ID)
		return err
	}))
	queries := &counting{Store: w.Store, more: 1500}
	deps := w.Deps
	deps.Store = queries
	many, err := image.New(deps, nil)
	require.NoError(t, err)
	require.NoError(t, many.Recover(t.Context()))
	require.Equal(t, 1500, queries.deleted, "all that no image has, and no other")
	_, err = w.Images.Verified(admin(t.Context()), i.ID)
	require.NoError(t, err)
}

// counting is a store that claims to have more objects than it has.
type counting struct {
	image.Store
	more, deleted int
}

func (c *counting) Objects(ctx context.Context) ([]string, error) {
	ids, err := c.Store.Objects(ctx)
	for range c.more {
		ids = append(ids, uuid.NewString())
	}
	return ids, err
}

func (c *counting) Delete(ctx context.Context, id string) error {
	c.deleted++
	return c.Store.Delete(ctx, id)
}

func TestManyTagsInAFilterAreRefused(t *testing.T) {
	w := world(t)
	w.Create(t)
	f := store.Filter{Field: "tag"}
	for range 1500 {
		f.Values = append(f.Values, uuid.NewString())
	}
	_, _, err := w.Images.ListImages(w.Ctx, store.Query{Filters: []store.Filter{f}})
	kind(t, errs.Invalid, err)
}

func TestReservedNamesAreNotTaken(t *testing.T) {
	w := world(t)
	for _, name := range []string{"os_glance_import_task", "location", "deleted", "deleted_at", "locations"} {
		_, err := w.Images.CreateImage(w.Ctx, image.CreateImage{Properties: map[string]string{name: "x"}})
		kind(t, errs.Forbidden, err)
	}
	many := map[string]string{}
	for range 129 {
		many[uuid.NewString()] = "x"
	}
	_, err := w.Images.CreateImage(w.Ctx, image.CreateImage{Properties: many})
	kind(t, errs.TooLarge, err)
}

// deaf is a world whose commits are done, and said to have failed while unheard
// is set.
func deaf(t *testing.T) (w *imagetest.World, unheard *atomic.Bool) {
	w, unheard = world(t), &atomic.Bool{}
	db := storetest.OpenWith(t, &store.Options{Fault: func(op string) error {
		if op == "committed" && unheard.Load() {
			return errors.New("the connection was cut")
		}
		return nil
	}}, event.Migrations(), quota.Migrations(), image.Migrations())
	w.Deps.DB, w.Deps.Events = db, event.New(db, w.Clock, nil)
	var err error
	w.Images, err = image.New(w.Deps, nil)
	require.NoError(t, err)
	return w, unheard
}

// A commit that was done although nobody heard of it keeps the bytes that it
// made an image's.
func TestUploadThatIsActivatedUnheardKeepsItsBytes(t *testing.T) {
	w, unheard := deaf(t)
	i := w.Create(t)
	require.Error(t, w.Images.Upload(w.Ctx, i.ID, during(func() { unheard.Store(true) })))
	unheard.Store(false)
	got, err := w.Images.GetImage(w.Ctx, i.ID)
	require.NoError(t, err)
	require.Equal(t, image.Active, got.Status)
	v, err := w.Images.Verified(w.Ctx, i.ID)
	require.NoError(t, err)
	r, err := w.Images.Open(w.Ctx, v, 0)
	require.NoError(t, err)
	defer r.Close()
	read, err := io.ReadAll(r)
	require.NoError(t, err)
	require.Equal(t, imagetest.Disk(1000), read)
}

// So does one whose deletion was done unheard: its bytes go with it.
func TestImageThatIsDeletedUnheardLeavesNothing(t *testing.T) {
	w, unheard := deaf(t)
	i := w.Create(t)
	require.NoError(t, w.Images.Upload(w.Ctx, i.ID, bytes.NewReader(imagetest.Disk(1000))))
	unheard.Store(true)
	require.NoError(t, w.Images.DeleteImage(w.Ctx, i.ID), "it is gone, which is what was wanted")
	unheard.Store(false)
	objects, err := w.Store.Objects(w.Ctx)
	require.NoError(t, err)
	require.Empty(t, objects)
}
