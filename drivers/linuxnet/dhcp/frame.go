package dhcp

import (
	"encoding/binary"
	"net"

	"github.com/insomniacslk/dhcp/dhcpv4"
)

const (
	etherLen, ipLen, udpLen  = 14, 20, 8
	serverPort, clientPort   = 67, 68
	protocolUDP, timeToLive  = 17, 64
	etherTypeIPv4, versionIP = 0x0800, 0x45
)

var (
	broadcast = net.HardwareAddr{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}
	// serverMAC is the sender of answers. No frame is ever sent to it through
	// the bridge: renewals go to the MAC that answers ARP for Server, and are
	// seen on the tap before.
	serverMAC = net.HardwareAddr{0x02, 0, 0xa9, 0xfe, 0xa9, 0xfe}
)

// parse gives the sender and the UDP payload of a frame to the server's port.
// Checksums are not looked at: guests leave them to the hardware.
func parse(frame []byte) (from net.HardwareAddr, payload []byte) {
	if len(frame) < etherLen+ipLen+udpLen || binary.BigEndian.Uint16(frame[12:]) != etherTypeIPv4 {
		return nil, nil
	}
	ip := frame[etherLen:]
	header, total := int(ip[0]&0x0f)*4, int(binary.BigEndian.Uint16(ip[2:]))
	if ip[0]>>4 != 4 || header < ipLen || total > len(ip) || total < header+udpLen || ip[9] != protocolUDP {
		return nil, nil
	}
	udp := ip[header:total]
	length := int(binary.BigEndian.Uint16(udp[4:]))
	if binary.BigEndian.Uint16(udp[2:]) != serverPort || length < udpLen || length > len(udp) {
		return nil, nil
	}
	return frame[6:12], udp[udpLen:length]
}

// frame dresses an answer: RFC 2131, section 4.1, says whom it is sent to. The
// frame's address is always the port's: nobody else is on this link.
func (l *Lease) frame(ask, answer *dhcpv4.DHCPv4) []byte {
	to, mac := net.IPv4bcast, l.MAC
	switch {
	case answer.MessageType() == dhcpv4.MessageTypeNak:
		mac = broadcast
	case !ask.ClientIPAddr.IsUnspecified() && ask.ClientIPAddr != nil:
		to = ask.ClientIPAddr
	case !ask.IsBroadcast():
		to = answer.YourIPAddr
	}
	payload := answer.ToBytes()
	frame := make([]byte, etherLen+ipLen+udpLen, etherLen+ipLen+udpLen+len(payload))
	copy(frame, mac)
	copy(frame[6:], serverMAC)
	binary.BigEndian.PutUint16(frame[12:], etherTypeIPv4)
	frame = append(frame, payload...)
	fillIP(frame[etherLen:], to.To4())
	return frame
}

func fillIP(ip []byte, to net.IP) {
	ip[0], ip[8], ip[9] = versionIP, timeToLive, protocolUDP
	binary.BigEndian.PutUint16(ip[2:], uint16(len(ip)))
	copy(ip[12:], Server.AsSlice())
	copy(ip[16:], to)
	binary.BigEndian.PutUint16(ip[10:], ^sum(ip[:ipLen], 0))

	udp := ip[ipLen:]
	binary.BigEndian.PutUint16(udp, serverPort)
	binary.BigEndian.PutUint16(udp[2:], clientPort)
	binary.BigEndian.PutUint16(udp[4:], uint16(len(udp)))
	check := ^sum(udp, uint32(sum(ip[12:20], protocolUDP+uint32(len(udp)))))
	if check == 0 {
		check = 0xffff // 0 would say that there is no checksum (RFC 768)
	}
	binary.BigEndian.PutUint16(udp[6:], check)
}

// sum is the Internet checksum's sum (RFC 1071), not yet inverted.
func sum(data []byte, start uint32) uint16 {
	total := start
	for i := 0; i+1 < len(data); i += 2 {
		total += uint32(binary.BigEndian.Uint16(data[i:]))
	}
	if len(data)%2 == 1 {
		total += uint32(data[len(data)-1]) << 8
	}
	for total > 0xffff {
		total = total>>16 + total&0xffff
	}
	return uint16(total)
}
