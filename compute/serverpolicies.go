package compute

import (
	"maps"
	"slices"

	"github.com/cumulite/cumulite/platform/policy"
)

// The actions on servers and hosts, as Nova names them.
const (
	ActionServerIndex           policy.Action = "os_compute_api:servers:index"
	ActionServerDetail          policy.Action = "os_compute_api:servers:detail"
	ActionServerIndexAll        policy.Action = "os_compute_api:servers:index:get_all_tenants"
	ActionServerDetailAll       policy.Action = "os_compute_api:servers:detail:get_all_tenants"
	ActionServerAllFilters      policy.Action = "os_compute_api:servers:allow_all_filters"
	ActionServerShow            policy.Action = "os_compute_api:servers:show"
	ActionServerHostStatus      policy.Action = "os_compute_api:servers:show:host_status"
	ActionServerExtraSpecs      policy.Action = "os_compute_api:servers:show:flavor-extra-specs"
	ActionServerAttributes      policy.Action = "os_compute_api:os-extended-server-attributes"
	ActionServerCreate          policy.Action = "os_compute_api:servers:create"
	ActionServerForceHost       policy.Action = "os_compute_api:servers:create:forced_host"
	ActionServerChooseHost      policy.Action = "compute:servers:create:requested_destination"
	ActionServerAttachNetwork   policy.Action = "os_compute_api:servers:create:attach_network"
	ActionServerExternal        policy.Action = "network:attach_external_network"
	ActionServerZeroDisk        policy.Action = "os_compute_api:servers:create:zero_disk_flavor"
	ActionServerDelete          policy.Action = "os_compute_api:servers:delete"
	ActionServerUpdate          policy.Action = "os_compute_api:servers:update"
	ActionServerReboot          policy.Action = "os_compute_api:servers:reboot"
	ActionServerRebuild         policy.Action = "os_compute_api:servers:rebuild"
	ActionServerStart           policy.Action = "os_compute_api:servers:start"
	ActionServerStop            policy.Action = "os_compute_api:servers:stop"
	ActionServerPause           policy.Action = "os_compute_api:os-pause-server:pause"
	ActionServerUnpause         policy.Action = "os_compute_api:os-pause-server:unpause"
	ActionServerSuspend         policy.Action = "os_compute_api:os-suspend-server:suspend"
	ActionServerResume          policy.Action = "os_compute_api:os-suspend-server:resume"
	ActionServerLock            policy.Action = "os_compute_api:os-lock-server:lock"
	ActionServerUnlock          policy.Action = "os_compute_api:os-lock-server:unlock"
	ActionServerUnlockOther     policy.Action = "os_compute_api:os-lock-server:unlock:unlock_override"
	ActionServerReset           policy.Action = "os_compute_api:os-admin-actions:reset_state"
	ActionServerConsole         policy.Action = "os_compute_api:os-console-output"
	ActionServerTagIndex        policy.Action = "os_compute_api:os-server-tags:index"
	ActionServerTagShow         policy.Action = "os_compute_api:os-server-tags:show"
	ActionServerTagUpdate       policy.Action = "os_compute_api:os-server-tags:update"
	ActionServerTagUpdateAll    policy.Action = "os_compute_api:os-server-tags:update_all"
	ActionServerTagDelete       policy.Action = "os_compute_api:os-server-tags:delete"
	ActionServerTagDeleteAll    policy.Action = "os_compute_api:os-server-tags:delete_all"
	ActionServerMetaIndex       policy.Action = "os_compute_api:server-metadata:index"
	ActionServerMetaShow        policy.Action = "os_compute_api:server-metadata:show"
	ActionServerMetaCreate      policy.Action = "os_compute_api:server-metadata:create"
	ActionServerMetaUpdate      policy.Action = "os_compute_api:server-metadata:update"
	ActionServerMetaUpdateAll   policy.Action = "os_compute_api:server-metadata:update_all"
	ActionServerMetaDelete      policy.Action = "os_compute_api:server-metadata:delete"
	ActionServerAddressIndex    policy.Action = "os_compute_api:ips:index"
	ActionServerAddressShow     policy.Action = "os_compute_api:ips:show"
	ActionServerInterfaceList   policy.Action = "os_compute_api:os-attach-interfaces:list"
	ActionServerInterfaceShow   policy.Action = "os_compute_api:os-attach-interfaces:show"
	ActionServerInterfaceCreate policy.Action = "os_compute_api:os-attach-interfaces:create"
	ActionServerInterfaceDelete policy.Action = "os_compute_api:os-attach-interfaces:delete"
	ActionServerGroupsOfList    policy.Action = "os_compute_api:os-security-groups:list"
	ActionServerGroupsOfAdd     policy.Action = "os_compute_api:os-security-groups:add"
	ActionServerGroupsOfRemove  policy.Action = "os_compute_api:os-security-groups:remove"
	ActionSecurityGroupList     policy.Action = "os_compute_api:os-security-groups:get"
	ActionSecurityGroupShow     policy.Action = "os_compute_api:os-security-groups:show"
	ActionServiceList           policy.Action = "os_compute_api:os-services:list"
	ActionServiceUpdate         policy.Action = "os_compute_api:os-services:update"
	ActionServiceDelete         policy.Action = "os_compute_api:os-services:delete"
	ActionHypervisorList        policy.Action = "os_compute_api:os-hypervisors:list"
	ActionHypervisorDetail      policy.Action = "os_compute_api:os-hypervisors:list-detail"
	ActionHypervisorStatistics  policy.Action = "os_compute_api:os-hypervisors:statistics"
	ActionHypervisorShow        policy.Action = "os_compute_api:os-hypervisors:show"
	ActionHypervisorUptime      policy.Action = "os_compute_api:os-hypervisors:uptime"
	ActionHypervisorSearch      policy.Action = "os_compute_api:os-hypervisors:search"
	ActionHypervisorServers     policy.Action = "os_compute_api:os-hypervisors:servers"
	ActionZoneList              policy.Action = "os_compute_api:os-availability-zone:list"
	ActionZoneDetail            policy.Action = "os_compute_api:os-availability-zone:detail"
)

