package compute_test

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/crypto/ssh"

	"github.com/cumulite/cumulite/compute"
	"github.com/cumulite/cumulite/platform/errs"
	"github.com/cumulite/cumulite/platform/store"
)

// ed25519Key is a public key, its fingerprint by ssh-keygen -l -E md5.
const ed25519Key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl me@here"

func TestImportedKeyComesBackWithItsFingerprint(t *testing.T) {
	s := service(t)
	made, private, err := s.CreateKeypair(member(t), compute.CreateKeypair{Name: "k", PublicKey: ed25519Key})
	require.NoError(t, err)
	require.Empty(t, private.Reveal())
	require.Equal(t, "user-of-p1", made.UserID)
	require.Equal(t, "65:96:2d:fc:e8:d5:a9:11:64:0c:0f:ea:00:6e:5b:bd", made.Fingerprint)
	got, err := s.GetKeypair(member(t), "", "k")
	require.NoError(t, err)
	require.Equal(t, made, got)
}

func TestGeneratedHalvesBelongTogether(t *testing.T) {
	k, private, err := service(t).CreateKeypair(member(t), compute.CreateKeypair{Name: "k"})
	require.NoError(t, err)
	signer, err := ssh.ParsePrivateKey([]byte(private.Reveal()))
	require.NoError(t, err)
	require.Equal(t, k.Fingerprint, ssh.FingerprintLegacyMD5(signer.PublicKey()))
	require.True(t, strings.HasPrefix(k.PublicKey, "ssh-rsa "))
	require.NotContains(t, fmt.Sprint(private), "PRIVATE")
}

// certificate is a self-signed one with its fingerprint by openssl x509 -fingerprint.
const certificate, certificateSHA1 = `-----BEGIN CERTIFICATE-----
MIIBMDCB46ADAgECAhR2uyJ/qdpulroVhW5jb7ID5UgsjDAFBgMrZXAwDTELMAkG
A1UEAwwCbWUwIBcNMjYxMTI0MDMxMDUyWhgPMjEyNjEwMzEwMzEwNTJaMA0xCzAJ
BgNVBAMMAm1lMCowBQYDK2VwAyEAaVERbVcpDGpcfovHNJpI+2CZQLAWafEQ+IX7
p9rRuNOjUzBRMB0GA1UdDgQWBBS3rgxE/c81bxzlw2A1JTZK4opjUDAfBgNVHSME
GDAWgBS3rgxE/c81bxzlw2A1JTZK4opjUDAPBgNVHRMBAf8EBTADAQH/MAUGAytl
cANBAJ5GlxAOwObbkZac6kpbLhi9MvXsPa3WaXtGTtB07SsbQVIIPZAub5dIX4lg
qrR9KwEY/bdkbsJQK3WzlkrSygU=
-----END CERTIFICATE-----`, "a7:88:08:30:7c:b0:5f:23:73:02:f3:18:6d:c6:de:fc:19:7b:4b:2c"

func TestImportedCertificateHasItsFingerprint(t *testing.T) {
	k, _, err := service(t).CreateKeypair(member(t), compute.CreateKeypair{Name: "k", Type: compute.KeypairX509, PublicKey: certificate})
	require.NoError(t, err)
	require.Equal(t, certificateSHA1, k.Fingerprint)
	require.Equal(t, compute.KeypairX509, k.Type)
}

func TestGeneratedCertificateIsTheUsersForItsKey(t *testing.T) {
	k, private, err := service(t).CreateKeypair(member(t), compute.CreateKeypair{Name: "k", Type: compute.KeypairX509})
	require.NoError(t, err)
	pair, err := tls.X509KeyPair([]byte(k.PublicKey), []byte(private.Reveal()))
	require.NoError(t, err, "the halves belong together")
	require.Equal(t, "user-of-p1", pair.Leaf.Subject.CommonName)
	require.Equal(t, []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}, pair.Leaf.ExtKeyUsage)
	require.NoError(t, pair.Leaf.CheckSignature(pair.Leaf.SignatureAlgorithm, pair.Leaf.RawTBSCertificate, pair.Leaf.Signature))
	require.Regexp(t, "^([0-9a-f]{2}:){19}[0-9a-f]{2}$", k.Fingerprint)
}

func TestBadKeypairsAreRefused(t *testing.T) {
	s := service(t)
	for _, in := range []compute.CreateKeypair{
		{Name: ""}, {Name: "a/b"}, {Name: " a"}, {Name: strings.Repeat("x", 256)},
		{Name: "k", PublicKey: "ssh-rsa AAAA"}, {Name: "k", PublicKey: ed25519Key + "\n" + ed25519Key},
		{Name: "k", Type: compute.KeypairX509, PublicKey: ed25519Key},
	} {
		_, private, err := s.CreateKeypair(member(t), in)
		require.True(t, errs.Is(err, errs.Invalid), "%+v", in)
		require.Empty(t, private.Reveal())
	}
}

func TestKeypairNamesAreUniqueForTheirUser(t *testing.T) {
	s := service(t)
	in := compute.CreateKeypair{Name: "k", PublicKey: ed25519Key}
	_, _, err := s.CreateKeypair(member(t), in)
	require.NoError(t, err)
	_, _, err = s.CreateKeypair(member(t), in)
	refused(t, errs.Conflict, err)
	require.Equal(t, "Key pair 'k' already exists.", errs.Message(err))
	_, _, err = s.CreateKeypair(as(t, "p2", "member"), in)
	require.NoError(t, err)
}

func TestKeypairsOfOthersAreForAdministrators(t *testing.T) {
	s := service(t)
	_, _, err := s.CreateKeypair(admin(t), compute.CreateKeypair{Name: "k", PublicKey: ed25519Key, UserID: "user-of-p1"})
	require.NoError(t, err)
	other := as(t, "p2", "member")
	_, err = s.GetKeypair(other, "user-of-p1", "k")
	refused(t, errs.Forbidden, err)
	_, err = s.GetKeypair(other, "", "k")
	refused(t, errs.NotFound, err)
	_, _, err = s.ListKeypairs(other, "user-of-p1", store.Query{})
	refused(t, errs.Forbidden, err)
	refused(t, errs.Forbidden, s.DeleteKeypair(other, "user-of-p1", "k"))
	_, _, err = s.CreateKeypair(other, compute.CreateKeypair{Name: "x", PublicKey: ed25519Key, UserID: "user-of-p1"})
	refused(t, errs.Forbidden, err)
	list, _, err := s.ListKeypairs(member(t), "", store.Query{})
	require.NoError(t, err)
	require.Len(t, list, 1)
}

func TestKeypairLimitOfAUser(t *testing.T) {
	s := service(t)
	for i := range 100 {
		_, _, err := s.CreateKeypair(member(t), compute.CreateKeypair{Name: fmt.Sprintf("k%02d", i), PublicKey: ed25519Key})
		require.NoError(t, err)
	}
	last := compute.CreateKeypair{Name: "last", PublicKey: ed25519Key}
	_, _, err := s.CreateKeypair(member(t), last)
	refused(t, errs.Quota, err)
	require.Equal(t, "Quota exceeded, too many key pairs.", errs.Message(err))
	page, more, err := s.ListKeypairs(member(t), "", store.Query{Limit: 2, Marker: "k97"})
	require.NoError(t, err)
	require.False(t, more)
	require.Equal(t, "k98", page[0].Name)

	require.NoError(t, s.DeleteKeypair(member(t), "", "k00"))
	refused(t, errs.NotFound, s.DeleteKeypair(member(t), "", "k00"))
	_, _, err = s.CreateKeypair(member(t), last)
	require.NoError(t, err)
}
