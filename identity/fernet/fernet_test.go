package fernet_test

import (
	"encoding/base64"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	reference "github.com/fernet/fernet-go"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/cumulite/cumulite/identity/fernet"
)

const (
	user    = "0123456789abcdef0123456789abcdef"
	project = "fedcba9876543210fedcba9876543210"
)

// What Python's cryptography 38 and msgpack 1.0 make of Keystone's payloads,
// with the key 00 01 … 1f and an initialization vector of zeros.
var vectors = []struct {
	name, text string
	want       fernet.Token
}{
	{"unscoped", "gAAAAABw3HMwAAAAAAAAAAAAAAAAAAAAAIr2WHtWIGGyPonUj1lmtFxxIFZSC9_9uurpRtt476NGoocBagEShMnl5CeAXgToNRfi8PU5G2NnbKXi8nZ4zlDbP5B-YS0QI75Ig2uL4YtN1O6N74B5hoIgaltcFBLZWw",
		fernet.Token{UserID: user, Methods: []string{"password"}, ExpiresAt: time.UnixMicro(1893499200123456)}},
	{"domain by name", "gAAAAABw3HMwAAAAAAAAAAAAAAAAAAAAAFPB9fCpl54QYbnVVNDqQH-TQcW9gilaXluEFC-TQRodkXgX8GMMMbVcXDWbTbqnokHcBmV4pDw_CEWXMy0IA02j9mR-qvyPh8f4gj50AqYtvTF37Hd_jZIg60XXbJkUZw",
		fernet.Token{UserID: user, Methods: []string{"password"}, DomainID: "default", ExpiresAt: time.Unix(1893499200, 0)}},
	{"domain of a foreign user", "gAAAAABw3HMwAAAAAAAAAAAAAAAAAAAAAI6eEhZrdvPK0VcwhuDXonIk_94TbPyJUXjpQd8chzVNTImAEeuaIGEUAfzPHecPh6IPwSswvM_KcMe7aFwUDoU7U7cxXrEL-4Dp2mD-Qjkpuj8HPUxJP1cHaTxvN-szwQ",
		fernet.Token{UserID: "ldap-user", Methods: []string{"password"}, DomainID: project, ExpiresAt: time.Unix(1893499200, 0)}},
	{"project", "gAAAAABw3HMwAAAAAAAAAAAAAAAAAAAAADHmKkaTA2XwMpYRmuA-E9mM7cOHEksIVc7Nxg2JpKVhnE2fdXB9Hin7baHCkWoPvb6r6PDdmupCNFHBSm5NnliNUkeJav4mf1KoQLuImPmUgFGsOVTkvs90fLzJVTItLY_Vzd8m_gNi0yz3c1alyJDzVT5BLq2IuWc9e-zgS6Ji",
		fernet.Token{UserID: user, Methods: []string{"token", "password"}, ProjectID: project, ExpiresAt: time.UnixMicro(1893499200500000),
			AuditIDs: []string{"AAECAwQFBgcICQoLDA0ODw", "AAAAAAAAAAAAAAAAAAAAAA"}}},
	{"system", "gAAAAABw3HMwAAAAAAAAAAAAAAAAAAAAAARHakry1B53KSnCKXNrtx9oX5UVKnFXbaMtQYcBtmZeISa4ZXqM5IlkxHHz13RyPca39XsmNF7Aou9ZlIl4g1V6sanVkQo0JS_oF89VGmyk9tUGd4tkfRebzofZYQfF3w",
		fernet.Token{UserID: user, Methods: []string{"password"}, System: true, ExpiresAt: time.Unix(1893499200, 0)}},
}

// repository makes a directory with these keys, each named by its number.
func repository(t testing.TB, keys map[string][]byte) string {
	dir := t.TempDir()
	for name, raw := range keys {
		text := base64.URLEncoding.EncodeToString(raw)
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(text+"\n"), 0o600))
	}
	return dir
}

func counting(from byte) []byte {
	raw := make([]byte, 32)
	for i := range raw {
		raw[i] = from + byte(i)
	}
	return raw
}

