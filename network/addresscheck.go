package network

import (
	"context"
	"net/netip"

	"github.com/uptrace/bun"

	"github.com/cumulite/cumulite/platform/doctor"
	"github.com/cumulite/cumulite/platform/store"
)

// placed is an address with what it must agree with.
type placed struct {
	SubnetID, IP, PortID string
	Position             *int64
	CIDR                 netip.Prefix `bun:"cidr"` // of the subnet
	Same                 bool         // the subnet is of the port's network
}

func placedAddresses(db bun.IDB) *bun.SelectQuery {
	return db.NewSelect().TableExpr("network_allocations AS a").ColumnExpr("a.subnet_id, a.ip, a.port_id, a.position, s.cidr, s.network_id = p.network_id AS same").
		Join("JOIN network_subnets AS s ON s.id = a.subnet_id").Join("JOIN network_ports AS p ON p.id = a.port_id")
}

// checkAddresses looks at every address with its port and its subnet.
func (s *Service) checkAddresses(ctx context.Context) (found []doctor.Finding, err error) {
	var all []placed
	if err := placedAddresses(s.DB.Read()).Scan(ctx, &all); err != nil {
		return nil, err
	}
	for _, a := range all {
		says := ""
		switch {
		case a.foreign():
			says = "subnet " + a.SubnetID + " of its port's network does not have it"
		case a.misplaced():
			says = "it does not stand where it is looked for in subnet " + a.SubnetID
		default:
			continue
		}
		found = append(found, doctor.Finding{Object: "address " + a.IP + " of port " + a.PortID, Says: says,
			Repair: func(ctx context.Context) error { return s.mendAddress(ctx, a.SubnetID, a.IP) }})
	}
	return found, nil
}

func (a *placed) foreign() bool {
	ip, err := netip.ParseAddr(a.IP)
	return err != nil || !a.Same || !a.CIDR.Contains(ip)
}

// place gives the position that the address must have.
func (a *placed) place() *int64 { return (&Subnet{CIDR: a.CIDR}).position(netip.MustParseAddr(a.IP)) }

func (a *placed) misplaced() bool { return or(a.Position, -1) != or(a.place(), -1) }

// mendAddress puts an address where it is looked for. One that the port
// cannot have is taken from it.
func (s *Service) mendAddress(ctx context.Context, subnetID, ip string) error {
	return s.write(ctx, func(ctx context.Context, tx *store.Tx) error {
		var rows []placed
		if err := placedAddresses(tx).Where("a.subnet_id = ? AND a.ip = ?", subnetID, ip).Scan(ctx, &rows); err != nil || len(rows) == 0 {
			return err
		}
		a := rows[0]
		if !a.foreign() {
			_, err := tx.Exec(ctx, "UPDATE network_allocations SET position = ? WHERE subnet_id = ? AND ip = ?", a.place(), subnetID, ip)
			return err
		}
		if _, err := tx.Exec(ctx, "DELETE FROM network_allocations WHERE subnet_id = ? AND ip = ?", subnetID, ip); err != nil {
			return err
		}
		return s.touchPorts(ctx, tx, []string{a.PortID})
	})
}
