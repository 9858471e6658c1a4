// Package listquery reads the parameters of list requests in the manners of
// the original services, with their words for what is wrong.
package listquery

import (
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/cumulite/cumulite/platform/errs"
	"github.com/cumulite/cumulite/platform/store"
)

// paging are the parameters of lists that are no filters.
var paging = []string{"limit", "marker", "sort_key", "sort_dir", "sort", "fields", "page_reverse"}

// Style names the original whose parameters are read.
type Style uint8

// The styles.
const (
	Nova Style = iota
	Neutron
	Keystone
	Glance
)

// Read reads the parameters of a list. What is not paging or sorting is a
// filter: one of those named, or any when none is named. Others are left out,
// as in the originals; Neutron refuses them.
func Read(style Style, p url.Values, filters []string) (store.Query, error) {
	q := store.Query{Marker: p.Get("marker")}
	var err error
	if q.Limit, err = limit(style, p.Get("limit")); err != nil {
		return q, err
	}
	if q.Sorts, err = sorts(style, p); err != nil {
		return q, err
	}
	if style == Neutron {
		q.Reverse = strings.EqualFold(p.Get("page_reverse"), "true")
	}
	q.Filters, err = readFilters(style, p, filters)
	return q, err
}

func limit(style Style, text string) (int, error) {
	n, err := strconv.ParseUint(text, 10, 31)
	switch {
	case text == "" || err == nil:
		return int(n), nil
	case style == Neutron:
		return 0, errs.Invalidf("Limit must be an integer 0 or greater and not '%s'", cut(text))
	case style == Glance && strings.HasPrefix(text, "-"):
		return 0, errs.Invalidf("limit param must be positive")
	case style == Glance:
		return 0, errs.Invalidf("limit param must be an integer")
	case style == Keystone:
		return 0, errs.Invalidf("Invalid input for field 'limit': '%s' does not match '^[0-9]+$'", cut(text))
	}
	return 0, errs.Invalidf("Invalid input for query parameters limit. Value: %[1]s. '%[1]s' does not match '^[0-9]*$'", cut(text))
}

