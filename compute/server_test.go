package compute_test

import (
	"context"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/uptrace/bun"

	"github.com/cumulite/cumulite/compute"
	"github.com/cumulite/cumulite/drivers/sim/fault"
	"github.com/cumulite/cumulite/network"
	"github.com/cumulite/cumulite/platform/auth"
	"github.com/cumulite/cumulite/platform/errs"
	"github.com/cumulite/cumulite/platform/store"
)

func TestOtherProjectsSeeNothing(t *testing.T) {
	w := newWorld(t).run(t)
	s := w.server(t)
	other, port := as(t, "p2", "member", "reader"), s.Interfaces[0].PortID
	name := "mine"
	for what, call := range map[string]func() error{
		"show":   func() error { _, err := w.GetServer(other, s.ID); return err },
		"update": func() error { _, err := w.UpdateServer(other, s.ID, compute.UpdateServer{Name: &name}); return err },
		"delete": func() error { return w.DeleteServer(other, s.ID) },
		"stop":   func() error { return w.ChangePower(other, s.ID, compute.DoStop) },
		"rebuild": func() error {
			_, err := w.RebuildServer(other, s.ID, compute.RebuildServer{ImageID: w.image})
			return err
		},
		"lock":     func() error { return w.LockServer(other, s.ID, nil) },
		"unlock":   func() error { return w.UnlockServer(other, s.ID) },
		"reset":    func() error { return w.ResetServer(other, s.ID, compute.VMError) },
		"console":  func() error { _, err := w.Console(other, s.ID, 1); return err },
		"metadata": func() error { _, err := w.ServerMetadata(other, s.ID); return err },
		"set":      func() error { return w.SetServerMetadataItem(other, s.ID, "k", "v") },
		"tags":     func() error { _, err := w.ServerTags(other, s.ID); return err },
		"tag":      func() error { _, err := w.AddServerTag(other, s.ID, "t"); return err },
		"attach":   func() error { _, err := w.AttachInterface(other, s.ID, compute.AttachInterface{}); return err },
		"detach":   func() error { return w.DetachInterface(other, s.ID, port) },
		"list":     func() error { _, err := w.ListInterfaces(other, s.ID); return err },
	} {
		err := call()
		refused(t, errs.NotFound, err)
		require.Equal(t, "Instance "+s.ID+" could not be found.", errs.Message(err), what)
	}
	list, _, err := w.ListServers(other, compute.ServersOf{}, store.Query{})
	require.NoError(t, err)
	require.Empty(t, list)
	_, _, err = w.ListServers(other, compute.ServersOf{AllProjects: true}, store.Query{})
	refused(t, errs.Forbidden, err)
	list, _, err = w.ListServers(admin(t), compute.ServersOf{AllProjects: true}, store.Query{})
	require.NoError(t, err)
	require.Len(t, list, 1)
	require.ErrorContains(t, w.ChangePower(as(t, "p1", "reader"), s.ID, compute.DoStop), "Policy")
}

func TestLockedServersAreChangedByAdministratorsOnly(t *testing.T) {
	w := newWorld(t).run(t)
	s := w.server(t)
	reason := "audit"
	require.NoError(t, w.LockServer(member(t), s.ID, &reason))
	require.Equal(t, "audit", *w.get(t, s.ID).LockedReason)
	for _, err := range []error{w.ChangePower(member(t), s.ID, compute.DoStop), w.DeleteServer(member(t), s.ID), w.DetachInterface(member(t), s.ID, s.Interfaces[0].PortID)} {
		refused(t, errs.Conflict, err)
		require.Equal(t, "Instance "+s.ID+" is locked", errs.Message(err))
	}
	require.NoError(t, w.ChangePower(admin(t), s.ID, compute.DoStop))
	w.idle(t)
	require.NoError(t, w.UnlockServer(member(t), s.ID))
	require.Nil(t, w.get(t, s.ID).LockedReason)

	require.NoError(t, w.LockServer(admin(t), s.ID, nil))
	refused(t, errs.Forbidden, w.UnlockServer(member(t), s.ID))
	require.NoError(t, w.LockServer(member(t), s.ID, nil))
	refused(t, errs.Forbidden, w.UnlockServer(member(t), s.ID))
	require.NoError(t, w.UnlockServer(admin(t), s.ID))
	require.False(t, w.get(t, s.ID).Locked)
}

