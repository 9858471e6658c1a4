package serve_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"io"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"github.com/cumulite/cumulite/cloud/serve"
	"github.com/cumulite/cumulite/platform/errs"
)

// certificate writes a self-signed one for 127.0.0.1 and its key.
func certificate(t *testing.T) (cert, key string, pool *x509.CertPool) {
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}}
	der, err := x509.CreateCertificate(rand.Reader, template, template, private.Public(), private)
	require.NoError(t, err)
	secret, err := x509.MarshalPKCS8PrivateKey(private)
	require.NoError(t, err)
	cert, key = filepath.Join(t.TempDir(), "cert.pem"), filepath.Join(t.TempDir(), "key.pem")
	require.NoError(t, os.WriteFile(cert, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600))
	require.NoError(t, os.WriteFile(key, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: secret}), 0o600))
	parsed, err := x509.ParseCertificate(der)
	require.NoError(t, err)
	pool = x509.NewCertPool()
	pool.AddCert(parsed)
	return cert, key, pool
}

func get(t *testing.T, c *http.Client, url string) (int, string) {
	t.Helper()
	r, err := c.Get(url)
	require.NoError(t, err)
	defer r.Body.Close()
	body, err := io.ReadAll(r.Body)
	require.NoError(t, err)
	return r.StatusCode, string(body)
}

// run serves h until the function that it gives is called, which gives Run's error.
func run(t *testing.T, s *serve.Server, h http.Handler) (stop func() error) {
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx, h) }()
	return func() error { cancel(); return <-done }
}

func TestRequestsAtWorkAreDrained(t *testing.T) {
	s, err := serve.Listen(t.Context(), serve.Options{Listen: "127.0.0.1:0"})
	require.NoError(t, err)
	begun, finish := make(chan struct{}), make(chan struct{})
	stop := run(t, s, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		close(begun)
		<-finish
		_, _ = w.Write([]byte("whole"))
	}))
	answer := make(chan string)
	go func() { _, body := get(t, http.DefaultClient, s.URL()); answer <- body }()
	<-begun
	ended := make(chan error)
	go func() { ended <- stop() }()
	select {
	case err := <-ended:
		t.Fatalf("ended with a request at work: %v", err)
	case <-time.After(50 * time.Millisecond):
	}
	close(finish)
	require.Equal(t, "whole", <-answer)
	require.NoError(t, <-ended)
}

func TestDrainEnds(t *testing.T) {
	s, err := serve.Listen(t.Context(), serve.Options{Listen: "127.0.0.1:0", Drain: 10 * time.Millisecond})
	require.NoError(t, err)
	begun := make(chan struct{})
	stop := run(t, s, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { close(begun); <-r.Context().Done() }))
	go func() {
		if r, err := http.Get(s.URL()); err == nil {
			r.Body.Close()
		}
	}()
	<-begun
	require.NoError(t, stop())
}

func TestTLS(t *testing.T) {
	cert, key, pool := certificate(t)
	s, err := serve.Listen(t.Context(), serve.Options{Listen: "127.0.0.1:0", CertFile: cert, KeyFile: key})
	require.NoError(t, err)
	require.Contains(t, s.URL(), "https://")
	stop := run(t, s, http.NotFoundHandler())
	client := func(c *tls.Config) *http.Client {
		transport := &http.Transport{TLSClientConfig: c}
		t.Cleanup(transport.CloseIdleConnections)
		return &http.Client{Transport: transport}
	}
	status, _ := get(t, client(&tls.Config{RootCAs: pool}), s.URL())
	require.Equal(t, 404, status)
	_, err = client(nil).Get(s.URL()) // an authority that it does not know
	require.Error(t, err)
	_, err = client(&tls.Config{RootCAs: pool, MaxVersion: tls.VersionTLS11}).Get(s.URL())
	require.Error(t, err)
	require.NoError(t, stop())
}

func TestOperatorsAddress(t *testing.T) {
	sick := errors.New("the disk is full")
	var health error
	registry := prometheus.NewRegistry()
	registry.MustRegister(prometheus.NewCounter(prometheus.CounterOpts{Name: "things"}))
	s, err := serve.Listen(t.Context(), serve.Options{Listen: "127.0.0.1:0", Operator: "127.0.0.1:0", Metrics: registry,
		Healthy: func(context.Context) error { return health }})
	require.NoError(t, err)
	stop := run(t, s, http.NotFoundHandler())
	status, body := get(t, http.DefaultClient, s.OperatorURL()+"/healthz")
	require.Equal(t, 200, status)
	require.Equal(t, "ok\n", body)
	health = sick
	status, body = get(t, http.DefaultClient, s.OperatorURL()+"/healthz")
	require.Equal(t, 503, status)
	require.NotContains(t, body, "disk")
	_, body = get(t, http.DefaultClient, s.OperatorURL()+"/metrics")
	require.Contains(t, body, "things 0")
	status, _ = get(t, http.DefaultClient, s.URL()+"/metrics")
	require.Equal(t, 404, status, "the API's address shows no metrics")
	http.DefaultClient.CloseIdleConnections()
	require.NoError(t, stop())
}

func TestMistakesAreSaid(t *testing.T) {
	cert, _, _ := certificate(t)
	for name, o := range map[string]serve.Options{
		"no port":                  {Listen: "127.0.0.1"},
		"plain and not loopback":   {Listen: "0.0.0.0:0"},
		"plain, everywhere":        {Listen: ":0"},
		"a certificate, no key":    {Listen: "127.0.0.1:0", CertFile: cert},
		"a certificate as the key": {Listen: "127.0.0.1:0", CertFile: cert, KeyFile: cert},
		"no such file":             {Listen: "127.0.0.1:0", CertFile: "/none", KeyFile: "/none"},
		"operator's address":       {Listen: "127.0.0.1:0", Operator: "nonsense"},
	} {
		_, err := serve.Listen(t.Context(), o)
		require.True(t, errs.Is(err, errs.Invalid), "%s: %v", name, err)
	}
	s, err := serve.Listen(t.Context(), serve.Options{Listen: ":0", InsecureHTTP: true})
	require.NoError(t, err)
	_, err = serve.Listen(t.Context(), serve.Options{Listen: s.URL()[len("http://"):], InsecureHTTP: true})
	require.True(t, errs.Is(err, errs.Invalid), "taken: %v", err)
	s.Close()
}
