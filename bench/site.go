package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/gophercloud/gophercloud/v2/openstack"
	"github.com/gophercloud/gophercloud/v2/openstack/compute/v2/flavors"
	"github.com/gophercloud/gophercloud/v2/openstack/compute/v2/quotasets"
	networkquotas "github.com/gophercloud/gophercloud/v2/openstack/networking/v2/extensions/quotas"
	"github.com/gophercloud/gophercloud/v2/openstack/networking/v2/networks"
	"github.com/gophercloud/gophercloud/v2/openstack/networking/v2/subnets"
)

// site is a cloud that has what a server needs, and no quota for its project.
type site struct {
	http                           *http.Client
	url, token, project            string
	image, flavor, network, subnet string
}

// furnish readies a cloud for servers.
func (d *cumulited) furnish(ctx context.Context) (*site, error) {
	provider, endpoint, err := d.login(ctx, "cumulite-admin")
	if err != nil {
		return nil, err
	}
	s := &site{url: d.url, token: provider.Token(), http: &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 64}}}
	if s.project, err = projectOf(provider); err != nil {
		return nil, err
	}
	if s.image, err = upload(ctx, provider, endpoint, "raw", strings.NewReader(strings.Repeat("\x00", 1024))); err != nil {
		return nil, err
	}
	compute, err := openstack.NewComputeV2(provider, endpoint)
	if err != nil {
		return nil, err
	}
	disk, unlimited := 1, -1
	flavor, err := flavors.Create(ctx, compute, flavors.CreateOpts{Name: "bench", RAM: 64, VCPUs: 1, Disk: &disk}).Extract()
	if err != nil {
		return nil, err
	}
	s.flavor = flavor.ID
	if _, err := quotasets.Update(ctx, compute, s.project, quotasets.UpdateOpts{Instances: &unlimited, Cores: &unlimited, RAM: &unlimited}).Extract(); err != nil {
		return nil, err
	}
	neutron, err := openstack.NewNetworkV2(provider, endpoint)
	if err != nil {
		return nil, err
	}
	if _, err := networkquotas.Update(ctx, neutron, s.project, networkquotas.UpdateOpts{Port: &unlimited}).Extract(); err != nil {
		return nil, err
	}
	n, err := networks.Create(ctx, neutron, networks.CreateOpts{Name: "bench"}).Extract()
	if err != nil {
		return nil, err
	}
	s.network = n.ID
	sub, err := subnets.Create(ctx, neutron, subnets.CreateOpts{NetworkID: n.ID, CIDR: "10.0.0.0/8", IPVersion: 4}).Extract()
	if err != nil {
		return nil, err
	}
	s.subnet = sub.ID
	return s, nil
}

// call makes one request and decodes the answer into out, unless that is nil.
func (s *site) call(ctx context.Context, method, path string, in, out any) error {
	body, err := json.Marshal(in)
	if err != nil {
		return err
	}
	r, err := http.NewRequestWithContext(ctx, method, s.url+path, bytes.NewReader(body))
	if err != nil {
		return err
	}
	r.Header.Set("X-Auth-Token", s.token)
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("OpenStack-API-Version", "compute 2.37")
	answer, err := s.http.Do(r)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		return err
	}
	if answer.StatusCode >= 300 {
		return fmt.Errorf("%s %s: %s: %s", method, path, answer.Status, text)
	}
	if out == nil {
		return nil
	}
	return json.Unmarshal(text, out)
}

// create asks for n servers, on the site's network or on none, and gives the id of the first.
func (s *site) create(ctx context.Context, n int, network bool) (string, error) {
	var networks any = "none"
	if network {
		networks = []map[string]string{{"uuid": s.network}}
	}
	var out struct{ Server struct{ ID string } }
	err := s.call(ctx, "POST", "/compute/v2.1/servers", map[string]any{"server": map[string]any{
		"name": "bench", "imageRef": s.image, "flavorRef": s.flavor, "networks": networks, "min_count": n, "max_count": n}}, &out)
	return out.Server.ID, err
}

// status gives the status of a server.
func (s *site) status(ctx context.Context, id string) (string, error) {
	var out struct{ Server struct{ Status string } }
	err := s.call(ctx, "GET", "/compute/v2.1/servers/"+id, nil, &out)
	return out.Server.Status, err
}
