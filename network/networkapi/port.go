package networkapi

import (
	"context"
	"net/netip"
	"strings"

	"github.com/cumulite/cumulite/network"
	"github.com/cumulite/cumulite/platform/httpapi"
	"github.com/cumulite/cumulite/platform/policy"
)

type portView struct {
	standard
	Name           string             `json:"name"`
	NetworkID      string             `json:"network_id"`
	MAC            string             `json:"mac_address"`
	AdminStateUp   bool               `json:"admin_state_up"`
	Status         network.PortStatus `json:"status"`
	DeviceID       string             `json:"device_id"`
	DeviceOwner    string             `json:"device_owner"`
	FixedIPs       []fixedIP          `json:"fixed_ips"`
	SecurityGroups []string           `json:"security_groups"`
	PortSecurity   bool               `json:"port_security_enabled"`
	Pairs          []addressPair      `json:"allowed_address_pairs"`
	DHCPOptions    []dhcpOption       `json:"extra_dhcp_opts"`
	DNSName        string             `json:"dns_name"`
	DNSAssignment  []dnsAssignment    `json:"dns_assignment"`

	VNICType   httpapi.Optional[string]         `json:"binding:vnic_type,omitzero"`
	Host       httpapi.Optional[string]         `json:"binding:host_id,omitzero"`
	Profile    httpapi.Optional[map[string]any] `json:"binding:profile,omitzero"`
	VIFType    httpapi.Optional[string]         `json:"binding:vif_type,omitzero"`
	VIFDetails httpapi.Optional[map[string]any] `json:"binding:vif_details,omitzero"`
}

type addressPair struct {
	IPAddress string `json:"ip_address" api:"required"`
	MAC       string `json:"mac_address,omitempty"`
}

type dhcpOption struct {
	Name    string  `json:"opt_name" api:"required,min=1,max=64"`
	Value   *string `json:"opt_value" api:"required,max=255,nullable"`
	Version integer `json:"ip_version"`
}

// dnsAssignment is how an address of a port is called within its network.
type dnsAssignment struct {
	IPAddress string `json:"ip_address"`
	Hostname  string `json:"hostname"`
	FQDN      string `json:"fqdn"`
}

// dnsDomain is what names within networks end with, Neutron's default.
const dnsDomain = "openstacklocal."

type newPort struct {
	given
	owner
	fixedPort
	NetworkID      string                      `json:"network_id" api:"required,format=uuid"`
	Name           string                      `json:"name" api:"max=255"`
	Description    string                      `json:"description" api:"max=255"`
	MAC            string                      `json:"mac_address"`
	AdminStateUp   httpapi.Optional[boolean]   `json:"admin_state_up"`
	DeviceID       string                      `json:"device_id" api:"max=255"`
	DeviceOwner    string                      `json:"device_owner" api:"max=255"`
	FixedIPs       httpapi.Optional[[]fixedIP] `json:"fixed_ips"`
	SecurityGroups httpapi.Optional[[]string]  `json:"security_groups" api:"nullable"`
	PortSecurity   httpapi.Optional[boolean]   `json:"port_security_enabled"`
	Pairs          []addressPair               `json:"allowed_address_pairs" api:"nullable"`
	DHCPOptions    []dhcpOption                `json:"extra_dhcp_opts" api:"nullable"`
	DNSName        string                      `json:"dns_name" api:"max=255,nullable"`
	Host           *string                     `json:"binding:host_id" api:"max=255,nullable"`
	VNICType       string                      `json:"binding:vnic_type" api:"enum=normal|direct|macvtap|baremetal|direct-physical|virtio-forwarder|smart-nic|vdpa|remote-managed"`
	Profile        httpapi.Optional[anyObject] `json:"binding:profile" api:"nullable"`
}

// anyObject is an object whose names are not ours.
type anyObject = map[string]any

// fixedPort are the attributes of a port that only the service sets.
type fixedPort struct {
	DNSAssignment any `json:"dns_assignment" api:"readonly"`
	VIFType       any `json:"binding:vif_type" api:"readonly"`
	VIFDetails    any `json:"binding:vif_details" api:"readonly"`
}

