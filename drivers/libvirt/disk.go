package libvirt

import (
	"context"
	"encoding/binary"
	"errors"
	"io"
	"io/fs"
	"os"
	"strconv"
	"time"

	"github.com/cumulite/cumulite/compute"
	"github.com/cumulite/cumulite/compute/configdrive"
	"github.com/cumulite/cumulite/compute/hosting"
	"github.com/cumulite/cumulite/platform/command"
	"github.com/cumulite/cumulite/platform/durable"
	"github.com/cumulite/cumulite/platform/errs"
)

const (
	convertTime = time.Hour
	toolMemory  = 1 << 30          // address space of qemu-img
	toolCPU     = 10 * time.Minute // its processor time
)

// foreign are the formats that are converted to qcow2 once, by qemu-img's names.
var foreign = map[string]string{"vmdk": "vmdk", "vhd": "vpc", "vhdx": "vhdx", "vdi": "vdi"}

// baseFormat is the format of an image on this host.
func baseFormat(img compute.ImageSpec) string {
	if foreign[img.Format] != "" {
		return "qcow2"
	}
	return img.Format
}

// hasBase reports whether a guest's root disk lies over img.
func hasBase(img compute.ImageSpec) bool { return img.ID != "" && img.Format != "iso" }

// makeDisks makes the disks of spec that are not there yet.
func (d *Driver) makeDisks(ctx context.Context, spec compute.GuestSpec) error {
	dir := d.guest(spec.ID)
	if err := makeDir(string(dir)); err != nil {
		return err
	}
	if err := d.linkBase(ctx, spec.Image, dir); err != nil {
		return err
	}
	if size := hosting.RootBytes(spec); size > 0 {
		err := create(dir.root(), func(part string) error { return d.makeRoot(ctx, part, size, spec.Image, dir) })
		if err != nil {
			return err
		}
	}
	if spec.EphemeralGiB > 0 {
		if err := create(dir.ephemeral(), sparse(int64(spec.EphemeralGiB)*hosting.GiB)); err != nil {
			return err
		}
	}
	if spec.SwapMiB > 0 {
		return create(dir.swap(), swap(int64(spec.SwapMiB)*hosting.MiB))
	}
	return nil
}

// makeRoot makes a qcow2 of size bytes, over the guest's base if it has one.
// With -u qemu-img does not even open the base: all it would learn is said.
func (d *Driver) makeRoot(ctx context.Context, part string, size int64, img compute.ImageSpec, dir guestDir) error {
	args := []string{"create", "-q", "-f", "qcow2"}
	if hasBase(img) {
		args = append(args, "-u", "-F", baseFormat(img), "-b", dir.base())
	}
	_, err := d.qemuImg(ctx, time.Minute, append(args, "--", part, strconv.FormatInt(size, 10)))
	if err != nil {
		return err
	}
	return os.Chmod(part, 0o600)
}

func (d *Driver) qemuImg(ctx context.Context, limit time.Duration, args []string) ([]byte, error) {
	return command.Run(ctx, command.Command{
		Path: d.o.QEMUImg, Args: args, Env: []string{"LC_ALL=C"},
		Limits: command.Limits{Time: limit, Memory: toolMemory, CPU: toolCPU},
	})
}

// makeConfig makes the config drive anew, or takes it away.
func makeConfig(spec compute.GuestSpec, dir guestDir) error {
	if spec.ConfigDrive == nil {
		return ignoreMissing(os.Remove(dir.config()))
	}
	err := durable.Replace(dir.config(), func(part string) error {
		return write(part, func(w io.Writer) error { return configdrive.Write(w, spec.ConfigDrive) })
	})
	var path *fs.PathError
	if err != nil && !errors.As(err, &path) {
		return errs.Invalidf("guest %s: its config drive cannot be made", spec.ID).Because(err)
	}
	return err
}

// sparse makes a file of size bytes that takes no room yet.
func sparse(size int64) func(part string) error {
	return func(part string) error {
		if err := write(part, func(io.Writer) error { return nil }); err != nil {
			return err
		}
		return os.Truncate(part, size)
	}
}

// swap makes a sparse file with the header of a Linux swap area of 4 KiB pages.
func swap(size int64) func(part string) error {
	const page = 4096
	return func(part string) error {
		header := make([]byte, page)
		binary.LittleEndian.PutUint32(header[1024:], 1)
		binary.LittleEndian.PutUint32(header[1028:], uint32(size/page-1))
		copy(header[page-10:], "SWAPSPACE2")
		err := write(part, func(w io.Writer) error {
			_, err := w.Write(header)
			return err
		})
		if err != nil {
			return err
		}
		return os.Truncate(part, size)
	}
}
