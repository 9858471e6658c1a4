package identity

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/crypto/bcrypt"

	"github.com/cumulite/cumulite/platform/secret"
)

func TestUsersWhoAreNotThereTakeAsLongAsAWrongPassword(t *testing.T) {
	for _, cost := range []int{4, 11} {
		h := newHasher(cost)
		got, err := bcrypt.Cost([]byte(h.dummy))
		require.NoError(t, err)
		require.Equal(t, cost, got)
		require.ErrorIs(t, bcrypt.CompareHashAndPassword([]byte(h.dummy), []byte("x")), bcrypt.ErrMismatchedHashAndPassword, "it was computed to the end")
	}
}

func TestAllOfALongPasswordCounts(t *testing.T) {
	h := newHasher(4)
	long := strings.Repeat("x", 100)
	hash, err := h.hash(t.Context(), secret.New(long))
	require.NoError(t, err)
	for text, want := range map[string]bool{long: true, long + "y": false, long[:72]: false, "": false} {
		ok, err := h.matches(t.Context(), hash, secret.New(text))
		require.NoError(t, err)
		require.Equal(t, want, ok, len(text))
	}
}

func TestHashingWaitsForItsTurnNoLongerThanItsCaller(t *testing.T) {
	h := newHasher(4)
	for h.slots.TryAcquire(1) {
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	_, err := h.hash(ctx, secret.New("x"))
	require.ErrorIs(t, err, context.DeadlineExceeded)
	_, err = h.matches(ctx, "", secret.New("x"))
	require.ErrorIs(t, err, context.DeadlineExceeded)
}