func TestReadsWhatKeystoneWrites(t *testing.T) {
	keys, err := fernet.Open(repository(t, map[string][]byte{"0": counting(100), "1": counting(0)}))
	require.NoError(t, err)
	for _, v := range vectors {
		t.Run(v.name, func(t *testing.T) {
			v.want.IssuedAt, v.want.ExpiresAt = time.Unix(1893495600, 0).UTC(), v.want.ExpiresAt.UTC()
			if v.want.AuditIDs == nil {
				v.want.AuditIDs = []string{"AAECAwQFBgcICQoLDA0ODw"}
			}
			got, err := keys.Read(v.text)
			require.NoError(t, err)
			require.Equal(t, v.want, got)
			padded := v.text + strings.Repeat("=", -len(v.text)&3)
			got, err = keys.Read(padded)
			require.NoError(t, err)
			require.Equal(t, v.want, got, "padding makes no difference")
		})
	}
}

// A Keystone with our keys reads our tokens: byte for byte its payload.
func TestWritesWhatKeystoneWrites(t *testing.T) {
	keys, err := fernet.Open(repository(t, map[string][]byte{"0": counting(100), "1": counting(0)}))
	require.NoError(t, err)
	key := reference.MustDecodeKeys(base64.URLEncoding.EncodeToString(counting(0)))
	payload := func(text string) []byte {
		return reference.VerifyAndDecrypt([]byte(text+strings.Repeat("=", -len(text)&3)), -1, key)
	}
	for _, v := range vectors {
		token, err := keys.Read(v.text)
		require.NoError(t, err)
		ours, err := keys.Seal(token)
		require.NoError(t, err)
		require.NotEqual(t, v.text, ours, "each has an initialization vector of its own")
		require.NotContains(t, ours, "=")
		require.NotEmpty(t, payload(ours))
		require.Equal(t, payload(v.text), payload(ours), v.name)
	}
}

func TestWhatIsSealedIsRead(t *testing.T) {
	keys := fernet.New()
	id := rapid.OneOf(rapid.StringMatching(`[0-9a-f]{32}`), rapid.StringMatching(`[a-zA-Z0-9-]{1,64}`))
	rapid.Check(t, func(t *rapid.T) {
		want := fernet.Token{
			UserID:    id.Draw(t, "user"),
			Methods:   rapid.SampledFrom([][]string{{"password"}, {"token", "password"}, {"token"}, {"application_credential", "password", "external"}}).Draw(t, "methods"),
			IssuedAt:  time.Unix(rapid.Int64Range(0, 1<<33).Draw(t, "issued"), 0).UTC(),
			ExpiresAt: time.UnixMicro(rapid.Int64Range(0, 1<<52).Draw(t, "expires")).UTC(),
		}
		switch rapid.IntRange(0, 3).Draw(t, "scope") {
		case 1:
			want.ProjectID = id.Draw(t, "project")
		case 2:
			want.DomainID = id.Draw(t, "domain")
		case 3:
			want.System = true
		}
		for _, raw := range rapid.SliceOfN(rapid.SliceOfN(rapid.Byte(), 16, 16), 1, 2).Draw(t, "audit") {
			want.AuditIDs = append(want.AuditIDs, base64.RawURLEncoding.EncodeToString(raw))
		}
		text, err := keys.Seal(want)
		if err != nil {
			t.Fatal(err)
		}
		got, err := keys.Read(text)
		if err != nil || fmt.Sprint(got) != fmt.Sprint(want) {
			t.Fatalf("read %v, %v instead of %v", got, err, want)
		}
	})
}

func TestNothingElseIsRead(t *testing.T) {
	keys := fernet.New()
	text, err := keys.Seal(fernet.Token{UserID: user, Methods: []string{"password"}})
	require.NoError(t, err)
	raw, err := base64.RawURLEncoding.DecodeString(text)
	require.NoError(t, err)
	for i := range raw {
		forged := slices.Clone(raw)
		forged[i] ^= 1
		_, err := keys.Read(base64.RawURLEncoding.EncodeToString(forged))
		require.ErrorIs(t, err, fernet.ErrInvalid, "byte %d", i)
	}
	_, err = fernet.New().Read(text)
	require.ErrorIs(t, err, fernet.ErrInvalid, "the keys of another cloud")
	for _, junk := range []string{"", "x", "====", "gAAAAA", strings.Repeat("A", 1<<20), "é" + text, text + " "} {
		_, err := keys.Read(junk)
		require.ErrorIs(t, err, fernet.ErrInvalid)
	}
	_, err = keys.Seal(fernet.Token{Methods: []string{"carrier pigeon"}})
	require.Error(t, err)
	_, err = keys.Seal(fernet.Token{AuditIDs: []string{"?"}})
	require.Error(t, err)
}

