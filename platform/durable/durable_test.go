package durable_test

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/cumulite/cumulite/platform/durable"
)

func TestWriteReplacesAFileWhole(t *testing.T) {
	path := filepath.Join(t.TempDir(), "key")
	for _, text := range []string{"one", "another"} {
		require.NoError(t, durable.Write(path, []byte(text)))
		got, err := os.ReadFile(path)
		require.NoError(t, err)
		require.Equal(t, text, string(got))
	}
	info, err := os.Stat(path)
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o600), info.Mode().Perm())
	require.NoFileExists(t, path+".part")
	require.Error(t, durable.Write(filepath.Join(path, "below a file"), nil))
}

func TestReplaceThatFailsLeavesWhatWasThere(t *testing.T) {
	path := filepath.Join(t.TempDir(), "disk")
	require.NoError(t, durable.Write(path, []byte("old")))
	require.NoError(t, os.WriteFile(path+".part", []byte("of a process that died"), 0o600))
	full := errors.New("no space left")
	require.ErrorIs(t, durable.Replace(path, func(part string) error {
		require.NoFileExists(t, part)
		require.NoError(t, os.WriteFile(part, []byte("ne"), 0o600))
		return full
	}), full)
	got, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, "old", string(got))
	require.NoFileExists(t, path+".part")
	require.Error(t, durable.Replace(path, func(string) error { return nil }), "fill made nothing")
}

func TestRemove(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x")
	require.NoError(t, durable.Write(path, nil))
	require.NoError(t, durable.Remove(path))
	require.NoFileExists(t, path)
	require.NoError(t, durable.Remove(path))
	require.Error(t, durable.Remove(filepath.Join(path, "nowhere", "y")))
}
