package networkapi

import (
	"context"

	"github.com/cumulite/cumulite/network"
	"github.com/cumulite/cumulite/platform/errs"
	"github.com/cumulite/cumulite/platform/httpapi"
)

type routerView struct {
	standard
	Name              string       `json:"name"`
	Status            string       `json:"status"`
	AdminStateUp      bool         `json:"admin_state_up"`
	Gateway           *gatewayView `json:"external_gateway_info"`
	Routes            []route      `json:"routes"`
	AvailabilityZones []string     `json:"availability_zones"`
	ZoneHints         []string     `json:"availability_zone_hints"`
}

type gatewayView struct {
	NetworkID  string    `json:"network_id"`
	EnableSNAT bool      `json:"enable_snat"`
	FixedIPs   []fixedIP `json:"external_fixed_ips"`
}

type newGateway struct {
	NetworkID  string                    `json:"network_id" api:"format=uuid"`
	EnableSNAT httpapi.Optional[boolean] `json:"enable_snat"`
	FixedIPs   []fixedIP                 `json:"external_fixed_ips"`
}

// routerGateway reads external_gateway_info: left out is nil, null and {} are none.
func (r *reader) routerGateway(in httpapi.Optional[newGateway]) *network.Gateway {
	if !in.Set {
		return nil
	}
	g := in.Value
	if g.NetworkID == "" && (g.EnableSNAT.Set || len(g.FixedIPs) > 0) && r.err == nil {
		r.err = errs.Invalidf("Invalid input for external_gateway_info. Reason: Validation of dictionary's keys failed. Expected keys: {'network_id'}.")
	}
	return &network.Gateway{NetworkID: g.NetworkID, SNAT: (*bool)(g.EnableSNAT.Ptr()), Addresses: r.fixedIPs("external_gateway_info", g.FixedIPs)}
}

type newRouter struct {
	given
	owner
	AvailabilityZones any                          `json:"availability_zones" api:"readonly"`
	Routes            any                          `json:"routes" api:"readonly"`
	Name              string                       `json:"name" api:"max=255"`
	Description       string                       `json:"description" api:"max=255"`
	AdminStateUp      httpapi.Optional[boolean]    `json:"admin_state_up"`
	Gateway           httpapi.Optional[newGateway] `json:"external_gateway_info" api:"nullable"`
	ZoneHints         []string                     `json:"availability_zone_hints"`
}

func (in *newRouter) domain() (network.CreateRouter, error) {
	project, err := in.projectID()
	if err != nil {
		return network.CreateRouter{}, err
	}
	var r reader
	out := network.CreateRouter{ProjectID: project, Name: in.Name, Description: in.Description, AdminStateUp: (*bool)(in.AdminStateUp.Ptr()), ZoneHints: in.ZoneHints}
	if g := r.routerGateway(in.Gateway); g != nil && g.NetworkID != "" {
		out.Gateway = g
	}
	return out, r.err
}

type changedRouter struct {
	given
	kept
	AvailabilityZones any                          `json:"availability_zones" api:"readonly"`
	ZoneHints         any                          `json:"availability_zone_hints" api:"readonly"`
	Name              httpapi.Optional[string]     `json:"name" api:"max=255"`
	Description       httpapi.Optional[string]     `json:"description" api:"max=255"`
	AdminStateUp      httpapi.Optional[boolean]    `json:"admin_state_up"`
	Gateway           httpapi.Optional[newGateway] `json:"external_gateway_info" api:"nullable"`
	Routes            httpapi.Optional[[]route]    `json:"routes" api:"nullable"`
}

func (in *changedRouter) domain() (network.UpdateRouter, error) {
	var r reader
	out := network.UpdateRouter{Name: in.Name.Ptr(), Description: in.Description.Ptr(), AdminStateUp: (*bool)(in.AdminStateUp.Ptr()), Gateway: r.routerGateway(in.Gateway)}
	if in.Routes.Set {
		out.Routes = pointer(r.routes("routes", in.Routes.Value))
	}
	return out, r.err
}

