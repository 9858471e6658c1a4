// Package nats carries the calls of platform/rpc between controllers and hosts
// over NATS with mutual TLS. This is the host's side, which links no server;
// platform/rpc/nats/server is the controller's.
//
//	conn, err := nats.Connect(nats.Options{Host: "node1", Controllers: []string{"10.0.0.5:9293"}, TLS: config, Key: seed})
//	defer conn.Close()
//	conn.Serve(mux)                                                    // what the host does
//	answer, err := rpc.Invoke[In, Out](ctx, conn.Controllers(), …)     // what it asks
//
// The host dials; nothing dials it. It learns of all controllers from the one
// it reached, and tries them for ever, at growing intervals of up to five
// seconds. It believes only a server whose certificate has the name
// Controller, whatever address it was told. A controller knows the host by its
// nkey and by its certificate, whose name must be the host's, and lets it
// answer its own calls and ask in its own name, nothing else.
//
// # Calls
//
// The caller's deadline travels, and when it gives up, the method's ctx ends.
// A call whose peer is not connected fails at once with errs.Unavailable; one
// whose peer is lost on the way fails when that is noticed: at once if the
// connection is closed, after 6 s if the machine vanished. Such a method may
// have run, may still run, or never will. What it does not do is begin later: a
// host that was frozen or cut off refuses what is left in its buffers. No clocks
// are compared for that; a call begins over a connection that was alive within
// the last second, and a cancel comes behind its call in the same stream. (A
// controller that itself stood still, for less than the 6 s after which it is
// cut off, may pass both on when it wakes.) An answer that was on its way over a
// connection that broke is lost, and its caller waits for its deadline, or until
// the host is connected as another process.
//
// Up to 512 calls run at one host at a time, and none waits for another; more
// are refused with errs.Unavailable. Requests and answers have up to 8 MiB (less
// 4 KiB); errs.TooLarge says when one has more. A call without a deadline ends
// after an hour.
package nats

import (
	"crypto/tls"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nkeys"

	"github.com/cumulite/cumulite/platform/errs"
	"github.com/cumulite/cumulite/platform/rpc"
	"github.com/cumulite/cumulite/platform/rpc/nats/internal/wire"
	"github.com/cumulite/cumulite/platform/secret"
)

// Controller is the DNS name in the certificate of every controller, and of
// nobody else: hosts and other controllers look for it. A host's certificate
// has the host's name as a DNS name, and the extended key usage of a client only.
const Controller = "controller.cumulite"

// MaxMessage is the size of the largest request and the largest answer, in bytes, encoded.
const MaxMessage = wire.MaxMessage

// Options say who a host is and where its controllers are.
type Options struct {
	Host        string        // the name that the host's certificate has
	Controllers []string      // addresses ("10.0.0.5:9293") of some controllers; the others are learned
	TLS         *tls.Config   // RootCAs and the host's certificate; GetClientCertificate is asked at each connect
	Key         secret.String // the seed that NewKey gave
	Logger      *slog.Logger  // nil: nothing is logged
}

// NewKey makes a host's key: the public part, which Authorize of the
// controllers knows, and the seed.
func NewKey() (public string, seed secret.String, err error) {
	pair, err := nkeys.CreateUser()
	if err != nil {
		return "", secret.String{}, err
	}
	raw, err := pair.Seed()
	if err != nil {
		return "", secret.String{}, err
	}
	public, err = pair.PublicKey()
	return public, secret.New(string(raw)), err
}

// PublicKey gives the public part of a host's key again.
func PublicKey(seed secret.String) (string, error) {
	pair, err := nkeys.FromSeed([]byte(seed.Reveal()))
	if err != nil {
		return "", errs.Invalidf("the host's key is no seed of an nkey").Because(err)
	}
	return pair.PublicKey()
}

// Conn is a host's connection to its controllers.
type Conn struct {
	host string
	life string // of this process
	nc   *nats.Conn
	up   *wire.Caller
	log  *slog.Logger

	mu      sync.Mutex
	serving []*wire.Responder
}

