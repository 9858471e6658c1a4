package linuxnet

import (
	"errors"
	"fmt"
	"net"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/cumulite/cumulite/drivers/linuxnet/namespace"
)

// find gives a link by name, nil when there is none.
func find(space *namespace.Space, name string) (netlink.Link, error) {
	l, err := space.Links.LinkByName(name)
	var missing netlink.LinkNotFoundError
	if errors.As(err, &missing) {
		return nil, nil
	}
	return l, err
}

// remove takes a link away, if it is there.
func remove(space *namespace.Space, name string) error {
	l, err := find(space, name)
	if err != nil || l == nil {
		return err
	}
	return space.Links.LinkDel(l)
}

// ensureBridge makes a bridge that is down when it is new. Its address does
// not depend on what is plugged in.
func (d *Driver) ensureBridge(name string, mac net.HardwareAddr, mtu int) (l netlink.Link, made bool, err error) {
	if l, err = find(d.space, name); err != nil {
		return nil, false, err
	}
	if made = l == nil; made {
		attrs := netlink.LinkAttrs{Name: name, HardwareAddr: mac}
		snooping := false // it would send queries to guests
		if err := d.space.Links.LinkAdd(&netlink.Bridge{LinkAttrs: attrs, MulticastSnooping: &snooping}); err != nil {
			return nil, false, fmt.Errorf("add the bridge %s: %w", name, err)
		}
		if l, err = d.fresh(d.space, name); err != nil {
			return nil, true, err
		}
	}
	return l, made, setMTU(d.space, l, mtu)
}

// fresh gives a link that was just made, and keeps IPv6 off it.
func (d *Driver) fresh(space *namespace.Space, name string) (netlink.Link, error) {
	if err := space.Sysctls(map[string]string{"ipv6/conf/" + name + "/disable_ipv6": "1"}); err != nil {
		return nil, err
	}
	return space.Links.LinkByName(name)
}

// ensureTap makes a tap that is plugged into a bridge, and down when it is
// new. Whoever has the rights of root may open it: libvirtd does so for QEMU.
func (d *Driver) ensureTap(name string, guest net.HardwareAddr, into netlink.Link) (l netlink.Link, made bool, err error) {
	if l, err = find(d.space, name); err != nil {
		return nil, false, err
	}
	if made = l == nil; made {
		if l, err = d.addTap(name, guest); err != nil {
			return nil, false, fmt.Errorf("add the tap %s: %w", name, err)
		}
	}
	return l, made, d.plug(l, into)
}

func (d *Driver) addTap(name string, guest net.HardwareAddr) (netlink.Link, error) {
	// The address of the host's end is like the guest's, but never the same.
	attrs := netlink.LinkAttrs{Name: name, HardwareAddr: append(net.HardwareAddr{0xfe}, guest[1:]...)}
	t := &netlink.Tuntap{LinkAttrs: attrs, Mode: netlink.TUNTAP_MODE_TAP, Flags: netlink.TUNTAP_DEFAULTS | netlink.TUNTAP_NO_PI}
	// It is made by opening it: in the namespace of the thread.
	if err := d.space.Do(func() error { return d.space.Links.LinkAdd(t) }); err != nil {
		return nil, err
	}
	l, err := d.fresh(d.space, name)
	if err != nil {
		return nil, err
	}
	return l, d.space.Links.LinkSetHardwareAddr(l, attrs.HardwareAddr)
}

// plug makes a link a port of a bridge.
func (d *Driver) plug(l, into netlink.Link) error {
	if err := setMTU(d.space, l, into.Attrs().MTU); err != nil {
		return err
	}
	if l.Attrs().MasterIndex == into.Attrs().Index {
		return nil
	}
	return d.space.Links.LinkSetMaster(l, into)
}

const sticky = 0x40 // NTF_STICKY of linux/neighbour.h

// pin says that an address is on a link and nowhere else, whatever is heard
// from other links. When that is the only one, the link gets only what is for it.
func (d *Driver) pin(l netlink.Link, mac net.HardwareAddr, only bool) error {
	if err := d.space.Links.LinkSetLearning(l, !only); err != nil {
		return err
	}
	if err := d.space.Links.LinkSetFlood(l, !only); err != nil {
		return err
	}
	return d.space.Links.NeighSet(&netlink.Neigh{
		LinkIndex: l.Attrs().Index, Family: unix.AF_BRIDGE, State: netlink.NUD_NOARP, Flags: netlink.NTF_MASTER | sticky, HardwareAddr: mac,
	})
}

