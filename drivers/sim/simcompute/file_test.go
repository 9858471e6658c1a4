package simcompute_test

import (
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/cumulite/cumulite/drivers/sim/fault"
	"github.com/cumulite/cumulite/drivers/sim/simcompute"
)

// reopened gives the machine in dir as the next process finds it.
func reopened(t *testing.T, dir string) (*simcompute.Host, *simcompute.State) {
	state, err := simcompute.OpenState(dir)
	require.NoError(t, err)
	return simcompute.New(state, nil), state
}

func TestGuestsOfAKeptMachineOutliveItsProcess(t *testing.T) {
	dir, ctx, s := t.TempDir(), t.Context(), spec()
	s.ConfigDrive = map[string][]byte{"openstack/latest/user_data": []byte("secret")}
	h, state := reopened(t, dir)
	require.NoError(t, h.Create(ctx, "op1", s))
	require.NoError(t, h.Start(ctx, "op1", s))
	before, _ := state.View(s.ID)
	said, err := h.Console(ctx, s.ID, -1)
	require.NoError(t, err)

	h, state = reopened(t, dir)
	after, there := state.View(s.ID)
	require.True(t, there)
	require.Equal(t, before, after)
	again, err := h.Console(ctx, s.ID, -1)
	require.NoError(t, err)
	require.Equal(t, said, again)
	require.NoError(t, h.Stop(ctx, "", s.ID, 0), "a call that is not remembered is kept, too")
	require.NoError(t, h.Start(ctx, "op1", s), "a late repeat changes nothing after a restart either")

	h, state = reopened(t, dir)
	after, _ = state.View(s.ID)
	require.Equal(t, before.Boots, after.Boots)
	require.NotEqual(t, before.Power, after.Power)
	info, err := os.Stat(filepath.Join(dir, "guests.journal"))
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o600), info.Mode().Perm(), "it has what the guest's config drive has")

	require.NoError(t, h.Remove(ctx, "op2", s.ID))
	_, state = reopened(t, dir)
	require.Empty(t, state.Leftovers())
	files, err := os.ReadDir(dir)
	require.NoError(t, err)
	require.Empty(t, files)
}

func TestCallThatWasCutIsNotKept(t *testing.T) {
	dir, ctx, s := t.TempDir(), t.Context(), spec()
	h, _ := reopened(t, dir)
	require.NoError(t, h.Create(ctx, "op1", s))
	h.SetFault(fault.FailAt("start", "end", 1, nil))
	require.Error(t, h.Start(ctx, "op1", s))
	journal, err := os.OpenFile(filepath.Join(dir, "guests.journal"), os.O_APPEND|os.O_WRONLY, 0)
	require.NoError(t, err)
	_, err = journal.WriteString(`{"ID": "`)
	require.NoError(t, err, "its writer died")
	require.NoError(t, journal.Close())

	h, state := reopened(t, dir)
	view, _ := state.View(s.ID)
	require.Zero(t, view.Boots)
	require.NoError(t, h.Start(ctx, "op1", s), "the repeat does it")
	view, _ = state.View(s.ID)
	require.Equal(t, 1, view.Boots)
}

func TestDamagedJournalIsNamed(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "guests.journal")
	require.NoError(t, os.WriteFile(path, []byte("{}\n{\n"), 0o600))
	_, err := simcompute.OpenState(dir)
	require.ErrorContains(t, err, path+", line 2")
}

func TestFilesOfAnEarlierReleaseAreTakenOver(t *testing.T) {
	dir, id := t.TempDir(), spec().ID
	file := filepath.Join(dir, id+".json")
	require.NoError(t, os.WriteFile(file, []byte(`{"Spec": {"Name": "instance-00000001"}, "Disks": true, "Defined": true, "Power": 1, "Boots": 3}`), 0o600))
	require.NoError(t, os.WriteFile(file+".part", []byte("{"), 0o600))
	for range 2 {
		_, state := reopened(t, dir)
		view, there := state.View(id)
		require.True(t, there)
		require.Equal(t, 3, view.Boots)
		require.NoFileExists(t, file)
		require.NoFileExists(t, file+".part")
	}
}

// Whatever is called at the same time, and however often the journal is
// written anew meanwhile, the next process finds what was acknowledged.
func TestAllThatWasAcknowledgedIsFoundAgain(t *testing.T) {
	dir, ctx := t.TempDir(), t.Context()
	h, state := reopened(t, dir)
	var all sync.WaitGroup
	for n := range 8 {
		all.Go(func() {
			s := spec()
			s.ConfigDrive = map[string][]byte{"large": make([]byte, 128<<10)}
			for i := range 12 {
				_ = h.Create(ctx, fmt.Sprint("create", i), s)
				_ = h.Start(ctx, fmt.Sprint("start", i), s)
				if i%3 == n%3 {
					_ = h.Remove(ctx, fmt.Sprint("remove", i), s.ID)
				}
			}
		})
	}
	all.Wait()
	_, again := reopened(t, dir)
	require.Equal(t, state.Leftovers(), again.Leftovers())
	for _, id := range state.Leftovers() {
		before, _ := state.View(id)
		after, _ := again.View(id)
		require.Equal(t, before, after)
	}
}
