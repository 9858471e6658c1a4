package fleet_test

import (
	"context"
	"crypto/sha512"
	"encoding/hex"
	"io"
	"net/url"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/cumulite/cumulite/cloud/agent/agentclient"
	"github.com/cumulite/cumulite/cloud/fleet/join"
	"github.com/cumulite/cumulite/image/imagetest"
	"github.com/cumulite/cumulite/platform/errs"
)

func query(t *testing.T, ticket join.Ticket) url.Values {
	q, err := url.ParseQuery(ticket.Query)
	require.NoError(t, err)
	return q
}

func TestTicketIsForOneImageHostAndWhile(t *testing.T) {
	w := newWorld(t)
	w.join("node1")
	w.join("node2")
	eventually(t, func() bool { return w.up("node1") && w.up("node2") }, "they are up")
	_, err := w.ticket("node1")
	refused(t, errs.Forbidden, err)
	w.server("node1")
	ticket, err := w.ticket("node1")
	require.NoError(t, err)
	_, err = w.ticket("node2")
	refused(t, errs.Forbidden, err)
	_, err = w.Fleet.Ticket(t.Context(), "node1", "11111111-1111-1111-1111-111111111111")
	refused(t, errs.NotFound, err)

	size, r, err := w.Fleet.Bytes(t.Context(), "node1", w.image, query(t, ticket), 1<<19)
	require.NoError(t, err)
	rest, err := io.ReadAll(r)
	require.NoError(t, err)
	require.NoError(t, r.Close())
	require.EqualValues(t, 1<<20, size)
	require.Equal(t, imagetest.Disk(1 << 20)[1<<19:], rest)
	_, _, err = w.Fleet.Bytes(t.Context(), "node1", w.image, query(t, ticket), 1<<20+1)
	refused(t, errs.Invalid, err)

	for name, change := range map[string]func(q url.Values, host, image *string){
		"another host":  func(_ url.Values, host, _ *string) { *host = "node2" },
		"another image": func(_ url.Values, _, image *string) { *image = "11111111-1111-1111-1111-111111111111" },
		"longer":        func(q url.Values, _, _ *string) { q.Set("expires", "99999999999") },
		"unsigned":      func(q url.Values, _, _ *string) { q.Del("ticket") },
		"both in one":   func(q url.Values, _, image *string) { *image += "\nnode1" },
	} {
		q, host, image := query(t, ticket), "node1", w.image
		change(q, &host, &image)
		_, _, err := w.Fleet.Bytes(t.Context(), host, image, q, 0)
		require.Equal(t, errs.Forbidden, errs.KindOf(err), name)
	}
}

func TestHostPullsItsImageAndNoOther(t *testing.T) {
	w := newWorld(t)
	n := w.join("node1")
	eventually(t, func() bool { return w.up("node1") }, "it is up")
	_, err := n.Images().Open(t.Context(), w.image)
	refused(t, errs.Forbidden, err)
	w.server("node1")
	r, err := n.Images().Open(t.Context(), w.image)
	require.NoError(t, err)
	defer r.Close()
	sum := sha512.New()
	_, err = io.Copy(sum, r)
	require.NoError(t, err)
	want := sha512.Sum512(imagetest.Disk(1 << 20))
	require.Equal(t, hex.EncodeToString(want[:]), hex.EncodeToString(sum.Sum(nil)))
}

func TestTicketWithoutTheHostsCertificateIsWorthNothing(t *testing.T) {
	w := newWorld(t)
	n, other := w.join("node1"), w.join("node2")
	eventually(t, func() bool { return w.up("node1") && w.up("node2") }, "they are up")
	w.server("node1")
	stolen := func(context.Context, string) (join.Ticket, error) { return w.ticket("node1") }
	open := func(images interface {
		Open(context.Context, string) (io.ReadCloser, error)
	}) error {
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		r, err := images.Open(ctx, w.image)
		if err == nil {
			r.Close()
		}
		return err
	}
	require.NoError(t, open(agentclient.NewImages(n.TLS(), stolen)))
	refused(t, errs.Forbidden, open(agentclient.NewImages(other.TLS(), stolen)))
	bare := n.TLS()
	bare.GetClientCertificate = nil
	refused(t, errs.Unauthenticated, open(agentclient.NewImages(bare, stolen)))
	distrustful := n.TLS()
	distrustful.ServerName = "node1"
	refused(t, errs.Unavailable, open(agentclient.NewImages(distrustful, stolen)))
}
