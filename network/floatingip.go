package network

import (
	"context"
	"net/netip"

	"github.com/google/uuid"
	"github.com/uptrace/bun"

	"github.com/cumulite/cumulite/platform/errs"
	"github.com/cumulite/cumulite/platform/store"
)

// FloatingIP is an address of an external network that can lead to a fixed
// address of a port, and its row.
type FloatingIP struct {
	bun.BaseModel `bun:"table:network_floatingips,alias:floatingip"`
	Standard
	NetworkID      string       `bun:"network_id,notnull"` // floating_network_id
	Address        netip.Addr   `bun:"address,notnull"`    // floating_ip_address
	FloatingPortID string       `bun:"floating_port_id,notnull"`
	RouterID       string       `bun:"router_id,notnull"` // that it leads through; "" while it leads nowhere
	PortID         string       `bun:"port_id,notnull"`   // that it leads to; "" for none
	FixedIP        *netip.Addr  `bun:"fixed_ip"`          // fixed_ip_address; nil while it leads nowhere
	DNSName        string       `bun:"dns_name,notnull"`
	DNSDomain      string       `bun:"dns_domain,notnull"`
	Status         PortStatus   `bun:"status,notnull"` // ACTIVE once its router leads packets to its port, else DOWN
	PortDetails    *PortDetails `bun:"-"`              // of the port that it leads to; nil for none
}

// PortDetails is what a floating address shows of the port that it leads to.
type PortDetails struct {
	Name, NetworkID, MACAddress   string
	AdminStateUp                  bool
	Status, DeviceID, DeviceOwner string
}

// CreateFloatingIP is what a user may say of a new floating address.
type CreateFloatingIP struct {
	ProjectID          string // "" is the caller's; another needs an administrator
	Description        string
	NetworkID          string     // an external network
	SubnetID           string     // "" has one chosen
	Address            netip.Addr // zero has one chosen
	PortID             string     // "" leads nowhere yet
	FixedIP            netip.Addr // zero is the port's only one
	DNSName, DNSDomain string
}

// UpdateFloatingIP is what a user may change; nil leaves a field as it is.
type UpdateFloatingIP struct {
	Description *string
	PortID      *string     // "" has it lead nowhere
	FixedIP     *netip.Addr // of the port, which has to be named too
}

var floatingIPs = kind[FloatingIP, *FloatingIP]{
	noun: "FloatingIP", name: "floatingip", missing: "Floating IP %s could not be found",
	listing: store.Listing[FloatingIP]{Columns: with(columns("router_id", "port_id", "dns_name", "dns_domain", "status"), map[string]store.Column{
		"floating_network_id": {Name: "network_id"}, "floating_ip_address": {Name: "address"}, "fixed_ip_address": {Name: "fixed_ip"},
	})},
	visible: own,
	load:    loadPortDetails,
}

// way is where a floating address leads, and how.
type way struct {
	PortID   string
	Fixed    netip.Addr
	RouterID string
}

// lead has f lead somewhere, or nowhere by the zero way. It is DOWN until the
// router knows.
func (f *FloatingIP) lead(to way) {
	if to == f.way() {
		return
	}
	f.PortID, f.RouterID, f.FixedIP, f.Status = to.PortID, to.RouterID, nil, PortDown
	if to.Fixed.IsValid() {
		f.FixedIP = &to.Fixed
	}
}

func (f *FloatingIP) way() way { return way{f.PortID, or(f.FixedIP, netip.Addr{}), f.RouterID} }

// loadPortDetails fills in what is shown of ports with one query.
func loadPortDetails(ctx context.Context, db bun.IDB, rows []FloatingIP) error {
	var ids []string
	for i := range rows {
		if rows[i].PortID != "" {
			ids = append(ids, rows[i].PortID)
		}
	}
	if len(ids) == 0 {
		return nil
	}
	var all []Port
	if err := db.NewSelect().Model(&all).Where("id IN (?)", bun.List(ids)).Scan(ctx); err != nil {
		return err
	}
	details := map[string]*PortDetails{}
	for _, p := range all {
		details[p.ID] = &PortDetails{Name: p.Name, NetworkID: p.NetworkID, MACAddress: p.MAC, AdminStateUp: p.AdminStateUp,
			Status: string(p.Status), DeviceID: p.DeviceID, DeviceOwner: p.DeviceOwner}
	}
	for i := range rows {
		rows[i].PortDetails = details[rows[i].PortID]
	}
	return nil
}

// CreateFloatingIP takes an address of an external network for a project.
func (s *Service) CreateFloatingIP(ctx context.Context, in CreateFloatingIP) (*FloatingIP, error) {
	return createOne(ctx, s, in, s.createFloatingIP)
}

// CreateFloatingIPs takes addresses, all of them or none.
func (s *Service) CreateFloatingIPs(ctx context.Context, in []CreateFloatingIP) ([]FloatingIP, error) {
	return createAll(ctx, s, in, s.createFloatingIP)
}

func (s *Service) createFloatingIP(ctx context.Context, tx *store.Tx, in *CreateFloatingIP) (*FloatingIP, error) {
	project, err := owner(ctx, in.ProjectID)
	if err != nil {
		return nil, err
	}
	f := &FloatingIP{Standard: Standard{ID: uuid.NewString(), ProjectID: project, Description: in.Description},
		NetworkID: in.NetworkID, DNSName: in.DNSName, DNSDomain: in.DNSDomain, Status: PortDown}
	if err := floatingIPs.mayCreate(ctx, s, f, said(map[string]bool{"floating_ip_address": in.Address.IsValid()})...); err != nil {
		return nil, err
	}
	if err := s.checkFloatingNetwork(ctx, tx, in.NetworkID); err != nil {
		return nil, err
	}
	if err := s.takeAddress(ctx, tx, f, in); err != nil {
		return nil, err
	}
	if err := s.associate(ctx, tx, f, in.PortID, in.FixedIP); err != nil {
		return nil, err
	}
	if err := floatingIPs.insert(ctx, s, tx, f); err != nil {
		return nil, err
	}
	return s.floatingChanged(ctx, tx, f)
}

