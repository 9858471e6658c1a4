package networkapi

import (
	"github.com/cumulite/cumulite/platform/errs"
	"github.com/cumulite/cumulite/platform/httpapi"
)

// extension is a part of the API beyond its core, by which clients find out
// what is there.
type extension struct {
	Name        string `json:"name"`
	Alias       string `json:"alias"`
	Description string `json:"description"`
	Updated     string `json:"updated"`
	Links       []link `json:"links"`
}

type extensionBody struct {
	Extension extension `json:"extension"`
}

type extensionList struct {
	Extensions []extension `json:"extensions"`
}

// extensions are those that are served whole.
var extensions = []extension{
	{Alias: "agent", Name: "agent", Updated: "2013-02-03T10:00:00-00:00", Description: "The agents of hosts."},
	{Alias: "allowed-address-pairs", Name: "Allowed Address Pairs", Updated: "2013-07-23T10:00:00-00:00", Description: "More addresses that a port may send from."},
	{Alias: "availability_zone", Name: "Availability Zone", Updated: "2015-01-01T10:00:00-00:00", Description: "The zones that networks and routers can be in."},
	{Alias: "binding", Name: "Port Binding", Updated: "2014-02-03T10:00:00-00:00", Description: "The host of a port, and how it is plugged in there."},
	{Alias: "dns-integration", Name: "DNS Integration", Updated: "2015-08-15T18:00:00-00:00", Description: "Names of ports and floating IPs."},
	{Alias: "empty-string-filtering", Name: "Empty String Filtering Extension", Updated: "2018-05-01T10:00:00-00:00", Description: "Filters of lists with an empty value."},
	{Alias: "ext-gw-mode", Name: "Neutron L3 Configurable external gateway mode", Updated: "2013-03-28T10:00:00-00:00", Description: "Routers with and without source NAT."},
	{Alias: "external-net", Name: "Neutron external network", Updated: "2013-01-14T10:00:00-00:00", Description: "Networks that lead outside."},
	{Alias: "extra_dhcp_opt", Name: "Neutron Extra DHCP options", Updated: "2013-03-17T12:00:00-00:00", Description: "DHCP options of a port."},
	{Alias: "extraroute", Name: "Neutron Extra Route", Updated: "2013-02-01T10:00:00-00:00", Description: "Routes of a router."},
	{Alias: "extraroute-atomic", Name: "Atomically add/remove extra routes", Updated: "2019-07-10T00:00:00+00:00", Description: "Adding and removing single routes of a router."},
	{Alias: "filter-validation", Name: "Filter parameters validation", Updated: "2018-07-04T10:00:00-00:00", Description: "Unknown filters of lists are refused."},
	{Alias: "fip-port-details", Name: "Floating IP Port Details Extension", Updated: "2018-04-09T10:00:00-00:00", Description: "What a floating IP leads to."},
	{Alias: "ip-substring-filtering", Name: "IP address substring filtering", Updated: "2017-11-28T09:00:00-00:00", Description: "Ports by a part of their address."},
	{Alias: "net-mtu", Name: "Network MTU", Updated: "2015-03-25T10:00:00-00:00", Description: "The largest packets of a network."},
	{Alias: "net-mtu-writable", Name: "Network MTU (writable)", Updated: "2017-07-12T00:00:00-00:00", Description: "Changing the largest packets of a network."},
	{Alias: "network-ip-availability", Name: "Network IP Availability", Updated: "2015-09-24T00:00:00-00:00", Description: "How many addresses of networks are used."},
	{Alias: "network_availability_zone", Name: "Network Availability Zone", Updated: "2015-01-01T10:00:00-00:00", Description: "The zones of a network."},
	{Alias: "pagination", Name: "Pagination support", Updated: "2016-06-12T00:00:00-00:00", Description: "Lists in pages."},
	{Alias: "port-security", Name: "Port Security", Updated: "2012-07-23T10:00:00-00:00", Description: "Ports without filters."},
	{Alias: "project-id", Name: "project_id field enabled", Updated: "2016-09-09T09:09:09-09:09", Description: "project_id beside tenant_id."},
	{Alias: "provider", Name: "Provider Network", Updated: "2012-09-07T10:00:00-00:00", Description: "How a network is told apart on the wire."},
	{Alias: "quota-check-limit", Name: "Quota engine limit check", Updated: "2021-09-08T16:00:00-00:00", Description: "Refusing quotas below what is used."},
	{Alias: "quota_details", Name: "Quota details management support", Updated: "2017-02-10T10:00:00-00:00", Description: "How much of the quotas is used."},
	{Alias: "quotas", Name: "Quota management support", Updated: "2012-07-29T10:00:00-00:00", Description: "How much a project may have."},
	{Alias: "revision-if-match", Name: "If-Match constraints based on revision_number", Updated: "2016-12-11T00:00:00-00:00", Description: "Changes of one revision only."},
	{Alias: "router", Name: "Neutron L3 Router", Updated: "2012-07-20T10:00:00-00:00", Description: "Routers and floating IPs."},
	{Alias: "router_availability_zone", Name: "Router Availability Zone", Updated: "2015-01-01T10:00:00-00:00", Description: "The zones of a router."},
	{Alias: "security-group", Name: "security-group", Updated: "2012-10-05T10:00:00-00:00", Description: "Security groups and their rules."},
	{Alias: "security-groups-normalized-cidr", Name: "Normalized CIDR field for security group rules", Updated: "2020-07-28T10:00:00-00:00", Description: "The prefix of a rule as it is applied."},
	{Alias: "service-type", Name: "Neutron Service Type Management", Updated: "2013-01-20T00:00:00-00:00", Description: "Who provides the routers."},
	{Alias: "sorting", Name: "Sorting support", Updated: "2016-06-12T00:00:00-00:00", Description: "Lists in an order that is asked for."},
	{Alias: "standard-attr-description", Name: "standard-attr-description", Updated: "2016-02-10T10:00:00-00:00", Description: "Descriptions of resources."},
	{Alias: "standard-attr-revisions", Name: "Resource revision numbers", Updated: "2016-04-11T10:00:00-00:00", Description: "Revisions of resources."},
	{Alias: "standard-attr-tag", Name: "Tag support for resources with standard attribute: floatingip, network, port, router, security_group, subnet", Updated: "2017-01-01T00:00:00-00:00", Description: "Tags of resources."},
	{Alias: "standard-attr-timestamp", Name: "Resource timestamps", Updated: "2016-09-12T10:00:00-00:00", Description: "When resources were made and changed."},
	{Alias: "stateful-security-group", Name: "Stateful security group", Updated: "2019-11-26T09:00:00-00:00", Description: "Security groups that do not follow connections."},
	{Alias: "subnet-service-types", Name: "Subnet service types", Updated: "2016-03-15T18:00:00-00:00", Description: "Subnets for some kinds of ports only."},
}

func extensionRows() []httpapi.Route {
	return []httpapi.Route{
		{Method: "GET", Pattern: "/extensions", Action: httpapi.Authenticated, Response: extensionList{}, Handle: listExtensions},
		{Method: "GET", Pattern: "/extensions/{alias}", Action: httpapi.Authenticated, Response: extensionBody{}, Handle: showExtension},
	}
}

func listExtensions(*httpapi.Request) (any, error) { return extensionList{extensions}, nil }

func showExtension(r *httpapi.Request) (any, error) {
	alias := r.PathValue("alias")
	for _, e := range extensions {
		if e.Alias == alias {
			return extensionBody{e}, nil
		}
	}
	return nil, errs.NotFoundf("Extension with alias %.255s does not exist", alias)
}