func (in *newPort) domain() (network.CreatePort, error) {
	project, err := in.projectID()
	if err != nil {
		return network.CreatePort{}, err
	}
	var r reader
	out := network.CreatePort{
		ProjectID: project, Name: in.Name, Description: in.Description, NetworkID: in.NetworkID, MAC: in.MAC,
		AdminStateUp: (*bool)(in.AdminStateUp.Ptr()), DeviceID: in.DeviceID, DeviceOwner: in.DeviceOwner,
		PortSecurity: (*bool)(in.PortSecurity.Ptr()), Pairs: each(in.Pairs, addressPair.domain), DHCPOptions: each(in.DHCPOptions, dhcpOption.domain),
		DNSName: in.DNSName, Host: deref(in.Host), VNICType: in.VNICType, Profile: in.Profile.Value,
	}
	if in.FixedIPs.Set {
		out.Addresses = pointer(r.fixedIPs("fixed_ips", in.FixedIPs.Value))
	}
	if in.SecurityGroups.Set {
		out.Groups = pointer(append([]string{}, in.SecurityGroups.Value...))
	}
	return out, r.err
}

func (p addressPair) domain() network.AddressPair {
	return network.AddressPair{IP: p.IPAddress, MAC: p.MAC}
}

func (o dhcpOption) domain() network.ExtraDHCPOpt {
	version := int(o.Version)
	if version == 0 {
		version = 4
	}
	return network.ExtraDHCPOpt{Name: o.Name, Value: deref(o.Value), Version: version}
}

type changedPort struct {
	given
	kept
	fixedPort
	NetworkID      any                             `json:"network_id" api:"readonly"`
	Name           httpapi.Optional[string]        `json:"name" api:"max=255"`
	Description    httpapi.Optional[string]        `json:"description" api:"max=255"`
	MAC            httpapi.Optional[string]        `json:"mac_address"`
	AdminStateUp   httpapi.Optional[boolean]       `json:"admin_state_up"`
	DeviceID       httpapi.Optional[string]        `json:"device_id" api:"max=255"`
	DeviceOwner    httpapi.Optional[string]        `json:"device_owner" api:"max=255"`
	FixedIPs       httpapi.Optional[[]fixedIP]     `json:"fixed_ips"`
	SecurityGroups httpapi.Optional[[]string]      `json:"security_groups" api:"nullable"`
	PortSecurity   httpapi.Optional[boolean]       `json:"port_security_enabled"`
	Pairs          httpapi.Optional[[]addressPair] `json:"allowed_address_pairs" api:"nullable"`
	DHCPOptions    []dhcpOption                    `json:"extra_dhcp_opts" api:"nullable"`
	DNSName        httpapi.Optional[string]        `json:"dns_name" api:"max=255,nullable"`
	Host           httpapi.Optional[string]        `json:"binding:host_id" api:"max=255,nullable"`
	VNICType       httpapi.Optional[string]        `json:"binding:vnic_type" api:"enum=normal|direct|macvtap|baremetal|direct-physical|virtio-forwarder|smart-nic|vdpa|remote-managed"`
	Profile        httpapi.Optional[anyObject]     `json:"binding:profile" api:"nullable"`
}

func (in *changedPort) domain() (network.UpdatePort, error) {
	var r reader
	out := network.UpdatePort{
		Name: in.Name.Ptr(), Description: in.Description.Ptr(), MAC: in.MAC.Ptr(), AdminStateUp: (*bool)(in.AdminStateUp.Ptr()),
		DeviceID: in.DeviceID.Ptr(), DeviceOwner: in.DeviceOwner.Ptr(), PortSecurity: (*bool)(in.PortSecurity.Ptr()),
		VNICType: in.VNICType.Ptr(), DNSName: orNull(in.DNSName), Host: orNull(in.Host),
	}
	if in.FixedIPs.Set {
		out.Addresses = pointer(r.fixedIPs("fixed_ips", in.FixedIPs.Value))
	}
	if in.SecurityGroups.Set {
		out.Groups = pointer(append([]string{}, in.SecurityGroups.Value...))
	}
	if in.Pairs.Set {
		out.Pairs = pointer(each(in.Pairs.Value, addressPair.domain))
	}
	if in.DHCPOptions != nil {
		out.DHCPOptions = pointer(each(in.DHCPOptions, dhcpOption.domain))
	}
	if in.Profile.Set {
		profile := in.Profile.Or(map[string]any{})
		out.Profile = &profile
	}
	return out, r.err
}

