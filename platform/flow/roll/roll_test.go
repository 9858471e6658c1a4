package roll_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/cumulite/cumulite/platform/flow/roll"
)

var noon = time.Date(2030, 1, 1, 12, 0, 0, 0, time.UTC)

func open(workers int) *roll.Roll {
	r := roll.New(workers, time.Minute)
	r.Open()
	return r
}

func TestNothingIsReservedBeyondTheWorkersOrWhileClosed(t *testing.T) {
	r := roll.New(2, time.Minute)
	require.False(t, r.Reserve("a", noon))
	r.Open()
	require.True(t, r.Reserve("a", noon))
	r.Begin("b")
	require.False(t, r.Reserve("c", noon), "one is reserved and one at work")
	require.ElementsMatch(t, []string{"a", "b"}, r.Close(noon))
	require.Equal(t, []string{"b"}, r.IDs())
}

func TestOfAReservationNothingIsExpectedForEver(t *testing.T) {
	r := open(1)
	require.True(t, r.Reserve("a", noon))
	require.Equal(t, []string{"a"}, r.Close(noon.Add(59*time.Second)))
	require.Empty(t, r.Close(noon.Add(time.Minute)))
	r.Open()
	require.True(t, r.Reserve("b", noon))
}

func TestAnInterruptBeforeTheBeginIsHeard(t *testing.T) {
	r, why := open(4), errors.New("asked")
	r.Reserve("a", noon)
	r.Interrupt("a", why)
	r.Interrupt("unknown", why)
	w, first := r.Begin("a")
	require.True(t, first)
	undo, end := w.Attempt(context.Background(), noon, false)
	require.NoError(t, undo.Err(), "an undo is not cancelled")
	end()
	ctx, end := w.Attempt(context.Background(), noon, true)
	defer end()
	require.ErrorIs(t, context.Cause(ctx), why)
}

func TestWhoLostTheLeaseStopsWhateverItDoes(t *testing.T) {
	r := open(4)
	w, _ := r.Begin("a")
	ctx, end := w.Attempt(context.Background(), noon, false)
	defer end()
	r.Interrupt("a", roll.ErrLost)
	r.Interrupt("a", errors.New("asked"))
	require.ErrorIs(t, context.Cause(ctx), roll.ErrLost)
}

func TestAttemptsExpireAtTheirLimit(t *testing.T) {
	r := open(4)
	early, _ := r.Begin("a")
	late, _ := r.Begin("b")
	one, end := early.Attempt(context.Background(), noon, true)
	defer end()
	two, end := late.Attempt(context.Background(), noon.Add(time.Hour), true)
	require.Equal(t, noon, r.Expire(noon.Add(-time.Second)))
	require.Equal(t, noon.Add(time.Hour), r.Expire(noon))
	require.ErrorIs(t, context.Cause(one), roll.ErrDeadline)
	require.NoError(t, two.Err())
	end()
	require.True(t, r.Expire(noon).IsZero(), "what ended has no limit")
}

func TestTheEndTellsWhetherToLookForMore(t *testing.T) {
	r := open(4)
	a, _ := r.Begin("a")
	b, _ := r.Begin("b")
	c, first := r.Begin("b")
	require.False(t, first)
	look, last := b.End(false)
	require.False(t, look)
	require.False(t, last, "it was taken up again")
	look, last = a.End(true)
	require.True(t, look)
	require.False(t, last)
	require.True(t, r.SetBehind(false))
	r.Finish()
	look, last = c.End(false)
	require.True(t, look, "who finishes waits for each")
	require.True(t, last)
	r.Wait()
	gone, _ := r.Begin("d")
	require.Nil(t, gone)
}
