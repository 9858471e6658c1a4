package postgres_test

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/cumulite/cumulite/platform/store"
	"github.com/cumulite/cumulite/platform/store/postgres"
	"github.com/cumulite/cumulite/test/pgtest"
)

// BenchmarkWrite is one row for each transaction, with fsync, in memory.
func BenchmarkWrite(b *testing.B) {
	server := pgtest.Start(b)
	e, err := postgres.Open(b.Context(), server.URL("postgres"), nil)
	require.NoError(b, err)
	db, err := store.Open(b.Context(), e, nil, shelf())
	require.NoError(b, err)
	defer func() { require.NoError(b, db.Close()) }()
	var next atomic.Int64
	for _, writers := range []int{1, 8, 64} {
		b.Run(fmt.Sprintf("writers=%d", writers), func(b *testing.B) {
			var left atomic.Int64
			left.Store(int64(b.N))
			var all sync.WaitGroup
			for range writers {
				all.Go(func() {
					for left.Add(-1) >= 0 {
						err := db.Write(context.Background(), func(ctx context.Context, tx *store.Tx) error {
							_, err := tx.Exec(ctx, "INSERT INTO shelf_books (id) VALUES (?)", fmt.Sprint(next.Add(1)))
							return err
						})
						if err != nil {
							b.Error(err)
						}
					}
				})
			}
			all.Wait()
		})
	}
}
