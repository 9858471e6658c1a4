package network_test

import (
	"context"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/cumulite/cumulite/network"
	"github.com/cumulite/cumulite/platform/auth"
	"github.com/cumulite/cumulite/platform/errs"
	"github.com/cumulite/cumulite/platform/store"
)

// defaultGroup gives ann's default group.
func (s *site) defaultGroup() network.SecurityGroup {
	s.Helper()
	all, _, err := s.ListSecurityGroups(s.ann, store.Query{Filters: []store.Filter{{Field: "name", Values: []string{"default"}}}})
	require.NoError(s, err)
	require.Len(s, all, 1)
	return all[0]
}

func (s *site) group(name string) *network.SecurityGroup {
	s.Helper()
	return ok(s.CreateSecurityGroup(s.ann, network.CreateSecurityGroup{Name: name}))(s)
}

func TestProjectHasADefaultGroupBeforeItUsesOne(t *testing.T) {
	s := newSite(t)
	g := s.defaultGroup()
	require.Equal(t, g.ID, s.defaultGroup().ID, "made once")
	require.Equal(t, "Default security group", g.Description)
	require.Len(t, g.Rules, 4)
	ingress := 0
	for _, r := range g.Rules {
		if r.Direction == network.Ingress {
			ingress++
			require.Equal(t, g.ID, r.RemoteGroupID)
		}
	}
	require.Equal(t, 2, ingress, "one for each family")
	require.Equal(t, 1, s.used("ann", "security_group"))
	require.Equal(t, 4, s.used("ann", "security_group_rule"))
	require.Zero(t, s.used("bob", "security_group"))
}

func TestAskingForAnotherProjectsGroupsMakesNone(t *testing.T) {
	s := newSite(t)
	q := store.Query{Filters: []store.Filter{{Field: "project_id", Values: []string{"ann"}}}}
	all, _, err := s.ListSecurityGroups(s.bob, q)
	require.NoError(t, err)
	require.Empty(t, all)
	require.Zero(t, s.used("ann", "security_group"))
	all, _, err = s.ListSecurityGroups(s.admin, q)
	require.NoError(t, err)
	require.Len(t, all, 1)
}

func TestNewGroupLetsEverythingOut(t *testing.T) {
	s := newSite(t)
	g := s.group("web")
	require.True(t, g.Stateful)
	require.Len(t, g.Rules, 2)
	for _, r := range g.Rules {
		require.Equal(t, network.Egress, r.Direction)
		require.Empty(t, r.Protocol)
	}
	require.Equal(t, 2, s.used("ann", "security_group"), "the default group too")
}

func TestDefaultGroupIsNotRenamedOrRemoved(t *testing.T) {
	s := newSite(t)
	g := s.defaultGroup()
	_, err := s.UpdateSecurityGroup(s.ann, g.ID, network.UpdateSecurityGroup{Name: to("mine")})
	s.requireFault(err, errs.Conflict, "SecurityGroupCannotUpdateDefault")
	ok(s.UpdateSecurityGroup(s.ann, g.ID, network.UpdateSecurityGroup{Description: to("ours")}))(s)
	s.requireFault(s.DeleteSecurityGroup(s.ann, g.ID), errs.Conflict, "SecurityGroupCannotRemoveDefault")
	require.NoError(t, s.DeleteSecurityGroup(s.admin, g.ID))
	require.NotEqual(t, g.ID, s.defaultGroup().ID, "made anew")
}

func TestNameOfTheDefaultGroupIsReserved(t *testing.T) {
	s := newSite(t)
	for _, name := range []string{"default", "Default"} {
		_, err := s.CreateSecurityGroup(s.ann, network.CreateSecurityGroup{Name: name})
		s.requireFault(err, errs.Conflict, "SecurityGroupDefaultAlreadyExists")
		_, err = s.UpdateSecurityGroup(s.ann, s.group("web").ID, network.UpdateSecurityGroup{Name: &name})
		s.requireFault(err, errs.Conflict, "SecurityGroupDefaultAlreadyExists")
	}
}