// The rules that most actions share, by Nova's names of them.
const (
	ruleMember        = "rule:project_member_or_admin" // of the server's project
	ruleProjectReader = "rule:project_reader_or_admin"
)

// sharedPolicies are the aliases that other rules refer to.
func sharedPolicies() []policy.Rule {
	return []policy.Rule{
		{Action: actionContextIsAdmin, Check: "role:admin", Doc: "Who is an administrator."},
		{Action: "project_member_api", Check: "role:member and project_id:%(project_id)s", Doc: "Members of the project."},
		{Action: "project_reader_api", Check: "role:reader and project_id:%(project_id)s", Doc: "Readers of the project."},
		{Action: "project_member_or_admin", Check: "rule:project_member_api or rule:context_is_admin", Doc: "Members of the project, and administrators."},
		{Action: "project_reader_or_admin", Check: "rule:project_reader_api or rule:context_is_admin", Doc: "Readers of the project, and administrators."},
	}
}

func serverPolicies() []policy.Rule {
	return slices.Concat(
		rules(ruleProjectReader, map[policy.Action]string{
			ActionServerIndex: "List servers.", ActionServerDetail: "List servers in detail.", ActionServerShow: "Show a server.",
			ActionServerExtraSpecs: "See the extra specs of servers' flavors.", ActionServerTagIndex: "List a server's tags.",
			ActionServerTagShow: "See whether a server has a tag.", ActionServerMetaIndex: "List a server's metadata.",
			ActionServerMetaShow: "Show an item of a server's metadata.", ActionServerAddressIndex: "List a server's addresses.",
			ActionServerAddressShow: "Show a server's addresses on a network.", ActionServerInterfaceList: "List a server's interfaces.",
			ActionServerInterfaceShow: "Show an interface of a server.", ActionServerGroupsOfList: "List a server's security groups.",
			ActionSecurityGroupList: "List security groups.", ActionSecurityGroupShow: "Show a security group.",
		}),
		rules(ruleMember, map[policy.Action]string{
			ActionServerCreate: "Create servers.", ActionServerAttachNetwork: "Create servers with networks.", ActionServerDelete: "Delete a server.",
			ActionServerUpdate: "Update a server.", ActionServerReboot: "Reboot a server.", ActionServerRebuild: "Rebuild a server.",
			ActionServerStart: "Start a server.", ActionServerStop: "Stop a server.", ActionServerPause: "Pause a server.",
			ActionServerUnpause: "Unpause a server.", ActionServerSuspend: "Suspend a server.", ActionServerResume: "Resume a server.",
			ActionServerLock: "Lock a server.", ActionServerUnlock: "Unlock a server that one locked.", ActionServerConsole: "Read a server's console.",
			ActionServerTagUpdate: "Add a tag to a server.", ActionServerTagUpdateAll: "Replace a server's tags.",
			ActionServerTagDelete: "Remove a tag of a server.", ActionServerTagDeleteAll: "Remove all tags of a server.",
			ActionServerMetaCreate: "Add items to a server's metadata.", ActionServerMetaUpdate: "Change an item of a server's metadata.",
			ActionServerMetaUpdateAll: "Replace a server's metadata.", ActionServerMetaDelete: "Remove an item of a server's metadata.",
			ActionServerInterfaceCreate: "Attach an interface to a server.", ActionServerInterfaceDelete: "Detach an interface of a server.",
			ActionServerGroupsOfAdd: "Give a server a security group.", ActionServerGroupsOfRemove: "Take a security group from a server.",
		}),
		rules(ruleAdmin, map[policy.Action]string{
			ActionServerIndexAll: "List the servers of all projects.", ActionServerDetailAll: "List the servers of all projects in detail.",
			ActionServerAllFilters: "Filter lists of servers by anything.", ActionServerHostStatus: "See the status of servers' hosts.",
			ActionServerAttributes: "See where servers are, and their user data.", ActionServerForceHost: "Create a server on a host, past the scheduler.",
			ActionServerChooseHost: "Create a server on a host.", ActionServerExternal: "Create a server on an external network.",
			ActionServerZeroDisk: "Create a server of a flavor without disk.", ActionServerUnlockOther: "Unlock a server that somebody else locked.",
			ActionServerReset: "Set the state of a server.",
		}),
	)
}

