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
