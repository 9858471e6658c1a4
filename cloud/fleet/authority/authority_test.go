package authority_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/cumulite/cumulite/cloud/fleet/authority"
	"github.com/cumulite/cumulite/platform/clock"
	"github.com/cumulite/cumulite/platform/errs"
	"github.com/cumulite/cumulite/platform/rpc/nats"
)

func open(t *testing.T) (*authority.Authority, *clock.Manual, string) {
	clk, path := clock.NewManual(time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC)), filepath.Join(t.TempDir(), "authority.pem")
	a, err := authority.Open(path, clk)
	require.NoError(t, err)
	return a, clk, path
}

func request(t *testing.T, key crypto.Signer) []byte {
	csr, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{DNSNames: []string{nats.Controller}}, key)
	require.NoError(t, err)
	return csr
}

func newKey(t *testing.T) *ecdsa.PrivateKey {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	return key
}

func TestAuthorityIsKept(t *testing.T) {
	a, clk, path := open(t)
	again, err := authority.Open(path, clk)
	require.NoError(t, err)
	require.Equal(t, a.Fingerprint(), again.Fingerprint())
	info, err := os.Stat(path)
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o600), info.Mode())
	require.NoError(t, os.WriteFile(path, []byte("rubbish"), 0o600))
	_, err = authority.Open(path, clk)
	require.Equal(t, errs.Invalid, errs.KindOf(err))
}

func TestCertificateOfAHostIsForThatHostAsAClientOnly(t *testing.T) {
	a, clk, _ := open(t)
	der, err := a.ForHost(request(t, newKey(t)), "node1")
	require.NoError(t, err)
	cert, err := x509.ParseCertificate(der)
	require.NoError(t, err)
	require.Equal(t, []string{"node1"}, cert.DNSNames, "whatever the request says")
	verify := func(at time.Time, usage x509.ExtKeyUsage) error {
		_, err := cert.Verify(x509.VerifyOptions{Roots: a.TLS().RootCAs, CurrentTime: at, KeyUsages: []x509.ExtKeyUsage{usage}})
		return err
	}
	require.NoError(t, verify(clk.Now(), x509.ExtKeyUsageClientAuth))
	require.Error(t, verify(clk.Now(), x509.ExtKeyUsageServerAuth))
	require.Error(t, verify(clk.Now().Add(authority.Life+time.Minute), x509.ExtKeyUsageClientAuth))

	large, err := rsa.GenerateKey(rand.Reader, 2048)
	require.NoError(t, err)
	forged := request(t, newKey(t))
	forged[len(forged)-1] ^= 1
	for name, csr := range map[string][]byte{"none": nil, "rubbish": []byte("x"), "another kind of key": request(t, large), "not signed by its key": forged} {
		_, err := a.ForHost(csr, "node1")
		require.Equal(t, errs.Invalid, errs.KindOf(err), name)
	}
}

func TestControllerRenewsItsCertificateInTime(t *testing.T) {
	a, clk, _ := open(t)
	config := a.TLS()
	first, err := config.GetCertificate(nil)
	require.NoError(t, err)
	require.Equal(t, []string{nats.Controller}, first.Leaf.DNSNames)
	clk.Advance(authority.Life - authority.Renewal - time.Hour)
	same, err := config.GetClientCertificate(nil)
	require.NoError(t, err)
	require.Same(t, first, same)
	clk.Advance(2 * time.Hour)
	next, err := config.GetCertificate(nil)
	require.NoError(t, err)
	require.True(t, next.Leaf.NotAfter.After(first.Leaf.NotAfter))
}