func hostPolicies() []policy.Rule {
	return slices.Concat(
		rules("@", map[policy.Action]string{ActionZoneList: "List availability zones."}),
		rules(ruleAdmin, map[policy.Action]string{
			ActionServiceList: "List compute services.", ActionServiceUpdate: "Enable, disable or fence a compute service.",
			ActionServiceDelete:  "Delete a compute service.",
			ActionHypervisorList: "List hypervisors.", ActionHypervisorDetail: "List hypervisors in detail.",
			ActionHypervisorStatistics: "Show what all hypervisors have.", ActionHypervisorShow: "Show a hypervisor.",
			ActionHypervisorUptime: "Show a hypervisor's uptime.", ActionHypervisorSearch: "Search hypervisors by name.",
			ActionHypervisorServers: "List the servers of hypervisors.", ActionZoneDetail: "List availability zones with their hosts.",
		}),
	)
}

// rules gives one rule for each action, all with the same check.
func rules(check string, docs map[policy.Action]string) []policy.Rule {
	list := make([]policy.Rule, 0, len(docs))
	for _, action := range slices.Sorted(maps.Keys(docs)) {
		list = append(list, policy.Rule{Action: action, Check: check, Scopes: []policy.Scope{policy.ScopeProject}, Doc: docs[action]})
	}
	return list
}
