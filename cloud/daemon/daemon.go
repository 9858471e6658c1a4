// Package daemon makes a program of a cloud: it reads the configuration, opens
// the cloud, serves its APIs and ends it in order. A distribution's own daemon
// is a main that names its drivers:
//
//	func main() {
//		os.Exit(daemon.Main(os.Args[1:], daemon.Drivers{
//			Hypervisors: map[string]daemon.NewHypervisor{"sim": …, "libvirt": …},
//			Networks:    map[string]daemon.NewNetwork{"sim": …, "linuxnet": …},
//		}))
//	}
package daemon

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"golang.org/x/sync/errgroup"

	"github.com/cumulite/cumulite/cloud"
	"github.com/cumulite/cumulite/cloud/serve"
	"github.com/cumulite/cumulite/compute"
	"github.com/cumulite/cumulite/identity"
	"github.com/cumulite/cumulite/network"
	"github.com/cumulite/cumulite/platform/clock"
	"github.com/cumulite/cumulite/platform/errs"
	"github.com/cumulite/cumulite/platform/policy"
	"github.com/cumulite/cumulite/platform/secret"
)

// NewHypervisor makes the driver of this host's servers. What it gives may be an io.Closer.
type NewHypervisor func(Config, cloud.HostDeps) (compute.Hypervisor, error)

// NewNetwork makes the driver of this host's networks. What it gives may be an io.Closer.
type NewNetwork func(Config, cloud.HostDeps) (network.Driver, error)

// Clearer is the optional ability of a driver, once it is closed, to take away
// what it has on its host besides guests and networks.
type Clearer interface{ Clear() error }

// Drivers are what --hypervisor and --network choose from.
type Drivers struct {
	Hypervisors map[string]NewHypervisor
	Networks    map[string]NewNetwork
}

// Main does one command of a daemon, or runs it until it is told to end
// (SIGTERM, SIGINT), and gives the exit code: 0 when all went well, 2 for a
// mistake in the configuration, 1 for what went wrong otherwise.
func Main(args []string, drivers Drivers) int {
	started := clock.System().Now()
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	c, do, help, err := parse(args, drivers, os.Stdout)
	if help {
		return 0
	}
	if err == nil {
		err = do.do(ctx, program{c, drivers, started, os.Stdout})
	}
	switch {
	case err == nil:
		return 0
	case errs.Is(err, errs.Invalid):
		fmt.Fprintf(os.Stderr, "cumulited: %s\n", errs.Message(err))
		return 2
	}
	fmt.Fprintf(os.Stderr, "cumulited: %v\n", err)
	return 1
}

// do runs a daemon until ctx is done. It says on out when it is ready. With
// Config.Purge it removes the cloud instead.
func (runCommand) do(ctx context.Context, p program) (err error) {
	c, drivers := p.Config, p.drivers
	if c.Purge {
		return cloud.Purge(ctx, options(c, drivers, newLogger(c.LogLevel), nil))
	}
	logger := newLogger(c.LogLevel)
	registry := prometheus.NewRegistry()
	registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	var opened *cloud.Cloud // before the server runs
	server, err := serve.Listen(ctx, serve.Options{Listen: c.Listen, CertFile: c.TLSCert, KeyFile: c.TLSKey, InsecureHTTP: c.InsecureHTTP,
		Operator: c.Operator, Metrics: registry, Healthy: func(ctx context.Context) error { return opened.Healthy(ctx) }, Logger: logger})
	if err != nil {
		return err
	}
	defer server.Close()
	if c.PublicURL == "" {
		c.PublicURL = server.URL()
	}
	var clouds string
	if opened, clouds, err = open(ctx, c, drivers, logger, registry); err != nil {
		return err
	}
	defer func() {
		if closed := opened.Close(); err == nil {
			err = closed
		}
	}()
	return run(ctx, opened, server, func() {
		kind := ""
		if c.Ephemeral {
			kind = " (ephemeral: everything is lost when it ends)"
		}
		fmt.Fprintf(p.out, "ready%s: %s after %.3f s, OS_CLIENT_CONFIG_FILE=%s\n", kind, c.PublicURL, clock.System().Now().Sub(p.started).Seconds(), clouds)
	})
}

