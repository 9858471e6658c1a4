package listquery_test

import (
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/cumulite/cumulite/platform/errs"
	"github.com/cumulite/cumulite/platform/httpapi/listquery"
	"github.com/cumulite/cumulite/platform/store"
)

// manner says in its refusals who refused.
var manner = listquery.Manner{
	Limit:     func(text string) error { return errs.Invalidf("limit %s", text) },
	Direction: func(text string) error { return errs.Invalidf("direction %s", text) },
	Fit: func(keys, directions int) error {
		if directions > keys {
			return errs.Invalidf("%d for %d", directions, keys)
		}
		return nil
	},
}

func read(t *testing.T, m listquery.Manner, query string, filters ...string) (store.Query, string) {
	t.Helper()
	p, err := url.ParseQuery(query)
	require.NoError(t, err)
	q, err := listquery.Read(m, p, filters)
	if err != nil {
		require.True(t, errs.Is(err, errs.Invalid))
	}
	return q, errs.Message(err)
}

func TestPagesAndSorts(t *testing.T) {
	q, msg := read(t, manner, "limit=5&marker=m&sort_key=name&sort_key=id&sort_dir=asc&fields=x")
	require.Empty(t, msg)
	require.Equal(t, store.Query{Limit: 5, Marker: "m", Sorts: []store.Sort{{Field: "name"}, {Field: "id"}}}, q, "the first direction serves the rest")
	q, _ = read(t, manner, "sort_key=name&page_reverse=True")
	require.Equal(t, store.Query{Sorts: []store.Sort{{Field: "name", Desc: true}}}, q)
	backwards := manner
	backwards.Backwards, backwards.Pairs = true, true
	q, _ = read(t, backwards, "page_reverse=True&sort=name:asc,%20size")
	require.Equal(t, store.Query{Reverse: true, Sorts: []store.Sort{{Field: "name"}, {Field: "size", Desc: true}}}, q)
	_, msg = read(t, backwards, "sort=a&sort_key=b")
	require.NotEmpty(t, msg, "the two ways do not mix")
}

func TestMistakesAreWordedByTheService(t *testing.T) {
	for query, want := range map[string]string{
		"limit=-1": "limit -1", "limit=99999999999": "limit 99999999999", "sort_key=a&sort_dir=up": "direction up", "sort_dir=asc": "1 for 0",
		"limit=" + strings.Repeat("x", 300): "limit " + strings.Repeat("x", 255),
	} {
		_, msg := read(t, manner, query)
		require.Equal(t, want, msg, query)
	}
}

func TestFilters(t *testing.T) {
	a, zoo := store.Filter{Field: "name", Values: []string{"a", "b"}}, store.Filter{Field: "zoo", Values: []string{"c"}}
	q, _ := read(t, manner, "name=a&zoo=c&name=b")
	require.Equal(t, []store.Filter{a, zoo}, q.Filters)
	q, _ = read(t, manner, "name=a&zoo=c&name=b", "name")
	require.Equal(t, []store.Filter{a}, q.Filters)
	own := manner
	own.Unknown = func(names []string) error { return errs.Invalidf("not %v", names) }
	own.Filter = func(name string, values []string) []store.Filter {
		return []store.Filter{{Field: strings.TrimSuffix(name, "_min"), Op: store.Gte, Values: values}}
	}
	q, _ = read(t, own, "size_min=1", "size")
	require.Equal(t, []store.Filter{{Field: "size", Op: store.Gte, Values: []string{"1"}}}, q.Filters)
	_, msg := read(t, own, "zoo=b&ant=c", "size")
	require.Equal(t, "not [ant zoo]", msg)
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
