package network

import (
	"context"
	"fmt"
	"strings"

	"github.com/cumulite/cumulite/platform/doctor"
	"github.com/cumulite/cumulite/platform/store"
)

// Invariants say what always holds of networks, in the order in which it is
// mended: what hosts are told follows from the rest.
func (s *Service) Invariants() []doctor.Invariant {
	return []doctor.Invariant{
		{Name: "network.owners", Promise: "Subnets, ports, addresses, rules, memberships and tags are of what is there.", Check: doctor.All(s.orphans()...)},
		{Name: "network.addresses", Promise: "Each address is of a subnet of its port's network, and stands where it is looked for.", Check: s.checkAddresses},
		{Name: "network.routers", Promise: "Gateways, interfaces and floating addresses have their ports, and lead to what is there.", Check: doctor.All(s.loose()...)},
		{Name: "network.placements", Promise: "Hosts are told of what they need, of each change, and of nothing else.", Check: s.checkPlacements},
		{Name: "network.hosts", Promise: "Hosts have what they were told of, and nothing else.", Check: s.checkHosts},
		s.quotas.Recount(s.DB, usedTruth()),
	}
}

// usedTruth gives what projects use of what is limited.
func usedTruth() string {
	var counts []string
	for resource, table := range map[string]string{"network": "networks", "subnet": "subnets", "port": "ports", "router": "routers",
		"floatingip": "floatingips", "security_group": "groups", "security_group_rule": "rules"} {
		counts = append(counts, fmt.Sprintf("SELECT project_id, '%s' AS resource, COUNT(*) AS used FROM network_%s WHERE project_id <> '' GROUP BY project_id", resource, table))
	}
	return strings.Join(counts, " UNION ALL ")
}

// orphans are the rows that belong to others.
func (s *Service) orphans() []doctor.Rows {
	return []doctor.Rows{
		doctor.Orphans(s.DB, "network_subnets", "network_id", "network_networks"),
		{DB: s.DB, Noun: "port", Mend: s.removeLost, Find: `SELECT id, 'its network is no more' AS says FROM network_ports
			WHERE NOT EXISTS (SELECT 1 FROM network_networks AS n WHERE n.id = network_ports.network_id)`},
		doctor.Orphans(s.DB, "network_allocations", "port_id", "network_ports"),
		doctor.Orphans(s.DB, "network_allocations", "subnet_id", "network_subnets"),
		doctor.Orphans(s.DB, "network_port_groups", "port_id", "network_ports"),
		doctor.Orphans(s.DB, "network_port_groups", "group_id", "network_groups"),
		doctor.Orphans(s.DB, "network_rules", "group_id", "network_groups"),
		doctor.Orphans(s.DB, "network_tags", "resource_id", "(SELECT id FROM network_objects UNION ALL SELECT id FROM network_subnets"+
			" UNION ALL SELECT id FROM network_floatingips UNION ALL SELECT id FROM network_rules)"),
		{DB: s.DB, Noun: "generation of", Find: `SELECT id, 'it is no more, and on no host' AS says FROM network_generations AS g
			WHERE NOT EXISTS (SELECT 1 FROM network_placements AS p WHERE p.id = g.id) AND NOT EXISTS (SELECT 1 FROM network_objects AS o WHERE o.id = g.id)`,
			Mend: forgetGeneration},
		{DB: s.DB, Noun: "segment of", Find: `SELECT network_id AS id, 'it is kept from others, but no host has anything of its network' AS says FROM network_retired AS r
			WHERE NOT EXISTS (SELECT 1 FROM network_placements AS p WHERE p.id = r.network_id)`, Mend: releaseSegment},
	}
}

// removeLost removes a port whose network is no more, also from its host.
func (s *Service) removeLost(ctx context.Context, tx *store.Tx, id string) error {
	for _, statement := range []string{"DELETE FROM network_allocations WHERE port_id = ?", "DELETE FROM network_port_groups WHERE port_id = ?", "DELETE FROM network_ports WHERE id = ?"} {
		if _, err := tx.Exec(ctx, statement, id); err != nil {
			return err
		}
	}
	return s.touch(ctx, tx, objPort, id)
}

