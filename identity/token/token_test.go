package token_test

import (
	"encoding/hex"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/fernet/fernet-go"
	"github.com/stretchr/testify/require"
	"github.com/vmihailenco/msgpack/v5"
	"pgregory.net/rapid"

	"github.com/cumulite/cumulite/identity/token"
	"github.com/cumulite/cumulite/platform/errs"
	"github.com/cumulite/cumulite/platform/secret"
)

const user = "0ca8f6d1b2c34e5f90aabbccddeeff00"

func keys(t testing.TB) (*token.Keys, string) {
	dir := filepath.Join(t.TempDir(), "fernet")
	k, err := token.OpenKeys(dir)
	require.NoError(t, err)
	return k, dir
}

func some() token.Token {
	return token.Token{UserID: user, Methods: []string{"password"}, ProjectID: "11a8f6d1b2c34e5f90aabbccddeeff00",
		AuditIDs: []string{token.NewAuditID()}, IssuedAt: time.Unix(1900000000, 0).UTC(), ExpiresAt: time.UnixMicro(1900003600123456).UTC()}
}

func TestTokensComeBackAsTheyWere(t *testing.T) {
	k, _ := keys(t)
	ids := rapid.OneOf(rapid.StringMatching(`[0-9a-f]{32}`), rapid.StringMatching(`[A-Za-z0-9-]{1,64}`))
	rapid.Check(t, func(t *rapid.T) {
		want := token.Token{UserID: ids.Draw(t, "user"), AuditIDs: []string{token.NewAuditID()},
			IssuedAt:  time.Unix(rapid.Int64Range(0, 4e9).Draw(t, "issued"), 0).UTC(),
			ExpiresAt: time.UnixMicro(rapid.Int64Range(0, 4e15).Draw(t, "expires")).UTC()}
		for _, m := range []string{"external", "password", "token", "oauth1", "mapped", "application_credential"} {
			if rapid.Bool().Draw(t, m) {
				want.Methods = append(want.Methods, m)
			}
		}
		switch rapid.IntRange(0, 3).Draw(t, "scope") {
		case 1:
			want.ProjectID = ids.Draw(t, "project")
		case 2:
			want.DomainID = rapid.OneOf(rapid.Just("default"), ids).Draw(t, "domain")
		case 3:
			want.System = true
		}
		if rapid.Bool().Draw(t, "second") {
			want.AuditIDs = append(want.AuditIDs, token.NewAuditID())
		}
		text, err := k.Seal(want)
		require.NoError(t, err)
		got, err := k.Open(text)
		require.NoError(t, err)
		require.Equal(t, want, got)
	})
}

// The library stands for Keystone, which seals and opens as the specification says.
func TestPayloadsAreKeystones(t *testing.T) {
	k, dir := keys(t)
	text, err := os.ReadFile(filepath.Join(dir, "1"))
	require.NoError(t, err)
	key := fernet.MustDecodeKeys(string(text))
	tok := some()
	tok.IssuedAt = time.Now().UTC().Truncate(time.Second)
	sealed, err := k.Seal(tok)
	require.NoError(t, err)
	require.NotContains(t, sealed.Reveal(), "=")
	padded := sealed.Reveal() + "==="[:(4-len(sealed.Reveal())%4)%4]
	plain := fernet.VerifyAndDecrypt([]byte(padded), time.Hour, key)
	var fields []any
	require.NoError(t, msgpack.Unmarshal(plain, &fields))
	raw, err := hex.DecodeString(user)
	require.NoError(t, err)
	require.EqualValues(t, 2, fields[0])
	require.Equal(t, []any{true, raw}, fields[1])
	require.EqualValues(t, 2, fields[2], "password is Keystone's second method")
	require.InDelta(t, 1900003600.123456, fields[4], 1e-6)

	theirs, err := msgpack.Marshal([]any{1, []any{false, "ldap-user"}, 6, "default", 1900000000.5, []any{raw}})
	require.NoError(t, err)
	sealedByThem, err := fernet.EncryptAndSign(theirs, key[0])
	require.NoError(t, err)
	got, err := k.Open(secret.New(string(sealedByThem)))
	require.NoError(t, err)
	require.Equal(t, "ldap-user", got.UserID)
	require.Equal(t, []string{"password", "token"}, got.Methods)
	require.Equal(t, "default", got.DomainID)
}

