package linuxnet

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"sync"

	"github.com/google/uuid"
	"golang.org/x/sys/unix"

	"github.com/cumulite/cumulite/drivers/linuxnet/dhcp"
	"github.com/cumulite/cumulite/drivers/linuxnet/filter"
	"github.com/cumulite/cumulite/drivers/linuxnet/metadata"
	"github.com/cumulite/cumulite/drivers/linuxnet/namespace"
	"github.com/cumulite/cumulite/drivers/linuxnet/state"
	"github.com/cumulite/cumulite/network"
	"github.com/cumulite/cumulite/platform/errs"
)

// maxMTU is that of the kernel's bridges and taps.
const maxMTU = 65521

// networkTypes are those that a host can carry. Without a tunnel address, vxlan
// is what this host alone has of it.
var networkTypes = []string{"local", "flat", "vxlan"}

// Options are what is not the default of a Driver.
type Options struct {
	Name string // of this host, as compute knows it; the system's host name
	// Prefix of all links and tables: two or three small letters, in the
	// namespace no other driver's and no other links'. "cml"
	Prefix    string
	Namespace string // network namespace of bridges and taps, by name or path; the process's own
	// Tunnel is an IPv4 address of a link of this host, at which other hosts
	// reach it. Without one networks end at this host.
	Tunnel netip.Addr
	Logger *slog.Logger
}

func (o Options) filled() (Options, error) {
	if o.Name == "" {
		o.Name, _ = os.Hostname()
	}
	o.Name, o.Prefix = cmp.Or(o.Name, "localhost"), cmp.Or(o.Prefix, "cml")
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Tunnel.IsValid() && !o.Tunnel.Is4() {
		return o, fmt.Errorf("linuxnet: the tunnel address %s is no IPv4 address", o.Tunnel)
	}
	if !prefixes.MatchString(o.Prefix) {
		return o, fmt.Errorf("linuxnet: prefix %q is not two or three small letters", o.Prefix)
	}
	return o, nil
}

// Driver is the network.Driver of this machine. Close it to let another have
// the state directory; all that is in force stays, but DHCP and metadata are
// answered only by an open driver.
type Driver struct {
	o      Options
	life   string // of this driver
	names  names
	space  *namespace.Space
	lock   *os.File
	filter *filter.Filter
	guests guests
	// tunnelMTU is what fits into a tunnel; 0 without tunnels.
	tunnelMTU int

	mu       sync.Mutex // one change at a time
	records  records
	lame     map[string]bool             // links and namespaces of what is recorded and could not be put in force
	changed  map[string]bool             // networks whose ports and legs do not know it yet
	dhcp     map[string]*dhcp.Responder  // by port
	metadata map[string]*metadata.Server // by network
}

var _ network.Driver = (*Driver)(nil)

// records are what is in force.
type records struct {
	networks *state.Records[networkRecord]
	ports    *state.Records[network.PortSpec]
	groups   *state.Records[network.GroupSpec]
	routers  *state.Records[network.RouterSpec]
	metadata *state.Records[network.Metadata]
}

// Open gives the driver that keeps its state under stateDir, an absolute path,
// and puts in force what is recorded there.
func Open(stateDir string, opts *Options) (*Driver, error) {
	var o Options
	if opts != nil {
		o = *opts
	}
	o, err := o.filled()
	if err != nil {
		return nil, err
	}
	lock, err := take(stateDir)
	if err != nil {
		return nil, err
	}
	d := &Driver{
		o: o, life: uuid.NewString(), names: namesOf(o.Prefix, stateDir), lock: lock,
		changed: map[string]bool{}, dhcp: map[string]*dhcp.Responder{}, metadata: map[string]*metadata.Server{},
	}
	if err := d.open(stateDir); err != nil {
		return nil, errors.Join(err, d.Close())
	}
	return d, nil
}

// take makes the state directory and locks it for this process.
func take(stateDir string) (*os.File, error) {
	if !filepath.IsAbs(stateDir) {
		return nil, fmt.Errorf("linuxnet: state directory %q is not absolute", stateDir)
	}
	if err := os.MkdirAll(stateDir, 0o700); err != nil {
		return nil, err
	}
	lock, err := os.OpenFile(filepath.Join(stateDir, "lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	if err := unix.Flock(int(lock.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		lock.Close()
		return nil, fmt.Errorf("linuxnet: another process has the state directory %s: %w", stateDir, err)
	}
	return lock, nil
}

func (d *Driver) open(stateDir string) (err error) {
	if d.records, err = load(stateDir); err != nil {
		return fmt.Errorf("linuxnet: %w", err)
	}
	if d.space, err = namespace.Open(d.o.Namespace); err != nil {
		return fmt.Errorf("linuxnet: %w", err)
	}
	if err := d.space.Need("bridge/bridge-nf-call-iptables", "1"); err != nil {
		return fmt.Errorf("linuxnet: security groups need the kernel's br_netfilter: %w", err)
	}
	if d.tunnelMTU, err = d.findTunnel(); err != nil {
		return fmt.Errorf("linuxnet: %w", err)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.adopt()
}

func load(dir string) (r records, err error) {
	r.networks, err = loadKind[networkRecord](dir, "networks", err)
	r.ports, err = loadKind[network.PortSpec](dir, "ports", err)
	r.groups, err = loadKind[network.GroupSpec](dir, "groups", err)
	r.routers, err = loadKind[network.RouterSpec](dir, "routers", err)
	r.metadata, err = loadKind[network.Metadata](dir, "metadata", err)
	return r, err
}

func loadKind[T any](dir, kind string, before error) (*state.Records[T], error) {
	if before != nil {
		return nil, before
	}
	return state.Load[T](filepath.Join(dir, kind))
}

// Close ends DHCP and metadata, and lets go of the state directory.
func (d *Driver) Close() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	failed := errors.Join(closeAll(d.dhcp), closeAll(d.metadata))
	if d.space != nil {
		failed = errors.Join(failed, d.space.Close())
		d.space = nil
	}
	if d.lock != nil {
		failed = errors.Join(failed, d.lock.Close())
		d.lock = nil
	}
	return failed
}

// closeAll closes all at once: the kernel takes its time for each.
func closeAll[T io.Closer](all map[string]T) error {
	ended := make(chan error, len(all))
	for _, c := range all {
		go func() { ended <- c.Close() }()
	}
	var failed error
	for range all {
		failed = errors.Join(failed, <-ended)
	}
	clear(all)
	return failed
}

// Describe implements network.Driver.
func (d *Driver) Describe(ctx context.Context) (network.Host, error) {
	return network.Host{
		Name: d.o.Name, Life: d.life, Technology: "linuxnet", VIFType: "tap", MaxMTU: maxMTU,
		NetworkTypes: slices.Clone(networkTypes), Tunnel: d.o.Tunnel, TunnelMTU: d.tunnelMTU,
	}, ctx.Err()
}

// change is the frame of every call: one at a time, on an open driver. What
// the kernel or the disk refuses may succeed when it is repeated.
func (d *Driver) change(ctx context.Context, what string, fn func() error) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := ctx.Err(); err != nil {
		return err
	}
	if d.lock == nil {
		return errs.New(errs.Unavailable, "The host could not %s: its driver is closed.", what)
	}
	err := fn()
	if err != nil && errs.KindOf(err) == errs.Internal {
		d.o.Logger.Warn(what, "error", err)
		return errs.New(errs.Unavailable, "The host could not %s.", what).Because(err)
	}
	return err
}
