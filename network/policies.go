package network

import (
	"slices"

	"github.com/cumulite/cumulite/platform/policy"
)

// The actions, as Neutron names them. Fields have actions of their own:
// "create_network:shared".
const (
	ActionCreateNetwork policy.Action = "create_network"
	ActionGetNetwork    policy.Action = "get_network"
	ActionUpdateNetwork policy.Action = "update_network"
	ActionDeleteNetwork policy.Action = "delete_network"

	ActionCreateSubnet policy.Action = "create_subnet"
	ActionGetSubnet    policy.Action = "get_subnet"
	ActionUpdateSubnet policy.Action = "update_subnet"
	ActionDeleteSubnet policy.Action = "delete_subnet"

	ActionCreatePort policy.Action = "create_port"
	ActionGetPort    policy.Action = "get_port"
	ActionUpdatePort policy.Action = "update_port"
	ActionDeletePort policy.Action = "delete_port"

	ActionGetQuota    policy.Action = "get_quota"
	ActionUpdateQuota policy.Action = "update_quota"
	ActionDeleteQuota policy.Action = "delete_quota"

	ActionGetAgent           policy.Action = "get_agent"
	ActionGetRouterAgents    policy.Action = "get_l3-agents"
	ActionGetZone            policy.Action = "get_availability_zone"
	ActionGetServiceProvider policy.Action = "get_service_provider"
	ActionGetIPAvailability  policy.Action = "get_network_ip_availability"
)

// Checks that several rules share.
const (
	onlyAdmin = "rule:context_is_admin"
	service   = "role:service"
	member    = "(role:member and project_id:%(project_id)s)"
	reader    = "(role:reader and project_id:%(project_id)s)"
	netMember = "(role:member and project_id:%(network:project_id)s)"
	netReader = "(role:reader and project_id:%(network:project_id)s)"
	byAdmin   = onlyAdmin + " or " + service

	adminOrMember    = onlyAdmin + " or " + member
	adminOrReader    = onlyAdmin + " or " + reader
	adminOrNetMember = onlyAdmin + " or " + netMember
)

// Policies gives the default rules.
func Policies() []policy.Rule {
	return slices.Concat([]policy.Rule{
		{Action: "context_is_admin", Check: "role:admin", Doc: "Who is an administrator."},
		{Action: "shared", Check: "field:networks:shared=True", Doc: "What all projects share."},
		{Action: "external", Check: "field:networks:router:external=True", Doc: "Networks that lead outside."},
		{Action: "external_network", Check: "field:subnets:router:external=True", Doc: "What is on a network that leads outside."},
		{Action: "network_device", Check: "field:port:device_owner=~^network:", Doc: "Ports of the service itself."},
	}, rulesFor("Create a network.", ActionCreateNetwork, adminOrMember),
		rulesFor("Set the field of a new network.", ActionCreateNetwork, onlyAdmin, "shared", "router:external", "is_default",
			"provider:network_type", "provider:physical_network", "provider:segmentation_id"),
		rulesFor("Set the field of a new network.", ActionCreateNetwork, adminOrMember, "port_security_enabled"),
		rulesFor("Show a network.", ActionGetNetwork, adminOrReader+" or "+service+" or rule:shared or rule:external"),
		rulesFor("Show the field of a network.", ActionGetNetwork, onlyAdmin, "provider:network_type", "provider:physical_network", "provider:segmentation_id"),
		rulesFor("Update a network.", ActionUpdateNetwork, adminOrMember),
		rulesFor("Update the field of a network.", ActionUpdateNetwork, onlyAdmin, "shared", "router:external", "is_default",
			"provider:network_type", "provider:physical_network", "provider:segmentation_id"),
		rulesFor("Update the field of a network.", ActionUpdateNetwork, adminOrMember, "port_security_enabled"),
		rulesFor("Delete a network.", ActionDeleteNetwork, adminOrMember),
		subnetRules(), portRules(), otherRules(), routingPolicies(), aliases())
}

