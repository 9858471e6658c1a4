// Package nft writes the kernel's packet filter: a vocabulary for rules, and
// transactions that apply as a whole or not at all. It never runs a program.
package nft

import (
	"encoding/binary"
	"net"
	"net/netip"
	"slices"

	"github.com/google/nftables/binaryutil"
	"github.com/google/nftables/expr"
	"golang.org/x/sys/unix"
)

// Rule is what a rule matches and what it does then, in order.
type Rule []expr.Any

// Of puts matches and a verdict together.
func Of(parts ...Rule) Rule { return slices.Concat(parts...) }

// The verdicts.
var (
	Accept = verdict(expr.VerdictAccept, "")
	Drop   = verdict(expr.VerdictDrop, "")
)

func verdict(kind expr.VerdictKind, chain string) Rule {
	return Rule{&expr.Verdict{Kind: kind, Chain: chain}}
}

// Jump goes on in a chain and comes back when nothing there decides.
func Jump(chain string) Rule { return verdict(expr.VerdictJump, chain) }

// LinkBy says which link of a packet is meant.
type LinkBy expr.MetaKey

// The links of a packet: where it came in and where it goes out.
const (
	In  = LinkBy(expr.MetaKeyIIFNAME)
	Out = LinkBy(expr.MetaKeyOIFNAME)
)

func (l LinkBy) load() expr.Any { return &expr.Meta{Key: expr.MetaKey(l), Register: 1} }

// LinkName is a link's name as sets and rules hold it.
func LinkName(name string) []byte {
	return append([]byte(name), make([]byte, unix.IFNAMSIZ-len(name))...)
}

// Is matches a link by name.
func (l LinkBy) Is(name string) Rule { return Rule{l.load(), equal(LinkName(name))} }

// IsNot matches all links but one.
func (l LinkBy) IsNot(name string) Rule { return Rule{l.load(), unequal(LinkName(name))} }

// Begins matches links whose names begin with a prefix.
func (l LinkBy) Begins(prefix string) Rule { return Rule{l.load(), equal([]byte(prefix))} }

// BeginsNot matches links whose names do not begin with a prefix.
func (l LinkBy) BeginsNot(prefix string) Rule { return Rule{l.load(), unequal([]byte(prefix))} }

// Verdict decides as a map from link names to verdicts says, if it does.
func (l LinkBy) Verdict(set string) Rule {
	return Rule{l.load(), &expr.Lookup{SourceRegister: 1, SetName: set, IsDestRegSet: true}}
}

// Zone puts the packet's connection into the zone that a map has for the link.
func (l LinkBy) Zone(set string) Rule {
	return Rule{
		l.load(), &expr.Lookup{SourceRegister: 1, DestRegister: 1, IsDestRegSet: true, SetName: set},
		&expr.Ct{Key: expr.CtKeyZONE, Register: 1, SourceRegister: true},
	}
}

func equal(data []byte) expr.Any { return &expr.Cmp{Op: expr.CmpOpEq, Register: 1, Data: data} }

func unequal(data []byte) expr.Any { return &expr.Cmp{Op: expr.CmpOpNeq, Register: 1, Data: data} }

func load(base expr.PayloadBase, offset, length int) expr.Any {
	return &expr.Payload{DestRegister: 1, Base: base, Offset: uint32(offset), Len: uint32(length)}
}

func field(base expr.PayloadBase, offset int, data []byte) Rule {
	return Rule{load(base, offset, len(data)), equal(data)}
}

func big16(v int) []byte { return binary.BigEndian.AppendUint16(nil, uint16(v)) }

// The Ethernet types. A frame with a VLAN tag is neither.
var (
	IPv4 = field(expr.PayloadBaseLLHeader, 12, big16(unix.ETH_P_IP))
	// ARP is that for IPv4 addresses on Ethernet.
	ARP = Of(field(expr.PayloadBaseLLHeader, 12, big16(unix.ETH_P_ARP)),
		field(expr.PayloadBaseNetworkHeader, 0, []byte{0, 1, 8, 0, 6, 4}))
	NotIPv4 = Rule{load(expr.PayloadBaseLLHeader, 12, 2), unequal(big16(unix.ETH_P_IP))}
	// ARPRequest narrows ARP.
	ARPRequest = field(expr.PayloadBaseNetworkHeader, 6, big16(1))
)

