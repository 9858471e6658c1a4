package network

import (
	"context"

	"github.com/uptrace/bun"

	"github.com/cumulite/cumulite/platform/auth"
	"github.com/cumulite/cumulite/platform/errs"
	"github.com/cumulite/cumulite/platform/policy"
	"github.com/cumulite/cumulite/platform/store"
)

// Network is one broadcast domain. Its status is always ACTIVE: there is
// nothing to wait for until a port is on it.
type Network struct {
	bun.BaseModel `bun:"table:network_networks,alias:network"`
	Standard
	AdminStateUp bool     `bun:"admin_state_up,notnull"`
	Shared       bool     `bun:"shared,notnull"`           // every project may use it
	External     bool     `bun:"external,notnull"`         // router:external: gateways and floating addresses are on it
	IsDefault    bool     `bun:"is_default,notnull"`       // the external network that is taken when none is named
	PortSecurity bool     `bun:"port_security,notnull"`    // of ports that do not say
	MTU          int      `bun:"mtu,notnull"`              // bytes
	Type         string   `bun:"network_type,notnull"`     // provider:network_type
	Physical     string   `bun:"physical_network,notnull"` // provider:physical_network, "" for null
	Segment      int      `bun:"segmentation_id,notnull"`  // provider:segmentation_id, 0 for null
	DNSDomain    string   `bun:"dns_domain,notnull"`
	ZoneHints    []string `bun:"zone_hints,notnull"` // availability_zone_hints
	Subnets      []string `bun:"-"`                  // ids, oldest first
}

func (n *Network) target() policy.Target {
	t := n.Standard.target()
	t["shared"], t["router:external"] = n.Shared, n.External
	return t
}

// networks is what is the same for networks as for all resources.
var networks = kind[Network, *Network]{
	noun: "Network", name: "network", missing: "Network %s could not be found.",
	listing: store.Listing[Network]{Columns: with(columns("admin_state_up:bool", "shared:bool", "is_default:bool", "mtu:int", "dns_domain"),
		map[string]store.Column{
			"router:external": {Name: "external", Kind: store.Bool}, "port_security_enabled": {Name: "port_security", Kind: store.Bool},
			"provider:network_type": {Name: "network_type"}, "provider:physical_network": {Name: "physical_network"},
			"provider:segmentation_id": {Name: "segmentation_id", Kind: store.Int}, "status": {Filter: alwaysActive},
		})},
	visible: func(g auth.Grant, q *bun.SelectQuery) *bun.SelectQuery {
		return q.WhereGroup(" AND ", func(q *bun.SelectQuery) *bun.SelectQuery {
			return own(g, q).WhereOr("shared").WhereOr("external")
		})
	},
	load: loadSubnetIDs,
}

// alwaysActive filters by a status that is the same for all.
func alwaysActive(q *bun.SelectQuery, f store.Filter) (*bun.SelectQuery, error) {
	return q.Where("'ACTIVE' IN (?)", bun.List(f.Values)), nil
}

func loadSubnetIDs(ctx context.Context, db bun.IDB, rows []Network) error {
	byID := map[string]*Network{}
	var ids []string
	for i := range rows {
		rows[i].Subnets = []string{}
		byID[rows[i].ID], ids = &rows[i], append(ids, rows[i].ID)
	}
	var all []Subnet
	err := db.NewSelect().Model(&all).Column("id", "network_id").Where("network_id IN (?)", bun.List(ids)).Order("created_at", "id").Scan(ctx)
	for _, sub := range all {
		byID[sub.NetworkID].Subnets = append(byID[sub.NetworkID].Subnets, sub.ID)
	}
	return err
}

// CreateNetwork is what a user may say of a new network.
type CreateNetwork struct {
	ProjectID, Name, Description string
	AdminStateUp                 *bool // default true
	Shared, External, IsDefault  bool
	PortSecurity                 *bool // default true
	MTU                          int   // default: the largest that fits
	Type, Physical               string
	Segment                      int
	DNSDomain                    string
	ZoneHints                    []string
}

// fields gives those that have a policy of their own, when they are set.
func (in *CreateNetwork) fields() (names []string) {
	return said(map[string]bool{
		"shared": in.Shared, "router:external": in.External, "is_default": in.IsDefault,
		"port_security_enabled": in.PortSecurity != nil && !*in.PortSecurity, "provider:network_type": in.Type != "",
		"provider:physical_network": in.Physical != "", "provider:segmentation_id": in.Segment != 0,
	})
}

// UpdateNetwork is what a user may change of a network; nil fields stay.
type UpdateNetwork struct {
	Name, Description                         *string
	AdminStateUp, Shared, External, IsDefault *bool
	PortSecurity                              *bool
	MTU                                       *int
	DNSDomain                                 *string
	Type, Physical                            *string // only to what they are
	Segment                                   *int    // only to what it is
}

func (in *UpdateNetwork) fields() (names []string) {
	return said(map[string]bool{
		"shared": in.Shared != nil, "router:external": in.External != nil, "is_default": in.IsDefault != nil,
		"port_security_enabled": in.PortSecurity != nil, "provider:network_type": in.Type != nil,
		"provider:physical_network": in.Physical != nil, "provider:segmentation_id": in.Segment != nil,
	})
}

