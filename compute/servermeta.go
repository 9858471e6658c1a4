package compute

import (
	"context"
	"encoding/json"
	"maps"
	"regexp"

	"github.com/cumulite/cumulite/platform/auth"
	"github.com/cumulite/cumulite/platform/errs"
	"github.com/cumulite/cumulite/platform/policy"
	"github.com/cumulite/cumulite/platform/quota"
	"github.com/cumulite/cumulite/platform/store"
)

// metadataKey is what the key of a metadata item may be made of.
var metadataKey = regexp.MustCompile(`^[a-zA-Z0-9-_:. ]{1,255}$`)

// ServerMetadata gives the metadata of a server.
func (s *Service) ServerMetadata(ctx context.Context, id string) (map[string]string, error) {
	srv, err := s.findServer(ctx, s.DB.Read(), ActionServerMetaIndex, id)
	if err != nil {
		return nil, err
	}
	return srv.Metadata, nil
}

// ServerMetadataItem gives one item of a server's metadata.
func (s *Service) ServerMetadataItem(ctx context.Context, id, key string) (string, error) {
	srv, err := s.findServer(ctx, s.DB.Read(), ActionServerMetaShow, id)
	if err != nil {
		return "", err
	}
	value, there := srv.Metadata[key]
	if !there {
		return "", errs.NotFoundf("Metadata item was not found")
	}
	return value, nil
}

// AddServerMetadata adds items to a server's metadata, or changes them, and gives all.
func (s *Service) AddServerMetadata(ctx context.Context, id string, items map[string]string) (map[string]string, error) {
	return s.changeMetadata(ctx, ActionServerMetaCreate, DoUpdateMetadata, id, func(all map[string]string) (map[string]string, error) {
		maps.Copy(all, items)
		return all, nil
	})
}

// SetServerMetadataItem sets one item of a server's metadata.
func (s *Service) SetServerMetadataItem(ctx context.Context, id, key, value string) error {
	_, err := s.changeMetadata(ctx, ActionServerMetaUpdate, DoUpdateMetadata, id, func(all map[string]string) (map[string]string, error) {
		all[key] = value
		return all, nil
	})
	return err
}

// ReplaceServerMetadata makes items the metadata of a server, and gives it.
func (s *Service) ReplaceServerMetadata(ctx context.Context, id string, items map[string]string) (map[string]string, error) {
	return s.changeMetadata(ctx, ActionServerMetaUpdateAll, DoUpdateMetadata, id, func(map[string]string) (map[string]string, error) {
		all := map[string]string{}
		maps.Copy(all, items)
		return all, nil
	})
}

// DeleteServerMetadata takes one item from a server's metadata.
func (s *Service) DeleteServerMetadata(ctx context.Context, id, key string) error {
	_, err := s.changeMetadata(ctx, ActionServerMetaDelete, DoDeleteMetadata, id, func(all map[string]string) (map[string]string, error) {
		if _, there := all[key]; !there {
			return nil, errs.NotFoundf("Metadata item was not found")
		}
		delete(all, key)
		return all, nil
	})
	return err
}

func (s *Service) changeMetadata(ctx context.Context, rule policy.Action, action ServerAction, id string, change func(map[string]string) (map[string]string, error)) (map[string]string, error) {
	srv, err := s.changeServer(ctx, rule, id, func(ctx context.Context, tx *store.Tx, srv *Server) (columns []string, err error) {
		if srv.Metadata, err = change(srv.Metadata); err != nil {
			return nil, err
		}
		if err := srv.State().Allow(action, id, s.isAdmin(ctx)); err != nil {
			return nil, err
		}
		if err := s.checkMetadata(ctx, tx, srv.ProjectID, srv.Metadata); err != nil {
			return nil, err
		}
		if err := s.emit(ctx, tx, "updated", srv); err != nil {
			return nil, err
		}
		return []string{"metadata"}, s.refreshMetadata(ctx, tx, srv)
	})
	if err != nil {
		return nil, err
	}
	return srv.Metadata, nil
}

// checkMetadata refuses metadata that a server of a project may not have.
func (s *Service) checkMetadata(ctx context.Context, tx *store.Tx, projectID string, items map[string]string) error {
	for key, value := range items {
		if !metadataKey.MatchString(key) {
			return errs.Invalidf("Invalid input for field/attribute metadata. Value: %s. A key has 1 to 255 letters, digits, spaces and characters of '-_:.'.", key)
		}
		if len([]rune(value)) > 255 {
			return errs.Invalidf("Invalid input for field/attribute %s. A value has at most 255 characters.", key)
		}
	}
	if len(items) == 0 {
		return nil
	}
	limits, err := s.quotas.Limits(ctx, tx, projectID)
	if err != nil {
		return err
	}
	if most := limits[quotaMetadataItems]; most != quota.Unlimited && len(items) > most {
		return errs.New(errs.Quota, "Maximum number of metadata items exceeds %d", most)
	}
	return nil
}

// ownedBy tells whether the caller acts in the project of a server.
func ownedBy(ctx context.Context, srv *Server) bool {
	return auth.From(ctx).ProjectID() == srv.ProjectID
}

// asJSON writes a string as it stands in a JSON column.
func asJSON(text string) string {
	b, _ := json.Marshal(text) //nolint:errchkjson // strings always can
	return string(b)
}
