package httpapitest

import (
	"context"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/cumulite/cumulite/platform/auth"
	"github.com/cumulite/cumulite/platform/errs"
	"github.com/cumulite/cumulite/platform/httpapi"
	"github.com/cumulite/cumulite/platform/httpapi/fault"
	"github.com/cumulite/cumulite/platform/secret"
)

type verifier struct{}

func (verifier) Verify(_ context.Context, token secret.String) (auth.Grant, error) {
	switch c := Caller(token.Reveal()); c {
	case Other, Reader, Member, Admin:
		return auth.Authenticated(auth.Claims{User: auth.Ref{ID: string(c)}}), nil
	}
	return auth.Grant{}, errs.New(errs.Unauthenticated, "no")
}

func walkConfig(t *testing.T) WalkConfig {
	api, err := httpapi.New(httpapi.Config{Service: "x", Root: "/v1", Verifier: verifier{}, Fault: fault.Format{Dress: fault.Titled},
		Versions: &httpapi.Microversions{Min: httpapi.V("1.1"), Max: httpapi.V("1.9"), Type: "x"}}, []httpapi.Route{
		{Method: "GET", Pattern: "/things/{id}", Action: "thing:show", Handle: func(r *httpapi.Request) (any, error) {
			if auth.From(r.Ctx()).UserID() == string(Other) || r.PathValue("id") != "a b" {
				return nil, errs.Missing("Thing", "t")
			}
			return map[string]string{"id": "a b"}, nil
		}},
		{Method: "PUT", Pattern: "/old", Action: "thing:old", Until: httpapi.V("1.3"), Status: 204, Handle: func(*httpapi.Request) (any, error) { return nil, nil }},
		{Method: "GET", Pattern: "/open", Action: httpapi.Public, Handle: func(*httpapi.Request) (any, error) { return nil, nil }},
	})
	require.NoError(t, err)
	return WalkConfig{
		API: api, Token: func(c Caller) string { return string(c) },
		Prepare: func(testing.TB, httpapi.Route, Caller) Call { return Call{Path: map[string]string{"id": "a b"}} },
		Expect:  map[string]string{"GET /things/{id}": "404 200 200 2xx", "PUT /old": "204", "GET /open": "200"},
	}
}

func TestWalkPassesWhereEveryCallerGetsWhatIsExpected(t *testing.T) {
	Walk(t, walkConfig(t))
}

func TestWalkFindsWhatIsMissingOnEitherSide(t *testing.T) {
	cfg := walkConfig(t)
	delete(cfg.Expect, "PUT /old")
	cfg.Expect["GET /open"] = "200 200"
	cfg.Expect["GET /none"] = "200"
	problems := cfg.unmatched()
	require.Len(t, problems, 3)
	require.Contains(t, problems[0], "GET /none: an expectation without a row")
	require.Contains(t, problems[1], "GET /open")
	require.Contains(t, problems[2], "PUT /old")
}

func TestWalkFindsWhoGetsTooMuch(t *testing.T) {
	cfg := walkConfig(t)
	want, err := expectation("404 403 200 200", false)
	require.NoError(t, err)
	problems := cfg.walkRow(t, cfg.API.Routes()[0], want)
	require.Len(t, problems, 1)
	require.Contains(t, problems[0], "as reader: 200, not 403")
	want[None] = "200"
	require.Len(t, cfg.walkRow(t, cfg.API.Routes()[0], want), 2)
}

func TestClientAndGolden(t *testing.T) {
	c := Client{T: t, Handler: walkConfig(t).API, Token: string(Member)}
	var out struct{ ID string }
	got := c.With("X-Other", "1").Get("/v1/things/a%20b").Want(200).JSON(&out)
	require.Equal(t, "a b", out.ID)
	path := filepath.Join(t.TempDir(), "thing.json")
	require.NoError(t, os.WriteFile(path, []byte(`{"id":"<any>"}`), 0o600))
	Golden(t, path, got.Body)
}

func TestGoldenNamesTheDifference(t *testing.T) {
	for _, c := range []struct {
		want, have any
		diff       string
	}{
		{map[string]any{"a": "<any>"}, map[string]any{"a": []any{}}, ""},
		{map[string]any{"a": 1.0}, map[string]any{"a": 2.0}, ".a is 2, not 1"},
		{map[string]any{"a": 1.0}, map[string]any{}, ".a is missing"},
		{map[string]any{}, map[string]any{"b": 1.0}, ".b should not be there"},
		{[]any{1.0}, []any{}, " is [], not a list of 1"},
		{[]any{map[string]any{}}, []any{3.0}, "[0] is 3, not an object"},
	} {
		require.Equal(t, c.diff, differ("", c.want, c.have))
	}
}
