package network

import (
	"net"
	"net/netip"
	"regexp"
	"slices"
	"strings"

	"github.com/cumulite/cumulite/platform/errs"
)

// maxPairs is Neutron's limit of allowed address pairs.
const maxPairs = 10

var vnicTypes = []string{"normal", "direct", "macvtap", "baremetal", "direct-physical", "virtio-forwarder", "smart-nic", "vdpa", "accelerator-direct", "accelerator-direct-physical", "remote-managed"}

var dnsLabel = regexp.MustCompile(`^[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?$`)

// check holds a port as it shall be against the rules.
func (p *Port) check() error {
	if !slices.Contains(vnicTypes, p.VNICType) {
		return errs.Invalidf("Invalid input for binding:vnic_type. Reason: '%s' is not in %s.", p.VNICType, vnicTypes)
	}
	if p.DNSName != "" {
		for _, label := range strings.Split(strings.TrimSuffix(p.DNSName, "."), ".") {
			if !dnsLabel.MatchString(label) {
				return errs.Invalidf("Invalid input for dns_name. Reason: '%s' not a valid PQDN or FQDN.", p.DNSName)
			}
		}
	}
	if !p.PortSecurity && len(p.Pairs) > 0 {
		return errs.Conflictf("Port Security must be enabled in order to have allowed address pairs on a port.").WithCode("AddressPairAndPortSecurityRequired")
	}
	if !p.PortSecurity && len(p.Groups) > 0 {
		return errs.Conflictf("Port has security group associated. Cannot disable port security or IP address until security group is removed.").
			WithCode("PortSecurityPortHasSecurityGroup")
	}
	return first(p.checkPairs(), p.checkDHCPOptions())
}

func (p *Port) checkPairs() error {
	if len(p.Pairs) > maxPairs {
		return errs.Invalidf("The number of allowed address pair exceeds the maximum %d.", maxPairs).WithCode("AllowedAddressPairExhausted")
	}
	seen := map[AddressPair]bool{}
	for i := range p.Pairs {
		pair := &p.Pairs[i]
		if _, err := prefixOf(pair.IP); err != nil {
			return errs.Invalidf("Invalid input for allowed_address_pairs. Reason: '%s' is not a valid IP address or subnet.", pair.IP)
		}
		if pair.MAC == "" {
			pair.MAC = p.MAC
		}
		mac, err := net.ParseMAC(pair.MAC)
		if err != nil || len(mac) != 6 {
			return errs.Invalidf("Invalid input for allowed_address_pairs. Reason: '%s' is not a valid MAC address.", pair.MAC)
		}
		pair.MAC = mac.String()
		if seen[*pair] {
			return errs.Invalidf("Request contains duplicate address pair: mac_address %s ip_address %s.", pair.MAC, pair.IP).WithCode("DuplicateAddressPairInRequest")
		}
		seen[*pair] = true
	}
	return nil
}

// prefixOf reads an address, or a prefix of addresses.
func prefixOf(text string) (netip.Prefix, error) {
	if !strings.Contains(text, "/") {
		a, err := netip.ParseAddr(text)
		if err != nil || a.Zone() != "" {
			return netip.Prefix{}, errs.Invalidf("'%s' is not an IP address", text)
		}
		return netip.PrefixFrom(a, a.BitLen()), nil
	}
	return netip.ParsePrefix(text)
}

// merge changes options as a request says: those with a value are set, those
// without are taken away, the others stay.
func (p *Port) merge(options []ExtraDHCPOpt) {
	for _, o := range options {
		p.DHCPOptions = slices.DeleteFunc(slices.Clone(p.DHCPOptions), func(have ExtraDHCPOpt) bool {
			return have.Name == o.Name && have.version() == o.version()
		})
		if o.Value != "" {
			p.DHCPOptions = append(p.DHCPOptions, o)
		}
	}
}

func (p *Port) checkDHCPOptions() error {
	p.DHCPOptions = slices.Clone(p.DHCPOptions)
	for i := range p.DHCPOptions {
		o := &p.DHCPOptions[i]
		if o.Name == "" || o.Value == "" {
			return errs.Invalidf("Invalid data format for extra-dhcp-opt: %s", o.Name).WithCode("ExtraDhcpOptBadData")
		}
		if o.Version = o.version(); o.Version != 4 && o.Version != 6 {
			return errs.Invalidf("Invalid data format for extra-dhcp-opt: ip_version %d", o.Version).WithCode("ExtraDhcpOptBadData")
		}
	}
	return nil
}

func (o *ExtraDHCPOpt) version() int {
	if o.Version == 0 {
		return 4
	}
	return o.Version
}
