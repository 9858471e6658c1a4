// Package agent is the side of a cloud that runs on a host of its own: it
// answers the controllers' calls with the host's drivers.
//
//	err := agent.Join(ctx, dir, token, "node1")            // once
//
//	a, err := agent.Open(dir, nil)
//	host, err := libvirt.New(path, a.Images(), …)
//	err = a.Run(ctx, host, network)                        // until ctx is done
//
// The agent dials; nothing dials it. While no controller is there it goes on
// looking for one, and what the drivers do by themselves goes on: guests,
// links, filters, DHCP and metadata. It links neither a database nor a broker.
package agent

import (
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"github.com/cumulite/cumulite/cloud/agent/agentclient"
	"github.com/cumulite/cumulite/cloud/fleet/join"
	"github.com/cumulite/cumulite/compute"
	"github.com/cumulite/cumulite/compute/computerpc"
	"github.com/cumulite/cumulite/network"
	"github.com/cumulite/cumulite/network/networkrpc"
	"github.com/cumulite/cumulite/platform/clock"
	"github.com/cumulite/cumulite/platform/errs"
	"github.com/cumulite/cumulite/platform/rpc"
	"github.com/cumulite/cumulite/platform/rpc/nats"
	"github.com/cumulite/cumulite/platform/secret"
)

// Options are the settings of an agent; nil means the defaults.
type Options struct {
	Clock  clock.Clock  // default: the machine's
	Logger *slog.Logger // nil discards
}

// Agent is a host that has joined a cloud.
type Agent struct {
	dir  string
	o    Options
	lock *os.File
	conn *nats.Conn

	mu sync.Mutex
	id *identity // replaced, never changed
}

// Open opens the host whose identity Join has put into dir, and begins to look
// for the controllers. One process at a time has it.
func Open(dir string, opts *Options) (*Agent, error) {
	a := &Agent{dir: dir}
	if opts != nil {
		a.o = *opts
	}
	if a.o.Clock == nil {
		a.o.Clock = clock.System()
	}
	a.o.Logger = cmp.Or(a.o.Logger, slog.New(slog.DiscardHandler))
	var err error
	if a.id, err = readIdentity(dir); err != nil {
		return nil, err
	}
	if a.lock, err = take(dir); err != nil {
		return nil, err
	}
	a.conn, err = nats.Connect(nats.Options{Host: a.id.Name, Controllers: a.id.Controllers, TLS: a.TLS(), Key: secret.New(a.id.NKey), Logger: a.o.Logger})
	if err != nil {
		a.lock.Close()
		return nil, err
	}
	return a, nil
}

// take makes sure that one process has the directory.
func take(dir string) (*os.File, error) {
	lock, err := os.OpenFile(filepath.Join(dir, "lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	if err := unix.Flock(int(lock.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		lock.Close()
		if errors.Is(err, unix.EWOULDBLOCK) {
			return nil, errs.Conflictf("another process uses %s: this host has joined a cloud, or is about to", dir)
		}
		return nil, err
	}
	return lock, nil
}

// Name is the host's.
func (a *Agent) Name() string { return a.identity().Name }

// Controllers are the addresses of the controllers, as far as they are known.
func (a *Agent) Controllers() []string { return a.identity().Controllers }

// Connected tells whether a controller is there.
func (a *Agent) Connected() bool { return a.conn.Connected() }

// Images gives the bytes of images, for the host's drivers.
func (a *Agent) Images() compute.Images {
	return agentclient.NewImages(a.TLS(), func(ctx context.Context, id string) (join.Ticket, error) {
		return rpc.Invoke[string, join.Ticket](ctx, a.conn.Controllers(), join.MethodTicket, id)
	})
}

// Run answers with h and n until ctx is done. It must not be called twice.
func (a *Agent) Run(ctx context.Context, h compute.Hypervisor, n network.Driver) error {
	mux := rpc.NewMux()
	computerpc.Serve(ctx, mux, h)
	networkrpc.Serve(mux, n)
	if err := a.conn.Serve(mux); err != nil {
		return err
	}
	for ctx.Err() == nil {
		a.pause(ctx, a.refresh(ctx))
	}
	return nil
}

// Close disconnects the host. Its guests run on.
func (a *Agent) Close() {
	a.conn.Close()
	a.lock.Close()
}

func (a *Agent) identity() *identity {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.id
}

// TLS is the host's side of any connection to a controller.
func (a *Agent) TLS() *tls.Config {
	pool := x509.NewCertPool()
	if cert, err := x509.ParseCertificate(a.identity().Authority); err == nil {
		pool.AddCert(cert) // without it nobody is believed
	}
	return &tls.Config{MinVersion: tls.VersionTLS13, RootCAs: pool, ServerName: nats.Controller,
		GetClientCertificate: func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return a.identity().pair() }}
}

const (
	refreshEvery = time.Hour
	refreshAgain = 5 * time.Second // when it did not succeed
	refreshTime  = 10 * time.Second
)

// refresh asks the controllers who they are now, and for a new certificate when
// half of the life of the present one is over. It gives the time until the next.
func (a *Agent) refresh(ctx context.Context) time.Duration {
	ctx, cancel := context.WithTimeout(ctx, refreshTime)
	defer cancel()
	err := a.tryRefresh(ctx)
	switch {
	case err == nil:
		return refreshEvery
	case !errs.Is(err, errs.Unavailable) && ctx.Err() == nil:
		a.o.Logger.Warn("the controllers did not tell who they are", "error", err)
	}
	return refreshAgain
}

func (a *Agent) tryRefresh(ctx context.Context) error {
	id := *a.identity()
	due, err := id.renewalDue(a.o.Clock.Now())
	if err != nil {
		return err
	}
	var in join.Refresh
	if due {
		if in.CSR, err = id.request(); err != nil {
			return err
		}
	}
	answer, err := rpc.Invoke[join.Refresh, join.Answer](ctx, a.conn.Controllers(), join.MethodRefresh, in)
	if err != nil {
		return err
	}
	before := id
	id.take(&answer)
	if len(answer.Certificate) == 0 && slices.Equal(before.Controllers, id.Controllers) && slices.Equal(before.Addresses, id.Addresses) {
		return nil
	}
	if err := id.write(a.dir); err != nil {
		return err
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.id = &id
	return nil
}

// renewalDue tells whether half of the certificate's life is over.
func (id *identity) renewalDue(now time.Time) (bool, error) {
	cert, err := x509.ParseCertificate(id.Certificate)
	if err != nil {
		return false, err
	}
	return now.After(cert.NotBefore.Add(cert.NotAfter.Sub(cert.NotBefore) / 2)), nil
}

func (a *Agent) pause(ctx context.Context, d time.Duration) {
	due, stop := a.o.Clock.At(a.o.Clock.Now().Add(d))
	defer stop()
	select {
	case <-due:
	case <-ctx.Done():
	}
}
