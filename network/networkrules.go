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
	if n.MTU > s.o.MTU {
		return invalid("Requested MTU is too big, maximum is %d", s.o.MTU)
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

// segments is how provider networks of a type are told apart.
type segments struct {
	physical  bool // they are on a physical network, which has to be named
	min, max  int  // of segmentation ids; 0: they have none
	forTenant bool // an id is given when none is named
}

var networkTypes = map[string]segments{
	"local": {}, "flat": {physical: true}, "vlan": {physical: true, min: 1, max: 4094},
	"vxlan": {min: 1, max: 1<<24 - 1, forTenant: true}, "gre": {min: 1, max: 1<<32 - 1, forTenant: true}, "geneve": {min: 1, max: 1<<24 - 1, forTenant: true},
}

// chooseSegment checks a new network's provider attributes, and fills those that were not said.
func (s *Service) chooseSegment(ctx context.Context, tx *store.Tx, n *Network) error {
	if n.Type == "" {
		if n.Physical != "" || n.Segment != 0 {
			return invalid("network_type required")
		}
		n.Type = s.o.TenantType
	}
	kind, known := networkTypes[n.Type]
	switch {
	case !known:
		return invalid("network_type value '%s' not supported", n.Type)
	case kind.physical && n.Physical == "":
		return invalid("physical_network required for %s provider network", n.Type)
	case !kind.physical && n.Physical != "":
		return invalid("provider:physical_network specified for %s network", n.Type)
	case kind.max == 0 && n.Segment != 0:
		return invalid("provider:segmentation_id specified for %s network", n.Type)
	case n.Segment == 0 && kind.forTenant:
		return s.nextSegment(ctx, tx, n)
	case kind.max != 0 && (n.Segment < kind.min || n.Segment > kind.max):
		return invalid("segmentation_id out of range (%d through %d)", kind.min, kind.max)
	}
	return nil
}

// nextSegment gives n the lowest id that is free.
func (s *Service) nextSegment(ctx context.Context, tx *store.Tx, n *Network) error {
	err := tx.QueryRow(ctx, `
		SELECT free FROM (
			SELECT 1 AS free UNION SELECT segmentation_id + 1 FROM network_networks WHERE network_type = ?
		) AS candidates WHERE free NOT IN (SELECT segmentation_id FROM network_networks WHERE network_type = ?) ORDER BY free LIMIT 1`,
		n.Type, n.Type).Scan(&n.Segment)
	if err == nil && n.Segment > s.o.Segments {
		return errs.New(errs.Unavailable, "Unable to create the network. No tenant network is available for allocation.").WithCode("NoNetworkAvailable")
	}
	return err
}

// segmentTaken says in Neutron's words that another network has n's segment.
func (n *Network) segmentTaken(err error) error {
	switch {
	case !store.IsDuplicate(err):
		return err
	case n.Type == "flat":
		return errs.Conflictf("Unable to create the flat network. Physical network %s is in use.", n.Physical).WithCode("FlatNetworkInUse").Because(err)
	case n.Type == "vlan":
		return errs.Conflictf("Unable to create the network. The VLAN %d on physical network %s is in use.", n.Segment, n.Physical).WithCode("VlanIdInUse").Because(err)
	}
	return errs.Conflictf("Unable to create the network. The tunnel ID %d is in use.", n.Segment).WithCode("TunnelIdInUse").Because(err)
}