func TestGroupOfAPortStays(t *testing.T) {
	s := newSite(t)
	g := s.group("web")
	n, _ := s.network(s.ann, "10.1.0.0/24")
	p := s.port(s.ann, n, g.ID)
	s.requireFault(s.DeleteSecurityGroup(s.ann, g.ID), errs.Conflict, "SecurityGroupInUse")
	_, err := s.UpdateSecurityGroup(s.ann, g.ID, network.UpdateSecurityGroup{Stateful: to(false)})
	s.requireFault(err, errs.Conflict, "SecurityGroupInUse")
	require.NoError(t, s.DeletePort(s.ann, p.ID))
	require.NoError(t, s.DeleteSecurityGroup(s.ann, g.ID))
	_, err = s.GetSecurityGroup(s.ann, g.ID)
	s.requireFault(err, errs.NotFound, "SecurityGroupNotFound")
}

func TestDeletedGroupTakesTheRulesThatNameItAlong(t *testing.T) {
	s := newSite(t)
	web, db := s.group("web"), s.group("db")
	ok(s.CreateSecurityGroupRule(s.ann, network.CreateSecurityGroupRule{GroupID: db.ID, Direction: network.Ingress, RemoteGroupID: web.ID}))(s)
	require.Equal(t, 4+2+2+1, s.used("ann", "security_group_rule"))
	require.NoError(t, s.DeleteSecurityGroup(s.ann, web.ID))
	require.Len(t, ok(s.GetSecurityGroup(s.ann, db.ID))(s).Rules, 2)
	require.Equal(t, 4+2, s.used("ann", "security_group_rule"))
	require.Equal(t, 2, s.used("ann", "security_group"))
}

func TestPortTakesTheDefaultGroupAndNoStrangersGroup(t *testing.T) {
	s := newSite(t)
	n, _ := s.network(s.ann, "10.1.0.0/24")
	p := s.port(s.ann, n)
	require.Equal(t, []string{s.defaultGroup().ID}, p.Groups, "made for it")
	require.Equal(t, p.Groups, ok(s.GetPort(s.ann, p.ID))(s).Groups)
	foreign := ok(s.CreateSecurityGroup(s.bob, network.CreateSecurityGroup{Name: "theirs"}))(s)
	_, err := s.CreatePort(s.ann, network.CreatePort{NetworkID: n.ID, Groups: &[]string{foreign.ID}})
	s.requireFault(err, errs.NotFound, "SecurityGroupNotFound")
	stateless := ok(s.CreateSecurityGroup(s.ann, network.CreateSecurityGroup{Stateful: to(false)}))(s)
	_, err = s.CreatePort(s.ann, network.CreatePort{NetworkID: n.ID, Groups: &[]string{stateless.ID, s.defaultGroup().ID}})
	s.requireFault(err, errs.Conflict, "SecurityGroupConflict")
}

func TestGroupsOfOtherProjectsAreNotThere(t *testing.T) {
	s := newSite(t)
	g := s.group("web")
	rule := g.Rules[0].ID
	mine := ok(s.CreateSecurityGroup(s.bob, network.CreateSecurityGroup{Name: "mine"}))(s)
	for what, err := range map[string]error{
		"get":    second(s.GetSecurityGroup(s.bob, g.ID)),
		"update": second(s.UpdateSecurityGroup(s.bob, g.ID, network.UpdateSecurityGroup{Name: to("x")})),
		"delete": s.DeleteSecurityGroup(s.bob, g.ID),
		"rule":   second(s.CreateSecurityGroupRule(s.bob, network.CreateSecurityGroupRule{GroupID: g.ID, Direction: network.Ingress})),
		"remote": second(s.CreateSecurityGroupRule(s.bob, network.CreateSecurityGroupRule{GroupID: mine.ID, Direction: network.Ingress, RemoteGroupID: g.ID})),
	} {
		require.Equal(t, "SecurityGroupNotFound", errs.CodeOf(err), what)
	}
	s.requireFault(second(s.GetSecurityGroupRule(s.bob, rule)), errs.NotFound, "SecurityGroupRuleNotFound")
	s.requireFault(s.DeleteSecurityGroupRule(s.bob, rule), errs.NotFound, "SecurityGroupRuleNotFound")
	_, err := s.CreateSecurityGroup(s.bob, network.CreateSecurityGroup{ProjectID: "ann"})
	require.Equal(t, errs.Invalid, errs.KindOf(err))
	for _, err := range []error{
		second(s.CreateSecurityGroup(s.reader, network.CreateSecurityGroup{Name: "x"})), s.DeleteSecurityGroup(s.reader, g.ID),
		second(s.CreateSecurityGroupRule(s.reader, network.CreateSecurityGroupRule{GroupID: g.ID, Direction: network.Ingress})),
		s.DeleteSecurityGroupRule(s.reader, rule),
	} {
		require.Equal(t, errs.Forbidden, errs.KindOf(err), "a reader changes nothing: %v", err)
	}
	ok(s.GetSecurityGroup(s.reader, g.ID))(s)
}

