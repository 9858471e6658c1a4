package libvirt_test

import (
	"context"
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"libvirt.org/go/libvirtxml"

	"github.com/cumulite/cumulite/compute"
	"github.com/cumulite/cumulite/compute/computetest"
	"github.com/cumulite/cumulite/drivers/libvirt"
	"github.com/cumulite/cumulite/drivers/libvirt/libvirttest"
	"github.com/cumulite/cumulite/platform/command"
	"github.com/cumulite/cumulite/platform/errs"
	"github.com/cumulite/cumulite/test/need"
)

// TestDriver has what the conformance suite does not ask; its cases share a libvirtd.
func TestDriver(t *testing.T) {
	server := libvirttest.Start(t)
	for name, test := range map[string]func(t *testing.T, b *bench){
		"foreign formats are converted once":     testForeignFormats,
		"iso boots from the CD drive":            testISO,
		"swap and ephemeral disks":               testExtraDisks,
		"formats are spelled out":                testSpelledOut,
		"a tap is plugged with its MTU":          testTap,
		"only guests of its own are listed":      testOnlyOwn,
		"q35 machine with a live interface":      testQ35,
		"unknown machine type is refused":        testMachineType,
		"files are for QEMU and root only":       testModes,
		"remove of a guest that lost its domain": testLostDomain,
		"time of a start":                        testStartTime,
	} {
		t.Run(name, func(t *testing.T) { test(t, newBench(t, server)) })
	}
	t.Run("libvirtd does not answer", func(t *testing.T) { testHang(t, newBench(t, server)) })
	t.Run("libvirtd goes and comes back", func(t *testing.T) { testGone(t, newBench(t, server)) })
}

type bench struct {
	*libvirt.Driver
	server *libvirttest.Server
	images *computetest.Images
	dir    string
}

func newBench(t *testing.T, server *libvirttest.Server) *bench {
	b := &bench{server: server, images: computetest.NewImages(), dir: stateDir(t)}
	b.Driver = open(t, server, b.dir, b.images)
	t.Cleanup(func() {
		guests, err := b.Guests(context.Background())
		require.NoError(t, err)
		for _, g := range guests {
			require.NoError(t, b.Remove(context.Background(), "clear", g.ID))
		}
	})
	return b
}

func small(image compute.ImageSpec) compute.GuestSpec {
	return compute.GuestSpec{ID: uuid.NewString(), Name: "t-" + uuid.NewString()[:8], VCPUs: 1, MemoryMiB: 64, Image: image}
}

func (b *bench) waitReady(t *testing.T, id string) {
	t.Helper()
	require.Eventually(t, func() bool {
		log, err := b.Console(t.Context(), id, -1)
		return err == nil && strings.Contains(string(log), "GUEST-READY")
	}, time.Minute, 20*time.Millisecond)
}

func (b *bench) domain(t *testing.T, id string) libvirtxml.Domain {
	return domainXML(t, b.server, id)
}

// bootable writes the bootable raw image to a file.
func (b *bench) bootable(t *testing.T) string {
	t.Helper()
	r, err := b.images.Open(t.Context(), b.images.Bootable().ID)
	require.NoError(t, err)
	path := filepath.Join(t.TempDir(), "disk.raw")
	f, err := os.Create(path)
	require.NoError(t, err)
	_, err = f.ReadFrom(r)
	require.NoError(t, err)
	require.NoError(t, f.Close())
	return path
}

func testForeignFormats(t *testing.T, b *bench) {
	raw := b.bootable(t)
	for format, tool := range map[string]string{"qcow2": "qcow2", "vmdk": "vmdk", "vhd": "vpc", "vhdx": "vhdx", "vdi": "vdi"} {
		path := filepath.Join(t.TempDir(), format)
		_, err := command.Run(t.Context(), command.Command{
			Path: need.Program(t, "qemu-img"), Args: []string{"convert", "-f", "raw", "-O", tool, raw, path},
		})
		require.NoError(t, err)
		spec := small(b.images.AddFile(t, format, path, 4<<20)) // a VHD is rounded up
		require.NoError(t, b.Create(t.Context(), "c", spec), format)
		require.NoError(t, b.Start(t.Context(), "s", spec), format)
		b.waitReady(t, spec.ID)
		second := small(spec.Image)
		require.NoError(t, b.Create(t.Context(), "c", second))
		require.Equal(t, 1, b.images.Opens(spec.Image.ID), format)
		disk := imageInfo(t, filepath.Join(b.dir, "guests", second.ID, "root.qcow2"))
		require.Equal(t, "qcow2", disk.BackingFormat, "what was converted stays what it was converted to")
	}

	broken := small(b.images.Add("vmdk", []byte("not a disk at all"), 1<<20))
	require.Equal(t, errs.Invalid, errs.KindOf(b.Create(t.Context(), "c", broken)))
	require.NoError(t, b.Remove(t.Context(), "r", broken.ID))
}

