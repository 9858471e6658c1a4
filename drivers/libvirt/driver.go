// Package libvirt runs guests with QEMU through libvirtd, over its own
// protocol and in pure Go.
//
//	host, err := libvirt.New("/var/lib/cumulite/guests", images, &libvirt.Options{Accel: libvirt.Auto})
//
// # Files
//
// The state directory has images/, one verified image each, fetched once and
// kept for a day when no guest uses it, or until it is deleted, and guests/, a
// directory for each guest: base (a hard link to the image), root.qcow2 over base, ephemeral.raw, swap.raw,
// config.iso, console.log, calls. Whatever has its name is whole: files are
// made under another name, synced and renamed.
//
// Directories are 0711 and files 0600, owned by root. QEMU may run as another
// user (libvirt-qemu): libvirtd's dynamic_ownership, on by default, gives it
// the files of a guest while that runs. The directories above the state
// directory must let that user through.
//
// # libvirtd
//
// Any libvirtd from 9.0 on will do, with or without systemd and virtlogd
// (stdio_handler = "file"). Where /dev/kvm is there but QEMU's user may not
// open it, libvirtd asks QEMU for its abilities anew at every call, for 20
// seconds: let that user open it, or run QEMU as root (user = "root").
//
// # What tenants cannot do
//
// Every format is spelled out, for qemu-img and in the definition with its
// whole backing chain: nothing is probed. Definitions are made by structs, not
// templates. A console log may grow without bound; all but its end is given
// back to the file system whenever guests are listed or the log is read.
package libvirt

import (
	"cmp"
	"context"
	"encoding/xml"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"

	golibvirt "github.com/digitalocean/go-libvirt"
	"golang.org/x/sys/unix"
	"libvirt.org/go/libvirtxml"

	"github.com/cumulite/cumulite/compute"
	"github.com/cumulite/cumulite/compute/hosting"
	"github.com/cumulite/cumulite/platform/clock"
)

// Options are what is not the default of a Driver.
type Options struct {
	Socket      string // of libvirtd; /run/libvirt/libvirt-sock
	Address     string // of this host, for HostInfo; 127.0.0.1
	Name        string // of this host; what libvirtd says
	Accel       Accel  // Auto
	ProbeKernel string // a Linux kernel to prove KVM with; the newest /boot/vmlinuz-*
	QEMU        string // /usr/bin/qemu-system-x86_64
	QEMUImg     string // /usr/bin/qemu-img
	Clock       clock.Clock
	Logger      *slog.Logger
}

// Driver is the compute.Hypervisor of this machine's libvirtd.
type Driver struct {
	o       Options
	dir     string
	images  compute.Images
	conn    *conn
	calls   *hosting.Calls
	fetches *hosting.Calls // one for each image at a time
	tidied  atomic.Int64   // when the images were last, by the clock, in ns
	accel   *prober
}

var (
	_ compute.Hypervisor = (*Driver)(nil)
	_ compute.Suspender  = (*Driver)(nil)
	_ compute.Watcher    = (*Driver)(nil)
)

