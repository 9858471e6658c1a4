package network

import (
	"context"
	"net/netip"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/cumulite/cumulite/platform/errs"
)

// Zone is the one availability zone of networks and routers.
const Zone = "nova"

// Agent is one of the parts of a host's networking, as Neutron's clients know
// them. Here a host's driver is all of them.
type Agent struct {
	ID         string // the same after a restart
	Type       string // "DHCP agent"
	Binary     string // "neutron-dhcp-agent"
	Topic      string // "dhcp_agent"
	Host       string
	Zone       string // "" for agents without one
	Alive      bool
	Started    time.Time  // when the host was seen first
	Heartbeat  time.Time  // when it answered last
	Technology string     // of the driver
	Tunnel     netip.Addr // where others reach the host's tunnels, of agents that make them
}

const routerAgent = "L3 agent"

var agentTypes = []Agent{
	{Type: "DHCP agent", Binary: "neutron-dhcp-agent", Topic: "dhcp_agent", Zone: Zone},
	{Type: routerAgent, Binary: "neutron-l3-agent", Topic: "l3_agent", Zone: Zone},
	{Type: "Metadata agent", Binary: "neutron-metadata-agent", Topic: "N/A"},
}

var (
	bridgeAgent = Agent{Type: "Linux bridge agent", Binary: "neutron-linuxbridge-agent", Topic: "N/A"}
	switchAgent = Agent{Type: "Open vSwitch agent", Binary: "neutron-openvswitch-agent", Topic: "N/A"}
)

// ListAgents gives the agents of all hosts, by host and type: none to those
// who may not see them. It asks the hosts whether they are there, all at once.
func (s *Service) ListAgents(ctx context.Context) (all []Agent, err error) {
	if !s.policy.Allows(ctx, ActionGetAgent, nil) {
		return nil, nil
	}
	if !s.beats.areWatched() {
		s.drivers.Each(func(host string, d Driver) { s.describe(ctx, host, d) })
	}
	for _, host := range s.hostNames() {
		it := s.beats.of(host)
		layer2 := switchAgent
		if it.Technology == "linuxnet" {
			layer2 = bridgeAgent
		}
		for _, a := range append(slices.Clone(agentTypes), layer2) {
			a.ID = uuid.NewSHA1(uuid.NameSpaceURL, []byte("cumulite:agent:"+host+":"+a.Type)).String()
			a.Host, a.Alive, a.Started, a.Heartbeat, a.Technology = host, it.Alive, it.Since, it.Seen, it.Technology
			if a.Type == layer2.Type {
				a.Tunnel = it.Tunnel
			}
			all = append(all, a)
		}
	}
	return all, nil
}

// GetAgent gives one agent.
func (s *Service) GetAgent(ctx context.Context, id string) (*Agent, error) {
	all, err := s.ListAgents(ctx)
	if err != nil {
		return nil, err
	}
	for _, a := range all {
		if a.ID == id {
			return &a, nil
		}
	}
	return nil, errs.NotFoundf("Agent %s could not be found.", id).WithCode("AgentNotFound")
}

// ListRouterAgents gives the agent of the host that a router is on.
func (s *Service) ListRouterAgents(ctx context.Context, routerID string) ([]Agent, error) {
	r, err := s.GetRouter(ctx, routerID)
	if err != nil {
		return nil, err
	}
	if err := s.policy.Check(ctx, ActionGetRouterAgents, nil); err != nil {
		return nil, err
	}
	all, err := s.ListAgents(ctx)
	return slices.DeleteFunc(all, func(a Agent) bool { return a.Type != routerAgent || a.Host != r.Host }), err
}

// AvailabilityZone is a zone for one kind of resource.
type AvailabilityZone struct {
	Name     string
	Resource string // "network" or "router"
}

// ListAvailabilityZones gives the zones, which are all available.
func (s *Service) ListAvailabilityZones(ctx context.Context) ([]AvailabilityZone, error) {
	if err := s.policy.Check(ctx, ActionGetZone, nil); err != nil {
		return nil, err
	}
	return []AvailabilityZone{{Name: Zone, Resource: "network"}, {Name: Zone, Resource: "router"}}, nil
}

// checkZones sees that hints name zones that there are.
func checkZones(hints []string) error {
	for _, h := range hints {
		if h != Zone {
			return errs.NotFoundf("AvailabilityZone %s could not be found.", h).WithCode("AvailabilityZoneNotFound")
		}
	}
	return nil
}
