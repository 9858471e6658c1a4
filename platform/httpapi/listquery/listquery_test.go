package listquery_test

import (
	"net/url"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/cumulite/cumulite/platform/errs"
	"github.com/cumulite/cumulite/platform/httpapi/listquery"
	"github.com/cumulite/cumulite/platform/store"
)

func read(t *testing.T, style listquery.Style, query string, filters ...string) (store.Query, string) {
	t.Helper()
	p, err := url.ParseQuery(query)
	require.NoError(t, err)
	q, err := listquery.Read(style, p, filters)
	if err != nil {
		require.True(t, errs.Is(err, errs.Invalid))
	}
	return q, errs.Message(err)
}

func TestPagesAndSorts(t *testing.T) {
	q, msg := read(t, listquery.Nova, "limit=5&marker=m&sort_key=name&sort_key=id&sort_dir=asc&fields=x")
	require.Empty(t, msg)
	require.Equal(t, store.Query{Limit: 5, Marker: "m", Sorts: []store.Sort{{Field: "name"}, {Field: "id"}}}, q, "the first direction serves the rest")
	q, _ = read(t, listquery.Nova, "sort_key=name")
	require.Equal(t, []store.Sort{{Field: "name", Desc: true}}, q.Sorts)
	q, _ = read(t, listquery.Glance, "sort=name:asc,%20size")
	require.Equal(t, []store.Sort{{Field: "name"}, {Field: "size", Desc: true}}, q.Sorts)
	q, _ = read(t, listquery.Neutron, "page_reverse=True&sort_key=a&sort_dir=desc")
	require.True(t, q.Reverse)
	q, _ = read(t, listquery.Nova, "page_reverse=True")
	require.False(t, q.Reverse, "only network pages backwards")
}

func TestMistakesAreWordedByEachService(t *testing.T) {
	for _, c := range []struct {
		style       listquery.Style
		query, want string
	}{
		{listquery.Nova, "limit=-1", "Invalid input for query parameters limit. Value: -1. '-1' does not match '^[0-9]*$'"},
		{listquery.Nova, "limit=99999999999", "Invalid input for query parameters limit. Value: 99999999999. '99999999999' does not match '^[0-9]*$'"},
		{listquery.Neutron, "limit=x", "Limit must be an integer 0 or greater and not 'x'"},
		{listquery.Keystone, "limit=x", "Invalid input for field 'limit': 'x' does not match '^[0-9]+$'"},
		{listquery.Glance, "limit=x", "limit param must be an integer"},
		{listquery.Glance, "limit=-1", "limit param must be positive"},
		{listquery.Nova, "sort_key=a&sort_dir=up", "Invalid input received: Unknown sort direction, must be 'desc' or 'asc'"},
		{listquery.Nova, "sort_key=a&sort_dir=asc&sort_dir=asc", "Invalid input received: Sort direction size exceeds sort key size"},
		{listquery.Neutron, "sort_key=a", "The number of sort_keys and sort_dirs must be same"},
		{listquery.Neutron, "sort_key=a&sort_dir=up", "['up'] is invalid value for sort_dirs, valid value is 'asc' and 'desc'"},
		{listquery.Glance, "sort=a:up", "Invalid sort direction: up"},
		{listquery.Glance, "sort=a&sort_key=b", "Old and new sorting syntax cannot be combined"},
		{listquery.Glance, "sort_key=a&sort_dir=asc&sort_dir=asc", "Number of sort dirs does not match the number of sort keys"},
	} {
		_, msg := read(t, c.style, c.query)
		require.Equal(t, c.want, msg, c.query)
	}
	_, msg := read(t, listquery.Neutron, "name=a&zoo=b&ant=c", "name")
	require.Equal(t, "['ant', 'zoo'] is invalid attribute for filtering", msg)
}

func TestFilters(t *testing.T) {
	eq := func(field string, values ...string) store.Filter { return store.Filter{Field: field, Values: values} }
	for _, c := range []struct {
		style   listquery.Style
		query   string
		allowed []string
		want    []store.Filter
	}{
		{listquery.Neutron, "name=a&name=b&shared=True", []string{"name", "shared"}, []store.Filter{eq("name", "a", "b"), eq("shared", "True")}},
		{listquery.Nova, "name=a&zoo=b", []string{"name"}, []store.Filter{eq("name", "a")}},
		{listquery.Nova, "name=a&zoo=b", nil, []store.Filter{eq("name", "a"), eq("zoo", "b")}},
		{listquery.Keystone, "name__contains=a&enabled=1&x__y=z", []string{"name", "enabled"}, []store.Filter{eq("enabled", "1"), {Field: "name", Op: store.Contains, Values: []string{"a"}}}},
		{listquery.Keystone, "name__istartswith=a.", nil, []store.Filter{{Field: "name", Op: store.Regexp, Values: []string{`(?i)^a\.`}}}},
		{listquery.Glance, `name=in:a,"b,%20\"c",`, nil, []store.Filter{eq("name", "a", `b, "c`, "")}},
		{listquery.Glance, "name=gt:a&os=x:y", nil, []store.Filter{eq("name", "gt:a"), eq("os", "x:y")}},
		{listquery.Glance, "created_at=gte:2030-01-01T00:00:00Z", nil, []store.Filter{{Field: "created_at", Op: store.Gte, Values: []string{"2030-01-01T00:00:00Z"}}}},
		{listquery.Glance, "created_at=2030-01-01T00:00:00Z", nil, []store.Filter{eq("created_at", "2030-01-01T00:00:00Z")}},
		{listquery.Glance, "size_min=1&size_max=9", nil, []store.Filter{{Field: "size", Op: store.Gte, Values: []string{"1"}}, {Field: "size", Op: store.Lte, Values: []string{"9"}}}},
		{listquery.Glance, "tag=a&tag=b", nil, []store.Filter{eq("tag", "a"), eq("tag", "b")}},
	} {
		q, msg := read(t, c.style, c.query, c.allowed...)
		require.Empty(t, msg, c.query)
		require.ElementsMatch(t, c.want, q.Filters, c.query)
	}
}

func TestTimes(t *testing.T) {
	p := url.Values{"a": {"2030-01-02T03:04:05+01:00"}, "b": {"2030-01-02T03:04:05"}, "c": {"soon"}}
	at, err := listquery.Time(p, "a")
	require.NoError(t, err)
	require.Equal(t, "2030-01-02 02:04:05 +0000 UTC", at.String())
	at, err = listquery.Time(p, "b")
	require.NoError(t, err)
	require.Equal(t, 3, at.Hour())
	_, err = listquery.Time(p, "c")
	require.True(t, errs.Is(err, errs.Invalid))
	at, err = listquery.Time(p, "none")
	require.NoError(t, err)
	require.Nil(t, at)
}
