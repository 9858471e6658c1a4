package computeapi

import (
	"github.com/cumulite/cumulite/compute"
	"github.com/cumulite/cumulite/platform/httpapi"
	"github.com/cumulite/cumulite/platform/quota"
)

func (h handler) limitRoutes() []httpapi.Route {
	return []httpapi.Route{
		{Method: "GET", Pattern: "/limits", Action: compute.ActionLimits, Query: limitQuery{}, Response: limitsBody{}, Handle: h.showLimits},
	}
}

type limitQuery struct {
	TenantID string `json:"tenant_id"`
	Reserved string `json:"reserved"` // was for what is reserved, of which there is nothing
}

type limitsBody struct {
	Limits struct {
		Rate     []string       `json:"rate"` // requests are not counted
		Absolute absoluteLimits `json:"absolute"`
	} `json:"limits"`
}

type absoluteLimits struct {
	Instances        int `json:"maxTotalInstances"`
	Cores            int `json:"maxTotalCores"`
	RAM              int `json:"maxTotalRAMSize"`
	Keypairs         int `json:"maxTotalKeypairs"`
	ServerMeta       int `json:"maxServerMeta"`
	ImageMeta        int `json:"maxImageMeta" until:"2.38"`
	ServerGroups     int `json:"maxServerGroups"`
	GroupMembers     int `json:"maxServerGroupMembers"`
	Files            int `json:"maxPersonality" until:"2.56"`
	FileBytes        int `json:"maxPersonalitySize" until:"2.56"`
	SecGroups        int `json:"maxSecurityGroups" until:"2.35"`
	SecRules         int `json:"maxSecurityGroupRules" until:"2.35"`
	FloatingIPs      int `json:"maxTotalFloatingIps" until:"2.35"`
	InstancesUsed    int `json:"totalInstancesUsed"`
	CoresUsed        int `json:"totalCoresUsed"`
	RAMUsed          int `json:"totalRAMUsed"`
	ServerGroupsUsed int `json:"totalServerGroupsUsed"`
	SecGroupsUsed    int `json:"totalSecurityGroupsUsed" until:"2.35"`
	FloatingIPsUsed  int `json:"totalFloatingIpsUsed" until:"2.35"`
}

func (h handler) showLimits(r *httpapi.Request) (any, error) {
	u, err := h.compute.Limits(r.Ctx(), r.Params().Get("tenant_id"))
	if err != nil {
		return nil, err
	}
	var out limitsBody
	out.Limits.Absolute = absoluteLimits{
		Instances: u["instances"].Limit, Cores: u["cores"].Limit, RAM: u["ram"].Limit, Keypairs: u["key_pairs"].Limit,
		ServerMeta: u["metadata_items"].Limit, ImageMeta: u["metadata_items"].Limit,
		ServerGroups: u["server_groups"].Limit, GroupMembers: u["server_group_members"].Limit,
		Files: u["injected_files"].Limit, FileBytes: u["injected_file_content_bytes"].Limit,
		SecGroups: quota.Unlimited, SecRules: quota.Unlimited, FloatingIPs: quota.Unlimited,
		InstancesUsed: u["instances"].Used, CoresUsed: u["cores"].Used, RAMUsed: u["ram"].Used, ServerGroupsUsed: u["server_groups"].Used,
	}
	return out, nil
}