// loose are the ends of routers and floating addresses that lead nowhere.
func (s *Service) loose() []doctor.Rows {
	return []doctor.Rows{
		{DB: s.DB, Noun: "router", Find: `SELECT id, 'the port of its gateway is no more' AS says FROM network_routers
			WHERE gateway_network_id <> '' AND NOT EXISTS (SELECT 1 FROM network_ports AS p WHERE p.id = network_routers.gateway_port_id)`, Mend: s.renewGateway},
		{DB: s.DB, Noun: "floating address", Find: `SELECT id, 'its port does not have its address' AS says FROM network_floatingips
			WHERE NOT EXISTS (SELECT 1 FROM network_ports AS p JOIN network_allocations AS a ON a.port_id = p.id
				WHERE p.id = network_floatingips.floating_port_id AND a.ip = network_floatingips.address)`, Mend: s.renewFloatingPort},
		{DB: s.DB, Noun: "port", Args: []any{OwnerGateway, OwnerFloatingIP}, Find: `SELECT id, 'the router or floating address that it was made for is no more' AS says FROM network_ports AS p
			WHERE project_id = '' AND (device_owner = ? AND NOT EXISTS (SELECT 1 FROM network_routers AS r WHERE r.gateway_port_id = p.id)
			OR device_owner = ? AND NOT EXISTS (SELECT 1 FROM network_floatingips AS f WHERE f.floating_port_id = p.id))`, Mend: s.removeOwn},
		{DB: s.DB, Noun: "port", Args: []any{OwnerInterface}, Find: `SELECT id, 'the router that it is said to be of is no more' AS says FROM network_ports AS p
			WHERE device_owner = ? AND NOT EXISTS (SELECT 1 FROM network_routers AS r WHERE r.id = p.device_id)`, Mend: s.disown},
		{DB: s.DB, Noun: "floating address", Find: `SELECT id, 'it leads to what is no more' AS says FROM network_floatingips
			WHERE port_id <> '' AND (NOT EXISTS (SELECT 1 FROM network_routers AS r WHERE r.id = network_floatingips.router_id)
				OR NOT EXISTS (SELECT 1 FROM network_allocations AS a WHERE a.port_id = network_floatingips.port_id AND a.ip = network_floatingips.fixed_ip))`, Mend: s.leadNowhere},
	}
}

func (s *Service) removeOwn(ctx context.Context, tx *store.Tx, id string) error {
	p, err := wholePort(ctx, tx, id)
	if err != nil {
		return err
	}
	return s.removeLeg(ctx, tx, p)
}

// disown has a port be of no device, for its project to use or delete.
func (s *Service) disown(ctx context.Context, tx *store.Tx, id string) error {
	p, err := wholePort(ctx, tx, id)
	if err != nil {
		return err
	}
	p.DeviceID, p.DeviceOwner = "", ""
	return ports.update(ctx, s, tx, p, "device_id", "device_owner")
}

// renewGateway gives a router the port that is its gateway, or a new one.
func (s *Service) renewGateway(ctx context.Context, tx *store.Tx, id string) error {
	r, err := store.Get[Router](ctx, tx, id)
	if err != nil {
		return err
	}
	var had []Port
	err = tx.NewSelect().Model(&had).Where("device_id = ? AND device_owner = ? AND network_id = ?", id, OwnerGateway, r.GatewayNetworkID).Limit(1).Scan(ctx)
	if err != nil {
		return err
	}
	if len(had) == 0 {
		had = []Port{{NetworkID: r.GatewayNetworkID, DeviceID: id, DeviceOwner: OwnerGateway, AdminStateUp: true}}
		if err := s.insertPort(ctx, tx, &had[0], nil, s.count); err != nil {
			return err
		}
	}
	r.GatewayPortID = had[0].ID
	if err := routers.update(ctx, s, tx, r, "gateway_port_id"); err != nil {
		return err
	}
	return s.touch(ctx, tx, objRouter, id)
}

// renewFloatingPort gives a floating address the port that holds it for it.
func (s *Service) renewFloatingPort(ctx context.Context, tx *store.Tx, id string) error {
	f, err := store.Get[FloatingIP](ctx, tx, id)
	if err != nil {
		return err
	}
	address := []Address{{IP: f.Address}}
	p, err := wholePort(ctx, tx, f.FloatingPortID)
	if err == nil {
		return s.readdress(ctx, tx, p, address)
	}
	if !store.IsNone(err) {
		return err
	}
	p = &Port{Standard: Standard{ID: f.FloatingPortID}, NetworkID: f.NetworkID, DeviceID: f.ID, DeviceOwner: OwnerFloatingIP, AdminStateUp: true, Status: "N/A"}
	return s.insertPort(ctx, tx, p, &address, s.count)
}

// leadNowhere has a floating address lead nowhere.
func (s *Service) leadNowhere(ctx context.Context, tx *store.Tx, id string) error {
	f, err := store.Get[FloatingIP](ctx, tx, id)
	if err != nil {
		return err
	}
	before := f.RouterID
	f.lead(way{})
	if err := floatingIPs.update(ctx, s, tx, f, "port_id", "fixed_ip", "router_id", "status"); err != nil {
		return err
	}
	_, err = s.floatingChanged(ctx, tx, f, before)
	return err
}
