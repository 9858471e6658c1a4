package computeapi_test

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/cumulite/cumulite/compute"
	"github.com/cumulite/cumulite/compute/computeapi"
	"github.com/cumulite/cumulite/drivers/file/fileimage"
	"github.com/cumulite/cumulite/drivers/sim/simcompute"
	"github.com/cumulite/cumulite/drivers/sim/simnetwork"
	"github.com/cumulite/cumulite/image"
	"github.com/cumulite/cumulite/image/imagetest"
	"github.com/cumulite/cumulite/network"
	"github.com/cumulite/cumulite/platform/auth"
	"github.com/cumulite/cumulite/platform/clock"
	"github.com/cumulite/cumulite/platform/errs"
	"github.com/cumulite/cumulite/platform/event"
	"github.com/cumulite/cumulite/platform/flow"
	"github.com/cumulite/cumulite/platform/httpapi"
	"github.com/cumulite/cumulite/platform/httpapi/httpapitest"
	"github.com/cumulite/cumulite/platform/quota"
	"github.com/cumulite/cumulite/platform/secret"
	"github.com/cumulite/cumulite/platform/store"
	"github.com/cumulite/cumulite/platform/store/storetest"
)

type object = map[string]any

// callers are the tokens that are known: who has which.
var callers = map[string]auth.Claims{
	"reader": claims("reader", "p1", "reader"),
	"member": claims("member", "p1", "member", "reader"),
	"other":  claims("other", "p2", "member", "reader"),
	"admin":  claims("admin", "p1", "admin", "manager", "member", "reader"),
}

func claims(user, project string, roles ...string) auth.Claims {
	c := auth.Claims{User: auth.Ref{ID: user, Name: user}, Project: auth.Ref{ID: project, Name: project}, Domain: auth.Ref{ID: "default"}}
	for _, r := range roles {
		c.Roles = append(c.Roles, auth.Ref{ID: r, Name: r})
	}
	return c
}

// tokens verifies tokens that are named like their callers.
type tokens struct{}

func (tokens) Verify(_ context.Context, token secret.String) (auth.Grant, error) {
	c, known := callers[token.Reveal()]
	if !known {
		return auth.Grant{}, errs.New(errs.Unauthenticated, "The request you have made requires authentication.")
	}
	return auth.Authenticated(c), nil
}

// world is a compute service with its API, over simulated hosts.
type world struct {
	api     *httpapi.API
	compute *compute.Service
	db      *store.Store
	images  *image.Service
	network *network.Service
	ops     *flow.Engine
	clock   *clock.Manual
	host    *simcompute.Host
	image   string // an image that is there
	netID   string // a network of project p1, its only one
	made    int    // how many things were named
}

// name gives a name that nothing has.
func (w *world) name(kind string) string {
	w.made++
	return fmt.Sprintf("%s-%d", kind, w.made)
}

func newWorld(t testing.TB) *world {
	t.Helper()
	w := &world{clock: clock.NewManual(time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC))}
	db := storetest.Open(t, event.Migrations(), quota.Migrations(), flow.Migrations(), image.Migrations(), network.Migrations(), compute.Migrations())
	w.db = db
	bus := event.New(db, w.clock, nil)
	w.ops = flow.New(db, w.clock, nil)
	w.addImage(t, db, bus)
	box, err := secret.NewBox(make([]byte, secret.KeySize))
	require.NoError(t, err)
	wires := simnetwork.New(simnetwork.NewState(), &simnetwork.Options{Name: "hv1", Clock: w.clock})
	w.network, err = network.New(network.Deps{DB: db, Clock: w.clock, Ops: w.ops, Events: bus, Drivers: map[string]network.Driver{"hv1": wires}}, nil)
	require.NoError(t, err)
	host := simcompute.New(simcompute.NewState(), &simcompute.Options{Name: "hv1", Clock: w.clock, VCPUs: 1 << 10, MemoryMiB: 1 << 20, DiskGiB: 10000})
	w.host = host
	w.compute, err = compute.New(compute.Deps{DB: db, Clock: w.clock, Ops: w.ops, Events: bus, Secrets: box,
		Hosts: map[string]compute.Hypervisor{"hv1": host}, Networks: w.network, Images: w.images}, nil)
	require.NoError(t, err)
	require.NoError(t, w.compute.Recover(t.Context()))
	w.api, err = computeapi.New(w.compute, httpapi.Config{Prefix: "/compute", PublicURL: "https://cloud.example", IdentityURL: "https://cloud.example/identity",
		Verifier: tokens{}, Clock: w.clock, Logger: slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelError}))})
	require.NoError(t, err)
	w.run(t)
	w.addNetwork(t)
	return w
}

