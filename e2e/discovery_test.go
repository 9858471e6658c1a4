package e2e

import (
	"context"
	"encoding/json"
	"strings"
	"testing"

	"github.com/gophercloud/gophercloud/v2"
	"github.com/gophercloud/gophercloud/v2/openstack"
	"github.com/gophercloud/gophercloud/v2/openstack/config"
	"github.com/gophercloud/gophercloud/v2/openstack/config/clouds"
	"github.com/gophercloud/gophercloud/v2/openstack/utils"
	"github.com/stretchr/testify/require"
)

// Each of these clients finds the services by the catalogue and the version
// documents in a way of its own.
func TestClientsDiscoverEveryService(t *testing.T) {
	needOpenstack(t)
	d := startDaemon(t, here, "--ephemeral")
	for name, discover := range map[string]func(*testing.T, *daemon){
		"openstack": openstackVersions, "openstacksdk": sdkVersions, "neutronclient": neutronVersions, "gophercloud": gophercloudVersions,
	} {
		t.Run(name, func(t *testing.T) { discover(t, d) })
	}
}

func openstackVersions(t *testing.T, d *daemon) {
	member := cloud{d, here, "cumulite"}
	highest := map[string]string{}
	for _, row := range member.list(t, "versions", "show") {
		if row["Status"] == "CURRENT" {
			highest[row["Service Type"].(string)], _ = row["Max Microversion"].(string)
			require.True(t, strings.HasPrefix(row["Endpoint"].(string), d.url), row)
		}
	}
	require.Equal(t, map[string]string{"identity": "", "image": "", "network": "", "compute": "2.96"}, highest)
	require.Len(t, member.list(t, "catalog", "list"), 4)
}

// python runs a program of Debian's Python with the member's credentials, and
// gives the JSON that it prints.
func python(t *testing.T, d *daemon, text string) (out map[string]any) {
	t.Helper()
	printed, err := output(t, here, []string{"OS_CLIENT_CONFIG_FILE=" + d.clouds}, "/usr/bin/python3", "-c", text)
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal([]byte(printed), &out), printed)
	return out
}

func sdkVersions(t *testing.T, d *daemon) {
	out := python(t, d, `
import json, openstack
c = openstack.connect(cloud="cumulite")
highest = c.compute.get_endpoint_data()
print(json.dumps({
    "compute": [highest.min_microversion, highest.max_microversion],
    "identity": list(c.identity.get_api_major_version()),
    "image": list(c.image.get_api_major_version())[0],
    "network": list(c.network.get_api_major_version()),
    "found": [len(list(l)) for l in (c.compute.servers(), c.network.networks(), c.image.images(), c.compute.flavors(), c.network.extensions())][:4],
    "project": c.current_project.name,
}))`)
	require.Equal(t, map[string]any{"compute": []any{[]any{2., 1.}, []any{2., 96.}}, "identity": []any{3., 14.}, "image": 2.,
		"network": []any{2., 0.}, "found": []any{0., 0., 0., 0.}, "project": "cumulite"}, out)
}

func neutronVersions(t *testing.T, d *daemon) {
	out := python(t, d, `
import json, openstack
from neutronclient.v2_0 import client
n = client.Client(session=openstack.connect(cloud="cumulite").session, region_name="RegionOne")
made = n.create_network({"network": {"name": "n"}})["network"]
print(json.dumps({
    "name": [x["name"] for x in n.list_networks(id=made["id"])["networks"]],
    "extension": "router" in [e["alias"] for e in n.list_extensions()["extensions"]],
    "gone": n.delete_network(made["id"]) is not None,
}))`)
	require.Equal(t, map[string]any{"name": []any{"n"}, "extension": true, "gone": true}, out)
}

func gophercloudVersions(t *testing.T, d *daemon) {
	auth, endpoint, tls, err := clouds.Parse(clouds.WithLocations(d.clouds), clouds.WithCloudName("cumulite"))
	require.NoError(t, err)
	provider, err := config.NewProviderClient(t.Context(), auth, config.WithTLSConfig(tls))
	require.NoError(t, err)
	for name, open := range map[string]func(*gophercloud.ProviderClient, gophercloud.EndpointOpts) (*gophercloud.ServiceClient, error){
		"/identity/v3/": openstack.NewIdentityV3, "/image/v2/": openstack.NewImageV2, "/networking/v2.0/": openstack.NewNetworkV2, "/compute/v2.1/": openstack.NewComputeV2,
	} {
		client, err := open(provider, endpoint)
		require.NoError(t, err)
		require.Equal(t, d.url+name, client.ServiceURL(""))
	}
	client, err := openstack.NewComputeV2(provider, endpoint)
	require.NoError(t, err)
	spoken, err := utils.GetSupportedMicroversions(context.WithoutCancel(t.Context()), client)
	require.NoError(t, err)
	require.Equal(t, utils.SupportedMicroversions{MaxMajor: 2, MaxMinor: 96, MinMajor: 2, MinMinor: 1}, spoken)
}
