package linuxnet

import (
	"context"
	"fmt"
	"net"
	"net/netip"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/cumulite/cumulite/drivers/linuxnet/metadata"
	"github.com/cumulite/cumulite/drivers/linuxnet/namespace"
	"github.com/cumulite/cumulite/network"
	"github.com/cumulite/cumulite/platform/errs"
)

// metadataIP is where guests find the metadata service.
var metadataIP = netip.MustParseAddr("169.254.169.254")

func metadataMAC(networkID string) net.HardwareAddr { return macFor("metadata", networkID) }

// SetMetadata implements network.Driver.
func (d *Driver) SetMetadata(ctx context.Context, portID string, doc network.Metadata) error {
	return d.change(ctx, "set the metadata of port "+portID, func() error {
		if _, there := d.records.ports.Get(portID); !there {
			return errs.New(errs.Unavailable, "The port %s is not known on this host yet.", portID)
		}
		if err := d.records.metadata.Put(portID, doc); err != nil {
			return err
		}
		d.guests.tell(portID, doc.Files)
		return nil
	})
}

// applyMetadata gives a network its metadata service.
func (d *Driver) applyMetadata(spec network.NetworkSpec, br netlink.Link) error {
	space, err := namespace.Create(d.names.space(metadataSpace, spec.ID))
	if err != nil {
		return err
	}
	defer space.Close() //nolint:errcheck // it stays
	name := d.names.link(metadataAt, spec.ID)
	p := pair{outer: name, inner: name, mac: metadataMAC(spec.ID), bridge: br, space: space}
	if err := quiet(space, nil); err != nil {
		return err
	}
	l, err := d.ensurePair(p)
	if err != nil {
		return err
	}
	if err := d.raise(p, l, []net.IPNet{ipNet(netip.PrefixFrom(metadataIP, 32))}); err != nil {
		return err
	}
	if err := setRoutes(space, neighbours(spec, l)); err != nil {
		return err
	}
	return d.serveMetadata(spec.ID, space)
}

// neighbours are routes to the guests of a network on the link itself.
func neighbours(spec network.NetworkSpec, l netlink.Link) (all []netlink.Route) {
	for _, s := range spec.Subnets {
		to := ipNet(s.CIDR.Masked())
		all = append(all, netlink.Route{Dst: &to, LinkIndex: l.Attrs().Index, Scope: unix.RT_SCOPE_LINK})
	}
	return all
}

func (d *Driver) serveMetadata(networkID string, space *namespace.Space) error {
	if d.metadata[networkID] != nil {
		return nil
	}
	var l net.Listener
	err := space.Do(func() (err error) {
		l, err = (&net.ListenConfig{}).Listen(context.Background(), "tcp4", netip.AddrPortFrom(metadataIP, 80).String())
		return err
	})
	if err != nil {
		return fmt.Errorf("metadata service: %w", err)
	}
	find := func(a netip.Addr) (map[string][]byte, bool) { return d.guests.find(networkID, a) }
	d.metadata[networkID] = metadata.Serve(l, find, d.o.Logger)
	return nil
}

func (d *Driver) removeMetadata(networkID string) error {
	if s := d.metadata[networkID]; s != nil {
		delete(d.metadata, networkID)
		if err := s.Close(); err != nil {
			return err
		}
	}
	if err := remove(d.space, d.names.link(metadataAt, networkID)); err != nil {
		return err
	}
	return namespace.Remove(d.names.space(metadataSpace, networkID))
}
