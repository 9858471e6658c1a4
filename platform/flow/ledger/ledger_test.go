package ledger_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/cumulite/cumulite/platform/errs"
	"github.com/cumulite/cumulite/platform/flow/ledger"
	"github.com/cumulite/cumulite/platform/store"
	"github.com/cumulite/cumulite/platform/store/storetest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var (
	noon  = time.Date(2030, 1, 1, 12, 0, 0, 0, time.UTC)
	kinds = []string{"make"}
)

// desk is a database at which owners work.
type desk struct {
	*testing.T
	db *store.Store
}

func open(t *testing.T) desk { return desk{t, storetest.Open(t, ledger.Migrations())} }

func (d desk) write(fn func(ctx context.Context, tx *store.Tx) error) error {
	return d.db.Write(d.Context(), fn)
}

// add stores an entry whose id is key and when.
func (d desk) add(kind, key string, when time.Time) string {
	d.Helper()
	id := fmt.Sprintf("%s@%s", key, when.Format("15:04"))
	e := ledger.Entry{ID: id, Kind: kind, Key: key, Created: when, Deadline: when.Add(time.Hour), State: ledger.State{Args: "{}"}}
	require.NoError(d, d.write(func(ctx context.Context, tx *store.Tx) error {
		return ledger.New(d.db, "").Add(ctx, tx, &e, time.Time{})
	}))
	return id
}

func (d desk) claim(owner string, now time.Time) []ledger.Entry {
	d.Helper()
	claimed, err := ledger.New(d.db, owner).Claim(d.Context(), kinds, 10, now, now.Add(time.Minute))
	require.NoError(d, err)
	return claimed
}

func (d desk) record(owner string, e ledger.Entry, m ledger.Move) error {
	return d.write(func(ctx context.Context, tx *store.Tx) error {
		_, err := ledger.New(d.db, owner).Record(ctx, tx, &e, m)
		return err
	})
}

func ids(entries []ledger.Entry) (all []string) {
	for _, e := range entries {
		all = append(all, e.ID)
	}
	return all
}

func TestOnlyTheOldestOfAKeyIsClaimedAndOfAKnownKind(t *testing.T) {
	d := open(t)
	first := d.add("make", "a", noon)
	second := d.add("make", "a", noon.Add(time.Minute))
	d.add("other", "b", noon)
	require.Empty(t, d.claim("me", noon.Add(-time.Second)), "nothing is due yet")
	later := noon.Add(time.Hour)
	claimed := d.claim("me", later)
	require.Equal(t, []string{first}, ids(claimed))
	require.NoError(t, d.record("me", claimed[0], ledger.Move{Over: true}))
	require.Equal(t, []string{second}, ids(d.claim("me", later)))
	due, err := ledger.New(d.db, "me").NextDue(t.Context(), kinds)
	require.NoError(t, err)
	require.Zero(t, due)
	due, err = ledger.New(d.db, "me").NextDue(t.Context(), nil)
	require.NoError(t, err)
	require.Zero(t, due, "an owner without kinds has nothing to do")
}

func TestWhoLostItsLeaseCannotRecord(t *testing.T) {
	d := open(t)
	d.add("make", "a", noon)
	mine := d.claim("me", noon)[0]
	require.Empty(t, d.claim("you", noon.Add(59*time.Second)))
	owned, err := ledger.New(d.db, "me").Renew(t.Context(), noon.Add(2*time.Minute))
	require.NoError(t, err)
	require.Equal(t, map[string]bool{mine.ID: false}, owned)
	require.Empty(t, d.claim("you", noon.Add(time.Minute)), "the lease was extended")
	yours := d.claim("you", noon.Add(2*time.Minute))[0]
	require.Equal(t, mine.Fence+1, yours.Fence)
	require.ErrorIs(t, d.record("me", mine, ledger.Move{Over: true}), ledger.ErrFence)
	_, err = ledger.New(d.db, "me").Own(t.Context(), mine.ID)
	require.True(t, store.IsNone(err))
	require.NoError(t, d.record("you", yours, ledger.Move{Keep: true}))
	require.ErrorIs(t, d.record("you", yours, ledger.Move{Over: true}), ledger.ErrFence, "each record raises the fence")
}

