package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gophercloud/gophercloud/v2"
	"github.com/gophercloud/gophercloud/v2/openstack"
	"github.com/gophercloud/gophercloud/v2/openstack/compute/v2/flavors"
	"github.com/gophercloud/gophercloud/v2/openstack/compute/v2/quotasets"
	"github.com/gophercloud/gophercloud/v2/openstack/compute/v2/servers"
	"github.com/gophercloud/gophercloud/v2/openstack/config"
	"github.com/gophercloud/gophercloud/v2/openstack/config/clouds"
	"github.com/gophercloud/gophercloud/v2/openstack/identity/v3/tokens"
	"github.com/gophercloud/gophercloud/v2/openstack/image/v2/imagedata"
	"github.com/gophercloud/gophercloud/v2/openstack/image/v2/images"
)

const (
	clients = 16
	loadFor = 3 * time.Second
	many    = 1000 // servers
)

// login gives an authenticated client of one of the clouds in clouds.yaml.
func (d *cumulited) login(ctx context.Context, cloud string) (*gophercloud.ProviderClient, gophercloud.EndpointOpts, error) {
	auth, endpoint, tls, err := clouds.Parse(clouds.WithLocations(d.clouds), clouds.WithCloudName(cloud))
	if err != nil {
		return nil, endpoint, err
	}
	provider, err := config.NewProviderClient(ctx, auth, config.WithTLSConfig(tls))
	return provider, endpoint, err
}

// http measures tokens and lists over HTTP.
func (b *bench) http(ctx context.Context) error {
	d, err := b.launch(ctx, "--ephemeral")
	if err != nil {
		return err
	}
	provider, endpoint, err := d.login(ctx, "cumulite-admin")
	if err != nil {
		return d.stop(err)
	}
	token := provider.Token()
	report("GET /v3/auth/tokens", "%.0f/s", rate(ctx, d.url+"/identity/v3/auth/tokens", "GET", "", token))
	body := fmt.Sprintf(`{"auth": {"identity": {"methods": ["token"], "token": {"id": %q}}}}`, token)
	report("POST /v3/auth/tokens, token method", "%.0f/s", rate(ctx, d.url+"/identity/v3/auth/tokens", "POST", body, token))
	return d.stop(list(ctx, provider, endpoint, d.url, token))
}

// rate sends the same request again and again from several clients.
func rate(ctx context.Context, url, method, body, token string) float64 {
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: clients}}
	defer client.CloseIdleConnections()
	var done atomic.Int64
	var all sync.WaitGroup
	began := time.Now()
	for range clients {
		all.Go(func() {
			for time.Since(began) < loadFor {
				if request(ctx, client, method, url, body, token) != nil {
					return
				}
				done.Add(1)
			}
		})
	}
	all.Wait()
	return float64(done.Load()) / time.Since(began).Seconds()
}

func request(ctx context.Context, client *http.Client, method, url, body, token string) error {
	r, err := http.NewRequestWithContext(ctx, method, url, strings.NewReader(body))
	if err != nil {
		return err
	}
	r.Header.Set("X-Auth-Token", token)
	r.Header.Set("X-Subject-Token", token)
	r.Header.Set("Content-Type", "application/json")
	answer, err := client.Do(r)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	if answer.StatusCode >= 300 {
		return fmt.Errorf("%s %s: %s", method, url, answer.Status)
	}
	_, err = io.Copy(io.Discard, answer.Body)
	return err
}

// list measures how many servers become active in a second, and a list of them.
func list(ctx context.Context, provider *gophercloud.ProviderClient, endpoint gophercloud.EndpointOpts, url, token string) error {
	compute, err := openstack.NewComputeV2(provider, endpoint)
	if err != nil {
		return err
	}
	compute.Microversion = "2.37"
	image, err := upload(ctx, provider, endpoint, "raw", strings.NewReader(strings.Repeat("\x00", 1<<20)))
	if err != nil {
		return err
	}
	disk, unlimited := 1, -1
	flavor, err := flavors.Create(ctx, compute, flavors.CreateOpts{Name: "bench", RAM: 64, VCPUs: 1, Disk: &disk}).Extract()
	if err != nil {
		return err
	}
	project, err := projectOf(provider)
	if err != nil {
		return err
	}
	if _, err := quotasets.Update(ctx, compute, project, quotasets.UpdateOpts{Instances: &unlimited, Cores: &unlimited, RAM: &unlimited}).Extract(); err != nil {
		return err
	}
	began := time.Now()
	_, err = servers.Create(ctx, compute, servers.CreateOpts{Name: "bench", ImageRef: image, FlavorRef: flavor.ID, Networks: "none", Min: many, Max: many}, nil).Extract()
	if err != nil {
		return err
	}
	if err := awaitActive(ctx, compute); err != nil {
		return err
	}
	report(fmt.Sprintf("%d simulated servers from one request to all ACTIVE", many), "%.2f s", time.Since(began).Seconds())
	client := &http.Client{}
	var all []time.Duration
	for range 21 {
		began := time.Now()
		if err := request(ctx, client, "GET", url+"/compute/v2.1/servers/detail?limit=1000", "", token); err != nil {
			return err
		}
		all = append(all, time.Since(began))
	}
	report(fmt.Sprintf("GET /servers/detail, %d servers", many), "%s", milliseconds(all))
	return nil
}

func projectOf(provider *gophercloud.ProviderClient) (string, error) {
	result, is := provider.GetAuthResult().(tokens.CreateResult)
	if !is {
		return "", fmt.Errorf("authenticated by %T", provider.GetAuthResult())
	}
	project, err := result.ExtractProject()
	if err != nil {
		return "", err
	}
	return project.ID, nil
}

func awaitActive(ctx context.Context, compute *gophercloud.ServiceClient) error {
	for {
		pages, err := servers.ListSimple(compute, servers.ListOpts{Status: "ACTIVE", Limit: many}).AllPages(ctx)
		if err != nil {
			return err
		}
		active, err := servers.ExtractServers(pages)
		if err != nil || len(active) >= many {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// upload makes a public image of content.
func upload(ctx context.Context, provider *gophercloud.ProviderClient, endpoint gophercloud.EndpointOpts, format string, content io.Reader) (id string, err error) {
	client, err := openstack.NewImageV2(provider, endpoint)
	if err != nil {
		return "", err
	}
	image, err := images.Create(ctx, client, images.CreateOpts{Name: "bench", DiskFormat: format, ContainerFormat: "bare"}).Extract()
	if err != nil {
		return "", err
	}
	return image.ID, imagedata.Upload(ctx, client, image.ID, content).ExtractErr()
}
