// Package cloud puts services and drivers together into one cloud, inside any
// Go program:
//
//	c, err := cloud.Open(ctx, cloud.Options{})        // in memory, simulated
//	go c.Run(ctx)
//	http.ListenAndServe("127.0.0.1:5000", c.Handler()) // what openstack speaks to
//	servers, _, err := c.Compute.ListServers(ctx, …)   // or without HTTP
//	err = c.Close()
//
// Package serve puts the handler on a listener with TLS, /healthz and
// /metrics; package daemon makes a program of it.
package cloud

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sync/errgroup"

	"github.com/cumulite/cumulite/cloud/fleet"
	"github.com/cumulite/cumulite/compute"
	"github.com/cumulite/cumulite/identity"
	"github.com/cumulite/cumulite/image"
	"github.com/cumulite/cumulite/network"
	"github.com/cumulite/cumulite/platform/clock"
	"github.com/cumulite/cumulite/platform/errs"
	"github.com/cumulite/cumulite/platform/event"
	"github.com/cumulite/cumulite/platform/flow"
	"github.com/cumulite/cumulite/platform/lease"
	"github.com/cumulite/cumulite/platform/policy"
	"github.com/cumulite/cumulite/platform/secret"
	"github.com/cumulite/cumulite/platform/store"
)

// Options say what a cloud is. The zero Options are a whole cloud: ephemeral,
// with one simulated host.
type Options struct {
	// Dir is where everything is kept, for its owner only. "" makes an
	// ephemeral cloud: a temporary directory that Close removes, where
	// nothing is synced to disk and passwords are hashed cheaply.
	Dir string
	// Database is the address of a PostgreSQL that several processes share, all
	// of them active; each has a Dir of its own. Default: a SQLite file in Dir.
	Database secret.String
	// Keys is where the keys are that all these processes share, for their
	// owner only: those of tokens, of sealed columns, of hosts. Default: Dir.
	Keys string
	// Images is where the bytes of images are; processes that share a database
	// share it, too. Default: a folder in Dir.
	Images string
	// Relaxed answers before a commit is on disk: a power failure may cost the
	// last seconds. The death of the process still costs nothing.
	Relaxed bool
	// PublicURL is how clients reach Handler. Default: http://127.0.0.1:5000.
	PublicURL string
	Region    string // default "RegionOne"

	// AdminPassword is that of the user admin, set at the first start and
	// kept after; one is made when there is none.
	AdminPassword secret.String
	// ReplacePassword replaces a stored password of admin that is another one.
	ReplacePassword bool
	// PasswordCost is identity.Options.PasswordCost. An ephemeral cloud's default is the least.
	PasswordCost int
	// Users are there from the start, besides admin.
	Users []identity.BootstrapUser

	// Hosts gives the drivers of hosts. Default: one simulated host, "sim".
	Hosts func(HostDeps) (Hosts, error)
	// Fleet says where hosts of their own join and connect. nil: nowhere.
	Fleet *fleet.Options
	// HostDir is where drivers keep what is theirs. Default: a folder in Dir.
	// Drivers whose programs run as other users need one outside, as nobody
	// but its owner can pass Dir.
	HostDir string

	Policy  *policy.Overrides     // replaces default rules of all services
	Clock   clock.Clock           // default: the machine's
	Logger  *slog.Logger          // nil discards
	Metrics prometheus.Registerer // nil counts nothing

	Faults *Faults // what tests make happen to it
}

// HostDeps are what drivers of hosts may build on.
type HostDeps struct {
	Dir       string         // theirs to keep files in
	Ephemeral bool           // nothing in Dir outlives the cloud
	Images    compute.Images // the bytes of verified images
	Clock     clock.Clock
	Logger    *slog.Logger
}

// Hosts are the drivers of hosts by the hosts' names, the same in both.
type Hosts struct {
	Hypervisors map[string]compute.Hypervisor
	Networks    map[string]network.Driver
	// Close, when set, is called once nothing uses the drivers any more.
	Close func() error
	// Clear, when set, is called by Purge after Close: it takes away what the
	// drivers have besides guests and networks.
	Clear func() error
}

