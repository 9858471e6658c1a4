// Package networktest is the conformance suite for network.Driver: a frame
// goes in at a port, and where it comes out is the verdict. A driver's test
// calls Run; every case says which sentence of the contract it holds, and runs
// against the driver itself and through platform/rpc.
package networktest

import (
	"context"
	"fmt"
	"net/netip"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/cumulite/cumulite/network"
	"github.com/cumulite/cumulite/network/frame"
	"github.com/cumulite/cumulite/network/networkrpc"
	"github.com/cumulite/cumulite/platform/rpc"
)

// Harness is one machine without networks, of the technology under test.
type Harness struct {
	// Open gives a driver for the machine. Called again it is the driver after
	// a restart.
	Open func(t *testing.T) network.Driver
	// Send puts a frame in at a port that was ensured, as its guest would, and
	// gives all frames that come out anywhere because of it. With the id of an
	// external network the host itself sends.
	Send func(t *testing.T, place string, f frame.Frame) []Delivery
	// Metadata is what the guest on a port reads at a path of the metadata
	// service; false when there is no such path.
	Metadata func(t *testing.T, portID, path string) ([]byte, bool)
	// NetworkType is one of Host.NetworkTypes that the suite's networks have. Default: "local".
	NetworkType string
	// Second gives another machine, whose tunnels and the first one's reach each
	// other. The Send of each gives what comes out at either. Nil: the
	// technology has no tunnels.
	Second func(t *testing.T) Harness
}

// Delivery says that a frame came out at a port; Place is the port's id, or
// that of an external network for the host itself.
type Delivery struct {
	Place string
	Frame frame.Frame
}

// Run runs the suite; newHarness is called for each case.
func Run(t *testing.T, newHarness func(t *testing.T) Harness) {
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Run("direct", func(t *testing.T) { c.run(t, newHarness(t), direct) })
			t.Run("rpc", func(t *testing.T) { c.run(t, newHarness(t), throughRPC) })
		})
	}
}

// testCase holds one promise of the contract.
type testCase struct {
	name    string
	promise string // of the contract, as it is shown when the case fails
	test    func(s *suite)
}

var cases = concat(objectCases, filterCases, serviceCases, routerCases, peerCases)

func concat(groups ...[]testCase) (all []testCase) {
	for _, g := range groups {
		all = append(all, g...)
	}
	return all
}

func (c testCase) run(t *testing.T, h Harness, via func(network.Driver) network.Driver) {
	t.Cleanup(func() {
		if t.Failed() {
			t.Log("the contract says: " + c.promise)
		}
	})
	c.test(begin(t, h, via))
}

func begin(t *testing.T, h Harness, via func(network.Driver) network.Driver) *suite {
	if h.NetworkType == "" {
		h.NetworkType = "local"
	}
	s := &suite{T: t, machine: h, via: via}
	s.restart()
	t.Cleanup(s.clear)
	return s
}

func direct(d network.Driver) network.Driver { return d }

func throughRPC(d network.Driver) network.Driver {
	mux := rpc.NewMux()
	networkrpc.Serve(mux, d)
	return networkrpc.Client(rpc.InProcess(mux, nil))
}

// suite is what a case works with: the machine, and the driver that it has now.
type suite struct {
	*testing.T
	network.Driver
	machine    Harness
	via        func(network.Driver) network.Driver
	generation int64
	made       int
}

// restart replaces the driver by a new one over the same machine.
func (s *suite) restart() { s.Driver = s.via(s.machine.Open(s.T)) }

// clear removes what a case left behind.
func (s *suite) clear() {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	there, err := s.Inventory(ctx)
	require.NoError(s, err)
	remove := func(ids map[string]int64, fn func(context.Context, string) error) {
		for id := range ids {
			require.NoError(s, fn(ctx, id))
		}
	}
	remove(there.Routers, s.RemoveRouter)
	remove(there.Ports, s.RemovePort)
	remove(there.Groups, s.RemoveGroup)
	remove(there.Networks, s.RemoveNetwork)
}

// next gives a generation above all before.
func (s *suite) next() int64 {
	s.generation++
	return s.generation
}

