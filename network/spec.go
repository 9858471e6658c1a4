package network

import (
	"context"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"github.com/uptrace/bun"

	"github.com/cumulite/cumulite/platform/store"
)

// networkSpec gives what a host must make of a network; false when it is gone.
// The caller sets Operation and Generation.
func networkSpec(ctx context.Context, db bun.IDB, id, host string) (NetworkSpec, bool, error) {
	n, err := store.Get[Network](ctx, db, id)
	if store.IsNone(err) {
		return NetworkSpec{}, false, nil
	}
	if err != nil {
		return NetworkSpec{}, false, err
	}
	all, err := subnetsOf(ctx, db, id)
	spec := NetworkSpec{ID: id, Type: n.Type, Physical: n.Physical, Segment: n.Segment, MTU: n.MTU, External: n.External, Disabled: !n.AdminStateUp}
	for i := range all {
		spec.Subnets = append(spec.Subnets, all[i].spec())
	}
	if err == nil && networkTypes[n.Type].tunnel {
		spec.Peers, err = peersOf(ctx, db, id, host)
	}
	return spec, true, err
}

func (sub *Subnet) spec() SubnetSpec {
	return SubnetSpec{
		ID: sub.ID, CIDR: sub.CIDR, Gateway: sub.GatewayIP, DHCP: sub.DHCP, DNS: sub.nameServers(), Routes: sub.Routes,
		RAMode: sub.RAMode, AddrMode: sub.AddressMode,
	}
}

// nameServers are those that guests are told of. The address that is none
// (0.0.0.0, ::) stands for none, as in the original.
func (sub *Subnet) nameServers() []netip.Addr {
	return slices.DeleteFunc(slices.Clone(sub.DNS), netip.Addr.IsUnspecified)
}

// portSpec gives what a host must make of a port; false when it is gone. The
// caller sets Operation and Generation.
func portSpec(ctx context.Context, db bun.IDB, id string) (PortSpec, bool, error) {
	p, err := store.Get[Port](ctx, db, id)
	if store.IsNone(err) {
		return PortSpec{}, false, nil
	}
	if err != nil {
		return PortSpec{}, false, err
	}
	rows := []Port{*p}
	if err := first(loadAddresses(ctx, db, rows), loadPortGroups(ctx, db, rows)); err != nil {
		return PortSpec{}, false, err
	}
	return rows[0].spec(), true, nil
}

func (p *Port) spec() PortSpec {
	spec := PortSpec{
		ID: p.ID, NetworkID: p.NetworkID, MAC: p.MAC, Addresses: p.Addresses, PortSecurity: p.PortSecurity, Groups: p.Groups,
		Hostname: p.DNSName, Disabled: !p.AdminStateUp,
	}
	for _, pair := range p.Pairs {
		prefix, err := prefixOf(pair.IP)
		if err != nil {
			continue // not stored since check
		}
		mac := pair.MAC
		if mac == p.MAC {
			mac = ""
		}
		spec.Pairs = append(spec.Pairs, Pair{Prefix: prefix, MAC: mac})
	}
	for _, o := range p.DHCPOptions {
		if encoded, known := o.encode(); known && o.Version == 4 {
			spec.DHCPOptions = append(spec.DHCPOptions, encoded)
		}
	}
	return spec
}

// dhcpOptions are those that clouds use, by dnsmasq's names.
var dhcpOptions = map[string]uint8{
	"netmask": 1, "router": 3, "dns-server": 6, "hostname": 12, "boot-file-size": 13, "domain-name": 15, "mtu": 26, "interface-mtu": 26,
	"broadcast": 28, "ntp-server": 42, "tftp-server": tftpServerName, "tftp-server-address": 150, "server-ip-address": 150, "bootfile-name": 67,
	"domain-search": 119, "classless-static-route": 121,
}

// tftpServerName is text, also where the name is an address.
const tftpServerName = 66

// encode gives an option as DHCP carries it: addresses and numbers in binary,
// all else as text.
func (o *ExtraDHCPOpt) encode() (DHCPOption, bool) {
	code, known := dhcpOptions[o.Name]
	if !known {
		n, err := strconv.ParseUint(o.Name, 10, 8)
		if err != nil || n == 0 || n == 255 {
			return DHCPOption{}, false
		}
		code = uint8(n)
	}
	if all, are := addressesIn(o.Value); are && code != tftpServerName {
		return DHCPOption{Code: code, Value: all}, true
	}
	if n, err := strconv.ParseUint(o.Value, 10, 16); err == nil && (code == 26 || code == 13) {
		return DHCPOption{Code: code, Value: []byte{byte(n >> 8), byte(n)}}, true
	}
	return DHCPOption{Code: code, Value: []byte(o.Value)}, true
}

// addressesIn gives IPv4 addresses, one or several with commas between, as
// bytes; false when the text is something else.
func addressesIn(text string) (all []byte, are bool) {
	for part := range strings.SplitSeq(text, ",") {
		a, err := netip.ParseAddr(part)
		if err != nil || !a.Is4() {
			return nil, false
		}
		all = append(all, a.AsSlice()...)
	}
	return all, true
}