// floatingChanged tells the router that a floating address leads through, and
// those that it led through, and gives it whole.
func (s *Service) floatingChanged(ctx context.Context, tx *store.Tx, f *FloatingIP, before ...string) (*FloatingIP, error) {
	for _, router := range append(before, f.RouterID) {
		if router == "" {
			continue
		}
		if err := s.touch(ctx, tx, objRouter, router); err != nil {
			return nil, err
		}
	}
	rows := []FloatingIP{*f}
	rows[0].PortDetails = nil
	return &rows[0], loadPortDetails(ctx, tx, rows)
}

// checkFloatingNetwork refuses networks that floating addresses cannot be on.
func (s *Service) checkFloatingNetwork(ctx context.Context, tx *store.Tx, id string) error {
	n, err := networks.find(ctx, s, tx, id)
	if err != nil {
		return err
	}
	if !n.External {
		return badRequest("floatingip", "Network %s is not a valid external network", id)
	}
	all, err := subnetsOf(ctx, tx, id)
	if err != nil {
		return err
	}
	for _, sub := range all {
		if sub.CIDR.Addr().Is4() {
			return nil
		}
	}
	return badRequest("floatingip", "Network %s does not contain any IPv4 subnet", id)
}

// takeAddress makes the port that holds a floating address. It belongs to no
// project: its users do not see it.
func (s *Service) takeAddress(ctx context.Context, tx *store.Tx, f *FloatingIP, in *CreateFloatingIP) error {
	var want []Address
	if in.SubnetID != "" || in.Address.IsValid() {
		want = []Address{{SubnetID: in.SubnetID, IP: in.Address}}
	}
	p := &Port{NetworkID: in.NetworkID, DeviceID: f.ID, DeviceOwner: OwnerFloatingIP, AdminStateUp: true, Status: "N/A"}
	if err := s.insertPort(ctx, tx, p, chosen(want), s.count); err != nil {
		return err
	}
	for _, a := range p.Addresses {
		if a.IP.Is4() {
			f.FloatingPortID, f.Address = p.ID, a.IP
			return nil
		}
	}
	return errs.New(errs.Exhausted, "Unable to find any IP address on external network %s.", in.NetworkID).WithCode("ExternalIpAddressExhausted")
}

// GetFloatingIP gives a floating address that the caller may see.
func (s *Service) GetFloatingIP(ctx context.Context, id string) (*FloatingIP, error) {
	return floatingIPs.find(ctx, s, s.DB.Read(), id)
}

// ListFloatingIPs gives a page of the floating addresses that the caller sees.
func (s *Service) ListFloatingIPs(ctx context.Context, q store.Query) (rows []FloatingIP, more bool, err error) {
	return floatingIPs.list(ctx, s, q)
}

// UpdateFloatingIP changes where a floating address leads. Without a port it
// leads where it did, by the router that connects both by now.
func (s *Service) UpdateFloatingIP(ctx context.Context, id string, in UpdateFloatingIP) (f *FloatingIP, err error) {
	err = s.write(ctx, func(ctx context.Context, tx *store.Tx) error {
		if f, err = floatingIPs.findFor(ctx, s, tx, "update", id); err != nil {
			return err
		}
		before := f.RouterID
		set(&f.Description, in.Description)
		port, fixed := or(in.PortID, ""), or(in.FixedIP, netip.Addr{})
		if in.PortID == nil && !fixed.IsValid() {
			port, fixed = f.PortID, or(f.FixedIP, netip.Addr{})
		}
		if err := s.associate(ctx, tx, f, port, fixed); err != nil {
			return err
		}
		if err := floatingIPs.update(ctx, s, tx, f, "description", "port_id", "fixed_ip", "router_id", "status"); err != nil {
			return err
		}
		f, err = s.floatingChanged(ctx, tx, f, before)
		return err
	})
	return f, err
}

// DeleteFloatingIP gives a floating address back.
func (s *Service) DeleteFloatingIP(ctx context.Context, id string) error {
	return s.write(ctx, func(ctx context.Context, tx *store.Tx) error {
		f, err := floatingIPs.findFor(ctx, s, tx, "delete", id)
		if err != nil {
			return err
		}
		return s.removeFloatingIP(ctx, tx, f)
	})
}

func (s *Service) removeFloatingIP(ctx context.Context, tx *store.Tx, f *FloatingIP) error {
	p, err := wholePort(ctx, tx, f.FloatingPortID)
	if err != nil {
		return err
	}
	if err := floatingIPs.remove(ctx, s, tx, f); err != nil {
		return err
	}
	if err := s.removePort(ctx, tx, p); err != nil {
		return err
	}
	_, err = s.floatingChanged(ctx, tx, f)
	return err
}

// removeFreeFloatingIPs gives back the floating addresses of a network that
// lead nowhere: they do not keep it.
func (s *Service) removeFreeFloatingIPs(ctx context.Context, tx *store.Tx, networkID string) error {
	var free []FloatingIP
	if err := tx.NewSelect().Model(&free).Where("network_id = ? AND port_id = ''", networkID).Scan(ctx); err != nil {
		return err
	}
	for i := range free {
		if err := s.removeFloatingIP(ctx, tx, &free[i]); err != nil {
			return err
		}
	}
	return nil
}
