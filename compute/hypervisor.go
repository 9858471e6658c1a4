package compute

import (
	"context"
	"io"
	"time"
)

// Hypervisor runs guests on one host.
//
// Words. A guest is what a server is on a host: a machine with disks and
// interfaces, known by the server's id, a UUID. Its spec is all a host needs to
// know; the definition on the host is made anew from it at each start. op is
// the id of the operation that calls.
//
// Contract, for every method:
//
//   - The same call with the same op may come again, and has its effect once:
//     a repeat that arrives after later calls of other operations on that guest
//     changes nothing. Hosts remember the last calls of each guest, through
//     restarts of the driver, until the guest is removed. An empty op is not
//     remembered.
//   - Mutating calls return when the effect is there: after Start the guest's
//     processors run; after Stop they do not.
//   - Calls for one guest run one after the other, calls for different guests
//     at the same time. Describe, Guests and Console wait for neither.
//   - A guest that is not there is an errs.NotFound error, except for Remove,
//     where it is none. One whose state does not allow the call (Reset of one
//     that does not run, Pause, Resume and Suspend of a stopped one, Wake of one
//     without saved memory) is errs.Conflict.
//   - A host that cannot be asked is errs.Unavailable: the caller tries again.
//     What a repeat cannot mend (a format or size that cannot be, bytes that
//     are not the image's) is errs.Invalid or errs.NotSupported.
//   - When a call fails or ctx ends, what it began may be half there; a repeat
//     finishes it and Remove clears it away. An op whose call failed is not
//     remembered.
//   - Guests outlive the process that started them, and are found again by Guests.
type Hypervisor interface {
	// Describe says which host this is, how large, and what it can do.
	Describe(ctx context.Context) (HostInfo, error)
	// Guests gives every guest of ours on the host with its power state, by
	// id. What Create or Remove left half done, or lost its definition, has
	// NoState: it takes room until it is removed.
	Guests(ctx context.Context) ([]Guest, error)
	// Create prepares disks, config drive and definition. The guest is not
	// started. Disks that are there already are kept as they are.
	Create(ctx context.Context, op string, spec GuestSpec) error
	// Start defines the guest anew from spec, config drive included, over the
	// disks that Create made, and starts it. A running one is left alone, a paused one goes on, a
	// suspended one loses its saved memory and boots.
	Start(ctx context.Context, op string, spec GuestSpec) error
	// Stop ends the guest: it is asked to by its power button and given grace
	// to obey, then cut off. grace 0 cuts it off at once. A stopped or
	// suspended one is left alone.
	Stop(ctx context.Context, op, id string, grace time.Duration) error
	// Reset presses the reset button of a running guest.
	Reset(ctx context.Context, op, id string) error
	// Pause and Resume halt the processors and let them go on. A paused guest
	// may be paused again, a running one resumed.
	Pause(ctx context.Context, op, id string) error
	Resume(ctx context.Context, op, id string) error
	// Remove ends the guest and takes away all its traces: definition, disks,
	// config drive, saved memory, console log.
	Remove(ctx context.Context, op, id string) error
	// Plug and Unplug attach and detach an interface of an existing guest,
	// running or not. A port that is there already, or no longer, is no
	// error. A guest that does not let go of an interface is
	// errs.Unavailable: its operating system must take part.
	Plug(ctx context.Context, op, id string, nic NIC) error
	Unplug(ctx context.Context, op, id, portID string) error
	// Console gives the last lines of the serial console's log; lines below 0
	// gives all of it. At most its last MiB is kept in reach.
	Console(ctx context.Context, id string, lines int) ([]byte, error)
}

// MaxConsole is how much of a console's log a host gives, in bytes.
const MaxConsole = 1 << 20

// Suspender is the optional ability to write a guest's memory to disk and
// bring it back. Suspend of a suspended guest and Wake of a running one are
// left alone. A guest wakes with the interfaces it had; spec says what they are.
type Suspender interface {
	Suspend(ctx context.Context, op, id string) error
	Wake(ctx context.Context, op string, spec GuestSpec) error
}

