package image

import (
	"context"
	"errors"
	"io"
	"slices"

	"github.com/google/uuid"
	"github.com/uptrace/bun"

	"github.com/cumulite/cumulite/platform/auth"
	"github.com/cumulite/cumulite/platform/errs"
	"github.com/cumulite/cumulite/platform/store"
)

// Upload takes the bytes of a Queued image from r, to its end. They are
// inspected, summed and written as they come. When they are refused, or r
// fails, the image is Queued again and nothing of them is left.
func (s *Service) Upload(ctx context.Context, id string, r io.Reader) error {
	i, err := s.beginUpload(ctx, id)
	if err != nil {
		return err
	}
	kept, end := s.keep(ctx, i)
	defer end()
	v, err := s.receive(kept, i, r)
	if err == nil {
		err = s.activate(ctx, i, v)
	}
	if err != nil {
		s.requeue(context.WithoutCancel(ctx), i)
	}
	return err
}

// beginUpload moves an image from Queued to Saving, which one upload at a time can do.
func (s *Service) beginUpload(ctx context.Context, id string) (i *Image, err error) {
	return i, s.write(ctx, func(ctx context.Context, tx *store.Tx) error {
		if i, err = s.find(ctx, tx, id); err != nil {
			return err
		}
		if err := s.policy.Check(ctx, ActionUpload, i.target()); err != nil {
			return err
		}
		if i.DiskFormat == "" || i.ContainerFormat == "" {
			return errs.Invalidf("Properties disk_format, container_format must be set prior to saving data.")
		}
		if i.Status != Queued {
			return errs.Conflictf("Image status transition from %s to saving is not allowed", i.Status)
		}
		now := s.Clock.Now()
		until := now.Add(uploadLease)
		i.Status, i.UpdatedAt, i.Upload, i.UploadUntil = Saving, now, uuid.NewString(), &until
		return store.Update(ctx, tx, i, "status", "updated_at", "upload", "upload_until")
	})
}

// receive writes the bytes to the store, which has them as an object when it returns without an error.
func (s *Service) receive(ctx context.Context, i *Image, r io.Reader) (Verified, error) {
	staged, err := s.Store.Stage(ctx, i.ID)
	if err != nil {
		return Verified{}, err
	}
	defer staged.Abort()
	check := newVerifier(i.ID, i.DiskFormat)
	limited := io.LimitReader(contextReader{ctx, r}, s.maxSize+1)
	n, err := io.CopyBuffer(io.MultiWriter(check, staged), limited, make([]byte, 256<<10))
	if err != nil {
		return Verified{}, err
	}
	if n > s.maxSize {
		return Verified{}, errs.New(errs.TooLarge, "Image exceeds the storage quota: the limit is %d bytes", s.maxSize)
	}
	v, err := check.finish()
	if err != nil {
		return Verified{}, err
	}
	return v, staged.Commit(ctx, v)
}

// activate makes the stored bytes those of the image, unless it was deleted meanwhile.
func (s *Service) activate(ctx context.Context, i *Image, v Verified) error {
	err := s.write(context.WithoutCancel(ctx), func(ctx context.Context, tx *store.Tx) error {
		upload := i.Upload
		i, err := store.Get[Image](ctx, tx, i.ID) // its owner may have changed it meanwhile
		if err != nil {
			return err
		}
		if i.Status != Saving || i.Upload != upload {
			return errs.New(errs.Gone, "The upload of image %s was given up.", i.ID).Because(errGivenUp)
		}
		i.Status, i.UpdatedAt, i.Upload, i.UploadUntil = Active, s.Clock.Now(), "", nil
		i.Size, i.VirtualSize, i.Checksum, i.HashValue, i.ContentFormat = &v.size, &v.virtualSize, v.md5, v.sha512, v.format
		err = store.Update(ctx, tx, i, "status", "updated_at", "upload", "upload_until", "size", "virtual_size", "checksum", "hash_value", "content_format")
		if err != nil {
			return err
		}
		return s.emit(ctx, tx, "activated", i)
	})
	if store.IsNone(err) {
		return errs.New(errs.Gone, "Image %s was deleted while its data was uploaded", i.ID)
	}
	return err
}

