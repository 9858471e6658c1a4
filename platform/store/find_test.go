package store_test

import (
	"cmp"
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/uptrace/bun"
	"pgregory.net/rapid"

	"github.com/cumulite/cumulite/platform/errs"
	"github.com/cumulite/cumulite/platform/store"
	"github.com/cumulite/cumulite/platform/store/storetest"
)

var books = &store.Listing[book]{
	Columns: map[string]store.Column{
		"id": {Name: "id"}, "name": {Name: "title"}, "author": {Name: "author"}, "pages": {Name: "pages", Kind: store.Int},
		"rating": {Name: "rating", Kind: store.Float}, "lent": {Name: "lent", Kind: store.Bool},
		"bought_at": {Name: "bought_at", Kind: store.Time}, "read_at": {Name: "read_at", Kind: store.Time},
		"either": {Filter: func(q *bun.SelectQuery, f store.Filter) (*bun.SelectQuery, error) {
			return q.Where("title = ?", f.Values[0]).WhereOr("author = ?", f.Values[0]), nil
		}},
	},
	Default: []store.Sort{{Field: "bought_at", Desc: true}},
}

func find(t testing.TB, db *store.Store, q store.Query) []string {
	t.Helper()
	rows, _, err := books.Find(context.Background(), db.Read(), q, nil)
	require.NoError(t, err)
	return ids(rows)
}

func ids(rows []book) []string {
	names := []string{}
	for _, r := range rows {
		names = append(names, r.ID)
	}
	return names
}

func where(field string, op store.Op, values ...string) store.Query {
	return store.Query{Filters: []store.Filter{{Field: field, Op: op, Values: values}}, Sorts: []store.Sort{{Field: "id"}}}
}

func library(t testing.TB) *store.Store {
	db := storetest.Open(t, shelf())
	half := 0.5
	insert(t, db,
		book{ID: "1", Title: "50% off", Author: "Ann", Pages: 10, Rating: &half, Lent: true, BoughtAt: noon},
		book{ID: "2", Title: "50 cents", Author: "ann", Pages: 9, BoughtAt: noon.Add(500 * time.Millisecond), ReadAt: noon},
		book{ID: "3", Title: `a_b\c 'd' "e" ?`, Pages: -1, BoughtAt: noon.Add(510 * time.Millisecond)},
		book{ID: "4", Title: "", Author: "Bob", Pages: 100, BoughtAt: noon.Add(time.Second), ReadAt: noon.Add(time.Microsecond)},
	)
	return db
}

