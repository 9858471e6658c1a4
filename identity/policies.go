package identity

import (
	"slices"

	"github.com/cumulite/cumulite/platform/policy"
)

// The actions, as Keystone names them.
const (
	ActionGetDomain    policy.Action = "identity:get_domain"
	ActionListDomains  policy.Action = "identity:list_domains"
	ActionCreateDomain policy.Action = "identity:create_domain"
	ActionUpdateDomain policy.Action = "identity:update_domain"
	ActionDeleteDomain policy.Action = "identity:delete_domain"

	ActionGetProject    policy.Action = "identity:get_project"
	ActionListProjects  policy.Action = "identity:list_projects"
	ActionCreateProject policy.Action = "identity:create_project"
	ActionUpdateProject policy.Action = "identity:update_project"
	ActionDeleteProject policy.Action = "identity:delete_project"

	ActionGetUser    policy.Action = "identity:get_user"
	ActionListUsers  policy.Action = "identity:list_users"
	ActionCreateUser policy.Action = "identity:create_user"
	ActionUpdateUser policy.Action = "identity:update_user"
	ActionDeleteUser policy.Action = "identity:delete_user"

	ActionGetRole       policy.Action = "identity:get_role"
	ActionListRoles     policy.Action = "identity:list_roles"
	ActionCreateRole    policy.Action = "identity:create_role"
	ActionUpdateRole    policy.Action = "identity:update_role"
	ActionDeleteRole    policy.Action = "identity:delete_role"
	ActionListImplied   policy.Action = "identity:list_implied_roles"
	ActionCreateImplied policy.Action = "identity:create_implied_role"
	ActionDeleteImplied policy.Action = "identity:delete_implied_role"

	ActionCheckGrant        policy.Action = "identity:check_grant"
	ActionCreateGrant       policy.Action = "identity:create_grant"
	ActionRevokeGrant       policy.Action = "identity:revoke_grant"
	ActionCheckSystemGrant  policy.Action = "identity:check_system_grant_for_user"
	ActionCreateSystemGrant policy.Action = "identity:create_system_grant_for_user"
	ActionRevokeSystemGrant policy.Action = "identity:revoke_system_grant_for_user"

	ActionListGrants          policy.Action = "identity:list_grants"
	ActionListSystemGrants    policy.Action = "identity:list_system_grants_for_user"
	ActionListAssignments     policy.Action = "identity:list_role_assignments"
	ActionListAssignmentsTree policy.Action = "identity:list_role_assignments_for_tree"
	ActionListUserProjects    policy.Action = "identity:list_user_projects"

	ActionValidateToken policy.Action = "identity:validate_token"
	ActionCheckToken    policy.Action = "identity:check_token"
	ActionRevokeToken   policy.Action = "identity:revoke_token"

	ActionAuthProjects policy.Action = "identity:get_auth_projects"
	ActionAuthDomains  policy.Action = "identity:get_auth_domains"
	ActionAuthSystem   policy.Action = "identity:get_auth_system"
	ActionAuthCatalog  policy.Action = "identity:get_auth_catalog"

	ActionGetRegion    policy.Action = "identity:get_region"
	ActionListRegions  policy.Action = "identity:list_regions"
	ActionCreateRegion policy.Action = "identity:create_region"
	ActionUpdateRegion policy.Action = "identity:update_region"
	ActionDeleteRegion policy.Action = "identity:delete_region"

	ActionGetService    policy.Action = "identity:get_service"
	ActionListServices  policy.Action = "identity:list_services"
	ActionCreateService policy.Action = "identity:create_service"
	ActionUpdateService policy.Action = "identity:update_service"
	ActionDeleteService policy.Action = "identity:delete_service"

	ActionGetEndpoint    policy.Action = "identity:get_endpoint"
	ActionListEndpoints  policy.Action = "identity:list_endpoints"
	ActionCreateEndpoint policy.Action = "identity:create_endpoint"
	ActionUpdateEndpoint policy.Action = "identity:update_endpoint"
	ActionDeleteEndpoint policy.Action = "identity:delete_endpoint"
)

// Checks that several rules share.
const (
	admin          = "rule:admin_required"
	tokenSubject   = "rule:token_subject"
	systemReader   = "rule:admin_required or (role:reader and system_scope:all)"
	listed         = systemReader + " or (role:reader and domain_id:%(target.domain_id)s)"
	seesProject    = systemReader + " or (role:reader and domain_id:%(target.project.domain_id)s) or project_id:%(target.project.id)s"
	managesProject = "rule:admin_required or (role:manager and domain_id:%(target.project.domain_id)s)"
	managesUser    = "rule:admin_required or (role:manager and token.domain.id:%(target.user.domain_id)s)"
	seesGrant      = systemReader + " or (role:reader and domain_id:%(target.user.domain_id)s and (domain_id:%(target.project.domain_id)s or domain_id:%(target.domain.id)s))"
	managesGrant   = "rule:admin_required or (role:manager and domain_id:%(target.user.domain_id)s and rule:domain_managed_target_role and " +
		"(domain_id:%(target.project.domain_id)s or domain_id:%(target.domain.id)s))"
)

