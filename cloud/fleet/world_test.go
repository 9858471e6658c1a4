package fleet_test

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/cumulite/cumulite/cloud"
	"github.com/cumulite/cumulite/cloud/agent"
	"github.com/cumulite/cumulite/cloud/fleet/join"
	"github.com/cumulite/cumulite/compute"
	"github.com/cumulite/cumulite/drivers/sim/simcompute"
	"github.com/cumulite/cumulite/drivers/sim/simnetwork"
	"github.com/cumulite/cumulite/image"
	"github.com/cumulite/cumulite/image/imagetest"
	"github.com/cumulite/cumulite/platform/auth"
	"github.com/cumulite/cumulite/platform/clock"
	"github.com/cumulite/cumulite/platform/errs"
	"github.com/cumulite/cumulite/platform/rpc/nats"
	"github.com/cumulite/cumulite/platform/secret"
	"github.com/cumulite/cumulite/platform/store/storetest"
)

// world is a cloud without hosts, to which hosts may come.
type world struct {
	*testing.T
	*cloud.Cloud
	image string
	stop  func()
}

func newWorld(t *testing.T) *world { return newWorldAt(t, "127.0.0.1:0") }

// newWorldAt listens for hosts there, and at the two ports after it.
func newWorldAt(t *testing.T, listen string) *world {
	w := &world{T: t}
	w.open(storetest.Dir(t), listen)
	i, err := w.Image.CreateImage(admin(t), image.CreateImage{DiskFormat: "raw", ContainerFormat: "bare", Visibility: image.Public})
	require.NoError(t, err)
	require.NoError(t, w.Image.Upload(admin(t), i.ID, bytes.NewReader(imagetest.Disk(1<<20))))
	w.image = i.ID
	_, err = w.Compute.CreateFlavor(admin(t), compute.CreateFlavor{ID: "small", Name: "small", VCPUs: 1, MemoryMiB: 64, DiskGiB: 1})
	require.NoError(t, err)
	return w
}

// open opens the cloud in a directory and has it at work.
func (w *world) open(dir, listen string) {
	o, err := cloud.FleetAt(listen, "")
	require.NoError(w, err)
	c, err := cloud.Open(context.Background(), cloud.Options{Dir: dir, Relaxed: true, Fleet: o, Hosts: func(cloud.HostDeps) (cloud.Hosts, error) { return cloud.Hosts{}, nil }})
	require.NoError(w, err)
	w.Cloud = c
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- c.Run(ctx) }()
	w.stop = sync.OnceFunc(func() {
		cancel()
		require.NoError(w, <-done)
		require.NoError(w, c.Close())
	})
	w.Cleanup(w.stop)
}

func as(t testing.TB, project string, roles ...string) context.Context {
	c := auth.Claims{User: auth.Ref{ID: "user-of-" + project}, Project: auth.Ref{ID: project}, Domain: auth.Ref{ID: "default"}}
	for _, r := range roles {
		c.Roles = append(c.Roles, auth.Ref{ID: r, Name: r})
	}
	return auth.With(t.Context(), auth.Authenticated(c))
}

func admin(t testing.TB) context.Context {
	return as(t, "admin", "admin", "manager", "member", "reader")
}

func refused(t *testing.T, want errs.Kind, err error) {
	t.Helper()
	require.Error(t, err)
	require.Equal(t, want, errs.KindOf(err), "%v", err)
}

func eventually(t testing.TB, is func() bool, what string) {
	t.Helper()
	require.Eventually(t, is, 15*time.Second, 10*time.Millisecond, what)
}

func (w *world) token(host string) secret.String {
	token, err := cloud.HostToken(w.Dir(), host, time.Hour)
	require.NoError(w, err)
	return token
}

// opened is what a token says.
func opened(t *testing.T, token secret.String) join.Token {
	open, err := join.Open(token)
	require.NoError(t, err)
	return open
}

// request asks to join, with keys of its own.
func request(t *testing.T, token secret.String, host string) join.Request {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	csr, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{DNSNames: []string{"another.name"}}, key)
	require.NoError(t, err)
	public, _, err := nats.NewKey()
	require.NoError(t, err)
	return join.Request{Secret: opened(t, token).Secret, Host: host, NKey: public, CSR: csr}
}

// node is a machine that is a host, and what its agent works with.
type node struct {
	*agent.Agent
	dir    string
	guests *simcompute.State
	wires  *simnetwork.State
	stop   func()
}

// join makes a host of the cloud and starts its agent.
func (w *world) join(name string) *node {
	n := &node{dir: w.TempDir(), guests: simcompute.NewState(), wires: simnetwork.NewState()}
	require.NoError(w, agent.Join(w.Context(), n.dir, w.token(""), name))
	n.start(w.T)
	return n
}

func (n *node) start(t *testing.T) { n.startAt(t, clock.System()) }

func (n *node) startAt(t *testing.T, clk clock.Clock) {
	a, err := agent.Open(n.dir, &agent.Options{Clock: clk})
	require.NoError(t, err)
	n.Agent = a
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	host := simcompute.New(n.guests, &simcompute.Options{Name: a.Name(), VCPUs: 16, MemoryMiB: 1 << 14, DiskGiB: 1 << 10, Images: a.Images()})
	go func() { done <- a.Run(ctx, host, simnetwork.New(n.wires, &simnetwork.Options{Name: a.Name()})) }()
	n.stop = sync.OnceFunc(func() {
		cancel()
		require.NoError(t, <-done)
		a.Close()
	})
	t.Cleanup(n.stop)
}

func (w *world) up(name string) bool {
	hosts, err := w.Compute.ListComputeServices(admin(w.T))
	require.NoError(w, err)
	for _, h := range hosts {
		if h.Name == name {
			return h.Up()
		}
	}
	return false
}

// server makes a server on a host and waits until it runs.
func (w *world) server(host string) string {
	w.Helper()
	made, err := w.Compute.CreateServer(admin(w.T), compute.CreateServer{Name: "vm", FlavorID: "small", ImageID: w.image, Host: host, Networks: compute.RequestedNetworks{Mode: compute.NetworksNone}})
	require.NoError(w, err)
	eventually(w, func() bool { return w.status(made[0].ID) != "BUILD" }, "it is built")
	require.Equal(w, "ACTIVE", w.status(made[0].ID))
	return made[0].ID
}

func (w *world) status(id string) string {
	s, err := w.Compute.GetServer(admin(w.T), id)
	require.NoError(w, err)
	return s.Status()
}

// ticket asks for the bytes of the image on behalf of a host.
func (w *world) ticket(host string) (join.Ticket, error) {
	return w.Fleet.Ticket(w.Context(), host, w.image)
}
