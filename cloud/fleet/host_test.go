package fleet_test

import (
	"crypto/tls"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/cumulite/cumulite/cloud"
	"github.com/cumulite/cumulite/cloud/agent"
	"github.com/cumulite/cumulite/cloud/fleet/authority"
	"github.com/cumulite/cumulite/compute"
	"github.com/cumulite/cumulite/platform/clock"
	"github.com/cumulite/cumulite/platform/errs"
	"github.com/cumulite/cumulite/platform/rpc/nats"
)

func TestTokenLetsOneHostInOnce(t *testing.T) {
	w := newWorld(t)
	token := w.token("")
	in := request(t, token, "node1")
	spoiled := in
	spoiled.CSR = []byte("no request")
	_, err := w.Fleet.Join(t.Context(), spoiled)
	refused(t, errs.Invalid, err)
	out, err := w.Fleet.Join(t.Context(), in)
	require.NoError(t, err, "a request that was refused has not used it up")
	require.NotEmpty(t, out.Controllers)
	for _, host := range []string{"node1", "node2"} {
		_, err = w.Fleet.Join(t.Context(), request(t, token, host))
		refused(t, errs.Forbidden, err)
	}
	require.Empty(t, w.search(token.Reveal(), opened(t, token).Secret), "a token is kept nowhere")
}

// search looks for texts in all files of the cloud.
func (w *world) search(texts ...string) (found []string) {
	require.NoError(w, filepath.Walk(w.Dir(), func(path string, info os.FileInfo, err error) error {
		if err != nil || info.IsDir() {
			return err
		}
		data, err := os.ReadFile(path)
		for _, text := range texts {
			if strings.Contains(string(data), text) {
				found = append(found, path)
			}
		}
		return err
	}))
	return found
}

func TestTokenThatIsNotGoodLetsNobodyIn(t *testing.T) {
	w := newWorld(t)
	short, err := cloud.HostToken(w.Dir(), "", time.Millisecond)
	require.NoError(t, err)
	time.Sleep(2 * time.Millisecond)
	_, err = w.Fleet.Join(t.Context(), request(t, short, "node1"))
	refused(t, errs.Forbidden, err)
	for name, spoil := range map[string]func(secret string) string{
		"empty":          func(string) string { return "" },
		"without a name": func(s string) string { return strings.Replace(s, ".", "", 1) },
		"another grant":  func(s string) string { return "e30" + s[strings.Index(s, "."):] },
		"unsigned":       func(s string) string { return s[:strings.Index(s, ".")+1] },
	} {
		in := request(t, w.token(""), "node1")
		in.Secret = spoil(in.Secret)
		_, err := w.Fleet.Join(t.Context(), in)
		require.Equal(t, errs.Forbidden, errs.KindOf(err), name)
	}
	hosts, err := w.Fleet.Hosts(t.Context())
	require.NoError(t, err)
	require.Len(t, hosts, 0)
	_, err = cloud.HostToken(w.Dir(), "no/name", time.Hour)
	refused(t, errs.Invalid, err)
	_, err = cloud.HostToken(w.Dir(), "", 0)
	refused(t, errs.Invalid, err)
	_, err = cloud.HostToken(t.TempDir(), "", time.Hour)
	refused(t, errs.Invalid, err)
}

func TestHostTellsItsSecretOnlyToTheCloudOfItsToken(t *testing.T) {
	w := newWorld(t)
	stranger, err := authority.Open(filepath.Join(t.TempDir(), "authority.pem"), clock.System())
	require.NoError(t, err)
	token := opened(t, w.token(""))
	token.Authority = stranger.Fingerprint()
	dir := t.TempDir()
	refused(t, errs.Unavailable, agent.Join(t.Context(), dir, token.Seal(), "node1"))
	_, err = w.Fleet.Join(t.Context(), request(t, token.Seal(), "node1"))
	require.NoError(t, err, "it was not even shown")
	_, err = agent.Open(dir, nil)
	refused(t, errs.Invalid, err)
}

func TestNameIsTheTokensOrOneThatIsFree(t *testing.T) {
	w := newWorld(t)
	_, err := w.Fleet.Join(t.Context(), request(t, w.token("node1"), "node2"))
	refused(t, errs.Forbidden, err)
	refused(t, errs.Invalid, agent.Join(t.Context(), t.TempDir(), w.token("node1"), "node2"))
	for _, name := range []string{"", "../x", "a b", nats.Controller, strings.Repeat("x", 64)} {
		_, err := w.Fleet.Join(t.Context(), request(t, w.token(""), name))
		refused(t, errs.Invalid, err)
	}
	first := w.join("node1")
	eventually(t, first.Connected, "it is connected")
	refused(t, errs.Conflict, agent.Join(t.Context(), first.dir, w.token(""), "node1"))
	_, err = w.Fleet.Join(t.Context(), request(t, w.token(""), "node1"))
	refused(t, errs.Conflict, err)

	_, err = w.Fleet.Join(t.Context(), request(t, w.token("node1"), "node1"))
	require.NoError(t, err, "a token for just this host lets a new machine stand for it")
	eventually(t, func() bool { return !first.Connected() }, "the old one is cut off")
	eventually(t, func() bool { return !w.up("node1") }, "and the new one is not there yet")
}

