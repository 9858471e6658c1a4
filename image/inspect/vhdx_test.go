package inspect_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/cumulite/cumulite/image/inspect"
)

func TestVHDXHeaderThatIsOlderOrDamagedIsIgnored(t *testing.T) {
	for name, bend := range map[string]func(h []byte){
		"an old log":       func(h []byte) { h[48] = 1; crc(h) },
		"a damaged header": func(h []byte) { h[48] = 1 },
		"another version":  func(h []byte) { h[66] = 2; crc(h) },
	} {
		v := newVHDX()
		bend(v.headers[0])
		_, err := inspectAllWays(t, v.bytes(), inspect.VHDX)
		require.NoError(t, err, name)
	}
}

func TestVHDXIgnoresWhatAReaderMayIgnore(t *testing.T) {
	v := newVHDX()
	v.item(guidUnknown, []byte("x"))
	le.PutUint32(v.metadata[32+5*32+24:], 0)
	for _, r := range v.regions {
		le.PutUint32(r[8:], 3)
		putRegion(r[80:], guidUnknown, 5*mib)
		le.PutUint32(r[80+28:], 0)
		crc(r)
	}
	_, err := inspectAllWays(t, v.bytes(), inspect.VHDX)
	require.NoError(t, err)
}

func TestRefusesDamagedOrDependentVHDX(t *testing.T) {
	regions := func(change func(r []byte)) func(*vhdxImage) {
		return func(v *vhdxImage) {
			for _, r := range v.regions {
				change(r)
				crc(r)
			}
		}
	}
	metadata := func(change func(m []byte)) func(*vhdxImage) {
		return func(v *vhdxImage) { change(v.metadata) }
	}
	const item = 64 << 10 // the first of them; each has 64 bytes
	cases := []struct {
		reason string
		bend   func(v *vhdxImage)
	}{
		{"has no valid header", func(v *vhdxImage) { v.headers[0][9] ^= 1; v.headers[1][9] ^= 1 }},
		{"was not closed: its log has to be replayed", func(v *vhdxImage) { v.headers[1][48] = 1; crc(v.headers[1]) }},
		{"was not closed: its log has to be replayed", func(v *vhdxImage) {
			v.headers[0][48] = 1
			le.PutUint64(v.headers[0][8:], 2)
			crc(v.headers[0])
		}},
		{"has two region tables that differ", func(v *vhdxImage) { v.regions[1][4000] = 1; crc(v.regions[1]) }},
		{"has a damaged region table", func(v *vhdxImage) { v.regions[0][4000], v.regions[1][4000] = 1, 1 }},
		{"has a damaged region table", regions(func(r []byte) { r[0] = 'R' })},
		{"has a damaged region table", regions(func(r []byte) { le.PutUint32(r[8:], 2048) })},
		{"needs the unknown region 74786973-6565-206e-6279-746573206964", regions(func(r []byte) { copy(r[16:], guidUnknown) })},
		{"has an invalid region table", regions(func(r []byte) { copy(r[16:], guidMetadata) })},
		{"has an invalid region table", regions(func(r []byte) { le.PutUint64(r[32:], 0) })},
		{"has an invalid region table", regions(func(r []byte) { le.PutUint64(r[32:], mib+512) })},
		{"has an invalid region table", regions(func(r []byte) { le.PutUint64(r[64:], 1<<63) })},
		{"has an invalid region table", regions(func(r []byte) { le.PutUint32(r[72:], 4096) })},
		{"lacks a region", regions(func(r []byte) { le.PutUint32(r[8:], 1) })},
		{"has a region outside the file", regions(func(r []byte) { le.PutUint64(r[32:], 4*mib) })},
		{"has a region outside the file", regions(func(r []byte) { le.PutUint64(r[64:], 1<<62) })},
		{"has a damaged metadata table", metadata(func(m []byte) { m[0] = 'M' })},
		{"has a damaged metadata table", metadata(func(m []byte) { le.PutUint16(m[10:], 2048) })},
		{"has an invalid metadata table", metadata(func(m []byte) { copy(m[32:], guidDiskSize) })},
		{"has an invalid metadata table", metadata(func(m []byte) { le.PutUint32(m[32+16:], 32) })},
		{"has an invalid metadata table", metadata(func(m []byte) { le.PutUint32(m[32+16:], 128<<10) })},
		{"has an invalid metadata table", metadata(func(m []byte) { le.PutUint32(m[32+20:], 1<<32-1) })},
		{"needs the unknown metadata 74786973-6565-206e-6279-746573206964", func(v *vhdxImage) { v.item(guidUnknown) }},
		{"has a parent image", func(v *vhdxImage) { v.item(guidLocator) }},
		{"has a parent image", metadata(func(m []byte) { m[item+4] = 2 })},
		{"lacks metadata", metadata(func(m []byte) { le.PutUint16(m[10:], 1) })},
		{"lacks metadata", metadata(func(m []byte) { le.PutUint32(m[32+20:], 4) })},
		{"has an invalid block or sector size", metadata(func(m []byte) { le.PutUint32(m[item:], 3*mib) })},
		{"has an invalid block or sector size", metadata(func(m []byte) { le.PutUint32(m[item:], 0) })},
		{"has an invalid block or sector size", metadata(func(m []byte) { le.PutUint32(m[item+3*64:], 1024) })},
		{"claims a virtual size that its table cannot hold", metadata(func(m []byte) { le.PutUint64(m[item+64:], 1<<63) })},
	}
	for _, c := range cases {
		v := newVHDX()
		c.bend(v)
		_, err := inspectAllWays(t, v.bytes(), inspect.VHDX)
		requireRefused(t, err, inspect.VHDX, "vhdx image "+c.reason)
	}
}
