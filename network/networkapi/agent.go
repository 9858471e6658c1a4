package networkapi

import (
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

func (h handler) agentRows() []httpapi.Route {
	return []httpapi.Route{
		{Method: "GET", Pattern: "/agents", Action: network.ActionGetAgent, Response: agentList{}, Handle: h.listAgents},
		{Method: "GET", Pattern: "/agents/{id}", Action: network.ActionGetAgent, Response: agentBody{}, Handle: h.showAgent},
		{Method: "GET", Pattern: "/availability_zones", Action: network.ActionGetZone, Response: zoneList{}, Handle: h.listZones},
		{Method: "GET", Pattern: "/service-providers", Action: network.ActionGetServiceProvider, Response: providerList{}, Handle: h.listProviders},
	}
}

func showAgentView(a *network.Agent) agentView {
	at := func(t time.Time) string { return t.UTC().Format(agentTime) }
	return agentView{ID: a.ID, Type: a.Type, Binary: a.Binary, Topic: a.Topic, Host: a.Host, Zone: ref(a.Zone), AdminStateUp: true, Alive: a.Alive,
		Configurations: configurations(a), CreatedAt: at(a.Started), StartedAt: at(a.Started), HeartbeatAt: at(a.Heartbeat)}
}

// configurations are what Neutron's agents tell of themselves, as far as it says something here.
func configurations(a *network.Agent) map[string]any {
	all := map[string]any{"technology": a.Technology}
	if a.Tunnel.IsValid() {
		all["tunneling_ip"], all["tunnel_types"] = a.Tunnel, []string{"vxlan"}
	}
	return all
}

func (h handler) listRouterAgents(r *httpapi.Request) (any, error) {
	all, err := h.networks.ListRouterAgents(r.Ctx(), r.PathValue("id"))
	if err != nil {
		return nil, err
	}
	return agentList{each(all, func(a network.Agent) agentView { return showAgentView(&a) })}, nil
}

func (h handler) listAgents(r *httpapi.Request) (any, error) {
	q, err := r.List("id", "agent_type", "binary", "topic", "host", "availability_zone", "admin_state_up", "alive", "description")
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
