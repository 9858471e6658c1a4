package compute

import (
	"slices"

	"github.com/cumulite/cumulite/platform/policy"
)

// The actions on flavors and keypairs, as Nova names them.
const (
	ActionFlavorsList        policy.Action = "os_compute_api:flavors" // Nova has no rule of its own here
	ActionFlavorCreate       policy.Action = "os_compute_api:os-flavor-manage:create"
	ActionFlavorUpdate       policy.Action = "os_compute_api:os-flavor-manage:update"
	ActionFlavorDelete       policy.Action = "os_compute_api:os-flavor-manage:delete"
	ActionFlavorAccess       policy.Action = "os_compute_api:os-flavor-access"
	ActionFlavorAccessAdd    policy.Action = "os_compute_api:os-flavor-access:add_tenant_access"
	ActionFlavorAccessRemove policy.Action = "os_compute_api:os-flavor-access:remove_tenant_access"
	ActionExtraSpecsList     policy.Action = "os_compute_api:os-flavor-extra-specs:index"
	ActionExtraSpecsShow     policy.Action = "os_compute_api:os-flavor-extra-specs:show"
	ActionExtraSpecsCreate   policy.Action = "os_compute_api:os-flavor-extra-specs:create"
	ActionExtraSpecsUpdate   policy.Action = "os_compute_api:os-flavor-extra-specs:update"
	ActionExtraSpecsDelete   policy.Action = "os_compute_api:os-flavor-extra-specs:delete"
	ActionKeypairList        policy.Action = "os_compute_api:os-keypairs:index"
	ActionKeypairShow        policy.Action = "os_compute_api:os-keypairs:show"
	ActionKeypairCreate      policy.Action = "os_compute_api:os-keypairs:create"
	ActionKeypairDelete      policy.Action = "os_compute_api:os-keypairs:delete"
	ruleAdmin                              = "rule:context_is_admin"
	ruleOwnUser                            = "rule:context_is_admin or user_id:%(user_id)s"
	ruleReader                             = "rule:context_is_admin or role:reader"
	actionContextIsAdmin     policy.Action = "context_is_admin"
)

// Policies gives the default rules.
func Policies() []policy.Rule {
	return slices.Concat(sharedPolicies(), flavorPolicies(), serverPolicies(), hostPolicies(), apiPolicies())
}

func flavorPolicies() []policy.Rule {
	project := []policy.Scope{policy.ScopeProject}
	return []policy.Rule{
		{Action: ActionFlavorsList, Check: "@", Scopes: project, Doc: "List and show flavors."},
		{Action: ActionFlavorCreate, Check: ruleAdmin, Scopes: project, Doc: "Create a flavor."},
		{Action: ActionFlavorUpdate, Check: ruleAdmin, Scopes: project, Doc: "Update a flavor's description."},
		{Action: ActionFlavorDelete, Check: ruleAdmin, Scopes: project, Doc: "Delete a flavor."},
		{Action: ActionFlavorAccess, Check: ruleAdmin, Scopes: project, Doc: "List which projects have access to a flavor."},
		{Action: ActionFlavorAccessAdd, Check: ruleAdmin, Scopes: project, Doc: "Give a project access to a flavor."},
		{Action: ActionFlavorAccessRemove, Check: ruleAdmin, Scopes: project, Doc: "Take a project's access to a flavor."},
		{Action: ActionExtraSpecsList, Check: ruleReader, Scopes: project, Doc: "List a flavor's extra specs."},
		{Action: ActionExtraSpecsShow, Check: ruleReader, Scopes: project, Doc: "Show an extra spec of a flavor."},
		{Action: ActionExtraSpecsCreate, Check: ruleAdmin, Scopes: project, Doc: "Set extra specs of a flavor."},
		{Action: ActionExtraSpecsUpdate, Check: ruleAdmin, Scopes: project, Doc: "Change an extra spec of a flavor."},
		{Action: ActionExtraSpecsDelete, Check: ruleAdmin, Scopes: project, Doc: "Remove an extra spec of a flavor."},
		{Action: ActionKeypairList, Check: ruleOwnUser, Scopes: project, Doc: "List a user's keypairs."},
		{Action: ActionKeypairShow, Check: ruleOwnUser, Scopes: project, Doc: "Show a keypair."},
		{Action: ActionKeypairCreate, Check: ruleOwnUser, Scopes: project, Doc: "Import or generate a keypair."},
		{Action: ActionKeypairDelete, Check: ruleOwnUser, Scopes: project, Doc: "Delete a keypair."},
	}
}
