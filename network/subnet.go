package network

import (
	"context"
	"net/netip"
	"slices"

	"github.com/uptrace/bun"

	"github.com/cumulite/cumulite/platform/auth"
	"github.com/cumulite/cumulite/platform/errs"
	"github.com/cumulite/cumulite/platform/policy"
	"github.com/cumulite/cumulite/platform/store"
)

// Subnet is a block of addresses on a network.
type Subnet struct {
	bun.BaseModel `bun:"table:network_subnets,alias:subnet"`
	Standard
	NetworkID    string       `bun:"network_id,notnull"`
	IPVersion    int          `bun:"ip_version,notnull"` // 4 or 6
	CIDR         netip.Prefix `bun:"cidr,notnull"`
	GatewayIP    netip.Addr   `bun:"-"`                  // not valid without one
	GatewayText  string       `bun:"gateway_ip,notnull"` // how GatewayIP is stored; nobody else's
	DHCP         bool         `bun:"enable_dhcp,notnull"`
	RAMode       string       `bun:"ipv6_ra_mode,notnull"`      // "", SLAAC, Stateful or Stateless
	AddressMode  string       `bun:"ipv6_address_mode,notnull"` // "", SLAAC, Stateful or Stateless
	DNS          []netip.Addr `bun:"dns_nameservers,notnull"`   // none: guests are told of none, as there is no forwarder to name in their place
	Routes       []Route      `bun:"host_routes,notnull"`
	Pools        []Pool       `bun:"allocation_pools,notnull"` // in the order of their addresses
	ServiceTypes []string     `bun:"service_types,notnull"`    // device owners that it is for; none: all
	network      *Network     `bun:"-"`
}

// BeforeAppendModel writes the gateway for storage.
func (sub *Subnet) BeforeAppendModel(context.Context, bun.Query) error {
	sub.GatewayText = ""
	if sub.GatewayIP.IsValid() {
		sub.GatewayText = sub.GatewayIP.String()
	}
	return nil
}

// AfterScanRow reads the stored gateway.
func (sub *Subnet) AfterScanRow(context.Context) (err error) {
	if sub.GatewayText != "" {
		sub.GatewayIP, err = netip.ParseAddr(sub.GatewayText)
	}
	return err
}

// The modes of IPv6 subnets.
const (
	SLAAC     = "slaac"
	Stateful  = "dhcpv6-stateful"
	Stateless = "dhcpv6-stateless"
)

// Pool is a range of addresses that are given out, both ends included.
type Pool struct {
	Start netip.Addr `json:"start"`
	End   netip.Addr `json:"end"`
}

// String gives it as Neutron writes it: "10.0.0.2-10.0.0.254".
func (p Pool) String() string { return p.Start.String() + "-" + p.End.String() }

func (p Pool) contains(a netip.Addr) bool { return p.Start.Compare(a) <= 0 && a.Compare(p.End) <= 0 }

// automatic tells whether ports have the address that they make of their MAC.
func (sub *Subnet) automatic() bool { return sub.AddressMode == SLAAC || sub.AddressMode == Stateless }

func (sub *Subnet) target() policy.Target { return onNetwork(sub.Standard.target(), sub.network) }

// onNetwork adds to a target what policy knows of the network around it.
func onNetwork(t policy.Target, n *Network) policy.Target {
	if n != nil {
		t["network:project_id"], t["network:tenant_id"] = n.ProjectID, n.ProjectID
		t["shared"], t["router:external"] = n.Shared, n.External
	}
	return t
}

// subnets is what is the same for subnets as for all resources.
var subnets = kind[Subnet, *Subnet]{
	noun: "Subnet", name: "subnet", missing: "Subnet %s could not be found.",
	listing: store.Listing[Subnet]{Columns: with(
		columns("network_id", "ip_version:int", "cidr", "gateway_ip", "enable_dhcp:bool", "ipv6_ra_mode", "ipv6_address_mode"),
		map[string]store.Column{"shared": {Filter: ofSharedNetwork}},
	)},
	visible: func(g auth.Grant, q *bun.SelectQuery) *bun.SelectQuery {
		return q.WhereGroup(" AND ", func(q *bun.SelectQuery) *bun.SelectQuery {
			return own(g, q).WhereOr("?TableAlias.network_id IN (SELECT id FROM network_networks WHERE shared OR project_id = ? AND ? <> '')", g.ProjectID(), g.ProjectID())
		})
	},
	load: func(ctx context.Context, db bun.IDB, rows []Subnet) error {
		return loadNetworks(ctx, db, rows, func(sub *Subnet) (string, **Network) { return sub.NetworkID, &sub.network })
	},
}