// run serves and works until ctx is done, or either fails. Requests are
// drained before the work behind them ends.
func run(ctx context.Context, c *cloud.Cloud, server *serve.Server, ready func()) error {
	group, ctx := errgroup.WithContext(ctx)
	working, stop := context.WithCancel(context.WithoutCancel(ctx))
	group.Go(func() error {
		defer stop()
		return server.Run(ctx, c.Handler())
	})
	group.Go(func() error { return c.Run(working) })
	ready()
	return group.Wait()
}

func newLogger(level string) *slog.Logger {
	var l slog.Level
	_ = l.UnmarshalText([]byte(level)) // one of an enum
	return slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: l}))
}

// open opens the cloud and writes its clouds.yaml, whose path it gives.
func open(ctx context.Context, c Config, drivers Drivers, logger *slog.Logger, metrics prometheus.Registerer) (_ *cloud.Cloud, clouds string, err error) {
	o := options(c, drivers, logger, metrics)
	if o.Policy, err = readPolicy(c.Policy); err != nil {
		return nil, "", err
	}
	if c.Keys != "" { // controllers that start together agree on the keys one after the other
		done, err := opening(c.Keys)
		if err != nil {
			return nil, "", err
		}
		defer done()
	}
	all, err := accounts(filepath.Join(c.keysDir(), cloudsFile), secret.New(c.AdminPassword))
	if err != nil {
		return nil, "", err
	}
	admin, member := all[0], all[1]
	// The file says what the passwords are; where it was lost, they are new.
	o.AdminPassword, o.ReplacePassword = admin.Password, admin.fresh
	o.Users = []identity.BootstrapUser{{Name: member.User, Project: member.Project, Role: "member", Password: member.Password, Replace: member.fresh}}
	opened, err := cloud.Open(ctx, o)
	if err != nil {
		return nil, "", err
	}
	clouds = filepath.Join(cmp.Or(c.Keys, opened.Dir()), cloudsFile)
	return opened, clouds, writeClouds(clouds, c.PublicURL, c.Region, all)
}

// options says what the configuration means to a cloud.
func options(c Config, drivers Drivers, logger *slog.Logger, metrics prometheus.Registerer) cloud.Options {
	o := cloud.Options{Dir: c.StateDir, Database: secret.New(c.Database), Keys: c.Keys, Images: c.Images, Relaxed: c.Relaxed, PublicURL: c.PublicURL, Region: c.Region, Logger: logger, Metrics: metrics,
		Hosts: func(deps cloud.HostDeps) (cloud.Hosts, error) { return hosts(c, drivers, deps) }}
	if c.HostsListen != "" {
		o.Fleet, _ = cloud.FleetAt(c.HostsListen, c.HostsAddress) // complete has tried it
	}
	if !c.Ephemeral {
		o.HostDir = c.hostDir()
	}
	return o
}

func readPolicy(path string) (*policy.Overrides, error) {
	if path == "" {
		return nil, nil
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, errs.Invalidf("cannot read the policy: %v", err)
	}
	overrides, err := policy.ReadOverrides(data)
	if err != nil {
		return nil, errs.Invalidf("%s: %v", path, err)
	}
	return overrides, nil
}

// hosts makes the drivers of this machine.
func hosts(c Config, drivers Drivers, deps cloud.HostDeps) (cloud.Hosts, error) {
	if c.Hypervisor == none {
		return cloud.Hosts{}, nil
	}
	hypervisor, err := drivers.Hypervisors[c.Hypervisor](c, deps)
	if err != nil {
		return cloud.Hosts{}, err
	}
	net, err := drivers.Networks[c.Network](c, deps)
	if err != nil {
		return cloud.Hosts{}, err
	}
	return cloud.Hosts{
		Hypervisors: map[string]compute.Hypervisor{c.Host: hypervisor},
		Networks:    map[string]network.Driver{c.Host: net},
		Close:       func() error { return errors.Join(closeDriver(hypervisor), closeDriver(net)) },
		Clear:       func() error { return errors.Join(clearDriver(hypervisor), clearDriver(net)) },
	}, nil
}

func closeDriver(d any) error {
	if d, is := d.(io.Closer); is {
		return d.Close()
	}
	return nil
}

func clearDriver(d any) error {
	if d, is := d.(Clearer); is {
		return d.Clear()
	}
	return nil
}
