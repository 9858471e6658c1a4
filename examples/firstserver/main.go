// Command firstserver boots a server on any OpenStack cloud and takes it away
// again, with gophercloud and nothing of ours:
//
//	cumulited --ephemeral &
//	OS_CLIENT_CONFIG_FILE=…/clouds.yaml firstserver
//
// The clouds cumulite-admin and cumulite of clouds.yaml are the administrator,
// who provides an image, a flavor and a network outside, and a member, who
// makes a network, a router and a server with a floating address.
package main

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"io"
	"log"
	"os"
	"time"

	"github.com/gophercloud/gophercloud/v2"
	"github.com/gophercloud/gophercloud/v2/openstack"
	"github.com/gophercloud/gophercloud/v2/openstack/config"
	"github.com/gophercloud/gophercloud/v2/openstack/config/clouds"
)

func main() {
	path := flag.String("image", "", "a disk image to boot; without one an empty disk, for simulated hosts")
	format := flag.String("format", "qcow2", "its format")
	flag.Parse()
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
	defer cancel()
	if err := run(ctx, *path, *format); err != nil {
		log.Fatal(err)
	}
}

// user is the clients of one user.
type user struct {
	compute, image, network *gophercloud.ServiceClient
}

// login reads clouds.yaml as openstack does.
func login(ctx context.Context, cloud string) (u user, err error) {
	var places []clouds.ParseOption
	if file := os.Getenv("OS_CLIENT_CONFIG_FILE"); file != "" {
		places = append(places, clouds.WithLocations(file))
	}
	auth, endpoint, tls, err := clouds.Parse(append(places, clouds.WithCloudName(cloud))...)
	if err != nil {
		return u, err
	}
	provider, err := config.NewProviderClient(ctx, auth, config.WithTLSConfig(tls))
	if err != nil {
		return u, fmt.Errorf("log in to %s: %w", cloud, err)
	}
	if u.compute, err = openstack.NewComputeV2(provider, endpoint); err != nil {
		return u, err
	}
	if u.image, err = openstack.NewImageV2(provider, endpoint); err != nil {
		return u, err
	}
	u.network, err = openstack.NewNetworkV2(provider, endpoint)
	return u, err
}

// undo takes away what was made, the last first.
type undo []func(context.Context) error

func (u *undo) later(fn func(context.Context) error) { *u = append(*u, fn) }

func (u undo) run(ctx context.Context) error {
	for i := len(u) - 1; i >= 0; i-- {
		if err := u[i](ctx); err != nil {
			return fmt.Errorf("clean up: %w", err)
		}
	}
	return nil
}

func run(ctx context.Context, path, format string) (err error) {
	admin, err := login(ctx, "cumulite-admin")
	if err != nil {
		return err
	}
	member, err := login(ctx, "cumulite")
	if err != nil {
		return err
	}
	content := io.Reader(bytes.NewReader(make([]byte, 1<<20)))
	if path == "" {
		format = "raw"
	} else {
		file, err := os.Open(path)
		if err != nil {
			return err
		}
		defer file.Close()
		content = file
	}
	var made undo
	defer func() {
		if cleared := made.run(context.WithoutCancel(ctx)); err == nil {
			err = cleared
		}
	}()
	offer, err := provide(ctx, admin, content, format, &made)
	if err != nil {
		return err
	}
	lan, err := connect(ctx, member, offer, &made)
	if err != nil {
		return err
	}
	return boot(ctx, member, offer, lan, &made)
}
