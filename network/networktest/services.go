package networktest

import (
	"net"
	"net/netip"

	"github.com/insomniacslk/dhcp/dhcpv4"
	"github.com/stretchr/testify/require"

	"github.com/cumulite/cumulite/network"
	"github.com/cumulite/cumulite/network/frame"
)

var serviceCases = []testCase{
	{"DHCP", "a guest is offered its port's address, with what its subnet says", testDHCP},
	{"no DHCP", "a subnet without DHCP answers nobody", testNoDHCP},
	{"metadata", "SetMetadata gives what the metadata service answers to the guest on this port", testMetadata},
}

// dhcp sends a DHCP message as the guest on p and gives the answer, nil for none.
func (s *suite) dhcp(p network.PortSpec, m *dhcpv4.DHCPv4) *dhcpv4.DHCPv4 {
	s.Helper()
	out := s.machine.Send(s.T, p.ID, frame.Frame{
		SrcMAC: p.MAC, DstMAC: frame.Broadcast, Src: netip.IPv4Unspecified(), Dst: netip.AddrFrom4([4]byte{255, 255, 255, 255}),
		Protocol: frame.UDP, SrcPort: 68, DstPort: 67, Payload: m.ToBytes(),
	})
	for _, d := range out {
		require.Equal(s, p.ID, d.Place, "DHCP goes nowhere else")
		answer, err := dhcpv4.FromBytes(d.Frame.Payload)
		require.NoError(s, err)
		return answer
	}
	return nil
}

func (s *suite) discover(p network.PortSpec) *dhcpv4.DHCPv4 {
	s.Helper()
	mac, err := net.ParseMAC(p.MAC)
	require.NoError(s, err)
	m, err := dhcpv4.NewDiscovery(mac)
	require.NoError(s, err)
	return s.dhcp(p, m)
}

func testDHCP(s *suite) {
	n := s.network("10.1.0.0/24")
	n.Generation = s.next()
	n.Subnets[0].DNS = []netip.Addr{netip.MustParseAddr("9.9.9.9")}
	n.Subnets[0].Routes = []network.Route{{Destination: netip.MustParsePrefix("10.9.0.0/16"), NextHop: nth(n.Subnets[0].CIDR, 5)}}
	s.ensureNetwork(n)
	p := s.port(n, 10)

	offer := s.discover(p)
	require.NotNil(s, offer)
	require.Equal(s, dhcpv4.MessageTypeOffer, offer.MessageType())
	require.Equal(s, "10.1.0.10", offer.YourIPAddr.String())
	require.Equal(s, "10.1.0.1", offer.Router()[0].String())
	require.Equal(s, "9.9.9.9", offer.DNS()[0].String())
	require.Equal(s, "ffffff00", offer.SubnetMask().String())
	require.Equal(s, p.Hostname, offer.HostName())
	require.Equal(s, []byte{1450 >> 8, 1450 & 0xff}, offer.Options.Get(dhcpv4.OptionInterfaceMTU))
	destinations := []string{}
	for _, r := range offer.ClasslessStaticRoute() {
		destinations = append(destinations, r.Dest.String())
	}
	require.Subset(s, destinations, []string{"10.9.0.0/16", "0.0.0.0/0"})

	request, err := dhcpv4.NewRequestFromOffer(offer)
	require.NoError(s, err)
	ack := s.dhcp(p, request)
	require.NotNil(s, ack)
	require.Equal(s, dhcpv4.MessageTypeAck, ack.MessageType())
	require.Equal(s, "10.1.0.10", ack.YourIPAddr.String())
}

func testNoDHCP(s *suite) {
	n := s.network("10.1.0.0/24")
	n.Generation, n.Subnets[0].DHCP = s.next(), false
	s.ensureNetwork(n)
	require.Nil(s, s.discover(s.port(n, 10)))
}

func testMetadata(s *suite) {
	n := s.network("10.1.0.0/24")
	a, b := s.port(n, 10), s.port(n, 11)
	doc := []byte(`{"uuid": "a"}`)
	require.NoError(s, s.SetMetadata(s.Context(), a.ID, network.Metadata{Files: map[string][]byte{"openstack/latest/meta_data.json": doc}}))
	for range 2 {
		got, there := s.machine.Metadata(s.T, a.ID, "/openstack/latest/meta_data.json")
		require.True(s, there)
		require.Equal(s, doc, got)
		folder, there := s.machine.Metadata(s.T, a.ID, "/openstack/latest")
		require.True(s, there)
		require.Equal(s, "meta_data.json", string(folder))
		_, there = s.machine.Metadata(s.T, b.ID, "/openstack/latest/meta_data.json")
		require.False(s, there, "another guest's")
		s.restart()
	}
	require.NoError(s, s.RemovePort(s.Context(), a.ID))
	_, there := s.machine.Metadata(s.T, a.ID, "/openstack/latest/meta_data.json")
	require.False(s, there)
}
