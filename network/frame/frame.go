// Package frame describes the Ethernet frames that guests send: what the
// conformance suite of network.Driver puts in and expects, and what simulated
// hosts forward.
package frame

import "net/netip"

// Broadcast is the address of everyone on a network.
const Broadcast = "ff:ff:ff:ff:ff:ff"

// Kind is what a frame is for.
type Kind uint8

// The kinds. WhoHas and IsAt are ARP for IPv4 addresses, and the solicitations
// and advertisements of neighbours for IPv6.
const (
	IP     Kind = iota
	WhoHas      // Src asks for the address of Dst
	IsAt        // Src tells Dst that it is at SrcMAC
)

// The protocols that have fields of their own here.
const (
	ICMP   = 1
	TCP    = 6
	UDP    = 17
	ICMPv6 = 58
)

// Frame is one Ethernet frame. MAC addresses are lower case with colons.
type Frame struct {
	SrcMAC, DstMAC string
	Kind           Kind
	Src, Dst       netip.Addr
	Protocol       int // of IP
	// SrcPort and DstPort are those of TCP and UDP; of ICMP the type and the code.
	SrcPort, DstPort int
	Payload          []byte
}

// Reply gives the frame that answers f, with a payload.
func (f Frame) Reply(payload []byte) Frame {
	r := f
	r.SrcMAC, r.DstMAC, r.Src, r.Dst = f.DstMAC, f.SrcMAC, f.Dst, f.Src
	r.SrcPort, r.DstPort, r.Payload = f.DstPort, f.SrcPort, payload
	if f.IsICMP() {
		r.SrcPort, r.DstPort = answerType(f), 0
	}
	return r
}

// IsICMP tells whether the ports are type and code.
func (f Frame) IsICMP() bool { return f.Protocol == ICMP || f.Protocol == ICMPv6 }

// EchoRequest gives protocol and type of a ping to an address.
func EchoRequest(a netip.Addr) (protocol, typ int) {
	if a.Is4() {
		return ICMP, 8
	}
	return ICMPv6, 128
}

func answerType(f Frame) int {
	switch {
	case f.Protocol == ICMP && f.SrcPort == 8:
		return 0
	case f.Protocol == ICMPv6 && f.SrcPort == 128:
		return 129
	}
	return f.SrcPort
}
