package store_test

import (
	"context"
	"database/sql"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/uptrace/bun"

	"github.com/cumulite/cumulite/platform/errs"
	"github.com/cumulite/cumulite/platform/store"
	"github.com/cumulite/cumulite/platform/store/storetest"
)

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

func TestGetReadsThroughEveryDoor(t *testing.T) {
	db := storetest.Open(t, shelf())
	insert(t, db, book{ID: "b1", Title: "t", BoughtAt: noon})
	ctx := context.Background()
	snapshot, err := db.Read().BeginTx(ctx, &sql.TxOptions{ReadOnly: true})
	require.NoError(t, err)
	defer func() { require.NoError(t, snapshot.Rollback()) }()
	get := func(ctx context.Context, from bun.IDB) {
		got, err := store.Get[book](ctx, from, "b1")
		require.NoError(t, err)
		require.Equal(t, book{ID: "b1", Title: "t", BoughtAt: noon}, *got)
		_, err = store.Get[book](ctx, from, "b2")
		require.True(t, store.IsNone(err))
	}
	get(ctx, db.Read())
	get(ctx, snapshot)
	require.NoError(t, db.Write(ctx, func(ctx context.Context, tx *store.Tx) error {
		get(ctx, tx)
		return nil
	}))
}

func TestMissingRowsAreNone(t *testing.T) {
	db := storetest.Open(t, shelf())
	ctx := context.Background()
	_, err := store.Get[book](ctx, db.Read(), "b1")
	require.True(t, store.IsNone(err))
	require.NoError(t, db.Write(ctx, func(ctx context.Context, tx *store.Tx) error {
		require.True(t, store.IsNone(store.Delete[book](ctx, tx, "b1")))
		require.True(t, store.IsNone(store.Update(ctx, tx, &book{ID: "b1"}, "title")))
		return nil
	}))
}

func TestUpdateWritesTheNamedColumnsOnly(t *testing.T) {
	db := storetest.Open(t, shelf())
	insert(t, db, book{ID: "b1", Title: "old", Author: "Ann", Pages: 1, BoughtAt: noon})
	ctx := context.Background()
	row := &book{ID: "b1", Title: "new", Author: "lost", Pages: 2}
	require.NoError(t, db.Write(ctx, func(ctx context.Context, tx *store.Tx) error {
		return store.Update(ctx, tx, row, "title", "pages")
	}))
	require.EqualValues(t, 1, row.Version)
	got, err := store.Get[book](ctx, db.Read(), "b1")
	require.NoError(t, err)
	require.Equal(t, book{ID: "b1", Title: "new", Author: "Ann", Pages: 2, BoughtAt: noon, Version: 1}, *got)

	require.Error(t, db.Write(ctx, func(ctx context.Context, tx *store.Tx) error { return store.Update(ctx, tx, row) }))
	require.Error(t, db.Write(ctx, func(ctx context.Context, tx *store.Tx) error { return store.Update(ctx, tx, row, "color") }))
	require.EqualValues(t, 1, row.Version, "a failed update leaves the row in hand as it was")
}

func TestUpdateOfAnOldVersionIsAConflict(t *testing.T) {
	db := storetest.Open(t, shelf())
	insert(t, db, book{ID: "b1", Title: "old", BoughtAt: noon})
	ctx := context.Background()
	first, err := store.Get[book](ctx, db.Read(), "b1")
	require.NoError(t, err)
	second := *first
	first.Title, second.Title = "first", "second"
	save := func(b *book) error {
		return db.Write(ctx, func(ctx context.Context, tx *store.Tx) error { return store.Update(ctx, tx, b, "title") })
	}
	require.NoError(t, save(first))
	require.True(t, errs.Is(save(&second), errs.Conflict))
	require.Zero(t, second.Version)
	got, err := store.Get[book](ctx, db.Read(), "b1")
	require.NoError(t, err)
	require.Equal(t, "first", got.Title)
}

func TestDeleteRemovesOneRow(t *testing.T) {
	db := storetest.Open(t, shelf())
	insert(t, db, book{ID: "b1", BoughtAt: noon}, book{ID: "b2", BoughtAt: noon})
	ctx := context.Background()
	require.NoError(t, db.Write(ctx, func(ctx context.Context, tx *store.Tx) error { return store.Delete[book](ctx, tx, "b1") }))
	require.Equal(t, []string{"b2"}, find(t, db, store.Query{}))
}

func TestDuplicatesAreRecognised(t *testing.T) {
	db := storetest.Open(t, shelf())
	insert(t, db, book{ID: "b1", BoughtAt: noon})
	ctx := context.Background()
	err := db.Write(ctx, func(ctx context.Context, tx *store.Tx) error {
		return store.Insert(ctx, tx, &book{ID: "b1"})
	})
	require.True(t, store.IsDuplicate(err))
	err = db.Write(ctx, func(ctx context.Context, tx *store.Tx) error {
		_, err := tx.Exec(ctx, "INSERT INTO shelf_books (id, title, pages, lent, bought_at, version) VALUES (?, '', 0, ?, ?, 0)", "b1", false, noon)
		return errs.Wrap(err, "insert")
	})
	require.True(t, store.IsDuplicate(err))
	err = db.Write(ctx, func(ctx context.Context, tx *store.Tx) error {
		_, err := tx.Exec(ctx, "UPDATE shelf_books SET title = NULL WHERE id = ?", "b1")
		return err
	})
	require.Error(t, err)
	require.False(t, store.IsDuplicate(err), "another constraint is not a duplicate")
}

// Bound parameters and bun's text must agree on how values are stored.
func TestBoundParametersAndModelsAgree(t *testing.T) {
	db := storetest.Open(t, shelf())
	at := noon.Add(1500 * time.Microsecond).In(time.FixedZone("east", 7200))
	insert(t, db, book{ID: "b1", Lent: true, BoughtAt: at})
	ctx := context.Background()
	var id string
	require.NoError(t, db.QueryRow(ctx, "SELECT id FROM shelf_books WHERE bought_at = ? AND lent = ?", at, true).Scan(&id))
	require.Equal(t, "b1", id)
	require.NoError(t, db.Write(ctx, func(ctx context.Context, tx *store.Tx) error {
		var got time.Time
		row := tx.QueryRow(ctx, "UPDATE shelf_books SET bought_at = ?, read_at = ? WHERE id = ? RETURNING bought_at", at.Add(time.Hour), nil, "b1")
		require.NoError(t, row.Scan(&got))
		require.Equal(t, at.Add(time.Hour).UTC(), got)
		rows, err := tx.Query(ctx, "SELECT id FROM shelf_books WHERE bought_at > ?", at)
		require.NoError(t, err)
		require.True(t, rows.Next())
		return rows.Close()
	}))
	got, err := store.Get[book](ctx, db.Read(), "b1")
	require.NoError(t, err)
	require.Equal(t, at.Add(time.Hour).UTC(), got.BoughtAt)
	rows, err := db.Query(ctx, "SELECT id FROM shelf_books WHERE bought_at = ?", got.BoughtAt)
	require.NoError(t, err)
	require.True(t, rows.Next())
	require.NoError(t, rows.Close())
}
