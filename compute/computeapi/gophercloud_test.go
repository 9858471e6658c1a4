package computeapi_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/gophercloud/gophercloud/v2"
	"github.com/gophercloud/gophercloud/v2/openstack/compute/v2/attachinterfaces"
	"github.com/gophercloud/gophercloud/v2/openstack/compute/v2/availabilityzones"
	"github.com/gophercloud/gophercloud/v2/openstack/compute/v2/flavors"
	"github.com/gophercloud/gophercloud/v2/openstack/compute/v2/hypervisors"
	"github.com/gophercloud/gophercloud/v2/openstack/compute/v2/instanceactions"
	"github.com/gophercloud/gophercloud/v2/openstack/compute/v2/keypairs"
	"github.com/gophercloud/gophercloud/v2/openstack/compute/v2/limits"
	"github.com/gophercloud/gophercloud/v2/openstack/compute/v2/quotasets"
	"github.com/gophercloud/gophercloud/v2/openstack/compute/v2/secgroups"
	"github.com/gophercloud/gophercloud/v2/openstack/compute/v2/servergroups"
	"github.com/gophercloud/gophercloud/v2/openstack/compute/v2/servers"
	"github.com/gophercloud/gophercloud/v2/openstack/compute/v2/services"
	"github.com/gophercloud/gophercloud/v2/openstack/compute/v2/tags"
	"github.com/gophercloud/gophercloud/v2/openstack/compute/v2/usage"
	"github.com/gophercloud/gophercloud/v2/pagination"
	"github.com/stretchr/testify/require"

	"github.com/cumulite/cumulite/compute/computeapi"
	"github.com/cumulite/cumulite/platform/httpapi"
)

// gopher gives gophercloud's client of the API, over a real connection.
func (w *world) gopher(t *testing.T, caller, version string) *gophercloud.ServiceClient {
	t.Helper()
	var api http.Handler
	srv := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) { api.ServeHTTP(rw, r) }))
	t.Cleanup(srv.Close)
	var err error
	api, err = computeapi.New(w.compute, httpapi.Config{Prefix: "/compute", PublicURL: srv.URL, Verifier: tokens{}, Clock: w.clock})
	require.NoError(t, err)
	provider := &gophercloud.ProviderClient{TokenID: caller, HTTPClient: http.Client{Timeout: 10 * time.Second}}
	return &gophercloud.ServiceClient{ProviderClient: provider, Endpoint: srv.URL + "/compute/v2.1/", Type: "compute", Microversion: version}
}

// all gives what a pager finds on all pages.
func all[T any](t *testing.T, p pagination.Pager, extract func(pagination.Page) ([]T, error)) []T {
	t.Helper()
	pages, err := p.AllPages(t.Context())
	require.NoError(t, err)
	list, err := extract(pages)
	require.NoError(t, err)
	return list
}

func TestGophercloudMakesAndDeletesAServer(t *testing.T) {
	w := newWorld(t)
	ctx, c := t.Context(), w.gopher(t, "member", "2.96")
	flavor := w.flavor(t, "small")
	group, err := servergroups.Create(ctx, c, servergroups.CreateOpts{Name: "g", Policy: "anti-affinity", Rules: &servergroups.Rules{MaxServerPerHost: 3}}).Extract()
	require.NoError(t, err)
	key, err := keypairs.Create(ctx, c, keypairs.CreateOpts{Name: "key", PublicKey: publicKey}).Extract()
	require.NoError(t, err)
	drive := true
	opts := keypairs.CreateOptsExt{KeyName: key.Name, CreateOptsBuilder: servers.CreateOpts{Name: "vm", FlavorRef: flavor.ID, ImageRef: w.image, UserData: []byte("#!/bin/sh\n"),
		Networks: []servers.Network{{UUID: w.netID}}, Metadata: map[string]string{"a": "b"}, Tags: []string{"red"}, ConfigDrive: &drive}}
	made, err := servers.Create(ctx, c, opts, servers.SchedulerHintOpts{Group: group.ID}).Extract()
	require.NoError(t, err)
	require.NotEmpty(t, made.AdminPass)
	w.idle(t)
	s, err := servers.Get(ctx, c, made.ID).Extract()
	require.NoError(t, err)
	require.Equal(t, "ACTIVE", s.Status, "%+v", s.Fault)
	require.Equal(t, []string{group.ID}, *s.ServerGroups)
	require.Equal(t, []string{"red"}, *s.Tags)
	require.Equal(t, "key", s.KeyName)
	require.Equal(t, "m1.small", s.Flavor["original_name"])
	require.Contains(t, s.Addresses, "private")
	require.Equal(t, "default", s.SecurityGroups[0]["name"])
	require.NoError(t, servers.Delete(ctx, c, made.ID).ExtractErr())
	w.idle(t)
	_, err = servers.Get(ctx, c, made.ID).Extract()
	require.True(t, gophercloud.ResponseCodeIs(err, 404), "%v", err)
	g, err := servergroups.Get(ctx, c, group.ID).Extract()
	require.NoError(t, err)
	require.Empty(t, g.Members)
	list, err := instanceactions.List(c, made.ID, nil).AllPages(ctx)
	require.NoError(t, err, "deleted servers show what was asked of them")
	done, err := instanceactions.ExtractInstanceActions(list)
	require.NoError(t, err)
	require.Equal(t, "delete", done[0].Action)
	require.Equal(t, "create", done[1].Action)
	detail, err := instanceactions.Get(ctx, c, made.ID, done[1].RequestID).Extract()
	require.NoError(t, err)
	require.NotEmpty(t, *detail.Events)
	require.Equal(t, "Success", (*detail.Events)[0].Result)
}

