package computeapi

import (
	"github.com/cumulite/cumulite/compute"
	"github.com/cumulite/cumulite/network"
	"github.com/cumulite/cumulite/platform/httpapi"
)

// securityGroupRoutes are what is left of Nova's own security groups, up to
// 2.35: clients look a group up here before they name it to a server.
func (h handler) securityGroupRoutes() []httpapi.Route {
	const list, until = "/os-security-groups", "2.35"
	return []httpapi.Route{
		{Method: "GET", Pattern: list, Action: compute.ActionSecurityGroupList, Until: httpapi.V(until), Response: proxyGroupList{}, Handle: h.listProxyGroups},
		{Method: "GET", Pattern: list + "/{security_group_id}", Action: compute.ActionSecurityGroupShow, Until: httpapi.V(until), Response: proxyGroupBody{}, Handle: h.getProxyGroup},
	}
}

type proxyGroupShape struct {
	ID          string           `json:"id"`
	Name        string           `json:"name"`
	Description string           `json:"description"`
	TenantID    string           `json:"tenant_id"`
	Rules       []proxyRuleShape `json:"rules"`
}

type proxyRuleShape struct {
	ID       string      `json:"id"`
	Parent   string      `json:"parent_group_id"`
	Protocol *string     `json:"ip_protocol"`
	FromPort *int        `json:"from_port"`
	ToPort   *int        `json:"to_port"`
	Group    proxySource `json:"group"`
	Range    proxyRange  `json:"ip_range"`
}

// proxySource is the group whose members a rule lets in; empty without one.
type proxySource struct {
	Name     *string `json:"name,omitempty"`
	TenantID *string `json:"tenant_id,omitempty"`
}

// proxyRange is the prefix that a rule lets in; empty without one.
type proxyRange struct {
	CIDR *string `json:"cidr,omitempty"`
}

type proxyGroupBody struct {
	Group proxyGroupShape `json:"security_group"`
}

type proxyGroupList struct {
	Groups []proxyGroupShape `json:"security_groups"`
}

func (h handler) listProxyGroups(r *httpapi.Request) (any, error) {
	groups, err := h.compute.SecurityGroups(r.Ctx())
	if err != nil {
		return nil, err
	}
	names := make(map[string]string, len(groups))
	for _, g := range groups {
		names[g.ID] = g.Name
	}
	out := proxyGroupList{Groups: make([]proxyGroupShape, len(groups))}
	for n := range groups {
		out.Groups[n] = proxyGroup(&groups[n], names)
	}
	return out, nil
}

func (h handler) getProxyGroup(r *httpapi.Request) (any, error) {
	g, err := h.compute.SecurityGroup(r.Ctx(), r.PathValue("security_group_id"))
	if err != nil {
		return nil, err
	}
	return proxyGroupBody{proxyGroup(g, map[string]string{g.ID: g.Name})}, nil
}

// proxyGroup shows a group as Nova's were: with what it lets in. names has the
// names of the groups that rules may name.
func proxyGroup(g *network.SecurityGroup, names map[string]string) proxyGroupShape {
	out := proxyGroupShape{ID: g.ID, Name: g.Name, Description: g.Description, TenantID: g.ProjectID, Rules: []proxyRuleShape{}}
	for _, rule := range g.Rules {
		if rule.Direction != network.Ingress {
			continue
		}
		shape := proxyRuleShape{ID: rule.ID, Parent: g.ID, Protocol: ref(rule.Protocol), FromPort: rule.PortMin, ToPort: rule.PortMax}
		if rule.RemoteGroupID != "" {
			shape.Group = proxySource{Name: ref(names[rule.RemoteGroupID]), TenantID: &g.ProjectID}
		} else {
			shape.Range = proxyRange{CIDR: ref(anywhere(rule))}
		}
		out.Rules = append(out.Rules, shape)
	}
	return out
}

// anywhere gives the prefix of a rule, that of all addresses when it has none.
func anywhere(rule network.SecurityGroupRule) string {
	switch {
	case rule.RemoteIPPrefix != "":
		return rule.RemoteIPPrefix
	case rule.Ethertype == "IPv6":
		return "::/0"
	}
	return "0.0.0.0/0"
}
