package hosting_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"github.com/cumulite/cumulite/compute"
	"github.com/cumulite/cumulite/compute/hosting"
	"github.com/cumulite/cumulite/platform/errs"
)

type memory struct {
	mu    sync.Mutex
	calls map[string][]string
}

func (m *memory) Calls(guest string) ([]string, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.calls[guest], nil
}

func (m *memory) SetCalls(guest string, calls []string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.calls[guest] = calls
	return nil
}

func newCalls() *hosting.Calls { return hosting.NewCalls(&memory{calls: map[string][]string{}}) }

func TestRepeatedCallRunsOnce(t *testing.T) {
	c, runs := newCalls(), 0
	count := func() error { runs++; return nil }
	for range 3 {
		require.NoError(t, c.Do(t.Context(), "g", "start", "op1", count))
	}
	require.Equal(t, 1, runs)
	require.NoError(t, c.Do(t.Context(), "g", "stop", "op1", count), "another call of the same operation")
	require.NoError(t, c.Do(t.Context(), "g", "start", "op2", count), "the call of another operation")
	require.NoError(t, c.Do(t.Context(), "other", "start", "op1", count), "another guest")
	require.Equal(t, 4, runs)
	require.NoError(t, c.Do(t.Context(), "g", "start", "op1", count), "a late repeat")
	require.Equal(t, 4, runs)
}

func TestFailedCallIsNotRemembered(t *testing.T) {
	c, failure := newCalls(), errors.New("half done")
	require.ErrorIs(t, c.Do(t.Context(), "g", "start", "op", func() error { return failure }), failure)
	ran := false
	require.NoError(t, c.Do(t.Context(), "g", "start", "op", func() error { ran = true; return nil }))
	require.True(t, ran)
}

func TestEmptyOperationIsNotRemembered(t *testing.T) {
	c, runs := newCalls(), 0
	for range 2 {
		require.NoError(t, c.Do(t.Context(), "g", "reset", "", func() error { runs++; return nil }))
	}
	require.Equal(t, 2, runs)
}

func TestMemoryOfCallsIsBounded(t *testing.T) {
	j := &memory{calls: map[string][]string{}}
	c := hosting.NewCalls(j)
	for i := range 3 * hosting.Remembered {
		require.NoError(t, c.Do(t.Context(), "g", "reset", fmt.Sprint(i), func() error { return nil }))
	}
	require.Len(t, j.calls["g"], hosting.Remembered)
	require.Equal(t, fmt.Sprintf("reset %d", 3*hosting.Remembered-1), j.calls["g"][hosting.Remembered-1])
}

func TestCallsOfOneGuestWaitForEachOther(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCalls()
		release := make(chan struct{})
		go c.Turn(t.Context(), "g", func() error { <-release; return nil })
		synctest.Wait()

		require.NoError(t, c.Turn(t.Context(), "other", func() error { return nil }), "another guest does not wait")

		ctx, cancel := context.WithCancel(t.Context())
		gaveUp := make(chan error)
		go func() { gaveUp <- c.Turn(ctx, "g", func() error { return nil }) }()
		synctest.Wait()
		cancel()
		require.ErrorIs(t, <-gaveUp, context.Canceled)

		done := make(chan error, 1)
		go func() { done <- c.Turn(t.Context(), "g", func() error { return nil }) }()
		synctest.Wait()
		require.Empty(t, done)
		close(release)
		require.NoError(t, <-done)
	})
}

func TestFeedTellsEveryWatcherInOrder(t *testing.T) {
	var f hosting.Feed
	one, two := f.Watch(t.Context()), f.Watch(t.Context())
	f.Tell(compute.Guest{ID: "a", Power: compute.Running})
	f.Tell(compute.Guest{ID: "b", Power: compute.Running})
	for _, watch := range []<-chan compute.Guest{one, two} {
		require.Equal(t, "a", (<-watch).ID)
		require.Equal(t, "b", (<-watch).ID)
	}
}

func TestSlowWatcherGetsTheLastState(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		var f hosting.Feed
		watch := f.Watch(ctx)
		f.Tell(compute.Guest{ID: "first"})
		synctest.Wait() // the feed now holds "first" out to a reader who does not come
		for range 1000 {
			f.Tell(compute.Guest{ID: "a", Power: compute.Running})
			f.Tell(compute.Guest{ID: "a", Power: compute.Shutdown})
		}
		require.Equal(t, "first", (<-watch).ID)
		require.Equal(t, compute.Guest{ID: "a", Power: compute.Shutdown}, <-watch)
		cancel()
		_, open := <-watch
		require.False(t, open)
	})
}

