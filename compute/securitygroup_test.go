package compute_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/cumulite/cumulite/compute"
	"github.com/cumulite/cumulite/network"
	"github.com/cumulite/cumulite/platform/errs"
)

func TestSecurityGroupsAreThoseOfTheServersPorts(t *testing.T) {
	w := newWorld(t).run(t)
	web, err := w.net.CreateSecurityGroup(member(t), network.CreateSecurityGroup{Name: "web"})
	require.NoError(t, err)
	foreign, err := w.net.CreateSecurityGroup(as(t, "p2", "member"), network.CreateSecurityGroup{Name: "foreign"})
	require.NoError(t, err)
	list, err := w.SecurityGroups(member(t))
	require.NoError(t, err)
	require.Len(t, list, 2, "the project's, the default one among them")
	got, err := w.SecurityGroup(member(t), web.ID)
	require.NoError(t, err)
	require.Equal(t, "web", got.Name)
	_, err = w.SecurityGroup(member(t), foreign.ID)
	refused(t, errs.NotFound, err)
	names := func(id string) (all []string) {
		groups, err := w.ServerSecurityGroups(member(t), id)
		require.NoError(t, err)
		for _, g := range groups {
			all = append(all, g.Name)
		}
		return all
	}
	require.Equal(t, []string{"default"}, names(w.server(t).ID))
	s := w.server(t, func(in *compute.CreateServer) { in.SecurityGroups = []string{"web", web.ID} })
	require.Equal(t, []string{"web"}, names(s.ID))

	require.NoError(t, w.AddSecurityGroup(member(t), s.ID, "default"))
	require.ElementsMatch(t, []string{"default", "web"}, names(s.ID))
	require.NoError(t, w.RemoveSecurityGroup(member(t), s.ID, "web"))
	require.Equal(t, []string{"default"}, names(s.ID))
	refused(t, errs.NotFound, w.RemoveSecurityGroup(member(t), s.ID, "web"))
	refused(t, errs.NotFound, w.AddSecurityGroup(member(t), s.ID, foreign.ID))
	refused(t, errs.NotFound, w.AddSecurityGroup(member(t), s.ID, "none"))
	refused(t, errs.Forbidden, w.AddSecurityGroup(as(t, "p1", "reader"), s.ID, "web"))
}
