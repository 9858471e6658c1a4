package network

import (
	"context"
	"net/netip"

	"github.com/uptrace/bun"

	"github.com/cumulite/cumulite/platform/store"
)

// Attachment is a device's port as the device's owner sees it.
type Attachment struct {
	Port      Port   // what attached names, addresses and groups
	Network   string // its name
	MTU       int    // of the network
	Addresses []AttachedAddress
}

// AttachedAddress is one address of an attachment, with the floating address
// that leads to it.
type AttachedAddress struct {
	Address
	Floating netip.Addr // not valid without one
}

// attached are the columns of ports that attachments have: to read all of them
// takes twice as long.
var attached = []string{"id", "project_id", "name", "network_id", "mac_address", "admin_state_up", "status", "device_id", "device_owner"}

// Attachments gives the ports of devices, each device's in the order in which
// they were made. It makes the same number of queries for any number of
// devices. For services only.
func (s *Service) Attachments(ctx context.Context, deviceIDs []string) (map[string][]Attachment, error) {
	if err := onlyServices(ctx); err != nil {
		return nil, err
	}
	all := map[string][]Attachment{}
	if len(deviceIDs) == 0 {
		return all, nil
	}
	db := s.DB.Read()
	var rows []Port
	err := db.NewSelect().Model(&rows).Column(attached...).Where("device_id IN (?)", bun.List(deviceIDs)).Order("created_at", "id").Scan(ctx)
	if err != nil || len(rows) == 0 {
		return all, err
	}
	if err := ports.load(ctx, db, rows); err != nil {
		return nil, err
	}
	floating, err := floatingOf(ctx, db, rows)
	if err != nil {
		return nil, err
	}
	for i := range rows {
		p := &rows[i]
		a := Attachment{Port: *p, Network: p.network.Name, MTU: p.network.MTU}
		for _, ip := range p.Addresses {
			a.Addresses = append(a.Addresses, AttachedAddress{Address: ip, Floating: floating[p.ID][ip.IP]})
		}
		all[p.DeviceID] = append(all[p.DeviceID], a)
	}
	return all, nil
}

// Bound is a port of a device that is on a host.
type Bound struct{ PortID, DeviceID, Host string }

// Bound gives the ports on hosts whose device owner begins with owner, in one
// query. For services only.
func (s *Service) Bound(ctx context.Context, owner string) (all []Bound, err error) {
	if err := onlyServices(ctx); err != nil {
		return nil, err
	}
	err = s.DB.Read().NewSelect().Model((*Port)(nil)).ColumnExpr("port.id AS port_id, port.device_id, port.host_id AS host").
		Where("host_id <> '' AND substr(device_owner, 1, ?) = ?", len(owner), owner).Scan(ctx, &all)
	return all, err
}

// floatingOf gives the floating addresses that lead to ports, by port and fixed address.
func floatingOf(ctx context.Context, db bun.IDB, of []Port) (map[string]map[netip.Addr]netip.Addr, error) {
	_, ids := portsByID(of)
	var rows []struct{ PortID, FixedIP, Address string }
	err := db.NewSelect().TableExpr("network_floatingips").ColumnExpr("port_id, fixed_ip, address").Where("port_id IN (?)", bun.List(ids)).Scan(ctx, &rows)
	if err != nil && !store.IsNone(err) {
		return nil, err
	}
	all := map[string]map[netip.Addr]netip.Addr{}
	for _, r := range rows {
		fixed, _ := netip.ParseAddr(r.FixedIP)
		address, _ := netip.ParseAddr(r.Address)
		if all[r.PortID] == nil {
			all[r.PortID] = map[netip.Addr]netip.Addr{}
		}
		all[r.PortID][fixed] = address
	}
	return all, nil
}
