package nats_test

import (
	"bufio"
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	natsgo "github.com/nats-io/nats.go"
	"github.com/nats-io/nkeys"
	"github.com/stretchr/testify/require"

	"github.com/cumulite/cumulite/platform/errs"
	"github.com/cumulite/cumulite/platform/rpc"
	"github.com/cumulite/cumulite/platform/rpc/nats"
	"github.com/cumulite/cumulite/platform/rpc/nats/natstest"
	"github.com/cumulite/cumulite/platform/rpc/nats/server"
	"github.com/cumulite/cumulite/platform/secret"
)

// attempt connects once, as a client of NATS that is not ours.
func attempt(address string, config *tls.Config, seed secret.String, more ...natsgo.Option) (*natsgo.Conn, error) {
	options := []natsgo.Option{natsgo.NoReconnect(), natsgo.Timeout(time.Second)}
	if config != nil {
		config = config.Clone()
		config.ServerName = nats.Controller
		options = append(options, natsgo.Secure(config), natsgo.TLSHandshakeFirst())
	}
	if !seed.IsZero() {
		pair, err := nkeys.FromSeed([]byte(seed.Reveal()))
		if err != nil {
			return nil, err
		}
		public, err := pair.PublicKey()
		if err != nil {
			return nil, err
		}
		options = append(options, natsgo.Token(public), natsgo.UserJWT(pair.PublicKey, pair.Sign))
	}
	return natsgo.Connect("nats://"+address, append(options, more...)...)
}

func TestOnlyHostsWithTheirOwnKeyAndCertificateConnect(t *testing.T) {
	cloud, stranger := natstest.New(t), natstest.NewAuthority(t)
	address := cloud.Controller(nil).Address()
	key := cloud.Key("node1")
	_, unknown, err := nats.NewKey()
	require.NoError(t, err)
	revoked := cloud.Key("node3")
	cloud.Revoke("node3")
	issue := func(a *natstest.Authority, name string, life time.Duration, usages ...x509.ExtKeyUsage) *tls.Config {
		return &tls.Config{RootCAs: cloud.Pool(), Certificates: []tls.Certificate{a.Certify(name, life, usages...)}}
	}
	client := x509.ExtKeyUsageClientAuth
	nc, err := attempt(address, cloud.ForHost("node1"), key)
	require.NoError(t, err)
	nc.Close()
	old := cloud.ForHost("node1")
	old.MaxVersion = tls.VersionTLS12
	for name, c := range map[string]struct {
		config *tls.Config
		key    secret.String
	}{
		"another authority's certificate": {issue(stranger, "node1", time.Hour, client), key},
		"another host's certificate":      {issue(cloud.Authority, "node2", time.Hour, client), key},
		"an expired certificate":          {issue(cloud.Authority, "node1", -time.Minute, client), key},
		"a server's certificate":          {issue(cloud.Authority, "node1", time.Hour, x509.ExtKeyUsageServerAuth), key},
		"no certificate":                  {&tls.Config{RootCAs: cloud.Pool()}, key},
		"TLS 1.2":                         {old, key},
		"plain TCP":                       {nil, key},
		"no key":                          {cloud.ForHost("node1"), secret.String{}},
		"an unknown key":                  {cloud.ForHost("node1"), unknown},
		"a revoked key":                   {cloud.ForHost("node3"), revoked},
		"a controller's name":             {cloud.ForController(), cloud.Key(nats.Controller)},
	} {
		_, err := attempt(address, c.config, c.key)
		require.Error(t, err, name)
	}
	pair, err := nkeys.FromSeed([]byte(key.Reveal()))
	require.NoError(t, err)
	public, err := pair.PublicKey()
	require.NoError(t, err)
	_, err = attempt(address, cloud.ForHost("node1"), secret.String{}, natsgo.Token(public), natsgo.UserJWT(func() (string, error) { return public, nil },
		func([]byte) ([]byte, error) { return make([]byte, 64), nil }))
	require.Error(t, err, "a signature that is none")
}