func ofSharedNetwork(q *bun.SelectQuery, f store.Filter) (*bun.SelectQuery, error) {
	shared := len(f.Values) > 0 && (f.Values[0] == "true" || f.Values[0] == "True" || f.Values[0] == "1")
	return q.Where("?TableAlias.network_id IN (SELECT id FROM network_networks WHERE shared = ?)", shared), nil
}

// loadNetworks gives each row the network that it is on.
func loadNetworks[T any](ctx context.Context, db bun.IDB, rows []T, of func(*T) (id string, network **Network)) error {
	var ids []string
	for i := range rows {
		id, _ := of(&rows[i])
		ids = append(ids, id)
	}
	slices.Sort(ids)
	var all []Network
	if err := db.NewSelect().Model(&all).Where("id IN (?)", bun.List(slices.Compact(ids))).Scan(ctx); err != nil {
		return err
	}
	byID := map[string]*Network{}
	for i := range all {
		byID[all[i].ID] = &all[i]
	}
	for i := range rows {
		id, network := of(&rows[i])
		*network = byID[id]
	}
	return nil
}

// CreateSubnet is what a user may say of a new subnet.
type CreateSubnet struct {
	ProjectID, Name, Description string
	NetworkID                    string
	IPVersion                    int
	CIDR                         netip.Prefix
	GatewayIP                    *netip.Addr // nil: the first address; not valid: none
	DHCP                         *bool       // default true
	RAMode, AddressMode          string
	DNS                          []netip.Addr
	Routes                       []Route
	Pools                        []Pool // nil: all addresses but the gateway's
	ServiceTypes                 []string
}

// UpdateSubnet is what a user may change of a subnet; nil fields stay.
type UpdateSubnet struct {
	Name, Description *string
	GatewayIP         *netip.Addr // not valid: none
	DHCP              *bool
	DNS               *[]netip.Addr
	Routes            *[]Route
	Pools             *[]Pool
	ServiceTypes      *[]string
}

// GetSubnet gives a subnet that the caller may see.
func (s *Service) GetSubnet(ctx context.Context, id string) (*Subnet, error) {
	return subnets.find(ctx, s, s.DB.Read(), id)
}

// ListSubnets gives a page of the subnets that the caller sees: its project's,
// and those of networks that it may use.
func (s *Service) ListSubnets(ctx context.Context, q store.Query) (page []Subnet, more bool, err error) {
	return subnets.list(ctx, s, q)
}

// CreateSubnets makes subnets, all of them or none.
func (s *Service) CreateSubnets(ctx context.Context, in []CreateSubnet) ([]Subnet, error) {
	for i := range in {
		if err := s.checkFamilyCarried(ctx, in[i].IPVersion); err != nil {
			return nil, err
		}
	}
	return createAll(ctx, s, in, s.createSubnet)
}

// CreateSubnet makes a subnet.
func (s *Service) CreateSubnet(ctx context.Context, in CreateSubnet) (*Subnet, error) {
	return only(s.CreateSubnets(ctx, []CreateSubnet{in}))
}

