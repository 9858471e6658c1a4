// Package daemon makes a program of a host's agent. A distribution's own is a
// main that names its drivers:
//
//	func main() {
//		os.Exit(daemon.Main(os.Args[1:], daemon.Drivers{
//			Hypervisors: map[string]daemon.NewHypervisor{"sim": …, "libvirt": …},
//			Networks:    map[string]daemon.NewNetwork{"sim": …, "linuxnet": …},
//		}))
//	}
package daemon

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/netip"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"golang.org/x/sync/errgroup"

	"github.com/cumulite/cumulite/cloud/agent"
	"github.com/cumulite/cumulite/cloud/serve"
	"github.com/cumulite/cumulite/compute"
	"github.com/cumulite/cumulite/network"
	"github.com/cumulite/cumulite/platform/clock"
	"github.com/cumulite/cumulite/platform/errs"
	"github.com/cumulite/cumulite/platform/secret"
)

// Deps are what drivers may build on.
type Deps struct {
	Dir    string     // theirs to keep files in
	Name   string     // of this host
	Tunnel netip.Addr // where other hosts reach this one
	Images compute.Images
	Clock  clock.Clock
	Logger *slog.Logger
}

// NewHypervisor makes the driver of this host's servers. What it gives may be an io.Closer.
type NewHypervisor func(Config, Deps) (compute.Hypervisor, error)

// NewNetwork makes the driver of this host's networks. What it gives may be an io.Closer.
type NewNetwork func(Config, Deps) (network.Driver, error)

// Drivers are what --hypervisor and --network choose from.
type Drivers struct {
	Hypervisors map[string]NewHypervisor
	Networks    map[string]NewNetwork
}

// Main does one command of an agent, or runs it until it is told to end
// (SIGTERM, SIGINT), and gives the exit code: 0 when all went well, 2 for a
// mistake in how it was called, 1 for what went wrong otherwise.
func Main(args []string, drivers Drivers) int {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	c, chosen, help, err := parse(args, drivers, os.Stdout)
	switch {
	case help:
		return 0
	case err != nil:
	case isJoin(chosen):
		err = joinCloud(ctx, c, os.Stdin, os.Stdout)
	default:
		err = run(ctx, c.Config, drivers, os.Stdout)
	}
	switch {
	case err == nil:
		return 0
	case errs.Is(err, errs.Invalid):
		fmt.Fprintf(os.Stderr, "hostagent: %s\n", errs.Message(err))
		return 2
	}
	fmt.Fprintf(os.Stderr, "hostagent: %v\n", err)
	return 1
}

func isJoin(command any) bool { _, is := command.(*joinCommand); return is }

// maxToken is how long a token may be, in bytes.
const maxToken = 16 << 10

func joinCloud(ctx context.Context, c commands, in io.Reader, out io.Writer) error {
	token := c.Join.Token
	if token == "-" {
		text, err := io.ReadAll(io.LimitReader(in, maxToken))
		if err != nil {
			return err
		}
		token = strings.TrimSpace(string(text))
	}
	if err := agent.Join(ctx, c.StateDir, secret.New(token), c.Join.Name); err != nil {
		return err
	}
	fmt.Fprintf(out, "joined: hostagent --state-dir %s\n", c.StateDir)
	return nil
}

// run is a host until ctx is done. It says on out when it is ready, which needs
// no controller.
func run(ctx context.Context, c Config, drivers Drivers, out io.Writer) error {
	logger := newLogger(c.LogLevel)
	dir, err := filepath.Abs(c.StateDir)
	if err != nil {
		return err
	}
	a, err := agent.Open(dir, &agent.Options{Logger: logger})
	if err != nil {
		return err
	}
	defer a.Close()
	tunnel, err := c.tunnel(ctx, a.Controllers())
	if err != nil {
		logger.Warn("other hosts cannot reach this one", "error", err)
	}
	deps := Deps{Dir: dir, Name: a.Name(), Tunnel: tunnel, Images: a.Images(), Clock: clock.System(), Logger: logger}
	host, err := drivers.Hypervisors[c.Hypervisor](c, deps)
	if err != nil {
		return err
	}
	net, err := drivers.Networks[c.Network](c, deps)
	if err != nil {
		return errors.Join(err, closeDriver(host))
	}
	group, ctx := errgroup.WithContext(ctx)
	if c.Operator != "none" {
		group.Go(func() error {
			return serve.Operate(ctx, serve.Options{Operator: c.Operator, Metrics: metrics(a), Logger: logger})
		})
	}
	group.Go(func() error { return a.Run(ctx, host, net) })
	fmt.Fprintf(out, "ready: host %s\n", a.Name())
	return errors.Join(group.Wait(), closeDriver(host), closeDriver(net))
}

func metrics(a *agent.Agent) *prometheus.Registry {
	r := prometheus.NewRegistry()
	r.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "cumulite_agent_connected", Help: "1 while the host is connected to a controller."}, func() float64 {
			if a.Connected() {
				return 1
			}
			return 0
		}))
	return r
}

func newLogger(level string) *slog.Logger {
	var l slog.Level
	_ = l.UnmarshalText([]byte(level)) // one of an enum
	return slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: l}))
}

func closeDriver(d any) error {
	if d, is := d.(io.Closer); is {
		return d.Close()
	}
	return nil
}
