// Package simcompute is a host in memory: the reference semantics of
// compute.Hypervisor, for tests, for trying things out without root, and for
// clouds with a thousand hosts in one process. It starts no goroutine except
// for a watcher, and knows no time but its clock's.
//
//	host := simcompute.New(simcompute.NewState(), &simcompute.Options{Name: "hv1"})
//
// A test delays calls (Options.Latency), makes them fail or hang at any step
// (SetFault), lets guests crash (State.Crash), and restarts the driver by
// making a new Host over the same State.
package simcompute

import (
	"context"
	"io"
	"slices"
	"time"

	"github.com/cumulite/cumulite/compute"
	"github.com/cumulite/cumulite/compute/hosting"
	"github.com/cumulite/cumulite/drivers/sim/fault"
	"github.com/cumulite/cumulite/platform/clock"
)

// Options are what is not the default of a Host.
type Options struct {
	Name      string      // "sim"
	Address   string      // "127.0.0.1"
	VCPUs     int         // 16
	MemoryMiB int         // 65536
	DiskGiB   int         // 1000
	Clock     clock.Clock // the system's
	// Latency is how long a method takes before it does anything; nil: no time.
	Latency func(method string) time.Duration
	// Images, when given, is read for each Create, as a real host would once.
	Images compute.Images
}

// Host drives one simulated machine.
type Host struct {
	state *State
	o     Options
	calls *hosting.Calls
	seam  *fault.Seam
}

var (
	_ compute.Hypervisor = (*Host)(nil)
	_ compute.Suspender  = (*Host)(nil)
	_ compute.Watcher    = (*Host)(nil)
)

// New gives a driver for the machine state. Only one Host at a time drives a State.
func New(state *State, opts *Options) *Host {
	var o Options
	if opts != nil {
		o = *opts
	}
	o.Name, o.Address = orElse(o.Name, "sim"), orElse(o.Address, "127.0.0.1")
	o.VCPUs, o.MemoryMiB, o.DiskGiB = orElse(o.VCPUs, 16), orElse(o.MemoryMiB, 65536), orElse(o.DiskGiB, 1000)
	if o.Clock == nil {
		o.Clock = clock.System()
	}
	return &Host{state: state, o: o, calls: hosting.NewCalls(state), seam: fault.NewSeam(o.Clock, o.Latency)}
}

func orElse[T comparable](v, otherwise T) T {
	var zero T
	if v == zero {
		return otherwise
	}
	return v
}

// SetFault sets what happens at each step from now on; nil: nothing.
func (h *Host) SetFault(f fault.Func) { h.seam.Set(f) }

// Describe implements compute.Hypervisor.
func (h *Host) Describe(ctx context.Context) (compute.HostInfo, error) {
	if _, err := h.seam.Enter(ctx, "describe", ""); err != nil {
		return compute.HostInfo{}, err
	}
	return compute.HostInfo{
		Name: h.o.Name, Type: "sim", Version: 1000000, Address: h.o.Address, Arch: "x86_64", Accel: "sim",
		VCPUs: h.o.VCPUs, MemoryMiB: h.o.MemoryMiB, DiskGiB: h.o.DiskGiB, CPUModel: "sim",
		Abilities: []compute.Ability{compute.CanSuspend, compute.CanWatch},
		Formats:   slices.Clone(formats),
	}, nil
}

var formats = []string{"raw", "qcow2", "vmdk", "vhd", "vhdx", "vdi", "iso"}

// Guests implements compute.Hypervisor.
func (h *Host) Guests(ctx context.Context) ([]compute.Guest, error) {
	if _, err := h.seam.Enter(ctx, "guests", ""); err != nil {
		return nil, err
	}
	return h.state.guests(), nil
}

// Console implements compute.Hypervisor.
func (h *Host) Console(ctx context.Context, id string, lines int) (log []byte, err error) {
	if _, err := h.seam.Enter(ctx, "console", id); err != nil {
		return nil, err
	}
	err = h.state.with(id, func(m *machine) error {
		log = slices.Clone(hosting.LastLines(m.Console, lines))
		return nil
	})
	return log, err
}

// Watch implements compute.Watcher.
func (h *Host) Watch(ctx context.Context) (<-chan compute.Guest, error) {
	if _, err := h.seam.Enter(ctx, "watch", ""); err != nil {
		return nil, err
	}
	return h.state.feed.Watch(ctx), nil
}

// do is the frame of every changing call: its turn, its memory, its first and
// its last step. fn does what is between them.
func (h *Host) do(ctx context.Context, method, detail, op, id string, fn func(fault.Step) error) error {
	return h.calls.Do(ctx, id, method+detail, op, func() error {
		at, err := h.seam.Enter(ctx, method, id)
		if err != nil {
			return err
		}
		if err := fn(at); err != nil {
			return err
		}
		if err := h.seam.Pass(ctx, at, "end"); err != nil || op != "" {
			return err
		}
		return h.state.keep(id) // nothing is remembered of this call, which would keep it
	})
}

// fetch reads the image of spec to its end, when there is where to read from.
func (h *Host) fetch(ctx context.Context, img compute.ImageSpec) error {
	if h.o.Images == nil || img.ID == "" {
		return nil
	}
	return hosting.CopyImage(ctx, io.Discard, h.o.Images, img)
}
