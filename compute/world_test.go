package compute_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/cumulite/cumulite/compute"
	"github.com/cumulite/cumulite/drivers/file/fileimage"
	"github.com/cumulite/cumulite/drivers/sim/simcompute"
	"github.com/cumulite/cumulite/drivers/sim/simnetwork"
	"github.com/cumulite/cumulite/image"
	"github.com/cumulite/cumulite/image/imagetest"
	"github.com/cumulite/cumulite/network"
	"github.com/cumulite/cumulite/platform/auth"
	"github.com/cumulite/cumulite/platform/clock"
	"github.com/cumulite/cumulite/platform/event"
	"github.com/cumulite/cumulite/platform/flow"
	"github.com/cumulite/cumulite/platform/lease"
	"github.com/cumulite/cumulite/platform/quota"
	"github.com/cumulite/cumulite/platform/secret"
	"github.com/cumulite/cumulite/platform/store"
	"github.com/cumulite/cumulite/platform/store/storetest"
)

// world is a compute service with what it stands on: hosts in memory, images
// in files, networks.
type world struct {
	*compute.Service
	clock  *clock.Manual // nil: the system's, as in a bubble
	clk    clock.Clock
	db     *store.Store
	states map[string]*simcompute.State // the machines, by host
	hosts  map[string]*simcompute.Host  // their drivers
	net    *network.Service
	nics   map[string]*simnetwork.State // the networking of the machines, by host
	wires  map[string]*simnetwork.Host  // its drivers
	netID  string                       // a network of project p1, its only one
	netOps *flow.Engine
	images *image.Service
	image  string // an active raw image of 1 MiB
	ops    *flow.Engine
	opts   compute.Options
}

// newWorld makes a world with these hosts and starts its service.
func newWorld(t testing.TB, hosts ...string) *world {
	manual := clock.NewManual(time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC))
	w := worldAt(t, manual, hosts...)
	w.clock = manual
	return w
}

// worldAt makes a world whose time is that of a clock.
func worldAt(t testing.TB, clk clock.Clock, hosts ...string) *world {
	if len(hosts) == 0 {
		hosts = []string{"hv1"}
	}
	w := &world{clk: clk, nics: map[string]*simnetwork.State{}, wires: map[string]*simnetwork.Host{},
		states: map[string]*simcompute.State{}, hosts: map[string]*simcompute.Host{}}
	w.db = storetest.Open(t, lease.Migrations(), event.Migrations(), quota.Migrations(), flow.Migrations(), image.Migrations(), network.Migrations(), compute.Migrations())
	for _, name := range hosts {
		w.states[name], w.nics[name] = simcompute.NewState(), simnetwork.NewState()
		w.wires[name] = simnetwork.New(w.nics[name], &simnetwork.Options{Name: name, Clock: w.clk})
		w.hosts[name] = simcompute.New(w.states[name], &simcompute.Options{Name: name, Clock: w.clk, VCPUs: 2, MemoryMiB: 4096, DiskGiB: 100})
	}
	w.addImage(t)
	w.addNetwork(t)
	w.start(t, nil)
	return w
}

// start makes the service, as a start of its process does.
func (w *world) start(t testing.TB, o *flow.Options) *flow.Engine {
	w.ops = flow.New(w.db, w.clk, o)
	box, err := secret.NewBox(make([]byte, secret.KeySize))
	require.NoError(t, err)
	hosts := map[string]compute.Hypervisor{}
	for name, h := range w.hosts {
		hosts[name] = h
	}
	w.Service, err = compute.New(compute.Deps{DB: w.db, Clock: w.clk, Ops: w.ops, Events: event.New(w.db, w.clk, nil), Secrets: box,
		Hosts: hosts, Networks: w.net, Images: w.images}, &w.opts)
	require.NoError(t, err)
	require.NoError(t, w.Recover(t.Context()))
	w.net.SetMetadataSource(func(ctx context.Context, p *network.Port) (network.Metadata, error) {
		files, err := w.Metadata(auth.AsService(ctx, "network"), p.DeviceID)
		return network.Metadata{Files: files}, err
	})
	return w.ops
}