func TestReleaseFreesWhatIsNotAtWork(t *testing.T) {
	d := open(t)
	working, left, foreign := d.add("make", "a", noon), d.add("make", "b", noon), d.add("make", "c", noon.Add(time.Second))
	require.ElementsMatch(t, []string{working, left}, ids(d.claim("me", noon)))
	require.Equal(t, []string{foreign}, ids(d.claim("you", noon.Add(time.Second))))
	require.NoError(t, ledger.New(d.db, "me").Release(t.Context(), noon, noon.Add(time.Hour), []string{working}))
	require.Equal(t, []string{left}, ids(d.claim("you", noon.Add(2*time.Second))))
	require.NoError(t, ledger.New(d.db, "me").Release(t.Context(), noon, noon.Add(time.Hour), nil))
	require.Equal(t, []string{working}, ids(d.claim("you", noon.Add(2*time.Second))))
}

func TestACancelledEntryGoesBackOnly(t *testing.T) {
	d := open(t)
	id := d.add("make", "a", noon)
	mine := d.claim("me", noon)[0]
	var marked map[string]bool
	require.NoError(t, d.write(func(ctx context.Context, tx *store.Tx) (err error) {
		marked, err = ledger.New(d.db, "api").Cancel(ctx, tx, "a", noon)
		return err
	}))
	require.Equal(t, map[string]bool{id: true}, marked)
	require.ErrorIs(t, d.record("me", mine, ledger.Move{Keep: true, State: ledger.State{Step: 1}}), ledger.ErrCancelled)
	require.NoError(t, d.record("me", mine, ledger.Move{Keep: true, State: ledger.State{Undoing: true}}), "the refused record changed nothing")
}

func TestAnEntryComesBackAsItWasRecorded(t *testing.T) {
	d := open(t)
	id := d.add("make", "a", noon)
	mine := d.claim("me", noon)[0]
	why := errs.New(errs.Quota, "Too many.").WithCode("OverQuota").Because(fmt.Errorf("row: %w", ledger.ErrCancelled))
	state := ledger.State{Step: 2, Undoing: true, Attempt: 3, Args: `{"n":1}`, Failure: why, Cause: why}
	require.NoError(t, d.record("me", mine, ledger.Move{State: state, Due: noon.Add(time.Hour)}))
	list, err := ledger.New(d.db, "api").List(t.Context(), []string{"a"})
	require.NoError(t, err)
	require.Equal(t, []string{id}, ids(list))
	got := list[0]
	require.Empty(t, got.Owner)
	require.Equal(t, noon.Add(time.Hour), got.Due)
	require.Equal(t, why.Error(), got.Cause.Error())
	require.Equal(t, "Too many.", errs.Message(got.Failure))
	require.True(t, errs.Is(got.Failure, errs.Quota))
	require.ErrorIs(t, got.Cause, ledger.ErrCancelled)
	require.Equal(t, ledger.Past(why), got.Cause, "it looks the same before and after")
	got.Failure, got.Cause, state.Failure, state.Cause = nil, nil, nil, nil
	require.Equal(t, state, got.State)
}

func TestLongErrorsAreCutBetweenCharacters(t *testing.T) {
	text := ledger.Past(fmt.Errorf("x%s", strings.Repeat("ü", 3000))).Error()
	require.Len(t, text, 1999)
	require.NotContains(t, text, "\uFFFD")
	require.NoError(t, ledger.Past(nil))
}

func TestListGivesThoseOfItsKeys(t *testing.T) {
	d := open(t)
	b, a, c := d.add("make", "b", noon), d.add("make", "a", noon.Add(time.Minute)), d.add("make", "c", noon.Add(2*time.Minute))
	list := func(keys ...string) []string {
		all, err := ledger.New(d.db, "api").List(t.Context(), keys)
		require.NoError(t, err)
		return ids(all)
	}
	require.Equal(t, []string{b, c}, list("c", "b"))
	require.Equal(t, []string{b, a, c}, list(), "without any, all of them")
}

func TestNothingIsDueLaterThanReleaseSays(t *testing.T) {
	d := open(t)
	soon, far := d.add("make", "a", noon), d.add("make", "b", noon.Add(24*time.Hour))
	require.NoError(t, ledger.New(d.db, "me").Release(t.Context(), noon, noon.Add(time.Hour), nil))
	require.Equal(t, []string{soon}, ids(d.claim("me", noon.Add(time.Hour-time.Second))))
	require.Equal(t, []string{far}, ids(d.claim("me", noon.Add(time.Hour))))
}
