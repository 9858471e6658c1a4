package image

import "github.com/cumulite/cumulite/platform/policy"

// The actions on images, as Glance names them.
const (
	ActionAdd        policy.Action = "add_image"
	ActionGet        policy.Action = "get_image"
	ActionList       policy.Action = "get_images"
	ActionModify     policy.Action = "modify_image"
	ActionDelete     policy.Action = "delete_image"
	ActionPublicize  policy.Action = "publicize_image"
	ActionCommunize  policy.Action = "communitize_image"
	ActionUpload     policy.Action = "upload_image"
	ActionDownload   policy.Action = "download_image"
	ActionDeactivate policy.Action = "deactivate"
	ActionReactivate policy.Action = "reactivate"
)

// Policies gives the default rules.
func Policies() []policy.Rule {
	const (
		admin  = "rule:context_is_admin"
		member = "rule:context_is_admin or (role:member and project_id:%(project_id)s)"
		seen   = "rule:context_is_admin or role:service or (role:reader and (project_id:%(project_id)s or 'public':%(visibility)s or 'community':%(visibility)s))"
	)
	project := []policy.Scope{policy.ScopeProject}
	return []policy.Rule{
		{Action: "context_is_admin", Check: "role:admin", Doc: "Who is an administrator."},
		{Action: ActionAdd, Check: member, Scopes: project, Doc: "Create an image."},
		{Action: ActionGet, Check: seen, Scopes: project, Doc: "Show an image."},
		{Action: ActionList, Check: "rule:context_is_admin or role:service or role:reader", Scopes: project, Doc: "List images."},
		{Action: ActionModify, Check: member, Scopes: project, Doc: "Update an image."},
		{Action: ActionDelete, Check: member, Scopes: project, Doc: "Delete an image."},
		{Action: ActionPublicize, Check: admin, Scopes: project, Doc: "Make an image public."},
		{Action: ActionCommunize, Check: member, Scopes: project, Doc: "Make an image a community image."},
		{Action: ActionUpload, Check: member, Scopes: project, Doc: "Upload the bytes of an image."},
		{Action: ActionDownload, Check: seen, Scopes: project, Doc: "Download the bytes of an image."},
		{Action: ActionDeactivate, Check: member, Scopes: project, Doc: "Deactivate an image."},
		{Action: ActionReactivate, Check: member, Scopes: project, Doc: "Reactivate an image."},
	}
}
