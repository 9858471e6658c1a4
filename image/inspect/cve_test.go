package inspect_test

import (
	"bytes"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/cumulite/cumulite/image/inspect"
)

// The corpus of security.md, S1: one test for each advisory that came of
// image formats, from what is published about it.

// CVE-2015-5163 (Glance): a qcow2 image whose backing file is a path of the
// host, read when the image is converted or imported.
func TestCVE_2015_5163_QCOW2BackingFile(t *testing.T) {
	for _, version := range []uint32{2, 3} {
		q := newQCOW2()
		be.PutUint32(q.header[4:], version)
		be.PutUint64(q.header[8:], 1024)
		be.PutUint32(q.header[16:], 11)
		data := q.bytes()
		copy(data[1024:], "/etc/passwd")
		_, err := inspectAllWays(t, data, inspect.QCOW2)
		requireRefused(t, err, inspect.QCOW2, "qcow2 image has a backing file")
	}
}

// CVE-2022-47951 (Cinder, Glance, Nova): a VMDK whose descriptor names a file
// of the host as its flat extent.
func TestCVE_2022_47951_VMDKDescriptorNamesAPath(t *testing.T) {
	text := []byte(vmdkText("monolithicFlat", `RW 2048 FLAT "/etc/passwd" 0`))
	_, err := inspectAllWays(t, text, inspect.VMDK)
	requireRefused(t, err, inspect.VMDK,
		"vmdk image is a descriptor that names other files; only monolithicSparse and streamOptimized are accepted")
	_, err = inspectAllWays(t, text, inspect.Raw)
	requireRefused(t, err, inspect.Raw, "image is declared raw but its content is vmdk")

	v := newVMDK()
	v.descriptor = string(text)
	_, err = inspectAllWays(t, v.bytes(), inspect.VMDK)
	requireRefused(t, err, inspect.VMDK,
		`vmdk image has a descriptor with an unsupported extent: "rw 2048 flat \"/etc/passwd\" 0"`)

	// The type alone was what the first fix checked.
	v.descriptor = vmdkText("monolithicSparse", `RW 2048 SPARSE "/etc/passwd"`)
	_, err = inspectAllWays(t, v.bytes(), inspect.VMDK)
	requireRefused(t, err, inspect.VMDK, `vmdk image has a descriptor with an extent in another file: "/etc/passwd"`)
}

// CVE-2024-32498 (Cinder, Glance, Nova): a qcow2 image whose guest data is an
// external file, which is a path of the host.
func TestCVE_2024_32498_QCOW2ExternalDataFile(t *testing.T) {
	q := newQCOW2()
	be.PutUint64(q.header[72:], 1<<2)
	q.extension(0x44415441, "/etc/passwd")
	_, err := inspectAllWays(t, q.bytes(), inspect.QCOW2)
	requireRefused(t, err, inspect.QCOW2, "qcow2 image has an external data file")

	named := newQCOW2().extension(0x6803f857, "a feature name table of some").extension(0x44415441, "/etc/passwd")
	_, err = inspectAllWays(t, named.bytes(), inspect.QCOW2)
	requireRefused(t, err, inspect.QCOW2, "qcow2 image names an external data file")
}

// CVE-2024-40767 (Nova): the fix of CVE-2024-32498 was passed by when the
// image was declared raw and a tool found its format by itself: qcow2, or a
// VMDK descriptor.
func TestCVE_2024_40767_RawThatIsAnotherFormat(t *testing.T) {
	q := newQCOW2().extension(0x44415441, "/etc/passwd")
	be.PutUint64(q.header[72:], 1<<2)
	text := "# any comment\r\n\r\n  \n" + "version=1\n" + `RW 2048 FLAT "/etc/passwd" 0` + "\n"
	for _, declared := range []inspect.Format{inspect.Raw, inspect.AMI, inspect.ARI, inspect.AKI} {
		_, err := inspectAllWays(t, q.bytes(), declared)
		requireRefused(t, err, declared, "image is declared "+string(declared)+" but its content is qcow2")
		_, err = inspectAllWays(t, []byte(text), declared)
		requireRefused(t, err, declared, "image is declared "+string(declared)+" but its content is vmdk")
	}
}

// CVE-2024-44082 (Ironic): images were converted before, or without, any
// check that their content is the declared format, in every format.
func TestCVE_2024_44082_UncheckedFormats(t *testing.T) {
	q := newQCOW2()
	be.PutUint64(q.header[8:], 1024)
	for _, declared := range []inspect.Format{inspect.VMDK, inspect.VHD, "vpc", inspect.VHDX, inspect.VDI, inspect.ISO} {
		_, err := inspectAllWays(t, q.bytes(), declared)
		require.ErrorAs(t, err, new(*inspect.Refused))
		require.ErrorContains(t, err, "but its content is qcow2")
	}
	v := newVHDX()
	le.PutUint32(v.metadata[64<<10+4:], 2)
	_, err := inspectAllWays(t, v.bytes(), inspect.VHDX)
	requireRefused(t, err, inspect.VHDX, "vhdx image has a parent image")
}

// CVE-2026-24708 (Nova): a guest wrote a qcow2 header into its raw disk, and
// the resize let a tool guess. A disk stays raw for ever, which is not this
// package's doing; but its snapshot, uploaded as raw, must not come back as
// an image of another format.
func TestCVE_2026_24708_GuestWritesAHeaderIntoItsDisk(t *testing.T) {
	disk := append(bootSector(), make([]byte, mib)...)
	report, err := inspectAllWays(t, disk, inspect.Raw)
	require.NoError(t, err)
	require.True(t, report.BootSector)
	for format, data := range good() {
		if format == inspect.Raw {
			continue
		}
		snapshot := bytes.Clone(disk)
		copy(snapshot, data[:min(len(data), 40<<10)])
		_, err = inspectAllWays(t, snapshot, inspect.Raw)
		requireRefused(t, err, inspect.Raw, "image is declared raw but its content is "+string(format))
	}
}
