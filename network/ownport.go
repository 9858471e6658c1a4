package network

import (
	"context"

	"github.com/uptrace/bun"

	"github.com/cumulite/cumulite/platform/auth"
	"github.com/cumulite/cumulite/platform/errs"
	"github.com/cumulite/cumulite/platform/store"
)

// Ports that are part of a router or a floating address are changed through
// these: what a port says of its device makes it a leg of a router, so that
// users must not say it.

// partOf tells whether a port is part of a router or of a floating address that is there.
func partOf(ctx context.Context, db bun.IDB, p *Port) (bool, error) {
	var device any
	switch p.DeviceOwner {
	case OwnerInterface, OwnerGateway:
		device = (*Router)(nil)
	case OwnerFloatingIP:
		device = (*FloatingIP)(nil)
	default:
		return false, nil
	}
	return db.NewSelect().Model(device).Where("id = ?", p.DeviceID).Exists(ctx)
}

// mayDeletePort refuses to delete the ports of routers and floating
// addresses, other than through these.
func (s *Service) mayDeletePort(ctx context.Context, db bun.IDB, p *Port) error {
	part, err := partOf(ctx, db, p)
	if err == nil && part {
		return errs.Conflictf("Port %s cannot be deleted directly via the port API: has device owner %s.", p.ID, p.DeviceOwner).WithCode("ServicePortInUse")
	}
	return err
}

// mayServe refuses to make a port part of a router or a floating address, or
// not part of it any more, other than through these; and to say that a port
// which is plugged in is another device's, since its guest would be told that
// one's metadata.
func (s *Service) mayServe(ctx context.Context, db bun.IDB, before, after *Port) error {
	if before.DeviceOwner == after.DeviceOwner && before.DeviceID == after.DeviceID {
		return nil
	}
	part, err := partOf(ctx, db, before)
	if err != nil {
		return err
	}
	if part || before.Host != "" && !seesAll(auth.From(ctx)) {
		return before.inUse()
	}
	if part, err = partOf(ctx, db, after); err == nil && part {
		return errs.Conflictf("The following device_id %s is not owned by your tenant or matches another tenants router.", after.DeviceID).
			WithCode("DeviceIDNotOwnedByTenant")
	}
	return err
}

// inUse says that a port is its device's.
func (p *Port) inUse() error {
	return errs.Conflictf("Unable to complete operation on port %s for network %s. Port already has an attached device %s.",
		p.ID, p.NetworkID, p.DeviceID).WithCode("PortInUse")
}

// readdressed has the hosts know the addresses of a port that has others:
// those of its groups' members, and that of its router.
func (s *Service) readdressed(ctx context.Context, tx *store.Tx, p *Port) error {
	if err := s.touchGroups(ctx, tx, p.Groups); err != nil {
		return err
	}
	return s.touchPort(ctx, tx, p)
}

// touchPort has the hosts of a port follow a change of it: as a router's leg,
// that of its router.
func (s *Service) touchPort(ctx context.Context, tx *store.Tx, p *Port) error {
	if p.DeviceOwner == OwnerInterface || p.DeviceOwner == OwnerGateway {
		return s.touch(ctx, tx, objRouter, p.DeviceID)
	}
	return s.touch(ctx, tx, objPort, p.ID)
}

// touchGateways tells the routers whose gateways are on a subnet.
func (s *Service) touchGateways(ctx context.Context, tx *store.Tx, subnetID string) error {
	var ids []string
	err := tx.NewSelect().Distinct().TableExpr("network_ports AS port").ColumnExpr("port.device_id").
		Join("JOIN network_allocations AS a ON a.port_id = port.id").
		Where("a.subnet_id = ? AND port.device_owner = ?", subnetID, OwnerGateway).Scan(ctx, &ids)
	if err != nil {
		return err
	}
	for _, id := range ids {
		if err := s.touch(ctx, tx, objRouter, id); err != nil {
			return err
		}
	}
	return nil
}
