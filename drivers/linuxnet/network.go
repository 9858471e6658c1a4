package linuxnet

import (
	"cmp"
	"context"
	"fmt"
	"hash/fnv"
	"net"
	"net/netip"
	"reflect"
	"slices"

	"github.com/vishvananda/netlink"

	"github.com/cumulite/cumulite/drivers/linuxnet/namespace"
	"github.com/cumulite/cumulite/network"
	"github.com/cumulite/cumulite/platform/errs"
)

// defaultMTU is for specs without one.
const defaultMTU = 1500

// networkRecord is a network in force.
type networkRecord struct {
	Spec network.NetworkSpec `json:"spec"`
	Zone uint16              `json:"zone"` // of its connections
}

// EnsureNetwork implements network.Driver.
func (d *Driver) EnsureNetwork(ctx context.Context, spec network.NetworkSpec) error {
	return d.change(ctx, "ensure the network "+spec.ID, func() error {
		old, there := d.records.networks.Get(spec.ID)
		if there && spec.Generation < old.Spec.Generation {
			return nil
		}
		if err := first(checkNetwork(spec), d.checkTunnel(spec)); err != nil {
			return err
		}
		rec := networkRecord{Spec: spec, Zone: old.Zone}
		if !there {
			zone, free := d.freeZone()
			if !free {
				return errs.New(errs.Exhausted, "This host has no room for another network.")
			}
			rec.Zone = zone
		}
		made, err := d.applyNetwork(rec)
		if made || !same(spec, old.Spec) {
			d.changed[spec.ID] = true
		}
		if err != nil {
			return err
		}
		if err := d.records.networks.Put(spec.ID, rec); err != nil {
			return err
		}
		return d.replug(spec.ID)
	})
}

// same tells whether a spec changes nothing for those on the network.
func same(a, b network.NetworkSpec) bool {
	a.Generation, a.Operation, a.Peers = b.Generation, b.Operation, b.Peers
	return reflect.DeepEqual(a, b)
}

func checkNetwork(spec network.NetworkSpec) error {
	if err := checkID("network", spec.ID); err != nil {
		return err
	}
	if !slices.Contains(networkTypes, spec.Type) {
		return errs.New(errs.NotSupported, "This host has no networks of type %q.", spec.Type)
	}
	if spec.MTU < 0 || spec.MTU > maxMTU {
		return errs.New(errs.NotSupported, "This host has no networks with an MTU of %d.", spec.MTU)
	}
	for _, s := range spec.Subnets {
		if !s.CIDR.Addr().Is4() {
			return noIPv6("subnet", s.ID)
		}
	}
	return nil
}

func noIPv6(what, id string) error {
	return errs.New(errs.NotSupported, "The %s %s has an IPv6 address, which this host does not support.", what, id)
}

// freeZone gives a zone that no network has. Where it begins to look depends
// on the prefix, since other drivers' zones are not known.
func (d *Driver) freeZone() (zone uint16, free bool) {
	used := map[uint16]bool{0: true} // all other connections of the host
	for _, n := range d.records.networks.All() {
		used[n.Zone] = true
	}
	h := fnv.New32a()
	_, _ = h.Write([]byte(d.o.Prefix))
	zone = uint16(h.Sum32())
	for range 1 << 16 {
		if !used[zone] {
			return zone, true
		}
		zone++
	}
	return 0, false
}

// applyNetwork makes a network; made says that its bridge is a new one, with
// nothing plugged in.
func (d *Driver) applyNetwork(rec networkRecord) (made bool, err error) {
	spec := rec.Spec
	name := d.names.link(bridge, spec.ID)
	br, made, err := d.ensureBridge(name, macFor("bridge", spec.ID), cmp.Or(spec.MTU, defaultMTU))
	if err != nil {
		return made, err
	}
	if err := d.filter.SetBridge(spec.ID, d.filteredBridge(rec)); err != nil {
		return made, err
	}
	if err := d.applyTunnel(spec, br); err != nil {
		return made, err
	}
	if err := setUp(d.space, br, !spec.Disabled); err != nil { // a bridge that is down forwards nothing
		return made, err
	}
	if err := d.applyHost(spec, br); err != nil {
		return made, err
	}
	return made, d.applyMetadata(spec, br)
}

