package network

import (
	"context"
	"net/netip"
	"slices"
	"strings"

	"github.com/cumulite/cumulite/platform/errs"
	"github.com/cumulite/cumulite/platform/store"
)

// Neutron's limits for one subnet.
const (
	maxDNS    = 5
	maxRoutes = 20
)

// checkFamily sees that all addresses of a subnet are of its IP version.
func (sub *Subnet) checkFamily() error {
	if !sub.CIDR.IsValid() || sub.IPVersion != 4 && sub.IPVersion != 6 {
		return invalid("cidr '%s' does not match the ip_version '%d'", sub.CIDR, sub.IPVersion)
	}
	if !sub.ofFamily(sub.CIDR.Addr()) {
		return invalid("cidr '%s' does not match the ip_version '%d'", sub.CIDR, sub.IPVersion)
	}
	if sub.GatewayIP.IsValid() && !sub.ofFamily(sub.GatewayIP) {
		return invalid("gateway_ip '%s' does not match the ip_version '%d'", sub.GatewayIP, sub.IPVersion)
	}
	for _, a := range sub.DNS {
		if !a.IsValid() || a.Zone() != "" {
			return invalid("Error parsing dns address %s", a)
		}
	}
	for _, r := range sub.Routes {
		if !r.Destination.IsValid() || !sub.ofFamily(r.Destination.Addr()) || !sub.ofFamily(r.NextHop) {
			return invalid("Host route destination '%s' or nexthop '%s' does not match the ip_version '%d'", r.Destination, r.NextHop, sub.IPVersion)
		}
	}
	return nil
}

func (sub *Subnet) ofFamily(a netip.Addr) bool {
	return a.IsValid() && a.Zone() == "" && (a.Is4() && sub.IPVersion == 4 || a.Is6() && !a.Is4In6() && sub.IPVersion == 6)
}

// check holds a subnet, whose addresses are of its family, against the rules.
func (sub *Subnet) check() error {
	bits, free := sub.CIDR.Bits(), sub.CIDR.Addr().BitLen()-sub.CIDR.Bits()
	switch {
	case bits == 0:
		return invalid("0 is not allowed as CIDR prefix length")
	case sub.DHCP && free < 2:
		return invalid("Subnet has a prefix length that is incompatible with DHCP service enabled")
	case sub.DHCP && sub.CIDR.Addr().IsMulticast():
		return invalid("Multicast IP subnet is not supported if enable_dhcp is True")
	case sub.DHCP && sub.CIDR.Addr().IsLoopback():
		return invalid("Loopback IP subnet is not supported if enable_dhcp is True")
	case len(sub.DNS) > maxDNS:
		return errs.Invalidf("Unable to complete operation for %s. The number of DNS nameservers exceeds the limit %d.", sub.ID, maxDNS).WithCode("DNSNameServersExhausted")
	case len(sub.Routes) > maxRoutes:
		return errs.Invalidf("Unable to complete operation for %s. The number of host routes exceeds the limit %d.", sub.ID, maxRoutes).WithCode("HostRoutesExhausted")
	}
	return first(sub.checkModes(), sub.checkServiceTypes(), sub.checkPools(), sub.checkGateway())
}

func (sub *Subnet) checkModes() error {
	known := []string{"", SLAAC, Stateful, Stateless}
	switch {
	case !slices.Contains(known, sub.RAMode) || !slices.Contains(known, sub.AddressMode):
		return invalid("ipv6_ra_mode and ipv6_address_mode must be one of %s", strings.Join(known[1:], ", "))
	case sub.RAMode == "" && sub.AddressMode == "":
		return nil
	case sub.IPVersion == 4:
		return invalid("ipv6_ra_mode and ipv6_address_mode are not valid when ip_version is 4")
	case !sub.DHCP:
		return invalid("ipv6_ra_mode or ipv6_address_mode cannot be set when enable_dhcp is set to False")
	case sub.RAMode != "" && sub.AddressMode != "" && sub.RAMode != sub.AddressMode:
		return invalid("ipv6_ra_mode set to '%s' with ipv6_address_mode set to '%s' is not valid. "+
			"If both attributes are set, they must be the same value", sub.RAMode, sub.AddressMode)
	case sub.automatic() && sub.CIDR.Bits() != 64:
		return invalid("Invalid CIDR %s for IPv6 address mode. OpenStack uses the EUI-64 address format, which requires the prefix to be /64", sub.CIDR)
	}
	return nil
}

