package image

import (
	"context"
	"maps"

	"github.com/cumulite/cumulite/platform/auth"
	"github.com/cumulite/cumulite/platform/errs"
	"github.com/cumulite/cumulite/platform/policy"
	"github.com/cumulite/cumulite/platform/quota"
	"github.com/cumulite/cumulite/platform/store"
)

// UpdateImage is what a user may change of an image; nil fields stay.
type UpdateImage struct {
	Name            **string
	Owner           *string // administrators only
	Visibility      *Visibility
	Protected       *bool
	Hidden          *bool
	DiskFormat      *string // while Queued
	ContainerFormat *string // while Queued
	MinDisk, MinRAM *int64
	Tags            *[]string
	Set             map[string]string // properties
	Unset           []string          // properties
}

// UpdateImage changes an image.
func (s *Service) UpdateImage(ctx context.Context, id string, in UpdateImage) (*Image, error) {
	err := s.change(ctx, id, ActionModify, func(i *Image) error {
		if in.Owner != nil && *in.Owner != i.Owner && !auth.From(ctx).HasRole("admin") {
			return errs.Forbiddenf("Attribute 'owner' is read-only.")
		}
		if (in.DiskFormat != nil || in.ContainerFormat != nil) && i.Status != Queued {
			return errs.Forbiddenf("Attribute 'disk_format' cannot be replaced once the image has data.")
		}
		before := i.Visibility
		i.apply(in)
		if i.Visibility != before {
			if err := s.mayShow(ctx, i); err != nil {
				return err
			}
		}
		return i.validate()
	})
	if err != nil {
		return nil, err
	}
	return s.GetImage(ctx, id)
}

// apply sets what in says.
func (i *Image) apply(in UpdateImage) {
	set(&i.Name, in.Name)
	set(&i.Owner, in.Owner)
	set(&i.Visibility, in.Visibility)
	set(&i.Protected, in.Protected)
	set(&i.Hidden, in.Hidden)
	set(&i.DiskFormat, in.DiskFormat)
	set(&i.ContainerFormat, in.ContainerFormat)
	set(&i.MinDisk, in.MinDisk)
	set(&i.MinRAM, in.MinRAM)
	if in.Tags != nil {
		i.Tags = sorted(*in.Tags)
	}
	i.Properties = maps.Clone(i.Properties)
	for _, name := range in.Unset {
		delete(i.Properties, name)
	}
	maps.Copy(i.Properties, in.Set)
}

func set[T any](to, from *T) {
	if from != nil {
		*to = *from
	}
}

// change lets fn change an image that the caller may do action on, and stores what a user can change of it.
func (s *Service) change(ctx context.Context, id string, action policy.Action, fn func(*Image) error) error {
	return s.write(ctx, func(ctx context.Context, tx *store.Tx) error {
		i, err := s.find(ctx, tx, id)
		if err != nil {
			return err
		}
		if err := s.policy.Check(ctx, action, i.target()); err != nil {
			return err
		}
		rows := []Image{*i}
		if err := s.loadTags(ctx, tx, rows); err != nil {
			return err
		}
		i = &rows[0]
		owner := i.Owner
		if err := fn(i); err != nil {
			return err
		}
		if err := s.moveUse(ctx, tx, owner, i.Owner); err != nil {
			return err
		}
		i.UpdatedAt = s.Clock.Now()
		err = store.Update(ctx, tx, i, "name", "owner", "status", "visibility", "protected", "hidden", "disk_format", "container_format",
			"min_disk", "min_ram", "properties", "updated_at")
		if err != nil {
			return err
		}
		if err := setTags(ctx, tx, id, i.Tags); err != nil {
			return err
		}
		return s.emit(ctx, tx, "updated", i)
	})
}

// moveUse counts an image for its new owner.
func (s *Service) moveUse(ctx context.Context, tx *store.Tx, from, to string) error {
	if from == to {
		return nil
	}
	if err := s.quotas.Use(ctx, tx, from, map[quota.Resource]int{quotaImages: -1}); err != nil {
		return err
	}
	return s.quotas.Use(ctx, tx, to, map[quota.Resource]int{quotaImages: 1})
}

// AddTag gives an image a tag; it may have it already.
func (s *Service) AddTag(ctx context.Context, id, name string) error {
	return s.change(ctx, id, ActionModify, func(i *Image) error {
		i.Tags = sorted(append(i.Tags, name))
		return i.validate()
	})
}

// RemoveTag takes a tag from an image: errs.NotFound when it has none of that name.
func (s *Service) RemoveTag(ctx context.Context, id, name string) error {
	return s.change(ctx, id, ActionModify, func(i *Image) error {
		kept := without(i.Tags, name)
		if len(kept) == len(i.Tags) {
			return errs.NotFoundf("Tag %s could not be found.", name)
		}
		i.Tags = kept
		return nil
	})
}

func without(tags []string, name string) (kept []string) {
	for _, t := range tags {
		if t != name {
			kept = append(kept, t)
		}
	}
	return kept
}

// Deactivate keeps the bytes of an Active image from all but administrators.
func (s *Service) Deactivate(ctx context.Context, id string) error {
	return s.turn(ctx, id, ActionDeactivate, Active, Deactivated)
}

// Reactivate undoes Deactivate.
func (s *Service) Reactivate(ctx context.Context, id string) error {
	return s.turn(ctx, id, ActionReactivate, Deactivated, Active)
}

func (s *Service) turn(ctx context.Context, id string, action policy.Action, from, to Status) error {
	return s.change(ctx, id, action, func(i *Image) error {
		if i.Status != from && i.Status != to {
			return errs.Forbiddenf("Image status transition from %s to %s is not allowed", i.Status, to)
		}
		i.Status = to
		return nil
	})
}