// Policies gives the default rules.
func Policies() []policy.Rule {
	rules := []policy.Rule{
		{Action: "admin_required", Check: "role:admin", Doc: "Who is an administrator."},
		{Action: "domain_managed_target_role", Check: "'manager':%(target.role.name)s or 'member':%(target.role.name)s or 'reader':%(target.role.name)s",
			Doc: "The roles that a manager of a domain may give and take."},
		{Action: "service_role", Check: "role:service or token.roles:service", Doc: "Who speaks for a service, this cloud's or another."},
		{Action: "service_or_admin", Check: "rule:admin_required or rule:service_role", Doc: "Administrators and services."},
		{Action: "owner", Check: "user_id:%(user_id)s", Doc: "Who it belongs to."},
		{Action: "admin_or_owner", Check: "rule:admin_required or rule:owner", Doc: "Administrators and owners."},
		{Action: "token_subject", Check: "user_id:%(target.token.user_id)s", Doc: "Whose token it is."},
		{Action: "admin_or_token_subject", Check: "rule:admin_required or rule:token_subject", Doc: "Administrators and whose token it is."},
		{Action: "service_admin_or_token_subject", Check: "rule:service_or_admin or rule:token_subject", Doc: "Services, administrators and whose token it is."},
		{Action: ActionGetDomain, Check: systemReader + " or token.domain.id:%(target.domain.id)s or token.project.domain.id:%(target.domain.id)s", Doc: "Show a domain."},
		{Action: ActionListDomains, Check: listed, Doc: "List domains."},
		{Action: ActionGetProject, Check: seesProject, Doc: "Show a project."},
		{Action: ActionListProjects, Check: listed, Doc: "List projects."},
		{Action: ActionGetUser, Check: systemReader + " or (role:reader and token.domain.id:%(target.user.domain_id)s) or user_id:%(target.user.id)s", Doc: "Show a user."},
		{Action: ActionListUsers, Check: listed, Doc: "List users."},
		{Action: ActionGetRole, Check: systemReader + " or (role:manager and rule:domain_managed_target_role)", Doc: "Show a role."},
		{Action: ActionListRoles, Check: systemReader + " or (role:manager and not domain_id:None)", Doc: "List roles."},
		{Action: ActionListImplied, Check: systemReader, Doc: "List what roles imply."},
		{Action: ActionCheckSystemGrant, Check: systemReader, Doc: "Check a role assignment on the system."},
		{Action: ActionListSystemGrants, Check: systemReader, Doc: "List a user's roles on the system."},
		{Action: ActionListAssignments, Check: listed, Doc: "List role assignments."},
		{Action: ActionListAssignmentsTree, Check: listed, Doc: "List role assignments on a project and those below it."},
		{Action: ActionListUserProjects, Check: systemReader + " or (role:reader and domain_id:%(target.user.domain_id)s) or user_id:%(target.user.id)s",
			Doc: "List the projects in which a user has a role."},
		{Action: ActionValidateToken, Check: systemReader + " or rule:service_role or " + tokenSubject, Doc: "Show a token."},
		{Action: ActionCheckToken, Check: systemReader + " or " + tokenSubject, Doc: "Check a token."},
		{Action: ActionRevokeToken, Check: admin + " or " + tokenSubject, Doc: "Revoke a token."},
	}
	return slices.Concat(rules,
		same(admin, "For administrators.", ActionCreateDomain, ActionUpdateDomain, ActionDeleteDomain, ActionCreateRole, ActionUpdateRole, ActionDeleteRole,
			ActionCreateImplied, ActionDeleteImplied, ActionCreateSystemGrant, ActionRevokeSystemGrant, ActionCreateRegion, ActionUpdateRegion, ActionDeleteRegion,
			ActionCreateService, ActionUpdateService, ActionDeleteService, ActionCreateEndpoint, ActionUpdateEndpoint, ActionDeleteEndpoint),
		same("", "For everyone with a token.", ActionGetRegion, ActionListRegions, ActionAuthProjects, ActionAuthDomains, ActionAuthSystem, ActionAuthCatalog),
		same(systemReader, "For administrators and readers of the system.", ActionGetService, ActionListServices, ActionGetEndpoint, ActionListEndpoints),
		same(seesGrant, "For administrators and the readers of the system or the domain.", ActionCheckGrant, ActionListGrants),
		same(managesProject, "For administrators and the managers of the domain.", ActionCreateProject, ActionUpdateProject, ActionDeleteProject),
		same(managesUser, "For administrators and the managers of the domain.", ActionCreateUser, ActionUpdateUser, ActionDeleteUser),
		same(managesGrant, "For administrators and the managers of the domain.", ActionCreateGrant, ActionRevokeGrant),
		tagPolicies())
}

// same gives several actions one rule.
func same(check, doc string, actions ...policy.Action) []policy.Rule {
	rules := make([]policy.Rule, len(actions))
	for i, a := range actions {
		rules[i] = policy.Rule{Action: a, Check: check, Doc: doc}
	}
	return rules
}
