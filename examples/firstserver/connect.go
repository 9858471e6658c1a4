package main

import (
	"context"

	"github.com/gophercloud/gophercloud/v2/openstack/networking/v2/extensions/layer3/routers"
	"github.com/gophercloud/gophercloud/v2/openstack/networking/v2/extensions/security/groups"
	"github.com/gophercloud/gophercloud/v2/openstack/networking/v2/extensions/security/rules"
	"github.com/gophercloud/gophercloud/v2/openstack/networking/v2/networks"
	"github.com/gophercloud/gophercloud/v2/openstack/networking/v2/subnets"
)

// lan is a member's network with its way out, by ids.
type lan struct{ network, group string }

func connect(ctx context.Context, member user, o offer, made *undo) (l lan, err error) {
	network, err := networks.Create(ctx, member.network, networks.CreateOpts{Name: "example"}).Extract()
	if err != nil {
		return l, err
	}
	made.later(func(ctx context.Context) error { return networks.Delete(ctx, member.network, network.ID).ExtractErr() })
	subnet, err := subnets.Create(ctx, member.network, subnets.CreateOpts{NetworkID: network.ID, CIDR: "10.1.0.0/24", IPVersion: 4}).Extract()
	if err != nil {
		return l, err
	}
	router, err := routers.Create(ctx, member.network, routers.CreateOpts{Name: "example", GatewayInfo: &routers.GatewayInfo{NetworkID: o.public}}).Extract()
	if err != nil {
		return l, err
	}
	made.later(func(ctx context.Context) error { return routers.Delete(ctx, member.network, router.ID).ExtractErr() })
	if _, err := routers.AddInterface(ctx, member.network, router.ID, routers.AddInterfaceOpts{SubnetID: subnet.ID}).Extract(); err != nil {
		return l, err
	}
	made.later(func(ctx context.Context) error {
		return routers.RemoveInterface(ctx, member.network, router.ID, routers.RemoveInterfaceOpts{SubnetID: subnet.ID}).Err
	})
	group, err := groups.Create(ctx, member.network, groups.CreateOpts{Name: "example"}).Extract()
	if err != nil {
		return l, err
	}
	made.later(func(ctx context.Context) error { return groups.Delete(ctx, member.network, group.ID).ExtractErr() })
	for _, rule := range []rules.CreateOpts{
		{Protocol: rules.ProtocolICMP}, {Protocol: rules.ProtocolTCP, PortRangeMin: 22, PortRangeMax: 22},
	} {
		rule.Direction, rule.EtherType, rule.SecGroupID = rules.DirIngress, rules.EtherType4, group.ID
		if _, err := rules.Create(ctx, member.network, rule).Extract(); err != nil {
			return l, err
		}
	}
	return lan{network.ID, group.ID}, nil
}