// Payloads that keys of ours signed, but that no version of ours writes.
func TestPayloadsOfOtherKindsAreRefused(t *testing.T) {
	dir := repository(t, map[string][]byte{"0": counting(100), "1": counting(0)})
	keys, err := fernet.Open(dir)
	require.NoError(t, err)
	key := reference.MustDecodeKeys(base64.URLEncoding.EncodeToString(counting(0)))[0]
	for name, payload := range map[string]string{
		"empty": "", "nil": "\xc0", "a trust": "\x96\x03\x92\xc2\xa1u\x02\x92\xc2\xa1p\xcb\x00\x00\x00\x00\x00\x00\x00\x00\x90",
		"a huge list": "\xdd\xff\xff\xff\xff", "nobody": "\x95\x00\x90\x02\xcb\x00\x00\x00\x00\x00\x00\x00\x00\x90",
		"half of the system": "\x96\x08\x92\xc2\xa1u\x02\xa3one\xcb\x00\x00\x00\x00\x00\x00\x00\x00\x90",
	} {
		sealed, err := reference.EncryptAndSign([]byte(payload), key)
		require.NoError(t, err)
		_, err = keys.Read(string(sealed))
		require.ErrorIs(t, err, fernet.ErrInvalid, name)
	}
}

func TestRotationKeepsTokensReadable(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "keys")
	keys, err := fernet.Open(dir)
	require.NoError(t, err)
	other, err := fernet.Open(dir)
	require.NoError(t, err)
	seal := func(k *fernet.Keys) string {
		text, err := k.Seal(fernet.Token{UserID: user})
		require.NoError(t, err)
		return text
	}
	first := seal(keys)
	require.NoError(t, keys.Rotate(0))
	second := seal(keys)
	_, err = other.Read(second)
	require.NoError(t, err, "the key that seals now was staged before")
	require.Equal(t, []string{"0", "1", "2"}, names(t, dir))
	_, err = keys.Read(first)
	require.NoError(t, err, "the older key still opens")
	require.NoError(t, keys.Rotate(0))
	require.Equal(t, []string{"0", "2", "3"}, names(t, dir))
	_, err = keys.Read(first)
	require.ErrorIs(t, err, fernet.ErrInvalid, "its key is gone")
	_, err = keys.Read(second)
	require.NoError(t, err)

	third := seal(keys)
	require.NoError(t, other.Reload())
	_, err = other.Read(third)
	require.NoError(t, err)
	reopened, err := fernet.Open(dir)
	require.NoError(t, err)
	_, err = reopened.Read(third)
	require.NoError(t, err)
	require.NoError(t, fernet.New().Rotate(0), "in memory too")
}

func names(t *testing.T, dir string) (names []string) {
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	for _, e := range entries {
		info, err := e.Info()
		require.NoError(t, err)
		require.Equal(t, os.FileMode(0o600), info.Mode().Perm())
		names = append(names, e.Name())
	}
	info, err := os.Stat(dir)
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o700), info.Mode().Perm())
	return names
}

func TestDamagedKeyIsNamed(t *testing.T) {
	_, err := fernet.Open(repository(t, map[string][]byte{"0": counting(0), "1": {1, 2}}))
	require.ErrorContains(t, err, "/1: a key is 32 bytes")
	dir := repository(t, map[string][]byte{"0": counting(0), "1": counting(1)})
	require.NoError(t, os.WriteFile(filepath.Join(dir, "2.tmp"), []byte("cut"), 0o600))
	_, err = fernet.Open(dir)
	require.NoError(t, err, "what a crash left is no key")
}

func BenchmarkSeal(b *testing.B) {
	keys := fernet.New()
	for b.Loop() {
		if _, err := keys.Seal(fernet.Token{UserID: user, ProjectID: project, Methods: []string{"password"}}); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkRead(b *testing.B) {
	keys := fernet.New()
	text, err := keys.Seal(fernet.Token{UserID: user, ProjectID: project, Methods: []string{"password"}})
	require.NoError(b, err)
	for b.Loop() {
		if _, err := keys.Read(text); err != nil {
			b.Fatal(err)
		}
	}
}
