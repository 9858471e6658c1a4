package e2e

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	golibvirt "github.com/digitalocean/go-libvirt"
	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"github.com/vishvananda/netlink"

	"github.com/cumulite/cumulite/platform/store"
	"github.com/cumulite/cumulite/platform/store/sqlite"
	"github.com/cumulite/cumulite/test/guest"
	"github.com/cumulite/cumulite/test/need"
)

// alter changes rows behind a cloud's back.
func alter(t *testing.T, dir string, statements ...string) {
	t.Helper()
	engine, err := sqlite.Open(filepath.Join(dir, "state.db"), nil)
	require.NoError(t, err)
	db, err := store.Open(t.Context(), engine, nil)
	require.NoError(t, err)
	defer func() { require.NoError(t, db.Close()) }()
	require.NoError(t, db.Write(t.Context(), func(ctx context.Context, tx *store.Tx) error {
		for _, s := range statements {
			if _, err := tx.Exec(ctx, s); err != nil {
				return err
			}
		}
		return nil
	}))
}

// TestDoctorOnRealServers takes a guest's tap away and leaves one of nothing
// beside a running cloud, and tampers with a row, a count, an allocation and a
// domain of one at rest: the doctor names each and mends each, and the server
// runs again.
func TestDoctorOnRealServers(t *testing.T) {
	needOpenstack(t)
	ip := need.Program(t, "ip")
	g := guest.Image(t)
	h := newRealHost(t)
	in, flags := h.in, h.flags
	t.Cleanup(func() {
		_, err := output(t, in, nil, program(t, "daemons/cumulited"), append(flags, "--purge")...)
		require.NoError(t, err)
	})
	doctor := func(args ...string) (string, error) {
		return output(t, in, nil, program(t, "daemons/cumulited"), append(append([]string{"doctor"}, flags...), args...)...)
	}

	d := startDaemon(t, in, flags...)
	admin, member := cloud{d, in, "cumulite-admin"}, cloud{d, in, "cumulite"}
	provide(t, admin, disk{g.Image, "qcow2"})
	connect(t, member)
	server := member.show(t, "server", "create", "--flavor", "m1.tiny", "--image", "guest", "--network", "private", "--wait", "first")
	id := server["id"].(string)
	port := member.list(t, "port", "list", "--server", "first")[0]["ID"].(string)
	said, err := doctor("--deep")
	require.NoError(t, err, said)
	require.NotContains(t, said, "NOT HELD")
	mends := func(named ...string) {
		t.Helper()
		said, err := doctor()
		require.ErrorContains(t, err, "not hold")
		for _, name := range named {
			require.Contains(t, said, name)
		}
		said, err = doctor("--repair")
		require.NoError(t, err, said)
		require.Equal(t, len(named), strings.Count(said, "(mended)"), said)
		said, err = doctor()
		require.NoError(t, err, said)
	}

	links, err := netlink.NewHandleAt(h.ns)
	require.NoError(t, err)
	defer links.Close()
	taps, err := output(t, in, nil, ip, "-o", "link")
	require.NoError(t, err)
	tap := ""
	for _, word := range strings.Fields(taps) {
		if name := strings.TrimSuffix(word, ":"); strings.HasSuffix(name, strings.ReplaceAll(port, "-", "")[:11]) {
			tap = name
		}
	}
	l, err := links.LinkByName(tap)
	require.NoError(t, err, taps)
	require.NoError(t, links.LinkDel(l))
	stray := tap[:len(tap)-11] + "abcdef01234"
	require.NoError(t, links.LinkAdd(&netlink.Bridge{LinkAttrs: netlink.LinkAttrs{Name: stray}}))
	mends("port "+port+" on host", "port abcdef01-2340-4000-8000-000000000000 on host")
	_, err = links.LinkByName(tap)
	require.NoError(t, err)
	_, err = links.LinkByName(stray)
	require.Error(t, err)
	require.NoError(t, d.stop(os.Interrupt))

	client := h.libvirt.Client()
	dom, err := client.DomainLookupByUUID(golibvirt.UUID(uuid.MustParse(id)))
	require.NoError(t, err)
	require.NoError(t, client.DomainDestroy(dom))
	require.NoError(t, client.DomainUndefine(dom))
	alter(t, h.state, "UPDATE quota_usage SET used = used + 2 WHERE resource = 'cores'",
		"INSERT INTO compute_server_tags (server_id, tag) VALUES ('nobody', 'x')",
		"INSERT INTO network_allocations (subnet_id, ip, port_id, seq, position) SELECT id, '10.2.0.99', 'nobody', 0, 99 FROM network_subnets WHERE cidr = '10.2.0.0/24'")

	mends("cores: it is too high by 2", "compute_server_tags of nobody", "network_allocations of nobody", "server "+id+": its guest is not on host")
	require.Len(t, h.libvirt.Names(), 1)

	d = startDaemon(t, in, flags...)
	member.daemon = d
	require.Equal(t, "ACTIVE", member.field(t, "status", "server", "show", "first"))
	said, err = doctor()
	require.NoError(t, err, said)
	member.must(t, "server", "delete", "--wait", "first")
	require.Empty(t, h.libvirt.Names())
	require.NoError(t, d.stop(os.Interrupt))
}
