package network

import (
	"context"

	"github.com/cumulite/cumulite/platform/errs"
	"github.com/cumulite/cumulite/platform/store"
)

// segments is how provider networks of a type are told apart.
type segments struct {
	physical bool // they are on a physical network, which has to be named
	min, max int  // of segmentation ids; 0: they have none
	tunnel   bool // hosts carry them to each other in tunnels; an id is given when none is named
}

var networkTypes = map[string]segments{
	"local": {}, "flat": {physical: true}, "vlan": {physical: true, min: 1, max: 4094},
	"vxlan": {min: 1, max: 1<<24 - 1, tunnel: true}, "gre": {min: 1, max: 1<<32 - 1, tunnel: true}, "geneve": {min: 1, max: 1<<24 - 1, tunnel: true},
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
	case n.Segment == 0 && kind.tunnel:
		return s.nextSegment(ctx, tx, n)
	case kind.max != 0 && (n.Segment < kind.min || n.Segment > kind.max):
		return invalid("segmentation_id out of range (%d through %d)", kind.min, kind.max)
	}
	return s.checkRetired(ctx, tx, n)
}

// checkRetired refuses a segment that hosts still know as another network's.
func (s *Service) checkRetired(ctx context.Context, tx *store.Tx, n *Network) error {
	if n.Segment == 0 {
		return nil
	}
	var retired bool
	err := tx.QueryRow(ctx, "SELECT EXISTS (SELECT 1 FROM network_retired WHERE network_type = ? AND segmentation_id = ?)", n.Type, n.Segment).Scan(&retired)
	if err == nil && retired {
		err = n.segmentTaken(store.ErrDuplicate)
	}
	return err
}

// nextSegment gives n the lowest id that is free.
func (s *Service) nextSegment(ctx context.Context, tx *store.Tx, n *Network) error {
	err := tx.QueryRow(ctx, `
		SELECT free FROM (
			SELECT 1 AS free UNION SELECT segmentation_id + 1 FROM network_networks WHERE network_type = ?
			UNION SELECT segmentation_id + 1 FROM network_retired WHERE network_type = ?
		) AS candidates WHERE free NOT IN (SELECT segmentation_id FROM network_networks WHERE network_type = ?)
			AND free NOT IN (SELECT segmentation_id FROM network_retired WHERE network_type = ?) ORDER BY free LIMIT 1`,
		n.Type, n.Type, n.Type, n.Type).Scan(&n.Segment)
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

// retire keeps a deleted network's segment from others as long as a host may
// have something of the network: frames of one must never reach another.
func (n *Network) retire(ctx context.Context, tx *store.Tx) error {
	if n.Segment == 0 {
		return nil
	}
	_, err := tx.Exec(ctx, "INSERT INTO network_retired (network_id, network_type, segmentation_id)"+
		" SELECT ?, ?, ? WHERE EXISTS (SELECT 1 FROM network_placements AS p WHERE p.id = ?)", n.ID, n.Type, n.Segment, n.ID)
	return err
}

// releaseSegment lets others have a deleted network's segment, once no host has anything of it.
func releaseSegment(ctx context.Context, tx *store.Tx, networkID string) error {
	_, err := tx.Exec(ctx, "DELETE FROM network_retired WHERE network_id = ?"+
		" AND NOT EXISTS (SELECT 1 FROM network_placements AS p WHERE p.id = network_retired.network_id)", networkID)
	return err
}
