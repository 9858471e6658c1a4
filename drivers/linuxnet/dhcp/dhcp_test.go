package dhcp

import (
	"fmt"
	"net"
	"net/netip"
	"testing"

	"github.com/insomniacslk/dhcp/dhcpv4"
	"github.com/stretchr/testify/require"
)

var guestMAC = net.HardwareAddr{0xfa, 0x16, 0x3e, 1, 2, 3}

func lease() *Lease {
	return &Lease{
		MAC: guestMAC, Address: netip.MustParsePrefix("10.1.2.3/24"), Gateway: netip.MustParseAddr("10.1.2.1"),
		DNS:      []netip.Addr{netip.MustParseAddr("9.9.9.9"), netip.MustParseAddr("2620:fe::fe"), netip.MustParseAddr("1.1.1.1")},
		Routes:   []Route{{netip.MustParsePrefix("172.20.0.0/14"), netip.MustParseAddr("10.1.2.9")}},
		Hostname: "one", MTU: 1450,
	}
}

// request makes the frame that a client sends.
func request(t *testing.T, kind dhcpv4.MessageType, mods ...dhcpv4.Modifier) []byte {
	t.Helper()
	ask, err := dhcpv4.New(append([]dhcpv4.Modifier{dhcpv4.WithHwAddr(guestMAC), dhcpv4.WithMessageType(kind)}, mods...)...)
	require.NoError(t, err)
	payload := ask.ToBytes()
	frame := make([]byte, etherLen+ipLen+udpLen, 1024)
	copy(frame, broadcast)
	copy(frame[6:], guestMAC)
	frame[12], frame[13] = 0x08, 0x00
	frame = append(frame, payload...)
	fillIP(frame[etherLen:], net.IPv4bcast.To4())
	frame[34], frame[35], frame[36], frame[37] = 0, clientPort, 0, serverPort
	return frame
}

// read takes an answer's frame apart and checks its checksums.
func read(t *testing.T, frame []byte) (to net.IP, m *dhcpv4.DHCPv4) {
	t.Helper()
	require.NotNil(t, frame, "no answer")
	ip := frame[etherLen:]
	require.Equal(t, uint16(0xffff), sum(ip[:ipLen], 0), "IP checksum")
	require.Equal(t, uint16(0xffff), sum(ip[ipLen:], uint32(sum(ip[12:20], protocolUDP+uint32(len(ip)-ipLen)))), "UDP checksum")
	require.Equal(t, []byte{0, serverPort, 0, clientPort}, ip[ipLen:ipLen+4])
	m, err := dhcpv4.FromBytes(ip[ipLen+udpLen:])
	require.NoError(t, err)
	return net.IP(ip[16:20]), m
}

func TestDiscoverIsOfferedThePortsAddressAndOptions(t *testing.T) {
	to, m := read(t, lease().Answer(request(t, dhcpv4.MessageTypeDiscover)))
	require.Equal(t, "10.1.2.3", to.String())
	require.Equal(t, dhcpv4.MessageTypeOffer, m.MessageType())
	require.Equal(t, "10.1.2.3", m.YourIPAddr.String())
	require.Equal(t, "ffffff00", m.SubnetMask().String())
	require.Equal(t, "10.1.2.1", m.Router()[0].String())
	require.Equal(t, "[9.9.9.9 1.1.1.1]", fmt.Sprint(m.DNS()))
	require.Equal(t, "one", m.HostName())
	require.Equal(t, []byte{0x05, 0xaa}, m.Options.Get(dhcpv4.OptionInterfaceMTU))
	require.Equal(t, LeaseTime, m.IPAddressLeaseTime(0))
	require.Equal(t, LeaseTime/2, m.IPAddressRenewalTime(0))
	require.Equal(t, LeaseTime*7/8, m.IPAddressRebindingTime(0))
	require.Equal(t, Server.String(), m.ServerIdentifier().String())
	var routes []string
	for _, r := range m.ClasslessStaticRoute() {
		routes = append(routes, r.Dest.String()+" "+r.Router.String())
	}
	require.Equal(t, []string{"169.254.169.254/32 0.0.0.0", "172.20.0.0/14 10.1.2.9", "0.0.0.0/0 10.1.2.1"}, routes)
}

func TestSubnetWithoutGatewayGivesNoDefaultRoute(t *testing.T) {
	l := lease()
	l.Gateway = netip.Addr{}
	_, m := read(t, l.Answer(request(t, dhcpv4.MessageTypeDiscover)))
	require.Empty(t, m.Router())
	require.Len(t, m.ClasslessStaticRoute(), 2)
}