func TestGophercloudActsOnAServer(t *testing.T) {
	w := newWorld(t)
	ctx, c, id := t.Context(), w.gopher(t, "member", "2.79"), w.server(t).ID
	for _, act := range []func() error{
		func() error { return servers.Stop(ctx, c, id).ExtractErr() },
		func() error { return servers.Start(ctx, c, id).ExtractErr() },
		func() error {
			return servers.Reboot(ctx, c, id, servers.RebootOpts{Type: servers.HardReboot}).ExtractErr()
		},
		func() error { return servers.Pause(ctx, c, id).ExtractErr() },
		func() error { return servers.Unpause(ctx, c, id).ExtractErr() },
		func() error { return servers.Suspend(ctx, c, id).ExtractErr() },
		func() error { return servers.Resume(ctx, c, id).ExtractErr() },
		func() error { return servers.Lock(ctx, c, id).ExtractErr() },
		func() error { return servers.Unlock(ctx, c, id).ExtractErr() },
		func() error { return tags.Add(ctx, c, id, "blue").ExtractErr() },
		func() error { return secgroups.RemoveServer(ctx, c, id, "default").ExtractErr() },
		func() error { return secgroups.AddServer(ctx, c, id, "default").ExtractErr() },
		func() error {
			_, err := servers.Rebuild(ctx, c, id, servers.RebuildOpts{ImageRef: w.image, Name: "again"}).Extract()
			return err
		},
		func() error {
			_, err := servers.Update(ctx, c, id, servers.UpdateOpts{Name: "renamed"}).Extract()
			return err
		},
		func() error {
			_, err := servers.UpdateMetadata(ctx, c, id, servers.MetadataOpts{"k": "v"}).Extract()
			return err
		},
		func() error { return servers.DeleteMetadatum(ctx, c, id, "k").ExtractErr() },
		func() error { return servers.ResetState(ctx, w.gopher(t, "admin", "2.79"), id, "error").ExtractErr() },
		func() error { return servers.ResetState(ctx, w.gopher(t, "admin", "2.79"), id, "active").ExtractErr() },
	} {
		require.NoError(t, act())
		w.idle(t)
	}
	s, err := servers.Get(ctx, c, id).Extract()
	require.NoError(t, err)
	require.Equal(t, "renamed", s.Name)
	require.Equal(t, "ACTIVE", s.Status)
	has, err := tags.Check(ctx, c, id, "blue").Extract()
	require.NoError(t, err)
	require.True(t, has)
	output, err := servers.ShowConsoleOutput(ctx, c, id, servers.ShowConsoleOutputOpts{Length: 5}).Extract()
	require.NoError(t, err)
	require.NotEmpty(t, output)
}

func TestGophercloudAttachesInterfaces(t *testing.T) {
	w := newWorld(t)
	ctx, c, id := t.Context(), w.gopher(t, "member", "2.70"), w.server(t).ID
	made, err := attachinterfaces.Create(ctx, c, id, attachinterfaces.CreateOpts{NetworkID: w.netID, FixedIPs: []attachinterfaces.FixedIP{{IPAddress: "10.0.9.9"}}}).Extract()
	require.NoError(t, err)
	require.Equal(t, "10.0.9.9", made.FixedIPs[0].IPAddress)
	require.Len(t, all(t, attachinterfaces.List(c, id), attachinterfaces.ExtractInterfaces), 2)
	require.NoError(t, attachinterfaces.Delete(ctx, c, id, made.PortID).ExtractErr())
	w.idle(t)
	_, err = attachinterfaces.Get(ctx, c, id, made.PortID).Extract()
	require.True(t, gophercloud.ResponseCodeIs(err, 404), "%v", err)
}

