package linuxnet

import (
	"encoding/binary"
	"net"
	"net/netip"

	"github.com/cumulite/cumulite/network/frame"
)

// The suite's frames as they are on the wire.

const (
	etherIPv4 = 0x0800
	etherARP  = 0x0806
)

func encode(f frame.Frame) []byte {
	out := append(mac(f.DstMAC), mac(f.SrcMAC)...)
	if f.Kind == frame.IP {
		return append(binary.BigEndian.AppendUint16(out, etherIPv4), encodeIP(f)...)
	}
	out = binary.BigEndian.AppendUint16(out, etherARP)
	out = append(out, 0, 1, 8, 0, 6, 4, 0, byte(f.Kind)) // WhoHas and IsAt are ARP's own numbers
	out = append(append(out, mac(f.SrcMAC)...), f.Src.AsSlice()...)
	return append(append(out, mac(f.DstMAC)...), f.Dst.AsSlice()...)
}

func mac(text string) []byte {
	m, err := net.ParseMAC(text)
	if err != nil {
		panic(err)
	}
	return m
}

func encodeIP(f frame.Frame) []byte {
	segment := encodeSegment(f)
	ip := make([]byte, 20, 20+len(segment))
	ip[0], ip[8], ip[9] = 0x45, 64, byte(f.Protocol)
	binary.BigEndian.PutUint16(ip[2:], uint16(20+len(segment)))
	copy(ip[12:], f.Src.AsSlice())
	copy(ip[16:], f.Dst.AsSlice())
	binary.BigEndian.PutUint16(ip[10:], checksum(ip))
	return append(ip, segment...)
}

// encodeSegment makes the segment with its checksum. TCP is as in the middle
// of a conversation.
func encodeSegment(f frame.Frame) []byte {
	header, at := []byte(nil), 0
	switch f.Protocol {
	case frame.UDP:
		header, at = make([]byte, 8), 6
		binary.BigEndian.PutUint16(header[4:], uint16(8+len(f.Payload)))
	case frame.TCP:
		header, at = make([]byte, 20), 16
		header[7], header[11], header[12], header[13], header[14] = 1, 1, 5<<4, 0x18, 0xff
	case frame.ICMP:
		header, at = []byte{byte(f.SrcPort), byte(f.DstPort), 0, 0, 0, 1, 0, 1}, 2
		segment := append(header, f.Payload...)
		binary.BigEndian.PutUint16(segment[at:], checksum(segment))
		return segment
	default:
		return f.Payload
	}
	binary.BigEndian.PutUint16(header, uint16(f.SrcPort))
	binary.BigEndian.PutUint16(header[2:], uint16(f.DstPort))
	segment := append(header, f.Payload...)
	pseudo := append(append(f.Src.AsSlice(), f.Dst.AsSlice()...), 0, byte(f.Protocol))
	pseudo = binary.BigEndian.AppendUint16(pseudo, uint16(len(segment)))
	binary.BigEndian.PutUint16(segment[at:], checksum(append(pseudo, segment...)))
	return segment
}

func checksum(data []byte) uint16 {
	var sum uint32
	for i := 0; i < len(data); i += 2 {
		sum += uint32(data[i]) << 8
		if i+1 < len(data) {
			sum += uint32(data[i+1])
		}
	}
	for sum > 0xffff {
		sum = sum>>16 + sum&0xffff
	}
	return ^uint16(sum)
}

// decode gives false for what the suite has no frames for.
func decode(b []byte) (f frame.Frame, ok bool) {
	if len(b) < 34 {
		return f, false
	}
	f.DstMAC, f.SrcMAC = net.HardwareAddr(b[:6]).String(), net.HardwareAddr(b[6:12]).String()
	switch binary.BigEndian.Uint16(b[12:]) {
	case etherARP:
		f.Kind = frame.Kind(b[21])
		f.Src, f.Dst = netip.AddrFrom4([4]byte(b[28:32])), netip.AddrFrom4([4]byte(b[38:42]))
		return f, true
	case etherIPv4:
		f.Protocol = int(b[23])
		f.Src, f.Dst = netip.AddrFrom4([4]byte(b[26:30])), netip.AddrFrom4([4]byte(b[30:34]))
		decodeSegment(&f, b[34:14+binary.BigEndian.Uint16(b[16:])])
		return f, true
	}
	return f, false
}

func decodeSegment(f *frame.Frame, s []byte) {
	switch f.Protocol {
	case frame.ICMP:
		f.SrcPort, f.DstPort, f.Payload = int(s[0]), int(s[1]), s[8:]
	case frame.UDP, frame.TCP:
		f.SrcPort, f.DstPort = int(binary.BigEndian.Uint16(s)), int(binary.BigEndian.Uint16(s[2:]))
		f.Payload = s[8:]
		if f.Protocol == frame.TCP {
			f.Payload = s[s[12]>>4*4:]
		}
	default:
		f.Payload = s
	}
}