// Cloud is a cloud that is open.
type Cloud struct {
	Identity *identity.Service
	Image    *image.Service
	Network  *network.Service
	Compute  *compute.Service
	Fleet    *fleet.Fleet // nil without Options.Fleet

	o       Options
	dir     *directory
	db      *store.Store
	events  *event.Bus
	self    string        // name among the processes of the cloud
	leases  *lease.Leases // nil: there are no others
	ops     *flow.Engine
	hosts   Hosts
	handler http.Handler
	rests   bool        // it is opened to be looked at: nothing is recovered
	runs    atomic.Bool // Run does its work
	health  health
}

// Open makes what is missing of a cloud and opens it. It does nothing by
// itself before Run, and is reached by nobody before Handler is served.
func Open(ctx context.Context, o Options) (*Cloud, error) {
	o.fill()
	return (&Cloud{o: o}).open(ctx)
}

func (c *Cloud) open(ctx context.Context) (_ *Cloud, err error) {
	defer func() {
		if err != nil {
			err = errors.Join(err, c.Close())
		}
	}()
	if c.dir, err = openDirectory(c.o.Dir); err != nil {
		return nil, err
	}
	if err = c.openState(ctx); err != nil {
		return nil, err
	}
	if err = c.openServices(ctx); err != nil {
		return nil, err
	}
	if c.health, err = newHealth(c.o.Metrics); err != nil {
		return nil, err
	}
	c.handler, err = c.newHandler()
	return c, err
}

// fill sets the defaults.
func (o *Options) fill() {
	if o.PublicURL == "" {
		o.PublicURL = "http://127.0.0.1:5000"
	}
	if o.Region == "" {
		o.Region = "RegionOne"
	}
	if o.Hosts == nil {
		o.Hosts = Simulated
	}
	if o.Clock == nil {
		o.Clock = clock.System()
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Faults == nil {
		o.Faults = &Faults{}
	}
}

// Handler serves the APIs of all services, each below its prefix: /identity,
// /image, /networking, /compute.
func (c *Cloud) Handler() http.Handler { return c.handler }

// Run carries operations through, delivers events and watches the hosts until
// ctx is done. It must not be called twice.
func (c *Cloud) Run(ctx context.Context) error {
	c.runs.Store(true)
	defer c.runs.Store(false)
	group, ctx := errgroup.WithContext(ctx)
	for name, run := range map[string]func(context.Context) error{
		"operations": c.ops.Run, "events": c.deliver, "team": c.join,
		"identity": c.Identity.Run, "image": c.Image.Run, "network": c.Network.Run, "compute": c.Compute.Run,
		"fleet": c.runFleet, "hosts": c.serveFleet, "doctor": c.watchHealth,
	} {
		group.Go(func() error {
			if err := run(ctx); err != nil {
				return fmt.Errorf("%s: %w", name, err)
			}
			return nil
		})
	}
	return group.Wait()
}

// Healthy says whether the cloud can read its state.
func (c *Cloud) Healthy(ctx context.Context) error {
	var one int
	return c.db.QueryRow(ctx, "SELECT 1").Scan(&one)
}

// Close closes the cloud once Run has returned and nobody uses Handler. Guests
// run on. An ephemeral cloud is gone afterwards.
func (c *Cloud) Close() error {
	var all []error
	if c.Fleet != nil {
		c.Fleet.Close()
	}
	if c.hosts.Close != nil {
		all = append(all, c.hosts.Close())
	}
	if c.db != nil {
		all = append(all, c.db.Close())
	}
	if c.dir != nil {
		all = append(all, c.dir.close())
	}
	return errors.Join(all...)
}

// path gives the path of a file or folder of the cloud.
func (c *Cloud) path(name string) string { return filepath.Join(c.dir.path, name) }

// Dir is where the cloud keeps its state.
func (c *Cloud) Dir() string { return c.dir.path }

func (c *Cloud) hostDir() string {
	if c.o.HostDir != "" {
		return c.o.HostDir
	}
	return c.path("hosts")
}

func (c *Cloud) openHosts() error {
	dir := c.hostDir()
	if err := os.MkdirAll(dir, 0o711); err != nil {
		return errs.Invalidf("cannot use the hosts' directory %s: %v", dir, err)
	}
	hosts, err := c.o.Hosts(HostDeps{Dir: dir, Ephemeral: c.dir.ephemeral, Images: hostImages{c}, Clock: c.o.Clock, Logger: c.o.Logger})
	if err == nil {
		c.hosts = c.o.Faults.between(hosts)
	}
	return err
}
