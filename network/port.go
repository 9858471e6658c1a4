package network

import (
	"context"
	"net/netip"
	"strings"

	"github.com/uptrace/bun"

	"github.com/cumulite/cumulite/platform/auth"
	"github.com/cumulite/cumulite/platform/errs"
	"github.com/cumulite/cumulite/platform/policy"
	"github.com/cumulite/cumulite/platform/store"
)

// Port is a place on a network for one interface of a guest or a router.
type Port struct {
	bun.BaseModel `bun:"table:network_ports,alias:port"`
	Standard
	NetworkID    string         `bun:"network_id,notnull"`
	MAC          string         `bun:"mac_address,notnull"`
	AdminStateUp bool           `bun:"admin_state_up,notnull"`
	Status       PortStatus     `bun:"status,notnull"`
	DeviceID     string         `bun:"device_id,notnull"`
	DeviceOwner  string         `bun:"device_owner,notnull"`
	PortSecurity bool           `bun:"port_security,notnull"`
	Pairs        []AddressPair  `bun:"pairs,notnull"`
	DHCPOptions  []ExtraDHCPOpt `bun:"dhcp_opts,notnull"`
	DNSName      string         `bun:"dns_name,notnull"`
	Host         string         `bun:"host_id,notnull"`   // binding:host_id
	VNICType     string         `bun:"vnic_type,notnull"` // binding:vnic_type
	Profile      map[string]any `bun:"profile,notnull"`   // binding:profile
	VIF          VIF            `bun:"vif,notnull"`       // where it is plugged in, once it is
	Addresses    []Address      `bun:"-"`                 // fixed_ips, in the order they were given
	Groups       []string       `bun:"-"`                 // ids of security groups
	network      *Network       `bun:"-"`
}

// PortStatus says whether a port is at work on its host.
type PortStatus string

// The statuses.
const (
	PortDown   PortStatus = "DOWN"
	PortBuild  PortStatus = "BUILD" // being made real on its host
	PortActive PortStatus = "ACTIVE"
)

// What a port's DeviceOwner says of ports that are the service's own; a
// guest's begins with OwnerCompute, followed by its availability zone.
const (
	OwnerCompute    = "compute:"
	OwnerInterface  = "network:router_interface"
	OwnerGateway    = "network:router_gateway"
	OwnerFloatingIP = "network:floatingip"
)

// What VIFType says of ports that are plugged in nowhere.
const (
	Unbound       = "unbound"
	BindingFailed = "binding_failed"
)

// VIFType is binding:vif_type.
func (p *Port) VIFType() string {
	switch {
	case p.VIF.Type != "":
		return p.VIF.Type
	case p.Host == "" || p.Status == PortBuild:
		return Unbound
	}
	return BindingFailed
}

// own tells whether a port is the service's, not a guest's: it is part of a
// router or of a floating address.
func (p *Port) own() bool { return strings.HasPrefix(p.DeviceOwner, "network:") }

// AddressPair is one more address that a port may send from.
type AddressPair struct {
	IP  string `json:"ip_address"`  // an address or a prefix, as it was given
	MAC string `json:"mac_address"` // the port's own when none was given
}

// ExtraDHCPOpt is one more option that DHCP tells a port.
type ExtraDHCPOpt struct {
	Name    string `json:"opt_name"`  // of dnsmasq, or a number
	Value   string `json:"opt_value"` // in an update "" takes the option away
	Version int    `json:"ip_version"`
}

func (p *Port) target() policy.Target {
	t := onNetwork(p.Standard.target(), p.network)
	t["device_owner"], t["network_id"] = p.DeviceOwner, p.NetworkID
	return t
}