// second gives the error of a call.
func second[T any](_ T, err error) error { return err }

func TestLastRuleOfTheQuotaIsGivenOnce(t *testing.T) {
	s := newSite(t)
	g := s.group("web")
	s.limit("ann", "security_group_rule", s.used("ann", "security_group_rule")+1)
	failed := make([]error, 8)
	var all sync.WaitGroup
	for i := range failed {
		all.Go(func() {
			_, failed[i] = s.CreateSecurityGroupRule(s.ann, network.CreateSecurityGroupRule{
				GroupID: g.ID, Direction: network.Ingress, Protocol: "tcp", PortMin: to(i + 1), PortMax: to(i + 1)})
		})
	}
	all.Wait()
	refused := 0
	for _, err := range failed {
		if err != nil {
			s.requireFault(err, errs.Quota, "OverQuota")
			refused++
		}
	}
	require.Equal(t, len(failed)-1, refused)
	require.Len(t, ok(s.GetSecurityGroup(s.ann, g.ID))(s).Rules, 3)
}

func TestGroupsThatTheServiceMakesDoNotNeedRoomInTheQuota(t *testing.T) {
	s := newSite(t)
	s.limit("ann", "security_group", 0)
	s.limit("ann", "security_group_rule", 0)
	g := s.defaultGroup()
	require.Len(t, g.Rules, 4)
	n, _ := s.network(s.ann, "10.0.0.0/24")
	require.Equal(t, []string{g.ID}, s.port(s.ann, n).Groups)
	require.Equal(t, 1, s.used("ann", "security_group"))
	require.Equal(t, 4, s.used("ann", "security_group_rule"))

	_, err := s.CreateSecurityGroup(s.ann, network.CreateSecurityGroup{Name: "web"})
	s.requireFault(err, errs.Quota, "OverQuota")
	s.limit("ann", "security_group", 2)
	require.Len(t, s.group("web").Rules, 2, "the rules that a group begins with")
	_, err = s.CreateSecurityGroupRule(s.ann, network.CreateSecurityGroupRule{GroupID: g.ID, Direction: network.Ingress})
	s.requireFault(err, errs.Quota, "OverQuota")
}

func TestOnlyAdministratorsPutPortsInGroupsOfOtherProjects(t *testing.T) {
	s := newSite(t)
	n, _ := s.network(s.ann, "10.0.0.0/24")
	foreign := ok(s.CreateSecurityGroup(s.bob, network.CreateSecurityGroup{Name: "bob's"}))(s)
	p := s.port(s.ann, n)
	change := network.UpdatePort{Groups: &[]string{foreign.ID}}
	for _, ctx := range []context.Context{s.ann, auth.AsService(s.ann, "compute")} {
		s.requireFault(second(s.UpdatePort(ctx, p.ID, change)), errs.NotFound, "SecurityGroupNotFound")
	}
	require.Equal(t, []string{foreign.ID}, ok(s.UpdatePort(s.admin, p.ID, change))(s).Groups)
}
