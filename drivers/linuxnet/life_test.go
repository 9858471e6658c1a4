package linuxnet

import (
	"context"
	"errors"
	"io/fs"
	"net/netip"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/nftables"
	"github.com/google/uuid"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/vishvananda/netlink"

	"github.com/cumulite/cumulite/drivers/linuxnet/filter"
	"github.com/cumulite/cumulite/drivers/linuxnet/namespace"
	"github.com/cumulite/cumulite/network"
	"github.com/cumulite/cumulite/network/frame"
	"github.com/cumulite/cumulite/platform/errs"
)

// whole is a cloud in small: a port that is reached from outside.
type whole struct {
	n, ext network.NetworkSpec
	p      network.PortSpec
	r      network.RouterSpec
}

func (m *machine) whole() whole {
	w := whole{n: m.net("10.1.0.0/24", false), ext: m.net("203.0.113.0/24", true)}
	w.p = m.port(w.n, "10.1.0.10", m.openGroup())
	m.tell(w.p)
	w.r = m.outside(w.n, w.ext, map[string]string{"203.0.113.50": "10.1.0.10"})
	return w
}

// knock is a packet of the host to the floating address.
func (w whole) knock(port int) frame.Frame {
	return frame.Frame{
		SrcMAC: macFor("host", w.ext.ID).String(), DstMAC: w.r.Gateway.MAC, Src: w.ext.Subnets[0].Gateway,
		Dst: netip.MustParseAddr("203.0.113.50"), Protocol: frame.TCP, SrcPort: port, DstPort: 22,
	}
}

func (m *machine) requireWorks(w whole) {
	m.t.Helper()
	require.True(m.t, m.reaches(w.ext.ID, w.p.ID, w.knock(5000)), "the floating address")
	who, answered := m.Metadata(nil, w.p.ID, "/who")
	require.True(m.t, answered, "metadata")
	require.Equal(m.t, w.p.ID, string(who))
}

func TestEverythingComesBackAfterARebootOfTheHost(t *testing.T) {
	m := newMachine(t)
	m.open()
	w := m.whole()
	before, err := m.driver.Inventory(t.Context())
	require.NoError(t, err)
	m.close()
	require.NoError(t, clearLinks(m.space, m.names()))
	require.NoError(t, clearSpaces(m.names()))
	require.NoError(t, filter.Remove(m.space, m.names().filter()))

	after, err := m.open().Inventory(t.Context())
	require.NoError(t, err)
	require.Equal(t, before, after)
	m.requireWorks(w)
}

func TestTrafficFlowsWhileNoProcessRuns(t *testing.T) {
	m := newMachine(t)
	m.open()
	w := m.whole()
	m.connect()
	require.NoError(t, m.driver.Close())
	require.True(t, m.reaches(w.ext.ID, w.p.ID, w.knock(5000)))
	m.open()
	m.requireWorks(w)
}

func TestABadRecordStopsNoOther(t *testing.T) {
	m := newMachine(t)
	m.open()
	w := m.whole()
	bad := m.spec(w.n, "10.1.0.77")
	bad.MAC = "nonsense"
	require.NoError(t, m.driver.records.ports.Put(bad.ID, bad))
	there, err := m.open().Inventory(t.Context())
	require.NoError(t, err)
	require.NotContains(t, there.Ports, bad.ID)
	m.requireWorks(w)
	bad.MAC, bad.Generation = "fa:16:3e:00:00:77", 2
	m.ensure(bad)
	require.NoError(t, m.driver.RemovePort(t.Context(), bad.ID))
}

func TestStateIsForTheOwnerAndOneProcess(t *testing.T) {
	m := newMachine(t)
	m.open()
	m.whole()
	_, err := Open(m.dir, &m.opts)
	require.ErrorContains(t, err, "another process")
	require.Error(t, Clear(m.dir, &m.opts))
	require.NoError(t, filepath.WalkDir(m.dir, func(path string, e fs.DirEntry, err error) error {
		require.NoError(t, err)
		info, err := e.Info()
		require.NoError(t, err)
		require.Zero(t, info.Mode().Perm()&0o077, path)
		return nil
	}))
	require.NoError(t, m.driver.Close())
	require.NoError(t, m.driver.Close(), "twice")
	_, err = m.driver.EnsurePort(t.Context(), network.PortSpec{})
	require.Equal(t, errs.Unavailable, errs.KindOf(err))
}

// snapshot is all that the kernel has in the machine's namespace, and all
// named namespaces of the machine.
func (m *machine) snapshot() (all []string) {
	links, err := m.space.Links.LinkList()
	require.NoError(m.t, err)
	for _, l := range links {
		all = append(all, "link "+l.Attrs().Name)
	}
	conn, err := nftables.New(nftables.WithNetNSFd(m.space.FD()))
	require.NoError(m.t, err)
	tables, err := conn.ListTables()
	require.NoError(m.t, err)
	for _, t := range tables {
		all = append(all, "table "+t.Name)
	}
	spaces, err := namespace.List(func(name string) bool {
		return strings.HasPrefix(name, m.opts.Prefix) || strings.HasPrefix(name, "zz"+m.opts.Prefix[:1])
	})
	require.NoError(m.t, err)
	return append(all, spaces...)
}