func testISO(t *testing.T, b *bench) {
	spec := small(b.images.Add("iso", make([]byte, 1<<20), 1<<20))
	spec.RootGiB, spec.ConfigDrive = 1, map[string][]byte{"a": nil}
	require.NoError(t, b.Create(t.Context(), "c", spec))
	require.NoError(t, b.Start(t.Context(), "s", spec))
	var seen []string
	for _, d := range b.domain(t, spec.ID).Devices.Disks {
		seen = append(seen, d.Device+" "+d.Target.Bus+" "+filepath.Base(d.Source.File.File))
	}
	require.Equal(t, []string{"disk virtio root.qcow2", "cdrom ide base", "cdrom ide config.iso"}, seen)
	require.Empty(t, imageInfo(t, filepath.Join(b.dir, "guests", spec.ID, "root.qcow2")).Backing)
}

func testExtraDisks(t *testing.T, b *bench) {
	spec := small(b.images.Bootable())
	spec.EphemeralGiB, spec.SwapMiB = 2, 64
	require.NoError(t, b.Create(t.Context(), "c", spec))
	require.NoError(t, b.Start(t.Context(), "s", spec))
	sizes := map[string]int64{"ephemeral.raw": 2 << 30, "swap.raw": 64 << 20}
	for name, size := range sizes {
		info, err := os.Stat(filepath.Join(b.dir, "guests", spec.ID, name))
		require.NoError(t, err)
		require.Equal(t, size, info.Size())
	}
	header := make([]byte, 4096)
	f, err := os.Open(filepath.Join(b.dir, "guests", spec.ID, "swap.raw"))
	require.NoError(t, err)
	defer f.Close()
	_, err = f.Read(header)
	require.NoError(t, err)
	require.Equal(t, "SWAPSPACE2", string(header[4086:]))
	require.EqualValues(t, 64<<20/4096-1, binary.LittleEndian.Uint32(header[1028:]))
}

func testSpelledOut(t *testing.T, b *bench) {
	spec := small(b.images.Bootable())
	require.NoError(t, b.Create(t.Context(), "c", spec))
	disk := imageInfo(t, filepath.Join(b.dir, "guests", spec.ID, "root.qcow2"))
	require.Equal(t, filepath.Join(b.dir, "guests", spec.ID, "base"), disk.Backing)
	require.Equal(t, "raw", disk.BackingFormat)

	require.NoError(t, b.Start(t.Context(), "s", spec))
	domain := b.domain(t, spec.ID)
	require.Equal(t, "qemu", domain.Type)
	root := domain.Devices.Disks[0]
	require.Equal(t, "qcow2", root.Driver.Type)
	require.Equal(t, "raw", root.BackingStore.Format.Type)
	require.Nil(t, root.BackingStore.BackingStore.Format, "the chain ends there")
	line, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", b.server.PID(spec.Name)))
	require.NoError(t, err)
	require.NotContains(t, string(line), "probe")
}

func testTap(t *testing.T, b *bench) {
	b.server.Tap("taptest0")
	b.server.Tap("taptest1")
	spec := small(compute.ImageSpec{})
	spec.NICs = []compute.NIC{{PortID: uuid.NewString(), MAC: "fa:16:3e:00:00:01", Type: "tap", Device: "taptest0", MTU: 1400}}
	require.NoError(t, b.Create(t.Context(), "c", spec))
	require.NoError(t, b.Start(t.Context(), "s", spec))
	require.True(t, b.server.Carrier("taptest0"))
	require.EqualValues(t, 1400, b.domain(t, spec.ID).Devices.Interfaces[0].MTU.Size, "what the guest is told")

	live := compute.NIC{PortID: uuid.NewString(), MAC: "fa:16:3e:00:00:02", Type: "tap", Device: "taptest1", MTU: 1400}
	require.NoError(t, b.Plug(t.Context(), "p", spec.ID, live))
	require.True(t, b.server.Carrier("taptest1"))

	none := compute.NIC{PortID: uuid.NewString(), MAC: "fa:16:3e:00:00:03", Type: "ovs"}
	require.Equal(t, errs.NotSupported, errs.KindOf(b.Plug(t.Context(), "p", spec.ID, none)))

	require.NoError(t, b.Remove(t.Context(), "r", spec.ID))
	require.False(t, b.server.Carrier("taptest0"), "the tap is the network's and stays, without a guest")
}

func testOnlyOwn(t *testing.T, b *bench) {
	l := b.server.Client()
	stranger := uuid.NewString()
	dom, err := l.DomainDefineXML(`<domain type="qemu"><name>stranger</name><uuid>` + stranger + `</uuid><memory>65536</memory>
		<os><type arch="x86_64" machine="pc">hvm</type></os></domain>`)
	require.NoError(t, err)
	defer l.DomainUndefine(dom)
	other := newBench(t, b.server)
	spec := small(compute.ImageSpec{})
	require.NoError(t, other.Create(t.Context(), "c", spec))

	guests, err := b.Guests(t.Context())
	require.NoError(t, err)
	require.Empty(t, guests)
	for _, id := range []string{stranger, spec.ID} {
		require.Equal(t, errs.NotFound, errs.KindOf(b.Stop(t.Context(), "s", id, 0)))
		require.NoError(t, b.Remove(t.Context(), "r", id))
	}
	require.Contains(t, b.server.Names(), "stranger", "what is not ours is not removed")
	require.Contains(t, b.server.Names(), spec.Name)
}

