package networkapi

import (
	"context"

	"github.com/cumulite/cumulite/network"
	"github.com/cumulite/cumulite/platform/httpapi"
	"github.com/cumulite/cumulite/platform/policy"
)

type networkView struct {
	standard
	Name              string   `json:"name"`
	Status            string   `json:"status"`
	AdminStateUp      bool     `json:"admin_state_up"`
	Shared            bool     `json:"shared"`
	External          bool     `json:"router:external"`
	IsDefault         *bool    `json:"is_default,omitempty"` // of external networks only
	PortSecurity      bool     `json:"port_security_enabled"`
	MTU               int      `json:"mtu"`
	DNSDomain         string   `json:"dns_domain"`
	Subnets           []string `json:"subnets"`
	AvailabilityZones []string `json:"availability_zones"`
	ZoneHints         []string `json:"availability_zone_hints"`

	Type     httpapi.Optional[string]  `json:"provider:network_type,omitzero"`
	Physical httpapi.Optional[*string] `json:"provider:physical_network,omitzero"`
	Segment  httpapi.Optional[*int]    `json:"provider:segmentation_id,omitzero"`
}

type newNetwork struct {
	given
	owner
	Subnets           any                       `json:"subnets" api:"readonly"`
	AvailabilityZones any                       `json:"availability_zones" api:"readonly"`
	Name              string                    `json:"name" api:"max=255"`
	Description       string                    `json:"description" api:"max=255"`
	AdminStateUp      httpapi.Optional[boolean] `json:"admin_state_up"`
	Shared            boolean                   `json:"shared"`
	External          boolean                   `json:"router:external"`
	IsDefault         boolean                   `json:"is_default"`
	PortSecurity      httpapi.Optional[boolean] `json:"port_security_enabled"`
	MTU               integer                   `json:"mtu" api:"min=0"`
	DNSDomain         string                    `json:"dns_domain" api:"max=255"`
	ZoneHints         []string                  `json:"availability_zone_hints"`
	Type              string                    `json:"provider:network_type" api:"max=32"`
	Physical          *string                   `json:"provider:physical_network" api:"max=64,nullable"`
	Segment           httpapi.Optional[integer] `json:"provider:segmentation_id" api:"nullable"`
}

func (in *newNetwork) domain() (network.CreateNetwork, error) {
	project, err := in.projectID()
	return network.CreateNetwork{
		ProjectID: project, Name: in.Name, Description: in.Description, AdminStateUp: (*bool)(in.AdminStateUp.Ptr()),
		Shared: bool(in.Shared), External: bool(in.External), IsDefault: bool(in.IsDefault), PortSecurity: (*bool)(in.PortSecurity.Ptr()),
		MTU: int(in.MTU), DNSDomain: in.DNSDomain, ZoneHints: in.ZoneHints,
		Type: in.Type, Physical: deref(in.Physical), Segment: int(in.Segment.Or(0)),
	}, err
}

type changedNetwork struct {
	given
	kept
	Subnets           any                       `json:"subnets" api:"readonly"`
	AvailabilityZones any                       `json:"availability_zones" api:"readonly"`
	ZoneHints         any                       `json:"availability_zone_hints" api:"readonly"`
	Name              httpapi.Optional[string]  `json:"name" api:"max=255"`
	Description       httpapi.Optional[string]  `json:"description" api:"max=255"`
	AdminStateUp      httpapi.Optional[boolean] `json:"admin_state_up"`
	Shared            httpapi.Optional[boolean] `json:"shared"`
	External          httpapi.Optional[boolean] `json:"router:external"`
	IsDefault         httpapi.Optional[boolean] `json:"is_default"`
	PortSecurity      httpapi.Optional[boolean] `json:"port_security_enabled"`
	MTU               httpapi.Optional[integer] `json:"mtu" api:"min=0"`
	DNSDomain         httpapi.Optional[string]  `json:"dns_domain" api:"max=255"`
	Type              httpapi.Optional[string]  `json:"provider:network_type" api:"max=32"`
	Physical          httpapi.Optional[string]  `json:"provider:physical_network" api:"max=64"`
	Segment           httpapi.Optional[integer] `json:"provider:segmentation_id"`
}

func (in *changedNetwork) domain() (network.UpdateNetwork, error) {
	return network.UpdateNetwork{
		Name: in.Name.Ptr(), Description: in.Description.Ptr(), AdminStateUp: (*bool)(in.AdminStateUp.Ptr()), Shared: (*bool)(in.Shared.Ptr()),
		External: (*bool)(in.External.Ptr()), IsDefault: (*bool)(in.IsDefault.Ptr()), PortSecurity: (*bool)(in.PortSecurity.Ptr()),
		MTU: (*int)(in.MTU.Ptr()), DNSDomain: in.DNSDomain.Ptr(),
		Type: in.Type.Ptr(), Physical: in.Physical.Ptr(), Segment: (*int)(in.Segment.Ptr()),
	}, nil
}

func (h handler) networkRows() []httpapi.Route {
	k := &resource[network.Network, newNetwork, changedNetwork]{
		one: "network", many: "networks", path: "/networks",
		filters: []string{"name", "status", "admin_state_up", "shared", "router:external", "is_default", "port_security_enabled", "mtu", "dns_domain",
			"provider:network_type", "provider:physical_network", "provider:segmentation_id"},
		unsorted: []string{"status"},
		view:     networkView{}, show: h.showNetwork, id: func(n *network.Network) string { return n.ID },
		get: h.networks.GetNetwork, list: h.networks.ListNetworks, remove: h.networks.DeleteNetwork,
		create: making((*newNetwork).domain, h.networks.CreateNetworks),
		update: changing((*changedNetwork).domain, h.networks.UpdateNetwork),
		hides:  hiddenOfNetworks, may: h.mayOwn,
	}
	return k.rows()
}

// hiddenOfNetworks gives the action by which a network's attribute is shown.
func hiddenOfNetworks(attribute string) policy.Action {
	switch attribute {
	case "provider:network_type", "provider:physical_network", "provider:segmentation_id":
		return policy.Action("get_network:" + attribute)
	}
	return ""
}

// zones gives the zones of what is served in one, once it is.
func zones(served bool) []string {
	if !served {
		return nil
	}
	return []string{network.Zone}
}

func (h handler) showNetwork(ctx context.Context, n *network.Network) any {
	out := networkView{
		standard: showStandard(&n.Standard), Name: n.Name, Status: "ACTIVE", AdminStateUp: n.AdminStateUp, Shared: n.Shared, External: n.External,
		PortSecurity: n.PortSecurity, MTU: n.MTU, DNSDomain: n.DNSDomain, Subnets: n.Subnets, ZoneHints: n.ZoneHints,
		AvailabilityZones: zones(len(n.Subnets) > 0),
	}
	if n.External {
		out.IsDefault = &n.IsDefault
	}
	shows := func(attribute string) bool { return h.networks.Allows(ctx, hiddenOfNetworks(attribute), n.ProjectID) }
	if shows("provider:network_type") {
		out.Type = optional(n.Type)
	}
	if shows("provider:physical_network") {
		out.Physical = optional(ref(n.Physical))
	}
	if shows("provider:segmentation_id") {
		var id *int
		if n.Segment != 0 {
			id = &n.Segment
		}
		out.Segment = optional(id)
	}
	return out
}