func setMTU(space *namespace.Space, l netlink.Link, mtu int) error {
	if l.Attrs().MTU == mtu {
		return nil
	}
	if err := space.Links.LinkSetMTU(l, mtu); err != nil {
		return fmt.Errorf("set the MTU of %s: %w", l.Attrs().Name, err)
	}
	l.Attrs().MTU = mtu
	return nil
}

// pair is a link with two ends: one in a bridge, the other in a namespace.
type pair struct {
	outer, inner string // their names
	mac          net.HardwareAddr
	bridge       netlink.Link
	space        *namespace.Space // of the inner end
}

// ensurePair makes a pair, whose ends are down when it is new, and gives the inner end.
func (d *Driver) ensurePair(p pair) (netlink.Link, error) {
	outer, err := find(d.space, p.outer)
	if err != nil {
		return nil, err
	}
	inner, err := find(p.space, p.inner)
	if err != nil {
		return nil, err
	}
	if outer != nil && inner == nil { // its namespace was made anew
		if err := d.space.Links.LinkDel(outer); err != nil {
			return nil, err
		}
		outer = nil
	}
	if outer == nil {
		if outer, inner, err = d.addPair(p); err != nil {
			return nil, fmt.Errorf("add the link %s: %w", p.outer, err)
		}
	}
	if inner.Attrs().HardwareAddr.String() != p.mac.String() {
		if err := p.space.Links.LinkSetHardwareAddr(inner, p.mac); err != nil {
			return nil, err
		}
	}
	if err := d.plug(outer, p.bridge); err != nil {
		return nil, err
	}
	if err := d.pin(outer, p.mac, true); err != nil {
		return nil, err
	}
	return inner, setMTU(p.space, inner, p.bridge.Attrs().MTU)
}

func (d *Driver) addPair(p pair) (outer, inner netlink.Link, err error) {
	veth := &netlink.Veth{
		LinkAttrs: netlink.LinkAttrs{Name: p.outer},
		PeerName:  p.inner, PeerHardwareAddr: p.mac, PeerNamespace: netlink.NsFd(p.space.FD()),
	}
	if err := d.space.Links.LinkAdd(veth); err != nil {
		return nil, nil, err
	}
	if outer, err = d.fresh(d.space, p.outer); err != nil {
		return nil, nil, err
	}
	inner, err = d.fresh(p.space, p.inner)
	return outer, inner, err
}

// setUp takes a link up or down.
func setUp(space *namespace.Space, l netlink.Link, up bool) error {
	if up {
		return space.Links.LinkSetUp(l)
	}
	return space.Links.LinkSetDown(l)
}

// setOuterUp takes the end of a pair that is in a bridge up or down.
func (d *Driver) setOuterUp(name string, up bool) error {
	l, err := d.space.Links.LinkByName(name)
	if err != nil {
		return err
	}
	return setUp(d.space, l, up)
}

// setAddresses makes these the only IPv4 addresses of a link.
func setAddresses(space *namespace.Space, l netlink.Link, want []net.IPNet) error {
	have, err := namespace.Whole(func() ([]netlink.Addr, error) { return space.Links.AddrList(l, unix.AF_INET) })
	if err != nil {
		return err
	}
	wanted := map[string]bool{}
	for _, w := range want {
		wanted[w.String()] = true
		if err := space.Links.AddrReplace(l, &netlink.Addr{IPNet: &w}); err != nil {
			return fmt.Errorf("give %s the address %s: %w", l.Attrs().Name, w.String(), err)
		}
	}
	for _, a := range have {
		if !wanted[a.IPNet.String()] {
			if err := space.Links.AddrDel(l, &netlink.Addr{IPNet: a.IPNet}); err != nil && !errors.Is(err, unix.EADDRNOTAVAIL) {
				return err // not available: it went with the one that it was secondary to
			}
		}
	}
	return nil
}
