package main

import (
	"context"
	"io"

	"github.com/gophercloud/gophercloud/v2/openstack/compute/v2/flavors"
	"github.com/gophercloud/gophercloud/v2/openstack/image/v2/imagedata"
	"github.com/gophercloud/gophercloud/v2/openstack/image/v2/images"
	"github.com/gophercloud/gophercloud/v2/openstack/networking/v2/extensions/external"
	"github.com/gophercloud/gophercloud/v2/openstack/networking/v2/networks"
	"github.com/gophercloud/gophercloud/v2/openstack/networking/v2/subnets"
)

// offer is what the administrator provides, by ids.
type offer struct{ image, flavor, public string }

func provide(ctx context.Context, admin user, content io.Reader, format string, made *undo) (o offer, err error) {
	public := images.ImageVisibilityPublic
	image, err := images.Create(ctx, admin.image, images.CreateOpts{Name: "example", DiskFormat: format, ContainerFormat: "bare", Visibility: &public}).Extract()
	if err != nil {
		return o, err
	}
	made.later(func(ctx context.Context) error { return images.Delete(ctx, admin.image, image.ID).ExtractErr() })
	if err := imagedata.Upload(ctx, admin.image, image.ID, content).ExtractErr(); err != nil {
		return o, err
	}
	disk := 1
	flavor, err := flavors.Create(ctx, admin.compute, flavors.CreateOpts{Name: "example", RAM: 192, VCPUs: 1, Disk: &disk}).Extract()
	if err != nil {
		return o, err
	}
	made.later(func(ctx context.Context) error { return flavors.Delete(ctx, admin.compute, flavor.ID).ExtractErr() })
	yes, no := true, false
	outside, err := networks.Create(ctx, admin.network, external.CreateOptsExt{CreateOptsBuilder: networks.CreateOpts{Name: "example-public"}, External: &yes}).Extract()
	if err != nil {
		return o, err
	}
	made.later(func(ctx context.Context) error { return networks.Delete(ctx, admin.network, outside.ID).ExtractErr() })
	gateway := "172.24.5.1"
	_, err = subnets.Create(ctx, admin.network, subnets.CreateOpts{NetworkID: outside.ID, CIDR: "172.24.5.0/24", IPVersion: 4, GatewayIP: &gateway, EnableDHCP: &no}).Extract()
	return offer{image.ID, flavor.ID, outside.ID}, err
}
