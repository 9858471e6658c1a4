package linuxnet

import (
	"errors"
	"fmt"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/cumulite/cumulite/drivers/linuxnet/namespace"
)

// setRoutes makes these the only routes of ours in a namespace. One that
// cannot be set does not keep the others from it.
func setRoutes(space *namespace.Space, want []netlink.Route) error {
	have, err := namespace.Whole(func() ([]netlink.Route, error) {
		return space.Links.RouteListFiltered(unix.AF_INET, &netlink.Route{Protocol: unix.RTPROT_STATIC}, netlink.RT_FILTER_PROTOCOL)
	})
	if err != nil {
		return err
	}
	wanted := map[string]bool{}
	var failed error
	for _, r := range want {
		wanted[r.Dst.String()] = true
		r.Protocol = unix.RTPROT_STATIC
		if err := space.Links.RouteReplace(&r); err != nil {
			failed = errors.Join(failed, fmt.Errorf("route to %s: %w", r.Dst, err))
		}
	}
	for _, r := range have {
		if !wanted[destination(r)] {
			if err := space.Links.RouteDel(&r); err != nil && !errors.Is(err, unix.ESRCH) {
				failed = errors.Join(failed, err)
			}
		}
	}
	return failed
}

// destination names where a route leads; the default route may have none.
func destination(r netlink.Route) string {
	if r.Dst == nil {
		return "0.0.0.0/0"
	}
	return r.Dst.String()
}
