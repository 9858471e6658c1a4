package cloud

import (
	"context"
	"errors"
	"io/fs"
	"maps"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/cumulite/cumulite/cloud/fleet"
	"github.com/cumulite/cumulite/cloud/fleet/authority"
	"github.com/cumulite/cumulite/cloud/fleet/fleetapi"
	"github.com/cumulite/cumulite/cloud/serve"
	"github.com/cumulite/cumulite/platform/clock"
	"github.com/cumulite/cumulite/platform/durable"
	"github.com/cumulite/cumulite/platform/errs"
	"github.com/cumulite/cumulite/platform/secret"
	"github.com/cumulite/cumulite/platform/store"
)

// What a cloud keeps for its hosts, in its directory.
const (
	authorityFile = "authority.pem"
	hostsKeyFile  = "hosts.key"       // signs tokens and tickets
	hostsAtFile   = "hosts.addresses" // where a host may join, one a line
)

// openFleet lets hosts of their own join, and adds those that have.
func (c *Cloud) openFleet(ctx context.Context) error {
	if c.o.Fleet == nil || c.rests {
		return nil
	}
	// Machines judge certificates by the real time, whatever the cloud's is.
	ca, err := authority.Open(c.keysPath(authorityFile), clock.System())
	if err != nil {
		return err
	}
	key, err := secret.KeyFile(c.keysPath(hostsKeyFile))
	if err != nil {
		return err
	}
	o := *c.o.Fleet
	o.Configured, o.Logger = slices.Collect(maps.Keys(c.hosts.Hypervisors)), c.o.Logger
	f, err := fleet.Open(ctx, fleet.Deps{DB: c.db, Clock: c.o.Clock, Events: c.events, Authority: ca, Key: key, Compute: c.Compute, Network: c.Network, Image: c.Image, Leases: c.leases}, o)
	if err != nil {
		return err
	}
	c.Fleet = f
	return durable.Write(c.keysPath(hostsAtFile), []byte(strings.Join(f.Addresses(), "\n")))
}

// runFleet works for the hosts that run elsewhere until ctx is done.
func (c *Cloud) runFleet(ctx context.Context) error {
	if c.Fleet == nil {
		return nil
	}
	return c.Fleet.Run(ctx)
}

// serveFleet answers to them.
func (c *Cloud) serveFleet(ctx context.Context) error {
	if c.Fleet == nil {
		return nil
	}
	return serve.Handle(ctx, c.Fleet.Listener(), fleetapi.New(c.Fleet, c.o.Logger), serve.Options{Logger: c.o.Logger})
}

// HostToken makes a token with which a machine joins the cloud whose keys are
// in dir (its directory, without Options.Keys) as a host, once, within ttl. host
// is its name; "" lets it choose one. The cloud may run meanwhile.
func HostToken(dir, host string, ttl time.Duration) (secret.String, error) {
	text, err := os.ReadFile(filepath.Join(dir, hostsAtFile))
	if errors.Is(err, fs.ErrNotExist) {
		return secret.String{}, errs.Invalidf("the cloud in %s has never listened for hosts: run it with --hosts-listen", dir)
	}
	if err != nil {
		return secret.String{}, err
	}
	ca, err := authority.Open(filepath.Join(dir, authorityFile), clock.System())
	if err != nil {
		return secret.String{}, err
	}
	key, err := secret.KeyFile(filepath.Join(dir, hostsKeyFile))
	if err != nil {
		return secret.String{}, err
	}
	return fleet.NewToken(ca, key, clock.System(), strings.Fields(string(text)), host, ttl)
}

// RevokeHost has the cloud of these options let a host in no more. The cloud
// may run meanwhile, and cuts the host off within a second.
func RevokeHost(ctx context.Context, o Options, name string) error {
	if err := o.hasState(); err != nil {
		return err
	}
	engine, err := (&Cloud{o: o, dir: &directory{path: o.Dir}}).openEngine(ctx)
	if err != nil {
		return err
	}
	db, err := store.Open(ctx, engine, nil, fleet.Migrations())
	if err != nil {
		return err
	}
	return errors.Join(fleet.Revoke(ctx, db, clock.System(), name), db.Close())
}

// FleetAt gives the options of a fleet whose three addresses have one port
// after the other, the first in listen.
func FleetAt(listen, advertise string) (*fleet.Options, error) {
	ports := [3]string{}
	host, first, err := net.SplitHostPort(listen)
	if err == nil {
		ports, err = following(first)
	}
	if err != nil {
		return nil, errs.Invalidf("%q is not HOST:PORT with two more ports after it", listen)
	}
	return &fleet.Options{Listen: net.JoinHostPort(host, ports[0]), Connect: net.JoinHostPort(host, ports[1]), Routes: net.JoinHostPort(host, ports[2]), Advertise: advertise}, nil
}

// following gives a port and the two after it; after port 0, which is any that
// is free, there is no other.
func following(first string) (ports [3]string, err error) {
	n, err := strconv.ParseUint(first, 10, 16)
	if err == nil && n > 1<<16-3 {
		err = strconv.ErrRange
	}
	for i := range ports {
		ports[i] = strconv.FormatUint(n, 10)
		if n > 0 {
			n++
		}
	}
	return ports, err
}
