package networkapi_test

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/gophercloud/gophercloud/v2"
	"github.com/gophercloud/gophercloud/v2/openstack/networking/v2/extensions/agents"
	"github.com/gophercloud/gophercloud/v2/openstack/networking/v2/extensions/attributestags"
	"github.com/gophercloud/gophercloud/v2/openstack/networking/v2/extensions/external"
	"github.com/gophercloud/gophercloud/v2/openstack/networking/v2/extensions/layer3/floatingips"
	"github.com/gophercloud/gophercloud/v2/openstack/networking/v2/extensions/layer3/routers"
	"github.com/gophercloud/gophercloud/v2/openstack/networking/v2/extensions/networkipavailabilities"
	"github.com/gophercloud/gophercloud/v2/openstack/networking/v2/extensions/portsbinding"
	"github.com/gophercloud/gophercloud/v2/openstack/networking/v2/extensions/quotas"
	"github.com/gophercloud/gophercloud/v2/openstack/networking/v2/extensions/security/groups"
	"github.com/gophercloud/gophercloud/v2/openstack/networking/v2/extensions/security/rules"
	"github.com/gophercloud/gophercloud/v2/openstack/networking/v2/networks"
	"github.com/gophercloud/gophercloud/v2/openstack/networking/v2/ports"
	"github.com/gophercloud/gophercloud/v2/openstack/networking/v2/subnets"
	"github.com/stretchr/testify/require"
)

// dial gives gophercloud's client of the API over HTTP.
func (w *world) dial(who string) *gophercloud.ServiceClient {
	var api http.Handler
	server := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) { api.ServeHTTP(rw, r) }))
	api = w.serve(server.URL)
	w.t.Cleanup(server.Close)
	provider := &gophercloud.ProviderClient{TokenID: who, HTTPClient: *server.Client()}
	return &gophercloud.ServiceClient{ProviderClient: provider, Type: "network",
		Endpoint: server.URL + "/networking/", ResourceBase: server.URL + "/networking/v2.0/"}
}

func TestGophercloudBuildsASiteAndTakesItDown(t *testing.T) {
	w := newWorld(t)
	ctx, c, admin := t.Context(), w.dial("member"), w.dial("admin")
	yes := true
	ext, err := networks.Create(ctx, admin, external.CreateOptsExt{CreateOptsBuilder: networks.CreateOpts{Name: "public"}, External: &yes}).Extract()
	require.NoError(t, err)
	_, err = subnets.Create(ctx, admin, subnets.CreateOpts{NetworkID: ext.ID, CIDR: "172.24.4.0/24", IPVersion: 4}).Extract()
	require.NoError(t, err)
	net, err := networks.Create(ctx, c, networks.CreateOpts{Name: "private", AdminStateUp: &yes}).Extract()
	require.NoError(t, err)
	require.Equal(t, 1, net.RevisionNumber)
	sub, err := subnets.Create(ctx, c, subnets.CreateOpts{NetworkID: net.ID, CIDR: "10.0.0.0/24", IPVersion: 4, DNSNameservers: []string{"9.9.9.9"}}).Extract()
	require.NoError(t, err)
	router, err := routers.Create(ctx, c, routers.CreateOpts{Name: "r", GatewayInfo: &routers.GatewayInfo{NetworkID: ext.ID}}).Extract()
	require.NoError(t, err)
	leg, err := routers.AddInterface(ctx, c, router.ID, routers.AddInterfaceOpts{SubnetID: sub.ID}).Extract()
	require.NoError(t, err)
	require.Equal(t, sub.ID, leg.SubnetID)
	group, err := groups.Create(ctx, c, groups.CreateOpts{Name: "web"}).Extract()
	require.NoError(t, err)
	_, err = rules.Create(ctx, c, rules.CreateOpts{SecGroupID: group.ID, Direction: rules.DirIngress, EtherType: rules.EtherType4,
		Protocol: rules.ProtocolTCP, PortRangeMin: 443, PortRangeMax: 443}).Extract()
	require.NoError(t, err)
	port, err := ports.Create(ctx, c, ports.CreateOpts{NetworkID: net.ID, Name: "p", SecurityGroups: &[]string{group.ID}}).Extract()
	require.NoError(t, err)
	require.Equal(t, sub.ID, port.FixedIPs[0].SubnetID)
	fip, err := floatingips.Create(ctx, c, floatingips.CreateOpts{FloatingNetworkID: ext.ID, PortID: port.ID}).Extract()
	require.NoError(t, err)
	require.Equal(t, port.FixedIPs[0].IPAddress, fip.FixedIP)

	tags, err := attributestags.ReplaceAll(ctx, c, "ports", port.ID, attributestags.ReplaceAllOpts{Tags: []string{"a"}}).Extract()
	require.NoError(t, err)
	require.Equal(t, []string{"a"}, tags)
	require.NoError(t, attributestags.Add(ctx, c, "ports", port.ID, "b").ExtractErr())
	has, err := attributestags.Confirm(ctx, c, "ports", port.ID, "b").Extract()
	require.NoError(t, err)
	require.True(t, has)

	require.True(t, gophercloud.ResponseCodeIs(networks.Delete(ctx, c, net.ID).Err, http.StatusConflict), "it is in use")
	fip, err = floatingips.Update(ctx, c, fip.ID, floatingips.UpdateOpts{PortID: new(string)}).Extract()
	require.NoError(t, err)
	require.Empty(t, fip.PortID)
	require.NoError(t, floatingips.Delete(ctx, c, fip.ID).ExtractErr())
	require.NoError(t, ports.Delete(ctx, c, port.ID).ExtractErr())
	_, err = routers.RemoveInterface(ctx, c, router.ID, routers.RemoveInterfaceOpts{SubnetID: sub.ID}).Extract()
	require.NoError(t, err)
	require.NoError(t, routers.Delete(ctx, c, router.ID).ExtractErr())
	require.NoError(t, groups.Delete(ctx, c, group.ID).ExtractErr())
	require.NoError(t, networks.Delete(ctx, c, net.ID).ExtractErr())
	require.True(t, gophercloud.ResponseCodeIs(networks.Get(ctx, c, net.ID).Err, http.StatusNotFound))
}