// New gives a driver that keeps its files under stateDir, an absolute path.
// It does not need libvirtd to be there yet.
func New(stateDir string, images compute.Images, opts *Options) (*Driver, error) {
	var o Options
	if opts != nil {
		o = *opts
	}
	o.Socket = cmp.Or(o.Socket, "/run/libvirt/libvirt-sock")
	o.Address = cmp.Or(o.Address, "127.0.0.1")
	o.Accel = cmp.Or(o.Accel, Auto)
	o.QEMU = cmp.Or(o.QEMU, "/usr/bin/qemu-system-x86_64")
	o.QEMUImg = cmp.Or(o.QEMUImg, "/usr/bin/qemu-img")
	if o.Clock == nil {
		o.Clock = clock.System()
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if !filepath.IsAbs(stateDir) {
		return nil, fmt.Errorf("libvirt: state directory %q is not absolute", stateDir)
	}
	for _, dir := range []string{stateDir, filepath.Join(stateDir, "images"), filepath.Join(stateDir, "guests")} {
		if err := makeDir(dir); err != nil {
			return nil, err
		}
	}
	d := &Driver{o: o, dir: stateDir, images: images, conn: newConn(o.Socket)}
	d.calls, d.fetches = hosting.NewCalls(journal{d}), hosting.NewCalls(nil)
	d.accel = startProbe(stateDir, o)
	return d, nil
}

// Close lets go of libvirtd. The guests run on.
func (d *Driver) Close() error {
	d.accel.stop()
	d.conn.close()
	return nil
}

// formats are the image formats that guests can be made of.
var formats = []string{"raw", "qcow2", "vmdk", "vhd", "vhdx", "vdi", "iso"}

// Describe implements compute.Hypervisor.
func (d *Driver) Describe(ctx context.Context) (compute.HostInfo, error) {
	info, err := ask(ctx, d.conn, callTime, describe)
	if err != nil {
		return compute.HostInfo{}, err
	}
	var disk unix.Statfs_t
	if err := unix.Statfs(d.dir, &disk); err != nil {
		return compute.HostInfo{}, err
	}
	info.Name = cmp.Or(d.o.Name, info.Name)
	info.Type, info.Address, info.Accel = "QEMU", d.o.Address, string(d.accel.known())
	cached, err := d.cached()
	if err != nil {
		return compute.HostInfo{}, err
	}
	info.DiskGiB = int((int64(disk.Blocks)*disk.Bsize - cached) / hosting.GiB) // images are not claimed by the guests over them
	info.Abilities = []compute.Ability{compute.CanSuspend, compute.CanWatch}
	info.Formats = slices.Clone(formats)
	return info, nil
}

// describe asks for what libvirtd knows of the host.
func describe(l *golibvirt.Libvirt) (info compute.HostInfo, err error) {
	if info.Name, err = l.ConnectGetHostname(); err != nil {
		return info, err
	}
	version, err := l.ConnectGetVersion()
	if err != nil {
		return info, err
	}
	_, memory, cpus, _, _, _, _, _, err := l.NodeGetInfo()
	if err != nil {
		return info, err
	}
	text, err := l.ConnectGetCapabilities()
	if err != nil {
		return info, err
	}
	var caps libvirtxml.Caps
	if err := xml.Unmarshal([]byte(text), &caps); err != nil {
		return info, err
	}
	info.Version, info.MemoryMiB, info.VCPUs = int(version), int(memory/1024), int(cpus)
	if cpu := caps.Host.CPU; cpu != nil {
		info.Arch, info.CPUModel = cpu.Arch, cpu.Model
	}
	return info, nil
}

// Guests implements compute.Hypervisor.
func (d *Driver) Guests(ctx context.Context) ([]compute.Guest, error) {
	d.tidy(ctx)
	guests, err := ask(ctx, d.conn, callTime, d.list)
	if err != nil {
		return nil, err
	}
	for _, g := range guests {
		trimConsole(d.guest(g.ID).console())
	}
	return d.withHalves(guests)
}

// withHalves adds the guests of which there is a directory only.
func (d *Driver) withHalves(guests []compute.Guest) ([]compute.Guest, error) {
	whole := make(map[string]bool, len(guests))
	for _, g := range guests {
		whole[g.ID] = true
	}
	entries, err := os.ReadDir(filepath.Join(d.dir, "guests"))
	for _, e := range entries {
		if id := e.Name(); hosting.IsID(id) && !whole[id] {
			guests = append(guests, compute.Guest{ID: id})
		}
	}
	slices.SortFunc(guests, func(a, b compute.Guest) int { return strings.Compare(a.ID, b.ID) })
	return guests, err
}

func (d *Driver) list(l *golibvirt.Libvirt) ([]compute.Guest, error) {
	domains, _, err := l.ConnectListAllDomains(1, 0)
	if err != nil {
		return nil, err
	}
	guests := make([]compute.Guest, 0, len(domains))
	for _, dom := range domains {
		g, err := d.look(l, dom)
		if is(err, golibvirt.ErrNoDomain) || err == nil && g.ID == "" {
			continue // gone meanwhile, or not ours
		}
		if err != nil {
			return nil, err
		}
		guests = append(guests, g)
	}
	return guests, nil
}

// look gives the guest that is dom; one without an ID when it is not ours.
func (d *Driver) look(l *golibvirt.Libvirt, dom golibvirt.Domain) (compute.Guest, error) {
	id := textID(dom.UUID)
	mark, err := l.DomainGetMetadata(dom, int32(golibvirt.DomainMetadataElement), golibvirt.OptString{namespace}, 0)
	switch {
	case is(err, golibvirt.ErrNoDomainMetadata) || err == nil && !d.guest(id).marks(mark):
		return compute.Guest{}, nil
	case err != nil:
		return compute.Guest{}, err
	}
	state, reason, err := l.DomainGetState(dom, 0)
	if err != nil {
		return compute.Guest{}, err
	}
	power := powerState(golibvirt.DomainState(state), golibvirt.DomainShutoffReason(reason))
	if power == compute.Shutdown {
		saved, err := l.DomainHasManagedSaveImage(dom, 0)
		if err != nil {
			return compute.Guest{}, err
		}
		if saved != 0 {
			power = compute.Suspended
		}
	}
	return compute.Guest{ID: id, Power: power}, nil
}

func powerState(state golibvirt.DomainState, reason golibvirt.DomainShutoffReason) compute.PowerState {
	switch state {
	case golibvirt.DomainRunning, golibvirt.DomainBlocked, golibvirt.DomainShutdown: // the last is still shutting down
		return compute.Running
	case golibvirt.DomainPaused, golibvirt.DomainPmsuspended:
		return compute.Paused
	case golibvirt.DomainCrashed:
		return compute.Crashed
	case golibvirt.DomainShutoff:
		if reason == golibvirt.DomainShutoffCrashed {
			return compute.Crashed
		}
		return compute.Shutdown
	}
	return compute.NoState
}

func makeDir(path string) error {
	if err := os.MkdirAll(path, 0o711); err != nil {
		return err
	}
	return os.Chmod(path, 0o711) // whatever the umask is
}
