package network

import (
	"context"
	"net/netip"
)

// Driver realises networks on one host: links, addresses, filters, routers.
//
// Words. A network is one broadcast domain. A port is a place on it for one
// interface of a guest or a router. A group is a security group. A spec is
// the whole of what an object shall be; there are no partial changes.
//
// Contract, for every method:
//
//   - Ensure makes the object as its spec says, whatever was there before; the
//     same spec twice is harmless. A spec whose Generation is lower than the
//     one in force is ignored: a late repeat never undoes a newer change.
//   - Remove takes the object and all its traces away; what is not there
//     (any more) is no error.
//   - Objects may come in any order: a port may name a group that is not known
//     yet. Until it is, that group allows nothing.
//   - When a call returns an error or ctx ends, the host is as before or
//     partly changed; the caller repeats the call until it succeeds.
//   - A filter is in force before the first frame that it is for.
//   - A network is one broadcast domain on all hosts that have each other as
//     peers. What a host does for its own ports, DHCP, metadata and the gateway
//     of an external network, it does for no port of another host.
//   - Everything in force outlives the process that made it; Inventory finds
//     it again after a restart.
//
// Errors are of kind errs.Unavailable when a repeat may help and
// errs.NotSupported when the technology cannot do what the spec says.
type Driver interface {
	// Describe says which host this is and what it can do. It is cheap and may be called often.
	Describe(ctx context.Context) (Host, error)

	EnsureNetwork(ctx context.Context, spec NetworkSpec) error
	RemoveNetwork(ctx context.Context, id string) error

	// EnsurePort prepares the place where a guest's interface is plugged in,
	// with filters, DHCP and metadata in force, and says where it is. The
	// port's network was ensured before.
	EnsurePort(ctx context.Context, spec PortSpec) (VIF, error)
	RemovePort(ctx context.Context, id string) error

	// SetMetadata gives what the metadata service answers to the guest on this
	// port. The host keeps it (mode 0600) and serves it without asking anyone.
	SetMetadata(ctx context.Context, portID string, doc Metadata) error

	// EnsureGroup sets the rules of a security group and the addresses of its members.
	EnsureGroup(ctx context.Context, spec GroupSpec) error
	RemoveGroup(ctx context.Context, id string) error

	// EnsureRouter sets a router with its interfaces, gateway, routes and
	// floating addresses. The networks it touches were ensured before.
	EnsureRouter(ctx context.Context, spec RouterSpec) error
	RemoveRouter(ctx context.Context, id string) error

	// Inventory gives what is there, each object with the generation in force.
	Inventory(ctx context.Context) (Inventory, error)
}

// Host says what a driver is and can do.
type Host struct {
	Name         string   `json:"name"`          // the host's name, as compute knows it
	Technology   string   `json:"technology"`    // "linuxnet", "sim"
	VIFType      string   `json:"vif_type"`      // what binding:vif_type shows: "tap", "ovs"
	NetworkTypes []string `json:"network_types"` // provider network types it can carry: "local", "flat", "vxlan"
	IPv6         bool     `json:"ipv6"`
	MaxMTU       int      `json:"max_mtu"`
	// Tunnel is the address at which other hosts reach this one's end of the
	// networks that they share. Not valid: its networks end at the host.
	Tunnel    netip.Addr `json:"tunnel"`
	TunnelMTU int        `json:"tunnel_mtu"` // the largest that a network can have which goes through tunnels; 0 without Tunnel
	// Life is another one whenever the driver was started anew: what the host
	// had may be lost, however soon it answers again. "": nobody can tell.
	Life string `json:"life,omitempty"`
}

// NetworkSpec is one network as a host must realise it.
type NetworkSpec struct {
	Operation  string       `json:"operation"` // id of the call, the same when it is repeated
	Generation int64        `json:"generation"`
	ID         string       `json:"id"`
	Type       string       `json:"type"`     // provider:network_type
	Physical   string       `json:"physical"` // provider:physical_network
	Segment    int          `json:"segment"`  // provider:segmentation_id
	MTU        int          `json:"mtu"`
	External   bool         `json:"external"` // the host itself is on it, with the subnet's gateway address
	Subnets    []SubnetSpec `json:"subnets"`
	Disabled   bool         `json:"disabled"` // admin_state_up is false: no traffic
	// Peers are the tunnel addresses of the other hosts that hold this network
	// now: frames go to and come from them and no other host. Only networks of
	// a type with segments that are tunnels (vxlan) have any.
	Peers []netip.Addr `json:"peers"`
}

// SubnetSpec is what hosts need to know of a subnet.
type SubnetSpec struct {
	ID       string       `json:"id"`
	CIDR     netip.Prefix `json:"cidr"`
	Gateway  netip.Addr   `json:"gateway"` // not valid without one
	DHCP     bool         `json:"dhcp"`
	DNS      []netip.Addr `json:"dns"`    // none: guests are told of none
	Routes   []Route      `json:"routes"` // host_routes
	RAMode   string       `json:"ra_mode"`
	AddrMode string       `json:"addr_mode"`
}