// applyHost puts the host on an external network, and takes it off any other.
func (d *Driver) applyHost(spec network.NetworkSpec, br netlink.Link) error {
	p := pair{
		outer: d.names.link(hostPlug, spec.ID), inner: d.names.link(host, spec.ID),
		mac: macFor("host", spec.ID), bridge: br, space: d.space,
	}
	if !spec.External {
		return remove(d.space, p.outer)
	}
	l, err := d.ensurePair(p)
	if err != nil {
		return err
	}
	if err := d.space.Sysctls(map[string]string{"ipv4/conf/" + p.inner + "/arp_ignore": "1"}); err != nil {
		return err // asked on this network, it tells of its addresses there only
	}
	return d.raise(p, l, gateways(spec))
}

// raise takes both ends of a pair up, with addresses.
func (d *Driver) raise(p pair, inner netlink.Link, addresses []net.IPNet) error {
	if err := setAddresses(p.space, inner, addresses); err != nil {
		return err
	}
	if err := setUp(p.space, inner, true); err != nil {
		return err
	}
	return d.setOuterUp(p.outer, true)
}

func gateways(spec network.NetworkSpec) (all []net.IPNet) {
	for _, s := range spec.Subnets {
		if s.Gateway.IsValid() {
			all = append(all, ipNet(netip.PrefixFrom(s.Gateway, s.CIDR.Bits())))
		}
	}
	return all
}

func ipNet(p netip.Prefix) net.IPNet {
	return net.IPNet{IP: p.Addr().AsSlice(), Mask: net.CIDRMask(p.Bits(), p.Addr().BitLen())}
}

// replug puts what is plugged into a network in force anew, when that changed.
func (d *Driver) replug(networkID string) error {
	if !d.changed[networkID] {
		return nil
	}
	for id, p := range d.records.ports.All() {
		if p.NetworkID == networkID {
			if err := d.applyPort(p); err != nil {
				return fmt.Errorf("port %s: %w", id, err)
			}
		}
	}
	for id, r := range d.records.routers.All() {
		if on, known := d.touches(r, networkID); on && known {
			if err := d.applyRouter(r, r); err != nil {
				return fmt.Errorf("router %s: %w", id, err)
			}
		}
	}
	delete(d.changed, networkID)
	return nil
}

// RemoveNetwork implements network.Driver.
func (d *Driver) RemoveNetwork(ctx context.Context, id string) error {
	return d.change(ctx, "remove the network "+id, func() error {
		if err := checkID("network", id); err != nil {
			return err
		}
		if isStray(id) {
			return d.sweep()
		}
		if err := d.removeMetadata(id); err != nil {
			return err
		}
		for _, kind := range []string{hostPlug, tunnel, bridge} {
			if err := remove(d.space, d.names.link(kind, id)); err != nil {
				return err
			}
		}
		if err := d.filter.RemoveBridge(id); err != nil {
			return err
		}
		delete(d.changed, id)
		return d.records.networks.Delete(id)
	})
}

// bridgeOf gives the bridge of a network that is in force.
func (d *Driver) bridgeOf(networkID string) (netlink.Link, networkRecord, error) {
	rec, there := d.records.networks.Get(networkID)
	if !there {
		return nil, rec, errs.New(errs.Unavailable, "The network %s is not known on this host yet.", networkID)
	}
	br, err := d.space.Links.LinkByName(d.names.link(bridge, networkID))
	return br, rec, err
}

// quiet are the parameters of our own namespaces: no IPv6, no ARP answers for
// another link's address, no hints to take another way.
func quiet(s *namespace.Space, more map[string]string) error {
	values := map[string]string{
		"ipv6/conf/all/disable_ipv6": "1", "ipv6/conf/default/disable_ipv6": "1",
		"ipv4/conf/all/arp_ignore": "1", "ipv4/conf/all/arp_announce": "2",
		"ipv4/conf/all/rp_filter": "0", "ipv4/conf/default/rp_filter": "0",
		"ipv4/conf/all/accept_redirects": "0", "ipv4/conf/default/accept_redirects": "0",
		"ipv4/conf/all/send_redirects": "0", "ipv4/conf/default/send_redirects": "0",
	}
	for k, v := range more {
		values[k] = v
	}
	return s.Sysctls(values)
}