func (h handler) routerRows() []httpapi.Route {
	k := h.routers()
	return append(k.rows(), []httpapi.Route{
		{Method: "GET", Pattern: "/routers/{id}/l3-agents", Action: network.ActionGetRouterAgents, Response: agentList{}, Handle: h.listRouterAgents},
		{Method: "PUT", Pattern: "/routers/{id}/add_router_interface", Action: network.ActionAddRouterInterface, Request: routerInterface{}, Response: routerInterfaceView{}, Handle: httpapi.Body(h.addInterface)},
		{Method: "PUT", Pattern: "/routers/{id}/remove_router_interface", Action: network.ActionRemoveRouterInterface, Request: routerInterface{}, Response: routerInterfaceView{}, Handle: httpapi.Body(h.removeInterface)},
		{Method: "PUT", Pattern: "/routers/{id}/add_extraroutes", Action: network.ActionAddExtraRoutes, Request: keyed[extraRoutes]{}, BodyKey: "router", Handle: httpapi.Body(h.addExtraRoutes)},
		{Method: "PUT", Pattern: "/routers/{id}/remove_extraroutes", Action: network.ActionRemoveExtraRoutes, Request: keyed[extraRoutes]{}, BodyKey: "router", Handle: httpapi.Body(h.removeExtraRoutes)},
	}...)
}

func (h handler) routers() *resource[network.Router, newRouter, changedRouter] {
	return &resource[network.Router, newRouter, changedRouter]{
		one: "router", many: "routers", path: "/routers",
		filters: []string{"name", "admin_state_up", "status"}, unsorted: []string{"status"},
		view: routerView{}, show: showRouter, id: func(r *network.Router) string { return r.ID },
		get: h.networks.GetRouter, list: h.networks.ListRouters, remove: h.networks.DeleteRouter,
		create: making((*newRouter).domain, h.networks.CreateRouters),
		update: changing((*changedRouter).domain, h.networks.UpdateRouter),
	}
}

func showRouter(_ context.Context, r *network.Router) any {
	out := routerView{standard: showStandard(&r.Standard), Name: r.Name, Status: "ACTIVE", AdminStateUp: r.AdminStateUp, Routes: showRoutes(r.Routes), ZoneHints: r.ZoneHints,
		AvailabilityZones: zones(r.Host != "")}
	if r.GatewayNetworkID != "" {
		out.Gateway = &gatewayView{r.GatewayNetworkID, r.EnableSNAT, showFixedIPs(r.GatewayAddresses)}
	}
	return out
}

// routerInterface names what a router is put on, or taken off.
type routerInterface struct {
	SubnetID string `json:"subnet_id" api:"format=uuid"`
	PortID   string `json:"port_id" api:"format=uuid"`
}

type routerInterfaceView struct {
	ID        string   `json:"id"` // the router's
	ProjectID string   `json:"project_id"`
	TenantID  string   `json:"tenant_id"`
	NetworkID string   `json:"network_id"`
	PortID    string   `json:"port_id"`
	SubnetID  string   `json:"subnet_id"`
	SubnetIDs []string `json:"subnet_ids"`
	Tags      []string `json:"tags"`
}

func showInterface(p *network.RouterPort, subnetID string) any {
	return routerInterfaceView{ID: p.RouterID, ProjectID: p.ProjectID, TenantID: p.ProjectID, NetworkID: p.NetworkID, PortID: p.PortID,
		SubnetID: subnetID, SubnetIDs: p.SubnetIDs, Tags: p.Tags}
}

func (h handler) addInterface(r *httpapi.Request, in *routerInterface) (any, error) {
	p, err := h.networks.AddRouterInterface(r.Ctx(), r.PathValue("id"), network.InterfaceOf{SubnetID: in.SubnetID, PortID: in.PortID})
	if err != nil {
		return nil, err
	}
	return showInterface(p, p.SubnetIDs[len(p.SubnetIDs)-1]), nil
}

func (h handler) removeInterface(r *httpapi.Request, in *routerInterface) (any, error) {
	p, err := h.networks.RemoveRouterInterface(r.Ctx(), r.PathValue("id"), network.InterfaceOf{SubnetID: in.SubnetID, PortID: in.PortID})
	if err != nil {
		return nil, err
	}
	return showInterface(p, p.SubnetIDs[0]), nil
}

type extraRoutes struct {
	Routes []route `json:"routes" api:"required"`
}

func (h handler) addExtraRoutes(r *httpapi.Request, in *keyed[extraRoutes]) (any, error) {
	return h.changeExtraRoutes(r, in, h.networks.AddExtraRoutes)
}

func (h handler) removeExtraRoutes(r *httpapi.Request, in *keyed[extraRoutes]) (any, error) {
	return h.changeExtraRoutes(r, in, h.networks.RemoveExtraRoutes)
}

func (h handler) changeExtraRoutes(r *httpapi.Request, in *keyed[extraRoutes], change func(context.Context, string, []network.Route) (*network.Router, error)) (any, error) {
	var read reader
	routes := read.routes("routes", (*in)["router"].Routes)
	if read.err != nil {
		return nil, read.err
	}
	router, err := change(r.Ctx(), r.PathValue("id"), routes)
	return h.routers().answer(r, router, err)
}
