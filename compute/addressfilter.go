package compute

import (
	"context"
	"net/netip"
	"regexp"
	"slices"
	"strings"

	"github.com/cumulite/cumulite/network"
	"github.com/cumulite/cumulite/platform/errs"
	"github.com/cumulite/cumulite/platform/store"
)

// resolveAddresses turns filters on addresses, which the network service
// knows, into filters on the ids of the servers that have them.
func (s *Service) resolveAddresses(ctx context.Context, filters []store.Filter) ([]store.Filter, error) {
	var rest []store.Filter
	for _, f := range filters {
		if f.Field != "ip" && f.Field != "ip6" {
			rest = append(rest, f)
			continue
		}
		ids, err := s.serversAt(ctx, f)
		if err != nil {
			return nil, err
		}
		rest = append(rest, store.Filter{Field: "uuid", Values: ids})
	}
	return rest, nil
}

// serversAt gives the ids of servers with an address that f lets through.
func (s *Service) serversAt(ctx context.Context, f store.Filter) ([]string, error) {
	if len(f.Values) != 1 || f.Op != store.Eq && f.Op != store.Regexp {
		return nil, errs.Invalidf("Filter %q takes one value.", f.Field)
	}
	match, err := regexp.Compile(f.Values[0])
	if err != nil || len(f.Values[0]) > 255 {
		return nil, errs.Invalidf("Invalid filter %s: it is not a regular expression.", f.Field)
	}
	is := netip.Addr.Is4
	if f.Field == "ip6" {
		is = netip.Addr.Is6
	}
	ids := []string{""} // no server: IN () would be all
	q := store.Query{Filters: portFilter(f.Values[0])}
	for more := true; more; {
		var page []network.Port
		if page, more, err = s.Networks.ListPorts(ctx, q); err != nil {
			return nil, err
		}
		for _, p := range page {
			q.Marker = p.ID
			if slices.ContainsFunc(p.Addresses, func(a network.Address) bool { return is(a.IP) && match.MatchString(a.IP.String()) }) {
				ids = append(ids, p.DeviceID)
			}
		}
	}
	return ids, nil
}

// portFilter narrows ports as far as an expression is plain text between its anchors.
func portFilter(expression string) []store.Filter {
	text := strings.ReplaceAll(strings.TrimSuffix(strings.TrimPrefix(expression, "^"), "$"), `\.`, ".")
	if text == "" || strings.ContainsAny(text, `\*+?[](){}|^$`) {
		return nil
	}
	return []store.Filter{{Field: "fixed_ips", Values: []string{"ip_address_substr=" + text}}}
}
