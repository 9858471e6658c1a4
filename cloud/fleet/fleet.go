// Package fleet is the controllers' side of hosts that run elsewhere: it lets
// them join with a token that is used once, gives them certificates, connects
// them, and has the services call the drivers there. Their own side is
// cloud/agent.
//
//	f, err := fleet.Open(ctx, deps, fleet.Options{Listen: "10.0.0.5:9292"})
//	token, err := f.Token("", time.Hour)     // for cumulite-hostagent join
//	err = f.Run(ctx)
//	err = f.Close()
//
// A host is who has its name's certificate and its nkey. Both keys are made on
// the host and stay there.
package fleet

import (
	"cmp"
	"context"
	"crypto/tls"
	"embed"
	"log/slog"
	"net"
	"strings"
	"sync"
	"time"

	"github.com/cumulite/cumulite/cloud/fleet/authority"
	"github.com/cumulite/cumulite/cloud/fleet/join"
	"github.com/cumulite/cumulite/compute"
	"github.com/cumulite/cumulite/image"
	"github.com/cumulite/cumulite/network"
	"github.com/cumulite/cumulite/platform/clock"
	"github.com/cumulite/cumulite/platform/errs"
	"github.com/cumulite/cumulite/platform/event"
	"github.com/cumulite/cumulite/platform/lease"
	"github.com/cumulite/cumulite/platform/rpc/nats/server"
	"github.com/cumulite/cumulite/platform/store"
)

// Deps are what a fleet stands on.
type Deps struct {
	DB        *store.Store // with the tables of Migrations
	Clock     clock.Clock
	Events    *event.Bus // must not run yet
	Authority *authority.Authority
	Key       []byte        // of tokens and tickets, the same for all controllers
	Leases    *lease.Leases // nil: this controller is the only one
	Compute   *compute.Service
	Network   *network.Service
	Image     *image.Service
}

// Options are the settings of a fleet.
type Options struct {
	// Listen is the HTTPS address where hosts join and pull images. Required.
	Listen string
	// Connect is where hosts connect, and Routes where other controllers do.
	Connect, Routes string
	// Advertise is the name or address of this machine for the others. Default: that of Listen.
	Advertise string
	// Configured are the names of hosts that nobody may join as: the cloud's own.
	Configured []string
	Logger     *slog.Logger // nil discards
}

// Fleet is the hosts of a cloud that run elsewhere.
type Fleet struct {
	Deps
	o        Options
	log      *slog.Logger
	listener net.Listener
	server   *server.Server
	since    time.Time         // it was opened
	wake     chan struct{}     // holds one token when hosts have changed
	known    map[string]string // hosts that the services know, with their nkeys

	mu          sync.Mutex
	controllers []join.Controller // that live, this one first
}

//go:embed *.sql
var files embed.FS

// Migrations gives the fleet's tables.
func Migrations() store.Migrations { return store.Migrations{Name: "fleet", Files: files} }

// Open opens the fleet, and adds the hosts that have joined to the services,
// which must not run yet.
func Open(ctx context.Context, deps Deps, o Options) (*Fleet, error) {
	f := &Fleet{Deps: deps, o: o, log: cmp.Or(o.Logger, slog.New(slog.DiscardHandler)), since: deps.Clock.Now(), wake: make(chan struct{}, 1), known: map[string]string{}}
	if err := f.listen(); err != nil {
		return nil, err
	}
	deps.Events.Subscribe("fleet", []string{"compute.host.deleted"}, f.hostDeleted)
	if err := f.follow(ctx); err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

// listen opens the addresses for hosts and for other controllers.
func (f *Fleet) listen() (err error) {
	https, err := Advertised(f.o.Listen, f.o.Advertise)
	if err != nil {
		return err
	}
	if f.listener, err = new(net.ListenConfig).Listen(context.Background(), "tcp", f.o.Listen); err != nil {
		return errs.Invalidf("cannot listen for hosts: %v", err)
	}
	o := server.Options{Listen: f.o.Connect, Cluster: f.o.Routes, TLS: f.Authority.TLS(), Authorize: f.authorize, Logger: f.log}
	if o.Advertise, err = advertised(f.o.Connect, f.o.Advertise); err == nil {
		o.ClusterAdvertise, err = advertised(f.o.Routes, f.o.Advertise)
	}
	if err == nil {
		f.server, err = server.Open(o)
	}
	if err != nil {
		f.listener.Close()
		return errs.Invalidf("cannot listen for hosts: %v", err)
	}
	if anyPort(f.o.Listen) {
		https = f.listener.Addr().String()
	}
	f.controllers = []join.Controller{{HTTPS: https, Hosts: f.server.Address(), Routes: f.server.Route()}}
	return f.server.Serve(f.answers)
}

// Advertised gives the address by which others reach one that is listened on.
func Advertised(listen, advertise string) (string, error) {
	host, port, err := net.SplitHostPort(listen)
	if err != nil {
		return "", errs.Invalidf("%q is not HOST:PORT", listen)
	}
	host = cmp.Or(advertise, host)
	if ip := net.ParseIP(host); host == "" || ip != nil && ip.IsUnspecified() {
		return "", errs.Invalidf("%s does not say by which address hosts reach this machine", listen)
	}
	return net.JoinHostPort(host, port), nil
}

// advertised is Advertised for an address whose port may be known later.
func advertised(listen, advertise string) (string, error) {
	if listen == "" || anyPort(listen) {
		return "", nil
	}
	return Advertised(listen, advertise)
}

func anyPort(listen string) bool { return strings.HasSuffix(listen, ":0") }

// Listener is where hosts join and pull images, with TLS: the handler of
// fleetapi is served on it.
func (f *Fleet) Listener() net.Listener { return tls.NewListener(f.listener, f.Authority.TLS()) }

// Close disconnects all hosts. Their guests run on.
func (f *Fleet) Close() {
	f.listener.Close()
	f.server.Close()
}
