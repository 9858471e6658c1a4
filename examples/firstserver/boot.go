package main

import (
	"context"
	"fmt"
	"time"

	"github.com/gophercloud/gophercloud/v2"
	"github.com/gophercloud/gophercloud/v2/openstack/compute/v2/keypairs"
	"github.com/gophercloud/gophercloud/v2/openstack/compute/v2/servers"
	"github.com/gophercloud/gophercloud/v2/openstack/networking/v2/extensions/layer3/floatingips"
	"github.com/gophercloud/gophercloud/v2/openstack/networking/v2/ports"
)

// boot makes a server, looks at it and stops it.
func boot(ctx context.Context, member user, o offer, l lan, made *undo) error {
	key, err := keypairs.Create(ctx, member.compute, keypairs.CreateOpts{Name: "example"}).Extract()
	if err != nil {
		return err
	}
	made.later(func(ctx context.Context) error {
		return keypairs.Delete(ctx, member.compute, key.Name, nil).ExtractErr()
	})
	began := time.Now()
	server, err := servers.Create(ctx, member.compute, keypairs.CreateOptsExt{KeyName: key.Name, CreateOptsBuilder: servers.CreateOpts{
		Name: "example", ImageRef: o.image, FlavorRef: o.flavor, SecurityGroups: []string{l.group}, Networks: []servers.Network{{UUID: l.network}},
		Metadata: map[string]string{"purpose": "example"},
	}}, nil).Extract()
	if err != nil {
		return err
	}
	made.later(func(ctx context.Context) error { return remove(ctx, member, server.ID) })
	if err := await(ctx, member, server.ID, "ACTIVE"); err != nil {
		return err
	}
	fmt.Printf("server %s: ACTIVE after %.2f s\n", server.ID, time.Since(began).Seconds())
	if err := float(ctx, member, o.public, server.ID, made); err != nil {
		return err
	}
	console, err := servers.ShowConsoleOutput(ctx, member.compute, server.ID, servers.ShowConsoleOutputOpts{Length: 20}).Extract()
	if err != nil {
		return err
	}
	fmt.Printf("console:\n%s\n", console)
	if err := servers.Stop(ctx, member.compute, server.ID).ExtractErr(); err != nil {
		return err
	}
	return await(ctx, member, server.ID, "SHUTOFF")
}

// float gives a server a floating address.
func float(ctx context.Context, member user, public, server string, made *undo) error {
	pages, err := ports.List(member.network, ports.ListOpts{DeviceID: server}).AllPages(ctx)
	if err != nil {
		return err
	}
	all, err := ports.ExtractPorts(pages)
	if err != nil {
		return err
	}
	if len(all) != 1 {
		return fmt.Errorf("server %s has %d ports", server, len(all))
	}
	address, err := floatingips.Create(ctx, member.network, floatingips.CreateOpts{FloatingNetworkID: public, PortID: all[0].ID}).Extract()
	if err != nil {
		return err
	}
	made.later(func(ctx context.Context) error {
		return floatingips.Delete(ctx, member.network, address.ID).ExtractErr()
	})
	now, err := servers.Get(ctx, member.compute, server).Extract()
	if err != nil {
		return err
	}
	fmt.Printf("addresses: %v\n", now.Addresses)
	return nil
}

// await polls until a server has a status.
func await(ctx context.Context, member user, id, status string) error {
	for {
		server, err := servers.Get(ctx, member.compute, id).Extract()
		switch {
		case err != nil:
			return err
		case server.Status == status:
			return nil
		case server.Status == "ERROR":
			return fmt.Errorf("server %s: %s", id, server.Fault.Message)
		}
		if err := pause(ctx); err != nil {
			return err
		}
	}
}

// remove deletes a server and waits until it is gone.
func remove(ctx context.Context, member user, id string) error {
	if err := servers.Delete(ctx, member.compute, id).ExtractErr(); err != nil {
		return err
	}
	for {
		_, err := servers.Get(ctx, member.compute, id).Extract()
		if gophercloud.ResponseCodeIs(err, 404) {
			return nil
		}
		if err != nil {
			return err
		}
		if err := pause(ctx); err != nil {
			return err
		}
	}
}

func pause(ctx context.Context) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(50 * time.Millisecond):
		return nil
	}
}