// EtherSource matches the sender of a frame.
func EtherSource(mac net.HardwareAddr) Rule { return field(expr.PayloadBaseLLHeader, 6, mac) }

// NotFor matches frames to one interface that is none of these.
func NotFor(own ...net.HardwareAddr) Rule {
	one := &expr.Bitwise{SourceRegister: 1, DestRegister: 1, Len: 1, Mask: []byte{1}, Xor: []byte{0}}
	rule := Rule{load(expr.PayloadBaseLLHeader, 0, 1), one, equal([]byte{0})}
	for _, mac := range own {
		rule = append(rule, load(expr.PayloadBaseLLHeader, 0, len(mac)), unequal(mac))
	}
	return rule
}

// SetEtherDest sends the frame to another.
func SetEtherDest(mac net.HardwareAddr) Rule {
	return Rule{
		&expr.Immediate{Register: 1, Data: mac},
		&expr.Payload{OperationType: expr.PayloadWrite, SourceRegister: 1, Base: expr.PayloadBaseLLHeader, Offset: 0, Len: 6},
	}
}

// Source and Dest match the addresses of an IPv4 packet.
func Source(p netip.Prefix) Rule { return within(12, p) }

// Dest matches where an IPv4 packet goes.
func Dest(p netip.Prefix) Rule { return within(16, p) }

// SourceIn matches senders in a set.
func SourceIn(set string) Rule { return addressIn(12, set) }

// DestIn matches receivers in a set.
func DestIn(set string) Rule { return addressIn(16, set) }

func addressIn(offset int, set string) Rule {
	return Rule{load(expr.PayloadBaseNetworkHeader, offset, 4), &expr.Lookup{SourceRegister: 1, SetName: set}}
}

// ARPSender matches the hardware and protocol address that an ARP packet tells.
func ARPSender(mac net.HardwareAddr, p netip.Prefix) Rule {
	return Of(field(expr.PayloadBaseNetworkHeader, 8, mac), within(14, p))
}

// ARPSenderIP matches the protocol address that an ARP packet tells.
func ARPSenderIP(p netip.Prefix) Rule { return within(14, p) }

// ARPTarget matches the address that an ARP packet asks for.
func ARPTarget(p netip.Prefix) Rule { return within(24, p) }

func within(offset int, p netip.Prefix) Rule {
	if p.Bits() == 0 {
		return nil
	}
	rule := Rule{load(expr.PayloadBaseNetworkHeader, offset, 4)}
	if p.Bits() < 32 {
		rule = append(rule, &expr.Bitwise{SourceRegister: 1, DestRegister: 1, Len: 4, Mask: net.CIDRMask(p.Bits(), 32), Xor: make([]byte, 4)})
	}
	return append(rule, equal(p.Masked().Addr().AsSlice()))
}

// Protocol matches the IP protocol.
func Protocol(n int) Rule {
	return Rule{&expr.Meta{Key: expr.MetaKeyL4PROTO, Register: 1}, equal([]byte{byte(n)})}
}

// SourcePort matches the sender's port of TCP, UDP and their kin.
func SourcePort(n int) Rule { return field(expr.PayloadBaseTransportHeader, 0, big16(n)) }

// DestPorts matches a range of receivers' ports.
func DestPorts(from, to int) Rule {
	if from == to {
		return field(expr.PayloadBaseTransportHeader, 2, big16(from))
	}
	return Rule{
		load(expr.PayloadBaseTransportHeader, 2, 2),
		&expr.Range{Op: expr.CmpOpEq, Register: 1, FromData: big16(from), ToData: big16(to)},
	}
}

// VXLANPort is where hosts get what comes through VXLAN tunnels.
const VXLANPort = 4789

// VXLAN matches what goes through VXLAN tunnels, by the IP packet around it.
var VXLAN = Of(Protocol(unix.IPPROTO_UDP), DestPorts(VXLANPort, VXLANPort))

