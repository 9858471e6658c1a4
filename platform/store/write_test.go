package store_test

import (
	"context"
	"embed"
	"io/fs"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/uptrace/bun"

	"github.com/cumulite/cumulite/platform/store"
	"github.com/cumulite/cumulite/platform/store/storetest"
)

//go:embed testdata/*.sql
var files embed.FS

// shelf is the schema of these tests.
func shelf() store.Migrations {
	sub, err := fs.Sub(files, "testdata")
	if err != nil {
		panic(err)
	}
	return store.Migrations{Name: "shelf", Files: sub}
}

// book uses every sort of column that services use.
type book struct {
	bun.BaseModel `bun:"table:shelf_books"`

	ID       string            `bun:"id,pk"`
	Title    string            `bun:"title"`
	Author   string            `bun:"author,nullzero"`
	Pages    int               `bun:"pages"`
	Rating   *float64          `bun:"rating"`
	Lent     bool              `bun:"lent"`
	Tags     []string          `bun:"tags"`
	Meta     map[string]string `bun:"meta"`
	BoughtAt time.Time         `bun:"bought_at"`
	ReadAt   time.Time         `bun:"read_at,nullzero"`
	Version  int64             `bun:"version"`
}

var noon = time.Date(2030, 1, 1, 12, 0, 0, 0, time.UTC)

func insert(t testing.TB, db *store.Store, books ...book) {
	t.Helper()
	require.NoError(t, db.Write(context.Background(), func(ctx context.Context, tx *store.Tx) error {
		for i := range books {
			if err := store.Insert(ctx, tx, &books[i]); err != nil {
				return err
			}
		}
		return nil
	}))
}

func TestRowsComeBackAsTheyWere(t *testing.T) {
	db := storetest.Open(t, shelf())
	rating := 4.5
	want := book{ID: "b1", Title: "It's \\u0000 ?", Author: "Ann", Pages: 3, Rating: &rating, Lent: true, Tags: []string{"a'b", `c\u0000"d`},
		Meta: map[string]string{"k?": "v'; --"}, BoughtAt: noon.Add(time.Microsecond), ReadAt: noon, Version: 7}
	insert(t, db, want)
	got, err := store.Get[book](context.Background(), db.Read(), "b1")
	require.NoError(t, err)
	require.Equal(t, want, *got)
}