func TestWhatWasNotSealedHereDoesNotOpen(t *testing.T) {
	k, _ := keys(t)
	other, _ := keys(t)
	foreign, err := other.Seal(some())
	require.NoError(t, err)
	_, err = k.Open(foreign)
	require.True(t, errs.Is(err, errs.Unauthenticated))
	mine, err := k.Seal(some())
	require.NoError(t, err)
	rapid.Check(t, func(t *rapid.T) {
		b := []byte(mine.Reveal())
		at := rapid.IntRange(0, len(b)-2).Draw(t, "at") // the last letter has bits that say nothing
		b[at] = rapid.SampledFrom([]byte("ABCxyz019-_!")).Filter(func(c byte) bool { return c != b[at] }).Draw(t, "letter")
		_, err := k.Open(secret.New(string(b)))
		require.True(t, errs.Is(err, errs.Unauthenticated))
	})
	for _, text := range []string{"", "x", "gAAAAA", mine.Reveal()[:40]} {
		_, err := k.Open(secret.New(text))
		require.True(t, errs.Is(err, errs.Unauthenticated), text)
	}
}

func TestPayloadsThatAreNoneAreRefused(t *testing.T) {
	k, dir := keys(t)
	text, err := os.ReadFile(filepath.Join(dir, "1"))
	require.NoError(t, err)
	key := fernet.MustDecodeKeys(string(text))[0]
	for _, fields := range []any{5, []any{}, []any{0}, []any{7, []any{false, "u"}, 2, "x", 1.0, []any{}},
		[]any{0, []any{false, "u"}, 2, 1.0, []any{1}}, []any{2, "u", 2, "p", 1.0, []any{}}, []any{1, []any{false, "u"}, 2, 5, 1.0, []any{}}} {
		plain, err := msgpack.Marshal(fields)
		require.NoError(t, err)
		sealed, err := fernet.EncryptAndSign(plain, key)
		require.NoError(t, err)
		_, err = k.Open(secret.New(string(sealed)))
		require.True(t, errs.Is(err, errs.Unauthenticated), "%v", fields)
	}
	tok := some()
	tok.Methods = []string{"guess"}
	_, err = k.Seal(tok)
	require.Error(t, err)
	tok = some()
	tok.AuditIDs = []string{"!"}
	_, err = k.Seal(tok)
	require.Error(t, err)
}

func TestRotationKeepsOldTokensAsLongAsTheirKey(t *testing.T) {
	k, dir := keys(t)
	second, err := token.OpenKeys(dir)
	require.NoError(t, err)
	old, err := k.Seal(some())
	require.NoError(t, err)
	for range 2 {
		require.NoError(t, k.Rotate(4))
		_, err = k.Open(old)
		require.NoError(t, err)
	}
	fresh, err := k.Seal(some())
	require.NoError(t, err)
	_, err = second.Open(fresh)
	require.NoError(t, err, "another process finds the rotated keys")
	require.NoError(t, k.Rotate(3))
	_, err = k.Open(fresh)
	require.NoError(t, err)
	_, err = k.Open(old)
	require.True(t, errs.Is(err, errs.Unauthenticated))
	require.Error(t, k.Rotate(0))
	names, err := filepath.Glob(filepath.Join(dir, "*"))
	require.NoError(t, err)
	require.Len(t, names, 3)
	require.Contains(t, names, filepath.Join(dir, "0"))
}

func TestKeysAreForTheirOwnerOnly(t *testing.T) {
	_, dir := keys(t)
	for path, mode := range map[string]os.FileMode{dir: 0o700, filepath.Join(dir, "0"): 0o600, filepath.Join(dir, "1"): 0o600} {
		info, err := os.Stat(path)
		require.NoError(t, err)
		require.Equal(t, mode, info.Mode().Perm(), path)
	}
	require.NoError(t, os.WriteFile(filepath.Join(dir, "2"), []byte("short"), 0o600))
	_, err := token.OpenKeys(dir)
	require.ErrorContains(t, err, "32 bytes")
}

func BenchmarkOpen(b *testing.B) {
	k, _ := keys(b)
	text, err := k.Seal(some())
	require.NoError(b, err)
	for b.Loop() {
		if _, err := k.Open(text); err != nil {
			b.Fatal(err)
		}
	}
}

func TestRotationThatWasCutIsEnded(t *testing.T) {
	k, dir := keys(t)
	old, err := k.Seal(some())
	require.NoError(t, err)
	for _, again := range []func() error{
		func() error { return k.Rotate(4) },
		func() (err error) { k, err = token.OpenKeys(dir); return err },
	} {
		require.NoError(t, os.Remove(filepath.Join(dir, "0"))) // killed before another was staged
		require.NoError(t, again())
		require.FileExists(t, filepath.Join(dir, "0"))
		_, err = k.Open(old)
		require.NoError(t, err)
	}
}
