package identityapi_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/cumulite/cumulite/identity"
	"github.com/cumulite/cumulite/platform/httpapi"
	"github.com/cumulite/cumulite/platform/httpapi/httpapitest"
	"github.com/cumulite/cumulite/platform/httpapi/openapi"
)

func TestVersionDocumentsNeedNoToken(t *testing.T) {
	c := newWorld(t, httpapi.Config{}).as("")
	for _, path := range []string{"/identity", "/identity/"} {
		got := c.Get(path).Want(300)
		require.Equal(t, root+"/", got.Header.Get("Location"))
		httpapitest.Golden(t, "testdata/versions.json", got.Body)
	}
	for _, path := range []string{"/identity/v3", "/identity/v3/"} {
		httpapitest.Golden(t, "testdata/version.json", c.Get(path).Want(200).Body)
	}
}

func TestTheOpenAPIDocumentNamesEveryRow(t *testing.T) {
	w := newWorld(t, httpapi.Config{})
	doc, err := openapi.Document(w.api)
	require.NoError(t, err)
	for _, r := range w.api.Routes() {
		require.Contains(t, string(doc), r.Pattern)
		require.Contains(t, string(doc), r.Action)
	}
}

func TestATokensLife(t *testing.T) {
	w := newWorld(t, httpapi.Config{})
	anyone := w.as("")
	made := anyone.Do("POST", "/identity/v3/auth/tokens", login("ann", "pass ann", object{"project": object{"id": w.web.ID}})).Want(201)
	text := made.Header.Get("X-Subject-Token")
	require.NotEmpty(t, text)
	require.Equal(t, "X-Auth-Token", made.Header.Get("Vary"))
	httpapitest.Golden(t, "testdata/token-project.json", made.Body)

	own := anyone.With("X-Auth-Token", text).With("X-Subject-Token", text)
	seen := own.Get("/identity/v3/auth/tokens").Want(200)
	require.Equal(t, text, seen.Header.Get("X-Subject-Token"))
	require.JSONEq(t, string(made.Body), string(seen.Body))
	head := own.Do("HEAD", "/identity/v3/auth/tokens", nil).Want(200)
	require.Equal(t, text, head.Header.Get("X-Subject-Token"))
	require.NotContains(t, entity(own.Get("/identity/v3/auth/tokens?nocatalog").Want(200), "token"), "catalog")
	require.Contains(t, string(own.Get("/identity/v3/auth/catalog").Want(200).Body), publicURL+"/v1/AUTH_"+w.web.ID)

	admin := w.as("ada").With("X-Subject-Token", text)
	own.Do("DELETE", "/identity/v3/auth/tokens", nil).Want(204)
	own.Get("/identity/v3/auth/tokens").Want(401)
	admin.Get("/identity/v3/auth/tokens").Want(404)
	admin.Do("DELETE", "/identity/v3/auth/tokens", nil).Want(404)
	admin.With("X-Subject-Token", "").Get("/identity/v3/auth/tokens").Want(404)
}

func TestExpiredTokensAreShownToThoseWhoAskForThem(t *testing.T) {
	w := newWorld(t, httpapi.Config{})
	text := w.tokenOf("ann")
	w.clk.Advance(90 * time.Minute)
	admin := w.as("ada").With("X-Subject-Token", text)
	admin.Get("/identity/v3/auth/tokens").Want(404)
	admin.Get("/identity/v3/auth/tokens?allow_expired=0").Want(404)
	admin.Get("/identity/v3/auth/tokens?allow_expired=1").Want(200)
	admin.Do("HEAD", "/identity/v3/auth/tokens?allow_expired=1", nil).Want(200)
}

func TestTokensOfEveryScope(t *testing.T) {
	w := newWorld(t, httpapi.Config{})
	require.NoError(t, w.Assign(w.admin, identity.Assignment{UserID: w.users["ann"].ID, RoleID: w.roles["reader"], TargetType: identity.OnDomain, TargetID: "default"}))
	require.NoError(t, w.Assign(w.admin, identity.Assignment{UserID: w.users["ann"].ID, RoleID: w.roles["reader"], TargetType: identity.OnSystem, TargetID: identity.SystemID}))
	for name, scope := range map[string]any{
		"project":  object{"project": object{"name": "web", "domain": object{"name": "Default"}}},
		"domain":   object{"domain": object{"id": "default"}},
		"system":   object{"system": object{"all": true}},
		"unscoped": "unscoped",
	} {
		got := w.as("").Do("POST", "/identity/v3/auth/tokens", login("ann", "pass ann", scope)).Want(201)
		httpapitest.Golden(t, "testdata/token-"+name+".json", got.Body)
		c := w.as("").With("X-Auth-Token", got.Header.Get("X-Subject-Token"))
		require.Equal(t, []string{"web"}, names(c.Get("/identity/v3/auth/projects").Want(200), "projects"))
		require.Equal(t, []string{"Default"}, names(c.Get("/identity/v3/auth/domains").Want(200), "domains"))
		require.JSONEq(t, `{"system": [{"all": true}], "links": {"self": "`+root+`/auth/system"}}`, string(c.Get("/identity/v3/auth/system").Want(200).Body))
		want := 403
		if name == "project" {
			want = 200
		}
		c.Get("/identity/v3/auth/catalog").Want(want)
	}
	w.as("").Do("POST", "/identity/v3/auth/tokens", login("ann", "pass ann", object{"unscoped": object{}})).Want(201)
}

