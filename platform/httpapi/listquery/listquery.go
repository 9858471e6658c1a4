// Package listquery reads the parameters of list requests: pages, sorts and
// filters. In what the original services differ, and their words for what is
// wrong, is stated by each API as its Manner.
package listquery

import (
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/cumulite/cumulite/platform/errs"
	"github.com/cumulite/cumulite/platform/store"
)

// paging are the parameters of lists that are no filters.
var paging = []string{"limit", "marker", "sort_key", "sort_dir", "sort", "fields", "page_reverse"}

// Manner is how one service reads the parameters of its lists. Limit and
// Direction are required. Text that is given to its functions is cut to 255 bytes.
type Manner struct {
	Limit     func(text string) error                           // refuses a limit that is no number
	Direction func(text string) error                           // refuses a direction that is neither asc nor desc
	Fit       func(keys, directions int) error                  // whether so many directions go with so many keys; nil: always
	Filter    func(name string, values []string) []store.Filter // reads a parameter, some filters on one field; nil: equal to one of the values
	Unknown   func(names []string) error                        // refuses parameters that are no filters, sorted; nil: they say nothing
	Pairs     bool                                              // takes sort=name:asc,size too
	Backwards bool                                              // takes page_reverse
}

// Read reads the parameters of a list. What is not paging or sorting is a
// filter: one of those named, or any when none is named.
func Read(m Manner, p url.Values, filters []string) (store.Query, error) {
	q := store.Query{Marker: p.Get("marker")}
	var err error
	if q.Limit, err = m.limit(p.Get("limit")); err != nil {
		return q, err
	}
	if q.Sorts, err = m.sorts(p); err != nil {
		return q, err
	}
	q.Reverse = m.Backwards && strings.EqualFold(p.Get("page_reverse"), "true")
	q.Filters, err = m.filters(p, filters)
	return q, err
}

func (m Manner) limit(text string) (int, error) {
	n, err := strconv.ParseUint(text, 10, 31)
	if text != "" && err != nil {
		return 0, m.Limit(cut(text))
	}
	return int(n), nil
}

// sorts pairs keys with directions.
func (m Manner) sorts(p url.Values) ([]store.Sort, error) {
	keys, dirs, err := m.sortWords(p)
	if err != nil {
		return nil, err
	}
	for _, dir := range dirs {
		if dir != "" && dir != "asc" && dir != "desc" {
			return nil, m.Direction(cut(dir))
		}
	}
	out := make([]store.Sort, len(keys))
	for i, key := range keys {
		dir := ""
		if i < len(dirs) {
			dir = dirs[i]
		} else if len(dirs) > 0 {
			dir = dirs[0]
		}
		out[i] = store.Sort{Field: key, Desc: dir != "asc"}
	}
	return out, nil
}

func (m Manner) sortWords(p url.Values) (keys, dirs []string, err error) {
	keys, dirs = trimmed(p["sort_key"]), trimmed(p["sort_dir"])
	if !m.Pairs || !p.Has("sort") {
		if m.Fit != nil {
			err = m.Fit(len(keys), len(dirs))
		}
		return keys, dirs, err
	}
	if keys != nil || dirs != nil {
		return nil, nil, errs.Invalidf("Old and new sorting syntax cannot be combined")
	}
	for part := range strings.SplitSeq(p.Get("sort"), ",") {
		key, dir, _ := strings.Cut(strings.TrimSpace(part), ":")
		keys, dirs = append(keys, key), append(dirs, dir)
	}
	return keys, dirs, nil
}

func trimmed(values []string) (out []string) {
	for _, v := range values {
		out = append(out, strings.TrimSpace(v))
	}
	return out
}

func (m Manner) filters(p url.Values, allowed []string) (all []store.Filter, err error) {
	var unknown []string
	for name, values := range p {
		if slices.Contains(paging, name) {
			continue
		}
		read := []store.Filter{{Field: name, Values: values}}
		if m.Filter != nil {
			read = m.Filter(name, values)
		}
		if allowed == nil || slices.Contains(allowed, read[0].Field) {
			all = append(all, read...)
		} else {
			unknown = append(unknown, cut(name))
		}
	}
	if unknown != nil && m.Unknown != nil {
		slices.Sort(unknown)
		return nil, m.Unknown(unknown)
	}
	slices.SortStableFunc(all, func(a, b store.Filter) int { return strings.Compare(a.Field, b.Field) })
	return all, nil
}

// Time reads a parameter that is a time: nil without it. A time without a zone is UTC.
func Time(p url.Values, name string) (*time.Time, error) {
	text := p.Get(name)
	if text == "" {
		return nil, nil
	}
	for _, layout := range []string{time.RFC3339Nano, "2006-01-02T15:04:05.999999", "2006-01-02 15:04:05", "2006-01-02"} {
		if t, err := time.Parse(layout, text); err == nil {
			t = t.UTC()
			return &t, nil
		}
	}
	return nil, errs.Invalidf("Invalid input for query parameters %s. Value: %[2]s. '%[2]s' is not a 'date-time'", name, cut(text))
}

// cut bounds what is repeated to a caller.
func cut(s string) string {
	if len(s) > 255 {
		return strings.ToValidUTF8(s[:255], "")
	}
	return s
}