func TestClearTakesAwayAllThatIsOursAndNothingElse(t *testing.T) {
	m := newMachine(t)
	for _, name := range []string{m.opts.Prefix + "bridge0", m.opts.Prefix + "t12345", "other0"} {
		require.NoError(t, m.space.Links.LinkAdd(&netlink.Bridge{LinkAttrs: netlink.LinkAttrs{Name: name}}))
	}
	neighbour := *m // another cloud on the same machine
	neighbour.opts.Prefix, neighbour.dir, neighbour.driver = "zz"+m.opts.Prefix[:1], filepath.Join(t.TempDir(), "neighbour"), nil
	neighbour.wires, neighbour.stacks = map[string]*wire{}, map[string]*stack{}
	neighbour.open()
	defer func() { require.NoError(t, Clear(neighbour.dir, &neighbour.opts)) }()
	w := neighbour.whole()
	twin := newMachine(t) // one with the same names, in another namespace
	twin.opts.Prefix = m.opts.Prefix
	twin.open()
	v := twin.whole()
	before := m.snapshot()

	m.open()
	m.whole()
	require.Greater(t, len(m.snapshot()), len(before)+5)
	require.NoError(t, m.driver.Close())
	m.driver = nil
	require.NoError(t, Clear(m.dir, &m.opts))
	require.Equal(t, before, m.snapshot())
	require.NoDirExists(t, m.dir)
	require.NoError(t, Clear(m.dir, &m.opts), "what is not there is no error")
	twin.requireWorks(v)
	neighbour.requireWorks(w)
	neighbour.close()
}

func TestConversationsOfAFloatingAddressEndWithIt(t *testing.T) {
	m := newMachine(t)
	m.open()
	w := m.whole()
	in := w.knock(5000)
	require.True(t, m.reaches(w.ext.ID, w.p.ID, in))
	w.r.Generation, w.r.Floating = 2, nil
	require.NoError(t, m.driver.EnsureRouter(t.Context(), w.r))
	require.Empty(t, m.Send(nil, w.ext.ID, in))
}

func TestWhatThisHostCannotIsRefused(t *testing.T) {
	m := newMachine(t)
	d := m.open()
	ctx := t.Context()
	w := m.whole()
	before := m.snapshot()
	six := netip.MustParsePrefix("2001:db8::1/64")
	n := network.NetworkSpec{ID: uuid.NewString(), Type: "local", Subnets: []network.SubnetSpec{{CIDR: six}}}
	require.Equal(t, errs.NotSupported, errs.KindOf(d.EnsureNetwork(ctx, n)))
	n.Subnets, n.Type = nil, "vlan"
	require.Equal(t, errs.NotSupported, errs.KindOf(d.EnsureNetwork(ctx, n)))
	n.Type, n.MTU = "local", 1<<20
	require.Equal(t, errs.NotSupported, errs.KindOf(d.EnsureNetwork(ctx, n)))
	p := m.spec(w.n, "10.1.0.30")
	p.Addresses = append(p.Addresses, network.Address{IP: six.Addr()})
	_, err := d.EnsurePort(ctx, p)
	require.Equal(t, errs.NotSupported, errs.KindOf(err))
	r := network.RouterSpec{ID: uuid.NewString(), Interfaces: []network.RouterInterface{{PortID: uuid.NewString(), NetworkID: w.n.ID, Addresses: []netip.Prefix{six}}}}
	require.Equal(t, errs.NotSupported, errs.KindOf(d.EnsureRouter(ctx, r)))
	p.Addresses, p.ID = p.Addresses[:1], "../../../etc"
	_, err = d.EnsurePort(ctx, p)
	require.Equal(t, errs.Invalid, errs.KindOf(err))
	g := network.GroupSpec{ID: uuid.NewString(), Rules: []network.RuleSpec{{Direction: network.Ingress, Protocol: 6, PortMin: 9, PortMax: 1}}}
	require.Equal(t, errs.NotSupported, errs.KindOf(d.EnsureGroup(ctx, g)))
	require.Equal(t, before, m.snapshot())
	m.requireWorks(w)

	ended, cancel := context.WithCancel(ctx)
	cancel()
	require.True(t, errors.Is(d.RemovePort(ended, w.p.ID), context.Canceled))
}

func TestOptions(t *testing.T) {
	for _, prefix := range []string{"x", "long", "A1", "e-", "../"} {
		_, err := Open(t.TempDir(), &Options{Prefix: prefix})
		require.ErrorContains(t, err, "prefix", prefix)
	}
	_, err := Open("relative", nil)
	require.ErrorContains(t, err, "absolute")
}

