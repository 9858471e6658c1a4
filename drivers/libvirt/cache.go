package libvirt

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/cumulite/cumulite/compute"
	"github.com/cumulite/cumulite/compute/hosting"
	"github.com/cumulite/cumulite/platform/command"
	"github.com/cumulite/cumulite/platform/errs"
)

const (
	tidyEvery  = time.Hour
	tidyTime   = 2 * time.Second // for each image
	keepUnused = 24 * time.Hour  // how long an image that no guest uses stays
)

// cache is the directory of the images that were fetched.
func (d *Driver) cache() string { return filepath.Join(d.dir, "images") }

// linkBase makes sure that the guest has its image: a hard link into the
// cache, which may then forget the image.
func (d *Driver) linkBase(ctx context.Context, img compute.ImageSpec, dir guestDir) error {
	if img.ID == "" {
		return nil
	}
	if _, err := os.Stat(dir.base()); err == nil {
		return nil
	}
	return d.fetches.Turn(ctx, img.ID, func() error {
		cached := filepath.Join(d.cache(), img.ID+"."+baseFormat(img))
		if err := create(cached, func(part string) error { return d.fetch(ctx, img, part) }); err != nil {
			return err
		}
		now := d.o.Clock.Now()
		return errors.Join(os.Chtimes(cached, now, now), os.Link(cached, dir.base()))
	})
}

// fetch gets the image and converts it when it must be.
func (d *Driver) fetch(ctx context.Context, img compute.ImageSpec, part string) error {
	if foreign[img.Format] == "" {
		return d.download(ctx, img, part)
	}
	raw := part + ".fetched"
	defer os.Remove(raw)
	if err := ignoreMissing(os.Remove(raw)); err != nil {
		return err
	}
	if err := d.download(ctx, img, raw); err != nil {
		return err
	}
	_, err := d.qemuImg(ctx, convertTime, []string{"convert", "-q", "-f", foreign[img.Format], "-O", "qcow2", "--", raw, part})
	if failed := (*command.Error)(nil); errors.As(err, &failed) && failed.Code == 1 {
		return errs.Invalidf("image %s cannot be converted from %s", img.ID, img.Format).Because(err)
	}
	if err != nil {
		return err
	}
	return os.Chmod(part, 0o600)
}

func (d *Driver) download(ctx context.Context, img compute.ImageSpec, to string) error {
	return write(to, func(w io.Writer) error { return hosting.CopyImage(ctx, w, d.images, img) })
}

// tidy removes now and then the images that no guest uses: those that are no
// more, and those that were not used for long. Guests keep what they use by a
// link of their own.
func (d *Driver) tidy(ctx context.Context) {
	now := d.o.Clock.Now().UnixNano()
	last := d.tidied.Load()
	if now < last+int64(tidyEvery) || !d.tidied.CompareAndSwap(last, now) {
		return
	}
	entries, err := os.ReadDir(d.cache())
	if err != nil {
		d.o.Logger.Warn("the image cache cannot be read", "error", err)
		return
	}
	for _, e := range entries {
		if err := d.tidyImage(ctx, e); err != nil && ctx.Err() == nil {
			d.o.Logger.Warn("an image stays in the cache", "file", e.Name(), "error", err)
		}
	}
}

func (d *Driver) tidyImage(ctx context.Context, e fs.DirEntry) error {
	ctx, cancel := context.WithTimeout(ctx, tidyTime)
	defer cancel()
	id, format, _ := strings.Cut(e.Name(), ".")
	return d.fetches.Turn(ctx, id, func() error { // nobody fetches or links it meanwhile
		info, err := e.Info()
		if err != nil || info.Sys().(*syscall.Stat_t).Nlink > 1 {
			return ignoreMissing(err)
		}
		fragment := strings.Contains(format, ".") // of a fetch that was cut
		if !fragment && d.o.Clock.Now().Sub(info.ModTime()) < keepUnused && !d.isGone(ctx, id) {
			return nil
		}
		return ignoreMissing(os.Remove(filepath.Join(d.cache(), e.Name())))
	})
}

// isGone tells whether an image was deleted.
func (d *Driver) isGone(ctx context.Context, id string) bool {
	r, err := d.images.Open(ctx, id)
	if err != nil {
		return errs.Is(err, errs.NotFound)
	}
	r.Close()
	return false
}

// cached is how many bytes the images take on disk, those that guests use included.
func (d *Driver) cached() (bytes int64, err error) {
	entries, err := os.ReadDir(d.cache())
	for _, e := range entries {
		if info, err := e.Info(); err == nil {
			bytes += info.Sys().(*syscall.Stat_t).Blocks * 512
		}
	}
	return bytes, err
}