// ports is what is the same for ports as for all resources.
var ports = kind[Port, *Port]{
	noun: "Port", name: "port", missing: "Port %s could not be found.",
	listing: store.Listing[Port]{Columns: with(columns("network_id", "mac_address", "admin_state_up:bool", "status", "device_id", "dns_name"),
		map[string]store.Column{
			"device_owner":          {Name: "device_owner", Filter: ofDevices},
			"port_security_enabled": {Name: "port_security", Kind: store.Bool},
			"binding:host_id":       {Name: "host_id"}, "binding:vnic_type": {Name: "vnic_type"},
			"fixed_ips": {Filter: withAddress}, "security_groups": {Filter: inGroups}, "security_group_ids": {Filter: inGroups},
		})},
	visible: func(g auth.Grant, q *bun.SelectQuery) *bun.SelectQuery {
		return q.WhereGroup(" AND ", func(q *bun.SelectQuery) *bun.SelectQuery {
			return own(g, q).WhereOr("?TableAlias.network_id IN (SELECT id FROM network_networks WHERE project_id = ? AND ? <> '')", g.ProjectID(), g.ProjectID())
		})
	},
	load: func(ctx context.Context, db bun.IDB, rows []Port) error {
		return first(
			loadNetworks(ctx, db, rows, func(p *Port) (string, **Network) { return p.NetworkID, &p.network }),
			loadAddresses(ctx, db, rows), loadPortGroups(ctx, db, rows))
	},
}

// withAddress keeps ports that have an address: "ip_address=10.0.0.3",
// "ip_address_substr=10.0." or "subnet_id=…"; those of one kind are
// alternatives, those of different kinds must all hold.
func withAddress(q *bun.SelectQuery, f store.Filter) (*bun.SelectQuery, error) {
	by := map[string][]string{}
	for _, v := range f.Values {
		name, value, is := strings.Cut(v, "=")
		if !is {
			return nil, errs.Invalidf("Invalid filter on fixed_ips: %s", v)
		}
		by[name] = append(by[name], value)
	}
	for name, values := range by {
		const having = "EXISTS (SELECT 1 FROM network_allocations AS a WHERE a.port_id = ?TableAlias.id AND "
		switch name {
		case "ip_address":
			q = q.Where(having+"a.ip IN (?))", bun.List(canonical(values)))
		case "subnet_id":
			q = q.Where(having+"a.subnet_id IN (?))", bun.List(values))
		case "ip_address_substr":
			for _, part := range values {
				q = q.Where(having+`a.ip LIKE ? ESCAPE '\')`, "%"+strings.NewReplacer(`\`, `\\`, "%", `\%`, "_", `\_`).Replace(part)+"%")
			}
		default:
			return nil, errs.Invalidf("Invalid filter on fixed_ips: %s", name)
		}
	}
	return q, nil
}

// ofDevices keeps ports of device owners; "compute:" stands for all that begin so.
func ofDevices(q *bun.SelectQuery, f store.Filter) (*bun.SelectQuery, error) {
	return q.WhereGroup(" AND ", func(q *bun.SelectQuery) *bun.SelectQuery {
		for _, v := range f.Values {
			if strings.HasSuffix(v, ":") {
				q = q.WhereOr("substr(?TableAlias.device_owner, 1, ?) = ?", len(v), v)
			} else {
				q = q.WhereOr("?TableAlias.device_owner = ?", v)
			}
		}
		return q
	}), nil
}

// canonical writes addresses as they are stored; what is none stays, and matches nothing.
func canonical(values []string) (out []string) {
	for _, v := range values {
		if a, err := netip.ParseAddr(v); err == nil {
			v = a.String()
		}
		out = append(out, v)
	}
	return out
}

func inGroups(q *bun.SelectQuery, f store.Filter) (*bun.SelectQuery, error) {
	return q.Where("EXISTS (SELECT 1 FROM network_port_groups AS pg WHERE pg.port_id = ?TableAlias.id AND pg.group_id IN (?))", bun.List(f.Values)), nil
}

// GetPort gives a port that the caller may see.
func (s *Service) GetPort(ctx context.Context, id string) (*Port, error) {
	return ports.find(ctx, s, s.DB.Read(), id)
}

// ListPorts gives a page of the ports that the caller sees: its project's, and
// all on its networks.
func (s *Service) ListPorts(ctx context.Context, q store.Query) (page []Port, more bool, err error) {
	return ports.list(ctx, s, q)
}
