package networkapi

import (
	"context"

	"github.com/cumulite/cumulite/network"
	"github.com/cumulite/cumulite/platform/httpapi"
)

type groupView struct {
	standard
	Name     string `json:"name"`
	Stateful bool   `json:"stateful"`
	Shared   bool   `json:"shared"`
	Rules    []any  `json:"security_group_rules"`
}

type newGroup struct {
	given
	owner
	Rules       any                       `json:"security_group_rules" api:"readonly"`
	Name        string                    `json:"name" api:"max=255"`
	Description string                    `json:"description" api:"max=255"`
	Stateful    httpapi.Optional[boolean] `json:"stateful"`
}

func (in *newGroup) domain() (network.CreateSecurityGroup, error) {
	project, err := in.projectID()
	return network.CreateSecurityGroup{ProjectID: project, Name: in.Name, Description: in.Description, Stateful: (*bool)(in.Stateful.Ptr())}, err
}

type changedGroup struct {
	given
	kept
	Rules       any                       `json:"security_group_rules" api:"readonly"`
	Name        httpapi.Optional[string]  `json:"name" api:"max=255"`
	Description httpapi.Optional[string]  `json:"description" api:"max=255"`
	Stateful    httpapi.Optional[boolean] `json:"stateful"`
}

func (in *changedGroup) domain() (network.UpdateSecurityGroup, error) {
	return network.UpdateSecurityGroup{Name: in.Name.Ptr(), Description: in.Description.Ptr(), Stateful: (*bool)(in.Stateful.Ptr())}, nil
}

func (h handler) groupRows() []httpapi.Route {
	k := &resource[network.SecurityGroup, newGroup, changedGroup]{
		one: "security_group", many: "security_groups", path: "/security-groups",
		filters: []string{"name", "stateful"},
		view:    groupView{}, show: showGroup, id: func(g *network.SecurityGroup) string { return g.ID },
		get: h.networks.GetSecurityGroup, list: h.networks.ListSecurityGroups, remove: h.networks.DeleteSecurityGroup,
		create: making((*newGroup).domain, h.networks.CreateSecurityGroups),
		update: changing((*changedGroup).domain, h.networks.UpdateSecurityGroup),
	}
	return k.rows()
}

func showGroup(ctx context.Context, g *network.SecurityGroup) any {
	out := groupView{standard: showStandard(&g.Standard), Name: g.Name, Stateful: g.Stateful}
	for i := range g.Rules {
		out.Rules = append(out.Rules, showRule(ctx, &g.Rules[i]))
	}
	return out
}
