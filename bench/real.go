package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	golibvirt "github.com/digitalocean/go-libvirt"
	"github.com/digitalocean/go-libvirt/socket/dialers"
	"github.com/google/uuid"
	"github.com/gophercloud/gophercloud/v2"
	"github.com/gophercloud/gophercloud/v2/openstack"
	"github.com/gophercloud/gophercloud/v2/openstack/compute/v2/flavors"
	"github.com/gophercloud/gophercloud/v2/openstack/compute/v2/servers"
	"github.com/gophercloud/gophercloud/v2/openstack/networking/v2/networks"
	"github.com/gophercloud/gophercloud/v2/openstack/networking/v2/subnets"

	"github.com/cumulite/cumulite/platform/command"
)

const (
	socket = "/run/libvirt/libvirt-sock"
	pairs  = 5 // of starts by the cloud and by hand
)

// guests is a cloud with real servers, and libvirtd beside it.
type guests struct {
	dir      string // of the cloud
	compute  *gophercloud.ServiceClient
	libvirt  *golibvirt.Libvirt
	started  chan string // the ids of guests as libvirtd tells that they started
	template servers.CreateOpts
}

// real measures servers that QEMU runs. It needs root and libvirtd on its socket.
func (b *bench) real(ctx context.Context) (err error) {
	state := filepath.Join(b.dir, "real")
	args := []string{"--state-dir", state, "--hypervisor", "libvirt", "--network", "linuxnet", "--accel", "tcg"}
	d, err := b.launch(ctx, args...)
	if err != nil {
		return err
	}
	defer func() {
		err = d.stop(err)
		if _, purged := command.Run(ctx, command.Command{Path: b.program, Args: append(args, "--purge")}); err == nil {
			err = purged
		}
	}()
	g, err := prepare(ctx, d, state+"-host")
	if err != nil {
		return err
	}
	defer func() { _ = g.libvirt.Disconnect() }()
	return errors.Join(g.creates(ctx, b.runs), g.compare(ctx))
}

// prepare makes what a server needs.
func prepare(ctx context.Context, d *cumulited, dir string) (*guests, error) {
	g := &guests{dir: dir, started: make(chan string, 16), libvirt: golibvirt.NewWithDialer(dialers.NewLocal(dialers.WithSocket(socket)))}
	if err := g.libvirt.Connect(); err != nil {
		return nil, fmt.Errorf("libvirtd (scripts/libvirtd start): %w", err)
	}
	events, err := g.libvirt.LifecycleEvents(ctx)
	if err != nil {
		return nil, err
	}
	go func() {
		for e := range events {
			if golibvirt.DomainEventType(e.Event) == golibvirt.DomainEventStarted {
				g.started <- uuid.UUID(e.Dom.UUID).String()
			}
		}
	}()
	provider, endpoint, err := d.login(ctx, "cumulite-admin")
	if err != nil {
		return nil, err
	}
	if g.compute, err = openstack.NewComputeV2(provider, endpoint); err != nil {
		return nil, err
	}
	network, err := openstack.NewNetworkV2(provider, endpoint)
	if err != nil {
		return nil, err
	}
	return g, g.provide(ctx, provider, endpoint, network)
}

func (g *guests) provide(ctx context.Context, provider *gophercloud.ProviderClient, endpoint gophercloud.EndpointOpts, network *gophercloud.ServiceClient) error {
	path, err := command.Run(ctx, command.Command{Path: "/bin/bash", Args: []string{"test/guest/build.sh", "/var/tmp/cumulite-guest"}, Dir: workingDir(),
		Env: []string{"PATH=/usr/sbin:/usr/bin:/sbin:/bin"}, Limits: command.Limits{Time: 5 * time.Minute}})
	if err != nil {
		return err
	}
	disk, err := os.Open(filepath.Join(strings.TrimSpace(string(path)), "guest.qcow2"))
	if err != nil {
		return err
	}
	defer disk.Close()
	image, err := upload(ctx, provider, endpoint, "qcow2", disk)
	if err != nil {
		return err
	}
	gib := 1
	flavor, err := flavors.Create(ctx, g.compute, flavors.CreateOpts{Name: "bench", RAM: 192, VCPUs: 1, Disk: &gib}).Extract()
	if err != nil {
		return err
	}
	net, err := networks.Create(ctx, network, networks.CreateOpts{Name: "bench"}).Extract()
	if err != nil {
		return err
	}
	if _, err := subnets.Create(ctx, network, subnets.CreateOpts{NetworkID: net.ID, CIDR: "10.3.0.0/24", IPVersion: 4}).Extract(); err != nil {
		return err
	}
	g.template = servers.CreateOpts{Name: "bench", ImageRef: image, FlavorRef: flavor.ID, Networks: []servers.Network{{UUID: net.ID}}}
	return nil
}

func workingDir() string { dir, _ := os.Getwd(); return dir }