// segment loads the segment of a VXLAN packet into a register.
func segment(register uint32) expr.Any {
	const behindUDP = 8 + 4
	return &expr.Payload{DestRegister: register, Base: expr.PayloadBaseTransportHeader, Offset: behindUDP, Len: 3}
}

// TunnelIn narrows VXLAN to what comes from where a set of Tunnels says.
func TunnelIn(set string) Rule {
	const second = 9 // the four bytes behind the first register's first four
	return Rule{load(expr.PayloadBaseNetworkHeader, 12, 4), segment(second), &expr.Lookup{SourceRegister: 1, SetName: set}}
}

// SegmentIn narrows VXLAN to segments in a set.
func SegmentIn(set string) Rule {
	return Rule{segment(1), &expr.Lookup{SourceRegister: 1, SetName: set}}
}

// ICMPType matches the type of an ICMP packet.
func ICMPType(n int) Rule { return field(expr.PayloadBaseTransportHeader, 0, []byte{byte(n)}) }

// ICMPCode matches the code of an ICMP packet.
func ICMPCode(n int) Rule { return field(expr.PayloadBaseTransportHeader, 1, []byte{byte(n)}) }

func native(v uint32) []byte { return binaryutil.NativeEndian.PutUint32(v) }

// Marked matches packets whose mark has a bit.
func Marked(bit uint32) Rule {
	return Rule{
		&expr.Meta{Key: expr.MetaKeyMARK, Register: 1},
		&expr.Bitwise{SourceRegister: 1, DestRegister: 1, Len: 4, Mask: native(bit), Xor: native(0)},
		unequal(native(0)),
	}
}

// Mark sets a bit of the packet's mark.
func Mark(bit uint32) Rule { return setMark(bit, bit) }

// Unmark clears a bit of the packet's mark.
func Unmark(bit uint32) Rule { return setMark(bit, 0) }

func setMark(bit, value uint32) Rule {
	return Rule{
		&expr.Meta{Key: expr.MetaKeyMARK, Register: 1},
		&expr.Bitwise{SourceRegister: 1, DestRegister: 1, Len: 4, Mask: native(^bit), Xor: native(value)},
		&expr.Meta{Key: expr.MetaKeyMARK, Register: 1, SourceRegister: true},
	}
}

// Related matches packets about a known connection, ICMP errors mostly.
var Related = ctHas(expr.CtKeySTATE, expr.CtStateBitRELATED)

// Established matches packets of a connection that both sides have spoken in.
var Established = ctHas(expr.CtKeySTATE, expr.CtStateBitESTABLISHED)

// Answering matches packets from the side that was connected to.
var Answering = Rule{&expr.Ct{Key: expr.CtKeyDIRECTION, Register: 1}, equal([]byte{1})}

// Redirected matches connections whose destination was changed, NotRedirected the others.
var (
	Redirected    = ctHas(expr.CtKeySTATUS, statusDNAT)
	NotRedirected = append(ctBits(expr.CtKeySTATUS, statusDNAT), equal(native(0)))
)

const statusDNAT = 1 << 5 // IPS_DST_NAT

func ctHas(key expr.CtKey, bits uint32) Rule { return append(ctBits(key, bits), unequal(native(0))) }

func ctBits(key expr.CtKey, bits uint32) Rule {
	return Rule{
		&expr.Ct{Key: key, Register: 1},
		&expr.Bitwise{SourceRegister: 1, DestRegister: 1, Len: 4, Mask: native(bits), Xor: native(0)},
	}
}

// SNAT and DNAT change the sender's or the receiver's address.
func SNAT(to netip.Addr) Rule { return nat(expr.NATTypeSourceNAT, to) }

// DNAT changes the receiver's address.
func DNAT(to netip.Addr) Rule { return nat(expr.NATTypeDestNAT, to) }

func nat(kind expr.NATType, to netip.Addr) Rule {
	return Rule{
		&expr.Immediate{Register: 1, Data: to.AsSlice()},
		&expr.NAT{Type: kind, Family: unix.NFPROTO_IPV4, RegAddrMin: 1},
	}
}