func TestUpdateChangesWhatItNames(t *testing.T) {
	w := newWorld(t).run(t)
	s := w.server(t)
	name, text, host, v4 := "other", "words", "host-1", "192.0.2.1"
	description := &text
	got, err := w.UpdateServer(member(t), s.ID, compute.UpdateServer{Name: &name, Description: &description, Hostname: &host, AccessIPv4: &v4})
	require.NoError(t, err)
	require.Equal(t, got, w.get(t, s.ID))
	require.Equal(t, []string{"other", "words", "host-1", "192.0.2.1", ""}, []string{got.Name, *got.Description, got.Hostname, got.AccessIPv4, got.AccessIPv6})
	description = nil
	got, err = w.UpdateServer(member(t), s.ID, compute.UpdateServer{Description: &description})
	require.NoError(t, err)
	require.Nil(t, got.Description)
	v6 := "0000:0000::babe:220.12.22.2"
	got, err = w.UpdateServer(member(t), s.ID, compute.UpdateServer{AccessIPv6: &v6})
	require.NoError(t, err)
	require.Equal(t, "::babe:dc0c:1602", got.AccessIPv6)
	require.Equal(t, "other", got.Name)
	bad := "not_a_host"
	_, err = w.UpdateServer(member(t), s.ID, compute.UpdateServer{Hostname: &bad})
	refused(t, errs.Invalid, err)
	w.idle(t)
	told, _ := w.nics["hv1"].Metadata(s.Interfaces[0].PortID, "openstack/latest/meta_data.json")
	require.Contains(t, string(told), `"hostname":"host-1.novalocal"`)
}

func TestMetadataItems(t *testing.T) {
	w := newWorld(t).run(t)
	s := w.server(t, func(in *compute.CreateServer) { in.Metadata = map[string]string{"a": "1"} })
	all, err := w.AddServerMetadata(member(t), s.ID, map[string]string{"b": "2"})
	require.NoError(t, err)
	require.Equal(t, map[string]string{"a": "1", "b": "2"}, all)
	require.NoError(t, w.SetServerMetadataItem(member(t), s.ID, "a", "3"))
	value, err := w.ServerMetadataItem(member(t), s.ID, "a")
	require.NoError(t, err)
	require.Equal(t, "3", value)
	require.NoError(t, w.DeleteServerMetadata(member(t), s.ID, "a"))
	refused(t, errs.NotFound, w.DeleteServerMetadata(member(t), s.ID, "a"))
	_, err = w.AddServerMetadata(member(t), s.ID, many(128))
	refused(t, errs.Quota, err)
	all, err = w.ReplaceServerMetadata(member(t), s.ID, nil)
	require.NoError(t, err)
	require.Empty(t, all)
}

func TestTags(t *testing.T) {
	w := newWorld(t).run(t)
	s := w.server(t, func(in *compute.CreateServer) { in.Tags = []string{"b", "a", "b"} })
	require.Equal(t, []string{"a", "b"}, s.Tags)
	added, err := w.AddServerTag(member(t), s.ID, "c")
	require.NoError(t, err)
	require.True(t, added)
	added, err = w.AddServerTag(member(t), s.ID, "c")
	require.NoError(t, err)
	require.False(t, added)
	require.NoError(t, w.HasServerTag(member(t), s.ID, "c"))
	require.NoError(t, w.RemoveServerTag(member(t), s.ID, "c"))
	refused(t, errs.NotFound, w.HasServerTag(member(t), s.ID, "c"))
	refused(t, errs.NotFound, w.RemoveServerTag(member(t), s.ID, "c"))
	tags, err := w.ReplaceServerTags(member(t), s.ID, []string{"z", "y"})
	require.NoError(t, err)
	require.Equal(t, []string{"y", "z"}, tags)
	_, err = w.AddServerTag(member(t), s.ID, "a/b")
	refused(t, errs.Invalid, err)
	require.NoError(t, w.ClearServerTags(member(t), s.ID))
	require.Empty(t, w.get(t, s.ID).Tags)
}