// addNetwork makes the network service, with an engine of its own that runs
// until the test ends, and a network of project p1.
func (w *world) addNetwork(t testing.TB) {
	drivers := map[string]network.Driver{}
	for name, h := range w.wires {
		drivers[name] = h
	}
	w.netOps = flow.New(w.db, w.clk, &flow.Options{Owner: "network"})
	var err error
	w.net, err = network.New(network.Deps{DB: w.db, Clock: w.clk, Ops: w.netOps, Events: event.New(w.db, w.clk, nil), Drivers: drivers}, nil)
	require.NoError(t, err)
	runEngine(t, w.netOps)
	w.netID = w.addNetworkOf(t, "p1", "10.0.0.0/16")
}

// runEngine carries an engine's operations out until the test ends.
func runEngine(t testing.TB, e *flow.Engine) {
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- e.Run(ctx) }()
	t.Cleanup(func() {
		stop()
		require.NoError(t, <-done)
	})
}

// ports gives the ports that there are.
func (w *world) ports(t testing.TB) []network.Port {
	list, _, err := w.net.ListPorts(admin(t), store.Query{})
	require.NoError(t, err)
	return list
}

// run carries operations out until the test ends.
func (w *world) run(t testing.TB) *world {
	runEngine(t, w.ops)
	return w
}

// idle waits until all that can be done is done.
func (w *world) idle(t testing.TB) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	require.NoError(t, w.ops.Idle(ctx))
	require.NoError(t, w.netOps.Idle(ctx))
}

// pass lets time pass, and what becomes due be done.
func (w *world) pass(t testing.TB, d time.Duration) {
	t.Helper()
	for ; d > 0; d -= time.Second {
		w.clock.Advance(min(d, time.Second))
		w.idle(t)
	}
}

func (w *world) addImage(t testing.TB) {
	files, err := fileimage.Open(t.TempDir())
	require.NoError(t, err)
	w.images, err = image.New(image.Deps{DB: w.db, Clock: w.clk, Events: event.New(w.db, w.clk, nil), Store: files}, nil)
	require.NoError(t, err)
	require.NoError(t, w.images.Recover(t.Context()))
	w.image = w.upload(t, 1<<20)
}

// upload makes a public image whose disk has this size, and gives its id. One
// above a MiB is a qcow2 without content.
func (w *world) upload(t testing.TB, size uint64) string {
	format, content := "raw", imagetest.Disk(1<<20)
	if size > 1<<20 {
		format, content = "qcow2", emptyQCOW2(size)
	}
	i, err := w.images.CreateImage(admin(t), image.CreateImage{DiskFormat: format, ContainerFormat: "bare", Visibility: image.Public})
	require.NoError(t, err)
	require.NoError(t, w.images.Upload(admin(t), i.ID, bytes.NewReader(content)))
	return i.ID
}

// flavor makes a flavor and gives its id.
func (w *world) flavor(t testing.TB, vcpus, memory, disk int) string {
	f, err := w.CreateFlavor(admin(t), compute.CreateFlavor{Name: fmt.Sprintf("f%d-%d-%d", vcpus, memory, disk), VCPUs: vcpus, MemoryMiB: memory, DiskGiB: disk})
	require.NoError(t, err)
	return f.ID
}

// request asks for one small server.
func (w *world) request(t testing.TB) compute.CreateServer {
	id := "small"
	if _, err := w.GetFlavor(admin(t), id); err != nil {
		_, err := w.CreateFlavor(admin(t), compute.CreateFlavor{ID: id, Name: id, VCPUs: 1, MemoryMiB: 512, DiskGiB: 1})
		require.NoError(t, err)
	}
	return compute.CreateServer{Name: "vm", FlavorID: id, ImageID: w.image}
}

