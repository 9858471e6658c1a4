package compute_test

import (
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/cumulite/cumulite/compute"
	"github.com/cumulite/cumulite/platform/errs"
	"github.com/cumulite/cumulite/platform/quota"
	"github.com/cumulite/cumulite/platform/store"
)

func TestServerGroupHasItsServersUntilTheyAreDeleted(t *testing.T) {
	w := newWorld(t, "hv1", "hv2").run(t)
	g, err := w.CreateServerGroup(member(t), compute.CreateServerGroup{Name: "g", Policy: compute.SoftAntiAffinity})
	require.NoError(t, err)
	require.Empty(t, g.Members)
	s := w.server(t, func(in *compute.CreateServer) { in.Group = g.ID })
	g, err = w.GetServerGroup(member(t), g.ID)
	require.NoError(t, err)
	require.Equal(t, []string{s.ID}, g.Members)
	of, err := w.GroupsOf(member(t), []string{s.ID, "other"})
	require.NoError(t, err)
	require.Equal(t, map[string][]string{s.ID: {g.ID}}, of)
	require.NoError(t, w.DeleteServer(member(t), s.ID))
	w.idle(t)
	g, err = w.GetServerGroup(member(t), g.ID)
	require.NoError(t, err)
	require.Empty(t, g.Members)
}

func TestServerGroupsAreThoseOfAProject(t *testing.T) {
	w := newWorld(t)
	g, err := w.CreateServerGroup(member(t), compute.CreateServerGroup{Name: "g", Policy: compute.Affinity})
	require.NoError(t, err)
	other := as(t, "p2", "member", "reader")
	_, err = w.GetServerGroup(other, g.ID)
	refused(t, errs.NotFound, err)
	require.Equal(t, "Instance group "+g.ID+" could not be found.", errs.Message(err))
	refused(t, errs.NotFound, w.DeleteServerGroup(other, g.ID))
	refused(t, errs.Forbidden, w.DeleteServerGroup(as(t, "p1", "reader"), g.ID))
	list, err := w.ListServerGroups(other, true, store.Query{}, 0)
	require.NoError(t, err)
	require.Empty(t, list, "only administrators see all")
	list, err = w.ListServerGroups(as(t, "p3", "admin"), true, store.Query{}, 0)
	require.NoError(t, err)
	require.Len(t, list, 1)
	require.NoError(t, w.DeleteServerGroup(member(t), g.ID))
	refused(t, errs.NotFound, w.DeleteServerGroup(member(t), g.ID))
}

func TestTheLastServerGroupIsMadeOnce(t *testing.T) {
	w := newWorld(t)
	_, err := w.SetQuotas(admin(t), "p1", map[quota.Resource]int{"server_groups": 1}, false)
	require.NoError(t, err)
	ctx := member(t)
	results := make([]error, 8)
	var all sync.WaitGroup
	for n := range results {
		all.Go(func() {
			_, results[n] = w.CreateServerGroup(ctx, compute.CreateServerGroup{Name: "g", Policy: compute.Affinity})
		})
	}
	all.Wait()
	made := 0
	for _, err := range results {
		if err == nil {
			made++
			continue
		}
		refused(t, errs.Quota, err)
	}
	require.Equal(t, 1, made)
	require.Equal(t, 1, w.used(t, "server_groups"))
}

func TestServerGroupWithoutRoomTakesNoServers(t *testing.T) {
	w := newWorld(t)
	g, err := w.CreateServerGroup(member(t), compute.CreateServerGroup{Name: "g", Policy: compute.Affinity})
	require.NoError(t, err)
	_, err = w.SetQuotas(admin(t), "p1", map[quota.Resource]int{"server_group_members": 1}, false)
	require.NoError(t, err)
	in := w.request(t)
	in.Group, in.Min = g.ID, 2
	_, err = w.CreateServer(member(t), in)
	refused(t, errs.Quota, err)
	require.Equal(t, "Quota exceeded, too many servers in group", errs.Message(err))
	require.Zero(t, w.used(t, "instances"))
	_, err = w.CreateServer(as(t, "p2", "member"), in)
	refused(t, errs.Invalid, err)
}
