package networkapi

import (
	"math/big"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/cumulite/cumulite/network"
	"github.com/cumulite/cumulite/platform/errs"
	"github.com/cumulite/cumulite/platform/httpapi"
	"github.com/cumulite/cumulite/platform/store"
)

// agentTime is how Neutron writes the times of agents.
const agentTime = "2006-01-02 15:04:05"

type agentView struct {
	ID              string         `json:"id"`
	Type            string         `json:"agent_type"`
	Binary          string         `json:"binary"`
	Topic           string         `json:"topic"`
	Host            string         `json:"host"`
	Zone            *string        `json:"availability_zone"`
	AdminStateUp    bool           `json:"admin_state_up"`
	Alive           bool           `json:"alive"`
	Description     *string        `json:"description"`
	Configurations  map[string]any `json:"configurations"`
	ResourcesSynced *bool          `json:"resources_synced"`
	CreatedAt       string         `json:"created_at"`
	StartedAt       string         `json:"started_at"`
	HeartbeatAt     string         `json:"heartbeat_timestamp"`
}

type agentBody struct {
	Agent agentView `json:"agent"`
}

type agentList struct {
	Agents []agentView `json:"agents"`
}

type zoneList struct {
	Zones []zoneView `json:"availability_zones"`
}

type zoneView struct {
	Name     string `json:"name"`
	Resource string `json:"resource"`
	State    string `json:"state"`
}

type providerList struct {
	Providers []providerView `json:"service_providers"`
}

type providerView struct {
	ServiceType string `json:"service_type"`
	Name        string `json:"name"`
	Default     bool   `json:"default"`
}

type availabilityBody struct {
	Availability availabilityView `json:"network_ip_availability"`
}

type availabilityList struct {
	Availabilities []availabilityView `json:"network_ip_availabilities"`
	Links          []link             `json:"network_ip_availabilities_links,omitempty"`
}

type availabilityView struct {
	NetworkID   string               `json:"network_id"`
	NetworkName string               `json:"network_name"`
	ProjectID   string               `json:"project_id"`
	TenantID    string               `json:"tenant_id"`
	Total       *big.Int             `json:"total_ips"`
	Used        int64                `json:"used_ips"`
	Subnets     []subnetAvailability `json:"subnet_ip_availability"`
}

type subnetAvailability struct {
	SubnetID   string   `json:"subnet_id"`
	SubnetName string   `json:"subnet_name"`
	CIDR       string   `json:"cidr"`
	IPVersion  int      `json:"ip_version"`
	Total      *big.Int `json:"total_ips"`
	Used       int64    `json:"used_ips"`
}

func (h handler) agentRows() []httpapi.Route {
	return []httpapi.Route{
		{Method: "GET", Pattern: "/agents", Action: network.ActionGetAgent, Response: agentList{}, Handle: h.listAgents},
		{Method: "GET", Pattern: "/agents/{id}", Action: network.ActionGetAgent, Response: agentBody{}, Handle: h.showAgent},
		{Method: "GET", Pattern: "/availability_zones", Action: network.ActionGetZone, Response: zoneList{}, Handle: h.listZones},
		{Method: "GET", Pattern: "/service-providers", Action: network.ActionGetServiceProvider, Response: providerList{}, Handle: h.listProviders},
		{Method: "GET", Pattern: "/network-ip-availabilities", Action: network.ActionGetIPAvailability, Response: availabilityList{}, Handle: h.listAvailability},
		{Method: "GET", Pattern: "/network-ip-availabilities/{id}", Action: network.ActionGetIPAvailability, Response: availabilityBody{}, Handle: h.showAvailability},
	}
}

func showAgentView(a *network.Agent) agentView {
	at := func(t time.Time) string { return t.UTC().Format(agentTime) }
	return agentView{ID: a.ID, Type: a.Type, Binary: a.Binary, Topic: a.Topic, Host: a.Host, Zone: ref(a.Zone), AdminStateUp: true, Alive: a.Alive,
		Configurations: map[string]any{"technology": a.Technology}, CreatedAt: at(a.Started), StartedAt: at(a.Started), HeartbeatAt: at(a.Heartbeat)}
}

