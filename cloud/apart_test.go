package cloud_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/cumulite/cumulite/identity"
	"github.com/cumulite/cumulite/platform/secret"
)

// Two clouds in one process share nothing: no user, token, name or count.
func TestCloudsShareNothing(t *testing.T) {
	one, other := newWorld(t), newWorld(t)
	for prefix := range one.APIs() {
		stranger := other.blue
		stranger.Token = one.blue.Token
		for _, path := range map[string][]string{
			"/identity": {"/v3/auth/projects"}, "/image": {"/v2/images"}, "/networking": {"/v2.0/networks"}, "/compute": {"/v2.1/servers"},
		}[prefix] {
			stranger.Get(prefix + path).Want(401)
			one.blue.Get(prefix + path).Want(200)
			other.blue.Get(prefix + path).Want(200)
		}
	}
	require.NotEqual(t, one.Dir(), other.Dir())
	require.NotEqual(t, one.blue.Project, other.blue.Project)

	one.blue.network("net", "10.0.0.0/24")
	require.Empty(t, other.blue.call("GET", "/networking/v2.0/networks", nil, 200)["networks"])
	require.Equal(t, 1, one.count("SELECT count(*) FROM network_networks"))
	require.Zero(t, other.count("SELECT count(*) FROM network_networks"))
	require.Contains(t, one.exposition(), `"/networking/v2.0/subnets"`)
	require.NotContains(t, other.exposition(), `"/networking/v2.0/subnets"`)
	require.NotContains(t, other.log.String(), one.blue.Project)
}

// A password of one cloud is none of the other's, and ending one leaves the other.
func TestCloudsEndAlone(t *testing.T) {
	one := newWorld(t)
	other := newWorld(t, func(w *world) {
		w.o.Users = append(w.o.Users, identity.BootstrapUser{Name: "green", Project: "green", Role: "member", Password: secret.New("another one")})
	})
	anyone := one.blue
	anyone.Token = ""
	anyone.Handler = other.Handler()
	anyone.Do("POST", "/identity/v3/auth/tokens", as("green", "another one", nil)).Want(201)
	anyone.Handler = one.Handler()
	anyone.Do("POST", "/identity/v3/auth/tokens", as("green", "another one", nil)).Want(401)
	dir := one.Dir()
	one.stop()
	require.NoDirExists(t, dir)
	other.red.Get("/compute/v2.1/servers").Want(200)
}
