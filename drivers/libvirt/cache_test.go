package libvirt

import (
	"log/slog"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/cumulite/cumulite/compute"
	"github.com/cumulite/cumulite/compute/computetest"
	"github.com/cumulite/cumulite/compute/hosting"
	"github.com/cumulite/cumulite/platform/clock"
)

// cachingDriver gives what of a driver needs no libvirtd, and its clock.
func cachingDriver(t *testing.T, images compute.Images) (*Driver, *clock.Manual) {
	clk := clock.NewManual(time.Now())
	d := &Driver{o: Options{Clock: clk, Logger: slog.New(slog.DiscardHandler)}, dir: t.TempDir(), images: images, fetches: hosting.NewCalls(nil)}
	require.NoError(t, os.Mkdir(d.cache(), 0o700))
	return d, clk
}

// fetched has an image fetched for a new guest, and gives where it is cached.
func fetched(t *testing.T, d *Driver, img compute.ImageSpec) (cached string, guest guestDir) {
	guest = d.guest(uuid.NewString())
	require.NoError(t, os.MkdirAll(string(guest), 0o700))
	require.NoError(t, d.linkBase(t.Context(), img, guest))
	return filepath.Join(d.cache(), img.ID+"."+img.Format), guest
}

func TestCacheForgetsWhatNoGuestUsedForLong(t *testing.T) {
	images := computetest.NewImages()
	d, clk := cachingDriver(t, images)
	img := images.Bootable()
	cached, guest := fetched(t, d, img)
	size, err := d.cached()
	require.NoError(t, err)
	require.GreaterOrEqual(t, size, img.Size, "it is room that no guest can have")

	clk.Advance(2 * keepUnused)
	d.tidy(t.Context())
	require.FileExists(t, cached, "a guest uses it")
	require.NoError(t, os.RemoveAll(string(guest)))
	d.tidy(t.Context())
	require.FileExists(t, cached, "it was looked at not long ago")
	clk.Advance(tidyEvery)
	d.tidy(t.Context())
	require.NoFileExists(t, cached)
	size, err = d.cached()
	require.NoError(t, err)
	require.Zero(t, size)
}

func TestCacheForgetsDeletedImagesSoon(t *testing.T) {
	images := computetest.NewImages()
	d, clk := cachingDriver(t, images)
	kept, guest := fetched(t, d, images.Bootable())
	require.NoError(t, os.RemoveAll(string(guest)))
	deleted := filepath.Join(d.cache(), uuid.NewString()+".qcow2")
	cut := filepath.Join(d.cache(), uuid.NewString()+".qcow2.part.fetched")
	for _, path := range []string{deleted, cut} {
		require.NoError(t, os.WriteFile(path, []byte("a tenant's"), 0o600))
	}
	clk.Advance(tidyEvery)
	d.tidy(t.Context())
	require.FileExists(t, kept)
	require.NoFileExists(t, deleted)
	require.NoFileExists(t, cut, "the process that fetched it was killed")
}

func TestCacheKeepsWhatIsBeingFetched(t *testing.T) {
	images := computetest.NewImages()
	d, _ := cachingDriver(t, images)
	id := uuid.NewString()
	part := filepath.Join(d.cache(), id+".raw.part")
	require.NoError(t, d.fetches.Turn(t.Context(), id, func() error {
		require.NoError(t, os.WriteFile(part, nil, 0o600))
		d.tidy(t.Context())
		require.FileExists(t, part)
		return nil
	}))
}
