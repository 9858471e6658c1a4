package networkapi_test

import (
	"context"
	"log/slog"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/cumulite/cumulite/drivers/sim/simnetwork"
	"github.com/cumulite/cumulite/network"
	"github.com/cumulite/cumulite/network/networkapi"
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

// callers are tokens, named like who they stand for: a project and roles.
var callers = map[string][]string{
	"reader": {"p1", "reader"}, "member": {"p1", "member", "reader"}, "other": {"p2", "member", "reader"},
	"admin": {"p1", "admin", "manager", "member", "reader"},
}

type tokens struct{}

// Verify implements auth.Verifier.
func (tokens) Verify(_ context.Context, token secret.String) (auth.Grant, error) {
	who := callers[token.Reveal()]
	if who == nil {
		return auth.Grant{}, errs.New(errs.Unauthenticated, "The request you have made requires authentication.")
	}
	c := auth.Claims{User: auth.Ref{ID: "u-" + token.Reveal()}, Project: auth.Ref{ID: who[0]}}
	for _, role := range who[1:] {
		c.Roles = append(c.Roles, auth.Ref{ID: role, Name: role})
	}
	return auth.Authenticated(c), nil
}

// world is the API over a service with one simulated host, "hv1".
type world struct {
	t        *testing.T
	api      *httpapi.API
	networks *network.Service
	clock    *clock.Manual
	ops      *flow.Engine
}

func newWorld(t *testing.T) *world {
	db := storetest.Open(t, network.Migrations(), event.Migrations(), flow.Migrations(), quota.Migrations())
	clk := clock.NewManual(time.Date(2030, 1, 2, 3, 4, 5, 678_000_000, time.UTC))
	ops := flow.New(db, clk, &flow.Options{Owner: "test"})
	host := simnetwork.New(simnetwork.NewState(), &simnetwork.Options{Name: "hv1"})
	networks, err := network.New(network.Deps{
		DB: db, Clock: clk, Ops: ops, Events: event.New(db, clk, nil), Drivers: map[string]network.Driver{"hv1": host},
	}, nil)
	require.NoError(t, err)
	w := &world{t: t, networks: networks, clock: clk, ops: ops}
	w.api = w.serve("https://cloud.example")
	return w
}

// serve gives the API that is reached at a URL.
func (w *world) serve(publicURL string) *httpapi.API {
	api, err := networkapi.New(w.networks, httpapi.Config{Prefix: "/networking", PublicURL: publicURL, Verifier: tokens{}, Clock: w.clock,
		Logger: slog.New(slog.NewTextHandler(w.t.Output(), &slog.HandlerOptions{Level: slog.LevelWarn}))})
	require.NoError(w.t, err)
	return api
}

// as gives a client of one of the callers.
func (w *world) as(who string) client {
	return client{httpapitest.Client{T: w.t, Handler: w.api, Token: who}}
}

// client calls paths below /networking/v2.0.
type client struct{ httpapitest.Client }

func (c client) call(method, path string, body any, status int) object {
	c.T.Helper()
	r := c.Do(method, "/networking/v2.0"+path, body).Want(status)
	out := object{}
	if len(r.Body) > 0 {
		r.JSON(&out)
	}
	return out
}

func (c client) get(path string) object { c.T.Helper(); return c.call("GET", path, nil, http.StatusOK) }

// make creates a resource and gives it.
func (c client) make(one, path string, attributes object) object {
	c.T.Helper()
	return c.call("POST", path, object{one: attributes}, http.StatusCreated)[one].(object)
}

// refused wants a NeutronError of that type, and gives its message.
func (c client) refused(method, path string, body any, status int, typ string) string {
	c.T.Helper()
	fault, _ := c.call(method, path, body, status)["NeutronError"].(object)
	require.Equal(c.T, typ, fault["type"], "%v", fault)
	require.Equal(c.T, "", fault["detail"])
	return fault["message"].(string)
}

// names gives one attribute of each resource in a list.
func names(list object, many, attribute string) (out []string) {
	for _, r := range list[many].([]any) {
		out = append(out, r.(object)[attribute].(string))
	}
	return out
}
