package simcompute_test

import (
	"os"
	"path/filepath"
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
	info, err := os.Stat(filepath.Join(dir, s.ID+".json"))
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
	require.NoError(t, os.WriteFile(filepath.Join(dir, s.ID+".json.part"), []byte("{"), 0o600), "its writer died")

	h, state := reopened(t, dir)
	view, _ := state.View(s.ID)
	require.Zero(t, view.Boots)
	require.NoError(t, h.Start(ctx, "op1", s), "the repeat does it")
	view, _ = state.View(s.ID)
	require.Equal(t, 1, view.Boots)
}

func TestDamagedFileIsNamed(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "guest.json")
	require.NoError(t, os.WriteFile(path, []byte("{"), 0o600))
	_, err := simcompute.OpenState(dir)
	require.ErrorContains(t, err, path)
}
