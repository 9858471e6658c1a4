package network

import (
	"context"
	"net/netip"
	"slices"

	"github.com/uptrace/bun"

	"github.com/cumulite/cumulite/platform/errs"
	"github.com/cumulite/cumulite/platform/store"
)

// allocation is an address that a port has: the key keeps two ports from
// having the same.
type allocation struct {
	bun.BaseModel `bun:"table:network_allocations,alias:allocation"`
	SubnetID      string `bun:"subnet_id,pk"`
	IP            string `bun:"ip,pk"`
	PortID        string `bun:"port_id,notnull"`
	Seq           int    `bun:"seq,notnull"` // its place among the port's
	Position      *int64 `bun:"position"`    // counted from the subnet's first address
}

func loadAddresses(ctx context.Context, db bun.IDB, rows []Port) error {
	byID, ids := portsByID(rows)
	var all []allocation
	if err := db.NewSelect().Model(&all).Where("port_id IN (?)", bun.List(ids)).Order("seq", "ip").Scan(ctx); err != nil {
		return err
	}
	for _, a := range all {
		ip, err := netip.ParseAddr(a.IP)
		if err != nil {
			return errs.Wrap(err, "read the address of port %s", a.PortID)
		}
		byID[a.PortID].Addresses = append(byID[a.PortID].Addresses, Address{SubnetID: a.SubnetID, IP: ip})
	}
	return nil
}

func portsByID(rows []Port) (byID map[string]*Port, ids []string) {
	byID = map[string]*Port{}
	for i := range rows {
		byID[rows[i].ID], ids = &rows[i], append(ids, rows[i].ID)
	}
	return byID, ids
}

// allocate gives a new port its addresses: those asked for, or, when nothing
// was (nil), one of each family; and those that it makes of its MAC.
func (s *Service) allocate(ctx context.Context, tx *store.Tx, p *Port, asked *[]Address) error {
	all, err := subnetsOf(ctx, tx, p.NetworkID)
	if err != nil {
		return err
	}
	a := &allocator{tx: tx, port: p, subnets: all}
	if asked != nil {
		return a.asked(ctx, *asked)
	}
	return a.automatic(ctx)
}

// readdress gives a port other addresses; those that it has and shall have stay.
func (s *Service) readdress(ctx context.Context, tx *store.Tx, p *Port, asked []Address) error {
	all, err := subnetsOf(ctx, tx, p.NetworkID)
	if err != nil {
		return err
	}
	a := &allocator{tx: tx, port: p, subnets: all}
	had := p.Addresses
	p.Addresses = nil
	if _, err := tx.Exec(ctx, "DELETE FROM network_allocations WHERE port_id = ?", p.ID); err != nil {
		return err
	}
	return a.asked(ctx, keep(had, asked))
}

// keep fills requests that name only a subnet with the address that the port has there.
func keep(had, asked []Address) []Address {
	had, asked = slices.Clone(had), slices.Clone(asked)
	for _, want := range asked {
		had = slices.DeleteFunc(had, func(h Address) bool { return h.IP == want.IP })
	}
	for i, want := range asked {
		at := slices.IndexFunc(had, func(h Address) bool { return h.SubnetID == want.SubnetID })
		if !want.IP.IsValid() && at >= 0 {
			asked[i] = had[at]
			had = slices.Delete(had, at, at+1)
		}
	}
	return asked
}

// allocator gives addresses of a network's subnets to one port.
type allocator struct {
	tx      *store.Tx
	port    *Port
	subnets []Subnet
}

// automatic gives an address of the first IPv4 and of the first IPv6 subnet
// that have one left.
func (a *allocator) automatic(ctx context.Context) error {
	for _, version := range []int{4, 6} {
		var candidates []*Subnet
		for i := range a.subnets {
			if sub := &a.subnets[i]; sub.IPVersion == version && !sub.automatic() && sub.serves(a.port.DeviceOwner) {
				candidates = append(candidates, sub)
			}
		}
		if err := a.any(ctx, candidates); err != nil {
			return err
		}
	}
	if len(a.subnets) > 0 && !slices.ContainsFunc(a.subnets, func(sub Subnet) bool { return sub.serves(a.port.DeviceOwner) }) {
		return errs.Conflictf("No valid service subnet for the given device owner, network %s, service type %s.", a.port.NetworkID, a.port.DeviceOwner).
			WithCode("IpAddressGenerationFailureNoMatchingSubnet")
	}
	return a.ownMade(ctx)
}

