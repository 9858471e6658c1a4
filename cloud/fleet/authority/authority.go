// Package authority is the certificate authority of a cloud's hosts. It signs
// the certificates of hosts and controllers, and nothing trusts it for anything
// else. Keys of hosts never come here.
package authority

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"io/fs"
	"math/big"
	"os"
	"sync"
	"time"

	"github.com/cumulite/cumulite/platform/clock"
	"github.com/cumulite/cumulite/platform/durable"
	"github.com/cumulite/cumulite/platform/errs"
	"github.com/cumulite/cumulite/platform/rpc/nats"
)

const (
	// Life is how long the certificate of a host or controller lasts.
	Life = 30 * 24 * time.Hour
	// Renewal is how long before its end a certificate is renewed.
	Renewal = Life / 2

	ownLife = 20 * 365 * 24 * time.Hour
	slack   = 5 * time.Minute // by which clocks may be apart
)

// Authority signs certificates.
type Authority struct {
	clk  clock.Clock
	cert *x509.Certificate
	key  crypto.Signer

	mu         sync.Mutex
	controller *tls.Certificate // of this process
}

// Open opens the authority that is kept in the file at path, or makes a new
// one. Controllers of one cloud have the same. clk is the time by which
// machines judge certificates: the real one.
func Open(path string, clk clock.Clock) (*Authority, error) {
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		if data, err = generate(clk); err == nil {
			err = durable.Write(path, data)
		}
	}
	if err != nil {
		return nil, err
	}
	a := &Authority{clk: clk}
	if a.cert, a.key, err = parse(data); err != nil {
		return nil, errs.Invalidf("%s does not hold the authority of the hosts: %v", path, err)
	}
	return a, nil
}

// generate makes a new authority: its certificate and its key, PEM.
func generate(clk clock.Clock) ([]byte, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	now := clk.Now()
	template := &x509.Certificate{SerialNumber: serial(), Subject: pkix.Name{CommonName: "Cumulite hosts"}, NotBefore: now.Add(-slack), NotAfter: now.Add(ownLife),
		IsCA: true, BasicConstraintsValid: true, MaxPathLenZero: true, KeyUsage: x509.KeyUsageCertSign}
	cert, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return nil, err
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, err
	}
	return append(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert}), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private})...), nil
}

func parse(data []byte) (*x509.Certificate, crypto.Signer, error) {
	pair, err := tls.X509KeyPair(data, data)
	if err != nil {
		return nil, nil, err
	}
	return pair.Leaf, pair.PrivateKey.(crypto.Signer), nil // what X509KeyPair gives can sign
}

func serial() *big.Int {
	n, _ := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 127)) // crypto/rand does not fail
	return n
}

// Certificate is the authority's own, DER.
func (a *Authority) Certificate() []byte { return a.cert.Raw }

// Fingerprint is the SHA-256 of the authority's certificate.
func (a *Authority) Fingerprint() []byte {
	sum := sha256.Sum256(a.cert.Raw)
	return sum[:]
}

// ForHost signs a certificate for the host of that name. Of the request, only
// the key counts, and that its owner signed it.
func (a *Authority) ForHost(csr []byte, name string) ([]byte, error) {
	request, err := x509.ParseCertificateRequest(csr)
	if err == nil {
		err = request.CheckSignature()
	}
	if err != nil {
		return nil, errs.Invalidf("This is no request for a certificate.").Because(err)
	}
	key, is := request.PublicKey.(*ecdsa.PublicKey)
	if !is || key.Curve != elliptic.P256() {
		return nil, errs.Invalidf("The key of a host is one of the curve P-256.")
	}
	return a.sign(name, key, x509.ExtKeyUsageClientAuth)
}

func (a *Authority) sign(name string, key crypto.PublicKey, usages ...x509.ExtKeyUsage) ([]byte, error) {
	now := a.clk.Now()
	return x509.CreateCertificate(rand.Reader, &x509.Certificate{
		SerialNumber: serial(), Subject: pkix.Name{CommonName: name}, DNSNames: []string{name}, NotBefore: now.Add(-slack), NotAfter: now.Add(Life),
		BasicConstraintsValid: true, KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: usages}, a.cert, key, a.key)
}

// TLS is the configuration of a controller, as a server and as a client: with a
// certificate of its own, and trust in what the authority signed. It asks hosts
// for their certificates; those who must have one refuse those without.
func (a *Authority) TLS() *tls.Config {
	pool := x509.NewCertPool()
	pool.AddCert(a.cert)
	return &tls.Config{
		MinVersion: tls.VersionTLS13, RootCAs: pool, ClientCAs: pool, ClientAuth: tls.VerifyClientCertIfGiven, Time: a.clk.Now,
		GetCertificate:       func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return a.ownCertificate() },
		GetClientCertificate: func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return a.ownCertificate() },
	}
}

// ownCertificate gives the certificate of this controller, a new one in time.
func (a *Authority) ownCertificate() (*tls.Certificate, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.controller != nil && a.clk.Now().Before(a.controller.Leaf.NotAfter.Add(-Renewal)) {
		return a.controller, nil
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	der, err := a.sign(nats.Controller, key.Public(), x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth)
	if err != nil {
		return nil, err
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, err
	}
	a.controller = &tls.Certificate{Certificate: [][]byte{der, a.cert.Raw}, PrivateKey: key, Leaf: leaf}
	return a.controller, nil
}
