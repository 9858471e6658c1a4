package image

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/uptrace/bun"

	"github.com/cumulite/cumulite/platform/auth"
	"github.com/cumulite/cumulite/platform/errs"
	"github.com/cumulite/cumulite/platform/quota"
	"github.com/cumulite/cumulite/platform/store"
)

// Status is where an image stands.
type Status string

// The statuses. Uploads go from Queued through Saving to Active; one that
// fails goes back to Queued.
const (
	Queued      Status = "queued"
	Saving      Status = "saving"
	Active      Status = "active"
	Deactivated Status = "deactivated" // its bytes are for administrators only
)

// Visibility says who sees an image besides its owner.
type Visibility string

// The visibilities. Community images are seen by all, but not listed unless asked for.
const (
	Public    Visibility = "public"
	Community Visibility = "community"
	Shared    Visibility = "shared"
	Private   Visibility = "private"
)

// Visibilities gives all of them.
func Visibilities() []string {
	return []string{string(Public), string(Community), string(Shared), string(Private)}
}

// Image is an image, and its row.
type Image struct {
	bun.BaseModel   `bun:"table:image_images,alias:image"`
	ID              string     `bun:"id,pk"`
	Version         int64      `bun:"version,notnull"`
	Name            *string    `bun:"name"`
	Owner           string     `bun:"owner,notnull"`
	Status          Status     `bun:"status,notnull"`
	Visibility      Visibility `bun:"visibility,notnull"`
	Protected       bool       `bun:"protected,notnull"`
	Hidden          bool       `bun:"hidden,notnull"`
	DiskFormat      string     `bun:"disk_format,notnull"`
	ContainerFormat string     `bun:"container_format,notnull"`
	MinDisk         int64      `bun:"min_disk,notnull"` // GiB
	MinRAM          int64      `bun:"min_ram,notnull"`  // MiB
	Size            *int64     `bun:"size"`             // bytes; nil until they are there
	VirtualSize     *int64     `bun:"virtual_size"`     // bytes; nil until they are known
	Checksum        string     `bun:"checksum,notnull"` // MD5 in hex
	HashValue       string     `bun:"hash_value,notnull"`
	ContentFormat   string     `bun:"content_format,notnull"` // what the inspector found
	Upload          string     `bun:"upload,notnull"`         // that is saving it; "" when none is
	UploadUntil     *time.Time `bun:"upload_until"`           // when it is given up unless it shows a sign of life

	Properties map[string]string `bun:"properties,notnull"`
	Tags       []string          `bun:"-"` // sorted; rows of their own
	CreatedAt  time.Time         `bun:"created_at,notnull"`
	UpdatedAt  time.Time         `bun:"updated_at,notnull"`
}

// tag is one tag of an image.
type tag struct {
	bun.BaseModel `bun:"table:image_tags,alias:tag"`
	ImageID       string `bun:"image_id,pk"`
	Tag           string `bun:"tag,pk"`
}

// CreateImage is what a user may say of a new image.
type CreateImage struct {
	ID              string // "" has one made
	Name            *string
	Owner           string // "" is the caller's project; another needs an administrator
	Visibility      Visibility
	Protected       bool
	Hidden          bool
	DiskFormat      string
	ContainerFormat string
	MinDisk, MinRAM int64
	Properties      map[string]string
	Tags            []string
}

// CreateImage makes an image without bytes, in status Queued.
func (s *Service) CreateImage(ctx context.Context, in CreateImage) (*Image, error) {
	g := auth.From(ctx)
	now := s.Clock.Now()
	i := &Image{ID: in.ID, Name: in.Name, Owner: in.Owner, Status: Queued, Visibility: in.Visibility, Protected: in.Protected, Hidden: in.Hidden,
		DiskFormat: in.DiskFormat, ContainerFormat: in.ContainerFormat, MinDisk: in.MinDisk, MinRAM: in.MinRAM,
		Properties: in.Properties, Tags: sorted(in.Tags), CreatedAt: now, UpdatedAt: now}
	if i.ID == "" {
		i.ID = uuid.NewString()
	}
	if i.Owner == "" {
		i.Owner = g.ProjectID()
	}
	if i.Visibility == "" {
		i.Visibility = Shared
	}
	if i.Properties == nil {
		i.Properties = map[string]string{}
	}
	if err := s.policy.Check(ctx, ActionAdd, i.target()); err != nil {
		return nil, err
	}
	if err := s.mayShow(ctx, i); err != nil {
		return nil, err
	}
	if err := i.validate(); err != nil {
		return nil, err
	}
	return i, s.write(ctx, func(ctx context.Context, tx *store.Tx) error { return s.insert(ctx, tx, i) })
}

func (s *Service) insert(ctx context.Context, tx *store.Tx, i *Image) error {
	err := unused(ctx, tx, i.ID)
	if err == nil {
		err = store.Insert(ctx, tx, i)
	}
	if store.IsDuplicate(err) {
		return errs.Conflictf("Image ID %s already exists!", i.ID)
	}
	if err != nil {
		return err
	}
	if err := setTags(ctx, tx, i.ID, i.Tags); err != nil {
		return err
	}
	if err := s.quotas.Use(ctx, tx, i.Owner, map[quota.Resource]int{quotaImages: 1}); err != nil {
		return err
	}
	return s.emit(ctx, tx, "created", i)
}