// serves tells whether a subnet is for ports of a device owner.
func (sub *Subnet) serves(deviceOwner string) bool {
	return len(sub.ServiceTypes) == 0 || slices.Contains(sub.ServiceTypes, deviceOwner)
}

// ownMade gives the addresses that the port makes of its MAC on subnets where it has none.
func (a *allocator) ownMade(ctx context.Context) error {
	for i := range a.subnets {
		sub := &a.subnets[i]
		has := slices.ContainsFunc(a.port.Addresses, func(x Address) bool { return x.SubnetID == sub.ID })
		if !sub.automatic() || has || a.port.own() || !sub.serves(a.port.DeviceOwner) {
			continue
		}
		if err := a.take(ctx, sub, eui64(sub.CIDR, a.port.MAC)); err != nil {
			return err
		}
	}
	return nil
}

// asked gives the addresses that were asked for: first those that are named.
func (a *allocator) asked(ctx context.Context, all []Address) error {
	for _, want := range all {
		if !want.IP.IsValid() {
			continue
		}
		sub, err := a.subnetFor(want)
		if err != nil {
			return err
		}
		if sub.automatic() && !a.port.own() && want.IP != eui64(sub.CIDR, a.port.MAC) {
			return invalid("IPv6 address %s cannot be directly assigned to a port on subnet %s as the subnet is configured for automatic addresses", want.IP, sub.ID)
		}
		if err := a.take(ctx, sub, want.IP); err != nil {
			return err
		}
	}
	for _, want := range all {
		if want.IP.IsValid() {
			continue
		}
		sub, err := a.subnetFor(want)
		if err != nil {
			return err
		}
		if err := a.anyOf(ctx, sub); err != nil {
			return err
		}
	}
	if len(all) == 0 {
		return nil
	}
	return a.ownMade(ctx)
}

// anyOf gives an address of one subnet: the one that the port makes, or any.
func (a *allocator) anyOf(ctx context.Context, sub *Subnet) error {
	if !sub.automatic() || a.port.own() {
		return a.any(ctx, []*Subnet{sub})
	}
	ip := eui64(sub.CIDR, a.port.MAC)
	if slices.Contains(a.port.Addresses, Address{SubnetID: sub.ID, IP: ip}) {
		return nil
	}
	return a.take(ctx, sub, ip)
}

// subnetFor gives the subnet that a request names, or that its address is of.
func (a *allocator) subnetFor(want Address) (*Subnet, error) {
	for i := range a.subnets {
		sub := &a.subnets[i]
		switch {
		case want.SubnetID == "" && sub.CIDR.Contains(want.IP) && sub.usable(want.IP):
			return sub, nil
		case want.SubnetID != "" && want.SubnetID == sub.ID:
			if want.IP.IsValid() && (!sub.CIDR.Contains(want.IP) || !sub.usable(want.IP)) {
				return nil, errs.Invalidf("IP address %s is not a valid IP for the specified subnet.", want.IP).WithCode("InvalidIpForSubnet")
			}
			return sub, nil
		}
	}
	if want.SubnetID != "" {
		return nil, invalid("Failed to create port on network %s, because fixed_ips included invalid subnet %s", a.port.NetworkID, want.SubnetID)
	}
	return nil, errs.Invalidf("IP address %s is not a valid IP for any of the subnets on the specified network.", want.IP).WithCode("InvalidIpForNetwork")
}

// any gives a free address of the first of the subnets that has one.
// No subnets, no address.
func (a *allocator) any(ctx context.Context, candidates []*Subnet) error {
	for _, sub := range candidates {
		for _, pool := range sub.Pools {
			ip, found, err := a.free(ctx, sub, pool)
			if err != nil {
				return err
			}
			if found {
				return a.take(ctx, sub, ip)
			}
		}
	}
	if len(candidates) == 0 {
		return nil
	}
	return errs.New(errs.Exhausted, "No more IP addresses available on network %s.", a.port.NetworkID).WithCode("IpAddressGenerationFailure")
}

