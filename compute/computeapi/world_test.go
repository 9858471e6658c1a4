package computeapi_test

import (
	"context"
	"fmt"
	"log/slog"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/cumulite/cumulite/compute"
	"github.com/cumulite/cumulite/compute/computeapi"
	"github.com/cumulite/cumulite/platform/auth"
	"github.com/cumulite/cumulite/platform/clock"
	"github.com/cumulite/cumulite/platform/errs"
	"github.com/cumulite/cumulite/platform/event"
	"github.com/cumulite/cumulite/platform/flow"
	"github.com/cumulite/cumulite/platform/httpapi"
	"github.com/cumulite/cumulite/platform/httpapi/httpapitest"
	"github.com/cumulite/cumulite/platform/quota"
	"github.com/cumulite/cumulite/platform/secret"
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

// world is a compute service with its API.
type world struct {
	api     *httpapi.API
	compute *compute.Service
	clock   *clock.Manual
	made    int // how many things were named
}

// name gives a name that nothing has.
func (w *world) name(kind string) string {
	w.made++
	return fmt.Sprintf("%s-%d", kind, w.made)
}

func newWorld(t *testing.T) *world {
	t.Helper()
	clk := clock.NewManual(time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC))
	db := storetest.Open(t, quota.Migrations(), flow.Migrations(), event.Migrations(), compute.Migrations())
	s, err := compute.New(compute.Deps{DB: db, Clock: clk, Ops: flow.New(db, clk, nil), Events: event.New(db, clk, nil)}, nil)
	require.NoError(t, err)
	api, err := computeapi.New(s, httpapi.Config{Prefix: "/compute", PublicURL: "https://cloud.example", IdentityURL: "https://cloud.example/identity", Verifier: tokens{}, Clock: clk,
		Logger: slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelError}))})
	require.NoError(t, err)
	return &world{api: api, compute: s, clock: clk}
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
