package network

import (
	"net/netip"
	"slices"
	"strings"

	"github.com/cumulite/cumulite/platform/errs"
)

const (
	maxPort     = 65535
	maxICMPType = 255
)

// badRule is a fault of a rule.
func badRule(code, format string, args ...any) error {
	return errs.Invalidf(format, args...).WithCode(code)
}

// normalize checks what a user says of a rule and brings it into the form in
// which rules are kept.
func (r *SecurityGroupRule) normalize() (err error) {
	if r.Direction != Ingress && r.Direction != Egress {
		return errs.Invalidf("Invalid input for direction. Reason: '%s' is not in ['ingress', 'egress'].", r.Direction)
	}
	if r.Ethertype, err = parseEthertype(r.Ethertype); err != nil {
		return err
	}
	if r.Protocol, err = parseProtocol(r.Protocol); err != nil {
		return err
	}
	r.renameICMPv6()
	for _, check := range []func() error{r.checkPorts, r.checkPrefix, r.checkFamily, r.checkRemote} {
		if err := check(); err != nil {
			return err
		}
	}
	return nil
}

func parseEthertype(text string) (string, error) {
	switch strings.ToLower(text) {
	case "", "ipv4":
		return ethertypeIPv4, nil
	case "ipv6":
		return ethertypeIPv6, nil
	}
	return "", badRule("SecurityGroupRuleInvalidEtherType", "Security group rule for ethertype '%s' not supported. Allowed values are ['IPv4', 'IPv6'].", text)
}

// renameICMPv6 makes ICMP, as many still call it, what IPv6 has of it.
func (r *SecurityGroupRule) renameICMPv6() {
	if r.Ethertype != ethertypeIPv6 {
		return
	}
	switch r.Protocol {
	case "icmp", "icmpv6":
		r.Protocol = "ipv6-icmp"
	case "1":
		r.Protocol = "58"
	}
}

// checkPorts checks the range of ports, or type and code. All ports are no range.
func (r *SecurityGroupRule) checkPorts() error {
	for _, p := range []*int{r.PortMin, r.PortMax} {
		if p != nil && (*p < 0 || *p > maxPort) {
			return badRule("SecurityGroupInvalidPortValue", "Invalid value for port %d", *p)
		}
	}
	if r.PortMin != nil && r.PortMax != nil && *r.PortMin == 1 && *r.PortMax == maxPort {
		r.PortMin, r.PortMax = nil, nil
	}
	if r.PortMin == nil && r.PortMax == nil {
		return nil
	}
	switch n := protocolNumber(r.Protocol); {
	case r.Protocol == "":
		return badRule("SecurityGroupProtocolRequiredWithPorts", "Must also specify protocol if port range is given.")
	case slices.Contains(withPorts, n):
		return checkRange(r.PortMin, r.PortMax)
	case n == protocolICMP || n == protocolICMPv6:
		return checkICMP(r.PortMin, r.PortMax)
	default:
		return badRule("SecurityGroupInvalidProtocolForPort",
			"Ports cannot be specified for protocol %d. Ports are only supported for DCCP, SCTP, TCP, UDP, UDPLITE.", n)
	}
}

func checkRange(low, high *int) error {
	if low != nil && *low == 0 || high != nil && *high == 0 {
		return badRule("SecurityGroupInvalidPortValue", "Invalid value for port 0")
	}
	if low == nil || high == nil || *low > *high {
		return badRule("SecurityGroupInvalidPortRange", "For TCP/UDP protocols, port_range_min must be <= port_range_max")
	}
	return nil
}

func checkICMP(typ, code *int) error {
	const tooHigh = "Invalid value for ICMP %s (%s) %d. It must be 0 to 255."
	switch {
	case typ != nil && *typ > maxICMPType:
		return badRule("SecurityGroupInvalidIcmpValue", tooHigh, "type", "port_range_min", *typ)
	case code != nil && *code > maxICMPType:
		return badRule("SecurityGroupInvalidIcmpValue", tooHigh, "code", "port_range_max", *code)
	case typ == nil:
		return badRule("SecurityGroupMissingIcmpType", "ICMP code (port-range-max) %d is provided but ICMP type (port-range-min) is missing.", *code)
	}
	return nil
}

// checkPrefix gives an address alone its full length.
func (r *SecurityGroupRule) checkPrefix() error {
	if r.RemoteIPPrefix == "" {
		return nil
	}
	p, err := netip.ParsePrefix(r.RemoteIPPrefix)
	if err != nil {
		a, err := netip.ParseAddr(r.RemoteIPPrefix)
		if err != nil || a.Zone() != "" {
			return badRule("InvalidCIDR", "Invalid CIDR %s given as IP prefix.", r.RemoteIPPrefix)
		}
		p = netip.PrefixFrom(a, a.BitLen())
	}
	if p.Addr().Is4() != (r.Ethertype == ethertypeIPv4) {
		return badRule("SecurityGroupRuleParameterConflict", "Conflicting value ethertype %s for CIDR %s", r.Ethertype, p)
	}
	r.RemoteIPPrefix = p.String()
	return nil
}

func (r *SecurityGroupRule) checkFamily() error {
	if r.Ethertype == ethertypeIPv4 && slices.Contains(onlyIPv6, protocolNumber(r.Protocol)) {
		return badRule("SecurityGroupEthertypeConflictWithProtocol", "Invalid ethertype %s for protocol %s.", r.Ethertype, r.Protocol)
	}
	return nil
}

func (r *SecurityGroupRule) checkRemote() error {
	if r.RemoteIPPrefix != "" && r.RemoteGroupID != "" {
		return badRule("SecurityGroupMultipleRemoteEntites", "Only one of remote_ip_prefix or remote_group_id or remote_address_group_id may be provided.")
	}
	return nil
}