// free gives an address of a pool that no port has: the one after the highest
// that is taken, which is found at once however many there are; when the pool
// has come to its end, the lowest.
func (a *allocator) free(ctx context.Context, sub *Subnet, pool Pool) (ip netip.Addr, found bool, err error) {
	from, to := sub.position(pool.Start), sub.position(pool.End)
	if from == nil {
		return netip.Addr{}, false, nil
	}
	if to == nil {
		far := int64(1)<<62 - 1
		to = &far
	}
	var position int64
	err = a.tx.QueryRow(ctx, "SELECT COALESCE(MAX(position) + 1, ?) FROM network_allocations WHERE subnet_id = ? AND position BETWEEN ? AND ?",
		*from, sub.ID, *from, *to).Scan(&position)
	if err != nil || position <= *to {
		return sub.at(position), err == nil, err
	}
	err = a.tx.QueryRow(ctx, `
		SELECT place FROM (
			SELECT ? AS place
			UNION ALL SELECT position + 1 FROM network_allocations WHERE subnet_id = ? AND position BETWEEN ? AND ?
		) AS candidates
		WHERE place <= ? AND NOT EXISTS (SELECT 1 FROM network_allocations AS taken WHERE taken.subnet_id = ? AND taken.position = place)
		ORDER BY place LIMIT 1`,
		*from, sub.ID, *from, *to, *to, sub.ID).Scan(&position)
	if store.IsNone(err) {
		return netip.Addr{}, false, nil
	}
	return sub.at(position), err == nil, err
}

// take gives the port an address, which nobody else may have.
func (a *allocator) take(ctx context.Context, sub *Subnet, ip netip.Addr) error {
	row := allocation{SubnetID: sub.ID, IP: ip.String(), PortID: a.port.ID, Seq: len(a.port.Addresses), Position: sub.position(ip)}
	var taken bool
	if err := a.tx.QueryRow(ctx, "SELECT EXISTS (SELECT 1 FROM network_allocations WHERE subnet_id = ? AND ip = ?)", row.SubnetID, row.IP).Scan(&taken); err != nil {
		return err
	}
	if taken {
		return errs.Conflictf("IP address %s already allocated in subnet %s", ip, sub.ID).WithCode("IpAddressAlreadyAllocated")
	}
	a.port.Addresses = append(a.port.Addresses, Address{SubnetID: sub.ID, IP: ip})
	return store.Insert(ctx, a.tx, &row)
}

// addressPortsOf gives the ports of a network addresses on a new subnet where
// they make their own.
func (s *Service) addressPortsOf(ctx context.Context, tx *store.Tx, sub *Subnet) error {
	if !sub.automatic() {
		return nil
	}
	var on []Port
	err := tx.NewSelect().Model(&on).Where("network_id = ? AND device_owner NOT LIKE 'network:%'", sub.NetworkID).Scan(ctx)
	if err != nil || len(on) == 0 {
		return err
	}
	if err := loadAddresses(ctx, tx, on); err != nil {
		return err
	}
	_, ids := portsByID(on)
	for i := range on {
		a := &allocator{tx: tx, port: &on[i], subnets: []Subnet{*sub}}
		if err := a.ownMade(ctx); err != nil {
			return err
		}
	}
	return s.touchPorts(ctx, tx, ids)
}

// takeAddresses takes the addresses of a subnet from the ports that have some,
// and has their hosts know.
func (s *Service) takeAddresses(ctx context.Context, tx *store.Tx, subnetID string) error {
	var ids []string
	if err := tx.NewSelect().Model((*allocation)(nil)).Distinct().Column("port_id").Where("subnet_id = ?", subnetID).Scan(ctx, &ids); err != nil {
		return err
	}
	if _, err := tx.Exec(ctx, "DELETE FROM network_allocations WHERE subnet_id = ?", subnetID); err != nil {
		return err
	}
	return s.touchPorts(ctx, tx, ids)
}

// touchPorts has the hosts of ports follow, and those of the groups that they are in.
func (s *Service) touchPorts(ctx context.Context, tx *store.Tx, ids []string) error {
	if len(ids) == 0 {
		return nil
	}
	var groups []string
	err := tx.NewSelect().Model((*portGroup)(nil)).Distinct().Column("group_id").Where("port_id IN (?)", bun.List(ids)).Scan(ctx, &groups)
	if err != nil {
		return err
	}
	for _, id := range ids {
		if err := s.touch(ctx, tx, objPort, id); err != nil {
			return err
		}
	}
	return s.touchGroups(ctx, tx, groups)
}