// creates measures from an accepted request to libvirtd's word that the guest started.
func (g *guests) creates(ctx context.Context, runs int) error {
	if _, err := g.once(ctx); err != nil { // the image is cached after the first
		return err
	}
	var all []time.Duration
	for range runs {
		took, err := g.once(ctx)
		if err != nil {
			return err
		}
		all = append(all, took)
	}
	report("real server: request accepted to libvirtd's started", "%s", milliseconds(all))
	return nil
}

// once makes a server and takes it away again.
func (g *guests) once(ctx context.Context) (time.Duration, error) {
	server, err := servers.Create(ctx, g.compute, g.template, nil).Extract()
	if err != nil {
		return 0, err
	}
	accepted := time.Now()
	if err := g.awaitStart(ctx, server.ID); err != nil {
		return 0, err
	}
	took := time.Since(accepted)
	if err := g.status(ctx, server.ID, "ACTIVE"); err != nil {
		return 0, err
	}
	return took, g.remove(ctx, server.ID)
}

// compare starts the same guest by the cloud and by hand, in turns, and
// measures how long each takes from started to ready.
func (g *guests) compare(ctx context.Context) error {
	server, err := servers.Create(ctx, g.compute, g.template, nil).Extract()
	if err != nil {
		return err
	}
	domain := golibvirt.Domain{UUID: golibvirt.UUID(uuid.MustParse(server.ID))}
	if _, err := g.ready(ctx, server.ID); err != nil {
		return err
	}
	text, err := g.libvirt.DomainGetXMLDesc(domain, golibvirt.DomainXMLSecure|golibvirt.DomainXMLInactive)
	if err != nil {
		return err
	}
	var ours, byHand []time.Duration
	for range pairs {
		for _, each := range []struct {
			all   *[]time.Duration
			start func() error
		}{
			{&ours, func() error { return servers.Start(ctx, g.compute, server.ID).ExtractErr() }},
			{&byHand, func() error {
				defined, err := g.libvirt.DomainDefineXML(text)
				if err != nil {
					return err
				}
				return g.libvirt.DomainCreate(defined)
			}},
		} {
			took, err := g.restart(ctx, server.ID, each.start)
			if err != nil {
				return err
			}
			*each.all = append(*each.all, took)
		}
	}
	report("real server: libvirtd's started to the guest's ready", "%s", milliseconds(ours))
	report("the same domain, started by hand", "%s", milliseconds(byHand))
	return g.remove(ctx, server.ID)
}

// restart stops a server and starts it again in some way.
func (g *guests) restart(ctx context.Context, id string, start func() error) (time.Duration, error) {
	if err := servers.Stop(ctx, g.compute, id).ExtractErr(); err != nil {
		return 0, err
	}
	if err := g.status(ctx, id, "SHUTOFF"); err != nil {
		return 0, err
	}
	if err := start(); err != nil {
		return 0, err
	}
	took, err := g.ready(ctx, id)
	if err != nil {
		return 0, err
	}
	return took, g.status(ctx, id, "ACTIVE")
}

// ready measures from started to the guest's word on its console that it is ready.
func (g *guests) ready(ctx context.Context, id string) (time.Duration, error) {
	path := filepath.Join(g.dir, "guests/guests", id, "console.log")
	if err := g.awaitStart(ctx, id); err != nil {
		return 0, err
	}
	began := time.Now()
	before := -1
	err := poll(ctx, 2*time.Millisecond, func() (bool, error) {
		text, err := os.ReadFile(path)
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			return false, err
		}
		now := bytes.Count(text, []byte("GUEST-READY"))
		if before < 0 {
			before = now
		}
		return now > before, nil
	})
	return time.Since(began), err
}

func (g *guests) awaitStart(ctx context.Context, id string) error {
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(time.Minute):
			return fmt.Errorf("server %s did not start in a minute", id)
		case started := <-g.started:
			if started == id {
				return nil
			}
		}
	}
}

func (g *guests) status(ctx context.Context, id, want string) error {
	return poll(ctx, 20*time.Millisecond, func() (bool, error) {
		server, err := servers.Get(ctx, g.compute, id).Extract()
		if err == nil && server.Status == "ERROR" {
			err = fmt.Errorf("server %s: %s", id, server.Fault.Message)
		}
		return err == nil && server.Status == want, err
	})
}

func (g *guests) remove(ctx context.Context, id string) error {
	if err := servers.Delete(ctx, g.compute, id).ExtractErr(); err != nil {
		return err
	}
	return poll(ctx, 20*time.Millisecond, func() (bool, error) {
		_, err := servers.Get(ctx, g.compute, id).Extract()
		if gophercloud.ResponseCodeIs(err, 404) {
			return true, nil
		}
		return false, err
	})
}

// poll asks until yes, for two minutes.
func poll(ctx context.Context, every time.Duration, yes func() (bool, error)) error {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Minute)
	defer cancel()
	for {
		if done, err := yes(); done || err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(every):
		}
	}
}
