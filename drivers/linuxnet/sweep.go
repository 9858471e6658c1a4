package linuxnet

import (
	"errors"

	"github.com/cumulite/cumulite/drivers/linuxnet/namespace"
)

// sweep removes what a process that was killed has made and not recorded, or
// not quite removed, and what somebody else made under our names: links and
// namespaces that are of no object, and metadata of no port. What is recorded
// and cannot be in force keeps what it has.
func (d *Driver) sweep() error {
	links, spaces := d.recorded()
	return errors.Join(d.sweepLinks(links), d.sweepSpaces(spaces), d.sweepMetadata())
}

// recorded gives the names of all links and namespaces that objects may have.
func (d *Driver) recorded() (links, spaces map[string]bool) {
	links, spaces = map[string]bool{}, map[string]bool{}
	for _, id := range d.records.networks.IDs() {
		for _, kind := range []string{bridge, metadataAt, hostPlug, host, tunnel} {
			links[d.names.link(kind, id)] = true
		}
		spaces[d.names.space(metadataSpace, id)] = true
	}
	for _, id := range d.records.ports.IDs() {
		links[d.names.link(tap, id)] = true
	}
	for id, r := range d.records.routers.All() {
		for _, leg := range legs(r) {
			links[d.names.link(router, leg.PortID)] = true
		}
		spaces[d.names.space(routerSpace, id)] = true
	}
	return links, spaces
}

func (d *Driver) sweepLinks(recorded map[string]bool) error {
	all, err := namespace.Whole(d.space.Links.LinkList)
	if err != nil {
		return err
	}
	ours := d.names.ours()
	for _, l := range all {
		name := l.Attrs().Name
		if !ours.MatchString(name) || recorded[name] || d.lame[name] {
			continue
		}
		d.o.Logger.Warn("a link that is of nothing is removed", "link", name)
		err = errors.Join(err, remove(d.space, name)) // again by name: it may have gone with its other end
	}
	return err
}

func (d *Driver) sweepSpaces(recorded map[string]bool) error {
	all, err := namespace.List(func(name string) bool { return d.names.isSpace(name) && !recorded[name] && !d.lame[name] })
	for _, name := range all {
		d.o.Logger.Warn("a namespace that is of nothing is removed", "namespace", name)
		err = errors.Join(err, namespace.Remove(name))
	}
	return err
}

func (d *Driver) sweepMetadata() (failed error) {
	for _, id := range d.records.metadata.IDs() {
		if _, there := d.records.ports.Get(id); !there {
			failed = errors.Join(failed, d.records.metadata.Delete(id))
		}
	}
	return failed
}
