package networkapi

import (
	"context"
	"net/netip"

	"github.com/cumulite/cumulite/network"
	"github.com/cumulite/cumulite/platform/errs"
	"github.com/cumulite/cumulite/platform/httpapi"
)

type subnetView struct {
	standard
	Name         string   `json:"name"`
	NetworkID    string   `json:"network_id"`
	IPVersion    int      `json:"ip_version"`
	CIDR         string   `json:"cidr"`
	GatewayIP    *string  `json:"gateway_ip"`
	DHCP         bool     `json:"enable_dhcp"`
	RAMode       *string  `json:"ipv6_ra_mode"`
	AddressMode  *string  `json:"ipv6_address_mode"`
	DNS          []string `json:"dns_nameservers"`
	Routes       []route  `json:"host_routes"`
	Pools        []pool   `json:"allocation_pools"`
	ServiceTypes []string `json:"service_types"`
	SubnetPool   *string  `json:"subnetpool_id"` // there are none
}

// pool is a range of addresses that are given out.
type pool struct {
	Start string `json:"start" api:"required"`
	End   string `json:"end" api:"required"`
}

type newSubnet struct {
	given
	owner
	Name         string                     `json:"name" api:"max=255"`
	Description  string                     `json:"description" api:"max=255"`
	NetworkID    string                     `json:"network_id" api:"required,format=uuid"`
	IPVersion    integer                    `json:"ip_version" api:"required"`
	CIDR         httpapi.Optional[string]   `json:"cidr" api:"nullable"`
	GatewayIP    httpapi.Optional[string]   `json:"gateway_ip" api:"nullable"`
	DHCP         httpapi.Optional[boolean]  `json:"enable_dhcp"`
	RAMode       string                     `json:"ipv6_ra_mode" api:"enum=slaac|dhcpv6-stateful|dhcpv6-stateless"`
	AddressMode  string                     `json:"ipv6_address_mode" api:"enum=slaac|dhcpv6-stateful|dhcpv6-stateless"`
	DNS          httpapi.Optional[[]string] `json:"dns_nameservers" api:"nullable"`
	Routes       httpapi.Optional[[]route]  `json:"host_routes" api:"nullable"`
	Pools        httpapi.Optional[[]pool]   `json:"allocation_pools" api:"nullable"`
	ServiceTypes httpapi.Optional[[]string] `json:"service_types" api:"nullable"`
	SubnetPool   httpapi.Optional[string]   `json:"subnetpool_id" api:"nullable"`
}

func (in *newSubnet) domain() (network.CreateSubnet, error) {
	var r reader
	project, err := in.projectID()
	switch {
	case err != nil:
		return network.CreateSubnet{}, err
	case in.IPVersion != 4 && in.IPVersion != 6:
		return network.CreateSubnet{}, errs.Invalidf("Invalid input for ip_version. Reason: '%d' is not in [4, 6].", in.IPVersion)
	case in.SubnetPool.Or("") != "":
		return network.CreateSubnet{}, errs.NotFoundf("Subnet pool %.255s could not be found.", in.SubnetPool.Value).WithCode("SubnetPoolNotFound")
	case in.CIDR.Or("") == "":
		return network.CreateSubnet{}, errs.Invalidf("Bad subnets request: a subnetpool must be specified in the absence of a cidr.").WithCode("BadRequest")
	}
	out := network.CreateSubnet{
		ProjectID: project, Name: in.Name, Description: in.Description, NetworkID: in.NetworkID, IPVersion: int(in.IPVersion),
		CIDR: r.prefix("cidr", in.CIDR.Value), GatewayIP: r.gateway(in.GatewayIP), DHCP: (*bool)(in.DHCP.Ptr()),
		RAMode: in.RAMode, AddressMode: in.AddressMode, DNS: r.addresses("dns_nameservers", in.DNS.Value),
		Routes: r.routes("host_routes", in.Routes.Value), ServiceTypes: in.ServiceTypes.Value,
	}
	if pools := in.Pools.Ptr(); pools != nil {
		out.Pools = r.pools(*pools)
	}
	return out, r.err
}

