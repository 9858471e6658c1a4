package network

import (
	"context"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/uptrace/bun"

	"github.com/cumulite/cumulite/platform/errs"
	"github.com/cumulite/cumulite/platform/store"
)

const maxTag = 255 // letters; some clients cut at 60

// tag is one tag of a resource.
type tag struct {
	bun.BaseModel `bun:"table:network_tags,alias:tag"`
	ResourceID    string `bun:"resource_id,pk"`
	Tag           string `bun:"tag,pk"`
}

func loadTags(ctx context.Context, db bun.IDB, byID map[string]*Standard) error {
	if len(byID) == 0 {
		return nil
	}
	var ids []string
	for id := range byID {
		ids = append(ids, id)
	}
	var tags []tag
	if err := db.NewSelect().Model(&tags).Where("resource_id IN (?)", bun.List(ids)).Order("tag").Scan(ctx); err != nil {
		return err
	}
	for _, t := range tags {
		byID[t.ResourceID].Tags = append(byID[t.ResourceID].Tags, t.Tag)
	}
	return nil
}

// tagFilters are those of every list: all of the tags, any of them, or not.
var tagFilters = map[string]func(*bun.SelectQuery, store.Filter) (*bun.SelectQuery, error){
	"tags": func(q *bun.SelectQuery, f store.Filter) (*bun.SelectQuery, error) {
		return hasTags(q, f, true), nil
	},
	"tags-any": func(q *bun.SelectQuery, f store.Filter) (*bun.SelectQuery, error) { return anyTag(q, f, "EXISTS"), nil },
	"not-tags-any": func(q *bun.SelectQuery, f store.Filter) (*bun.SelectQuery, error) {
		return anyTag(q, f, "NOT EXISTS"), nil
	},
	"not-tags": func(q *bun.SelectQuery, f store.Filter) (*bun.SelectQuery, error) {
		return hasTags(q, f, false), nil
	},
}

func listed(f store.Filter) (tags []string) {
	for _, v := range f.Values {
		tags = append(tags, strings.Split(v, ",")...)
	}
	slices.Sort(tags)
	return slices.Compact(tags)
}

func hasTags(q *bun.SelectQuery, f store.Filter, all bool) *bun.SelectQuery {
	compare := "="
	if !all {
		compare = "<>"
	}
	tags := listed(f)
	return q.Where("(SELECT COUNT(*) FROM network_tags WHERE resource_id = ?TableAlias.id AND tag IN (?)) "+compare+" ?", bun.List(tags), len(tags))
}

func anyTag(q *bun.SelectQuery, f store.Filter, exists string) *bun.SelectQuery {
	return q.Where(exists+" (SELECT 1 FROM network_tags WHERE resource_id = ?TableAlias.id AND tag IN (?))", bun.List(listed(f)))
}

// Tags gives the tags of a resource; of is the API's name of its collection.
func (s *Service) Tags(ctx context.Context, of, id string) ([]string, error) {
	r, err := s.tagged(ctx, s.DB.Read(), of, id, "get")
	if err != nil {
		return nil, err
	}
	return r.Tags, nil
}

// SetTags replaces the tags of a resource and gives them.
func (s *Service) SetTags(ctx context.Context, of, id string, tags []string) ([]string, error) {
	return s.changeTags(ctx, of, id, func([]string) ([]string, error) { return tags, nil })
}

// AddTag gives a resource a tag; it may have it already.
func (s *Service) AddTag(ctx context.Context, of, id, name string) error {
	_, err := s.changeTags(ctx, of, id, func(tags []string) ([]string, error) { return append(tags, name), nil })
	return err
}

// RemoveTag takes a tag from a resource: errs.NotFound when it has none of that name.
func (s *Service) RemoveTag(ctx context.Context, of, id, name string) error {
	_, err := s.changeTags(ctx, of, id, func(tags []string) ([]string, error) {
		i := slices.Index(tags, name)
		if i < 0 {
			return nil, errs.NotFoundf("Tag %s could not be found.", name).WithCode("TagNotFound")
		}
		return slices.Delete(tags, i, i+1), nil
	})
	return err
}

func (s *Service) changeTags(ctx context.Context, of, id string, fn func([]string) ([]string, error)) (tags []string, err error) {
	err = s.write(ctx, func(ctx context.Context, tx *store.Tx) error {
		r, err := s.tagged(ctx, tx, of, id, "update")
		if err != nil {
			return err
		}
		if tags, err = fn(slices.Clone(r.Tags)); err != nil {
			return err
		}
		slices.Sort(tags)
		tags = slices.Compact(tags)
		if err := storeTags(ctx, tx, id, tags); err != nil {
			return err
		}
		return r.changed(ctx, tx)
	})
	return tags, err
}

func storeTags(ctx context.Context, tx *store.Tx, id string, tags []string) error {
	if _, err := tx.Exec(ctx, "DELETE FROM network_tags WHERE resource_id = ?", id); err != nil {
		return err
	}
	for _, t := range tags {
		if t == "" || utf8.RuneCountInString(t) > maxTag {
			return errs.Invalidf("Invalid input for tags. Reason: '%s' is not a valid tag.", t)
		}
		if err := store.Insert(ctx, tx, &tag{ResourceID: id, Tag: t}); err != nil {
			return err
		}
	}
	return nil
}

// taggable is a resource of any kind.
type taggable struct {
	*Standard
	changed func(ctx context.Context, tx *store.Tx) error // raises its revision
}

// tagged gives a resource by its collection's name, which the caller may do verb on.
func (s *Service) tagged(ctx context.Context, db bun.IDB, of, id, verb string) (taggable, error) {
	switch of {
	case "networks":
		return taggableOf(ctx, s, db, &networks, id, verb)
	case "subnets":
		return taggableOf(ctx, s, db, &subnets, id, verb)
	case "ports":
		return taggableOf(ctx, s, db, &ports, id, verb)
	case "routers":
		return taggableOf(ctx, s, db, &routers, id, verb)
	case "floatingips":
		return taggableOf(ctx, s, db, &floatingIPs, id, verb)
	case "security-groups":
		return taggableOf(ctx, s, db, &groups, id, verb)
	}
	return taggable{}, errs.NotFoundf("The resource could not be found.")
}

func taggableOf[T any, P resource[T]](ctx context.Context, s *Service, db bun.IDB, k *kind[T, P], id, verb string) (taggable, error) {
	p, err := k.find(ctx, s, db, id)
	if err != nil {
		return taggable{}, err
	}
	changed := func(ctx context.Context, tx *store.Tx) error { return k.update(ctx, s, tx, p) }
	return taggable{p.standard(), changed}, k.check(ctx, s, verb, p)
}