func TestGophercloudPagesThroughServers(t *testing.T) {
	w := newWorld(t)
	for range 5 {
		w.server(t)
	}
	c := w.gopher(t, "member", "2.96")
	found := all(t, servers.List(c, servers.ListOpts{Limit: 2, Status: "ACTIVE", Name: "^server"}), servers.ExtractServers)
	require.Len(t, found, 5)
	require.Empty(t, all(t, servers.List(c, servers.ListOpts{Status: "SHUTOFF"}), servers.ExtractServers))
	require.Empty(t, all(t, servers.List(w.gopher(t, "other", "2.96"), nil), servers.ExtractServers))
	require.Len(t, all(t, servers.List(w.gopher(t, "admin", "2.96"), servers.ListOpts{AllTenants: true, TenantID: "p1"}), servers.ExtractServers), 5)
	_, err := servers.List(c, servers.ListOpts{AllTenants: true}).AllPages(t.Context())
	require.True(t, gophercloud.ResponseCodeIs(err, 403), "%v", err)
}

func TestGophercloudAdministersHosts(t *testing.T) {
	w := newWorld(t)
	w.server(t)
	ctx := t.Context()
	for _, version := range []string{"2.1", "2.53", "2.87"} {
		found := all(t, hypervisors.List(w.gopher(t, "admin", version), nil), hypervisors.ExtractHypervisors)
		require.Len(t, found, 1, version)
		require.Equal(t, "hv1", found[0].HypervisorHostname)
		require.Equal(t, 1, found[0].RunningVMs)
	}
	statistics, err := hypervisors.GetStatistics(ctx, w.gopher(t, "admin", "2.87")).Extract()
	require.NoError(t, err)
	require.Equal(t, 1024, statistics.VCPUs)
	c := w.gopher(t, "admin", "2.96")
	list := all(t, services.List(c, services.ListOpts{Binary: "nova-compute"}), services.ExtractServices)
	require.Len(t, list, 1)
	changed, err := services.Update(ctx, c, list[0].ID, services.UpdateOpts{Status: services.ServiceDisabled, DisabledReason: "broken"}).Extract()
	require.NoError(t, err)
	require.Equal(t, "disabled", changed.Status)
	zones := all(t, availabilityzones.ListDetail(c), availabilityzones.ExtractAvailabilityZones)
	require.False(t, zones[0].Hosts["hv1"]["nova-compute"].Active)
}

func TestGophercloudReadsQuotasLimitsAndUsage(t *testing.T) {
	w := newWorld(t)
	w.server(t)
	w.clock.Advance(2 * time.Hour)
	ctx, admin, member := t.Context(), w.gopher(t, "admin", "2.57"), w.gopher(t, "member", "2.57")
	cores := 30
	set, err := quotasets.Update(ctx, admin, "p1", quotasets.UpdateOpts{Cores: &cores}).Extract()
	require.NoError(t, err)
	require.Equal(t, 30, set.Cores)
	detail, err := quotasets.GetDetail(ctx, member, "p1").Extract()
	require.NoError(t, err)
	require.Equal(t, quotasets.QuotaDetail{InUse: 1, Limit: 30}, detail.Cores)
	l, err := limits.Get(ctx, member, nil).Extract()
	require.NoError(t, err)
	require.Equal(t, 1, l.Absolute.TotalInstancesUsed)
	start, end := w.clock.Now().Add(-time.Hour), w.clock.Now()
	var used *usage.TenantUsage
	require.NoError(t, usage.SingleTenant(member, "p1", usage.SingleTenantOpts{Start: &start, End: &end}).EachPage(ctx, func(_ context.Context, p pagination.Page) (more bool, err error) {
		used, err = usage.ExtractSingleTenant(p)
		return false, err
	}))
	require.InDelta(t, 1, used.TotalHours, 0.001)
	require.InDelta(t, 512, used.TotalMemoryMBUsage, 0.1)
	require.Equal(t, "active", used.ServerUsages[0].State)
}

func TestGophercloudKeepsFlavors(t *testing.T) {
	w := newWorld(t)
	ctx, c := t.Context(), w.gopher(t, "admin", "2.61")
	disk, private := 1, false
	f, err := flavors.Create(ctx, c, flavors.CreateOpts{Name: "f", RAM: 64, VCPUs: 1, Disk: &disk, IsPublic: &private, Description: "small"}).Extract()
	require.NoError(t, err)
	_, err = flavors.CreateExtraSpecs(ctx, c, f.ID, flavors.ExtraSpecsOpts{"hw:cpu_policy": "shared"}).Extract()
	require.NoError(t, err)
	_, err = flavors.AddAccess(ctx, c, f.ID, flavors.AddAccessOpts{Tenant: "p1"}).Extract()
	require.NoError(t, err)
	found := all(t, flavors.ListDetail(w.gopher(t, "member", "2.61"), nil), flavors.ExtractFlavors)
	require.Len(t, found, 1)
	require.Equal(t, "shared", found[0].ExtraSpecs["hw:cpu_policy"])
	require.NoError(t, flavors.Delete(ctx, c, f.ID).ExtractErr())
}