func TestListsAreFilteredByWhatNovaKnows(t *testing.T) {
	w := newWorld(t, "hv1", "hv2").run(t)
	one := w.server(t, func(in *compute.CreateServer) {
		in.Name, in.Tags, in.Metadata = "one", []string{"x", "y"}, map[string]string{"role": `d"b`, "a_c": "50%"}
	})
	w.clock.Advance(time.Second)
	two := w.server(t, func(in *compute.CreateServer) { in.Name, in.Tags = "two", []string{"y"} })
	require.NoError(t, w.ChangePower(member(t), two.ID, compute.DoStop))
	w.idle(t)
	names := map[string]string{one.ID: "one", two.ID: "two"}
	for _, c := range []struct {
		field string
		op    store.Op
		value string
		want  []string
	}{
		{"name", store.Regexp, "^o", []string{"one"}}, {"status", store.Eq, "SHUTOFF", []string{"two"}}, {"status", store.Eq, "active", []string{"one"}},
		{"status", store.Eq, "NOTHING", nil}, {"status", store.Eq, "REBUILD", nil}, {"status", store.Eq, "REBOOT", nil}, {"vm_state", store.Eq, "stopped", []string{"two"}},
		{"tags", store.Eq, "x,y", []string{"one"}}, {"tags", store.Eq, "y", []string{"two", "one"}}, {"tags-any", store.Eq, "x,z", []string{"one"}},
		{"not-tags", store.Eq, "x,y", []string{"two"}}, {"not-tags-any", store.Eq, "x,z", []string{"two"}},
		{"metadata", store.Eq, `role=d"b`, []string{"one"}}, {"metadata", store.Eq, "a_c=50%", []string{"one"}}, {"metadata", store.Eq, "abc=50%", nil}, {"metadata", store.Eq, "a_c=500", nil},
		{"image", store.Eq, w.image, []string{"two", "one"}}, {"flavor", store.Eq, "small", []string{"two", "one"}}, {"host", store.Eq, one.Host, []string{"one"}},
		{"launched_at", store.Gte, two.CreatedAt.Format(time.RFC3339), []string{"two"}}, {"power_state", store.Eq, "4", []string{"two"}}, {"uuid", store.Eq, one.ID, []string{"one"}},
	} {
		list, _, err := w.ListServers(member(t), compute.ServersOf{}, store.Query{Filters: []store.Filter{{Field: c.field, Op: c.op, Values: []string{c.value}}}})
		require.NoError(t, err, c.field)
		var got []string
		for _, s := range list {
			got = append(got, names[s.ID])
		}
		require.Equal(t, c.want, got, "%s %s", c.field, c.value)
	}
	page, more, err := w.ListServers(member(t), compute.ServersOf{}, store.Query{Limit: 1, Sorts: []store.Sort{{Field: "display_name"}}})
	require.NoError(t, err)
	require.True(t, more)
	require.Equal(t, []string{"x", "y"}, page[0].Tags)
}

func TestAdministratorResetsAState(t *testing.T) {
	w := newWorld(t).run(t)
	s := w.server(t)
	refused(t, errs.Forbidden, w.ResetServer(member(t), s.ID, compute.VMError))
	require.NoError(t, w.ResetServer(admin(t), s.ID, compute.VMError))
	require.Equal(t, "ERROR", w.get(t, s.ID).Status())
	require.NoError(t, w.ChangePower(member(t), s.ID, compute.DoHardReboot), "which mends it")
	w.idle(t)
	require.Equal(t, "ACTIVE", w.get(t, s.ID).Status())
	refused(t, errs.Invalid, w.ResetServer(admin(t), s.ID, compute.VMPaused))

	fault, reached, release := fault.HangAt("create", "begin")
	defer release()
	w.hosts["hv1"].SetFault(fault)
	made, err := w.CreateServer(member(t), w.request(t))
	require.NoError(t, err)
	<-reached
	refused(t, errs.Conflict, w.ResetServer(admin(t), made[0].ID, compute.VMActive))
	require.NoError(t, w.ResetServer(admin(t), made[0].ID, compute.VMError))
	w.idle(t)
	given := w.get(t, made[0].ID)
	require.Equal(t, []string{"ERROR", "", ""}, []string{given.Status(), string(given.Task), given.Host})
}

func TestInterfacesComeAndGo(t *testing.T) {
	w := newWorld(t).run(t)
	s := w.server(t)
	got, err := w.AttachInterface(member(t), s.ID, compute.AttachInterface{NetworkID: w.netID, FixedIP: "10.0.9.9", Tag: "second"})
	require.NoError(t, err)
	require.Equal(t, "10.0.9.9", got.Addresses[0].IP.String())
	require.Equal(t, s.ID, got.Port.DeviceID)
	view, _ := w.states["hv1"].View(s.ID)
	require.Len(t, view.NICs, 2)
	list, err := w.ListInterfaces(member(t), s.ID)
	require.NoError(t, err)
	require.Len(t, list, 2)

	_, err = w.AttachInterface(member(t), s.ID, compute.AttachInterface{PortID: got.Port.ID})
	refused(t, errs.Conflict, err)
	_, err = w.AttachInterface(member(t), s.ID, compute.AttachInterface{NetworkID: "none"})
	refused(t, errs.NotFound, err)
	_, err = w.AttachInterface(member(t), s.ID, compute.AttachInterface{NetworkID: w.netID, FixedIP: "10.0.9.9"})
	refused(t, errs.Invalid, err)
	require.Equal(t, "Fixed IP address 10.0.9.9 is already in use.", errs.Message(err))
	require.Len(t, w.get(t, s.ID).Interfaces, 2)

	refused(t, errs.NotFound, w.DetachInterface(member(t), s.ID, w.netID))
	require.NoError(t, w.DetachInterface(member(t), s.ID, got.Port.ID))
	w.idle(t)
	require.Len(t, w.get(t, s.ID).Interfaces, 1)
	require.Len(t, w.ports(t), 1, "the port was the server's and went with it")
	view, _ = w.states["hv1"].View(s.ID)
	require.Len(t, view.NICs, 1)
	_, err = w.GetInterface(member(t), s.ID, got.Port.ID)
	refused(t, errs.NotFound, err)
}

