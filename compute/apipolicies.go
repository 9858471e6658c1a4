package compute

import (
	"slices"

	"github.com/cumulite/cumulite/platform/policy"
)

// The actions on groups, quotas, usage and the record of actions, as Nova names them.
const (
	ActionServerGroupCreate  policy.Action = "os_compute_api:os-server-groups:create"
	ActionServerGroupDelete  policy.Action = "os_compute_api:os-server-groups:delete"
	ActionServerGroupList    policy.Action = "os_compute_api:os-server-groups:index"
	ActionServerGroupListAll policy.Action = "os_compute_api:os-server-groups:index:all_projects"
	ActionServerGroupShow    policy.Action = "os_compute_api:os-server-groups:show"
	ActionActionsList        policy.Action = "os_compute_api:os-instance-actions:list"
	ActionActionsShow        policy.Action = "os_compute_api:os-instance-actions:show"
	ActionActionsEvents      policy.Action = "os_compute_api:os-instance-actions:events"
	ActionActionsDetails     policy.Action = "os_compute_api:os-instance-actions:events:details"
	ActionQuotaShow          policy.Action = "os_compute_api:os-quota-sets:show"
	ActionQuotaDetail        policy.Action = "os_compute_api:os-quota-sets:detail"
	ActionQuotaDefaults      policy.Action = "os_compute_api:os-quota-sets:defaults"
	ActionQuotaUpdate        policy.Action = "os_compute_api:os-quota-sets:update"
	ActionQuotaDelete        policy.Action = "os_compute_api:os-quota-sets:delete"
	ActionQuotaClassShow     policy.Action = "os_compute_api:os-quota-class-sets:show"
	ActionQuotaClassUpdate   policy.Action = "os_compute_api:os-quota-class-sets:update"
	ActionLimits             policy.Action = "os_compute_api:limits"
	ActionLimitsOther        policy.Action = "os_compute_api:limits:other_project"
	ActionUsageShow          policy.Action = "os_compute_api:os-simple-tenant-usage:show"
	ActionUsageList          policy.Action = "os_compute_api:os-simple-tenant-usage:list"
	ActionAggregateList      policy.Action = "os_compute_api:os-aggregates:index"
	ActionExtensions         policy.Action = "os_compute_api:extensions"
)

// apiPolicies gives their default rules.
func apiPolicies() []policy.Rule {
	return slices.Concat(
		rules("@", map[policy.Action]string{
			ActionQuotaDefaults: "Show the default limits.", ActionLimits: "Show the limits of one's own project.", ActionExtensions: "List and show extensions.",
		}),
		rules(ruleProjectReader, map[policy.Action]string{
			ActionServerGroupList: "List server groups.", ActionServerGroupShow: "Show a server group.", ActionActionsList: "List what was asked of a server.",
			ActionActionsShow: "Show what was asked of a server.", ActionQuotaShow: "Show the limits of a project.",
			ActionQuotaDetail: "Show the limits of a project and what it uses.", ActionUsageShow: "Show what a project used.",
		}),
		rules(ruleMember, map[policy.Action]string{ActionServerGroupCreate: "Create a server group.", ActionServerGroupDelete: "Delete a server group."}),
		rules(ruleAdmin, map[policy.Action]string{
			ActionServerGroupListAll: "List the server groups of all projects.", ActionActionsEvents: "Show on which host a step of an action was done, and before 2.51 the steps.",
			ActionActionsDetails: "Show why a step of an action failed.", ActionQuotaUpdate: "Change the limits of a project.",
			ActionQuotaDelete: "Give a project the default limits.", ActionQuotaClassShow: "Show the limits of a quota class.",
			ActionQuotaClassUpdate: "Change the limits of a quota class.", ActionLimitsOther: "Show the limits of another project.",
			ActionUsageList: "List what all projects used.", ActionAggregateList: "List host aggregates.",
		}),
	)
}
