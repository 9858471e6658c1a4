package store_test

import (
	"context"
	"fmt"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/cumulite/cumulite/platform/store"
	"github.com/cumulite/cumulite/platform/store/sqlite"
	"github.com/cumulite/cumulite/platform/store/storetest"
)

// BenchmarkWrite is one row for each transaction, each of them durable.
func BenchmarkWrite(b *testing.B) {
	for _, how := range []string{"bun", "bound"} {
		for _, writers := range []int{1, 8, 64} {
			b.Run(fmt.Sprintf("%s/writers=%d", how, writers), func(b *testing.B) { benchWrite(b, writers, how == "bound") })
		}
	}
}

func benchWrite(b *testing.B, writers int, bound bool) {
	e, err := sqlite.Open(filepath.Join(b.TempDir(), "bench.db"), nil)
	require.NoError(b, err)
	db, err := store.Open(context.Background(), e, nil, shelf())
	require.NoError(b, err)
	defer db.Close()
	var next atomic.Int64
	var wg sync.WaitGroup
	b.ResetTimer()
	for range writers {
		wg.Go(func() {
			for {
				n := next.Add(1)
				if n > int64(b.N) {
					return
				}
				err := db.Write(context.Background(), func(ctx context.Context, tx *store.Tx) error {
					if !bound {
						return store.Insert(ctx, tx, &book{ID: fmt.Sprint(n), Title: "t", BoughtAt: noon})
					}
					_, err := tx.Exec(ctx, "INSERT INTO shelf_books (id, title, pages, lent, bought_at, version) VALUES (?, ?, ?, ?, ?, ?)",
						fmt.Sprint(n), "t", 0, false, noon, 0)
					return err
				})
				if err != nil {
					b.Error(err)
				}
			}
		})
	}
	wg.Wait()
}

func BenchmarkGet(b *testing.B) {
	db := storetest.Open(b, shelf())
	insert(b, db, book{ID: "1", Title: "t", BoughtAt: noon})
	for b.Loop() {
		if _, err := store.Get[book](context.Background(), db.Read(), "1"); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkQueryRowBound(b *testing.B) {
	db := storetest.Open(b, shelf())
	insert(b, db, book{ID: "1", Title: "t", BoughtAt: noon})
	for b.Loop() {
		var title string
		if err := db.QueryRow(context.Background(), "SELECT title FROM shelf_books WHERE id = ?", "1").Scan(&title); err != nil {
			b.Fatal(err)
		}
	}
}
