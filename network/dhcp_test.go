package network_test

import (
	"net"
	"net/netip"
	"testing"

	"github.com/insomniacslk/dhcp/dhcpv4"
	"github.com/stretchr/testify/require"

	"github.com/cumulite/cumulite/network"
	"github.com/cumulite/cumulite/network/frame"
)

// offered gives what the guest on a port is told by DHCP.
func (s *site) offered(p *network.Port) *dhcpv4.DHCPv4 {
	s.Helper()
	mac, err := net.ParseMAC(p.MAC)
	require.NoError(s, err)
	asked, err := dhcpv4.NewDiscovery(mac)
	require.NoError(s, err)
	answer := s.requireReaches(p.ID, p.ID, frame.Frame{SrcMAC: p.MAC, DstMAC: frame.Broadcast, Src: netip.IPv4Unspecified(), Dst: addr("255.255.255.255"),
		Protocol: frame.UDP, SrcPort: 68, DstPort: 67, Payload: asked.ToBytes()})
	offer, err := dhcpv4.FromBytes(answer.Payload)
	require.NoError(s, err)
	return offer
}

func TestGuestsAreToldOfTheNameServersOfTheirSubnet(t *testing.T) {
	s := newSite(t)
	s.run(t)
	n := ok(s.CreateNetwork(s.ann, network.CreateNetwork{}))(s)
	sub := ok(s.CreateSubnet(s.ann, network.CreateSubnet{NetworkID: n.ID, IPVersion: 4, CIDR: netip.MustParsePrefix("10.1.0.0/24"),
		DNS: []netip.Addr{addr("9.9.9.9"), addr("2620:fe::fe"), addr("1.1.1.1")}}))(s)
	p := s.plugged(n)
	servers := func() (all []string) {
		for _, ip := range s.offered(p).DNS() {
			all = append(all, ip.String())
		}
		return all
	}
	require.Equal(t, []string{"9.9.9.9", "1.1.1.1"}, servers(), "in the order they were given, as far as DHCP can say them")
	for said, want := range map[string][]string{"8.8.8.8": {"8.8.8.8"}, "0.0.0.0": nil} {
		ok(s.UpdateSubnet(s.ann, sub.ID, network.UpdateSubnet{DNS: to([]netip.Addr{addr(said)})}))(s)
		require.Equal(t, want, servers(), said)
	}
	ok(s.UpdateSubnet(s.ann, sub.ID, network.UpdateSubnet{DNS: to([]netip.Addr{})}))(s)
	require.Empty(t, servers())
}

func TestExtraOptionsReachTheGuestAsDHCPCarriesThem(t *testing.T) {
	s := newSite(t)
	s.run(t)
	n, _ := s.network(s.ann, "10.1.0.0/24")
	p := s.plugged(n)
	for _, c := range []struct {
		name, value string
		code        uint8
		want        []byte
	}{
		{"dns-server", "8.8.8.8,8.8.4.4", 6, []byte{8, 8, 8, 8, 8, 8, 4, 4}},
		{"ntp-server", "10.1.0.7", 42, []byte{10, 1, 0, 7}},
		{"interface-mtu", "1400", 26, []byte{5, 120}},
		{"bootfile-name", "10.1.0.7,x", 67, []byte("10.1.0.7,x")},
		{"server-ip-address", "10.1.0.7", 150, []byte{10, 1, 0, 7}},
		{"tftp-server", "10.1.0.7", 66, []byte("10.1.0.7")},
		{"15", "cloud.example", 15, []byte("cloud.example")},
	} {
		ok(s.UpdatePort(s.ann, p.ID, network.UpdatePort{DHCPOptions: &[]network.ExtraDHCPOpt{{Name: c.name, Value: c.value}}}))(s)
		require.Equal(t, c.want, s.offered(p).Options.Get(dhcpv4.GenericOptionCode(c.code)), c.name)
	}
}
