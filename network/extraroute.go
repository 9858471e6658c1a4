package network

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/cumulite/cumulite/platform/errs"
	"github.com/cumulite/cumulite/platform/policy"
	"github.com/cumulite/cumulite/platform/store"
)

// maxRouterRoutes is how many routes a router may have.
const maxRouterRoutes = 30

// AddExtraRoutes gives a router more routes; those that it has already stay.
func (s *Service) AddExtraRoutes(ctx context.Context, routerID string, add []Route) (*Router, error) {
	return s.changeRoutes(ctx, ActionAddExtraRoutes, routerID, func(has []Route) []Route {
		for _, r := range add {
			if !slices.Contains(has, r) {
				has = append(has, r)
			}
		}
		return has
	})
}

// RemoveExtraRoutes takes routes from a router; those that it lacks are no error.
func (s *Service) RemoveExtraRoutes(ctx context.Context, routerID string, remove []Route) (*Router, error) {
	return s.changeRoutes(ctx, ActionRemoveExtraRoutes, routerID, func(has []Route) []Route {
		return slices.DeleteFunc(has, func(r Route) bool { return slices.Contains(remove, r) })
	})
}

func (s *Service) changeRoutes(ctx context.Context, action policy.Action, routerID string, change func([]Route) []Route) (*Router, error) {
	return s.changeRouter(ctx, routerID, func(ctx context.Context, tx *store.Tx) (*Router, error) {
		r, err := routers.find(ctx, s, tx, routerID)
		if err != nil {
			return nil, err
		}
		if err := s.policy.Check(ctx, action, r.target()); err != nil {
			return nil, err
		}
		return r, s.setRoutes(ctx, tx, r, change(slices.Clone(r.Routes)))
	})
}

// setRoutes gives a router these routes and no others, if it can reach their next hops.
func (s *Service) setRoutes(ctx context.Context, tx *store.Tx, r *Router, routes []Route) error {
	if len(routes) > maxRouterRoutes {
		return errs.New(errs.Quota, "Quota exceeded for resources: ['router_route'].").WithCode("OverQuota")
	}
	for i, route := range routes {
		if slices.Contains(routes[:i], route) {
			return errs.Invalidf("Invalid input for routes. Reason: Duplicate hostroute '%s'.", describe(route))
		}
	}
	there, err := routerPorts(ctx, tx, r.ID)
	if err != nil {
		return err
	}
	reach, err := reachOf(ctx, tx, there)
	if err != nil {
		return err
	}
	r.Routes = orEmpty(routes)
	return reach.check(routes)
}

// reach is what a router can hand packets to: who is on its subnets, but not itself.
type reach struct {
	prefixes []netip.Prefix
	own      []netip.Addr
}

func reachOf(ctx context.Context, tx *store.Tx, legs []Port) (r reach, err error) {
	on, err := subnetsOfPorts(ctx, tx, legs)
	for _, sub := range on {
		r.prefixes = append(r.prefixes, sub.CIDR)
	}
	for i := range legs {
		for _, a := range legs[i].Addresses {
			r.own = append(r.own, a.IP)
		}
	}
	return r, err
}

func (r reach) check(routes []Route) error {
	for _, route := range routes {
		if !slices.ContainsFunc(r.prefixes, func(p netip.Prefix) bool { return p.Contains(route.NextHop) }) {
			return badRoutes(routes, "the nexthop is not connected with router")
		}
		if slices.Contains(r.own, route.NextHop) {
			return badRoutes(routes, "the nexthop is used by router")
		}
	}
	return nil
}

func badRoutes(routes []Route, reason string) error {
	texts := make([]string, len(routes))
	for i, r := range routes {
		texts[i] = describe(r)
	}
	return errs.Invalidf("Invalid format for routes: [%s], %s", strings.Join(texts, ", "), reason).WithCode("InvalidRoutes")
}

// describe writes a route as Neutron's faults show it.
func describe(r Route) string {
	return fmt.Sprintf("{'destination': '%s', 'nexthop': '%s'}", r.Destination, r.NextHop)
}