func (s *Service) createSubnet(ctx context.Context, tx *store.Tx, in *CreateSubnet) (*Subnet, error) {
	project, err := owner(ctx, in.ProjectID)
	if err != nil {
		return nil, err
	}
	n, err := networks.find(ctx, s, tx, in.NetworkID)
	if err != nil {
		return nil, err
	}
	sub := &Subnet{
		Standard:  Standard{ProjectID: project, Name: in.Name, Description: in.Description},
		NetworkID: n.ID, IPVersion: in.IPVersion, CIDR: in.CIDR.Masked(), DHCP: or(in.DHCP, true), RAMode: in.RAMode, AddressMode: in.AddressMode,
		DNS: orEmpty(in.DNS), Routes: orEmpty(in.Routes), Pools: in.Pools, ServiceTypes: orEmpty(in.ServiceTypes), network: n,
	}
	sub.GatewayIP = or(in.GatewayIP, sub.firstAddress())
	if err := subnets.mayCreate(ctx, s, sub, said(map[string]bool{"service_types": len(in.ServiceTypes) > 0})...); err != nil {
		return nil, err
	}
	if err := sub.checkFamily(); err != nil {
		return nil, err
	}
	if sub.Pools == nil {
		sub.Pools = sub.defaultPools()
	}
	if err := first(sub.check(), s.checkOverlap(ctx, tx, sub)); err != nil {
		return nil, err
	}
	if err := subnets.insert(ctx, s, tx, sub); err != nil {
		return nil, err
	}
	if err := first(s.addressPortsOf(ctx, tx, sub), s.addressGatewaysOf(ctx, tx, sub)); err != nil {
		return nil, err
	}
	return sub, s.touch(ctx, tx, objNetwork, n.ID)
}

// UpdateSubnet changes a subnet, on the hosts of its network too.
func (s *Service) UpdateSubnet(ctx context.Context, id string, in UpdateSubnet) (*Subnet, error) {
	err := s.write(ctx, func(ctx context.Context, tx *store.Tx) error {
		sub, err := subnets.findFor(ctx, s, tx, "update", id, said(map[string]bool{"service_types": in.ServiceTypes != nil})...)
		if err != nil {
			return err
		}
		if in.GatewayIP != nil && *in.GatewayIP != sub.GatewayIP {
			if err := s.checkGatewayUnused(ctx, tx, sub); err != nil {
				return err
			}
		}
		sub.change(&in)
		if err := first(sub.checkFamily(), sub.check()); err != nil {
			return err
		}
		err = subnets.update(ctx, s, tx, sub, "name", "description", "gateway_ip", "enable_dhcp", "dns_nameservers", "host_routes", "allocation_pools", "service_types")
		if err != nil {
			return err
		}
		if err := s.touchGateways(ctx, tx, sub.ID); err != nil {
			return err
		}
		return s.touch(ctx, tx, objNetwork, sub.NetworkID)
	})
	if err != nil {
		return nil, err
	}
	return s.GetSubnet(ctx, id)
}

func (sub *Subnet) change(in *UpdateSubnet) {
	set(&sub.Name, in.Name)
	set(&sub.Description, in.Description)
	set(&sub.GatewayIP, in.GatewayIP)
	set(&sub.DHCP, in.DHCP)
	set(&sub.DNS, in.DNS)
	set(&sub.Routes, in.Routes)
	set(&sub.Pools, in.Pools)
	set(&sub.ServiceTypes, in.ServiceTypes)
}

// DeleteSubnet deletes a subnet: errs.Conflict while ports have addresses of
// it, other than those that they made of their MAC.
func (s *Service) DeleteSubnet(ctx context.Context, id string) error {
	return s.write(ctx, func(ctx context.Context, tx *store.Tx) error {
		sub, err := subnets.findFor(ctx, s, tx, "delete", id)
		if err != nil {
			return err
		}
		used, err := tx.NewSelect().TableExpr("network_allocations AS a").Join("JOIN network_ports AS p ON p.id = a.port_id").
			Where("a.subnet_id = ?", id).Where("NOT ? OR p.device_owner LIKE 'network:%'", sub.automatic()).Exists(ctx)
		if err != nil {
			return err
		}
		if used {
			return errs.Conflictf("Unable to complete operation on subnet %s: One or more ports have an IP allocation from this subnet.", id).WithCode("SubnetInUse")
		}
		if err := s.takeAddresses(ctx, tx, id); err != nil {
			return err
		}
		if err := subnets.remove(ctx, s, tx, sub); err != nil {
			return err
		}
		return s.touch(ctx, tx, objNetwork, sub.NetworkID)
	})
}

// subnetsOf gives the subnets of a network, oldest first.
func subnetsOf(ctx context.Context, db bun.IDB, networkID string) (all []Subnet, err error) {
	err = db.NewSelect().Model(&all).Where("network_id = ?", networkID).Order("created_at", "id").Scan(ctx)
	return all, err
}