// Connect gives the connection of a host. It does not wait: the connection is
// made, and made again whenever it is lost, until Close. Errors are those of
// the options.
func Connect(o Options) (*Conn, error) {
	if o.Host == "" || o.Host == Controller || len(o.Controllers) == 0 || o.TLS == nil || o.TLS.RootCAs == nil {
		return nil, errs.Invalidf("a connection needs a host's name, controllers and TLS with an authority")
	}
	key, err := nkeys.FromSeed([]byte(o.Key.Reveal()))
	if err != nil {
		return nil, errs.Invalidf("the host's key is no seed of an nkey").Because(err)
	}
	c := &Conn{host: o.Host, life: nats.NewInbox(), log: o.Logger}
	if c.log == nil {
		c.log = slog.New(slog.DiscardHandler)
	}
	opts := c.options(o)
	if _, err = wire.Identify(&opts, key); err != nil {
		return nil, err
	}
	if c.nc, err = opts.Connect(); err != nil {
		return nil, fmt.Errorf("connect to the controllers: %w", err)
	}
	if c.up, err = wire.NewCaller(c.nc, wire.Up, c.host, func(string) bool { return c.Connected() }); err != nil {
		c.nc.Close()
		return nil, err
	}
	return c, nil
}

func (c *Conn) options(o Options) nats.Options {
	opts := nats.GetDefaultOptions()
	for _, address := range o.Controllers {
		opts.Servers = append(opts.Servers, "tls://"+address)
	}
	opts.Name = o.Host
	opts.Secure, opts.TLSHandshakeFirst = true, true
	opts.TLSConfig = o.TLS.Clone()
	opts.TLSConfig.MinVersion = tls.VersionTLS13
	opts.TLSConfig.ServerName, opts.TLSConfig.InsecureSkipVerify = Controller, false
	opts.Timeout = 5 * time.Second
	opts.PingInterval, opts.MaxPingsOut = wire.Ping, wire.MissedPings
	opts.RetryOnFailedConnect, opts.MaxReconnect, opts.IgnoreAuthErrorAbort = true, -1, true
	opts.CustomReconnectDelayCB = delay
	opts.ConnectedCB = func(nc *nats.Conn) {
		c.log.Info("connected", "controller", nc.ConnectedAddr())
		_ = nc.Publish(wire.Down.Anew(c.host), []byte(c.life)) // if it is lost, so is the connection
	}
	opts.ReconnectedCB = opts.ConnectedCB
	opts.DisconnectedErrCB = func(_ *nats.Conn, err error) { c.log.Warn("disconnected", "error", err) }
	opts.AsyncErrorCB = func(_ *nats.Conn, _ *nats.Subscription, err error) { c.log.Warn("connection", "error", err) }
	return opts
}

// delay is how long to wait after all controllers were tried for the nth time.
func delay(n int) time.Duration {
	full := min(100*time.Millisecond<<min(n, 10), 5*time.Second)
	return full/2 + rand.N(full/2)
}

// Serve answers the controllers' calls with the methods of mux until Close.
func (c *Conn) Serve(mux *rpc.Mux) error {
	r, err := wire.Answer(c.nc, wire.Down, c.host, "", func(string) *rpc.Mux { return mux }, c.log)
	if err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.serving = append(c.serving, r)
	return nil
}

// Controllers gives the calls that any controller answers.
func (c *Conn) Controllers() rpc.Caller { return c.up.Of(c.host) }

// Connected says whether there is a connection to a controller now, as far as this side knows.
func (c *Conn) Connected() bool { return c.nc.IsConnected() }

// Close ends the methods that run, sends their answers and closes the connection.
func (c *Conn) Close() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, r := range c.serving {
		r.Close()
	}
	c.up.Close()
	if c.Connected() {
		_ = c.nc.FlushTimeout(wire.Ping)
	}
	c.nc.Close()
}
