package inspect_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/cumulite/cumulite/image/inspect"
)

func TestFixedVHDReportsItsDisk(t *testing.T) {
	for _, declared := range []inspect.Format{inspect.VHD, "vpc"} {
		report, err := inspectAllWays(t, fixedVHD(append(bootSector(), make([]byte, 3*mib-512)...)), declared)
		require.NoError(t, err)
		require.Equal(t, inspect.Report{Format: inspect.VHD, VirtualSize: 3 * mib, BootSector: true}, report)
	}
}

func TestRefusesDamagedFixedVHD(t *testing.T) {
	disk := make([]byte, 2*mib)
	cases := []struct {
		reason string
		footer []byte
	}{
		{"vhd image has a footer that states another size than the file's", vhdFooter(2, 2*mib+512, 1<<64-1)},
		{"vhd image has a footer that states another size than the file's", vhdFooter(2, 2*mib-512, 1<<64-1)},
		{"vhd image is fixed by its footer but has a dynamic header", vhdFooter(2, 2*mib, 512)},
		{"vhd image has a footer that contradicts its header", vhdFooter(3, 2*mib, 512)},
		{"vhd image has a parent image", vhdFooter(4, 2*mib, 512)},
		{"vhd image has an unknown type of disk", vhdFooter(5, 2*mib, 512)},
		{"vhd image has an impossible virtual size", vhdFooter(2, 1<<63, 1<<64-1)},
		{"vhd image has a geometry larger than its size", vhdFooter(2, 512, 1<<64-1)},
		{"image is declared vhd but its content is not vhd", make([]byte, 512)},
		{"image is declared vhd but its content is not vhd", append(vhdFooter(2, 2*mib, 1<<64-1), 0)[1:]},
		{"vhd image has a damaged footer", append([]byte("conectix"), make([]byte, 504)...)},
	}
	for _, c := range cases {
		_, err := inspectAllWays(t, append(disk[:2*mib:2*mib], c.footer...), inspect.VHD)
		requireRefused(t, err, inspect.VHD, c.reason)
	}
}

func TestLargestGeometryMeansThatTheSizeCounts(t *testing.T) {
	f := vhdFooter(2, mib, 1<<64-1)
	be.PutUint16(f[56:], 65535)
	f[58], f[59] = 16, 255
	report, err := inspectAllWays(t, append(make([]byte, mib), vhdSum(f, 64)...), inspect.VHD)
	require.NoError(t, err)
	require.EqualValues(t, mib, report.VirtualSize)
}

func TestRefusesDamagedOrDependentDynamicVHD(t *testing.T) {
	header := func(change func(h []byte)) func(*dynamicVHD) {
		return func(v *dynamicVHD) { change(v.header); vhdSum(v.header, 36) }
	}
	both := func(f []byte) func(*dynamicVHD) {
		return func(v *dynamicVHD) { v.front, v.footer = f, f }
	}
	cases := []struct {
		reason string
		bend   func(v *dynamicVHD)
	}{
		{"has a parent image", both(vhdFooter(4, 2*mib, 512))},
		{"has a parent image", header(func(h []byte) { h[40] = 1 })},
		{"has a parent image", header(func(h []byte) { copy(h[64:], "\x00p\x00a") })},
		{"has a parent image", header(func(h []byte) { copy(h[576:], "W2ku") })},
		{"has a damaged footer", func(v *dynamicVHD) { v.front[100] ^= 1 }},
		{"has a damaged footer", func(v *dynamicVHD) { v.footer[100] ^= 1 }},
		{"has a damaged dynamic header", func(v *dynamicVHD) { v.header[100] ^= 1 }},
		{"has a damaged dynamic header", header(func(h []byte) { h[0] = 'C' })},
		{"has an invalid block size", header(func(h []byte) { be.PutUint32(h[32:], 0) })},
		{"has an invalid block size", header(func(h []byte) { be.PutUint32(h[32:], 3*mib) })},
		{"claims a virtual size that its table cannot hold", header(func(h []byte) { be.PutUint32(h[32:], mib) })},
		{"has its block table outside the file", header(func(h []byte) { be.PutUint32(h[28:], 129) })},
		{"has its block table outside the file", header(func(h []byte) { be.PutUint64(h[16:], 1<<63) })},
		{"has its block table outside the file", header(func(h []byte) { be.PutUint64(h[16:], 0) })},
		{"has its dynamic header at an unusual place", both(vhdFooter(3, 2*mib, 0))},
		{"has its dynamic header at an unusual place", both(vhdFooter(3, 2*mib, 1<<63))},
		{"has its dynamic header at an unusual place", both(vhdFooter(3, 2*mib, 2048))},
		{"begins with the header of a disk that is not dynamic", both(vhdFooter(2, 2*mib, 1<<64-1))},
		{"is fixed by its footer but has a dynamic header", func(v *dynamicVHD) { v.footer = vhdFooter(2, 2*mib, 1<<64-1) }},
		{"has a footer that contradicts its header", func(v *dynamicVHD) { v.footer = vhdFooter(3, 2*mib-512, 512) }},
		{"has a footer that contradicts its header", func(v *dynamicVHD) { v.footer = vhdFooter(3, 2*mib, 1024) }},
		{"is cut off: it has no footer", func(v *dynamicVHD) { v.footer = nil }},
	}
	for _, c := range cases {
		v := newDynamicVHD()
		c.bend(v)
		_, err := inspectAllWays(t, v.bytes(), inspect.VHD)
		requireRefused(t, err, inspect.VHD, "vhd image "+c.reason)
	}
}
