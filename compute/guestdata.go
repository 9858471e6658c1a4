package compute

import (
	"context"
	"encoding/json"

	"github.com/uptrace/bun"

	"github.com/cumulite/cumulite/platform/auth"
	"github.com/cumulite/cumulite/platform/errs"
	"github.com/cumulite/cumulite/platform/quota"
	"github.com/cumulite/cumulite/platform/secret"
	"github.com/cumulite/cumulite/platform/store"
)

// guestData is what a server's owner gave its guest: it often holds secrets.
type guestData struct {
	UserData string // in base64
	Files    []File
}

// sealedData is a server's guestData as it is stored.
type sealedData struct {
	bun.BaseModel `bun:"table:compute_guest_data,alias:guest_data"`
	ServerID      string `bun:"server_id,pk"`
	Sealed        []byte `bun:"sealed,notnull"`
}

func (s *Service) guestData(ctx context.Context, db bun.IDB, id string) (data guestData, err error) {
	row, err := store.Get[sealedData](ctx, db, id)
	if store.IsNone(err) {
		return data, nil
	}
	if err != nil {
		return data, err
	}
	return s.unsealed(row)
}

func guestDataPlace(id string) string { return "compute/servers/" + id + "/guest_data" }

// setGuestData keeps what a server's guest is given.
func (s *Service) setGuestData(ctx context.Context, tx *store.Tx, id string, data guestData) error {
	if _, err := tx.Exec(ctx, "DELETE FROM compute_guest_data WHERE server_id = ?", id); err != nil {
		return err
	}
	return s.insertGuestData(ctx, tx, id, data)
}

func (s *Service) insertGuestData(ctx context.Context, tx *store.Tx, id string, data guestData) error {
	if data.UserData == "" && len(data.Files) == 0 {
		return nil
	}
	text, err := json.Marshal(data)
	if err != nil {
		return err
	}
	return store.Insert(ctx, tx, &sealedData{ServerID: id, Sealed: s.Secrets.Seal(secret.New(string(text)), guestDataPlace(id))})
}

// checkFiles refuses files that are more, or larger, than the project may give a guest.
func (s *Service) checkFiles(ctx context.Context, files []File) error {
	if len(files) == 0 {
		return nil
	}
	limits, err := s.quotas.Limits(ctx, s.DB.Read(), auth.From(ctx).ProjectID())
	if err != nil {
		return err
	}
	over := func(r quota.Resource, n int) bool { return limits[r] != quota.Unlimited && n > limits[r] }
	if over(quotaFiles, len(files)) {
		return errs.New(errs.Quota, "Personality file limit exceeded")
	}
	for _, f := range files {
		switch {
		case f.Path == "":
			return errs.Invalidf("Bad personality format: missing path")
		case over(quotaFilePath, len(f.Path)):
			return errs.New(errs.Quota, "Personality file path exceeds maximum of %d bytes", limits[quotaFilePath])
		case over(quotaFileBytes, len(f.Content)):
			return errs.New(errs.Quota, "Personality file content exceeds maximum of %d bytes", limits[quotaFileBytes])
		}
	}
	return nil
}