// run carries operations out until the test ends.
func (w *world) run(t testing.TB) {
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- w.ops.Run(ctx) }()
	t.Cleanup(func() {
		stop()
		require.NoError(t, <-done)
	})
}

// addNetwork makes a network with room for many servers.
func (w *world) addNetwork(t testing.TB) {
	n, err := w.network.CreateNetwork(as(t, "member"), network.CreateNetwork{Name: "private"})
	require.NoError(t, err)
	_, err = w.network.CreateSubnet(as(t, "member"), network.CreateSubnet{NetworkID: n.ID, IPVersion: 4, CIDR: netip.MustParsePrefix("10.0.0.0/16")})
	require.NoError(t, err)
	w.netID = n.ID
}

// idle waits until all that can be done is done.
func (w *world) idle(t testing.TB) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 3*time.Minute)
	defer cancel()
	require.NoError(t, w.ops.Idle(ctx))
}

// addImage makes the image service with an image that everybody may boot from.
func (w *world) addImage(t testing.TB, db *store.Store, bus *event.Bus) {
	files, err := fileimage.Open(t.TempDir())
	require.NoError(t, err)
	w.images, err = image.New(image.Deps{DB: db, Clock: w.clock, Events: bus, Store: files}, nil)
	require.NoError(t, err)
	i, err := w.images.CreateImage(as(t, "admin"), image.CreateImage{DiskFormat: "raw", ContainerFormat: "bare", Visibility: image.Public})
	require.NoError(t, err)
	require.NoError(t, w.images.Upload(as(t, "admin"), i.ID, bytes.NewReader(imagetest.Disk(1<<20))))
	w.image = i.ID
}

// as gives a context of one of the callers.
func as(t testing.TB, caller string) context.Context {
	return auth.With(t.Context(), auth.Authenticated(callers[caller]))
}

// client calls the API at a microversion, "" for none; paths are below /compute/v2.1.
type client struct {
	httpapitest.Client
}

func (w *world) client(t testing.TB, caller, version string) client {
	c := httpapitest.Client{T: t, Handler: w.api, Token: caller}
	if version != "" {
		c = c.With("OpenStack-API-Version", "compute "+version)
	}
	return client{c}
}

func (c client) do(method, path string, body any) *httpapitest.Response {
	c.T.Helper()
	return c.Do(method, "/compute/v2.1"+path, body)
}

func (c client) get(path string) *httpapitest.Response { c.T.Helper(); return c.do("GET", path, nil) }

// fault gives the name and message of a fault.
func fault(t testing.TB, r *httpapitest.Response) (name, message string) {
	t.Helper()
	var doc map[string]struct {
		Code    int
		Message string
	}
	r.JSON(&doc)
	require.Len(t, doc, 1)
	for name, inner := range doc {
		require.Equal(t, r.Status, inner.Code)
		return name, inner.Message
	}
	return "", ""
}

// flavor makes a flavor.
func (w *world) flavor(t testing.TB, id string) *compute.Flavor {
	t.Helper()
	f, err := w.compute.CreateFlavor(as(t, "admin"), compute.CreateFlavor{ID: id, Name: "m1." + id, VCPUs: 1, MemoryMiB: 512, DiskGiB: 1})
	require.NoError(t, err)
	return f
}

// server makes a server of a member of p1, and waits until it runs.
func (w *world) server(t testing.TB, change ...func(*compute.CreateServer)) *compute.Server {
	t.Helper()
	return w.serverAs(t, as(t, "member"), change...)
}

func (w *world) serverAs(t testing.TB, ctx context.Context, change ...func(*compute.CreateServer)) *compute.Server {
	t.Helper()
	in := compute.CreateServer{Name: w.name("server"), FlavorID: w.flavor(t, w.name("f")).ID, ImageID: w.image}
	for _, c := range change {
		c(&in)
	}
	made, err := w.compute.CreateServer(ctx, in)
	require.NoError(t, err)
	w.idle(t)
	s, err := w.compute.GetServer(ctx, made[0].ID)
	require.NoError(t, err)
	require.Equal(t, "ACTIVE", s.Status(), "%+v", s.Fault)
	return s
}
