package linuxnet

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"

	"github.com/vishvananda/netlink"

	"github.com/cumulite/cumulite/drivers/linuxnet/namespace"
	"github.com/cumulite/cumulite/drivers/linuxnet/packet"
	"github.com/cumulite/cumulite/network"
)

// EnsureRouter implements network.Driver.
func (d *Driver) EnsureRouter(ctx context.Context, spec network.RouterSpec) error {
	return d.change(ctx, "ensure the router "+spec.ID, func() error {
		old, there := d.records.routers.Get(spec.ID)
		if there && spec.Generation < old.Generation {
			return nil
		}
		if err := checkRouter(spec); err != nil {
			return err
		}
		if err := d.applyRouter(spec, old); err != nil {
			return err
		}
		return d.records.routers.Put(spec.ID, spec)
	})
}

func checkRouter(spec network.RouterSpec) error {
	if err := checkID("router", spec.ID); err != nil {
		return err
	}
	for _, l := range legs(spec) {
		if err := checkID("router's port", l.PortID); err != nil {
			return err
		}
		if slices.ContainsFunc(l.Addresses, func(p netip.Prefix) bool { return !p.Addr().Is4() }) {
			return noIPv6("router", spec.ID)
		}
	}
	return nil
}

// legs gives all legs of a router, the gateway's too.
func legs(r network.RouterSpec) []network.RouterInterface {
	all := slices.Clone(r.Interfaces)
	if r.Gateway != nil {
		all = append(all, *r.Gateway)
	}
	return all
}

// touches tells whether a router has a leg on a network, and whether all its
// networks are known.
func (d *Driver) touches(r network.RouterSpec, networkID string) (on, known bool) {
	known = true
	for _, l := range legs(r) {
		_, there := d.records.networks.Get(l.NetworkID)
		on, known = on || l.NetworkID == networkID, known && there
	}
	return on, known
}

// applyRouter makes a router's namespace what its spec says. Translations come
// before any link is up.
func (d *Driver) applyRouter(spec, old network.RouterSpec) error {
	space, err := namespace.Create(d.names.space(routerSpace, spec.ID))
	if err != nil {
		return err
	}
	defer space.Close() //nolint:errcheck // it stays
	if err := quiet(space, map[string]string{"ipv4/ip_forward": "1"}); err != nil {
		return err
	}
	if err := d.unplugLegs(space, spec); err != nil {
		return err
	}
	links := make([]netlink.Link, 0, len(legs(spec)))
	for _, leg := range legs(spec) {
		l, err := d.plugLeg(space, leg)
		if err != nil {
			return err
		}
		links = append(links, l)
	}
	if err := d.translate(space, spec, old); err != nil {
		return err
	}
	for i, leg := range legs(spec) {
		if err := d.raiseLeg(space, spec, leg, links[i]); err != nil {
			return err
		}
	}
	if spec.Disabled {
		return nil
	}
	return setRoutes(space, routesOf(spec))
}

// unplugLegs takes legs away that a router has no more.
func (d *Driver) unplugLegs(space *namespace.Space, spec network.RouterSpec) error {
	all, err := namespace.Whole(space.Links.LinkList)
	if err != nil {
		return err
	}
	ours := d.names.ours()
	for _, l := range all {
		name := l.Attrs().Name
		wanted := slices.ContainsFunc(legs(spec), func(leg network.RouterInterface) bool { return d.names.link(router, leg.PortID) == name })
		if !wanted && ours.MatchString(name) {
			if err := space.Links.LinkDel(l); err != nil {
				return err
			}
		}
	}
	return nil
}

func (d *Driver) plugLeg(space *namespace.Space, leg network.RouterInterface) (netlink.Link, error) {
	br, _, err := d.bridgeOf(leg.NetworkID)
	if err != nil {
		return nil, err
	}
	mac, err := parseMAC(leg.MAC)
	if err != nil {
		return nil, err
	}
	name := d.names.link(router, leg.PortID)
	return d.ensurePair(pair{outer: name, inner: name, mac: mac, bridge: br, space: space})
}

// raiseLeg gives a leg its addresses, takes it up, and tells its network.
func (d *Driver) raiseLeg(space *namespace.Space, spec network.RouterSpec, leg network.RouterInterface, l netlink.Link) error {
	name := l.Attrs().Name
	if spec.Disabled {
		return d.setOuterUp(name, false)
	}
	addresses := addressesOf(spec, leg)
	p := pair{outer: name, inner: name, space: space}
	if err := d.raise(p, l, nets(addresses)); err != nil {
		return err
	}
	told := make([]netip.Addr, len(addresses))
	for i, a := range addresses {
		told[i] = a.Addr()
	}
	if err := packet.Announce(space, name, l.Attrs().HardwareAddr, told); err != nil {
		return fmt.Errorf("tell of %s: %w", name, err)
	}
	return nil
}

// addressesOf gives a leg's own addresses; the gateway's has the floating ones too.
func addressesOf(spec network.RouterSpec, leg network.RouterInterface) []netip.Prefix {
	all := slices.Clone(leg.Addresses)
	if spec.Gateway != nil && leg.PortID == spec.Gateway.PortID {
		for _, f := range spec.Floating {
			all = append(all, netip.PrefixFrom(f.External, f.External.BitLen()))
		}
	}
	return all
}

func nets(all []netip.Prefix) []net.IPNet {
	out := make([]net.IPNet, len(all))
	for i, p := range all {
		out[i] = ipNet(p)
	}
	return out
}

// routesOf are the router's own routes and the default route.
func routesOf(spec network.RouterSpec) (all []netlink.Route) {
	for _, r := range spec.Routes {
		to := ipNet(r.Destination.Masked())
		all = append(all, netlink.Route{Dst: &to, Gw: r.NextHop.AsSlice()})
	}
	for _, next := range spec.GatewayIP {
		if spec.Gateway != nil && next.Is4() {
			to := ipNet(netip.PrefixFrom(netip.IPv4Unspecified(), 0))
			all = append(all, netlink.Route{Dst: &to, Gw: next.AsSlice()})
			break
		}
	}
	return all
}

// RemoveRouter implements network.Driver.
func (d *Driver) RemoveRouter(ctx context.Context, id string) error {
	return d.change(ctx, "remove the router "+id, func() error {
		if err := checkID("router", id); err != nil {
			return err
		}
		old, _ := d.records.routers.Get(id)
		for _, leg := range legs(old) {
			if err := remove(d.space, d.names.link(router, leg.PortID)); err != nil {
				return err
			}
		}
		if err := d.removeSpace(id); err != nil {
			return err
		}
		return d.records.routers.Delete(id)
	})
}

// removeSpace takes a router's namespace away, and first the legs that are
// left in it: links in one that is only let go of would stay for a while.
func (d *Driver) removeSpace(id string) error {
	name := d.names.space(routerSpace, id)
	space, err := namespace.Find(name)
	if err != nil {
		return err
	}
	if space != nil {
		if err := errors.Join(d.unplugLegs(space, network.RouterSpec{}), space.Close()); err != nil {
			return err
		}
	}
	return namespace.Remove(name)
}