// network ensures a network with one IPv4 subnet, whose gateway is its first address.
func (s *suite) network(cidr string) network.NetworkSpec {
	n := s.networkSpec(cidr)
	s.ensureNetwork(n)
	return n
}

func (s *suite) networkSpec(cidr string) network.NetworkSpec {
	p := netip.MustParsePrefix(cidr)
	return network.NetworkSpec{
		Generation: s.next(), ID: uuid.NewString(), Type: s.machine.NetworkType, MTU: 1450,
		Subnets: []network.SubnetSpec{{ID: uuid.NewString(), CIDR: p, Gateway: p.Addr().Next(), DHCP: true}},
	}
}

func (s *suite) ensureNetwork(n network.NetworkSpec) {
	s.Helper()
	require.NoError(s, s.EnsureNetwork(s.Context(), n))
}

// group ensures a group with these rules.
func (s *suite) group(members []netip.Prefix, rules ...network.RuleSpec) network.GroupSpec {
	g := network.GroupSpec{Generation: s.next(), ID: uuid.NewString(), Stateful: true, Rules: rules, Members: members}
	s.ensureGroup(g)
	return g
}

func (s *suite) ensureGroup(g network.GroupSpec) {
	s.Helper()
	require.NoError(s, s.EnsureGroup(s.Context(), g))
}

// portSpec gives a secured port with the n-th address of the network's subnet.
func (s *suite) portSpec(n network.NetworkSpec, host int, groups ...network.GroupSpec) network.PortSpec {
	s.made++
	p := network.PortSpec{
		Generation: s.next(), ID: uuid.NewString(), NetworkID: n.ID, MAC: fmt.Sprintf("fa:16:3e:00:00:%02x", s.made),
		Addresses:    []network.Address{{SubnetID: n.Subnets[0].ID, IP: nth(n.Subnets[0].CIDR, host)}},
		PortSecurity: true, Hostname: fmt.Sprintf("vm-%d", s.made),
	}
	for _, g := range groups {
		p.Groups = append(p.Groups, g.ID)
	}
	return p
}

func nth(p netip.Prefix, n int) netip.Addr {
	a := p.Addr()
	for range n {
		a = a.Next()
	}
	return a
}

func (s *suite) port(n network.NetworkSpec, host int, groups ...network.GroupSpec) network.PortSpec {
	s.Helper()
	p := s.portSpec(n, host, groups...)
	s.ensurePort(p)
	return p
}

func (s *suite) ensurePort(p network.PortSpec) network.VIF {
	s.Helper()
	vif, err := s.EnsurePort(s.Context(), p)
	require.NoError(s, err)
	return vif
}

// alone gives the prefix that a port's first address is alone in.
func alone(p network.PortSpec) netip.Prefix {
	a := p.Addresses[0].IP
	return netip.PrefixFrom(a, a.BitLen())
}

// allow gives a rule for all traffic of one family in one direction.
func allow(d network.Direction) network.RuleSpec {
	return network.RuleSpec{Direction: d, PortMin: -1, PortMax: -1}
}

func tcp(d network.Direction, from, to int) network.RuleSpec {
	return network.RuleSpec{Direction: d, Protocol: frame.TCP, PortMin: from, PortMax: to}
}

// packet gives a frame between two ports of one network.
func packet(from, to network.PortSpec, protocol, srcPort, dstPort int) frame.Frame {
	return frame.Frame{
		SrcMAC: from.MAC, DstMAC: to.MAC, Src: from.Addresses[0].IP, Dst: to.Addresses[0].IP,
		Protocol: protocol, SrcPort: srcPort, DstPort: dstPort, Payload: []byte("ping"),
	}
}

// requireReaches says that f, sent by from, comes out at place, and gives it as it comes out.
func (s *suite) requireReaches(from, place string, f frame.Frame) frame.Frame {
	s.Helper()
	out := s.machine.Send(s.T, from, f)
	for _, d := range out {
		if d.Place == place {
			return d.Frame
		}
	}
	require.Fail(s, "the frame does not arrive", "%+v came out as %+v", f, out)
	return frame.Frame{}
}

// requireDropped says that f, sent by from, comes out nowhere.
func (s *suite) requireDropped(from string, f frame.Frame) {
	s.Helper()
	require.Empty(s, s.machine.Send(s.T, from, f), "sent: %+v", f)
}
