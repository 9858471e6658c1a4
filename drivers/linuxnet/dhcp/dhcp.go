// Package dhcp answers the DHCP requests of one port. Who asks is known by
// where the request came from; of the packet only the MAC address counts, and
// it must be the port's. There is nothing to lease: a port has its address.
package dhcp

import (
	"encoding/binary"
	"net"
	"net/netip"
	"slices"
	"time"

	"github.com/insomniacslk/dhcp/dhcpv4"
)

// Server is the server identifier: the metadata address, which every guest
// reaches on its own link whether or not its subnet has a router.
var Server = netip.AddrFrom4([4]byte{169, 254, 169, 254})

// LeaseTime of every lease. Renewals are answered as the port is then.
const LeaseTime = 24 * time.Hour

// Lease is what a port is told.
type Lease struct {
	MAC      net.HardwareAddr
	Address  netip.Prefix // with the subnet's length
	Gateway  netip.Addr   // not valid without one
	DNS      []netip.Addr
	Routes   []Route
	Hostname string
	MTU      int
	Options  []Option // override those above
}

// Route is one classless static route.
type Route struct {
	Destination netip.Prefix
	NextHop     netip.Addr
}

// Option is one option, encoded.
type Option struct {
	Code  uint8
	Value []byte
}

// Answer gives the frame that answers a frame, nil when there is no answer to it.
func (l *Lease) Answer(frame []byte) []byte {
	from, payload := parse(frame)
	if payload == nil || !slices.Equal(from, l.MAC) {
		return nil
	}
	ask, err := dhcpv4.FromBytes(payload)
	if err != nil || ask.OpCode != dhcpv4.OpcodeBootRequest || !slices.Equal(ask.ClientHWAddr, l.MAC) {
		return nil
	}
	kind := l.kind(ask)
	if kind == dhcpv4.MessageTypeNone {
		return nil
	}
	answer, err := dhcpv4.NewReplyFromRequest(ask, dhcpv4.WithMessageType(kind))
	if err != nil {
		return nil
	}
	answer.UpdateOption(dhcpv4.OptServerIdentifier(Server.AsSlice()))
	if kind != dhcpv4.MessageTypeNak {
		l.fill(ask, answer)
	}
	return l.frame(ask, answer)
}

// kind says what is answered: RFC 2131, section 4.3.
func (l *Lease) kind(ask *dhcpv4.DHCPv4) dhcpv4.MessageType {
	switch ask.MessageType() {
	case dhcpv4.MessageTypeDiscover:
		return dhcpv4.MessageTypeOffer
	case dhcpv4.MessageTypeInform:
		return dhcpv4.MessageTypeAck
	case dhcpv4.MessageTypeRequest:
		if server := ask.ServerIdentifier(); server != nil && !server.Equal(Server.AsSlice()) {
			return dhcpv4.MessageTypeNone
		}
		wanted := ask.RequestedIPAddress()
		if wanted == nil {
			wanted = ask.ClientIPAddr
		}
		if !wanted.Equal(l.Address.Addr().AsSlice()) {
			return dhcpv4.MessageTypeNak
		}
		return dhcpv4.MessageTypeAck
	}
	return dhcpv4.MessageTypeNone
}

func (l *Lease) fill(ask, answer *dhcpv4.DHCPv4) {
	answer.UpdateOption(dhcpv4.OptSubnetMask(net.CIDRMask(l.Address.Bits(), 32)))
	if ask.MessageType() != dhcpv4.MessageTypeInform {
		answer.YourIPAddr = l.Address.Addr().AsSlice()
		answer.UpdateOption(dhcpv4.OptIPAddressLeaseTime(LeaseTime))
		answer.UpdateOption(dhcpv4.OptRenewTimeValue(LeaseTime / 2))
		answer.UpdateOption(dhcpv4.OptRebindingTimeValue(LeaseTime * 7 / 8))
	}
	if l.Gateway.IsValid() {
		answer.UpdateOption(dhcpv4.OptRouter(l.Gateway.AsSlice()))
	}
	if dns := slices.Concat(addresses(l.DNS)...); len(dns) > 0 {
		answer.UpdateOption(dhcpv4.OptGeneric(dhcpv4.OptionDomainNameServer, dns))
	}
	if l.Hostname != "" {
		answer.UpdateOption(dhcpv4.OptHostName(l.Hostname))
	}
	answer.UpdateOption(dhcpv4.OptGeneric(dhcpv4.OptionInterfaceMTU, binary.BigEndian.AppendUint16(nil, uint16(min(l.MTU, 0xffff)))))
	answer.UpdateOption(dhcpv4.OptClasslessStaticRoute(l.routes()...))
	for _, o := range l.Options {
		answer.UpdateOption(dhcpv4.OptGeneric(dhcpv4.GenericOptionCode(o.Code), o.Value))
	}
}

func addresses(all []netip.Addr) [][]byte {
	var out [][]byte
	for _, a := range all {
		if a.Is4() {
			out = append(out, a.AsSlice())
		}
	}
	return out
}

// routes are the subnet's, the metadata service on the link itself (router
// 0.0.0.0, RFC 3442), and the default route: a client that takes this option
// must not look at the router option.
func (l *Lease) routes() []*dhcpv4.Route {
	routes := []*dhcpv4.Route{route(netip.PrefixFrom(Server, 32), netip.IPv4Unspecified())}
	for _, r := range l.Routes {
		if r.Destination.Addr().Is4() && r.NextHop.Is4() {
			routes = append(routes, route(r.Destination, r.NextHop))
		}
	}
	if l.Gateway.IsValid() {
		routes = append(routes, route(netip.PrefixFrom(netip.IPv4Unspecified(), 0), l.Gateway))
	}
	return routes
}

func route(to netip.Prefix, via netip.Addr) *dhcpv4.Route {
	return &dhcpv4.Route{
		Dest:   &net.IPNet{IP: to.Addr().AsSlice(), Mask: net.CIDRMask(to.Bits(), 32)},
		Router: via.AsSlice(),
	}
}