// orNull gives a text to change to, "" for null, nil when it was left out.
func orNull(o httpapi.Optional[string]) *string {
	if !o.Set {
		return nil
	}
	return &o.Value
}

func (h handler) portRows() []httpapi.Route {
	k := &resource[network.Port, newPort, changedPort]{
		one: "port", many: "ports", path: "/ports",
		filters: []string{"name", "network_id", "mac_address", "admin_state_up", "status", "device_id", "device_owner", "dns_name", "port_security_enabled",
			"binding:host_id", "binding:vnic_type", "fixed_ips", "security_groups"},
		unsorted: []string{"fixed_ips", "security_groups"},
		view:     portView{}, show: h.showPort, id: func(p *network.Port) string { return p.ID },
		get: h.networks.GetPort, list: h.networks.ListPorts, remove: h.networks.DeletePort,
		create: making((*newPort).domain, h.networks.CreatePorts),
		update: changing((*changedPort).domain, h.networks.UpdatePort),
		hides:  hiddenOfPorts, may: h.mayOwn,
	}
	return k.rows()
}

// hiddenOfPorts gives the action by which a port's attribute is shown.
func hiddenOfPorts(attribute string) policy.Action {
	switch attribute {
	case "binding:host_id", "binding:profile", "binding:vif_type", "binding:vif_details":
		return policy.Action("get_port:" + attribute)
	}
	return ""
}

func (h handler) showPort(ctx context.Context, p *network.Port) any {
	out := portView{
		standard: showStandard(&p.Standard), Name: p.Name, NetworkID: p.NetworkID, MAC: p.MAC, AdminStateUp: p.AdminStateUp, Status: p.Status,
		DeviceID: p.DeviceID, DeviceOwner: p.DeviceOwner, FixedIPs: showFixedIPs(p.Addresses), SecurityGroups: p.Groups, PortSecurity: p.PortSecurity,
		Pairs: each(p.Pairs, func(a network.AddressPair) addressPair { return addressPair{a.IP, a.MAC} }),
		DHCPOptions: each(p.DHCPOptions, func(o network.ExtraDHCPOpt) dhcpOption {
			return dhcpOption{o.Name, &o.Value, integer(o.Version)}
		}),
		DNSName: p.DNSName, DNSAssignment: each(p.Addresses, func(a network.Address) dnsAssignment { return assign(p.DNSName, a.IP) }),
		VNICType: optional(p.VNICType),
	}
	shows := func(attribute string) bool { return h.networks.Allows(ctx, hiddenOfPorts(attribute), p.ProjectID) }
	if shows("binding:host_id") {
		out.Host = optional(p.Host)
	}
	if shows("binding:profile") {
		out.Profile = optional(p.Profile)
	}
	if shows("binding:vif_type") {
		out.VIFType = optional(p.VIFType())
	}
	if shows("binding:vif_details") {
		out.VIFDetails = optional(vifDetails(p))
	}
	return out
}

// vifDetails says how a port that is plugged in is attached to its guest.
func vifDetails(p *network.Port) map[string]any {
	if p.VIF.Type == "" {
		return map[string]any{}
	}
	return map[string]any{"port_filter": true, "connectivity": "l2", "bridge_name": p.VIF.Bridge}
}

// assign names an address: by the port's name, or by the address itself.
func assign(name string, ip netip.Addr) dnsAssignment {
	if name == "" {
		name = "host-" + strings.NewReplacer(".", "-", ":", "-").Replace(ip.String())
	}
	return dnsAssignment{ip.String(), name, name + "." + dnsDomain}
}
