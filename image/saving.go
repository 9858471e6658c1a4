package image

import (
	"context"
	"errors"
	"time"

	"github.com/google/uuid"

	"github.com/cumulite/cumulite/platform/store"
)

const (
	uploadLease = time.Minute // how long an upload may show no sign of life
	healEvery   = time.Minute
)

// errGivenUp ends an upload that another process has given up.
var errGivenUp = errors.New("the upload showed no sign of life, and was given up")

// Run gives up, until ctx is done, uploads that show no sign of life: their
// process was killed, or could not undo them.
func (s *Service) Run(ctx context.Context) error {
	for ctx.Err() == nil {
		if err := s.giveUp(ctx, s.Clock.Now()); err != nil && ctx.Err() == nil {
			s.log.Error("uploads that do not go on cannot be undone", "error", err)
		}
		s.sleep(ctx, healEvery)
	}
	return nil
}

func (s *Service) sleep(ctx context.Context, d time.Duration) {
	due, stop := s.Clock.At(s.Clock.Now().Add(d))
	defer stop()
	select {
	case <-due:
	case <-ctx.Done():
	}
}

// keep shows for as long as an upload takes that it goes on; the context that
// it gives ends when the upload was given up nevertheless.
func (s *Service) keep(ctx context.Context, i *Image) (context.Context, func()) {
	ctx, cancel := context.WithCancelCause(ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for s.sleep(ctx, uploadLease/3); ctx.Err() == nil; s.sleep(ctx, uploadLease/3) {
			ours, err := s.renew(ctx, i)
			if err != nil {
				s.log.Warn("it cannot be noted that an upload goes on", "image", i.ID, "error", err)
			} else if !ours {
				cancel(errGivenUp)
			}
		}
	}()
	return ctx, func() { cancel(nil); <-done }
}

func (s *Service) renew(ctx context.Context, i *Image) (ours bool, err error) {
	err = s.write(ctx, func(ctx context.Context, tx *store.Tx) error {
		var id string
		err := tx.QueryRow(ctx, "UPDATE image_images SET upload_until = ? WHERE id = ? AND status = ? AND upload = ? RETURNING id",
			s.Clock.Now().Add(uploadLease), i.ID, Saving, i.Upload).Scan(&id)
		if ours = err == nil; store.IsNone(err) {
			return nil
		}
		return err
	})
	return ours, err
}

// giveUp undoes the uploads that showed no sign of life before a time. Those
// of an earlier release never do: they go by the time of their start.
func (s *Service) giveUp(ctx context.Context, before time.Time) error {
	var late []Image
	err := s.DB.Read().NewSelect().Model(&late).Where("status = ?", Saving).
		Where("upload_until < ? OR upload_until IS NULL AND updated_at < ?", before, before.Add(-uploadTime)).Scan(ctx)
	for i := range late {
		ours, err := s.takeOver(ctx, &late[i])
		if err != nil {
			return err
		}
		if !ours {
			continue
		}
		s.log.Warn("an upload that does not go on is given up", "image", late[i].ID)
		s.requeue(ctx, &late[i])
	}
	return err
}

// takeOver makes an upload that seems dead this process's, unless it was alive
// after all: from then on it cannot be acknowledged any more, and its bytes may go.
func (s *Service) takeOver(ctx context.Context, i *Image) (ours bool, err error) {
	mine, until := uuid.NewString(), s.Clock.Now().Add(uploadLease)
	err = s.write(ctx, func(ctx context.Context, tx *store.Tx) error {
		now, err := store.Get[Image](ctx, tx, i.ID)
		if store.IsNone(err) {
			return nil
		}
		ours = err == nil && now.Status == Saving && now.Upload == i.Upload && sameTime(now.UploadUntil, i.UploadUntil)
		if !ours {
			return err
		}
		now.Upload, now.UploadUntil = mine, &until
		return store.Update(ctx, tx, now, "upload", "upload_until")
	})
	i.Upload = mine
	return ours && err == nil, err
}

func sameTime(a, b *time.Time) bool { return a == b || a != nil && b != nil && a.Equal(*b) }
