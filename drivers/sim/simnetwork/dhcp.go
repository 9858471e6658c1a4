package simnetwork

import (
	"net"
	"net/netip"
	"time"

	"github.com/insomniacslk/dhcp/dhcpv4"

	"github.com/cumulite/cumulite/network"
	"github.com/cumulite/cumulite/network/frame"
)

// leaseTime is Neutron's default.
const leaseTime = 24 * time.Hour

// dhcpServer is where the DHCP service speaks from: it has no address on the
// network, so it takes the one of the metadata service.
var dhcpServer = metadataIP

func isDHCP(f frame.Frame) bool {
	return f.Kind == frame.IP && f.Protocol == frame.UDP && f.SrcPort == 68 && f.DstPort == 67
}

// dhcpAnswer offers, or acknowledges, the port's own address: nobody else's.
func dhcpAnswer(n network.NetworkSpec, p network.PortSpec, f frame.Frame) (frame.Frame, bool) {
	asked, err := dhcpv4.FromBytes(f.Payload)
	address, subnet, leased := lease(n, p)
	if err != nil || !leased || asked.ClientHWAddr.String() != p.MAC {
		return frame.Frame{}, false
	}
	kind := dhcpv4.MessageTypeOffer
	switch asked.MessageType() {
	case dhcpv4.MessageTypeDiscover:
	case dhcpv4.MessageTypeRequest:
		kind = dhcpv4.MessageTypeAck
		if want := asked.RequestedIPAddress(); want != nil && !want.Equal(address.AsSlice()) {
			kind = dhcpv4.MessageTypeNak
		}
	default:
		return frame.Frame{}, false
	}
	answer, err := dhcpv4.NewReplyFromRequest(asked, options(n, p, subnet, address, kind)...)
	if err != nil {
		return frame.Frame{}, false
	}
	return frame.Frame{
		SrcMAC: hostMAC(n.ID), DstMAC: p.MAC, Src: dhcpServer, Dst: address,
		Protocol: frame.UDP, SrcPort: 67, DstPort: 68, Payload: answer.ToBytes(),
	}, true
}

// lease gives the port's first IPv4 address on a subnet with DHCP.
func lease(n network.NetworkSpec, p network.PortSpec) (netip.Addr, network.SubnetSpec, bool) {
	for _, a := range p.Addresses {
		for _, s := range n.Subnets {
			if s.ID == a.SubnetID && s.DHCP && a.IP.Is4() {
				return a.IP, s, true
			}
		}
	}
	return netip.Addr{}, network.SubnetSpec{}, false
}

func options(n network.NetworkSpec, p network.PortSpec, s network.SubnetSpec, a netip.Addr, kind dhcpv4.MessageType) []dhcpv4.Modifier {
	all := []dhcpv4.Modifier{
		dhcpv4.WithMessageType(kind),
		dhcpv4.WithServerIP(dhcpServer.AsSlice()),
		dhcpv4.WithOption(dhcpv4.OptServerIdentifier(dhcpServer.AsSlice())),
	}
	if kind == dhcpv4.MessageTypeNak {
		return all
	}
	all = append(all,
		dhcpv4.WithYourIP(a.AsSlice()),
		dhcpv4.WithNetmask(net.CIDRMask(s.CIDR.Bits(), 32)),
		dhcpv4.WithLeaseTime(uint32(leaseTime.Seconds())),
		dhcpv4.WithOption(dhcpv4.Option{Code: dhcpv4.OptionInterfaceMTU, Value: dhcpv4.Uint16(n.MTU)}),
	)
	if s.Gateway.IsValid() {
		all = append(all, dhcpv4.WithRouter(s.Gateway.AsSlice()))
	}
	if len(s.DNS) > 0 {
		all = append(all, dhcpv4.WithDNS(ips(s.DNS)...))
	}
	if p.Hostname != "" {
		all = append(all, dhcpv4.WithOption(dhcpv4.OptHostName(p.Hostname)))
	}
	all = append(all, dhcpv4.WithOption(dhcpv4.OptClasslessStaticRoute(routes(s)...)))
	for _, o := range p.DHCPOptions {
		all = append(all, dhcpv4.WithGeneric(dhcpv4.GenericOptionCode(o.Code), o.Value))
	}
	return all
}

// routes are those of option 121. Clients that read it ignore the router, so
// the default route stands in it too.
func routes(s network.SubnetSpec) []*dhcpv4.Route {
	all := []*dhcpv4.Route{{Dest: prefix(netip.PrefixFrom(metadataIP, 32)), Router: net.IPv4zero}}
	for _, r := range s.Routes {
		if r.Destination.Addr().Is4() {
			all = append(all, &dhcpv4.Route{Dest: prefix(r.Destination), Router: r.NextHop.AsSlice()})
		}
	}
	if s.Gateway.IsValid() {
		all = append(all, &dhcpv4.Route{Dest: &net.IPNet{IP: net.IPv4zero, Mask: net.CIDRMask(0, 32)}, Router: s.Gateway.AsSlice()})
	}
	return all
}

func prefix(p netip.Prefix) *net.IPNet {
	return &net.IPNet{IP: p.Masked().Addr().AsSlice(), Mask: net.CIDRMask(p.Bits(), p.Addr().BitLen())}
}

func ips(all []netip.Addr) []net.IP {
	out := make([]net.IP, 0, len(all))
	for _, a := range all {
		if a.Is4() {
			out = append(out, a.AsSlice())
		}
	}
	return out
}
