package linuxnet

import (
	"context"
	"maps"
	"strings"

	"github.com/vishvananda/netlink"

	"github.com/cumulite/cumulite/drivers/linuxnet/namespace"
	"github.com/cumulite/cumulite/network"
)

// Inventory implements network.Driver. What is recorded and lacks its link is
// not in force, and is not given: it is made again when it is ensured. A link of
// ours that is of nothing is given as an object with an id that no object has,
// and goes when that is removed.
func (d *Driver) Inventory(ctx context.Context) (all network.Inventory, err error) {
	err = d.change(ctx, "take the inventory", func() error {
		there, err := d.look()
		if err != nil {
			return err
		}
		all = network.Inventory{Networks: map[string]int64{}, Ports: map[string]int64{}, Groups: map[string]int64{}, Routers: map[string]int64{}}
		for id, g := range d.records.groups.All() {
			all.Groups[id] = g.Generation
		}
		for id, n := range d.records.networks.All() {
			if there.links[d.names.link(bridge, id)] != nil {
				all.Networks[id] = n.Spec.Generation
			}
		}
		for id, p := range d.records.ports.All() {
			if there.plugged(d.names.link(tap, id), d.names.link(bridge, p.NetworkID)) {
				all.Ports[id] = p.Generation
			}
		}
		for id, r := range d.records.routers.All() {
			if d.hasRouter(there, r) {
				all.Routers[id] = r.Generation
			}
		}
		d.strays(there, all)
		return nil
	})
	return all, err
}

// machinery are the links, by name, and the namespaces of ours that a machine has.
type machinery struct {
	links  map[string]*netlink.LinkAttrs
	spaces map[string]bool
}

func (d *Driver) look() (m machinery, err error) {
	m = machinery{links: map[string]*netlink.LinkAttrs{}, spaces: map[string]bool{}}
	links, err := namespace.Whole(d.space.Links.LinkList)
	if err != nil {
		return m, err
	}
	ours := d.names.ours()
	for _, l := range links {
		if ours.MatchString(l.Attrs().Name) {
			m.links[l.Attrs().Name] = l.Attrs()
		}
	}
	spaces, err := namespace.List(d.names.isSpace)
	for _, name := range spaces {
		m.spaces[name] = true
	}
	return m, err
}

// plugged tells whether a link is there, in a bridge.
func (m machinery) plugged(link, into string) bool {
	l, b := m.links[link], m.links[into]
	return l != nil && b != nil && l.MasterIndex == b.Index
}

func (d *Driver) hasRouter(there machinery, r network.RouterSpec) bool {
	for _, leg := range legs(r) {
		if !there.plugged(d.names.link(router, leg.PortID), d.names.link(bridge, leg.NetworkID)) {
			return false
		}
	}
	return there.spaces[d.names.space(routerSpace, r.ID)]
}

// strays adds what is there and of nothing.
func (d *Driver) strays(there machinery, all network.Inventory) {
	links, spaces := d.recorded()
	maps.DeleteFunc(there.links, func(name string, _ *netlink.LinkAttrs) bool { return links[name] || d.lame[name] })
	maps.DeleteFunc(there.spaces, func(name string, _ bool) bool { return spaces[name] || d.lame[name] })
	for name := range there.links {
		if strings.HasPrefix(name, d.names.prefix+bridge) {
			all.Networks[strayID(name)] = 0
		} else {
			all.Ports[strayID(name)] = 0
		}
	}
	for name := range there.spaces {
		if id, is := strings.CutPrefix(name, d.names.space(routerSpace, "")); is {
			all.Routers[id] = 0
		} else if id, is := strings.CutPrefix(name, d.names.space(metadataSpace, "")); is {
			all.Networks[id] = 0
		}
	}
}

// strayTail is behind the digits of a link's name in the id of what it is
// said to be of. UUIDs are not made so.
const strayTail = "0-4000-8000-000000000000"

// strayID gives the id under which a link that is of nothing is known.
func strayID(link string) string {
	digits := link[len(link)-idLen:]
	return digits[:8] + "-" + digits[8:] + strayTail
}

func isStray(id string) bool { return strings.HasSuffix(id, strayTail) }