// Watcher is the optional ability to tell of changes that nobody here asked
// for: a guest that shut itself down, or crashed. It also tells of those that
// were asked for. Changes before Watch are not told, so the caller asks Guests
// after it. The channel is closed when ctx ends, or when something was missed:
// then Watch is called again. A slow reader may miss steps between two states
// of a guest, never the last.
type Watcher interface {
	Watch(ctx context.Context) (<-chan Guest, error)
}

// Images is where a host gets the bytes of an image from. The reader gives
// exactly Size bytes of the format the spec names, checked when it was uploaded.
type Images interface {
	Open(ctx context.Context, imageID string) (io.ReadCloser, error)
}

// Ability names what a host can do beyond the Hypervisor interface.
type Ability string

// The abilities.
const (
	CanSuspend Ability = "suspend"
	CanWatch   Ability = "watch"
)

// HostInfo describes a host: what the scheduler and os-hypervisors know of it.
type HostInfo struct {
	Name      string    `json:"name"`
	Type      string    `json:"type"`    // hypervisor_type: "QEMU", "sim"
	Version   int       `json:"version"` // 7002000 for 7.2.0
	Address   string    `json:"address"` // host_ip
	Arch      string    `json:"arch"`    // "x86_64"
	Accel     string    `json:"accel"`   // "kvm", "tcg", "sim"; "" until it is known
	VCPUs     int       `json:"vcpus"`
	MemoryMiB int       `json:"memory_mib"`
	DiskGiB   int       `json:"disk_gib"`
	CPUModel  string    `json:"cpu_model"`
	Abilities []Ability `json:"abilities"`
	Formats   []string  `json:"formats"` // image formats it can boot: "raw", "qcow2", "iso"
}

// PowerState is what a guest's machine does, with nova's numbers.
type PowerState int

// The power states.
const (
	NoState   PowerState = 0
	Running   PowerState = 1
	Paused    PowerState = 3
	Shutdown  PowerState = 4
	Crashed   PowerState = 6
	Suspended PowerState = 7
)

// Guest is a guest as its host sees it.
type Guest struct {
	ID    string     `json:"id"`
	Power PowerState `json:"power"`
}

// GuestSpec is all that a host needs to make and start a guest.
type GuestSpec struct {
	ID           string            `json:"id"`   // the server's id
	Name         string            `json:"name"` // instance name: "instance-00000001"
	VCPUs        int               `json:"vcpus"`
	MemoryMiB    int               `json:"memory_mib"`
	RootGiB      int               `json:"root_gib"` // 0: as large as the image; less than the image is errs.Invalid
	EphemeralGiB int               `json:"ephemeral_gib"`
	SwapMiB      int               `json:"swap_mib"`
	Image        ImageSpec         `json:"image"`        // without an ID: the root disk is empty
	NICs         []NIC             `json:"nics"`         // in the order the guest sees them
	ConfigDrive  map[string][]byte `json:"config_drive"` // content by path; nil: none
	Extra        map[string]string `json:"extra"`        // flavor extra specs and image properties the driver understands: "hw_machine_type"
	Hostname     string            `json:"hostname"`
}

// ImageSpec says what a guest boots from: only images whose content was verified
// get here. A guest of an "iso" has it in its CD drive, beside an empty root disk.
type ImageSpec struct {
	ID          string `json:"id"`
	Format      string `json:"format"` // "raw", "qcow2", "vmdk", "vhd", "vhdx", "vdi", "iso"
	Size        int64  `json:"size"`
	VirtualSize int64  `json:"virtual_size"`
	Checksum    string `json:"checksum"` // sha512 of the bytes, in hex
}

// NIC is one interface of a guest.
type NIC struct {
	PortID string `json:"port_id"`
	MAC    string `json:"mac"`
	Type   string `json:"type"`   // of the network's VIF: "tap", "sim"
	Device string `json:"device"` // the tap device, there already
	Bridge string `json:"bridge"`
	MTU    int    `json:"mtu"`
	Model  string `json:"model"` // "" is virtio
}
