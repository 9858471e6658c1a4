package networktest

import (
	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/cumulite/cumulite/network"
	"github.com/cumulite/cumulite/network/frame"
	"github.com/cumulite/cumulite/platform/errs"
)

var objectCases = []testCase{
	{"describes itself", "Describe says which host this is and what it can do", testDescribe},
	{"inventory", "Inventory gives what is there, each object with the generation in force", testInventory},
	{"same spec twice", "the same spec twice is harmless", testTwice},
	{"late repeats", "a spec whose Generation is lower than the one in force is ignored", testLate},
	{"removal of nothing", "what is not there (any more) is no error", testRemoveTwice},
	{"restart of the driver", "everything in force outlives the process that made it", testRestart},
	{"networks apart", "a network is one broadcast domain", testApart},
	{"ports before networks", "a port whose network is not known is refused, and may be repeated", testPortFirst},
}

func testDescribe(s *suite) {
	h, err := s.Describe(s.Context())
	require.NoError(s, err)
	require.NotEmpty(s, h.Name)
	require.NotEmpty(s, h.Technology)
	require.NotEmpty(s, h.VIFType)
	require.Contains(s, h.NetworkTypes, s.machine.NetworkType)
	require.GreaterOrEqual(s, h.MaxMTU, 1500)
}

func (s *suite) inventory() network.Inventory {
	s.Helper()
	all, err := s.Inventory(s.Context())
	require.NoError(s, err)
	return all
}

func testInventory(s *suite) {
	require.Empty(s, s.inventory().Networks)
	n, g := s.network("10.1.0.0/24"), s.open()
	p := s.port(n, 10, g)
	r := network.RouterSpec{ID: uuid.NewString(), Generation: s.next()}
	require.NoError(s, s.EnsureRouter(s.Context(), r))
	require.Equal(s, network.Inventory{
		Networks: map[string]int64{n.ID: n.Generation}, Ports: map[string]int64{p.ID: p.Generation},
		Groups: map[string]int64{g.ID: g.Generation}, Routers: map[string]int64{r.ID: r.Generation},
	}, s.inventory())

	require.NoError(s, s.RemoveRouter(s.Context(), r.ID))
	require.NoError(s, s.RemovePort(s.Context(), p.ID))
	require.NoError(s, s.RemoveGroup(s.Context(), g.ID))
	require.NoError(s, s.RemoveNetwork(s.Context(), n.ID))
	left := s.inventory()
	require.Empty(s, left.Networks)
	require.Empty(s, left.Ports)
	require.Empty(s, left.Groups)
	require.Empty(s, left.Routers)
}

func testTwice(s *suite) {
	n, g := s.network("10.1.0.0/24"), s.open()
	a, b := s.port(n, 10, g), s.port(n, 11, g)
	vif := s.ensurePort(a)
	require.Equal(s, vif, s.ensurePort(a))
	require.NotEmpty(s, vif.Type)
	require.Equal(s, n.MTU, vif.MTU)
	s.ensureNetwork(n)
	s.ensureGroup(g)
	s.requireReaches(a.ID, b.ID, packet(a, b, frame.TCP, 1000, 80))
}

func testLate(s *suite) {
	n, g := s.network("10.1.0.0/24"), s.open()
	a, b := s.port(n, 10, g), s.port(n, 11, g)
	old := g
	g.Generation, g.Rules = s.next(), []network.RuleSpec{allow(network.Egress)}
	s.ensureGroup(g)
	s.ensureGroup(old)
	s.requireDropped(a.ID, packet(a, b, frame.TCP, 1000, 80))

	before := b
	b.Generation, b.Disabled = s.next(), true
	s.ensurePort(b)
	s.ensurePort(before)
	require.Equal(s, b.Generation, s.inventory().Ports[b.ID])
	late := n
	late.Generation--
	s.ensureNetwork(late)
	require.Equal(s, n.Generation, s.inventory().Networks[n.ID])
}

func testRemoveTwice(s *suite) {
	n, g := s.network("10.1.0.0/24"), s.open()
	a, b := s.port(n, 10, g), s.port(n, 11, g)
	for range 2 {
		require.NoError(s, s.RemovePort(s.Context(), b.ID))
		require.NoError(s, s.RemoveRouter(s.Context(), uuid.NewString()))
		require.NoError(s, s.RemoveGroup(s.Context(), uuid.NewString()))
		require.NoError(s, s.RemoveNetwork(s.Context(), uuid.NewString()))
	}
	s.requireDropped(a.ID, packet(a, b, frame.TCP, 1000, 80))
}

func testRestart(s *suite) {
	n := s.network("10.1.0.0/24")
	a, b := s.port(n, 10, s.open()), s.port(n, 11, s.group(nil, tcp(network.Ingress, 80, 80)))
	before := s.inventory()
	s.restart()
	require.Equal(s, before, s.inventory())
	s.requireReaches(a.ID, b.ID, packet(a, b, frame.TCP, 1000, 80))
	s.requireDropped(a.ID, packet(a, b, frame.TCP, 1000, 81))
	require.NotNil(s, s.discover(a))

	late := a
	late.Generation, late.PortSecurity = 0, false
	s.ensurePort(late)
	spoofed := packet(a, b, frame.TCP, 1000, 80)
	spoofed.Src = nth(n.Subnets[0].CIDR, 77)
	s.requireDropped(a.ID, spoofed)
}

func testApart(s *suite) {
	n, other, g := s.network("10.1.0.0/24"), s.network("10.1.0.0/24"), s.open()
	a, b, c := s.port(n, 10, g), s.port(n, 11, g), s.port(other, 12, g)
	f := packet(a, b, frame.UDP, 1000, 2000)
	f.DstMAC = frame.Broadcast
	out := s.machine.Send(s.T, a.ID, f)
	require.Len(s, out, 1)
	require.Equal(s, b.ID, out[0].Place)
	s.requireDropped(a.ID, packet(a, c, frame.UDP, 1000, 2000))
}

func testPortFirst(s *suite) {
	n := network.NetworkSpec{ID: uuid.NewString(), Generation: s.next(), Type: s.machine.NetworkType, MTU: 1450,
		Subnets: s.network("10.1.0.0/24").Subnets}
	p := s.portSpec(n, 10)
	_, err := s.EnsurePort(s.Context(), p)
	require.Equal(s, errs.Unavailable, errs.KindOf(err), "%v", err)
	s.ensureNetwork(n)
	s.ensurePort(p)
}
