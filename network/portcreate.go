package network

import (
	"cmp"
	"context"
	"slices"

	"github.com/google/uuid"

	"github.com/cumulite/cumulite/platform/auth"
	"github.com/cumulite/cumulite/platform/errs"
	"github.com/cumulite/cumulite/platform/store"
)

// CreatePort is what a user may say of a new port.
type CreatePort struct {
	// ID is chosen by services only, so that a repeated step finds its port:
	// errs.Conflict when it is there.
	ID                           string
	ProjectID, Name, Description string
	NetworkID                    string
	MAC                          string // "": one is made
	AdminStateUp                 *bool  // default true
	// Addresses asks for subnets, addresses, or both in each. nil: one of each
	// family; empty: none.
	Addresses             *[]Address
	Pairs                 []AddressPair
	Groups                *[]string // nil: the project's default group
	PortSecurity          *bool     // default: the network's
	DeviceID, DeviceOwner string
	Host                  string         // binding:host_id
	VNICType              string         // binding:vnic_type; "" is "normal"
	Profile               map[string]any // binding:profile
	DNSName               string
	DHCPOptions           []ExtraDHCPOpt
}

// fields gives those that have a policy of their own, when they are set.
func (in *CreatePort) fields() []string {
	return append(addressFields(in.Addresses), said(map[string]bool{
		"mac_address": in.MAC != "", "port_security_enabled": in.PortSecurity != nil, "device_id": in.DeviceID != "", "device_owner": in.DeviceOwner != "",
		"binding:host_id": in.Host != "", "binding:vnic_type": in.VNICType != "", "binding:profile": len(in.Profile) > 0,
		"allowed_address_pairs": len(in.Pairs) > 0,
	})...)
}

func addressFields(asked *[]Address) []string {
	if asked == nil {
		return nil
	}
	return said(map[string]bool{
		"fixed_ips":            true,
		"fixed_ips:ip_address": slices.ContainsFunc(*asked, func(a Address) bool { return a.IP.IsValid() }),
		"fixed_ips:subnet_id":  slices.ContainsFunc(*asked, func(a Address) bool { return a.SubnetID != "" }),
	})
}

// CreatePorts makes ports, all of them or none.
func (s *Service) CreatePorts(ctx context.Context, in []CreatePort) ([]Port, error) {
	return createAll(ctx, s, in, s.createPort)
}

// CreatePort makes a port.
func (s *Service) CreatePort(ctx context.Context, in CreatePort) (*Port, error) {
	return createOne(ctx, s, in, s.createPort)
}

func (s *Service) createPort(ctx context.Context, tx *store.Tx, in *CreatePort) (*Port, error) {
	project, err := owner(ctx, in.ProjectID)
	if err != nil {
		return nil, err
	}
	n, err := networks.find(ctx, s, tx, in.NetworkID)
	if err != nil {
		return nil, err
	}
	if in.ID != "" && !auth.From(ctx).HasRole(auth.ServiceRole) {
		return nil, errs.Invalidf("Attribute 'id' not allowed in POST")
	}
	p := in.port(project, n)
	if err := ports.mayCreate(ctx, s, p, in.fields()...); err != nil {
		return nil, err
	}
	if err := s.mayServe(ctx, tx, &Port{}, p); err != nil {
		return nil, err
	}
	if s.drives(p) {
		p.Status = PortBuild
	}
	if err := s.chooseGroups(ctx, tx, p, in.Groups); err != nil {
		return nil, err
	}
	if err := s.insertPort(ctx, tx, p, in.Addresses, s.use); err != nil {
		return nil, err
	}
	return p, s.placePort(ctx, tx, p)
}

// port gives the row of a new port on n.
func (in *CreatePort) port(project string, n *Network) *Port {
	return &Port{
		Standard:  Standard{ID: in.ID, ProjectID: project, Name: in.Name, Description: in.Description},
		NetworkID: n.ID, MAC: in.MAC, AdminStateUp: or(in.AdminStateUp, true), Status: PortDown,
		DeviceID: in.DeviceID, DeviceOwner: in.DeviceOwner, PortSecurity: or(in.PortSecurity, n.PortSecurity),
		Pairs: orEmpty(in.Pairs), DHCPOptions: orEmpty(in.DHCPOptions), DNSName: in.DNSName,
		Host: in.Host, VNICType: cmp.Or(in.VNICType, "normal"), Profile: in.Profile, network: n,
	}
}

// insertPort adds a port, whatever the caller may do: its MAC unless it names
// one, its addresses, its groups.
func (s *Service) insertPort(ctx context.Context, tx *store.Tx, p *Port, asked *[]Address, count counter) error {
	p.ID, p.VNICType, p.Status = cmp.Or(p.ID, uuid.NewString()), cmp.Or(p.VNICType, "normal"), cmp.Or(p.Status, PortDown)
	p.Pairs, p.DHCPOptions, p.Groups = orEmpty(p.Pairs), orEmpty(p.DHCPOptions), orEmpty(p.Groups)
	if p.Profile == nil {
		p.Profile = map[string]any{}
	}
	if err := p.chooseMAC(ctx, tx); err != nil {
		return err
	}
	if err := p.check(); err != nil {
		return err
	}
	if err := ports.add(ctx, s, tx, p, count); err != nil {
		return p.there(err)
	}
	if err := s.allocate(ctx, tx, p, asked); err != nil {
		return err
	}
	return s.storeGroups(ctx, tx, p)
}

// there says that a port of that id is there already.
func (p *Port) there(err error) error {
	if store.IsDuplicate(err) {
		return errs.Conflictf("Port %s already exists.", p.ID).WithCode("PortInUse").Because(err)
	}
	return err
}
