package compute

import (
	"context"
	"encoding/json"

	"github.com/uptrace/bun"
)

// UserDataOf gives the user data, in base64, of those of the servers that have
// some, by their ids. It shows what the caller may see: administrators of all,
// others of the servers that they may give new user data to.
func (s *Service) UserDataOf(ctx context.Context, list []Server) (map[string]string, error) {
	var ids []string
	for n := range list {
		target := list[n].target()
		if s.policy.Allows(ctx, ActionServerAttributes, target) || s.policy.Allows(ctx, ActionServerRebuild, target) {
			ids = append(ids, list[n].ID)
		}
	}
	found := map[string]string{}
	if len(ids) == 0 {
		return found, nil
	}
	var rows []sealedData
	if err := s.DB.Read().NewSelect().Model(&rows).Where("server_id IN (?)", bun.List(ids)).Scan(ctx); err != nil {
		return nil, err
	}
	for _, row := range rows {
		data, err := s.unsealed(&row)
		if err != nil {
			return nil, err
		}
		found[row.ServerID] = data.UserData
	}
	return found, nil
}

func (s *Service) unsealed(row *sealedData) (data guestData, err error) {
	text, err := s.Secrets.Open(row.Sealed, guestDataPlace(row.ServerID))
	if err != nil {
		return data, err
	}
	return data, json.Unmarshal([]byte(text.Reveal()), &data)
}
