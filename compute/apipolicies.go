package compute

import "github.com/cumulite/cumulite/platform/policy"

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
	ActionExtensions         policy.Action = "os_compute_api:extensions"
)

// apiPolicies gives their default rules.
func apiPolicies() []policy.Rule {
	const member, reader = "rule:context_is_admin or (role:member and project_id:%(project_id)s)", "rule:context_is_admin or (role:reader and project_id:%(project_id)s)"
	project := []policy.Scope{policy.ScopeProject}
	return []policy.Rule{
		{Action: ActionServerGroupCreate, Check: member, Scopes: project, Doc: "Create a server group."},
		{Action: ActionServerGroupDelete, Check: member, Scopes: project, Doc: "Delete a server group."},
		{Action: ActionServerGroupList, Check: reader, Scopes: project, Doc: "List server groups."},
		{Action: ActionServerGroupListAll, Check: ruleAdmin, Scopes: project, Doc: "List the server groups of all projects."},
		{Action: ActionServerGroupShow, Check: reader, Scopes: project, Doc: "Show a server group."},
		{Action: ActionActionsList, Check: reader, Scopes: project, Doc: "List what was asked of a server."},
		{Action: ActionActionsShow, Check: reader, Scopes: project, Doc: "Show what was asked of a server."},
		{Action: ActionActionsEvents, Check: ruleAdmin, Scopes: project, Doc: "Show on which host a step of an action was done, and before 2.51 the steps."},
		{Action: ActionActionsDetails, Check: ruleAdmin, Scopes: project, Doc: "Show why a step of an action failed."},
		{Action: ActionQuotaShow, Check: reader, Scopes: project, Doc: "Show the limits of a project."},
		{Action: ActionQuotaDetail, Check: reader, Scopes: project, Doc: "Show the limits of a project and what it uses."},
		{Action: ActionQuotaDefaults, Check: "@", Scopes: project, Doc: "Show the default limits."},
		{Action: ActionQuotaUpdate, Check: ruleAdmin, Scopes: project, Doc: "Change the limits of a project."},
		{Action: ActionQuotaDelete, Check: ruleAdmin, Scopes: project, Doc: "Give a project the default limits."},
		{Action: ActionQuotaClassShow, Check: ruleAdmin, Scopes: project, Doc: "Show the limits of a quota class."},
		{Action: ActionQuotaClassUpdate, Check: ruleAdmin, Scopes: project, Doc: "Change the limits of a quota class."},
		{Action: ActionLimits, Check: "@", Scopes: project, Doc: "Show the limits of one's own project."},
		{Action: ActionLimitsOther, Check: ruleAdmin, Scopes: project, Doc: "Show the limits of another project."},
		{Action: ActionUsageShow, Check: reader, Scopes: project, Doc: "Show what a project used."},
		{Action: ActionUsageList, Check: ruleAdmin, Scopes: project, Doc: "List what all projects used."},
		{Action: ActionExtensions, Check: "@", Scopes: project, Doc: "List and show extensions."},
	}
}
