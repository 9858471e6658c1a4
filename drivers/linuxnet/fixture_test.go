package linuxnet

import (
	"fmt"
	"net/netip"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/cumulite/cumulite/network"
	"github.com/cumulite/cumulite/network/frame"
)

// net ensures a network whose gateway is its first address.
func (m *machine) net(cidr string, external bool) network.NetworkSpec {
	m.t.Helper()
	p := netip.MustParsePrefix(cidr)
	n := network.NetworkSpec{
		Generation: 1, ID: uuid.NewString(), Type: "local", MTU: 1450, External: external,
		Subnets: []network.SubnetSpec{{ID: uuid.NewString(), CIDR: p, Gateway: p.Addr().Next(), DHCP: !external}},
	}
	require.NoError(m.t, m.driver.EnsureNetwork(m.t.Context(), n))
	return n
}

// group ensures a group with these rules.
func (m *machine) group(rules ...network.RuleSpec) network.GroupSpec {
	m.t.Helper()
	g := network.GroupSpec{Generation: 1, ID: uuid.NewString(), Stateful: true, Rules: rules}
	require.NoError(m.t, m.driver.EnsureGroup(m.t.Context(), g))
	return g
}

func all(d network.Direction) network.RuleSpec {
	return network.RuleSpec{Direction: d, PortMin: -1, PortMax: -1}
}

// open is a group that lets everything pass.
func (m *machine) openGroup() network.GroupSpec {
	return m.group(all(network.Ingress), all(network.Egress))
}

// spec gives a secured port with an address; its last byte makes the MAC.
func (m *machine) spec(n network.NetworkSpec, address string, groups ...network.GroupSpec) network.PortSpec {
	a := netip.MustParseAddr(address)
	p := network.PortSpec{
		Generation: 1, ID: uuid.NewString(), NetworkID: n.ID, MAC: fmt.Sprintf("fa:16:3e:00:00:%02x", a.As4()[3]), PortSecurity: true,
		Addresses: []network.Address{{SubnetID: n.Subnets[0].ID, IP: a}},
	}
	for _, g := range groups {
		p.Groups = append(p.Groups, g.ID)
	}
	return p
}

func (m *machine) ensure(p network.PortSpec) network.PortSpec {
	m.t.Helper()
	_, err := m.driver.EnsurePort(m.t.Context(), p)
	require.NoError(m.t, err)
	return p
}

func (m *machine) port(n network.NetworkSpec, address string, groups ...network.GroupSpec) network.PortSpec {
	m.t.Helper()
	return m.ensure(m.spec(n, address, groups...))
}

// tell gives a port metadata that names it.
func (m *machine) tell(p network.PortSpec) {
	m.t.Helper()
	files := map[string][]byte{"who": []byte(p.ID)}
	require.NoError(m.t, m.driver.SetMetadata(m.t.Context(), p.ID, network.Metadata{Files: files}))
}

func leg(n network.NetworkSpec, address, mac string) network.RouterInterface {
	return network.RouterInterface{PortID: uuid.NewString(), NetworkID: n.ID, MAC: mac, Addresses: []netip.Prefix{netip.MustParsePrefix(address)}}
}

// outside gives a router from a network to an external one, with floating addresses.
func (m *machine) outside(n, ext network.NetworkSpec, floating map[string]string) network.RouterSpec {
	m.t.Helper()
	gw := leg(ext, "203.0.113.20/24", "fa:16:3e:01:00:02")
	first := netip.PrefixFrom(n.Subnets[0].Gateway, 24).String()
	r := network.RouterSpec{
		Generation: 1, ID: uuid.NewString(), Interfaces: []network.RouterInterface{leg(n, first, "fa:16:3e:01:00:01")},
		Gateway: &gw, GatewayIP: []netip.Addr{ext.Subnets[0].Gateway}, SNAT: true,
	}
	for external, fixed := range floating {
		r.Floating = append(r.Floating, network.FloatingSpec{ID: uuid.NewString(), External: netip.MustParseAddr(external), Fixed: netip.MustParseAddr(fixed)})
	}
	require.NoError(m.t, m.driver.EnsureRouter(m.t.Context(), r))
	return r
}

func packetOf(from, to network.PortSpec, protocol, srcPort, dstPort int) frame.Frame {
	return frame.Frame{
		SrcMAC: from.MAC, DstMAC: to.MAC, Src: from.Addresses[0].IP, Dst: to.Addresses[0].IP,
		Protocol: protocol, SrcPort: srcPort, DstPort: dstPort, Payload: []byte("ping"),
	}
}

// reaches tells whether f, sent at one place, comes out at another.
func (m *machine) reaches(from, place string, f frame.Frame) bool {
	m.t.Helper()
	for _, d := range m.Send(nil, from, f) {
		if d.Place == place {
			return true
		}
	}
	return false
}
