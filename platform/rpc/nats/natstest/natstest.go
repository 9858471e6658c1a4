// Package natstest makes what tests of platform/rpc/nats and of its users
// need: an authority with certificates, controllers, hosts.
//
//	cloud := natstest.New(t)
//	controller := cloud.Controller(nil)
//	host := cloud.Host("node1", controller.Address())
//	host.Serve(mux)
//	natstest.Await(t, func() bool { return controller.Connected("node1") })
package natstest

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"math/big"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/cumulite/cumulite/platform/rpc/nats"
	"github.com/cumulite/cumulite/platform/rpc/nats/server"
	"github.com/cumulite/cumulite/platform/secret"
)

// Authority signs certificates.
type Authority struct {
	t    testing.TB
	key  *ecdsa.PrivateKey
	cert *x509.Certificate
}

// NewAuthority makes an Authority.
func NewAuthority(t testing.TB) *Authority {
	a := &Authority{t: t}
	var err error
	a.key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test authority"}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), KeyUsage: x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &a.key.PublicKey, a.key)
	require.NoError(t, err)
	a.cert, err = x509.ParseCertificate(der)
	require.NoError(t, err)
	return a
}

// Pool has the authority's certificate.
func (a *Authority) Pool() *x509.CertPool {
	pool := x509.NewCertPool()
	pool.AddCert(a.cert)
	return pool
}

// Root is the authority's certificate, encoded.
func (a *Authority) Root() []byte { return a.cert.Raw }

// Certify signs a certificate for name that lasts from now on for life.
func (a *Authority) Certify(name string, life time.Duration, usages ...x509.ExtKeyUsage) tls.Certificate {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(a.t, err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: name}, DNSNames: []string{name},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(life), ExtKeyUsage: usages, KeyUsage: x509.KeyUsageDigitalSignature,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, a.cert, &key.PublicKey, a.key)
	require.NoError(a.t, err)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

// ForHost is the TLS of the host name.
func (a *Authority) ForHost(name string) *tls.Config {
	return &tls.Config{RootCAs: a.Pool(), Certificates: []tls.Certificate{a.Certify(name, time.Hour, x509.ExtKeyUsageClientAuth)}}
}

// ForController is the TLS of a controller.
func (a *Authority) ForController() *tls.Config {
	cert := a.Certify(nats.Controller, time.Hour, x509.ExtKeyUsageClientAuth, x509.ExtKeyUsageServerAuth)
	return &tls.Config{RootCAs: a.Pool(), ClientCAs: a.Pool(), Certificates: []tls.Certificate{cert}}
}

// Cloud has controllers, hosts and the list of the hosts' keys.
type Cloud struct {
	*Authority

	mu   sync.Mutex
	keys map[string]string // host by nkey
}

// New makes a Cloud without controllers and hosts.
func New(t testing.TB) *Cloud { return &Cloud{Authority: NewAuthority(t), keys: map[string]string{}} }

// Authorize says which host has key.
func (c *Cloud) Authorize(key string) (string, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	host, ok := c.keys[key]
	return host, ok
}

// Key makes a key for host.
func (c *Cloud) Key(host string) secret.String {
	public, seed, err := nats.NewKey()
	require.NoError(c.t, err)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.keys[public] = host
	return seed
}

// Revoke forgets the keys of host.
func (c *Cloud) Revoke(host string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for key, h := range c.keys {
		if h == host {
			delete(c.keys, key)
		}
	}
}

// Controller opens a controller that listens on loopback, after change was
// made to its options; nil is none. It is closed with the test.
func (c *Cloud) Controller(change func(*server.Options)) *server.Server {
	o := server.Options{Listen: "127.0.0.1:0", Cluster: "127.0.0.1:0", TLS: c.ForController(), Authorize: c.Authorize}
	if change != nil {
		change(&o)
	}
	s, err := server.Open(o)
	require.NoError(c.t, err)
	c.t.Cleanup(s.Close)
	return s
}

// Host connects the host name. It is closed with the test.
func (c *Cloud) Host(name string, controllers ...string) *nats.Conn {
	conn, err := nats.Connect(nats.Options{Host: name, Controllers: controllers, TLS: c.ForHost(name), Key: c.Key(name)})
	require.NoError(c.t, err)
	c.t.Cleanup(conn.Close)
	return conn
}

// Await waits up to ten seconds until there is what shall be.
func Await(t testing.TB, there func() bool) {
	t.Helper()
	require.Eventually(t, there, 10*time.Second, 10*time.Millisecond)
}
