package network

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/cumulite/cumulite/platform/errs"
)

// The protocols whose numbers rules treat in their own way.
const (
	protocolICMP   = 1
	protocolICMPv6 = 58
	maxProtocol    = 255
)

// protocols are the names that rules may use, with their numbers.
var protocols = map[string]int{
	"ah": 51, "dccp": 33, "egp": 8, "esp": 50, "gre": 47, "hopopt": 0, "icmp": protocolICMP, "icmpv6": protocolICMPv6, "igmp": 2, "ip": 0, "ipip": 4,
	"ipv6-encap": 41, "ipv6-frag": 44, "ipv6-icmp": protocolICMPv6, "ipv6-nonxt": 59, "ipv6-opts": 60, "ipv6-route": 43,
	"ospf": 89, "pgm": 113, "rsvp": 46, "sctp": 132, "tcp": 6, "udp": 17, "udplite": 136, "vrrp": 112,
}

// withPorts are the protocols that have ports.
var withPorts = []int{33, 132, 6, 17, 136}

// onlyIPv6 are the protocols that IPv4 does not have.
var onlyIPv6 = []int{41, 43, 44, 58, 59, 60}

// protocolNumber gives the number of a protocol that parseProtocol let
// through; 0 stands for any.
func protocolNumber(name string) int {
	if n, named := protocols[name]; named {
		return n
	}
	n, _ := strconv.Atoi(name)
	return n
}

// parseProtocol gives a protocol as rules keep it: a name in small letters or
// a number as it was given, "" for any.
func parseProtocol(text string) (string, error) {
	lower := strings.ToLower(text)
	if lower == "" || text == "any" {
		return "", nil
	}
	if _, named := protocols[lower]; named {
		return lower, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 0 || n > maxProtocol {
		return "", errs.Invalidf("Security group rule protocol %s not supported. Only protocol values (None, 'any', %s) and integer representations [0 to 255] are supported.",
			text, quoted(slices.Sorted(maps.Keys(protocols)))).WithCode("SecurityGroupRuleInvalidProtocol")
	}
	return strconv.Itoa(n), nil
}

// quoted writes names as Neutron's faults list them.
func quoted(names []string) string {
	all := make([]string, len(names))
	for i, n := range names {
		all[i] = fmt.Sprintf("'%s'", n)
	}
	return strings.Join(all, ", ")
}
