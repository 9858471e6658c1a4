package linuxnet

import (
	"cmp"
	"context"
	"net"
	"net/netip"

	"github.com/cumulite/cumulite/drivers/linuxnet/dhcp"
	"github.com/cumulite/cumulite/drivers/linuxnet/filter"
	"github.com/cumulite/cumulite/drivers/linuxnet/packet"
	"github.com/cumulite/cumulite/network"
)

// EnsurePort implements network.Driver.
func (d *Driver) EnsurePort(ctx context.Context, spec network.PortSpec) (vif network.VIF, err error) {
	err = d.change(ctx, "ensure the port "+spec.ID, func() error {
		if old, there := d.records.ports.Get(spec.ID); there && spec.Generation < old.Generation {
			vif, err = d.vif(old)
			return err
		}
		if err := checkPort(spec); err != nil {
			return err
		}
		if err := d.applyPort(spec); err != nil {
			return err
		}
		if err := d.records.ports.Put(spec.ID, spec); err != nil {
			return err
		}
		vif, err = d.vif(spec)
		return err
	})
	return vif, err
}

func checkPort(spec network.PortSpec) error {
	if err := checkID("port", spec.ID); err != nil {
		return err
	}
	for _, a := range spec.Addresses {
		if !a.IP.Is4() {
			return noIPv6("port", spec.ID)
		}
	}
	return nil
}

func (d *Driver) vif(spec network.PortSpec) (network.VIF, error) {
	br, _, err := d.bridgeOf(spec.NetworkID)
	if err != nil {
		return network.VIF{}, err
	}
	return network.VIF{Type: "tap", Device: d.names.link(tap, spec.ID), Bridge: br.Attrs().Name, MTU: br.Attrs().MTU}, nil
}

// applyPort makes a port's tap, filters it, lets frames pass, and serves it.
func (d *Driver) applyPort(spec network.PortSpec) error {
	br, n, err := d.bridgeOf(spec.NetworkID)
	if err != nil {
		return err
	}
	mac, err := parseMAC(spec.MAC)
	if err != nil {
		return err
	}
	lease := leaseOf(n.Spec, spec, mac)
	rules, err := d.filterOf(n.Spec, spec, mac, lease != nil)
	if err != nil {
		return err
	}
	l, made, err := d.ensureTap(rules.Tap, mac, br)
	if err != nil {
		return err
	}
	if made { // who answered on an earlier one hears nothing any more
		if err := d.serveDHCP(spec.ID, rules.Tap, nil); err != nil {
			return err
		}
	}
	if err := d.pin(l, mac, rules.OnlyOne()); err != nil {
		return err
	}
	if err := d.filter.SetPort(spec.ID, rules); err != nil {
		return err
	}
	if err := setUp(d.space, l, true); err != nil {
		return err
	}
	d.guests.set(spec)
	return d.serveDHCP(spec.ID, rules.Tap, lease)
}

// filterOf says what a port may send and get. A pair for IPv6 is nothing to
// the filter, which lets none of it pass.
func (d *Driver) filterOf(n network.NetworkSpec, spec network.PortSpec, mac net.HardwareAddr, leased bool) (filter.Port, error) {
	p := filter.Port{
		Network: n.ID, Tap: d.names.link(tap, spec.ID), MAC: mac, Groups: spec.Groups, Secure: spec.PortSecurity,
		Blocked: spec.Disabled || n.Disabled, DHCP: leased, Metadata: metadataMAC(n.ID),
	}
	for _, a := range spec.Addresses {
		p.Fixed = append(p.Fixed, a.IP)
	}
	for _, pr := range spec.Pairs {
		if !pr.Prefix.Addr().Is4() {
			continue
		}
		pair := filter.Pair{MAC: mac, Prefix: pr.Prefix}
		if pr.MAC != "" {
			own, err := parseMAC(pr.MAC)
			if err != nil {
				return filter.Port{}, err
			}
			pair.MAC = own
		}
		p.Pairs = append(p.Pairs, pair)
	}
	return p, nil
}

// serveDHCP answers with a lease on a tap, with none nobody.
func (d *Driver) serveDHCP(id, device string, lease *dhcp.Lease) error {
	running := d.dhcp[id]
	switch {
	case lease == nil && running == nil:
		return nil
	case lease == nil:
		delete(d.dhcp, id)
		return running.Close()
	case running != nil:
		running.Set(lease)
		return nil
	}
	link, err := packet.Open(d.space, device, packet.DHCPRequests)
	if err != nil {
		return err
	}
	d.dhcp[id] = dhcp.Serve(link, lease, d.o.Logger)
	return nil
}

// leaseOf gives what a port is told: its first address on a subnet with DHCP.
// Nil: it is told nothing.
func leaseOf(n network.NetworkSpec, p network.PortSpec, mac net.HardwareAddr) *dhcp.Lease {
	if p.Disabled || n.Disabled {
		return nil
	}
	for _, a := range p.Addresses {
		for _, s := range n.Subnets {
			if s.ID == a.SubnetID && s.DHCP {
				return leaseOn(n, s, p, a.IP, mac)
			}
		}
	}
	return nil
}

func leaseOn(n network.NetworkSpec, s network.SubnetSpec, p network.PortSpec, a netip.Addr, mac net.HardwareAddr) *dhcp.Lease {
	lease := &dhcp.Lease{
		MAC: mac, Address: netip.PrefixFrom(a, s.CIDR.Bits()), Gateway: s.Gateway, DNS: s.DNS, Hostname: p.Hostname,
		MTU: cmp.Or(n.MTU, defaultMTU),
	}
	for _, r := range s.Routes {
		lease.Routes = append(lease.Routes, dhcp.Route(r))
	}
	for _, o := range p.DHCPOptions {
		lease.Options = append(lease.Options, dhcp.Option(o))
	}
	return lease
}

// RemovePort implements network.Driver.
func (d *Driver) RemovePort(ctx context.Context, id string) error {
	return d.change(ctx, "remove the port "+id, func() error {
		if err := checkID("port", id); err != nil {
			return err
		}
		if isStray(id) {
			return d.sweep()
		}
		if err := d.serveDHCP(id, "", nil); err != nil {
			return err
		}
		d.guests.forget(id)
		if err := remove(d.space, d.names.link(tap, id)); err != nil {
			return err
		}
		if err := d.filter.RemovePort(id); err != nil {
			return err
		}
		if err := d.records.metadata.Delete(id); err != nil {
			return err
		}
		return d.records.ports.Delete(id)
	})
}
