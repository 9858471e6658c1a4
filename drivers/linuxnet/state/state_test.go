package state_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/cumulite/cumulite/drivers/linuxnet/state"
)

type item struct{ N int }

func load(t *testing.T, dir string) *state.Records[item] {
	t.Helper()
	r, err := state.Load[item](dir)
	require.NoError(t, err)
	return r
}

func TestRecordsAreThereForTheNextProcess(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "kind")
	r := load(t, dir)
	require.NoError(t, r.Put("b", item{1}))
	require.NoError(t, r.Put("a/../x", item{2}))
	require.NoError(t, r.Put("b", item{3}))
	require.NoError(t, r.Put("gone", item{4}))
	require.NoError(t, r.Delete("gone"))
	require.NoError(t, r.Delete("gone"))
	r.Forget("b")
	_, there := r.Get("b")
	require.False(t, there)

	next := load(t, dir)
	require.Equal(t, []string{"a/../x", "b"}, next.IDs())
	require.Equal(t, map[string]item{"b": {3}, "a/../x": {2}}, next.All())
	outside, err := os.ReadDir(filepath.Dir(dir))
	require.NoError(t, err)
	require.Len(t, outside, 1)
}

func TestWhatACrashLeftHalfWrittenIsNoRecord(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, load(t, dir).Put("a", item{1}))
	half := filepath.Join(dir, "new-123")
	require.NoError(t, os.WriteFile(half, []byte(`{"N":`), 0o600))
	require.Equal(t, []string{"a"}, load(t, dir).IDs())
	require.NoFileExists(t, half)
}

func TestAFailedWriteKeepsTheRecord(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "kind")
	r := load(t, dir)
	require.NoError(t, r.Put("a", item{1}))
	require.NoError(t, os.RemoveAll(dir))
	require.Error(t, r.Put("a", item{2}))
	got, _ := r.Get("a")
	require.Equal(t, item{1}, got)
}