func TestRequestIsAcknowledgedOnlyForThePortsAddress(t *testing.T) {
	own, other := net.IPv4(10, 1, 2, 3), net.IPv4(10, 1, 2, 4)
	server, stranger := net.IP(Server.AsSlice()), net.IPv4(10, 1, 2, 2)
	for name, c := range map[string]struct {
		mods []dhcpv4.Modifier
		want dhcpv4.MessageType
	}{
		"selecting":          {[]dhcpv4.Modifier{dhcpv4.WithOption(dhcpv4.OptServerIdentifier(server)), dhcpv4.WithOption(dhcpv4.OptRequestedIPAddress(own))}, dhcpv4.MessageTypeAck},
		"rebooting":          {[]dhcpv4.Modifier{dhcpv4.WithOption(dhcpv4.OptRequestedIPAddress(own))}, dhcpv4.MessageTypeAck},
		"renewing":           {[]dhcpv4.Modifier{dhcpv4.WithClientIP(own)}, dhcpv4.MessageTypeAck},
		"another's address":  {[]dhcpv4.Modifier{dhcpv4.WithOption(dhcpv4.OptRequestedIPAddress(other))}, dhcpv4.MessageTypeNak},
		"renewing another's": {[]dhcpv4.Modifier{dhcpv4.WithClientIP(other)}, dhcpv4.MessageTypeNak},
		"another server":     {[]dhcpv4.Modifier{dhcpv4.WithOption(dhcpv4.OptServerIdentifier(stranger)), dhcpv4.WithOption(dhcpv4.OptRequestedIPAddress(own))}, dhcpv4.MessageTypeNone},
	} {
		t.Run(name, func(t *testing.T) {
			answer := lease().Answer(request(t, dhcpv4.MessageTypeRequest, c.mods...))
			if c.want == dhcpv4.MessageTypeNone {
				require.Nil(t, answer)
				return
			}
			_, m := read(t, answer)
			require.Equal(t, c.want, m.MessageType())
			if c.want == dhcpv4.MessageTypeNak {
				require.True(t, m.YourIPAddr.IsUnspecified())
				require.Equal(t, []byte(broadcast), answer[:6])
			}
		})
	}
}

func TestInformIsAnsweredWithoutALease(t *testing.T) {
	_, m := read(t, lease().Answer(request(t, dhcpv4.MessageTypeInform, dhcpv4.WithClientIP(net.IPv4(10, 1, 2, 3)))))
	require.Equal(t, dhcpv4.MessageTypeAck, m.MessageType())
	require.True(t, m.YourIPAddr.IsUnspecified())
	require.Zero(t, m.IPAddressLeaseTime(0))
	require.Equal(t, "10.1.2.1", m.Router()[0].String())
}

func TestPortsOwnOptionsOverrideTheOthers(t *testing.T) {
	l := lease()
	l.Options = []Option{{Code: 26, Value: []byte{0x04, 0x00}}, {Code: 67, Value: []byte("boot.ipxe")}}
	_, m := read(t, l.Answer(request(t, dhcpv4.MessageTypeDiscover)))
	require.Equal(t, []byte{4, 0}, m.Options.Get(dhcpv4.OptionInterfaceMTU))
	require.Equal(t, "boot.ipxe", m.BootFileNameOption())
}

func TestWhatIsNotAskedByThePortIsNotAnswered(t *testing.T) {
	good := request(t, dhcpv4.MessageTypeDiscover)
	require.NotNil(t, lease().Answer(good))
	change := func(at int, v byte) []byte {
		f := append([]byte(nil), good...)
		f[at] = v
		return f
	}
	for name, frame := range map[string][]byte{
		"another sender":           change(11, 9),
		"another client":           change(etherLen+ipLen+udpLen+28, 9),
		"an answer":                change(etherLen+ipLen+udpLen, 2),
		"another port":             change(37, 68),
		"not IPv4":                 change(12, 0x86),
		"a header longer than all": change(14, 0x4f+0)[:60],
		"a release":                request(t, dhcpv4.MessageTypeRelease),
	} {
		require.Nil(t, lease().Answer(frame), name)
	}
	for n := range good {
		lease().Answer(good[:n]) // no length is a fault
	}
}

func FuzzAnswer(f *testing.F) {
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, payload []byte) {
		frame := make([]byte, etherLen+ipLen+udpLen, 2048)
		copy(frame[6:], guestMAC)
		frame[12] = 0x08
		frame = append(frame, payload...)
		if len(frame) > 0xffff {
			return
		}
		fillIP(frame[etherLen:], net.IPv4bcast.To4())
		frame[37] = serverPort
		lease().Answer(frame)
	})
}