func TestRevokedHostIsCutOff(t *testing.T) {
	w := newWorld(t)
	n, other := w.join("node1"), w.join("node2")
	eventually(t, func() bool { return w.up("node1") && w.up("node2") }, "they are up")
	id := w.server("node1")
	ticket, err := w.ticket("node1")
	require.NoError(t, err)

	require.NoError(t, w.Fleet.Revoke(t.Context(), "node1"))
	require.NoError(t, w.Fleet.Revoke(t.Context(), "node1"), "twice is harmless")
	refused(t, errs.NotFound, w.Fleet.Revoke(t.Context(), "nobody"))
	eventually(t, func() bool { return !w.up("node1") && !n.Connected() }, "it is cut off")
	require.Equal(t, "ACTIVE", w.status(id), "the server is what it was; host_status says that nobody knows")
	require.True(t, other.Connected())
	_, _, err = w.Fleet.Bytes(t.Context(), "node1", w.image, query(t, ticket), 0)
	refused(t, errs.Forbidden, err)
	require.Never(t, n.Connected, time.Second, 20*time.Millisecond, "its certificate is still good, and does not help it")
}

func TestHostWhoseComputeServiceIsDeletedIsRevoked(t *testing.T) {
	w := newWorld(t)
	n := w.join("node1")
	eventually(t, func() bool { return w.up("node1") }, "it is up")
	require.NoError(t, w.Compute.DeleteComputeService(admin(t), "node1"))
	eventually(t, func() bool { return !n.Connected() }, "it is cut off")
	hosts, err := w.Compute.ListComputeServices(admin(t))
	require.NoError(t, err)
	require.Empty(t, hosts)
	require.NoError(t, agent.Join(t.Context(), t.TempDir(), w.token("node1"), ""), "and may come back")
}

func TestLostHostIsSeenWithinTenSecondsAndNothingIsDoneTwice(t *testing.T) {
	w := newWorld(t)
	n := w.join("node1")
	eventually(t, func() bool { return w.up("node1") }, "it is up")
	id := w.server("node1")
	n.stop()
	require.Eventually(t, func() bool { return !w.up("node1") }, 10*time.Second, 10*time.Millisecond)
	eventually(t, func() bool {
		agents, err := w.Network.ListAgents(admin(t))
		require.NoError(t, err)
		return len(agents) > 0 && !agents[0].Alive
	}, "its agents too")
	before, _ := n.guests.View(id)

	n.start(t) // over the same guests
	eventually(t, func() bool { return w.up("node1") }, "it is back")
	require.Equal(t, "ACTIVE", w.status(id))
	after, there := n.guests.View(id)
	require.True(t, there)
	require.Equal(t, before.Boots, after.Boots)
	n.guests.PowerOff(id)
	eventually(t, func() bool { return w.status(id) == "SHUTOFF" }, "it is watched again")
}

func TestHostsOutliveTheirController(t *testing.T) {
	listen := ports(t)
	w := newWorldAt(t, listen)
	n := w.join("node1")
	eventually(t, func() bool { return w.up("node1") }, "it is up")
	id, dir := w.server("node1"), w.Dir()
	w.stop()
	eventually(t, func() bool { return !n.Connected() }, "nobody is there")
	view, there := n.guests.View(id)
	require.True(t, there)
	require.Equal(t, 1, view.Boots)

	n.guests.PowerOff(id)
	w.open(dir, listen)
	require.True(t, w.up("node1"), "it is not taken for lost")
	eventually(t, func() bool { return w.status(id) == "SHUTOFF" }, "what happened meanwhile is seen")
	require.True(t, w.up("node1"))
	require.NoError(t, w.Compute.ChangePower(admin(t), id, compute.DoStart))
	eventually(t, func() bool { return w.status(id) == "ACTIVE" }, "it is worked with again")
}

func TestHostRenewsItsCertificateInTime(t *testing.T) {
	w := newWorld(t)
	n := w.join("node1")
	certificate := func() *tls.Certificate {
		pair, err := n.TLS().GetClientCertificate(nil)
		require.NoError(t, err)
		return pair
	}
	before := certificate()
	eventually(t, n.Connected, "it is connected")
	n.stop()
	require.Equal(t, before.Leaf.SerialNumber, certificate().Leaf.SerialNumber, "it has time")

	n.startAt(t, clock.NewManual(time.Now().Add(authority.Life-authority.Renewal)))
	eventually(t, func() bool { return certificate().Leaf.SerialNumber.Cmp(before.Leaf.SerialNumber) != 0 }, "it has a new one")
	require.Equal(t, before.PrivateKey, certificate().PrivateKey)
	renewed := certificate().Leaf.SerialNumber
	n.stop()
	n.start(t)
	require.Equal(t, renewed, certificate().Leaf.SerialNumber, "and keeps it")
	eventually(t, n.Connected, "it is connected")
}

// ports gives an address of this machine with three free ports in a row.
func ports(t *testing.T) string {
	for range 100 {
		base, listeners := 20000+rand.IntN(10000), []net.Listener{}
		for i := range 3 {
			if l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", base+i)); err == nil {
				listeners = append(listeners, l)
			}
		}
		for _, l := range listeners {
			l.Close()
		}
		if len(listeners) == 3 {
			return fmt.Sprintf("127.0.0.1:%d", base)
		}
	}
	t.Fatal("there are no free ports")
	return ""
}