// requeue undoes an upload that failed, unless another one has begun; the bytes
// go first, for once the image is Queued they may be the next upload's. What it
// cannot undo now, Run does.
func (s *Service) requeue(ctx context.Context, i *Image) {
	err := s.undoUpload(ctx, i)
	if err != nil {
		s.log.Warn("a failed upload stays for a while", "image", i.ID, "error", err)
	}
}

func (s *Service) undoUpload(ctx context.Context, i *Image) error {
	now, err := store.Get[Image](ctx, s.DB.Read(), i.ID)
	if err == nil && now.Status != Queued && (now.Status != Saving || now.Upload != i.Upload) {
		return nil // it was activated after all, though the commit said that it was not, or another one is at work
	}
	if err != nil && !store.IsNone(err) {
		return err
	}
	if err := s.Store.Delete(ctx, i.ID); err != nil {
		return err
	}
	return s.write(ctx, func(ctx context.Context, tx *store.Tx) error {
		_, err := tx.Exec(ctx, "UPDATE image_images SET status = ?, upload = '', upload_until = NULL, version = version + 1 WHERE id = ? AND status = ? AND upload = ?",
			Queued, i.ID, Saving, i.Upload)
		return err
	})
}

// Recover ends what a process that was killed has left: uploads go back to
// Queued, and bytes that no image has are removed. It is called once, before
// the service is used, and only by a process that is alone: Run sees to the rest.
func (s *Service) Recover(ctx context.Context) error {
	err := s.write(ctx, func(ctx context.Context, tx *store.Tx) error {
		_, err := tx.Exec(ctx, "UPDATE image_images SET status = ?, upload = '', upload_until = NULL, version = version + 1 WHERE status = ?", Queued, Saving)
		return err
	})
	if err = errors.Join(err, s.Store.Sweep(ctx)); err != nil {
		return err
	}
	objects, err := s.Store.Objects(ctx)
	if err != nil {
		return err
	}
	for some := range slices.Chunk(objects, atOnce) {
		if err := s.sweep(ctx, some); err != nil {
			return err
		}
	}
	return nil
}

// atOnce is how many objects are looked up with one query.
const atOnce = 500

// sweep removes those of the objects that are the bytes of no image.
func (s *Service) sweep(ctx context.Context, objects []string) error {
	var kept []string
	err := s.DB.Read().NewSelect().Model((*Image)(nil)).Column("id").
		Where("id IN (?) AND status <> ?", bun.List(objects), Queued).Scan(ctx, &kept)
	if err != nil {
		return err
	}
	for _, id := range objects {
		if slices.Contains(kept, id) {
			continue
		}
		if err := s.Store.Delete(ctx, id); err != nil {
			return err
		}
	}
	return nil
}

// Verified gives what stands for the bytes of an image that the caller may
// use: errs.NotFound when it may not see it, errs.Conflict while there are none.
func (s *Service) Verified(ctx context.Context, id string) (Verified, error) {
	i, err := s.find(ctx, s.DB.Read(), id)
	if err != nil {
		return Verified{}, err
	}
	if err := s.policy.Check(ctx, ActionDownload, i.target()); err != nil {
		return Verified{}, err
	}
	switch {
	case i.Status == Deactivated && !auth.From(ctx).HasRole("admin"):
		return Verified{}, errs.Forbiddenf("The requested image has been deactivated. Image data download is forbidden.")
	case i.Size == nil:
		return Verified{}, errs.Conflictf("Image %s has no data.", id)
	}
	return Verified{id: i.ID, format: i.ContentFormat, size: *i.Size, virtualSize: *i.VirtualSize, md5: i.Checksum, sha512: i.HashValue}, nil
}

// Open reads verified bytes from offset on.
func (s *Service) Open(ctx context.Context, v Verified, offset int64) (io.ReadCloser, error) {
	if v.id == "" {
		return nil, errs.Invalidf("There is nothing to read: no image was verified.")
	}
	return s.Store.Open(ctx, v.id, offset)
}

// contextReader ends reading when its context does.
type contextReader struct {
	ctx context.Context
	r   io.Reader
}

func (c contextReader) Read(p []byte) (int, error) {
	if err := c.ctx.Err(); err != nil {
		return 0, err
	}
	return c.r.Read(p)
}
