package network

import (
	"context"
	"slices"
)

// able tells whether some host can do something: one that says so, or
// one that never said anything. Hosts that were not heard of yet are asked, so
// it is not for transactions.
func (s *Service) able(ctx context.Context, can func(Host) bool) bool {
	hosts := s.hostNames()
	for _, host := range hosts {
		it := s.beats.of(host)
		if driver, there := s.drivers.Get(host); it.Seen.IsZero() && there {
			it = s.describe(ctx, host, driver)
		}
		if it.Seen.IsZero() || can(it.Host) {
			return true
		}
	}
	return len(hosts) == 0
}

// checkCarried refuses a type of network that no host can carry: nothing
// could ever be plugged in.
func (s *Service) checkCarried(ctx context.Context, networkType string) error {
	if networkType == "" || s.able(ctx, func(h Host) bool { return slices.Contains(h.NetworkTypes, networkType) }) {
		return nil
	}
	return invalid("network_type value '%s' not supported", networkType)
}

// checkFamilyCarried refuses IPv6 where no host can carry it: a port with an
// address that its host refuses would not follow any change any more.
func (s *Service) checkFamilyCarried(ctx context.Context, version int) error {
	if version != 6 || s.able(ctx, func(h Host) bool { return h.IPv6 }) {
		return nil
	}
	return invalid("ip_version 6 is not supported by the hosts of this cloud")
}
