package image_test

import (
	"bytes"
	"context"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/cumulite/cumulite/image"
	"github.com/cumulite/cumulite/image/imagetest"
	"github.com/cumulite/cumulite/platform/errs"
	"github.com/cumulite/cumulite/platform/store"
)

// another is a process that shares the images of w.
func another(t *testing.T, w *imagetest.World) *image.Service {
	s, err := image.New(w.Deps, nil)
	require.NoError(t, err)
	return s
}

// running runs a service until the test ends.
func running(t *testing.T, s *image.Service) {
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	t.Cleanup(func() { stop(); require.NoError(t, <-done) })
}

func status(t *testing.T, w *imagetest.World, id string) image.Status {
	i, err := w.Images.GetImage(w.Ctx, id)
	require.NoError(t, err)
	return i.Status
}

// givenUp has another process find an upload as good as dead: somebody else's clock says so.
func givenUp(t *testing.T, w *imagetest.World, id string) {
	t.Helper()
	require.NoError(t, w.Deps.DB.Write(w.Ctx, func(ctx context.Context, tx *store.Tx) error {
		_, err := tx.Exec(ctx, "UPDATE image_images SET upload_until = ?", w.Clock.Now().Add(-time.Second))
		return err
	}))
	running(t, another(t, w))
	require.Eventually(t, func() bool { return status(t, w, id) == image.Queued }, 10*time.Second, time.Millisecond)
}

func TestAnotherProcessLeavesUploadsAlone(t *testing.T) {
	w := world(t)
	i := w.Create(t)
	require.NoError(t, w.Images.Upload(w.Ctx, i.ID, during(func() {
		running(t, another(t, w))
		for range 30 { // the upload shows that it goes on
			before, err := w.Images.GetImage(w.Ctx, i.ID)
			require.NoError(t, err)
			require.Eventually(t, func() bool { return w.Clock.Waiting() >= 2 }, 10*time.Second, time.Millisecond, "both are asleep")
			w.Clock.Advance(20 * time.Second)
			require.Eventually(t, func() bool {
				now, err := w.Images.GetImage(w.Ctx, i.ID)
				require.NoError(t, err)
				return now.UploadUntil != nil && now.UploadUntil.After(*before.UploadUntil)
			}, 10*time.Second, time.Millisecond)
		}
		require.Equal(t, image.Saving, status(t, w, i.ID))
	})))
	require.Equal(t, image.Active, status(t, w, i.ID))
}

func TestAnUploadWithoutASignOfLifeIsGivenUp(t *testing.T) {
	w := world(t)
	i := w.Create(t)
	err := w.Images.Upload(w.Ctx, i.ID, during(func() {
		givenUp(t, w, i.ID)
		require.NoError(t, w.Images.Upload(w.Ctx, i.ID, bytes.NewReader(imagetest.Disk(600))), "it can be uploaded again")
	}))
	require.Error(t, err, "the first one is told when it goes on")
	v, err := w.Images.Verified(w.Ctx, i.ID)
	require.NoError(t, err)
	require.Equal(t, int64(600), v.Size(), "and leaves the bytes of the second alone")
	objects, err := w.Store.Objects(w.Ctx)
	require.NoError(t, err)
	require.Equal(t, []string{i.ID}, objects)
}

func TestAnUploadThatWasGivenUpLeavesNothing(t *testing.T) {
	w := world(t)
	i := w.Create(t)
	err := w.Images.Upload(w.Ctx, i.ID, during(func() {
		givenUp(t, w, i.ID)
	}))
	kind(t, errs.Gone, err)
	require.Equal(t, image.Queued, status(t, w, i.ID))
	objects, err := w.Store.Objects(w.Ctx)
	require.NoError(t, err)
	require.Empty(t, objects)
}

// An upload that is given up while it ends is not acknowledged: its bytes are
// about to go.
func TestUploadThatIsGivenUpIsNotAcknowledged(t *testing.T) {
	w := world(t)
	i := w.Create(t)
	deleting, uploaded := make(chan struct{}), make(chan struct{})
	deps := w.Deps
	deps.Store = slowDelete{w.Store, sync.OnceFunc(func() { close(deleting); <-uploaded })}
	slow, err := image.New(deps, nil)
	require.NoError(t, err)
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error, 1)
	err = w.Images.Upload(w.Ctx, i.ID, during(func() {
		assert.NoError(t, w.Deps.DB.Write(t.Context(), func(ctx context.Context, tx *store.Tx) error {
			_, err := tx.Exec(ctx, "UPDATE image_images SET upload_until = ?", w.Clock.Now().Add(-time.Hour))
			return err
		}))
		go func() { done <- slow.Run(ctx) }()
		<-deleting
	}))
	close(uploaded)
	require.Error(t, err)
	require.Eventually(t, func() bool {
		got, err := w.Images.GetImage(w.Ctx, i.ID)
		return err == nil && got.Status == image.Queued
	}, 10*time.Second, time.Millisecond)
	stop()
	require.NoError(t, <-done)
	require.NoError(t, w.Images.Upload(w.Ctx, i.ID, bytes.NewReader(imagetest.Disk(1000))))
}
