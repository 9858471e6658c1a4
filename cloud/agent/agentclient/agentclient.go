// Package agentclient is what a host asks of its controllers over HTTPS: to
// join, and for the bytes of images.
package agentclient

import (
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"time"

	"github.com/cumulite/cumulite/cloud/fleet/join"
	"github.com/cumulite/cumulite/platform/clock"
	"github.com/cumulite/cumulite/platform/errs"
	"github.com/cumulite/cumulite/platform/rpc/nats"
)

const (
	dialTime  = 10 * time.Second
	stallTime = 30 * time.Second // how long a connection may stand still
	joinTime  = time.Minute
	maxAnswer = 64 << 10
)

// newClient gives a client that follows no redirects and uses no proxy.
func newClient(config *tls.Config) *http.Client {
	dialer := &net.Dialer{Timeout: dialTime}
	return &http.Client{
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Transport: &http.Transport{TLSClientConfig: config, TLSHandshakeTimeout: dialTime, ResponseHeaderTimeout: stallTime, IdleConnTimeout: stallTime,
			DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
				c, err := dialer.DialContext(ctx, network, address)
				return stalling{c, clock.System()}, err
			}},
	}
}

// stalling is a connection whose reads fail when nothing comes.
type stalling struct {
	net.Conn
	clk clock.Clock
}

// Read implements net.Conn.
func (c stalling) Read(p []byte) (int, error) {
	if err := c.SetReadDeadline(c.clk.Now().Add(stallTime)); err != nil {
		return 0, err
	}
	return c.Conn.Read(p)
}

// Join asks the controllers of a token, one after the other, to let a host in.
// It speaks to nobody but one whose certificate the token's authority signed.
func Join(ctx context.Context, t join.Token, in join.Request) (*join.Answer, error) {
	ctx, cancel := context.WithTimeout(ctx, joinTime)
	defer cancel()
	body, err := json.Marshal(in)
	if err != nil {
		return nil, err
	}
	client := newClient(trusting(t.Authority))
	defer client.CloseIdleConnections()
	for _, address := range t.Addresses {
		var out *join.Answer
		if out, err = askToJoin(ctx, client, address, body); err == nil || !errs.Is(err, errs.Unavailable) {
			return out, err
		}
	}
	return nil, err
}

func askToJoin(ctx context.Context, client *http.Client, address string, body []byte) (*join.Answer, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, "https://"+address+join.Path, bytes.NewReader(body))
	if err != nil {
		return nil, errs.Invalidf("the token has no address in it")
	}
	response, err := client.Do(request)
	if err != nil {
		return nil, errs.New(errs.Unavailable, "the controller at %s cannot be asked", address).Because(err)
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return nil, failure(response)
	}
	out := &join.Answer{}
	if err := json.NewDecoder(io.LimitReader(response.Body, maxAnswer)).Decode(out); err != nil {
		return nil, errs.New(errs.Unavailable, "the controller at %s broke off", address).Because(err)
	}
	return out, nil
}

// failure is the error that a controller answered.
func failure(r *http.Response) error {
	var f join.Failure
	if err := json.NewDecoder(io.LimitReader(r.Body, maxAnswer)).Decode(&f); err != nil {
		return errs.New(errs.Unavailable, "the controller answered %s", r.Status).Because(err)
	}
	return errs.New(f.Kind, "%s", f.Message)
}

// trusting is the configuration of a host that knows only the fingerprint of
// the authority yet. Go's own check needs the authority itself, which comes
// with the server's certificate: it is made here in full, by the fingerprint.
func trusting(fingerprint []byte) *tls.Config {
	return &tls.Config{MinVersion: tls.VersionTLS13, ServerName: nats.Controller,
		InsecureSkipVerify: true, //nolint:gosec // VerifyConnection checks instead
		VerifyConnection:   func(s tls.ConnectionState) error { return verify(s, fingerprint) }}
}

func verify(s tls.ConnectionState, fingerprint []byte) error {
	roots := x509.NewCertPool()
	for _, cert := range s.PeerCertificates {
		if sum := sha256.Sum256(cert.Raw); subtle.ConstantTimeCompare(sum[:], fingerprint) == 1 {
			roots.AddCert(cert)
			_, err := s.PeerCertificates[0].Verify(x509.VerifyOptions{Roots: roots, DNSName: nats.Controller, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}})
			return err
		}
	}
	return errors.New("the controller is not of the cloud that gave the token")
}