type changedSubnet struct {
	given
	kept
	NetworkID    any                        `json:"network_id" api:"readonly"`
	IPVersion    any                        `json:"ip_version" api:"readonly"`
	CIDR         any                        `json:"cidr" api:"readonly"`
	RAMode       any                        `json:"ipv6_ra_mode" api:"readonly"`
	AddressMode  any                        `json:"ipv6_address_mode" api:"readonly"`
	SubnetPool   any                        `json:"subnetpool_id" api:"readonly"`
	Name         httpapi.Optional[string]   `json:"name" api:"max=255"`
	Description  httpapi.Optional[string]   `json:"description" api:"max=255"`
	GatewayIP    httpapi.Optional[string]   `json:"gateway_ip" api:"nullable"`
	DHCP         httpapi.Optional[boolean]  `json:"enable_dhcp"`
	DNS          httpapi.Optional[[]string] `json:"dns_nameservers" api:"nullable"`
	Routes       httpapi.Optional[[]route]  `json:"host_routes" api:"nullable"`
	Pools        httpapi.Optional[[]pool]   `json:"allocation_pools"`
	ServiceTypes httpapi.Optional[[]string] `json:"service_types" api:"nullable"`
}

func (in *changedSubnet) domain() (out network.UpdateSubnet, err error) {
	var r reader
	out = network.UpdateSubnet{Name: in.Name.Ptr(), Description: in.Description.Ptr(), GatewayIP: r.gateway(in.GatewayIP), DHCP: (*bool)(in.DHCP.Ptr())}
	if in.DNS.Set {
		out.DNS = pointer(r.addresses("dns_nameservers", in.DNS.Value))
	}
	if in.Routes.Set {
		out.Routes = pointer(r.routes("host_routes", in.Routes.Value))
	}
	if in.Pools.Set {
		out.Pools = pointer(r.pools(in.Pools.Value))
	}
	if in.ServiceTypes.Set {
		out.ServiceTypes = &in.ServiceTypes.Value
	}
	return out, r.err
}

// gateway reads gateway_ip: left out is nil, null is the address that is none.
func (r *reader) gateway(in httpapi.Optional[string]) *netip.Addr {
	if !in.Set {
		return nil
	}
	a := r.address("gateway_ip", in.Value)
	if !in.Null && in.Value == "" {
		r.invalid("gateway_ip", "IP address", "")
	}
	return &a
}

func (r *reader) pools(in []pool) []network.Pool {
	return each(in, func(p pool) network.Pool {
		return network.Pool{Start: r.addresses("allocation_pools", []string{p.Start})[0], End: r.addresses("allocation_pools", []string{p.End})[0]}
	})
}

func (h handler) subnetRows() []httpapi.Route {
	k := &resource[network.Subnet, newSubnet, changedSubnet]{
		one: "subnet", many: "subnets", path: "/subnets",
		filters:  []string{"name", "network_id", "ip_version", "cidr", "gateway_ip", "enable_dhcp", "ipv6_ra_mode", "ipv6_address_mode", "shared"},
		unsorted: []string{"shared"},
		view:     subnetView{}, show: showSubnet, id: func(s *network.Subnet) string { return s.ID },
		get: h.networks.GetSubnet, list: h.networks.ListSubnets, remove: h.networks.DeleteSubnet,
		create: making((*newSubnet).domain, h.networks.CreateSubnets),
		update: changing((*changedSubnet).domain, h.networks.UpdateSubnet),
	}
	return k.rows()
}

func showSubnet(_ context.Context, s *network.Subnet) any {
	return subnetView{
		standard: showStandard(&s.Standard), Name: s.Name, NetworkID: s.NetworkID, IPVersion: s.IPVersion, CIDR: s.CIDR.String(),
		GatewayIP: addressRef(s.GatewayIP), DHCP: s.DHCP, RAMode: ref(s.RAMode), AddressMode: ref(s.AddressMode),
		DNS: each(s.DNS, netip.Addr.String), Routes: showRoutes(s.Routes), ServiceTypes: s.ServiceTypes,
		Pools: each(s.Pools, func(p network.Pool) pool { return pool{p.Start.String(), p.End.String()} }),
	}
}