func TestATokenIsTakenForAnother(t *testing.T) {
	w := newWorld(t, httpapi.Config{})
	first := w.token("ann", "pass ann", identity.Scope{Unscoped: true})
	by := func(text string) object {
		return object{"auth": object{"identity": object{"methods": []string{"token"}, "token": object{"id": text}}, "scope": object{"project": object{"id": w.web.ID}}}}
	}
	got := entity(w.as("").Do("POST", "/identity/v3/auth/tokens?nocatalog", by(first)).Want(201), "token")
	require.ElementsMatch(t, []any{"token", "password"}, got["methods"])
	require.Len(t, got["audit_ids"], 2)
	require.NotContains(t, got, "catalog")
	w.as("").Do("POST", "/identity/v3/auth/tokens", by("gAAAA")).Want(401)
}

func TestRefusedLoginsAllReadTheSame(t *testing.T) {
	w := newWorld(t, httpapi.Config{})
	for _, body := range []object{
		login("ann", "wrong", nil), login("nobody", "pass ann", nil), login("ann", "pass ann", object{"project": object{"id": w.shop.ID}}),
		login("ann", "pass ann", object{"project": object{"id": "none"}}), login("ann", "pass ann", object{"system": object{"all": true}}),
	} {
		got := w.as("").Do("POST", "/identity/v3/auth/tokens", body).Want(401)
		require.JSONEq(t, `{"error": {"code": 401, "title": "Unauthorized", "message": "The request you have made requires authentication."}}`, string(got.Body))
		require.Equal(t, `Keystone uri="https://cloud.example/identity"`, got.Header.Get("WWW-Authenticate"))
		require.Equal(t, "X-Auth-Token", got.Header.Get("Vary"))
		require.Empty(t, got.Header.Get("X-Subject-Token"))
	}
}

func TestBadLoginsAreRefused(t *testing.T) {
	w := newWorld(t, httpapi.Config{})
	auth := func(identity any) object { return object{"auth": object{"identity": identity}} }
	methods := func(m ...string) object { return object{"methods": append([]string{}, m...)} }
	scoped := func(scope any) object { return login("ann", "pass ann", scope) }
	for _, c := range []struct {
		body   any
		status int
	}{
		{object{}, 400}, {nil, 400}, {"{", 400}, {`[]`, 400}, {object{"auth": nil}, 400}, {object{"auth": "x"}, 400}, {object{"auth": object{}}, 400},
		{auth(object{}), 400}, {auth(object{"methods": "password"}), 400}, {auth(methods("password")), 400}, {auth(methods("totp")), 400},
		{auth(methods()), 401},
		{auth(object{"methods": []string{"totp"}, "totp": object{"user": object{"id": "x", "passcode": "1"}}}), 401},
		{auth(object{"methods": []string{"password"}, "password": object{}}), 400},
		{auth(object{"methods": []string{"password"}, "password": object{"user": object{"password": "x"}}}), 400},
		{auth(object{"methods": []string{"password"}, "password": object{"user": object{"name": "ann", "password": "x"}}}), 400},
		{auth(object{"methods": []string{"password"}, "password": object{"user": object{"name": "ann", "password": 5, "domain": object{"id": "default"}}}}), 400},
		{auth(object{"methods": []string{"password"}, "password": object{"user": object{"name": "ann", "password": "x", "domain": object{}}}}), 400},
		{auth(object{"methods": []string{"token"}, "token": object{}}), 400},
		{scoped("elsewhere"), 400}, {scoped(5), 400}, {scoped(object{}), 400}, {scoped(object{"galaxy": object{}}), 400}, {scoped([]string{"system"}), 400},
		{scoped(object{"system": object{}}), 400}, {scoped(object{"system": object{"all": false}}), 400}, {scoped(object{"system": nil}), 400},
		{scoped(object{"project": object{}}), 400}, {scoped(object{"project": "web"}), 400}, {scoped(object{"project": object{"name": "web"}}), 400},
		{scoped(object{"project": object{"name": "web", "domain": object{}}}), 400}, {scoped(object{"domain": object{}}), 400},
		{scoped(object{"project": object{"id": w.web.ID}, "domain": object{"id": "default"}}), 400},
		{scoped(object{"OS-TRUST:trust": object{"id": "x"}}), 400},
	} {
		got := w.as("").Do("POST", "/identity/v3/auth/tokens", c.body)
		require.Equal(t, c.status, got.Status, "%v: %s", c.body, got.Body)
		require.NotContains(t, string(got.Body), "pass ann")
		require.Contains(t, got.Header.Get("Content-Type"), "application/json")
	}
}