// insider is the connection of a host that does not keep to our protocol.
func insider(t *testing.T, cloud *natstest.Cloud, address, host string) (nc *natsgo.Conn, refused *atomic.Int32) {
	refused = &atomic.Int32{}
	nc, err := attempt(address, cloud.ForHost(host), cloud.Key(host), natsgo.ErrorHandler(func(_ *natsgo.Conn, _ *natsgo.Subscription, err error) {
		if strings.Contains(err.Error(), "ermissions") {
			refused.Add(1)
		}
	}))
	require.NoError(t, err)
	t.Cleanup(nc.Close)
	return nc, refused
}

func TestHostHasRightsOnItsOwnSubjectsOnly(t *testing.T) {
	cloud := natstest.New(t)
	controller := cloud.Controller(nil)
	nc, refused := insider(t, cloud, controller.Address(), "node1")
	for _, subject := range []string{"host.node1.call.*", "host.node1.call.do", "host.node1.reply.me.*"} {
		_, err := nc.SubscribeSync(subject)
		require.NoError(t, err)
	}
	for _, subject := range []string{"host.node1.answer.x.1", "host.node1.up.do", "host.node1.up.cancel"} {
		require.NoError(t, nc.Publish(subject, []byte("x")))
	}
	require.NoError(t, nc.Flush())
	require.Zero(t, refused.Load(), "its own")

	subjects := []string{"host.node2.call.*", "host.node2.call.do", "host.node2.reply.me.1", "host.*.call.*", "host.>", ">", "*.>", "_INBOX.>",
		"$SYS.>", "$JS.API.>", "host.node1.answer.*.*", "host.*.up.do", "host.node1.up.do", "controllers.drop"}
	for i, subject := range subjects {
		_, err := nc.SubscribeSync(subject)
		require.NoError(t, err)
		_, err = nc.QueueSubscribeSync(subject, "controllers")
		require.NoError(t, err)
		natstest.Await(t, func() bool { return int(refused.Load()) == 2*(i+1) })
	}
	refused.Store(0)
	subjects = []string{"host.node2.answer.x.1", "host.node2.up.do", "host.node2.up.cancel", "host.node2.call.do", "host.node1.call.do", "host.node2.reply.x.1",
		"host.node1.reply.x.1", "_INBOX.x.1", "$SYS.REQ.SERVER.PING", "$JS.API.INFO", "controllers.drop", "anything"}
	for i, subject := range subjects {
		require.NoError(t, nc.Publish(subject, []byte("x")))
		natstest.Await(t, func() bool { return int(refused.Load()) == i+1 })
	}
}

// A controller has all rights. Who has none must not borrow them, by naming
// another host's subject as the place for his answer.
func TestHostCannotHaveTheControllerSpeakToAnotherHost(t *testing.T) {
	cloud := natstest.New(t)
	controller := cloud.Controller(nil)
	begun, ended := make(chan struct{}), make(chan error, 1)
	require.NoError(t, controller.Serve(func(string) *rpc.Mux {
		mux := echo()
		rpc.Handle(mux, "hang", func(ctx context.Context, _ string) (string, error) {
			close(begun)
			<-ctx.Done()
			ended <- ctx.Err()
			return "", ctx.Err()
		})
		return mux
	}))
	victim, _ := insider(t, cloud, controller.Address(), "node2")
	heard, err := victim.SubscribeSync("host.node2.call.*")
	require.NoError(t, err)
	replies, err := victim.SubscribeSync("host.node2.reply.me.*")
	require.NoError(t, err)
	require.NoError(t, victim.Flush())
	ask := func(nc *natsgo.Conn, subject, reply, method, body string) {
		require.NoError(t, nc.PublishMsg(&natsgo.Msg{Subject: subject, Reply: reply, Data: []byte(body),
			Header: natsgo.Header{"Method": {method}, "Wait": {"5000000"}}}))
		require.NoError(t, nc.Flush())
	}
	ask(victim, "host.node2.up.do", "host.node2.reply.me.1", "hang", `""`)
	<-begun
	attacker, refused := insider(t, cloud, controller.Address(), "node1")
	for _, reply := range []string{"host.node2.call.do", "host.node2.call.cancel", "host.node2.reply.me.2", "host.node1.call.do", "controllers.drop"} {
		ask(attacker, "host.node1.up.do", reply, "echo", `"x"`)
	}
	ask(attacker, "host.node1.up.cancel", "host.node2.call.do", "echo", "host.node1.reply.me.4")
	require.NoError(t, attacker.Publish("host.node1.up.cancel", []byte("host.node2.reply.me.1")))
	require.NoError(t, attacker.Flush())
	out, err := attacker.SubscribeSync("host.node1.reply.me.*")
	require.NoError(t, err)
	ask(attacker, "host.node1.up.do", "host.node1.reply.me.3", "echo", `"x"`)
	_, err = out.NextMsg(5 * time.Second)
	require.NoError(t, err, "all before was handled by now")
	_, err = heard.NextMsg(100 * time.Millisecond)
	require.ErrorIs(t, err, natsgo.ErrTimeout)
	_, err = replies.NextMsg(10 * time.Millisecond)
	require.ErrorIs(t, err, natsgo.ErrTimeout)
	require.Empty(t, ended, "another's call goes on")
	require.NoError(t, victim.Publish("host.node2.up.cancel", []byte("host.node2.reply.me.1")))
	require.ErrorIs(t, <-ended, context.Canceled)
	require.Zero(t, refused.Load())
}

