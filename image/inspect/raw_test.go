package inspect_test

import (
	"bytes"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/cumulite/cumulite/image/inspect"
)

func TestRawDisksOfAnySizeAreAccepted(t *testing.T) {
	for _, n := range []int{0, 1, 511, 512, 513, 4096, 320 << 10, 320<<10 + 1, 3*mib + 17} {
		report, err := inspectAllWays(t, make([]byte, n), inspect.Raw)
		require.NoError(t, err)
		require.Equal(t, inspect.Report{Format: inspect.Raw, VirtualSize: int64(n)}, report)
	}
}

func TestMachineImagesKeepTheirDeclaredName(t *testing.T) {
	for _, format := range []inspect.Format{inspect.AMI, inspect.ARI, inspect.AKI} {
		report, err := inspectAllWays(t, []byte("\x1f\x8b a compressed ramdisk"), format)
		require.NoError(t, err)
		require.Equal(t, inspect.Report{Format: format, VirtualSize: 23}, report)
	}
}

func TestRawDiskReportsItsPartitionTable(t *testing.T) {
	for _, sector := range []int{512, 4096} {
		disk := append(bootSector(), make([]byte, mib)...)
		copy(disk[sector:], "EFI PART")
		report, err := inspectAllWays(t, disk, inspect.Raw)
		require.NoError(t, err)
		require.True(t, report.BootSector)
		require.True(t, report.GPT)
	}
}

func TestRawRefusesTheMarksOfEveryFormat(t *testing.T) {
	cases := []struct {
		format inspect.Format
		off    int
		mark   string
	}{
		{"qcow", 0, "QFI\xfb\x00\x00\x00\x01"},
		{inspect.QCOW2, 0, "QFI\xfb\x00\x00\x00\x02"},
		{inspect.QCOW2, 0, "QFI\xfb\xff\xff\xff\xff"},
		{"qed", 0, "QED\x00"},
		{inspect.VMDK, 0, "KDMV"},
		{inspect.VMDK, 0, "COWD"},
		{inspect.VMDK, 0, "\xbe\xba\xfe\xca\x00\x00\x00\x00"},
		{inspect.VMDK, 0, "# Disk DescriptorFile"},
		{inspect.VMDK, 0, "# DISK DESCRIPTORFILE"},
		{inspect.VMDK, 0, "version=3\n"},
		{inspect.VHD, 0, "conectix"},
		{inspect.VHD, mib - 512, "conectix"},
		{inspect.VHD, mib - 511, "conectix"},
		{inspect.VHDX, 0, "vhdxfile"},
		{inspect.VDI, 64, "\x7f\x10\xda\xbe"},
		{"luks", 0, "LUKS\xba\xbe\x00\x02"},
		{"ploop", 0, "WithoutFreeSpace"},
		{"ploop", 0, "WithouFreSpacExt"},
		{"bochs", 0, "Bochs Virtual HD Image"},
		{"cloop", 0, "#!/bin/sh\n#V2.0 Format\nmodprobe cloop"},
		{inspect.ISO, 32769, "CD001"},
		{"udf", 32769, "BEA01"},
		{"udf", 32769, "NSR02"},
		{"udf", 32769, "NSR03"},
	}
	for _, c := range cases {
		disk := make([]byte, mib)
		copy(disk[c.off:], c.mark)
		_, err := inspectAllWays(t, disk, inspect.Raw)
		requireRefused(t, err, inspect.Raw, "image is declared raw but its content is "+string(c.format))

		// With another first byte it is a disk like any other.
		disk[c.off] ^= 1
		_, err = inspectAllWays(t, disk, inspect.Raw)
		require.NoError(t, err, "%q", c.mark)
	}
}

func TestRawAcceptsTextThatIsNoDescriptor(t *testing.T) {
	for _, text := range []string{"#!/bin/sh\nversion", "# comment\nversion 1\n", "#cloud-config\nruncmd: []\nversion=1\n", "\n\n\n"} {
		_, err := inspectAllWays(t, []byte(text), inspect.Raw)
		require.NoError(t, err, text)
	}
}

func TestRawNamesAllThatItIs(t *testing.T) {
	disk := isoImage()
	copy(disk, luksImage())
	_, err := inspectAllWays(t, disk, inspect.Raw)
	requireRefused(t, err, inspect.Raw, "image is declared raw but its content is luks and iso")
}

func TestRawDiskMayHoldAnImageInside(t *testing.T) {
	disk := slicesAt(mib, 512*100, newQCOW2().bytes())
	_, err := inspectAllWays(t, disk, inspect.Raw)
	require.NoError(t, err)
	_, err = inspectAllWays(t, bytes.Repeat([]byte("conectix "), 5000), inspect.VHD)
	require.Error(t, err)
}

// slicesAt returns n zero bytes with part at off.
func slicesAt(n, off int, part []byte) []byte {
	b := make([]byte, n)
	copy(b[off:], part)
	return b
}