func subnetRules() []policy.Rule {
	const change = adminOrMember + " or " + netMember
	return slices.Concat(
		rulesFor("Create a subnet.", ActionCreateSubnet, adminOrNetMember),
		rulesFor("Set the field of a new subnet.", ActionCreateSubnet, onlyAdmin, "service_types"),
		rulesFor("Show a subnet.", ActionGetSubnet, adminOrReader+" or "+netReader+" or "+service+" or rule:shared"),
		rulesFor("Update a subnet.", ActionUpdateSubnet, change),
		rulesFor("Update the field of a subnet.", ActionUpdateSubnet, onlyAdmin, "service_types"),
		rulesFor("Delete a subnet.", ActionDeleteSubnet, change))
}

func portRules() []policy.Rule {
	const (
		onNet  = byAdmin + " or " + netMember
		shared = onNet + " or rule:shared"
		owned  = byAdmin + " or " + member
	)
	return slices.Concat(
		rulesFor("Create a port.", ActionCreatePort, shared),
		rulesFor("Set the field of a new port.", ActionCreatePort, owned, "device_id", "binding:vnic_type"),
		rulesFor("Set the field of a new port.", ActionCreatePort, "not rule:network_device or "+onNet, "device_owner"),
		rulesFor("Set the field of a new port.", ActionCreatePort, onNet, "mac_address", "fixed_ips:ip_address", "port_security_enabled", "allowed_address_pairs"),
		rulesFor("Set the field of a new port.", ActionCreatePort, shared, "fixed_ips", "fixed_ips:subnet_id"),
		rulesFor("Set the field of a new port.", ActionCreatePort, byAdmin, "binding:host_id", "binding:profile"),
		rulesFor("Show a port.", ActionGetPort, byAdmin+" or "+netReader+" or "+reader),
		rulesFor("Show the field of a port.", ActionGetPort, byAdmin, "binding:vif_type", "binding:vif_details", "binding:host_id", "binding:profile"),
		rulesFor("Update a port.", ActionUpdatePort, owned),
		rulesFor("Update the field of a port.", ActionUpdatePort, owned, "device_id", "binding:vnic_type"),
		rulesFor("Update the field of a port.", ActionUpdatePort, "not rule:network_device or "+onNet, "device_owner"),
		rulesFor("Update the field of a port.", ActionUpdatePort, byAdmin+" or (role:manager and project_id:%(network:project_id)s)", "mac_address"),
		rulesFor("Update the field of a port.", ActionUpdatePort, onNet, "fixed_ips", "fixed_ips:ip_address", "port_security_enabled", "allowed_address_pairs"),
		rulesFor("Update the field of a port.", ActionUpdatePort, shared, "fixed_ips:subnet_id"),
		rulesFor("Update the field of a port.", ActionUpdatePort, byAdmin, "binding:host_id", "binding:profile"),
		rulesFor("Delete a port.", ActionDeletePort, owned+" or "+netMember))
}

func otherRules() []policy.Rule {
	return slices.Concat(
		rulesFor("Show the quotas of a project.", ActionGetQuota, adminOrReader),
		rulesFor("Set the quotas of a project.", ActionUpdateQuota, onlyAdmin),
		rulesFor("Make the default quotas hold again for a project.", ActionDeleteQuota, onlyAdmin),
		rulesFor("Show agents.", ActionGetAgent, onlyAdmin),
		rulesFor("Show the agents of a router.", ActionGetRouterAgents, onlyAdmin),
		rulesFor("Show availability zones.", ActionGetZone, "role:reader or "+byAdmin),
		rulesFor("Show service providers.", ActionGetServiceProvider, "role:reader or "+byAdmin),
		rulesFor("Show how many addresses of networks are used.", ActionGetIPAvailability, byAdmin))
}

// rulesFor gives the rule of an action, or, with fields, one for each of them.
func rulesFor(doc string, action policy.Action, check string, fields ...string) (all []policy.Rule) {
	scopes := []policy.Scope{policy.ScopeProject}
	if len(fields) == 0 {
		return []policy.Rule{{Action: action, Check: check, Scopes: scopes, Doc: doc}}
	}
	for _, f := range fields {
		all = append(all, policy.Rule{Action: action + policy.Action(":"+f), Check: check, Scopes: scopes, Doc: doc})
	}
	return all
}