func TestDroppedHostIsDisconnectedFromAllControllersAndStaysOut(t *testing.T) {
	t.Parallel()
	cloud := natstest.New(t)
	a, b := cloud.Controller(nil), cloud.Controller(nil)
	require.NoError(t, a.SetPeers([]string{a.Route(), b.Route()}))
	bad, good := cloud.Host("bad", b.Address()), cloud.Host("good", b.Address())
	require.NoError(t, bad.Serve(echo()))
	require.NoError(t, good.Serve(echo()))
	natstest.Await(t, func() bool { return a.Connected("bad") && a.Connected("good") })
	cloud.Revoke("bad")
	require.NoError(t, a.Drop("bad"))
	natstest.Await(t, func() bool { return !bad.Connected() && !a.Connected("bad") })
	_, err := call(t, a.Host("bad"), "echo", "x")
	require.Equal(t, errs.Unavailable, errs.KindOf(err))
	_, err = call(t, bad.Controllers(), "echo", "x")
	require.Equal(t, errs.Unavailable, errs.KindOf(err))
	_, err = call(t, a.Host("good"), "echo", "x")
	require.NoError(t, err)
	require.Never(t, bad.Connected, time.Second, 5*time.Millisecond)
}

func TestConnectionEndsWithItsCertificateAndIsMadeAnewWithTheNext(t *testing.T) {
	t.Parallel()
	cloud := natstest.New(t)
	controller := cloud.Controller(nil)
	var asked atomic.Int32
	conn, err := nats.Connect(nats.Options{Host: "node1", Controllers: []string{controller.Address()}, Key: cloud.Key("node1"), TLS: &tls.Config{
		RootCAs: cloud.Pool(),
		GetClientCertificate: func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
			life := 2 * time.Second
			if asked.Add(1) > 1 {
				life = time.Hour
			}
			cert := cloud.Certify("node1", life, x509.ExtKeyUsageClientAuth)
			return &cert, nil
		},
	}})
	require.NoError(t, err)
	defer conn.Close()
	natstest.Await(t, conn.Connected)
	natstest.Await(t, func() bool { return asked.Load() == 2 && conn.Connected() })
}

// join does what the NATS server of another controller does first, and says
// whether it was let in.
func join(address string, config *tls.Config) error {
	conn, err := net.DialTimeout("tcp", address, 3*time.Second)
	if err != nil {
		return err
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(2 * time.Second))
	if config != nil {
		config = config.Clone()
		config.ServerName = nats.Controller
		conn = tls.Client(conn, config)
	}
	if _, err := fmt.Fprintf(conn, "CONNECT {\"tls_required\":true,\"name\":\"x\",\"cluster\":\"cumulite\",\"server_id\":\"x\"}\r\nPING\r\n"); err != nil {
		return err
	}
	for lines := bufio.NewReader(conn); ; {
		line, err := lines.ReadString('\n')
		if err != nil || strings.HasPrefix(line, "-ERR") {
			return fmt.Errorf("refused: %q: %w", line, cmp.Or(err, io.EOF))
		}
		if strings.HasPrefix(line, "PONG") {
			return nil
		}
	}
}

