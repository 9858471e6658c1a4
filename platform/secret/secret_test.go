package secret_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/cumulite/cumulite/platform/secret"
)

const canary = "canary-5f2d"

func TestSecretIsHiddenEverywhere(t *testing.T) {
	s := secret.New(canary)
	holder := struct{ P secret.String }{s}
	var log bytes.Buffer
	slog.New(slog.NewJSONHandler(&log, nil)).Info("x", "p", s, "h", holder)
	slog.New(slog.NewTextHandler(&log, nil)).Info("x", "p", s, "h", holder)
	j, err := json.Marshal(holder)
	require.NoError(t, err)
	text, err := s.MarshalText()
	require.NoError(t, err)
	all := log.String() + string(j) + string(text) + s.String() + fmt.Sprint(holder)
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
		all += fmt.Sprintf(verb, s) + fmt.Sprintf(verb, holder) + fmt.Sprintf(verb, &holder)
	}
	require.NotContains(t, all, canary)
	require.NotContains(t, all, fmt.Sprintf("%x", canary))
	require.Equal(t, canary, s.Reveal())
	_, err = s.Value()
	require.Error(t, err, "a database driver gets nothing")
}

func TestSecretDecodesAndCompares(t *testing.T) {
	var in struct{ Password secret.String }
	require.NoError(t, json.Unmarshal([]byte(`{"Password":"canary-5f2d"}`), &in))
	require.True(t, in.Password.Equal(secret.New(canary)))
	require.False(t, in.Password.Equal(secret.New("other")))
	require.False(t, in.Password.IsZero())
	require.True(t, secret.String{}.IsZero())
}

func TestBoxOpensOnlyAtItsPlaceAndUnchanged(t *testing.T) {
	path := filepath.Join(t.TempDir(), "key")
	key, err := secret.KeyFile(path)
	require.NoError(t, err)
	again, err := secret.KeyFile(path)
	require.NoError(t, err)
	require.Equal(t, key, again)
	info, err := os.Stat(path)
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o600), info.Mode().Perm())

	box, err := secret.NewBox(key)
	require.NoError(t, err)
	sealed := box.Seal(secret.New(canary), "a/1")
	require.NotContains(t, string(sealed), canary)
	opened, err := box.Open(sealed, "a/1")
	require.NoError(t, err)
	require.Equal(t, canary, opened.Reveal())
	_, err = box.Open(sealed, "a/2")
	require.Error(t, err)
	sealed[len(sealed)-1] ^= 1
	_, err = box.Open(sealed, "a/1")
	require.Error(t, err)
	_, err = box.Open(nil, "a/1")
	require.Error(t, err)
}

func TestKeysOfTheWrongSizeAreRefused(t *testing.T) {
	path := filepath.Join(t.TempDir(), "key")
	require.NoError(t, os.WriteFile(path, []byte("short"), 0o600))
	_, err := secret.KeyFile(path)
	require.ErrorContains(t, err, "5 bytes")
	_, err = secret.NewBox([]byte("short"))
	require.Error(t, err)
	_, err = secret.KeyFile(filepath.Join(t.TempDir(), "no", "such", "dir"))
	require.Error(t, err)
}
