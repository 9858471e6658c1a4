// Package server is the controller's side of platform/rpc/nats: a NATS server
// in the controller's process, to which hosts connect, and which forms one
// cluster with those of the other controllers. It keeps nothing on disk.
//
//	s, err := server.Open(server.Options{Listen: ":9293", Cluster: ":9294", TLS: config, Authorize: hosts.byKey})
//	defer s.Close()
//	s.SetPeers(routes)                                  // whenever they change
//	s.Serve(func(host string) *rpc.Mux { … })           // what hosts ask
//	answer, err := rpc.Invoke[In, Out](ctx, s.Host("node1"), …)
//
// A host may be connected to any controller of the cluster; all reach it.
package server

import (
	"crypto/tls"
	"errors"
	"log/slog"
	"sync"
	"time"

	natsserver "github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nkeys"

	"github.com/cumulite/cumulite/platform/errs"
	"github.com/cumulite/cumulite/platform/rpc"
	"github.com/cumulite/cumulite/platform/rpc/nats/internal/wire"
)

// dropped is where a controller tells all which host has lost its rights.
const dropped = "controllers.drop"

// Options say where a controller listens and whom it lets in. Addresses are
// "host:port"; port 0 takes a free one.
type Options struct {
	Listen           string // for hosts; empty: none
	Advertise        string // where hosts find Listen; empty: as the machine sees itself
	Cluster          string // for other controllers; empty: none
	ClusterAdvertise string // where controllers find Cluster; empty: as the machine sees itself

	// TLS has the controller's certificate, with the name nats.Controller and
	// the usages of a client and a server, RootCAs and ClientCAs. It may be nil
	// if nothing is listened on.
	TLS *tls.Config
	// Authorize says which host has the public nkey. It is asked at each
	// connect, while Drop waits.
	Authorize func(nkey string) (host string, ok bool)
	Logger    *slog.Logger // nil: nothing is logged
}

// Server is a controller's part of the cluster.
type Server struct {
	opts Options
	auth *clients
	srv  *natsserver.Server
	nc   *nats.Conn
	down *wire.Caller
	log  *slog.Logger

	mu      sync.Mutex
	serving []*wire.Responder
	peers   []string
}

// Open starts a Server.
func Open(o Options) (*Server, error) {
	var err error
	if o.TLS, err = mutual(o); err != nil {
		return nil, err
	}
	s := &Server{opts: o, auth: &clients{authorize: o.Authorize, ids: map[string][]uint64{}}, log: o.Logger}
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	if err := s.start(); err != nil {
		return nil, err
	}
	if err := s.connect(); err != nil {
		s.Close()
		return nil, err
	}
	return s, nil
}

func (s *Server) start() error {
	opts, err := s.options(nil)
	if err != nil {
		return err
	}
	if s.srv, err = natsserver.NewServer(opts); err != nil {
		return err
	}
	log := &logger{Logger: s.log}
	s.srv.SetLoggerV2(log, false, false, false)
	s.srv.Start()
	for range 100 {
		if s.srv.ReadyForConnections(100 * time.Millisecond) {
			return nil
		}
		if log.fatal() != "" {
			break
		}
	}
	s.srv.Shutdown()
	return errs.New(errs.Unavailable, "the server for hosts did not start").Because(errors.New(log.fatal()))
}

// connect gives the controller its own connection, within the process and with all rights.
func (s *Server) connect() error {
	own, err := nkeys.CreateUser()
	if err != nil {
		return err
	}
	opts := nats.GetDefaultOptions()
	opts.InProcessServer = s.srv
	opts.MaxReconnect, opts.ReconnectWait = -1, 100*time.Millisecond
	opts.AsyncErrorCB = func(_ *nats.Conn, _ *nats.Subscription, err error) { s.log.Warn("connection", "error", err) }
	if s.auth.own, err = wire.Identify(&opts, own); err != nil {
		return err
	}
	if s.nc, err = opts.Connect(); err != nil {
		return err
	}
	if s.down, err = wire.NewCaller(s.nc, wire.Down, wire.AllHosts, s.Connected); err != nil {
		return err
	}
	_, err = s.nc.Subscribe(dropped, func(msg *nats.Msg) { s.auth.drop(s.srv, string(msg.Data)) })
	return err
}

// Host gives the calls to the host name, wherever in the cluster it is connected.
func (s *Server) Host(name string) rpc.Caller { return s.down.Of(name) }

// Connected says whether the host name is connected, to any controller, and
// serves. It looks into memory only. A machine that vanished is seen as
// connected for up to 6 s.
func (s *Server) Connected(name string) bool {
	return s.srv.Running() && s.srv.GlobalAccount().Interest(wire.Down.Do(name)) > 0
}

// Serve answers the calls of hosts; mux gives the methods for one. Of all
// controllers that serve, one answers each call. When it returns, the hosts that
// are connected here are answered.
func (s *Server) Serve(mux func(host string) *rpc.Mux) error {
	r, err := wire.Answer(s.nc, wire.Up, wire.AllHosts, "controllers", mux, s.log)
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.serving = append(s.serving, r)
	return s.nc.Flush()
}

// Drop disconnects a host from all controllers. Authorize must not know its key any more.
func (s *Server) Drop(host string) error {
	s.auth.drop(s.srv, host)
	if err := s.nc.Publish(dropped, []byte(host)); err != nil {
		return err
	}
	return s.nc.Flush()
}

// Address is where hosts connect; empty if nothing listens.
func (s *Server) Address() string {
	if s.opts.Listen == "" {
		return ""
	}
	return either(s.opts.Advertise, s.srv.Addr())
}

// Route is where other controllers connect: what their SetPeers takes.
func (s *Server) Route() string {
	if s.opts.Cluster == "" {
		return ""
	}
	return either(s.opts.ClusterAdvertise, s.srv.ClusterAddr())
}

// Close ends the methods that run, and disconnects hosts and controllers.
func (s *Server) Close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, r := range s.serving {
		r.Close()
	}
	if s.down != nil {
		s.down.Close()
	}
	if s.nc != nil {
		s.nc.Close()
	}
	s.srv.Shutdown()
	s.srv.WaitForShutdown()
}