// sorts pairs keys with directions.
func sorts(style Style, p url.Values) ([]store.Sort, error) {
	keys, dirs := trimmed(p["sort_key"]), trimmed(p["sort_dir"])
	if style == Glance && p.Has("sort") {
		if keys != nil || dirs != nil {
			return nil, errs.Invalidf("Old and new sorting syntax cannot be combined")
		}
		for part := range strings.SplitSeq(p.Get("sort"), ",") {
			key, dir, _ := strings.Cut(strings.TrimSpace(part), ":")
			keys, dirs = append(keys, key), append(dirs, dir)
		}
	} else if err := fits(style, len(keys), len(dirs)); err != nil {
		return nil, err
	}
	for _, dir := range dirs {
		if dir != "" && dir != "asc" && dir != "desc" {
			return nil, badDirection(style, dir)
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

func trimmed(values []string) (out []string) {
	for _, v := range values {
		out = append(out, strings.TrimSpace(v))
	}
	return out
}

// fits reports whether so many directions go with so many keys.
func fits(style Style, keys, dirs int) error {
	switch {
	case style == Neutron && keys != dirs:
		return errs.Invalidf("The number of sort_keys and sort_dirs must be same")
	case style == Glance && dirs > 1 && dirs != keys:
		return errs.Invalidf("Number of sort dirs does not match the number of sort keys")
	case style == Nova && dirs > max(keys, 1):
		return errs.Invalidf("Invalid input received: Sort direction size exceeds sort key size")
	}
	return nil
}

func badDirection(style Style, dir string) error {
	switch style {
	case Neutron:
		return errs.Invalidf("['%s'] is invalid value for sort_dirs, valid value is 'asc' and 'desc'", cut(dir))
	case Glance:
		return errs.Invalidf("Invalid sort direction: %s", cut(dir))
	}
	return errs.Invalidf("Invalid input received: Unknown sort direction, must be 'desc' or 'asc'")
}

func readFilters(style Style, p url.Values, allowed []string) ([]store.Filter, error) {
	var out []store.Filter
	var invalid []string
	for name, values := range p {
		if slices.Contains(paging, name) {
			continue
		}
		read := []store.Filter{{Field: name, Values: values}}
		switch style {
		case Keystone:
			read = keystoneFilters(name, values)
		case Glance:
			read = glanceFilters(name, values)
		}
		if allowed != nil && !slices.Contains(allowed, read[0].Field) {
			invalid = append(invalid, fmt.Sprintf("'%s'", cut(name)))
			continue
		}
		out = append(out, read...)
	}
	if style == Neutron && invalid != nil {
		slices.Sort(invalid)
		return nil, errs.Invalidf("[%s] is invalid attribute for filtering", strings.Join(invalid, ", "))
	}
	slices.SortStableFunc(out, func(a, b store.Filter) int { return strings.Compare(a.Field, b.Field) })
	return out, nil
}

var keystoneOps = map[string]store.Op{"contains": store.Contains, "startswith": store.Prefix, "endswith": store.Suffix}

// foldedForms are the comparisons of letters in either case, as regular expressions.
var foldedForms = map[string]string{"icontains": "(?i)%s", "istartswith": "(?i)^%s", "iendswith": "(?i)%s$"}

// keystoneFilters reads name__contains=x, once for each value.
func keystoneFilters(name string, values []string) (all []store.Filter) {
	field, comparator, _ := strings.Cut(name, "__")
	for _, v := range values {
		f := store.Filter{Field: field, Values: []string{v}}
		if op, known := keystoneOps[comparator]; known {
			f.Op = op
		} else if form, known := foldedForms[comparator]; known {
			f.Op, f.Values[0] = store.Regexp, fmt.Sprintf(form, regexp.QuoteMeta(v))
		} else {
			f.Field = name
		}
		all = append(all, f)
	}
	return all
}

var glanceOps = map[string]store.Op{"eq": store.Eq, "neq": store.Neq, "gt": store.Gt, "gte": store.Gte, "lt": store.Lt, "lte": store.Lte}

// glanceFilters reads created_at=gt:2030-01-01, name=in:a,b, size_min=1 and
// tag=a&tag=b, which must all be there.
func glanceFilters(name string, values []string) []store.Filter {
	value := values[0]
	switch name {
	case "tag":
		var all []store.Filter
		for _, v := range values {
			all = append(all, store.Filter{Field: name, Values: []string{strings.TrimSpace(v)}})
		}
		return all
	case "size_min":
		return []store.Filter{{Field: "size", Op: store.Gte, Values: values[:1]}}
	case "size_max":
		return []store.Filter{{Field: "size", Op: store.Lte, Values: values[:1]}}
	case "created_at", "updated_at":
		word, rest, ok := strings.Cut(value, ":")
		if op, known := glanceOps[word]; ok && known {
			return []store.Filter{{Field: name, Op: op, Values: []string{rest}}}
		}
	case "container_format", "disk_format", "id", "name", "status":
		if list, ok := strings.CutPrefix(value, "in:"); ok {
			return []store.Filter{{Field: name, Values: splitQuoted(list)}}
		}
	}
	return []store.Filter{{Field: name, Values: values[:1]}}
}

// splitQuoted splits at commas outside double quotes; \" stands for a quote within.
func splitQuoted(s string) []string {
	var out []string
	var word strings.Builder
	quoted := false
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c == '"':
			quoted = !quoted
		case quoted && c == '\\' && i+1 < len(s):
			i++
			word.WriteByte(s[i])
		case c == ',' && !quoted:
			out = append(out, word.String())
			word.Reset()
		default:
			word.WriteByte(c)
		}
	}
	return append(out, word.String())
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
