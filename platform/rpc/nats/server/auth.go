package server

import (
	"crypto/x509"
	"encoding/base64"
	"slices"
	"sync"

	natsserver "github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nkeys"

	"github.com/cumulite/cumulite/platform/rpc/nats"
	"github.com/cumulite/cumulite/platform/rpc/nats/internal/wire"
)

// clients decides who connects, and what he may do.
type clients struct {
	authorize func(nkey string) (host string, ok bool)
	own       string // the key of this process

	gate sync.RWMutex // a host is let in, or dropped
}

// Check implements natsserver.Authentication: the client has signed the nonce
// with a key that is a host's, and its certificate has that host's name. The
// process itself, alone, comes without a certificate.
func (a *clients) Check(c natsserver.ClientAuthentication) bool {
	opts, state := c.GetOpts(), c.GetTLSConnectionState()
	if !signed(opts.Nkey, opts.Sig, c.GetNonce()) {
		return false
	}
	if state == nil || len(state.PeerCertificates) == 0 {
		return opts.Nkey == a.own
	}
	a.gate.RLock()
	defer a.gate.RUnlock()
	host, ok := a.authorize(opts.Nkey)
	cert := state.PeerCertificates[0]
	if !ok || host == wire.AllHosts || host == nats.Controller || !slices.Contains(cert.DNSNames, host) {
		return false
	}
	c.RegisterUser(&natsserver.User{Username: host, Permissions: rights(host), ConnectionDeadline: cert.NotAfter})
	return true
}

// signed says whether signature is key's, of nonce.
func signed(key, signature string, nonce []byte) bool {
	raw, err := base64.RawURLEncoding.DecodeString(signature)
	if err != nil || len(nonce) == 0 {
		return false
	}
	public, err := nkeys.FromPublicKey(key)
	return err == nil && public.Verify(nonce, raw) == nil
}

// rights are all that a host may do: be called and answer, call and be answered.
func rights(host string) *natsserver.Permissions {
	return &natsserver.Permissions{
		Subscribe: &natsserver.SubjectPermission{Allow: []string{wire.Down.Requests(host) + ".*", wire.Up.Answers(host) + "*.*"}},
		Publish:   &natsserver.SubjectPermission{Allow: []string{wire.Down.Answers(host) + "*.*", wire.Up.Requests(host) + ".*"}},
	}
}

// drop closes the connections of host at srv.
func (a *clients) drop(srv *natsserver.Server, host string) {
	a.gate.Lock()
	defer a.gate.Unlock()
	list, err := srv.Connz(&natsserver.ConnzOptions{User: host, Username: true, Limit: 1 << 20})
	if err != nil {
		return
	}
	for _, c := range list.Conns {
		_ = srv.DisconnectClientByID(c.Cid)
	}
}

// routers lets other controllers in, and nobody else.
type routers struct{}

// Check implements natsserver.Authentication.
func (routers) Check(c natsserver.ClientAuthentication) bool {
	state := c.GetTLSConnectionState()
	if state == nil || len(state.PeerCertificates) == 0 {
		return false
	}
	cert := state.PeerCertificates[0]
	return slices.Contains(cert.DNSNames, nats.Controller) && slices.Contains(cert.ExtKeyUsage, x509.ExtKeyUsageServerAuth)
}