// A server waits for its port: it has to be there at once.
func BenchmarkEnsurePort(b *testing.B) {
	m := newMachine(b)
	m.open()
	n, g := m.net("10.0.0.0/16", false), m.openGroup()
	var times []time.Duration
	for i := 0; b.Loop(); i++ {
		p := m.spec(n, netip.AddrFrom4([4]byte{10, 0, byte(i / 250), byte(i%250 + 2)}).String(), g)
		start := time.Now()
		m.ensure(p)
		times = append(times, time.Since(start))
	}
	slices.Sort(times)
	b.ReportMetric(float64(times[len(times)/2].Microseconds())/1000, "ms/median")
	b.ReportMetric(float64(times[len(times)*99/100].Microseconds())/1000, "ms/p99")
	b.Logf("%d ports", len(times))
}

func TestARouterTellsWhereItsAddressesAre(t *testing.T) {
	m := newMachine(t)
	m.open()
	w := m.whole()
	m.connect()
	m.collect(frame.Frame{}, 20*time.Millisecond)
	w.r.Generation = 2
	require.NoError(t, m.driver.EnsureRouter(t.Context(), w.r))
	told := map[string]string{}
	for len(told) < 3 {
		select {
		case d := <-m.out:
			if d.Frame.Kind == frame.WhoHas && d.Frame.Src == d.Frame.Dst {
				told[d.Frame.Src.String()] = d.Frame.SrcMAC
			}
		case <-time.After(2 * time.Second):
			require.Fail(t, "not told", "%v", told)
		}
	}
	require.Equal(t, map[string]string{
		"10.1.0.1": "fa:16:3e:01:00:01", "203.0.113.20": "fa:16:3e:01:00:02", "203.0.113.50": "fa:16:3e:01:00:02",
	}, told)
}

func TestALostBridgeIsMadeAgainWithAllThatWasPluggedIn(t *testing.T) {
	m := newMachine(t)
	d := m.open()
	w := m.whole()
	require.NoError(t, remove(m.space, d.names.link(bridge, w.n.ID)))
	require.NoError(t, d.EnsureNetwork(t.Context(), w.n))
	require.True(t, m.reaches(w.ext.ID, w.p.ID, w.knock(5000)))
}

func BenchmarkEnsureRouter(b *testing.B) {
	m := newMachine(b)
	m.open()
	n, ext := m.net("10.1.0.0/24", false), m.net("203.0.113.0/24", true)
	for b.Loop() {
		r := m.outside(n, ext, map[string]string{"203.0.113.50": "10.1.0.10"})
		b.StopTimer()
		require.NoError(b, m.driver.RemoveRouter(b.Context(), r.ID))
		b.StartTimer()
	}
}

func BenchmarkEnsureNetwork(b *testing.B) {
	m := newMachine(b)
	m.open()
	for b.Loop() {
		n := m.net("10.1.0.0/24", false)
		b.StopTimer()
		require.NoError(b, m.driver.RemoveNetwork(b.Context(), n.ID))
		b.StartTimer()
	}
}

func BenchmarkReopen(b *testing.B) {
	m := newMachine(b)
	m.open()
	n, g := m.net("10.0.0.0/16", false), m.openGroup()
	for i := range 200 {
		m.port(n, netip.AddrFrom4([4]byte{10, 0, 1, byte(i + 2)}).String(), g)
	}
	for b.Loop() {
		m.open()
	}
}

func TestManyAskAtOnce(t *testing.T) {
	m := newMachine(t)
	d := m.open()
	n, g := m.net("10.1.0.0/24", false), m.openGroup()
	var all []network.PortSpec
	for i := range 12 {
		all = append(all, m.spec(n, netip.AddrFrom4([4]byte{10, 1, 0, byte(i + 2)}).String(), g))
	}
	var work sync.WaitGroup
	for generation := range int64(3) {
		for _, p := range all {
			work.Go(func() {
				p.Generation = generation
				_, err := d.EnsurePort(t.Context(), p)
				assert.NoError(t, err)
				assert.NoError(t, d.SetMetadata(t.Context(), p.ID, network.Metadata{}))
			})
		}
		work.Go(func() {
			again := g
			again.Generation, again.Members = generation, []netip.Prefix{netip.PrefixFrom(netip.AddrFrom4([4]byte{10, 1, 0, byte(generation)}), 32)}
			assert.NoError(t, d.EnsureGroup(t.Context(), again))
			assert.NoError(t, d.EnsureNetwork(t.Context(), n))
		})
	}
	work.Wait()
	there, err := d.Inventory(t.Context())
	require.NoError(t, err)
	require.Len(t, there.Ports, len(all))
	for id, generation := range there.Ports {
		require.EqualValues(t, 2, generation, id)
	}
	require.True(t, m.reaches(all[0].ID, all[1].ID, packetOf(all[0], all[1], frame.TCP, 1, 2)))
}