// retired is the id of an image that was deleted. It is not used again: an
// upload that is still under way must never end in an image it was not meant for.
type retired struct {
	bun.BaseModel `bun:"table:image_retired,alias:retired"`
	ID            string `bun:"id,pk"`
}

// unused tells that an id was that of a deleted image.
func unused(ctx context.Context, tx *store.Tx, id string) error {
	switch _, err := store.Get[retired](ctx, tx, id); {
	case err == nil:
		return errs.Conflictf("Image ID %s already exists!", id)
	case !store.IsNone(err):
		return err
	}
	return nil
}

// mayShow checks that the caller may give i its visibility.
func (s *Service) mayShow(ctx context.Context, i *Image) error {
	switch i.Visibility {
	case Public:
		return s.policy.Check(ctx, ActionPublicize, i.target())
	case Community:
		return s.policy.Check(ctx, ActionCommunize, i.target())
	}
	return nil
}

// GetImage gives an image that the caller may see.
func (s *Service) GetImage(ctx context.Context, id string) (*Image, error) {
	i, err := s.find(ctx, s.DB.Read(), id)
	if err != nil {
		return nil, err
	}
	if err := s.policy.Check(ctx, ActionGet, i.target()); err != nil {
		return nil, missing(id)
	}
	rows := []Image{*i}
	err = s.loadTags(ctx, s.DB.Read(), rows)
	return &rows[0], err
}

// find gives an image without its tags; one that the caller may not see is not there.
func (s *Service) find(ctx context.Context, db bun.IDB, id string) (*Image, error) {
	i, err := store.Get[Image](ctx, db, id)
	if store.IsNone(err) || err == nil && !i.visible(auth.From(ctx)) {
		return nil, missing(id)
	}
	return i, err
}

func missing(id string) error { return errs.NotFoundf("No image found with ID %s", id) }

// DeleteImage removes an image and its bytes. A protected one is refused.
func (s *Service) DeleteImage(ctx context.Context, id string) error {
	allowed := false
	err := s.write(ctx, func(ctx context.Context, tx *store.Tx) error {
		i, err := s.find(ctx, tx, id)
		if err != nil {
			return err
		}
		if err := s.policy.Check(ctx, ActionDelete, i.target()); err != nil {
			return err
		}
		if i.Protected {
			return errs.Forbiddenf("Image %s is protected and cannot be deleted.", id)
		}
		allowed = true
		return s.remove(ctx, tx, i)
	})
	if err != nil && !(allowed && s.isGone(ctx, id)) {
		return err
	}
	// The row is gone: what cannot be cleared away now, Recover clears away.
	if err := s.Store.Delete(context.WithoutCancel(ctx), id); err != nil {
		s.log.Warn("the bytes of a deleted image stay until the next start", "image", id, "error", err)
	}
	return nil
}

// isGone tells whether an image was deleted although the commit said that it
// was not.
func (s *Service) isGone(ctx context.Context, id string) bool {
	_, err := store.Get[Image](context.WithoutCancel(ctx), s.DB.Read(), id)
	return store.IsNone(err)
}

func (s *Service) remove(ctx context.Context, tx *store.Tx, i *Image) error {
	if err := store.Delete[Image](ctx, tx, i.ID); err != nil {
		return err
	}
	if err := store.Insert(ctx, tx, &retired{ID: i.ID}); err != nil {
		return err
	}
	if err := setTags(ctx, tx, i.ID, nil); err != nil {
		return err
	}
	if err := s.quotas.Use(ctx, tx, i.Owner, map[quota.Resource]int{quotaImages: -1}); err != nil {
		return err
	}
	return s.emit(ctx, tx, "deleted", i)
}

// setTags makes tags those of an image.
func setTags(ctx context.Context, tx *store.Tx, id string, tags []string) error {
	if _, err := tx.Exec(ctx, "DELETE FROM image_tags WHERE image_id = ?", id); err != nil {
		return err
	}
	for _, t := range tags {
		if err := store.Insert(ctx, tx, &tag{ImageID: id, Tag: t}); err != nil {
			return err
		}
	}
	return nil
}

// loadTags fills in the tags of images with one query.
func (s *Service) loadTags(ctx context.Context, db bun.IDB, images []Image) error {
	if len(images) == 0 {
		return nil
	}
	at := make(map[string]*Image, len(images))
	ids := make([]string, len(images))
	for n := range images {
		images[n].Tags = []string{}
		at[images[n].ID], ids[n] = &images[n], images[n].ID
	}
	var tags []tag
	err := db.NewSelect().Model(&tags).Where("image_id IN (?)", bun.List(ids)).Order("image_id", "tag").Scan(ctx)
	for _, t := range tags {
		at[t.ImageID].Tags = append(at[t.ImageID].Tags, t.Tag)
	}
	return err
}

func sorted(tags []string) []string {
	tags = slices.Clone(tags)
	slices.SortFunc(tags, strings.Compare)
	return slices.Compact(tags)
}
