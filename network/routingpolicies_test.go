package network_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/cumulite/cumulite/network"
	"github.com/cumulite/cumulite/platform/clock"
	"github.com/cumulite/cumulite/platform/errs"
	"github.com/cumulite/cumulite/platform/event"
	"github.com/cumulite/cumulite/platform/flow"
	"github.com/cumulite/cumulite/platform/policy"
)

func TestOperatorsRulesUseNeutronsAliases(t *testing.T) {
	s := newSite(t)
	rules, err := policy.ReadOverrides([]byte(`
"create_security_group_rule": "rule:sg_owner and role:manager"
"create_router": "rule:admin_only"
"create_floatingip": "rule:admin_or_owner"
`))
	require.NoError(t, err)
	s.ops = flow.New(s.db, clock.System(), nil)
	s.Service, err = network.New(network.Deps{DB: s.db, Clock: clock.System(), Ops: s.ops, Events: event.New(s.db, clock.System(), nil)}, &network.Options{Policy: rules})
	require.NoError(t, err)
	in := network.CreateSecurityGroupRule{GroupID: s.group("web").ID, Direction: network.Ingress}
	s.requireFault(second(s.CreateSecurityGroupRule(s.ann, in)), errs.Forbidden, "")
	ok(s.CreateSecurityGroupRule(as(t.Context(), "ann", "manager", "reader"), in))(s)
	s.requireFault(second(s.CreateRouter(s.ann, network.CreateRouter{})), errs.Forbidden, "")
	ok(s.CreateRouter(s.admin, network.CreateRouter{}))(s)
}