func TestFiltersFindWhatTheyName(t *testing.T) {
	db := library(t)
	for name, c := range map[string]struct {
		q    store.Query
		want string
	}{
		"eq":                        {where("author", store.Eq, "Ann"), "1"},
		"eq any":                    {where("author", store.Eq, "Ann", "Bob"), "1 4"},
		"eq nothing":                {where("author", store.Eq), ""},
		"eq empty is null":          {where("author", store.Eq, ""), "3"},
		"eq empty or value":         {where("author", store.Eq, "", "Bob"), "3 4"},
		"eq empty text":             {where("name", store.Eq, ""), "4"},
		"neq keeps null":            {where("author", store.Neq, "Ann"), "2 3 4"},
		"neq empty":                 {where("author", store.Neq, ""), "1 2 4"},
		"neq empty and value":       {where("author", store.Neq, "", "Bob"), "1 2"},
		"neq nothing":               {where("author", store.Neq), "1 2 3 4"},
		"neq empty number":          {where("rating", store.Neq, ""), "1"},
		"eq empty number":           {where("rating", store.Eq, ""), "2 3 4"},
		"numbers compare as such":   {where("pages", store.Gt, "9"), "1 4"},
		"lte":                       {where("pages", store.Lte, "9"), "2 3"},
		"float":                     {where("rating", store.Gte, "0.5"), "1"},
		"bool":                      {where("lent", store.Eq, "Yes"), "1"},
		"bool false":                {where("lent", store.Eq, "0"), "2 3 4"},
		"null":                      {where("read_at", store.Null), "1 3"},
		"not null":                  {where("read_at", store.Null, "false"), "2 4"},
		"time gt":                   {where("bought_at", store.Gt, "2030-01-01T12:00:00Z"), "2 3 4"},
		"time gt with fraction":     {where("bought_at", store.Gt, "2030-01-01T12:00:00.5Z"), "3 4"},
		"time lt in another zone":   {where("bought_at", store.Lt, "2030-01-01T14:00:01+02:00"), "1 2 3"},
		"time eq":                   {where("bought_at", store.Eq, "2030-01-01 12:00:00.51"), "3"},
		"time of a day":             {where("bought_at", store.Gte, "2030-01-02"), ""},
		"time of microseconds":      {where("read_at", store.Gt, "2030-01-01T12:00:00.000000Z"), "4"},
		"contains quotes wildcards": {where("name", store.Contains, "%"), "1"},
		"contains underscore":       {where("name", store.Contains, "_"), "3"},
		"contains backslash":        {where("name", store.Contains, `\`), "3"},
		"contains quotes":           {where("name", store.Contains, `'d' "e" ?`), "3"},
		"prefix":                    {where("name", store.Prefix, "50"), "1 2"},
		"prefix minds case":         {where("author", store.Prefix, "A"), "1"},
		"suffix":                    {where("name", store.Suffix, "s"), "2"},
		"regexp":                    {where("name", store.Regexp, `^50\b.*[fs]$`), "1 2"},
		"regexp skips null":         {where("author", store.Regexp, ``), "1 2 4"},
		"own filter":                {where("either", store.Eq, "Bob"), "4"},
		"injection":                 {where("name", store.Eq, `' OR 1=1 --`), ""},
	} {
		t.Run(name, func(t *testing.T) {
			require.Equal(t, c.want, strings.Join(find(t, db, c.q), " "))
		})
	}
}

func TestBadQueriesAreInvalidAndNameTheField(t *testing.T) {
	db := library(t)
	for name, c := range map[string]struct {
		q    store.Query
		says string
	}{
		"unknown filter":  {where("color", store.Eq, "red"), "color"},
		"unknown sort":    {store.Query{Sorts: []store.Sort{{Field: "color"}}}, "color"},
		"unsortable":      {store.Query{Sorts: []store.Sort{{Field: "either"}}}, "either"},
		"int":             {where("pages", store.Eq, "ten"), "pages"},
		"float":           {where("rating", store.Lt, "x"), "rating"},
		"bool":            {where("lent", store.Eq, "maybe"), "lent"},
		"bool has no way": {where("lent", store.Gt, "true"), "lent"},
		"time":            {where("read_at", store.Gt, "yesterday"), "read_at"},
		"null of what":    {where("read_at", store.Null, "what"), "read_at"},
		"two for less":    {where("pages", store.Lt, "1", "2"), "pages"},
		"number has no":   {where("pages", store.Contains, "1"), "pages"},
		"regexp":          {where("name", store.Regexp, "("), "name"},
		"long regexp":     {where("name", store.Regexp, strings.Repeat("x", 300)), "name"},
		"NUL":             {where("name", store.Eq, "a\x00b"), "name"},
		"not UTF-8":       {where("name", store.Contains, "\xff"), "name"},
		"unknown op":      {where("name", store.Op(99), "x"), "name"},
		"unknown marker":  {store.Query{Marker: "nope"}, "nope"},
	} {
		t.Run(name, func(t *testing.T) {
			_, _, err := books.Find(context.Background(), db.Read(), c.q, nil)
			require.True(t, errs.Is(err, errs.Invalid), "%v", err)
			require.Contains(t, errs.Message(err), c.says)
		})
	}
}

func TestScopeHidesRowsAndMarkers(t *testing.T) {
	db := library(t)
	annOrBob := func(q *bun.SelectQuery) *bun.SelectQuery {
		return q.Where("author = ?", "Ann").WhereOr("author = ?", "Bob")
	}
	ctx := context.Background()
	rows, more, err := books.Find(ctx, db.Read(), where("pages", store.Gt, "0"), annOrBob)
	require.NoError(t, err)
	require.False(t, more)
	require.Equal(t, []string{"1", "4"}, ids(rows), "an OR in the scope does not open it")
	rows, _, err = books.Find(ctx, db.Read(), where("pages", store.Gt, "10"), annOrBob)
	require.NoError(t, err)
	require.Equal(t, []string{"4"}, ids(rows))
	_, _, err = books.Find(ctx, db.Read(), store.Query{Marker: "2"}, annOrBob)
	require.True(t, errs.Is(err, errs.Invalid), "a hidden marker is no marker")
}

func TestPagesAreBounded(t *testing.T) {
	db := library(t)
	small := &store.Listing[book]{Columns: books.Columns, MaxLimit: 3}
	rows, more, err := small.Find(context.Background(), db.Read(), store.Query{Limit: 100}, nil)
	require.NoError(t, err)
	require.True(t, more)
	require.Equal(t, []string{"1", "2", "3"}, ids(rows), "without sorts, in the order of the key")
	require.Equal(t, []string{"4", "3", "2", "1"}, find(t, db, store.Query{}), "the default sort")
}

func TestAListingMayHaveAnotherKey(t *testing.T) {
	db := library(t)
	byTitle := &store.Listing[book]{Key: "title", MaxLimit: 2}
	rows, more, err := byTitle.Find(context.Background(), db.Read(), store.Query{Marker: "50 cents"}, nil)
	require.NoError(t, err)
	require.False(t, more)
	require.Equal(t, []string{"1", "3"}, ids(rows))
}

// Paging through a random list in a random order, in either direction, gives
// each row exactly once, in the order that sorting it in memory gives.
func TestPagingGivesTheWholeListOnce(t *testing.T) {
	fields := []string{"id", "name", "author", "pages", "rating", "lent", "bought_at", "read_at"}
	rapid.Check(t, func(rt *rapid.T) {
		db := storetest.Open(t, shelf())
		rows := rapid.SliceOfNDistinct(rapid.Custom(randomBook), 0, 25, func(b book) string { return b.ID }).Draw(rt, "rows")
		if len(rows) > 0 {
			insert(t, db, rows...)
		}
		sorts := rapid.SliceOfN(rapid.Custom(func(rt *rapid.T) store.Sort {
			return store.Sort{Field: rapid.SampledFrom(fields).Draw(rt, "field"), Desc: rapid.Bool().Draw(rt, "desc")}
		}), 1, 4).Draw(rt, "sorts")
		slices.SortFunc(rows, func(a, b book) int { return compareBooks(a, b, sorts) })
		limit := rapid.IntRange(1, 7).Draw(rt, "limit")
		require.Equal(rt, ids(rows), walk(t, db, store.Query{Sorts: sorts, Limit: limit}))
		require.Equal(rt, ids(rows), walk(t, db, store.Query{Sorts: sorts, Limit: limit, Reverse: true}))
	})
}

// walk reads all pages from the first on, or from the last one backwards.
func walk(t testing.TB, db *store.Store, q store.Query) []string {
	all := []string{}
	for {
		rows, more, err := books.Find(context.Background(), db.Read(), q, nil)
		require.NoError(t, err)
		if q.Reverse {
			all = append(ids(rows), all...)
		} else {
			all = append(all, ids(rows)...)
		}
		if !more {
			return all
		}
		require.Len(t, rows, q.Limit)
		q.Marker = rows[len(rows)-1].ID
		if q.Reverse {
			q.Marker = rows[0].ID
		}
	}
}

func randomBook(rt *rapid.T) book {
	few := rapid.SampledFrom([]string{"", "a", "A", "b%", "é", "'"})
	b := book{
		ID: rapid.StringMatching(`[a-zA-Z0-9]{1,6}`).Draw(rt, "id"), Title: few.Draw(rt, "title"), Author: few.Draw(rt, "author"),
		Pages: rapid.IntRange(-2, 2).Draw(rt, "pages"), Lent: rapid.Bool().Draw(rt, "lent"),
		BoughtAt: noon.Add(time.Duration(rapid.SampledFrom([]int{0, 1, 10, 500_000, 510_000, 1_000_000}).Draw(rt, "bought")) * time.Microsecond),
	}
	if rapid.Bool().Draw(rt, "rated") {
		f := rapid.SampledFrom([]float64{-0.5, 0, 0.1, 1e9}).Draw(rt, "rating")
		b.Rating = &f
	}
	if rapid.Bool().Draw(rt, "read") {
		b.ReadAt = b.BoughtAt.Add(time.Second)
	}
	return b
}

// compareBooks sorts in memory as Find promises to.
func compareBooks(a, b book, sorts []store.Sort) int {
	for _, s := range append(sorts, store.Sort{Field: "id", Desc: sorts[0].Desc}) {
		c := 0
		switch s.Field {
		case "id":
			c = cmp.Compare(a.ID, b.ID)
		case "name":
			c = cmp.Compare(a.Title, b.Title)
		case "author": // "" is stored as NULL, and sorts first either way
			c = cmp.Compare(a.Author, b.Author)
		case "pages":
			c = cmp.Compare(a.Pages, b.Pages)
		case "rating":
			c = comparePointers(a.Rating, b.Rating)
		case "lent":
			c = cmp.Compare(fmt.Sprint(a.Lent), fmt.Sprint(b.Lent))
		case "bought_at":
			c = a.BoughtAt.Compare(b.BoughtAt)
		case "read_at":
			c = a.ReadAt.Compare(b.ReadAt)
		}
		if c != 0 && s.Desc {
			return -c
		}
		if c != 0 {
			return c
		}
	}
	return 0
}

func comparePointers(a, b *float64) int {
	switch {
	case a == nil && b == nil:
		return 0
	case a == nil:
		return -1
	case b == nil:
		return 1
	}
	return cmp.Compare(*a, *b)
}

// BenchmarkDeepPage is a page near the end of a long list.
func BenchmarkDeepPage(b *testing.B) {
	db := storetest.Open(b, shelf())
	for range 20 {
		var rows []book
		for range 1000 {
			n := len(rows)
			rows = append(rows, book{ID: fmt.Sprint(rand.Uint64()), Pages: n})
		}
		insert(b, db, rows...)
	}
	require.NoError(b, db.Write(context.Background(), func(ctx context.Context, tx *store.Tx) error {
		_, err := tx.ExecContext(ctx, "CREATE INDEX shelf_books_pages ON shelf_books (pages, id)")
		return err
	}))
	q := store.Query{Sorts: []store.Sort{{Field: "pages", Desc: true}}, Limit: 20}
	q.Marker = find(b, db, store.Query{Sorts: []store.Sort{{Field: "pages"}}, Limit: 100})[99]
	for b.Loop() {
		find(b, db, q)
	}
}

func BenchmarkFind1000(b *testing.B) {
	db := storetest.Open(b, shelf())
	rnd := rand.New(rand.NewPCG(1, 2))
	var rows []book
	for i := range 1000 {
		rows = append(rows, book{ID: fmt.Sprintf("%04d", i), Title: "t", Tags: []string{"x"}, BoughtAt: noon.Add(time.Duration(rnd.IntN(1e9)))})
	}
	insert(b, db, rows...)
	for b.Loop() {
		rows, _, err := books.Find(context.Background(), db.Read(), store.Query{}, nil)
		if err != nil || len(rows) != 1000 {
			b.Fatal(err, len(rows))
		}
	}
}
