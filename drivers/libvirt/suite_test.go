package libvirt_test

import (
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/kdomanski/iso9660"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
	"libvirt.org/go/libvirtxml"

	"github.com/cumulite/cumulite/compute"
	"github.com/cumulite/cumulite/compute/computetest"
	"github.com/cumulite/cumulite/drivers/libvirt"
	"github.com/cumulite/cumulite/drivers/libvirt/libvirttest"
	"github.com/cumulite/cumulite/platform/command"
	"github.com/cumulite/cumulite/test/guest"
	"github.com/cumulite/cumulite/test/need"
)

func TestConformance(t *testing.T) {
	server := libvirttest.Start(t)
	computetest.Run(t, func(t *testing.T) computetest.Harness {
		dir := stateDir(t)
		return computetest.Harness{
			Open: func(t *testing.T, images compute.Images) compute.Hypervisor {
				return open(t, server, dir, images)
			},
			Inspect:   func(t *testing.T, id string) computetest.View { return inspect(t, server, dir, id) },
			Leftovers: func(t *testing.T) []string { return leftovers(t, server, dir) },
			PowerOff: func(t *testing.T, id string) {
				require.NoError(t, unix.Kill(server.PID(domainXML(t, server, id).Name), unix.SIGTERM)) // QEMU takes it for a shutdown
			},
			OS: func(t *testing.T, images *computetest.Images) compute.ImageSpec {
				paths := guest.Image(t)
				return images.AddFile(t, "qcow2", paths.Image, paths.VirtualSize)
			},
		}
	})
}

// stateDir is a directory that QEMU's user can reach.
func stateDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("/tmp", "lvstate")
	require.NoError(t, err)
	require.NoError(t, os.Chmod(dir, 0o711))
	t.Cleanup(func() { require.NoError(t, os.RemoveAll(dir)) })
	return dir
}

func open(t *testing.T, server *libvirttest.Server, dir string, images compute.Images) *libvirt.Driver {
	t.Helper()
	d, err := libvirt.New(dir, images, &libvirt.Options{Socket: server.Socket(), Accel: libvirt.TCG})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, d.Close()) })
	return d
}

func inspect(t *testing.T, server *libvirttest.Server, dir, id string) computetest.View {
	t.Helper()
	domain := domainXML(t, server, id)
	require.Equal(t, "MiB", map[string]string{"KiB": "MiB"}[domain.Memory.Unit])
	view := computetest.View{VCPUs: int(domain.VCPU.Value), MemoryMiB: int(domain.Memory.Value) / 1024}
	for _, i := range domain.Devices.Interfaces {
		view.MACs = append(view.MACs, i.MAC.Address)
	}
	for _, disk := range domain.Devices.Disks {
		switch filepath.Base(disk.Source.File.File) {
		case "root.qcow2":
			view.RootBytes = virtualSize(t, disk.Source.File.File)
		case "config.iso":
			view.ConfigDrive = readISO(t, disk.Source.File.File)
		}
	}
	return view
}

func readISO(t *testing.T, path string) map[string][]byte {
	t.Helper()
	f, err := os.Open(path)
	require.NoError(t, err)
	defer f.Close()
	volume, err := iso9660.OpenImage(f)
	require.NoError(t, err)
	root, err := volume.RootDir()
	require.NoError(t, err)
	files := map[string][]byte{}
	var walk func(prefix string, dir *iso9660.File)
	walk = func(prefix string, dir *iso9660.File) {
		children, err := dir.GetChildren()
		require.NoError(t, err)
		for _, c := range children {
			if c.IsDir() {
				walk(prefix+c.Name()+"/", c)
				continue
			}
			files[prefix+c.Name()], err = io.ReadAll(c.Reader())
			require.NoError(t, err)
		}
	}
	walk("", root)
	return files
}

// domainXML gives the definition in force of a guest, past the driver.
func domainXML(t *testing.T, server *libvirttest.Server, id string) libvirtxml.Domain {
	t.Helper()
	var domain libvirtxml.Domain
	require.NoError(t, domain.Unmarshal(server.XML(id)))
	return domain
}

func leftovers(t *testing.T, server *libvirttest.Server, dir string) []string {
	t.Helper()
	left, err := filepath.Glob(filepath.Join(dir, "guests", "*"))
	require.NoError(t, err)
	parts, err := filepath.Glob(filepath.Join(dir, "images", "*.part*"))
	require.NoError(t, err)
	return append(append(left, parts...), server.Names()...)
}

func virtualSize(t *testing.T, path string) int64 {
	t.Helper()
	return imageInfo(t, path).VirtualSize
}

// info is what qemu-img says of a qcow2.
type info struct {
	VirtualSize   int64  `json:"virtual-size"`
	Backing       string `json:"backing-filename"`
	BackingFormat string `json:"backing-filename-format"`
}

func imageInfo(t *testing.T, path string) (i info) {
	t.Helper()
	out, err := command.Run(t.Context(), command.Command{ // -U: the guest may run
		Path: need.Program(t, "qemu-img"), Args: []string{"info", "-U", "-f", "qcow2", "--output=json", "--", path},
	})
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(out, &i))
	return i
}
