package networkapi

import (
	"context"

	"github.com/cumulite/cumulite/network"
	"github.com/cumulite/cumulite/platform/httpapi"
)

type floatingIPView struct {
	standard
	Status      string           `json:"status"`
	NetworkID   string           `json:"floating_network_id"`
	Address     string           `json:"floating_ip_address"`
	RouterID    *string          `json:"router_id"`
	PortID      *string          `json:"port_id"`
	FixedIP     *string          `json:"fixed_ip_address"`
	DNSName     string           `json:"dns_name"`
	DNSDomain   string           `json:"dns_domain"`
	PortDetails *portDetailsView `json:"port_details"`
}

type portDetailsView struct {
	Name         string `json:"name"`
	NetworkID    string `json:"network_id"`
	MAC          string `json:"mac_address"`
	AdminStateUp bool   `json:"admin_state_up"`
	Status       string `json:"status"`
	DeviceID     string `json:"device_id"`
	DeviceOwner  string `json:"device_owner"`
}

type newFloatingIP struct {
	given
	owner
	RouterID    any     `json:"router_id" api:"readonly"`
	PortDetails any     `json:"port_details" api:"readonly"`
	NetworkID   string  `json:"floating_network_id" api:"required,format=uuid"`
	Description string  `json:"description" api:"max=255"`
	SubnetID    *string `json:"subnet_id" api:"format=uuid,nullable"`
	Address     *string `json:"floating_ip_address" api:"nullable"`
	PortID      *string `json:"port_id" api:"format=uuid,nullable"`
	FixedIP     *string `json:"fixed_ip_address" api:"nullable"`
	DNSName     string  `json:"dns_name" api:"max=255"`
	DNSDomain   string  `json:"dns_domain" api:"max=255"`
}

func (in *newFloatingIP) domain() (network.CreateFloatingIP, error) {
	project, err := in.projectID()
	if err != nil {
		return network.CreateFloatingIP{}, err
	}
	var r reader
	out := network.CreateFloatingIP{
		ProjectID: project, Description: in.Description, NetworkID: in.NetworkID, SubnetID: deref(in.SubnetID), PortID: deref(in.PortID),
		Address: r.address("floating_ip_address", deref(in.Address)), FixedIP: r.address("fixed_ip_address", deref(in.FixedIP)),
		DNSName: in.DNSName, DNSDomain: in.DNSDomain,
	}
	return out, r.err
}

type changedFloatingIP struct {
	given
	kept
	RouterID    any                      `json:"router_id" api:"readonly"`
	PortDetails any                      `json:"port_details" api:"readonly"`
	NetworkID   any                      `json:"floating_network_id" api:"readonly"`
	SubnetID    any                      `json:"subnet_id" api:"readonly"`
	Address     any                      `json:"floating_ip_address" api:"readonly"`
	DNSName     any                      `json:"dns_name" api:"readonly"`
	DNSDomain   any                      `json:"dns_domain" api:"readonly"`
	Description httpapi.Optional[string] `json:"description" api:"max=255"`
	PortID      httpapi.Optional[string] `json:"port_id" api:"format=uuid,nullable"`
	FixedIP     httpapi.Optional[string] `json:"fixed_ip_address" api:"nullable"`
}

func (in *changedFloatingIP) domain() (network.UpdateFloatingIP, error) {
	var r reader
	out := network.UpdateFloatingIP{Description: in.Description.Ptr(), PortID: orNull(in.PortID)}
	if in.FixedIP.Set {
		out.FixedIP = pointer(r.address("fixed_ip_address", in.FixedIP.Value))
	}
	return out, r.err
}

func (h handler) floatingIPRows() []httpapi.Route {
	k := &resource[network.FloatingIP, newFloatingIP, changedFloatingIP]{
		one: "floatingip", many: "floatingips", path: "/floatingips",
		filters:  []string{"floating_network_id", "floating_ip_address", "router_id", "port_id", "fixed_ip_address", "status"},
		unsorted: []string{"status"},
		view:     floatingIPView{}, show: showFloatingIP, id: func(f *network.FloatingIP) string { return f.ID },
		get: h.networks.GetFloatingIP, list: h.networks.ListFloatingIPs, remove: h.networks.DeleteFloatingIP,
		create: making((*newFloatingIP).domain, h.networks.CreateFloatingIPs),
		update: changing((*changedFloatingIP).domain, h.networks.UpdateFloatingIP),
	}
	return k.rows()
}

func showFloatingIP(_ context.Context, f *network.FloatingIP) any {
	out := floatingIPView{
		standard: showStandard(&f.Standard), Status: string(f.Status), NetworkID: f.NetworkID, Address: f.Address.String(), RouterID: ref(f.RouterID),
		PortID: ref(f.PortID), DNSName: f.DNSName, DNSDomain: f.DNSDomain,
	}
	if f.FixedIP != nil {
		out.FixedIP = addressRef(*f.FixedIP)
	}
	if d := f.PortDetails; d != nil {
		out.PortDetails = &portDetailsView{d.Name, d.NetworkID, d.MACAddress, d.AdminStateUp, d.Status, d.DeviceID, d.DeviceOwner}
	}
	return out
}
