package clock_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/cumulite/cumulite/platform/clock"
)

var start = time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC)

func isDue(due <-chan struct{}) bool {
	select {
	case <-due:
		return true
	default:
		return false
	}
}

func TestManualWakesWhatIsDueAndNothingElse(t *testing.T) {
	clk := clock.NewManual(start)
	early, _ := clk.At(start.Add(time.Minute))
	late, stopLate := clk.At(start.Add(time.Hour))
	past, stopPast := clk.At(start)
	require.True(t, isDue(past))
	stopPast()
	clk.Advance(time.Minute)
	require.True(t, isDue(early))
	require.False(t, isDue(late))
	require.Equal(t, 1, clk.Waiting())
	stopLate()
	stopLate()
	require.Zero(t, clk.Waiting())
	clk.Advance(time.Hour)
	require.False(t, isDue(late), "a stopped waker stays asleep")
	require.Equal(t, start.Add(61*time.Minute), clk.Now())
}

func TestSystemClockWakesOnTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		clk := clock.System()
		begun := clk.Now()
		due, stop := clk.At(begun.Add(time.Hour))
		defer stop()
		<-due
		require.GreaterOrEqual(t, clk.Now().Sub(begun), time.Hour)
		require.Equal(t, time.UTC, clk.Now().Location())
	})
}
