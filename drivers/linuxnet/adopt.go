package linuxnet

import (
	"github.com/cumulite/cumulite/drivers/linuxnet/filter"
	"github.com/cumulite/cumulite/drivers/linuxnet/state"
	"github.com/cumulite/cumulite/network"
)

// adopt removes what is of nothing and puts everything that is recorded in
// force: the filter as a whole, then each object that it is for. An object that cannot be is not in force: it is
// missing from the inventory until someone ensures it.
func (d *Driver) adopt() error {
	if err := d.sweep(); err != nil {
		d.o.Logger.Error("what an earlier process has left stays", "error", err)
	}
	f, err := filter.New(d.space, d.names.filter(), d.bridges(), d.filtered(), d.records.groups.All())
	if f == nil {
		return err
	}
	if err != nil {
		d.o.Logger.Error("security groups are not in force", "error", err)
	}
	d.filter = f
	for id, p := range d.records.ports.All() {
		d.guests.set(p)
		doc, _ := d.records.metadata.Get(id)
		d.guests.tell(id, doc.Files)
	}
	links, spaces := d.recorded()
	adoptKind(d, "network", d.records.networks, func(n networkRecord) error { _, err := d.applyNetwork(n); return err })
	adoptKind(d, "port", d.records.ports, d.applyPort)
	adoptKind(d, "router", d.records.routers, func(r network.RouterSpec) error { return d.applyRouter(r, r) })
	d.spare(links, spaces)
	return nil
}

// spare keeps what is of objects that were recorded before and are not in force
// from being taken for what is of nothing: a guest may have it in use.
func (d *Driver) spare(links, spaces map[string]bool) {
	d.lame = map[string]bool{}
	nowLinks, nowSpaces := d.recorded()
	for name := range links {
		d.lame[name] = !nowLinks[name]
	}
	for name := range spaces {
		d.lame[name] = !nowSpaces[name]
	}
}

func adoptKind[T any](d *Driver, what string, all *state.Records[T], apply func(T) error) {
	for _, id := range all.IDs() {
		item, _ := all.Get(id)
		if err := apply(item); err != nil {
			d.o.Logger.Error(what+" is not in force", "id", id, "error", err)
			all.Forget(id)
		}
	}
}

func (d *Driver) bridges() map[string]filter.Bridge {
	all := map[string]filter.Bridge{}
	for id, n := range d.records.networks.All() {
		all[id] = d.filteredBridge(n)
	}
	return all
}

// filteredBridge gives a network as the filter knows it.
func (d *Driver) filteredBridge(n networkRecord) filter.Bridge {
	return filter.Bridge{Link: d.names.link(bridge, n.Spec.ID), Zone: n.Zone, Segment: d.segment(n.Spec), Peers: peers(n.Spec)}
}

// filtered gives the ports as the filter knows them.
func (d *Driver) filtered() map[string]filter.Port {
	all := map[string]filter.Port{}
	for id, p := range d.records.ports.All() {
		n, _ := d.records.networks.Get(p.NetworkID)
		mac, err := parseMAC(p.MAC)
		if err != nil {
			continue
		}
		if rules, err := d.filterOf(n.Spec, p, mac, leaseOf(n.Spec, p, mac) != nil); err == nil {
			all[id] = rules
		}
	}
	return all
}
