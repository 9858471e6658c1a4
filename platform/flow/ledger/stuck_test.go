package ledger_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/cumulite/cumulite/platform/flow/ledger"
)

func TestAnEntryIsStuckWhenNobodyIsToGoOnWithIt(t *testing.T) {
	const lease = time.Minute
	at := func(due, deadline time.Duration, forward bool) *ledger.Entry {
		return &ledger.Entry{Due: noon.Add(due), Deadline: noon.Add(deadline), Forward: forward}
	}
	for _, fine := range []*ledger.Entry{
		at(-9*time.Minute, time.Hour, false), at(10*time.Minute, time.Hour, false), at(0, -9*time.Minute, false), at(0, -time.Hour, true),
	} {
		require.Empty(t, fine.Stuck(noon, lease), "%+v", fine)
	}
	for _, stuck := range []*ledger.Entry{
		at(-11*time.Minute, time.Hour, false), at(12*time.Minute, time.Hour, true), at(0, -11*time.Minute, false),
	} {
		require.NotEmpty(t, stuck.Stuck(noon, lease), "%+v", stuck)
	}
}

func TestFreeTakesAnEntryFromOthersOnly(t *testing.T) {
	d := open(t)
	theirs := d.add("make", "a", noon)
	taken := d.claim("ghost", noon)[0]
	me := ledger.New(d.db, "me")
	require.NoError(t, me.Free(t.Context(), theirs, noon))
	require.ErrorIs(t, d.record("ghost", taken, ledger.Move{Over: true}), ledger.ErrFence)
	mine := d.claim("me", noon)
	require.Equal(t, []string{theirs}, ids(mine))
	require.NoError(t, me.Free(t.Context(), theirs, noon))
	require.NoError(t, d.record("me", mine[0], ledger.Move{Over: true}), "what is at work here is left alone")
}
