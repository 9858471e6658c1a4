package imageapi

import (
	"maps"
	"net/url"
	"slices"

	"github.com/cumulite/cumulite/image"
	"github.com/cumulite/cumulite/platform/errs"
	"github.com/cumulite/cumulite/platform/httpapi"
	"github.com/cumulite/cumulite/platform/store"
)

// defaultLimit is the size of a page that asks for none (limit_param_default).
const defaultLimit = 25

// filters are the parameters that compare attributes of images, others those
// that do not; whatever else stands in a query compares a property.
var (
	filters = []string{"id", "name", "owner", "status", "visibility", "protected", "os_hidden", "disk_format", "container_format",
		"checksum", "os_hash_value", "min_disk", "min_ram", "size", "size_min", "size_max", "created_at", "updated_at", "tag"}
	others = []string{"limit", "marker", "sort", "sort_key", "sort_dir", "member_status"}
)

func (h handler) list(r *httpapi.Request) (any, error) {
	q, err := r.List(filters...)
	if err != nil {
		return nil, err
	}
	if q.Limit == 0 && !r.Params().Has("limit") {
		q.Limit = defaultLimit
	}
	for n := range q.Filters {
		if err := adapt(&q.Filters[n]); err != nil {
			return nil, err
		}
	}
	q.Filters = append(q.Filters, properties(r.Params())...)
	images, more, err := h.images.ListImages(r.Ctx(), q)
	if err != nil {
		return nil, err
	}
	out := imageList{Images: make([]imageBody, len(images)), Schema: "/v2/schemas/images", First: pagePath(r, "")}
	for n := range images {
		out.Images[n] = show(&images[n])
	}
	if more && len(images) > 0 {
		out.Next = pagePath(r, images[len(images)-1].ID)
	}
	return out, nil
}

// adapt turns a filter of Glance into one of the service: sizes are compared,
// and the visibility "all" is any.
func adapt(f *store.Filter) error {
	switch f.Field {
	case "size_min":
		f.Field, f.Op = "size", store.Gte
	case "size_max":
		f.Field, f.Op = "size", store.Lte
	case "visibility":
		if slices.Equal(f.Values, []string{"all"}) {
			f.Values = image.Visibilities()
		}
		for _, v := range f.Values {
			if !slices.Contains(image.Visibilities(), v) {
				return errs.Invalidf("Invalid visibility value: %.64s", v)
			}
		}
	}
	return nil
}

// properties gives the filters on properties.
func properties(p url.Values) (all []store.Filter) {
	for _, name := range slices.Sorted(maps.Keys(p)) {
		if !slices.Contains(filters, name) && !slices.Contains(others, name) {
			all = append(all, image.HasProperty(name, p.Get(name)))
		}
	}
	return all
}

// pagePath gives the path of a page of the list as Glance writes it: from the
// version on, without the server.
func pagePath(r *httpapi.Request, marker string) string {
	q := r.URL.Query()
	q.Del("marker")
	if marker != "" {
		q.Set("marker", marker)
	}
	path := "/v2/images"
	if query := q.Encode(); query != "" {
		path += "?" + query
	}
	return path
}
