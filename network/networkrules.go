package network

import (
	"context"

	"github.com/cumulite/cumulite/platform/errs"
	"github.com/cumulite/cumulite/platform/store"
)

// The smallest packets that IPv4 and IPv6 promise to carry whole, in bytes.
const (
	minMTU  = 68
	minMTU6 = 1280
)

// checkNetwork holds a network as it shall be against the rules.
func (s *Service) checkNetwork(ctx context.Context, tx *store.Tx, n *Network) error {
	if n.MTU < minMTU {
		return invalid("Requested MTU is too small, minimum is %d", minMTU)
	}
	if n.MTU < minMTU6 {
		v6, err := tx.NewSelect().Model((*Subnet)(nil)).Where("network_id = ? AND ip_version = 6", n.ID).Exists(ctx)
		if err != nil {
			return err
		}
		if v6 {
			return invalid("Network MTU is too small for IPv6, minimum is %d", minMTU6)
		}
	}
	if !n.IsDefault {
		return nil
	}
	var other Network
	err := tx.NewSelect().Model(&other).Column("id").Where("is_default AND id <> ?", n.ID).Limit(1).Scan(ctx)
	if store.IsNone(err) {
		return nil
	}
	if err != nil {
		return err
	}
	return errs.Conflictf("A default external network already exists: %s.", other.ID).WithCode("DefaultExternalNetworkExists")
}

// mayChange tells whether those who use n allow the change.
func (s *Service) mayChange(ctx context.Context, tx *store.Tx, n *Network, in *UpdateNetwork) error {
	if or(in.Type, n.Type) != n.Type || or(in.Physical, n.Physical) != n.Physical || or(in.Segment, n.Segment) != n.Segment {
		return invalid("Plugin does not support updating provider attributes")
	}
	if n.Shared && !or(in.Shared, true) {
		others, err := tx.NewSelect().Model((*Port)(nil)).Where("network_id = ? AND project_id NOT IN (?, '')", n.ID, n.ProjectID).Exists(ctx)
		if err != nil {
			return err
		}
		if others {
			return errs.Conflictf("Unable to reconfigure sharing settings for network %s. Multiple tenants are using it.", n.ID).WithCode("InvalidSharedSetting")
		}
	}
	if n.External && !or(in.External, true) {
		used, err := tx.NewSelect().Model((*Port)(nil)).Where("network_id = ? AND device_owner IN (?, ?)", n.ID, OwnerGateway, OwnerFloatingIP).Exists(ctx)
		if err != nil {
			return err
		}
		if used {
			return errs.Conflictf("External network %s cannot be updated to be made non-external, since it has existing gateway ports.", n.ID).WithCode("ExternalNetworkInUse")
		}
	}
	return nil
}
