package networkapi

import (
	"context"
	"strconv"

	"github.com/cumulite/cumulite/network"
	"github.com/cumulite/cumulite/platform/errs"
	"github.com/cumulite/cumulite/platform/httpapi"
)

type ruleView struct {
	standard
	GroupID            string            `json:"security_group_id"`
	Direction          network.Direction `json:"direction"`
	Ethertype          string            `json:"ethertype"`
	Protocol           *string           `json:"protocol"`
	PortMin            *int              `json:"port_range_min"`
	PortMax            *int              `json:"port_range_max"`
	RemoteIPPrefix     *string           `json:"remote_ip_prefix"`
	RemoteGroupID      *string           `json:"remote_group_id"`
	RemoteAddressGroup *string           `json:"remote_address_group_id"` // there are none
	NormalizedCIDR     *string           `json:"normalized_cidr"`
}

type newRule struct {
	given
	owner
	NormalizedCIDR any                       `json:"normalized_cidr" api:"readonly"`
	GroupID        string                    `json:"security_group_id" api:"required,format=uuid"`
	Description    string                    `json:"description" api:"max=255"`
	Direction      network.Direction         `json:"direction" api:"required,enum=ingress|egress"`
	Ethertype      string                    `json:"ethertype"`
	Protocol       protocol                  `json:"protocol" api:"nullable"`
	PortMin        httpapi.Optional[integer] `json:"port_range_min" api:"nullable"`
	PortMax        httpapi.Optional[integer] `json:"port_range_max" api:"nullable"`
	RemoteIPPrefix *string                   `json:"remote_ip_prefix" api:"nullable"`
	RemoteGroupID  *string                   `json:"remote_group_id" api:"nullable"`
	AddressGroup   *string                   `json:"remote_address_group_id" api:"nullable"`
}

// protocol is a name, or a number that may stand as one.
type protocol string

// JSONSchema implements wire.Schemer.
func (protocol) JSONSchema() map[string]any {
	return map[string]any{"type": []any{"string", "integer"}, "minimum": 0, "maximum": 255, "maxLength": 40}
}

// UnmarshalJSON reads what the schema lets through.
func (p *protocol) UnmarshalJSON(text []byte) error {
	s, err := strconv.Unquote(string(text))
	if err != nil {
		s = string(text)
	}
	*p = protocol(s)
	if s == "null" {
		*p = ""
	}
	return nil
}

func (in *newRule) domain() (network.CreateSecurityGroupRule, error) {
	project, err := in.projectID()
	if err != nil {
		return network.CreateSecurityGroupRule{}, err
	}
	out := network.CreateSecurityGroupRule{
		ProjectID: project, GroupID: in.GroupID, Description: in.Description, Direction: in.Direction, Ethertype: in.Ethertype, Protocol: string(in.Protocol),
		PortMin: (*int)(in.PortMin.Ptr()), PortMax: (*int)(in.PortMax.Ptr()), RemoteIPPrefix: deref(in.RemoteIPPrefix), RemoteGroupID: deref(in.RemoteGroupID),
	}
	if id := deref(in.AddressGroup); id != "" {
		return out, errs.NotFoundf("Address group %.255s could not be found.", id).WithCode("AddressGroupNotFound")
	}
	return out, nil
}

func (h handler) ruleRows() []httpapi.Route {
	k := &resource[network.SecurityGroupRule, newRule, struct{}]{
		one: "security_group_rule", many: "security_group_rules", path: "/security-group-rules",
		filters: []string{"security_group_id", "direction", "ethertype", "protocol", "port_range_min", "port_range_max", "remote_ip_prefix", "remote_group_id"},
		view:    ruleView{}, show: showRule, id: func(r *network.SecurityGroupRule) string { return r.ID },
		get: h.networks.GetSecurityGroupRule, list: h.networks.ListSecurityGroupRules, remove: h.networks.DeleteSecurityGroupRule,
		create: making((*newRule).domain, h.networks.CreateSecurityGroupRules),
	}
	return k.rows()
}

func showRule(_ context.Context, r *network.SecurityGroupRule) any {
	return ruleView{
		standard: showStandard(&r.Standard), GroupID: r.GroupID, Direction: r.Direction, Ethertype: r.Ethertype, Protocol: ref(r.Protocol),
		PortMin: r.PortMin, PortMax: r.PortMax, RemoteIPPrefix: ref(r.RemoteIPPrefix), RemoteGroupID: ref(r.RemoteGroupID),
		NormalizedCIDR: ref(r.NormalizedCIDR()),
	}
}