// Route is one static route.
type Route struct {
	Destination netip.Prefix `json:"destination"`
	NextHop     netip.Addr   `json:"nexthop"`
}

// Address is an address on a subnet.
type Address struct {
	SubnetID string     `json:"subnet_id"`
	IP       netip.Addr `json:"ip_address"`
}

// Pair is one allowed address pair: more addresses that a port may send from.
type Pair struct {
	Prefix netip.Prefix `json:"prefix"`
	MAC    string       `json:"mac"` // "" is the port's own
}

// PortSpec is one port of a guest on this host.
type PortSpec struct {
	Operation    string       `json:"operation"`
	Generation   int64        `json:"generation"`
	ID           string       `json:"id"`
	NetworkID    string       `json:"network_id"`
	MAC          string       `json:"mac"`
	Addresses    []Address    `json:"addresses"`
	Pairs        []Pair       `json:"pairs"`
	PortSecurity bool         `json:"port_security"` // false: neither anti-spoofing nor groups
	Groups       []string     `json:"groups"`        // ids; none and PortSecurity: nothing passes but DHCP and metadata
	DHCPOptions  []DHCPOption `json:"dhcp_options"`
	Hostname     string       `json:"hostname"`
	Disabled     bool         `json:"disabled"`
}

// DHCPOption is one option for a port, by number, already encoded.
type DHCPOption struct {
	Code  uint8  `json:"code"`
	Value []byte `json:"value"`
}

// VIF says where a guest's interface is plugged in.
type VIF struct {
	Type   string `json:"type"`   // "tap": a tap device that exists already; "sim"
	Device string `json:"device"` // the name of the tap device
	Bridge string `json:"bridge"`
	MTU    int    `json:"mtu"`
}

// Metadata is what the metadata service answers: the content of each path
// below the root, "openstack/latest/meta_data.json". A path that is a folder
// is answered with the names in it.
type Metadata struct {
	Files map[string][]byte `json:"files"`
}

// Direction is the way of traffic as the guest sees it.
type Direction string

// The two directions.
const (
	Ingress Direction = "ingress"
	Egress  Direction = "egress"
)

// GroupSpec is a security group: what its rules allow (all else is dropped;
// answers to what was allowed pass, as long as that still is) and the addresses
// that its members have or may take, for rules of any group that name it as
// their remote.
type GroupSpec struct {
	Operation  string         `json:"operation"`
	Generation int64          `json:"generation"`
	ID         string         `json:"id"`
	Stateful   bool           `json:"stateful"`
	Rules      []RuleSpec     `json:"rules"`
	Members    []netip.Prefix `json:"members"` // may overlap: a port's address, and an allowed pair around it
}

// RuleSpec allows one kind of traffic.
type RuleSpec struct {
	Direction   Direction    `json:"direction"`
	IPv6        bool         `json:"ipv6"`
	Protocol    int          `json:"protocol"` // IP protocol number; 0 is any
	PortMin     int          `json:"port_min"` // TCP, UDP, SCTP: port range; ICMP: type; -1 is any
	PortMax     int          `json:"port_max"` // ICMP: code; -1 is any
	Remote      netip.Prefix `json:"remote"`   // not valid: any address
	RemoteGroup string       `json:"remote_group"`
}

// RouterSpec is a router.
type RouterSpec struct {
	Operation  string            `json:"operation"`
	Generation int64             `json:"generation"`
	ID         string            `json:"id"`
	Interfaces []RouterInterface `json:"interfaces"`
	Gateway    *RouterInterface  `json:"gateway"`    // on the external network
	GatewayIP  []netip.Addr      `json:"gateway_ip"` // next hop of the default route, per family
	SNAT       bool              `json:"snat"`
	Routes     []Route           `json:"routes"`
	Floating   []FloatingSpec    `json:"floating"`
	Disabled   bool              `json:"disabled"`
}

// RouterInterface is a router's leg on a network.
type RouterInterface struct {
	PortID    string         `json:"port_id"`
	NetworkID string         `json:"network_id"`
	MAC       string         `json:"mac"`
	Addresses []netip.Prefix `json:"addresses"` // address with the subnet's prefix length
}

// FloatingSpec maps one external address to one fixed address.
type FloatingSpec struct {
	ID       string     `json:"id"`
	External netip.Addr `json:"external"`
	Fixed    netip.Addr `json:"fixed"`
}

// Inventory is what a host has, by id, with the generation in force.
type Inventory struct {
	Networks map[string]int64 `json:"networks"`
	Ports    map[string]int64 `json:"ports"`
	Groups   map[string]int64 `json:"groups"`
	Routers  map[string]int64 `json:"routers"`
}
