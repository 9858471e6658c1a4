package compute

import (
	"context"
	"slices"
	"strings"

	"github.com/uptrace/bun"

	"github.com/cumulite/cumulite/platform/errs"
	"github.com/cumulite/cumulite/platform/policy"
	"github.com/cumulite/cumulite/platform/store"
)

// serverTag is one tag of a server.
type serverTag struct {
	bun.BaseModel `bun:"table:compute_server_tags,alias:tag"`
	ServerID      string `bun:"server_id,pk"`
	Tag           string `bun:"tag,pk"`
}

const (
	maxTags   = 50 // of a server
	maxTagLen = 60
)

// ServerTags gives the tags of a server, sorted.
func (s *Service) ServerTags(ctx context.Context, id string) ([]string, error) {
	srv, err := s.findServer(ctx, s.DB.Read(), ActionServerTagIndex, id)
	if err != nil {
		return nil, err
	}
	err = s.withTags(ctx, srv)
	return srv.Tags, err
}

// HasServerTag is nil when a server has a tag, else errs.NotFound.
func (s *Service) HasServerTag(ctx context.Context, id, tag string) error {
	srv, err := s.findServer(ctx, s.DB.Read(), ActionServerTagShow, id)
	if err != nil {
		return err
	}
	if err := s.withTags(ctx, srv); err != nil {
		return err
	}
	if !slices.Contains(srv.Tags, tag) {
		return noServerTag(id, tag)
	}
	return nil
}

func noServerTag(id, tag string) error {
	return errs.NotFoundf("Server %s has no tag '%s'", id, tag)
}

// AddServerTag gives a server a tag, and tells whether it had it not.
func (s *Service) AddServerTag(ctx context.Context, id, tag string) (added bool, err error) {
	_, err = s.changeTags(ctx, ActionServerTagUpdate, id, func(tags []string) ([]string, error) {
		if added = !slices.Contains(tags, tag); added {
			tags = append(tags, tag)
		}
		return tags, nil
	})
	return added, err
}

// ReplaceServerTags makes tags those of a server, and gives them sorted.
func (s *Service) ReplaceServerTags(ctx context.Context, id string, tags []string) ([]string, error) {
	return s.changeTags(ctx, ActionServerTagUpdateAll, id, func([]string) ([]string, error) { return tags, nil })
}

// RemoveServerTag takes a tag from a server.
func (s *Service) RemoveServerTag(ctx context.Context, id, tag string) error {
	_, err := s.changeTags(ctx, ActionServerTagDelete, id, func(tags []string) ([]string, error) {
		i := slices.Index(tags, tag)
		if i < 0 {
			return nil, noServerTag(id, tag)
		}
		return slices.Delete(tags, i, i+1), nil
	})
	return err
}

// ClearServerTags takes all tags from a server.
func (s *Service) ClearServerTags(ctx context.Context, id string) error {
	_, err := s.changeTags(ctx, ActionServerTagDeleteAll, id, func([]string) ([]string, error) { return nil, nil })
	return err
}

func (s *Service) changeTags(ctx context.Context, action policy.Action, id string, change func([]string) ([]string, error)) (tags []string, err error) {
	err = s.write(ctx, func(ctx context.Context, tx *store.Tx) error {
		srv, err := s.findServer(ctx, tx, action, id)
		if err != nil {
			return err
		}
		if !slices.Contains(settled, srv.VM) {
			return errs.Conflictf("Cannot 'update tags' instance %s while it is in vm_state %s", id, srv.VM)
		}
		one := []Server{*srv}
		if err := loadServerTags(ctx, tx, one); err != nil {
			return err
		}
		if tags, err = change(one[0].Tags); err != nil {
			return err
		}
		if tags, err = checkTags(tags); err != nil {
			return err
		}
		if err := setServerTags(ctx, tx, id, tags); err != nil {
			return err
		}
		srv.UpdatedAt = s.Clock.Now()
		return store.Update(ctx, tx, srv, "updated_at")
	})
	return tags, err
}

// checkTags gives tags sorted, each once, when a server may have them.
func checkTags(tags []string) ([]string, error) {
	tags = slices.Compact(slices.Sorted(slices.Values(tags)))
	if len(tags) > maxTags {
		return nil, errs.Invalidf("The number of tags exceeded the per-server limit %d", maxTags)
	}
	for _, tag := range tags {
		if tag == "" || len([]rune(tag)) > maxTagLen || strings.ContainsAny(tag, "/,") {
			return nil, errs.Invalidf("Tag '%s' is invalid. It must be a string of 1 to %d characters without '/' and ','.", tag, maxTagLen)
		}
	}
	return append([]string{}, tags...), nil
}

func setServerTags(ctx context.Context, tx *store.Tx, id string, tags []string) error {
	if _, err := tx.Exec(ctx, "DELETE FROM compute_server_tags WHERE server_id = ?", id); err != nil {
		return err
	}
	return insertServerTags(ctx, tx, id, tags)
}

func insertServerTags(ctx context.Context, tx *store.Tx, id string, tags []string) error {
	for _, tag := range tags {
		if _, err := tx.Exec(ctx, "INSERT INTO compute_server_tags (server_id, tag) VALUES (?, ?)", id, tag); err != nil {
			return err
		}
	}
	return nil
}

// withTags fills in the tags of one server.
func (s *Service) withTags(ctx context.Context, srv *Server) error {
	one := []Server{*srv}
	err := loadServerTags(ctx, s.DB.Read(), one)
	srv.Tags = one[0].Tags
	return err
}

// loadServerTags fills in the tags of servers with one query.
func loadServerTags(ctx context.Context, db bun.IDB, list []Server) error {
	if len(list) == 0 {
		return nil
	}
	at, ids := make(map[string]*Server, len(list)), make([]string, len(list))
	for i := range list {
		list[i].Tags = []string{}
		at[list[i].ID], ids[i] = &list[i], list[i].ID
	}
	var tags []serverTag
	err := db.NewSelect().Model(&tags).Where("server_id IN (?)", bun.List(ids)).Order("server_id", "tag").Scan(ctx)
	for _, t := range tags {
		at[t.ServerID].Tags = append(at[t.ServerID].Tags, t.Tag)
	}
	return err
}
