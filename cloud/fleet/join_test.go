package fleet_test

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/cumulite/cumulite/cloud/agent"
	"github.com/cumulite/cumulite/cloud/fleet/authority"
	"github.com/cumulite/cumulite/cloud/fleet/join"
	"github.com/cumulite/cumulite/platform/clock"
	"github.com/cumulite/cumulite/platform/errs"
)

func TestJoinWhoseAnswerWasLostIsMadeAgainByTheSameHostOnly(t *testing.T) {
	w := newWorld(t)
	token := w.token("")
	in := request(t, token, "node1")
	_, err := w.Fleet.Join(t.Context(), in)
	require.NoError(t, err)
	out, err := w.Fleet.Join(t.Context(), in)
	require.NoError(t, err)
	require.NotEmpty(t, out.Certificate)

	other := request(t, token, "node1")
	key, csr, name := in, in, in
	key.NKey, csr.CSR, name.Host = other.NKey, other.CSR, "node2"
	for _, thief := range []join.Request{key, csr, name} {
		_, err := w.Fleet.Join(t.Context(), thief)
		refused(t, errs.Forbidden, err)
	}
	require.NoError(t, w.Fleet.Revoke(t.Context(), "node1"))
	_, err = w.Fleet.Join(t.Context(), in)
	refused(t, errs.Forbidden, err)
}

func TestTokenUsedByManyAtOnceLetsOneIn(t *testing.T) {
	w := newWorld(t)
	token := w.token("")
	var wait sync.WaitGroup
	failed := make(chan error, 8)
	for _, name := range []string{"a", "b", "c", "d", "e", "f", "g", "h"} {
		in := request(t, token, name)
		wait.Go(func() {
			_, err := w.Fleet.Join(context.Background(), in)
			failed <- err
		})
	}
	wait.Wait()
	close(failed)
	in := 0
	for err := range failed {
		if err == nil {
			in++
		} else {
			refused(t, errs.Forbidden, err)
		}
	}
	require.Equal(t, 1, in)
}

// deaf is a controller that lets hosts in, and breaks off before it says so.
func (w *world) deaf() (address string) {
	a, err := authority.Open(filepath.Join(w.Dir(), "authority.pem"), clock.System())
	require.NoError(w, err)
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		var in join.Request
		if json.NewDecoder(r.Body).Decode(&in) == nil {
			_, _ = w.Fleet.Join(r.Context(), in)
		}
		panic(http.ErrAbortHandler)
	}))
	server.TLS = a.TLS()
	server.StartTLS()
	w.Cleanup(server.Close)
	return server.Listener.Addr().String()
}

func TestJoinThatWasBrokenOffIsDoneOnceMore(t *testing.T) {
	w := newWorld(t)
	token := opened(t, w.token(""))
	addresses, dir := token.Addresses, t.TempDir()
	token.Addresses = []string{w.deaf()}
	refused(t, errs.Unavailable, agent.Join(t.Context(), dir, token.Seal(), "node1"))
	hosts, err := w.Fleet.Hosts(t.Context())
	require.NoError(t, err)
	require.Len(t, hosts, 1, "the controller let it in")
	_, err = agent.Open(dir, nil)
	refused(t, errs.Invalid, err)

	token.Addresses = addresses
	require.NoError(t, agent.Join(t.Context(), dir, token.Seal(), "node1"))
	a, err := agent.Open(dir, nil)
	require.NoError(t, err)
	defer a.Close()
	eventually(t, a.Connected, "it is the host that joined")
	refused(t, errs.Conflict, agent.Join(t.Context(), dir, token.Seal(), "node1"))
	info, err := os.Stat(filepath.Join(dir, "identity.json"))
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o600), info.Mode().Perm())
}

func TestJoinNeedsAPlaceForItsKeysBeforeItShowsTheToken(t *testing.T) {
	w := newWorld(t)
	token, dir := w.token(""), t.TempDir()
	require.NoError(t, os.Mkdir(filepath.Join(dir, "identity.json.part"), 0o700))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "identity.json.part", "x"), nil, 0o600))
	require.Error(t, agent.Join(t.Context(), dir, token, "node1"))
	require.NoError(t, agent.Join(t.Context(), t.TempDir(), token, "node1"))
}
