package linuxnet

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/cumulite/cumulite/drivers/linuxnet/namespace"
	"github.com/cumulite/cumulite/drivers/linuxnet/nft"
	"github.com/cumulite/cumulite/network"
	"github.com/cumulite/cumulite/platform/errs"
)

const (
	vxlan = "vxlan"
	// tunnelling is what VXLAN, UDP, IPv4 and the frame's own header take of the underlay's MTU.
	tunnelling = 50
	maxSegment = 1<<24 - 1
)

// everyone is the address in a tunnel's table for frames whose receiver is not
// known, or is all: they go to each peer.
var everyone = net.HardwareAddr{0, 0, 0, 0, 0, 0}

// findTunnel gives the MTU of what goes through tunnels; 0 without them. The
// tunnel address has to be on a link.
func (d *Driver) findTunnel() (int, error) {
	if !d.o.Tunnel.IsValid() {
		return 0, nil
	}
	all, err := namespace.Whole(func() ([]netlink.Addr, error) { return d.space.Links.AddrList(nil, unix.AF_INET) })
	if err != nil {
		return 0, err
	}
	for _, a := range all {
		if a.IP.Equal(d.o.Tunnel.AsSlice()) {
			l, err := d.space.Links.LinkByIndex(a.LinkIndex)
			if err != nil {
				return 0, err
			}
			return min(l.Attrs().MTU, maxMTU) - tunnelling, nil
		}
	}
	return 0, fmt.Errorf("no link has the tunnel address %s", d.o.Tunnel)
}

// segment gives the segment of a network that has tunnels, 0 for others.
func (d *Driver) segment(spec network.NetworkSpec) int {
	if spec.Type != vxlan || !d.o.Tunnel.IsValid() || len(spec.Peers) == 0 {
		return 0
	}
	return spec.Segment
}

// peers gives a network's peers in order, each once.
func peers(spec network.NetworkSpec) []netip.Addr {
	all := slices.SortedFunc(slices.Values(spec.Peers), netip.Addr.Compare)
	return slices.Compact(all)
}

// checkTunnel refuses tunnels that this host cannot make, and those that would
// carry one network's frames into another: a segment is one network's only.
func (d *Driver) checkTunnel(spec network.NetworkSpec) error {
	if len(spec.Peers) == 0 {
		return nil
	}
	if spec.Type != vxlan || !d.o.Tunnel.IsValid() || spec.Segment < 1 || spec.Segment > maxSegment {
		return errs.New(errs.NotSupported, "This host has no tunnels for the network %s of type %q and segment %d.", spec.ID, spec.Type, spec.Segment)
	}
	if slices.ContainsFunc(spec.Peers, func(a netip.Addr) bool { return !a.Is4() || a == d.o.Tunnel }) {
		return errs.New(errs.NotSupported, "This host has no tunnels to all of %v.", spec.Peers)
	}
	for id, other := range d.records.networks.All() {
		if id != spec.ID && d.segment(other.Spec) == spec.Segment {
			return errs.New(errs.Unavailable, "The segment %d is still the network %s's on this host.", spec.Segment, id)
		}
	}
	return nil
}

// applyTunnel gives a network its tunnels, to its peers and nobody else. A
// network without peers has none.
func (d *Driver) applyTunnel(spec network.NetworkSpec, br netlink.Link) error {
	name := d.names.link(tunnel, spec.ID)
	segment := d.segment(spec)
	if segment == 0 {
		return remove(d.space, name)
	}
	if spec.MTU > d.tunnelMTU {
		d.o.Logger.Warn("packets of the network are fragmented between hosts", "network", spec.ID, "mtu", spec.MTU, "fits", d.tunnelMTU)
	}
	l, err := d.ensureTunnel(name, spec.ID, segment)
	if err != nil {
		return err
	}
	if err := d.plug(l, br); err != nil {
		return err
	}
	if err := d.setPeers(l, peers(spec)); err != nil {
		return fmt.Errorf("set the peers of %s: %w", name, err)
	}
	return setUp(d.space, l, true)
}

// ensureTunnel makes the link through which a bridge's frames go to other
// hosts, down when it is new. Which of them has an address it learns.
func (d *Driver) ensureTunnel(name, networkID string, segment int) (netlink.Link, error) {
	l, err := find(d.space, name)
	if err != nil {
		return nil, err
	}
	if v, is := l.(*netlink.Vxlan); is && v.VxlanId == segment && v.SrcAddr.Equal(d.o.Tunnel.AsSlice()) {
		return l, nil
	}
	if l != nil {
		if err := d.space.Links.LinkDel(l); err != nil {
			return nil, err
		}
	}
	made := &netlink.Vxlan{
		LinkAttrs: netlink.LinkAttrs{Name: name, HardwareAddr: macFor("tunnel", networkID)},
		VxlanId:   segment, SrcAddr: d.o.Tunnel.AsSlice(), Port: nft.VXLANPort, Learning: true,
	}
	if err := d.space.Links.LinkAdd(made); err != nil {
		return nil, fmt.Errorf("add the tunnel %s: %w", name, err)
	}
	return d.fresh(d.space, name)
}

// setPeers makes these the only hosts that a tunnel leads to: frames for
// everyone go to each of them, and what was learned of others is forgotten.
func (d *Driver) setPeers(l netlink.Link, peers []netip.Addr) error {
	have, err := namespace.Whole(func() ([]netlink.Neigh, error) {
		return d.space.Links.NeighList(l.Attrs().Index, unix.AF_BRIDGE)
	})
	if err != nil {
		return err
	}
	for _, p := range peers {
		if err := d.space.Links.NeighAppend(d.toPeer(l, p)); err != nil {
			return err
		}
	}
	for _, n := range have {
		at, leads := netip.AddrFromSlice(n.IP)
		if !leads || slices.Contains(peers, at.Unmap()) {
			continue
		}
		if err := d.space.Links.NeighDel(&n); err != nil && !errors.Is(err, unix.ENOENT) {
			return err // not there: what was learned grew old meanwhile
		}
	}
	return nil
}

func (d *Driver) toPeer(l netlink.Link, peer netip.Addr) *netlink.Neigh {
	return &netlink.Neigh{
		LinkIndex: l.Attrs().Index, Family: unix.AF_BRIDGE, State: netlink.NUD_PERMANENT | netlink.NUD_NOARP, Flags: netlink.NTF_SELF,
		HardwareAddr: everyone, IP: peer.AsSlice(),
	}
}

// first gives the first error.
func first(all ...error) error {
	for _, err := range all {
		if err != nil {
			return err
		}
	}
	return nil
}