func TestBrokenFeedClosesItsWatchers(t *testing.T) {
	var f hosting.Feed
	watch := f.Watch(t.Context())
	f.Break()
	_, open := <-watch
	require.False(t, open)
	f.Tell(compute.Guest{ID: "a"})
}

func good() compute.GuestSpec {
	return compute.GuestSpec{
		ID: "0b0a55c4-8e1f-4f0c-9f3c-6d6b6a1c2d3e", Name: "instance-00000001", VCPUs: 1, MemoryMiB: 64, RootGiB: 1,
		Image: compute.ImageSpec{ID: "7f4ab2a8-3ab8-4d43-9e0c-6a2c1b0d9e8f", Format: "qcow2", VirtualSize: hosting.GiB},
		NICs:  []compute.NIC{{PortID: "5a1b3f0e-1c2d-4e3f-8a9b-0c1d2e3f4a5b", MAC: "fa:16:3e:00:00:01", Type: "tap", Device: "tap5a1b3f0e-1c"}},
	}
}

func TestCheckRefusesWhatNoHostCanMake(t *testing.T) {
	require.NoError(t, hosting.Check(good(), []string{"qcow2"}))
	for name, spoil := range map[string]func(*compute.GuestSpec){
		"id that is a path":        func(s *compute.GuestSpec) { s.ID = "../../etc" },
		"id in another form":       func(s *compute.GuestSpec) { s.ID = strings.ToUpper(s.ID) },
		"name with a slash":        func(s *compute.GuestSpec) { s.Name = "a/b" },
		"no name":                  func(s *compute.GuestSpec) { s.Name = "" },
		"no processors":            func(s *compute.GuestSpec) { s.VCPUs = 0 },
		"no memory":                func(s *compute.GuestSpec) { s.MemoryMiB = 0 },
		"negative swap":            func(s *compute.GuestSpec) { s.SwapMiB = -1 },
		"image id that is a path":  func(s *compute.GuestSpec) { s.Image.ID = "/etc/passwd" },
		"root smaller than image":  func(s *compute.GuestSpec) { s.Image.VirtualSize++ },
		"port id that is a path":   func(s *compute.GuestSpec) { s.NICs[0].PortID = ".." },
		"bad MAC":                  func(s *compute.GuestSpec) { s.NICs[0].MAC = "fa:16" },
		"long MAC":                 func(s *compute.GuestSpec) { s.NICs[0].MAC = "02:00:5e:10:00:00:00:01" },
		"device name of 16 bytes":  func(s *compute.GuestSpec) { s.NICs[0].Device = strings.Repeat("t", 16) },
		"device name with a space": func(s *compute.GuestSpec) { s.NICs[0].Device = "tap 1" },
		"model with a quote":       func(s *compute.GuestSpec) { s.NICs[0].Model = "e1000'" },
	} {
		t.Run(name, func(t *testing.T) {
			spec := good()
			spoil(&spec)
			require.Equal(t, errs.Invalid, errs.KindOf(hosting.Check(spec, []string{"qcow2"})))
		})
	}
	require.Equal(t, errs.NotSupported, errs.KindOf(hosting.Check(good(), []string{"raw"})))
}

func TestLastLines(t *testing.T) {
	for _, c := range []struct {
		log  string
		n    int
		want string
	}{
		{"a\nb\nc\n", -1, "a\nb\nc\n"},
		{"a\nb\nc\n", 2, "b\nc\n"},
		{"a\nb\nc", 2, "b\nc"},
		{"a\nb\n", 5, "a\nb\n"},
		{"a\nb\n", 2, "a\nb\n"},
		{"a\n", 0, ""},
		{"", 3, ""},
		{"\n\n", 1, "\n"},
	} {
		require.Equal(t, c.want, string(hosting.LastLines([]byte(c.log), c.n)), "%q %d", c.log, c.n)
	}
	long := strings.Repeat("x", compute.MaxConsole) + "tail"
	require.Len(t, hosting.LastLines([]byte(long), -1), compute.MaxConsole)
}