// GetNetwork gives a network that the caller may see.
func (s *Service) GetNetwork(ctx context.Context, id string) (*Network, error) {
	return networks.find(ctx, s, s.DB.Read(), id)
}

// ListNetworks gives a page of the networks that the caller sees: its
// project's, shared and external ones.
func (s *Service) ListNetworks(ctx context.Context, q store.Query) (page []Network, more bool, err error) {
	return networks.list(ctx, s, q)
}

// CreateNetworks makes networks, all of them or none.
func (s *Service) CreateNetworks(ctx context.Context, in []CreateNetwork) ([]Network, error) {
	for i := range in {
		if err := s.checkCarried(ctx, in[i].Type); err != nil {
			return nil, err
		}
	}
	return createAll(ctx, s, in, s.createNetwork)
}

// CreateNetwork makes a network.
func (s *Service) CreateNetwork(ctx context.Context, in CreateNetwork) (*Network, error) {
	return only(s.CreateNetworks(ctx, []CreateNetwork{in}))
}

func (s *Service) createNetwork(ctx context.Context, tx *store.Tx, in *CreateNetwork) (*Network, error) {
	project, err := owner(ctx, in.ProjectID)
	if err != nil {
		return nil, err
	}
	n := &Network{
		Standard:     Standard{ProjectID: project, Name: in.Name, Description: in.Description},
		AdminStateUp: or(in.AdminStateUp, true), Shared: in.Shared, External: in.External, IsDefault: in.IsDefault && in.External,
		PortSecurity: or(in.PortSecurity, true), MTU: in.MTU, DNSDomain: in.DNSDomain,
		Type: in.Type, Physical: in.Physical, Segment: in.Segment, ZoneHints: orEmpty(in.ZoneHints), Subnets: []string{},
	}
	if err := networks.mayCreate(ctx, s, n, in.fields()...); err != nil {
		return nil, err
	}
	if err := first(checkZones(n.ZoneHints), s.chooseSegment(ctx, tx, n)); err != nil {
		return nil, err
	}
	if err := first(s.fitMTU(ctx, tx, n), s.checkNetwork(ctx, tx, n)); err != nil {
		return nil, err
	}
	if err := networks.insert(ctx, s, tx, n); err != nil {
		return nil, n.segmentTaken(err)
	}
	return n, nil
}

// UpdateNetwork changes a network, on its hosts too.
func (s *Service) UpdateNetwork(ctx context.Context, id string, in UpdateNetwork) (*Network, error) {
	err := s.write(ctx, func(ctx context.Context, tx *store.Tx) error {
		n, err := networks.findFor(ctx, s, tx, "update", id, in.fields()...)
		if err != nil {
			return err
		}
		if err := s.mayChange(ctx, tx, n, &in); err != nil {
			return err
		}
		n.change(&in)
		if in.MTU != nil {
			if err := s.fitMTU(ctx, tx, n); err != nil {
				return err
			}
		}
		if err := s.checkNetwork(ctx, tx, n); err != nil {
			return err
		}
		err = networks.update(ctx, s, tx, n, "name", "description", "admin_state_up", "shared", "external", "is_default", "port_security", "mtu", "dns_domain")
		if err != nil {
			return err
		}
		return s.touch(ctx, tx, objNetwork, id)
	})
	if err != nil {
		return nil, err
	}
	return s.GetNetwork(ctx, id)
}

func (n *Network) change(in *UpdateNetwork) {
	set(&n.Name, in.Name)
	set(&n.Description, in.Description)
	set(&n.AdminStateUp, in.AdminStateUp)
	set(&n.Shared, in.Shared)
	set(&n.External, in.External)
	set(&n.IsDefault, in.IsDefault)
	n.IsDefault = n.IsDefault && n.External
	set(&n.PortSecurity, in.PortSecurity)
	set(&n.MTU, in.MTU)
	set(&n.DNSDomain, in.DNSDomain)
}

// DeleteNetwork deletes a network with its subnets: errs.Conflict while it has ports.
func (s *Service) DeleteNetwork(ctx context.Context, id string) error {
	return s.write(ctx, func(ctx context.Context, tx *store.Tx) error {
		n, err := networks.findFor(ctx, s, tx, "delete", id)
		if err != nil {
			return err
		}
		if err := s.removeFreeFloatingIPs(ctx, tx, id); err != nil {
			return err
		}
		used, err := tx.NewSelect().Model((*Port)(nil)).Where("network_id = ?", id).Exists(ctx)
		if err != nil {
			return err
		}
		if used {
			return errs.Conflictf("Unable to complete operation on network %s. There are one or more ports still in use on the network.", id).WithCode("NetworkInUse")
		}
		all, err := subnetsOf(ctx, tx, id)
		if err != nil {
			return err
		}
		for i := range all {
			if err := subnets.remove(ctx, s, tx, &all[i]); err != nil {
				return err
			}
		}
		if err := first(networks.remove(ctx, s, tx, n), n.retire(ctx, tx)); err != nil {
			return err
		}
		return s.touch(ctx, tx, objNetwork, id)
	})
}
