package rpc_test

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"github.com/cumulite/cumulite/platform/rpc"
)

func TestFollowedDriversAreThoseOfTheRoster(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := rpc.NewRoster(map[string]int{"a": 1})
		var mu sync.Mutex
		running := map[int]string{}
		ctx, stop := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() {
			defer close(done)
			r.Follow(ctx, func(ctx context.Context, name string, driver int) {
				mu.Lock()
				running[driver] = name
				mu.Unlock()
				<-ctx.Done()
				mu.Lock()
				delete(running, driver)
				mu.Unlock()
			})
		}()
		is := func(want map[int]string) {
			synctest.Wait()
			mu.Lock()
			defer mu.Unlock()
			require.Equal(t, want, running)
		}
		is(map[int]string{1: "a"})
		r.Add("b", 2)
		is(map[int]string{1: "a", 2: "b"})
		r.Add("a", 3)
		is(map[int]string{3: "a", 2: "b"})
		r.Remove("b")
		r.Remove("never there")
		is(map[int]string{3: "a"})
		stop()
		<-done
		require.Empty(t, running, "it waits for what it started")
	})
}

func TestRosterKnowsItsHosts(t *testing.T) {
	given := map[string]int{"b": 2, "a": 1}
	r := rpc.NewRoster(given)
	r.Remove("b")
	r.Add("c", 3)
	require.Equal(t, []string{"a", "c"}, r.Names())
	_, there := r.Get("b")
	require.False(t, there)
	d, there := r.Get("c")
	require.True(t, there)
	require.Equal(t, 3, d)
	require.Len(t, given, 2, "the map it began with is not touched")
	var mu sync.Mutex
	sum := 0
	r.Each(func(_ string, d int) {
		mu.Lock()
		defer mu.Unlock()
		sum += d
	})
	require.Equal(t, 4, sum)
}