func testQ35(t *testing.T, b *bench) {
	spec := small(b.images.Bootable())
	spec.Extra = map[string]string{"hw_machine_type": "q35"}
	spec.ConfigDrive = map[string][]byte{"a": nil}
	require.NoError(t, b.Create(t.Context(), "c", spec))
	require.NoError(t, b.Start(t.Context(), "s", spec))
	b.waitReady(t, spec.ID)
	require.Contains(t, b.domain(t, spec.ID).OS.Type.Machine, "q35")
	nic := compute.NIC{PortID: uuid.NewString(), MAC: "fa:16:3e:00:00:02", Type: "sim"}
	require.NoError(t, b.Plug(t.Context(), "p", spec.ID, nic))
}

func testMachineType(t *testing.T, b *bench) {
	spec := small(compute.ImageSpec{})
	spec.Extra = map[string]string{"hw_machine_type": "virt"}
	require.Equal(t, errs.NotSupported, errs.KindOf(b.Create(t.Context(), "c", spec)))
	require.NoError(t, b.Remove(t.Context(), "r", spec.ID))
}

func testModes(t *testing.T, b *bench) {
	spec := small(b.images.Bootable())
	spec.ConfigDrive, spec.SwapMiB = map[string][]byte{"a": nil}, 1
	require.NoError(t, b.Create(t.Context(), "c", spec))
	require.NoError(t, filepath.WalkDir(b.dir, func(path string, e os.DirEntry, err error) error {
		require.NoError(t, err)
		info, err := e.Info()
		require.NoError(t, err)
		want := os.FileMode(0o600)
		if e.IsDir() {
			want = 0o711
		}
		require.Equal(t, want, info.Mode().Perm(), path)
		return nil
	}))
}

func testLostDomain(t *testing.T, b *bench) {
	spec := small(b.images.Bootable())
	require.NoError(t, b.Create(t.Context(), "c", spec))
	l := b.server.Client()
	dom, err := l.DomainLookupByName(spec.Name)
	require.NoError(t, err)
	require.NoError(t, l.DomainUndefine(dom))
	require.NoError(t, b.Start(t.Context(), "s", spec), "the disks are there: it is defined anew")
	require.NoError(t, b.Remove(t.Context(), "r", spec.ID))
	require.NoDirExists(t, filepath.Join(b.dir, "guests", spec.ID))
}

// testStartTime measures what a user waits for: create and start with the
// image cached. The bound is generous; the figure is in the log.
func testStartTime(t *testing.T, b *bench) {
	image := b.images.Bootable()
	require.NoError(t, b.Create(t.Context(), "c", small(image)))
	var took []time.Duration
	for range 10 {
		spec := small(image)
		spec.ConfigDrive = map[string][]byte{"openstack/latest/meta_data.json": []byte("{}")}
		began := time.Now()
		require.NoError(t, b.Create(t.Context(), "c", spec))
		created := time.Since(began)
		require.NoError(t, b.Start(t.Context(), "s", spec))
		took = append(took, time.Since(began))
		t.Logf("created after %v, started after %v", created, took[len(took)-1])
		require.NoError(t, b.Remove(t.Context(), "r", spec.ID))
	}
	slices.Sort(took)
	t.Logf("median %v", took[5])
	require.Less(t, took[5], 2*time.Second)
}

func testHang(t *testing.T, b *bench) {
	spec := small(compute.ImageSpec{})
	require.NoError(t, b.Create(t.Context(), "c", spec))
	resume := b.server.Pause()
	defer resume()
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	began := time.Now()
	_, err := b.Guests(ctx)
	require.ErrorIs(t, err, context.DeadlineExceeded)
	require.Less(t, time.Since(began), 10*time.Second)

	fresh := open(t, b.server, b.dir, b.images)
	ctx, cancel = context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	_, err = fresh.Guests(ctx)
	require.Equal(t, errs.Unavailable, errs.KindOf(err), "it takes the connection and says nothing")
	resume()
	guests, err := b.Guests(t.Context())
	require.NoError(t, err)
	require.Len(t, guests, 1)
}

func testGone(t *testing.T, b *bench) {
	spec := small(compute.ImageSpec{})
	require.NoError(t, b.Create(t.Context(), "c", spec))
	require.NoError(t, b.Start(t.Context(), "s", spec))
	watch, err := b.Watch(t.Context())
	require.NoError(t, err)

	b.server.Kill()
	_, open := <-watch
	require.False(t, open, "what was missed must be asked for")
	_, err = b.Guests(t.Context())
	require.Equal(t, errs.Unavailable, errs.KindOf(err))
	require.Equal(t, errs.Unavailable, errs.KindOf(b.Stop(t.Context(), "x", spec.ID, 0)))

	b.server.Run()
	guests, err := b.Guests(t.Context())
	require.NoError(t, err)
	require.Equal(t, []compute.Guest{{ID: spec.ID, Power: compute.Running}}, guests, "it ran on, and is found again")
	require.NoError(t, b.Stop(t.Context(), "x", spec.ID, 0))
}