func TestGophercloudPagesUpdatesAndConstrains(t *testing.T) {
	w := newWorld(t)
	ctx, c := t.Context(), w.dial("member")
	for _, name := range []string{"a", "b", "c"} {
		_, err := networks.Create(ctx, c, networks.CreateOpts{Name: name}).Extract()
		require.NoError(t, err)
	}
	pages, err := networks.List(c, networks.ListOpts{Limit: 2, SortKey: "name", SortDir: "asc"}).AllPages(ctx)
	require.NoError(t, err)
	all, err := networks.ExtractNetworks(pages)
	require.NoError(t, err)
	require.Len(t, all, 3)
	name, revision := "new", all[0].RevisionNumber
	updated, err := networks.Update(ctx, c, all[0].ID, networks.UpdateOpts{Name: &name, RevisionNumber: &revision}).Extract()
	require.NoError(t, err)
	require.Equal(t, "new", updated.Name)
	err = networks.Update(ctx, c, all[0].ID, networks.UpdateOpts{Name: &name, RevisionNumber: &revision}).Err
	require.True(t, gophercloud.ResponseCodeIs(err, http.StatusPreconditionFailed))
}

func TestGophercloudReadsWhatAdministratorsSee(t *testing.T) {
	w := newWorld(t)
	s := w.site()
	ctx, admin := t.Context(), w.dial("admin")
	var port struct {
		ports.Port
		portsbinding.PortsBindingExt
	}
	require.NoError(t, ports.Get(ctx, admin, s.port).ExtractInto(&port))
	require.Equal(t, "unbound", port.VIFType)
	pages, err := agents.List(admin, agents.ListOpts{AgentType: "L3 agent"}).AllPages(ctx)
	require.NoError(t, err)
	all, err := agents.ExtractAgents(pages)
	require.NoError(t, err)
	require.Len(t, all, 1)
	require.True(t, all[0].Alive)
	one, err := agents.Get(ctx, admin, all[0].ID).Extract()
	require.NoError(t, err)
	require.Equal(t, "hv1", one.Host)
	details, err := quotas.GetDetail(ctx, admin, "p1").Extract()
	require.NoError(t, err)
	require.Equal(t, 1, details.Router.Used)
	limit := 7
	quota, err := quotas.Update(ctx, admin, "p1", quotas.UpdateOpts{Router: &limit}).Extract()
	require.NoError(t, err)
	require.Equal(t, 7, quota.Router)
	free, err := networkipavailabilities.Get(ctx, admin, s.net).Extract()
	require.NoError(t, err)
	require.Equal(t, "253", free.TotalIPs)
	require.Equal(t, "2", free.UsedIPs)
}
