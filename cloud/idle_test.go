package cloud_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/cumulite/cumulite/cloud"
	"github.com/cumulite/cumulite/platform/clock"
	"github.com/cumulite/cumulite/platform/secret"
)

// How long it takes is a figure of bench/README.md.
func TestNothingHappensToACloudThatIsLeftAloneForADay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		clk := clock.NewManual(time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC))
		c, err := cloud.Open(context.Background(), cloud.Options{Clock: clk, AdminPassword: secret.New(password)})
		require.NoError(t, err)
		ctx, cancel := context.WithCancel(context.Background())
		done := make(chan error, 1)
		go func() { done <- c.Run(ctx) }()
		for range 24 { // what an hour wakes comes to its end before the next
			clk.Advance(time.Hour)
			synctest.Wait()
		}
		report, err := c.Doctor(ctx, false)
		require.NoError(t, err)
		require.True(t, report.Held())
		cancel()
		require.NoError(t, <-done)
		require.NoError(t, c.Close())
	})
}