func (sub *Subnet) checkServiceTypes() error {
	for _, t := range sub.ServiceTypes {
		if !strings.HasPrefix(t, "network:") && !strings.HasPrefix(t, "compute:") {
			return errs.Invalidf("Subnet service type %s does not correspond to a valid device owner.", t).WithCode("InvalidSubnetServiceType")
		}
	}
	return nil
}

// checkPools sees that pools are whole, inside of the subnet, and apart. It sorts them.
func (sub *Subnet) checkPools() error {
	lowest, highest := sub.bounds()
	for _, p := range sub.Pools {
		if !sub.ofFamily(p.Start) || !sub.ofFamily(p.End) || p.End.Less(p.Start) {
			return errs.Invalidf("The allocation pool %s is not valid.", p).WithCode("InvalidAllocationPool")
		}
		if p.Start.Less(lowest) || highest.Less(p.End) {
			return errs.Invalidf("The allocation pool %s spans beyond the subnet cidr %s.", p, sub.CIDR).WithCode("OutOfBoundsAllocationPool")
		}
	}
	sub.Pools = slices.SortedFunc(slices.Values(sub.Pools), func(a, b Pool) int { return a.Start.Compare(b.Start) })
	for i := 1; i < len(sub.Pools); i++ {
		if a, b := sub.Pools[i-1], sub.Pools[i]; !a.End.Less(b.Start) {
			return errs.Conflictf("Found overlapping allocation pools: %s %s for subnet %s.", a, b, sub.CIDR).WithCode("OverlappingAllocationPools")
		}
	}
	return nil
}

func (sub *Subnet) checkGateway() error {
	g := sub.GatewayIP
	if !g.IsValid() {
		return nil
	}
	if sub.CIDR.Contains(g) && !sub.usable(g) {
		return invalid("Gateway is not valid on subnet")
	}
	for _, p := range sub.Pools {
		if p.contains(g) {
			return errs.Conflictf("Gateway ip %s conflicts with allocation pool %s.", g, p).WithCode("GatewayConflictWithAllocationPools")
		}
	}
	return nil
}

// checkGatewayUnused sees that no router has the gateway's address.
func (s *Service) checkGatewayUnused(ctx context.Context, tx *store.Tx, sub *Subnet) error {
	var a allocation
	err := tx.NewSelect().Model(&a).Where("subnet_id = ? AND ip = ?", sub.ID, sub.GatewayIP.String()).
		Where("port_id IN (SELECT id FROM network_ports WHERE device_owner = ?)", OwnerInterface).Scan(ctx)
	if store.IsNone(err) {
		return nil
	}
	if err != nil {
		return err
	}
	return errs.Conflictf("Current gateway ip %s already in use by port %s. Unable to update.", sub.GatewayIP, a.PortID).WithCode("GatewayIpInUse")
}

// checkOverlap sees that a new subnet is apart from the others of its network,
// and that its packets fit.
func (s *Service) checkOverlap(ctx context.Context, tx *store.Tx, sub *Subnet) error {
	if sub.IPVersion == 6 && sub.network.MTU < minMTU6 {
		return invalid("Network MTU is too small for IPv6, minimum is %d", minMTU6)
	}
	others, err := subnetsOf(ctx, tx, sub.NetworkID)
	if err != nil {
		return err
	}
	for _, other := range others {
		if other.CIDR.Overlaps(sub.CIDR) {
			return invalid("Requested subnet with cidr: %s for network: %s overlaps with another subnet", sub.CIDR, sub.NetworkID)
		}
	}
	return nil
}
