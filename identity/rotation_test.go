package identity_test

import (
	"context"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/cumulite/cumulite/identity"
	"github.com/cumulite/cumulite/platform/errs"
)

func (w *world) keyFiles(t *testing.T) []string {
	names, err := filepath.Glob(filepath.Join(w.keyDir, "*"))
	require.NoError(t, err)
	return names
}

// hours advances the clock, and rotates when it is time.
func (w *world) hours(t *testing.T, n int) {
	for range n {
		w.clk.Advance(time.Hour)
		require.NoError(t, w.RotateKeys(t.Context()))
	}
}

func TestKeysChangeDailyAndOutliveTheirTokens(t *testing.T) {
	w, _, _, issued := member(t)
	require.NoError(t, w.RotateKeys(t.Context()))
	first := w.keyFiles(t)
	w.hours(t, 23)
	require.Equal(t, first, w.keyFiles(t), "a key seals for a day")
	last := w.login(t, byName("ann", "pass-ann"), identity.Scope{})
	w.hours(t, 1)
	require.Len(t, w.keyFiles(t), len(first)+1)
	require.NotEqual(t, first, w.keyFiles(t))

	fresh := w.beside(t) // nothing is remembered of the tokens
	w.hours(t, 47)
	_, err := fresh.ValidateToken(w.admin, last.Text, true)
	require.NoError(t, err, "a token can be validated for two days after it has expired")
	_, err = fresh.ValidateToken(w.admin, issued.Text, true)
	kind(t, errs.NotFound, err)
	w.hours(t, 24*7)
	require.Len(t, w.keyFiles(t), 5, "old keys are not kept")
	_, err = fresh.Verify(t.Context(), w.login(t, byName("ann", "pass-ann"), identity.Scope{}).Text)
	require.NoError(t, err)
}

func TestAnotherStartDoesNotPutRotationOff(t *testing.T) {
	w := bootstrapped(t)
	require.NoError(t, w.RotateKeys(t.Context()))
	first := w.keyFiles(t)
	for range 3 {
		w.clk.Advance(9 * time.Hour)
		require.NoError(t, w.beside(t).RotateKeys(t.Context()))
	}
	require.NotEqual(t, first, w.keyFiles(t))
	again := w.keyFiles(t)
	require.NoError(t, w.beside(t).RotateKeys(t.Context()))
	require.Equal(t, again, w.keyFiles(t), "nor do two of them rotate twice")
}

func TestRunRotatesKeys(t *testing.T) {
	w := bootstrapped(t)
	first := w.keyFiles(t)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- w.Run(ctx) }()
	require.Eventually(t, func() bool {
		w.clk.Advance(time.Hour)
		return len(w.keyFiles(t)) > len(first)
	}, 10*time.Second, 5*time.Millisecond)
	cancel()
	require.NoError(t, <-done)
}
