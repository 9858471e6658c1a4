package network

import (
	"slices"

	"github.com/cumulite/cumulite/platform/policy"
)

// The actions on routers that are not named after what is done to a resource.
const (
	ActionAddRouterInterface    policy.Action = "add_router_interface"
	ActionRemoveRouterInterface policy.Action = "remove_router_interface"
	ActionAddExtraRoutes        policy.Action = "add_extraroutes"
	ActionRemoveExtraRoutes     policy.Action = "remove_extraroutes"
)

// routingPolicies gives the default rules for security groups, routers and
// floating addresses.
func routingPolicies() []policy.Rule {
	const byManager = onlyAdmin + " or (role:manager and project_id:%(project_id)s)"
	all := slices.Concat(
		rulesFor("Add an interface to a router.", ActionAddRouterInterface, adminOrMember),
		rulesFor("Remove an interface from a router.", ActionRemoveRouterInterface, adminOrMember),
		rulesFor("Add routes to a router.", ActionAddExtraRoutes, adminOrMember),
		rulesFor("Remove routes from a router.", ActionRemoveExtraRoutes, adminOrMember),
		rulesFor("Choose the address of a floating IP.", floatingIPs.action("create"), byManager, "floating_ip_address"))
	for _, verb := range []string{"create", "update"} {
		all = slices.Concat(all,
			rulesFor("Set the gateway of a router.", routers.action(verb), adminOrMember, "external_gateway_info", "external_gateway_info:network_id"),
			rulesFor("Set how a router's gateway works.", routers.action(verb), onlyAdmin,
				"external_gateway_info:enable_snat", "external_gateway_info:external_fixed_ips"))
	}
	for noun, action := range map[string]func(verb string) policy.Action{
		"security group": groups.action, "security group rule": groupRules.action, "router": routers.action, "floating IP": floatingIPs.action,
	} {
		all = slices.Concat(all,
			rulesFor("Create a "+noun+".", action("create"), adminOrMember),
			rulesFor("Show a "+noun+".", action("get"), adminOrReader+" or "+service),
			rulesFor("Update a "+noun+".", action("update"), adminOrMember),
			rulesFor("Delete a "+noun+".", action("delete"), adminOrMember))
	}
	return all
}

// aliases are the rules that operators' own rules build on, by Neutron's names.
func aliases() []policy.Rule {
	return []policy.Rule{
		{Action: "admin_only", Check: onlyAdmin, Doc: "Administrators."},
		{Action: "service_api", Check: service, Doc: "Other services."},
		{Action: "regular_user", Check: "", Doc: "Everyone."},
		{Action: "owner", Check: "project_id:%(project_id)s", Doc: "The project that a resource is of."},
		{Action: "admin_or_owner", Check: "rule:context_is_admin or rule:owner", Doc: "Administrators, and the project that a resource is of."},
		{Action: "network_owner", Check: "project_id:%(network:project_id)s", Doc: "The project that the network around a resource is of."},
		{Action: "admin_or_network_owner", Check: "rule:context_is_admin or rule:network_owner", Doc: "Administrators, and the owner of the network."},
		{Action: "admin_owner_or_network_owner", Check: "rule:owner or rule:admin_or_network_owner", Doc: "Also the owner of the network."},
		{Action: "sg_owner", Check: "project_id:%(security_group:project_id)s", Doc: "The project that the group of a rule is of."},
		{Action: "admin_or_sg_owner", Check: "rule:context_is_admin or rule:sg_owner", Doc: "Administrators, and the owner of the group."},
		{Action: "admin_owner_or_sg_owner", Check: "rule:owner or rule:admin_or_sg_owner", Doc: "Also the owner of the group."},
	}
}