func (h handler) listAgents(r *httpapi.Request) (any, error) {
	q, err := r.List(httpapi.Neutron, "id", "agent_type", "binary", "topic", "host", "availability_zone", "admin_state_up", "alive", "description")
	if err != nil {
		return nil, err
	}
	all, err := h.networks.ListAgents(r.Ctx())
	if err != nil {
		return nil, err
	}
	out := agentList{Agents: []agentView{}}
	for i := range all {
		if view := showAgentView(&all[i]); view.fits(q.Filters) {
			out.Agents = append(out.Agents, view)
		}
	}
	return out, nil
}

// fits tells whether an agent is let through by filters.
func (a *agentView) fits(filters []store.Filter) bool {
	have := map[string]string{"id": a.ID, "agent_type": a.Type, "binary": a.Binary, "topic": a.Topic, "host": a.Host, "availability_zone": deref(a.Zone),
		"admin_state_up": strconv.FormatBool(a.AdminStateUp), "alive": strconv.FormatBool(a.Alive), "description": ""}
	for _, f := range filters {
		matches := func(v string) bool {
			return v == have[f.Field] || (f.Field == "alive" || f.Field == "admin_state_up") && strings.EqualFold(v, have[f.Field])
		}
		if !slices.ContainsFunc(f.Values, matches) {
			return false
		}
	}
	return true
}

func (h handler) showAgent(r *httpapi.Request) (any, error) {
	a, err := h.networks.GetAgent(r.Ctx(), r.PathValue("id"))
	if err != nil {
		return nil, err
	}
	return agentBody{showAgentView(a)}, nil
}

func (h handler) listZones(r *httpapi.Request) (any, error) {
	all, err := h.networks.ListAvailabilityZones(r.Ctx())
	if err != nil {
		return nil, err
	}
	return zoneList{each(all, func(z network.AvailabilityZone) zoneView { return zoneView{z.Name, z.Resource, "available"} })}, nil
}

func (h handler) listProviders(r *httpapi.Request) (any, error) {
	if !h.mayOwn(r.Ctx(), network.ActionGetServiceProvider) {
		return nil, errs.Forbiddenf("Policy doesn't allow %s to be performed.", network.ActionGetServiceProvider)
	}
	return providerList{[]providerView{{ServiceType: "L3_ROUTER_NAT", Name: "cumulite", Default: true}}}, nil
}

func showAvailabilityView(a network.IPAvailability, version string) availabilityView {
	out := availabilityView{NetworkID: a.NetworkID, NetworkName: a.NetworkName, ProjectID: a.ProjectID, TenantID: a.ProjectID, Total: new(big.Int)}
	for _, s := range a.Subnets {
		if version != "" && version != strconv.Itoa(s.IPVersion) {
			continue
		}
		out.Subnets = append(out.Subnets, subnetAvailability{s.SubnetID, s.SubnetName, s.CIDR, s.IPVersion, s.Total, s.Used})
		out.Total.Add(out.Total, s.Total)
		out.Used += s.Used
	}
	return out
}

func (h handler) listAvailability(r *httpapi.Request) (any, error) {
	q, err := r.List(httpapi.Neutron, "network_id", "network_name", "project_id", "tenant_id", "ip_version")
	if err != nil {
		return nil, err
	}
	q.Sorts = nil
	q.Filters = ofNetworks(q.Filters)
	all, more, err := h.networks.ListIPAvailability(r.Ctx(), q)
	if err != nil {
		return nil, err
	}
	version := r.Params().Get("ip_version")
	return availabilityList{
		Availabilities: each(all, func(a network.IPAvailability) availabilityView { return showAvailabilityView(a, version) }),
		Links:          pageLinks(r, q, each(all, func(a network.IPAvailability) string { return a.NetworkID }), more),
	}, nil
}

// ofNetworks names filters as networks have them.
func ofNetworks(filters []store.Filter) (out []store.Filter) {
	for _, f := range filters {
		switch f.Field {
		case "network_id":
			f.Field = "id"
		case "network_name":
			f.Field = "name"
		case "ip_version":
			continue
		}
		out = append(out, f)
	}
	return out
}

func (h handler) showAvailability(r *httpapi.Request) (any, error) {
	id := r.PathValue("id")
	all, _, err := h.networks.ListIPAvailability(r.Ctx(), store.Query{Filters: []store.Filter{{Field: "id", Values: []string{id}}}})
	if err == nil && len(all) == 0 {
		err = errs.NotFoundf("Network %.255s could not be found.", id).WithCode("NetworkNotFound")
	}
	if err != nil {
		return nil, err
	}
	return availabilityBody{showAvailabilityView(all[0], "")}, nil
}