// server makes a server of a member of p1 and waits until it runs.
func (w *world) server(t testing.TB, change ...func(*compute.CreateServer)) *compute.Server {
	t.Helper()
	in := w.request(t)
	for _, c := range change {
		c(&in)
	}
	made, err := w.CreateServer(member(t), in)
	require.NoError(t, err)
	w.idle(t)
	return w.get(t, made[0].ID)
}

func (w *world) get(t testing.TB, id string) *compute.Server {
	t.Helper()
	s, err := w.GetServer(admin(t), id)
	require.NoError(t, err)
	return s
}

// gone tells that nothing is left of anything: no guest, port, claim or count.
func (w *world) gone(t testing.TB) {
	t.Helper()
	for name, state := range w.states {
		require.Empty(t, state.Leftovers(), "guests on %s", name)
	}
	require.Empty(t, w.ports(t))
	hosts, err := w.ListHypervisors(admin(t))
	require.NoError(t, err)
	for _, h := range hosts {
		require.Zero(t, h.Used, "claims on %s", h.Name)
		require.Zero(t, h.Servers)
	}
}

func (w *world) used(t testing.TB, resource quota.Resource) int {
	usage, err := w.QuotaUsage(admin(t), "p1")
	require.NoError(t, err)
	return usage[resource].Used
}

// searchTable looks for a text in every column of every row.
func (w *world) searchTable(t testing.TB, table, text string) {
	t.Helper()
	rows, err := w.db.Query(t.Context(), "SELECT * FROM "+table)
	require.NoError(t, err)
	defer rows.Close()
	columns, err := rows.Columns()
	require.NoError(t, err)
	for rows.Next() {
		values := make([]any, len(columns))
		for i := range values {
			values[i] = new([]byte)
		}
		require.NoError(t, rows.Scan(values...))
		for i, v := range values {
			require.NotContains(t, string(*v.(*[]byte)), text, "%s.%s", table, columns[i])
		}
	}
	require.NoError(t, rows.Err())
}

// imageNeeds asks for memory in MiB and disk in GiB.
func imageNeeds(memory, disk int64) image.UpdateImage {
	return image.UpdateImage{MinRAM: &memory, MinDisk: &disk}
}

func portOn(networkID string) network.CreatePort { return network.CreatePort{NetworkID: networkID} }

// addNetworkOf makes a network of a project and gives its id.
func (w *world) addNetworkOf(t testing.TB, project, cidr string) string {
	ctx := as(t, project, "member", "reader")
	n, err := w.net.CreateNetwork(ctx, network.CreateNetwork{Name: cidr})
	require.NoError(t, err)
	_, err = w.net.CreateSubnet(ctx, network.CreateSubnet{NetworkID: n.ID, IPVersion: 4, CIDR: netip.MustParsePrefix(cidr)})
	require.NoError(t, err)
	return n.ID
}

// emptyQCOW2 is an image without content whose disk has this size: header, L1
// table, refcount table and block, in clusters of 64 KiB.
func emptyQCOW2(size uint64) []byte {
	const cluster = 1 << 16
	be, b := binary.BigEndian, make([]byte, 4*cluster)
	copy(b, "QFI\xfb")
	be.PutUint32(b[4:], 3)
	be.PutUint32(b[20:], 16)
	be.PutUint64(b[24:], size)
	be.PutUint32(b[36:], uint32((size+1<<29-1)>>29)) // each L1 entry is of 512 MiB
	be.PutUint64(b[40:], cluster)
	be.PutUint64(b[48:], 2*cluster)
	be.PutUint32(b[56:], 1)
	be.PutUint32(b[96:], 4)
	be.PutUint32(b[100:], 112)
	be.PutUint64(b[2*cluster:], 3*cluster)
	for i := range 4 {
		be.PutUint16(b[3*cluster+2*i:], 1)
	}
	return b
}
