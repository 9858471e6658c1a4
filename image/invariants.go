package image

import (
	"context"
	"crypto/sha512"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/cumulite/cumulite/platform/doctor"
	"github.com/cumulite/cumulite/platform/errs"
)

// Invariants say what always holds of images and their bytes.
func (s *Service) Invariants() []doctor.Invariant {
	return []doctor.Invariant{
		{Name: "image.owners", Promise: "Tags are of images that are there.", Check: doctor.All(doctor.Orphans(s.DB, "image_tags", "image_id", "image_images"))},
		{Name: "image.uploads", Promise: "No upload takes for ever.", Check: s.checkUploads},
		{Name: "image.bytes", Promise: "Active images have their bytes, all of them, and no bytes are there without an image.", Check: s.checkBytes},
		{Name: "image.checksums", Promise: "The bytes of active images are those that were uploaded.", Deep: true, Check: s.checkSums},
		s.quotas.Recount(s.DB, "SELECT owner AS project_id, 'image_count_total' AS resource, COUNT(*) AS used FROM image_images GROUP BY owner"),
	}
}

// uploadTime is how long an upload may take.
const uploadTime = 24 * time.Hour

func (s *Service) checkUploads(ctx context.Context) (found []doctor.Finding, err error) {
	var late []Image
	err = s.DB.Read().NewSelect().Model(&late).Where("status = ?", Saving).
		Where("upload_until < ? OR updated_at < ?", s.Clock.Now(), s.Clock.Now().Add(-uploadTime)).Scan(ctx)
	for i := range late {
		found = append(found, doctor.Finding{Object: "image " + late[i].ID, Says: "its upload does not go on", Repair: func(ctx context.Context) error {
			s.requeue(ctx, &late[i])
			return nil
		}})
	}
	return found, err
}

// checkBytes compares the objects of the store with the images. The objects
// are listed first: those of an upload that ends meanwhile have their image.
func (s *Service) checkBytes(ctx context.Context) (found []doctor.Finding, err error) {
	objects, err := s.Store.Objects(ctx)
	if err != nil {
		return nil, err
	}
	var images []Image
	if err := s.DB.Read().NewSelect().Model(&images).Column("id", "status", "size").Where("status <> ?", Queued).Scan(ctx); err != nil {
		return nil, err
	}
	owned := make(map[string]bool, len(images))
	for i := range images {
		owned[images[i].ID] = true
	}
	for _, id := range objects {
		if owned[id] {
			continue
		}
		found = append(found, doctor.Finding{Object: "object " + id, Says: "it is the bytes of no image",
			Repair: func(ctx context.Context) error { return s.sweep(ctx, []string{id}) }})
	}
	for i := range images {
		if says := s.lacks(ctx, &images[i]); says != "" {
			found = append(found, doctor.Finding{Object: "image " + images[i].ID, Says: says})
		}
	}
	return found, nil
}

// lacks says what an image lacks of its bytes.
func (s *Service) lacks(ctx context.Context, i *Image) string {
	if i.Status != Active || i.Size == nil {
		return ""
	}
	last := max(*i.Size-1, 0)
	r, err := s.Store.Open(ctx, i.ID, last)
	if errs.Is(err, errs.NotFound) {
		return "its bytes are not there: put them back, or delete it"
	}
	if err != nil {
		return "its bytes cannot be read: " + err.Error()
	}
	defer func() { _ = r.Close() }()
	n, err := io.ReadFull(r, make([]byte, 2))
	if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
		return "its bytes cannot be read: " + err.Error()
	}
	if last+int64(n) != *i.Size {
		return "it has not the size that was uploaded: put its bytes back, or delete it"
	}
	return ""
}

// checkSums reads the bytes of all active images.
func (s *Service) checkSums(ctx context.Context) (found []doctor.Finding, err error) {
	var images []Image
	if err := s.DB.Read().NewSelect().Model(&images).Column("id", "hash_value").Where("status = ?", Active).Order("id").Scan(ctx); err != nil {
		return nil, err
	}
	for _, i := range images {
		sum, err := s.sum(ctx, i.ID)
		if errs.Is(err, errs.NotFound) {
			continue // it was deleted, or is found without
		}
		if err != nil {
			return nil, fmt.Errorf("read image %s: %w", i.ID, err)
		}
		if sum != i.HashValue {
			found = append(found, doctor.Finding{Object: "image " + i.ID, Says: "its bytes are not those that were uploaded: put them back, or delete it"})
		}
	}
	return found, nil
}

func (s *Service) sum(ctx context.Context, id string) (string, error) {
	r, err := s.Store.Open(ctx, id, 0)
	if err != nil {
		return "", err
	}
	defer func() { _ = r.Close() }()
	h := sha512.New()
	if _, err := io.CopyBuffer(h, contextReader{ctx, r}, make([]byte, 256<<10)); err != nil {
		return "", err
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}
