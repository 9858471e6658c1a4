package image

import (
	"context"

	"github.com/uptrace/bun"

	"github.com/cumulite/cumulite/platform/auth"
	"github.com/cumulite/cumulite/platform/errs"
	"github.com/cumulite/cumulite/platform/store"
)

// listing says what images can be filtered and sorted by.
var listing = store.Listing[Image]{
	Default: []store.Sort{{Field: "created_at", Desc: true}},
	Columns: map[string]store.Column{
		"id": {Name: "id"}, "name": {Name: "name"}, "owner": {Name: "owner"}, "status": {Name: "status"}, "visibility": {Name: "visibility"},
		"protected": {Name: "protected", Kind: store.Bool}, "os_hidden": {Name: "hidden", Kind: store.Bool},
		"disk_format": {Name: "disk_format"}, "container_format": {Name: "container_format"}, "checksum": {Name: "checksum"},
		"os_hash_value": {Name: "hash_value"}, "min_disk": {Name: "min_disk", Kind: store.Int}, "min_ram": {Name: "min_ram", Kind: store.Int},
		"size": {Name: "size", Kind: store.Int}, "created_at": {Name: "created_at", Kind: store.Time}, "updated_at": {Name: "updated_at", Kind: store.Time},
		"tag": {Filter: withTag}, "property": {Filter: withProperty},
	},
}

// withTag keeps the images that have every tag of f.
func withTag(q *bun.SelectQuery, f store.Filter) (*bun.SelectQuery, error) {
	if f.Op != store.Eq {
		return nil, errs.Invalidf("Tags can only be compared for equality.")
	}
	if len(f.Values) > maxTags {
		return nil, errs.Invalidf("No image has more than %d tags.", maxTags)
	}
	for _, t := range f.Values {
		q = q.Where("EXISTS (SELECT 1 FROM image_tags WHERE image_id = image.id AND tag = ?)", t)
	}
	return q, nil
}

// HasProperty gives the filter that keeps the images whose property has that value.
func HasProperty(name, value string) store.Filter {
	return store.Filter{Field: "property", Values: []string{name, value}}
}

func withProperty(q *bun.SelectQuery, f store.Filter) (*bun.SelectQuery, error) {
	if f.Op != store.Eq || len(f.Values) != 2 {
		return nil, errs.Invalidf("A property can only be compared with a value.")
	}
	properties := bun.Safe(q.Dialect().(store.Dialect).JSONEach("image.properties"))
	return q.Where("EXISTS (SELECT 1 FROM ? AS property WHERE property.key = ? AND property.value = ?)", properties, f.Values[0], f.Values[1]), nil
}

// ListImages gives a page of the images that the caller sees: without a filter
// on visibility no community images of others, without one on os_hidden no hidden ones.
func (s *Service) ListImages(ctx context.Context, q store.Query) (images []Image, more bool, err error) {
	if err := s.policy.Check(ctx, ActionList, nil); err != nil {
		return nil, false, err
	}
	if len(q.Filters) > maxProperties {
		return nil, false, errs.Invalidf("No more than %d filters can be given.", maxProperties)
	}
	if !names(q, "os_hidden") {
		q.Filters = append(q.Filters, store.Filter{Field: "os_hidden", Values: []string{"false"}})
	}
	images, more, err = listing.Find(ctx, s.DB.Read(), q, scope(auth.From(ctx), names(q, "visibility")))
	if err != nil {
		return nil, false, err
	}
	return images, more, s.loadTags(ctx, s.DB.Read(), images)
}

// scope narrows a list to what the caller sees.
func scope(g auth.Grant, community bool) store.Scope {
	return func(q *bun.SelectQuery) *bun.SelectQuery {
		if seesAll(g) && community {
			return q
		}
		open := []Visibility{Public}
		if community {
			open = append(open, Community)
		}
		q = q.Where("visibility IN (?)", bun.List(open))
		if g.ProjectID() != "" {
			q = q.WhereOr("owner = ?", g.ProjectID())
		}
		if seesAll(g) {
			q = q.WhereOr("visibility <> ?", Community)
		}
		return q
	}
}

func names(q store.Query, field string) bool {
	for _, f := range q.Filters {
		if f.Field == field {
			return true
		}
	}
	return false
}
