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
	r := roll.New(workers, 3*time.Minute)
	r.Open()
	return r
}

func TestNothingIsReservedBeyondTheWorkersOrWhileClosed(t *testing.T) {
	r := roll.New(2, time.Minute)
	require.Zero(t, r.Reserve("a", noon))
	r.Open()
	require.Equal(t, noon.Add(time.Minute), r.Reserve("a", noon))
	r.Begin("b")
	require.Zero(t, r.Reserve("c", noon), "one is reserved and one at work")
	require.ElementsMatch(t, []string{"a", "b"}, r.Close(noon))
	require.Equal(t, []string{"b"}, r.IDs())
}

func TestOfAReservationNothingIsExpectedForEver(t *testing.T) {
	r := open(1)
	require.NotZero(t, r.Reserve("a", noon))
	require.Equal(t, []string{"a"}, r.Close(noon.Add(59*time.Second)))
	require.Empty(t, r.Close(noon.Add(time.Minute)))
	r.Open()
	require.NotZero(t, r.Reserve("b", noon))
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
	require.True(t, r.SetBehind(false), "as it was opened")
	require.False(t, b.End(false))
	require.ElementsMatch(t, []string{"a", "b"}, r.IDs(), "it was taken up again")
	require.True(t, a.End(true))
	require.True(t, r.SetBehind(false))
	r.Finish()
	require.True(t, c.End(false), "who finishes waits for each")
	r.Wait()
	gone, _ := r.Begin("d")
	require.Nil(t, gone)
}
