package hosting

import (
	"bytes"
	"fmt"
	"net"
	"regexp"
	"slices"

	"github.com/google/uuid"

	"github.com/cumulite/cumulite/compute"
	"github.com/cumulite/cumulite/platform/errs"
)

// GiB and MiB are the sizes of flavors in bytes.
const (
	GiB = 1 << 30
	MiB = 1 << 20
)

// plain is what a name may be that becomes part of a path or a device.
var plain = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_.-]{0,62}$`)

// Check refuses a spec that no host can make: errs.Invalid, or
// errs.NotSupported for an image format that is not one of formats. What
// becomes part of a path is a UUID or a plain name afterwards.
func Check(spec compute.GuestSpec, formats []string) error {
	switch {
	case !IsID(spec.ID):
		return errs.Invalidf("guest id %q is not a UUID", spec.ID)
	case !plain.MatchString(spec.Name):
		return errs.Invalidf("guest %s: bad name %q", spec.ID, spec.Name)
	case spec.VCPUs < 1 || spec.MemoryMiB < 1:
		return errs.Invalidf("guest %s: %d processors and %d MiB of memory", spec.ID, spec.VCPUs, spec.MemoryMiB)
	case spec.RootGiB < 0 || spec.EphemeralGiB < 0 || spec.SwapMiB < 0:
		return errs.Invalidf("guest %s: a disk of negative size", spec.ID)
	}
	if err := checkImage(spec, formats); err != nil {
		return err
	}
	for _, nic := range spec.NICs {
		if err := CheckNIC(nic); err != nil {
			return errs.Wrap(err, "guest %s", spec.ID)
		}
	}
	return nil
}

func checkImage(spec compute.GuestSpec, formats []string) error {
	img := spec.Image
	if img.ID == "" {
		return nil
	}
	switch {
	case !IsID(img.ID):
		return errs.Invalidf("image id %q is not a UUID", img.ID)
	case !slices.Contains(formats, img.Format):
		return errs.New(errs.NotSupported, "This host cannot boot images of the format %q.", img.Format)
	case img.Format != "iso" && spec.RootGiB > 0 && int64(spec.RootGiB)*GiB < img.VirtualSize:
		return errs.Invalidf("The root disk of %d GiB is smaller than image %s (%d bytes).", spec.RootGiB, img.ID, img.VirtualSize)
	}
	return nil
}

// RootBytes gives the size of a guest's root disk; 0 means that it has none.
func RootBytes(spec compute.GuestSpec) int64 {
	if spec.RootGiB == 0 && spec.Image.ID != "" && spec.Image.Format != "iso" {
		return spec.Image.VirtualSize
	}
	return int64(spec.RootGiB) * GiB
}

// CheckNIC refuses an interface that no host can make.
func CheckNIC(nic compute.NIC) error {
	if !IsID(nic.PortID) {
		return errs.Invalidf("port id %q is not a UUID", nic.PortID)
	}
	if mac, err := net.ParseMAC(nic.MAC); err != nil || len(mac) != 6 {
		return errs.Invalidf("port %s: bad MAC address %q", nic.PortID, nic.MAC)
	}
	if nic.Device != "" && (!plain.MatchString(nic.Device) || len(nic.Device) > 15) {
		return errs.Invalidf("port %s: bad device name %q", nic.PortID, nic.Device)
	}
	if nic.Model != "" && !plain.MatchString(nic.Model) {
		return errs.Invalidf("port %s: bad model %q", nic.PortID, nic.Model)
	}
	return nil
}

// IsID reports whether id is a UUID in its customary form.
func IsID(id string) bool {
	u, err := uuid.Parse(id)
	return err == nil && u.String() == id
}

// Missing is the error for a guest that is not on the host.
func Missing(id string) *errs.Error { return errs.Missing("guest", id) }

// WrongState is the error for a call that the guest's state does not allow.
func WrongState(id, call string, is compute.PowerState) error {
	return errs.Conflictf("guest %s: cannot %s in state %s", id, call, stateName(is))
}

func stateName(s compute.PowerState) string {
	switch s {
	case compute.Running:
		return "running"
	case compute.Paused:
		return "paused"
	case compute.Shutdown:
		return "shut down"
	case compute.Crashed:
		return "crashed"
	case compute.Suspended:
		return "suspended"
	}
	return fmt.Sprintf("%d", int(s))
}

// LastLines gives the last n lines of a console log, and not more than
// compute.MaxConsole bytes of it; n below 0 gives all.
func LastLines(log []byte, n int) []byte {
	log = log[max(0, len(log)-compute.MaxConsole):]
	if n < 0 {
		return log
	}
	end := len(bytes.TrimSuffix(log, []byte("\n")))
	for at := end; n > 0; n-- {
		at = bytes.LastIndexByte(log[:at], '\n')
		if at < 0 {
			return log
		}
		if n == 1 {
			return log[at+1:]
		}
	}
	return nil
}
