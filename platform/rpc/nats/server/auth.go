package server

import (
	"crypto/x509"
	"slices"
	"sync"

	natsserver "github.com/nats-io/nats-server/v2/server"

	"github.com/cumulite/cumulite/platform/rpc/nats"
	"github.com/cumulite/cumulite/platform/rpc/nats/internal/wire"
)

// clients decides who connects, and what he may do.
type clients struct {
	authorize func(nkey string) (host string, ok bool)
	own       string // the key of this process

	mu  sync.Mutex // a host is let in, or dropped
	ids map[string][]uint64
}

// Check implements natsserver.Authentication: the client has signed the nonce
// with a key that is a host's, and its certificate has that host's name. The
// process itself, alone, comes without a certificate.
func (a *clients) Check(c natsserver.ClientAuthentication) bool {
	opts, state := c.GetOpts(), c.GetTLSConnectionState()
	key := opts.Token // see wire.Identify
	if !wire.Signed(key, opts.Sig, c.GetNonce()) {
		return false
	}
	if state == nil || len(state.PeerCertificates) == 0 {
		return key == a.own
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	id, cert := c.GetID(), state.PeerCertificates[0]
	in := func(host string) bool { return slices.Contains(a.ids[host], id) }
	if slices.ContainsFunc(cert.DNSNames, in) {
		return true // NATS asks again for all who are connected when there are new peers
	}
	host, ok := a.authorize(key)
	if !ok || host == wire.AllHosts || host == nats.Controller || !slices.Contains(cert.DNSNames, host) {
		return false
	}
	known := a.ids[host] // one connection, and some that are not yet seen as lost
	a.ids[host] = append(known[max(0, len(known)-8):], id)
	c.RegisterUser(&natsserver.User{Permissions: rights(host), ConnectionDeadline: cert.NotAfter})
	return true
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
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, id := range a.ids[host] {
		_ = srv.DisconnectClientByID(id) // an error says that it is gone
	}
	delete(a.ids, host)
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