func TestOnlyControllersJoinTheCluster(t *testing.T) {
	cloud, stranger := natstest.New(t), natstest.NewAuthority(t)
	route := cloud.Controller(nil).Route()
	both := []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth, x509.ExtKeyUsageServerAuth}
	issue := func(a *natstest.Authority, name string, life time.Duration, usages ...x509.ExtKeyUsage) *tls.Config {
		return &tls.Config{RootCAs: cloud.Pool(), Certificates: []tls.Certificate{a.Certify(name, life, usages...)}}
	}
	require.NoError(t, join(route, cloud.ForController()))
	for name, config := range map[string]*tls.Config{
		"another authority's certificate":    issue(stranger, nats.Controller, time.Hour, both...),
		"a host's certificate":               cloud.ForHost("node1"),
		"a host's certificate for both ends": issue(cloud.Authority, "node1", time.Hour, both...),
		"a client's with the name":           issue(cloud.Authority, nats.Controller, time.Hour, x509.ExtKeyUsageClientAuth),
		"an expired certificate":             issue(cloud.Authority, nats.Controller, -time.Minute, both...),
		"no certificate":                     {RootCAs: cloud.Pool()},
		"plain TCP":                          nil,
	} {
		require.Error(t, join(route, config), name)
	}
}

// impostor listens with a certificate, and gives the address and what became of the first handshake.
func impostor(t *testing.T, config *tls.Config) (string, <-chan error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { l.Close() })
	config = config.Clone()
	config.ClientAuth = tls.RequireAnyClientCert
	result := make(chan error, 1)
	go func() {
		conn, err := l.Accept()
		if err != nil {
			return
		}
		defer conn.Close()
		_ = conn.SetDeadline(time.Now().Add(2 * time.Second))
		result <- tls.Server(conn, config).Handshake()
	}()
	return l.Addr().String(), result
}

func TestHostsAndControllersBelieveOnlyControllers(t *testing.T) {
	cloud, stranger := natstest.New(t), natstest.NewAuthority(t)
	controller := cloud.Controller(nil)
	for name, config := range map[string]*tls.Config{
		"another authority's": {Certificates: []tls.Certificate{stranger.Certify(nats.Controller, time.Hour, x509.ExtKeyUsageServerAuth)}},
		"a host's":            cloud.ForHost("node2"),
		"a client's":          {Certificates: []tls.Certificate{cloud.Certify(nats.Controller, time.Hour, x509.ExtKeyUsageClientAuth)}},
		"an expired":          {Certificates: []tls.Certificate{cloud.Certify(nats.Controller, -time.Minute, x509.ExtKeyUsageServerAuth)}},
	} {
		address, result := impostor(t, config)
		host := cloud.Host("node1", address)
		require.Error(t, <-result, name)
		require.False(t, host.Connected())
		host.Close()

		address, result = impostor(t, config)
		require.NoError(t, controller.SetPeers([]string{address}))
		require.Error(t, <-result, name)
	}
	address, result := impostor(t, cloud.ForController())
	cloud.Host("node1", address)
	require.NoError(t, <-result)
	address, result = impostor(t, cloud.ForController())
	require.NoError(t, controller.SetPeers([]string{address}))
	require.NoError(t, <-result)
}

func TestServerThatListensIsOpenedOnlyWithMutualTLS(t *testing.T) {
	cloud := natstest.New(t)
	good := server.Options{Listen: "127.0.0.1:0", TLS: cloud.ForController(), Authorize: cloud.Authorize}
	for name, change := range map[string]func(*server.Options){
		"no TLS":               func(o *server.Options) { o.TLS = nil },
		"no ClientCAs":         func(o *server.Options) { o.TLS = cloud.ForHost("x") },
		"no Authorize":         func(o *server.Options) { o.Authorize = nil },
		"no port":              func(o *server.Options) { o.Listen = "127.0.0.1" },
		"a port that is taken": func(o *server.Options) { o.Listen = cloud.Controller(nil).Address() },
	} {
		o := good
		change(&o)
		_, err := server.Open(o)
		require.Error(t, err, name)
	}
	s, err := server.Open(server.Options{})
	require.NoError(t, err, "without a listener, for calls within the process")
	require.Empty(t, s.Address()+s.Route())
	s.Close()
}