func TestPortsOfUsersOutliveTheServer(t *testing.T) {
	w := newWorld(t).run(t)
	p, err := w.net.CreatePort(member(t), portOn(w.netID))
	require.NoError(t, err)
	s := w.server(t, listed(compute.RequestedNetwork{PortID: p.ID, Tag: "mine"}, compute.RequestedNetwork{NetworkID: w.netID}))
	require.Equal(t, "ACTIVE", s.Status(), "%+v", s.Fault)
	require.Equal(t, compute.Interface{PortID: p.ID, NetworkID: w.netID, Tag: "mine"}, s.Interfaces[0])
	in := w.request(t)
	listed(compute.RequestedNetwork{PortID: p.ID})(&in)
	_, err = w.CreateServer(member(t), in)
	refused(t, errs.Conflict, err)
	require.Equal(t, "Port "+p.ID+" is still in use.", errs.Message(err))
	require.NoError(t, w.DeleteServer(member(t), s.ID))
	w.idle(t)
	left := w.ports(t)
	require.Len(t, left, 1)
	require.Equal(t, []string{p.ID, "", ""}, []string{left[0].ID, left[0].DeviceID, left[0].Host})
	_, real := w.nics["hv1"].Port(p.ID)
	require.False(t, real)
}

func TestNetworksThatAreNotNamed(t *testing.T) {
	w := newWorld(t).run(t)
	none := w.server(t, func(in *compute.CreateServer) { in.Networks.Mode = compute.NetworksNone })
	require.Empty(t, none.Interfaces)
	auto := w.server(t, func(in *compute.CreateServer) { in.Networks.Mode = compute.NetworksAuto })
	require.Len(t, auto.Interfaces, 1)
	w.addNetworkOf(t, "p1", "10.1.0.0/24")
	_, err := w.CreateServer(member(t), w.request(t))
	refused(t, errs.Conflict, err)
	require.Equal(t, "Multiple possible networks found, use a Network ID to be more specific.", errs.Message(err))
	foreign := w.addNetworkOf(t, "p2", "10.2.0.0/24")
	in := w.request(t)
	listed(compute.RequestedNetwork{NetworkID: foreign})(&in)
	_, err = w.CreateServer(member(t), in)
	refused(t, errs.Invalid, err)
	require.Equal(t, "Network "+foreign+" could not be found.", errs.Message(err))
}

// queries counts what is asked of the database through bun.
type queries struct{ n atomic.Int64 }

func (q *queries) BeforeQuery(ctx context.Context, _ *bun.QueryEvent) context.Context {
	q.n.Add(1)
	return ctx
}
func (*queries) AfterQuery(context.Context, *bun.QueryEvent) {}

func TestListsTakeTheSameNumberOfQueriesForAnyNumberOfServers(t *testing.T) {
	w := newWorld(t, "hv1", "hv2", "hv3", "hv4").run(t)
	q := new(queries)
	w.db.Read().(*bun.DB).AddQueryHook(q) //nolint:staticcheck // the store has no other way in
	list := func() int64 {
		before := q.n.Load()
		page, _, err := w.ListServers(member(t), compute.ServersOf{}, store.Query{})
		require.NoError(t, err)
		ports, err := w.Addresses(member(t), page)
		require.NoError(t, err)
		require.Len(t, ports, len(page))
		_, err = w.SecurityGroupsOf(member(t), ports)
		require.NoError(t, err)
		return q.n.Load() - before
	}
	w.server(t)
	one := list()
	w.server(t, func(in *compute.CreateServer) { in.Min = 6 })
	require.Equal(t, one, list())
	require.Less(t, one, int64(15))
}

func TestPortsOfOtherProjectsAreNoneOfAServer(t *testing.T) {
	w := newWorld(t).run(t)
	s := w.server(t)
	own, err := w.ListInterfaces(member(t), s.ID)
	require.NoError(t, err)
	require.Len(t, own, 1)
	foreign := as(t, "p2", "member", "reader")
	_, err = w.net.CreatePort(foreign, network.CreatePort{NetworkID: w.addNetworkOf(t, "p2", "10.66.0.0/24"), DeviceID: s.ID, DeviceOwner: "compute:nova"})
	require.NoError(t, err)
	list, err := w.ListInterfaces(member(t), s.ID)
	require.NoError(t, err)
	require.Equal(t, own, list)
	all, err := w.Addresses(member(t), []compute.Server{*s})
	require.NoError(t, err)
	require.Equal(t, own, all[s.ID])
	files, err := w.Metadata(auth.AsService(admin(t), "network"), s.ID)
	require.NoError(t, err)
	require.NotContains(t, string(files["openstack/latest/network_data.json"]), "10.66.")
}
