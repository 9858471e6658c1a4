package server

import (
	"crypto/tls"
	"net"
	"net/url"
	"slices"
	"strconv"
	"time"

	natsserver "github.com/nats-io/nats-server/v2/server"

	"github.com/cumulite/cumulite/platform/errs"
	"github.com/cumulite/cumulite/platform/rpc/nats"
	"github.com/cumulite/cumulite/platform/rpc/nats/internal/wire"
)

// mutual is o's TLS with what nobody may leave out: both sides show a
// certificate of the authority, at each connect, in TLS 1.3.
func mutual(o Options) (*tls.Config, error) {
	if o.Listen == "" && o.Cluster == "" {
		return nil, nil
	}
	if o.TLS == nil || o.TLS.RootCAs == nil || o.TLS.ClientCAs == nil || o.Authorize == nil {
		return nil, errs.Invalidf("a server that listens needs Authorize and TLS with RootCAs and ClientCAs")
	}
	c := o.TLS.Clone()
	c.MinVersion = tls.VersionTLS13
	c.ClientAuth = tls.RequireAndVerifyClientCert
	c.ServerName, c.InsecureSkipVerify = nats.Controller, false
	c.SessionTicketsDisabled = true
	return c, nil
}

// options are the NATS server's, with routes to peers.
func (s *Server) options(peers []*url.URL) (*natsserver.Options, error) {
	host, port, err := listen(s.opts.Listen)
	if err != nil {
		return nil, err
	}
	o := &natsserver.Options{
		Host: host, Port: port, DontListen: s.opts.Listen == "", ClientAdvertise: s.opts.Advertise,
		NoSigs: true, NoSystemAccount: true,
		MaxPayload: wire.MaxPayload, MaxSubs: 64, MaxClosedClients: 16, WriteDeadline: 5 * time.Second,
		PingInterval: wire.Ping, MaxPingsOut: wire.MissedPings,
		CustomClientAuthentication: s.auth, CustomRouterAuthentication: routers{}, AlwaysEnableNonce: true,
	}
	if s.opts.TLS != nil {
		o.TLSConfig, o.TLSHandshakeFirst = s.opts.TLS, true
		o.TLSTimeout, o.AuthTimeout = 10, 12 // seconds: thousands of hosts come at once after a restart
	}
	if s.opts.Cluster == "" {
		return o, nil
	}
	host, port, err = listen(s.opts.Cluster)
	o.Routes = peers
	o.Cluster = natsserver.ClusterOpts{
		Name: "cumulite", Host: host, Port: port, Advertise: s.opts.ClusterAdvertise,
		TLSConfig: s.opts.TLS, TLSTimeout: 5, AuthTimeout: 6, PoolSize: 1, ConnectBackoff: true,
		PingInterval: wire.Ping, MaxPingsOut: wire.MissedPings, WriteDeadline: 5 * time.Second,
		Compression: natsserver.CompressionOpts{Mode: natsserver.CompressionOff},
	}
	return o, err
}

// listen takes an address apart; NATS takes a free port for -1.
func listen(address string) (string, int, error) {
	if address == "" {
		return "", -1, nil
	}
	host, text, err := net.SplitHostPort(address)
	if err != nil {
		return "", 0, errs.Invalidf("%q is no address to listen on", address).Because(err)
	}
	port, err := strconv.ParseUint(text, 10, 16)
	if err != nil {
		return "", 0, errs.Invalidf("%q has no port", address).Because(err)
	}
	if port == 0 {
		return host, -1, nil
	}
	return host, int(port), nil
}

func either(advertised string, address net.Addr) string {
	if advertised != "" {
		return advertised
	}
	return address.String()
}

// SetPeers says where the other controllers are now: what their Route gives;
// this one's own may be among them. Routes to those that are gone are closed,
// those that come are tried for ever.
func (s *Server) SetPeers(routes []string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if slices.Equal(routes, s.peers) || s.opts.Cluster == "" {
		return nil
	}
	var peers []*url.URL
	for _, route := range slices.Compact(slices.Sorted(slices.Values(routes))) {
		if _, _, err := net.SplitHostPort(route); err != nil {
			return errs.Invalidf("%q is no address of a controller", route).Because(err)
		}
		if route != s.Route() {
			peers = append(peers, &url.URL{Scheme: "nats-route", Host: route})
		}
	}
	opts, err := s.options(peers)
	if err == nil {
		err = s.srv.ReloadOptions(opts)
	}
	if err == nil {
		s.peers = slices.Clone(routes)
	}
	return err
}
