package inspect_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/cumulite/cumulite/image/inspect"
)

func TestAcceptsQCOW2WithHarmlessFeatures(t *testing.T) {
	cases := map[string]func(q *qcow2Image){
		"dirty":               func(q *qcow2Image) { q.header[79] |= 1 },
		"corrupt":             func(q *qcow2Image) { q.header[79] |= 2 },
		"zstd":                func(q *qcow2Image) { q.header[79], q.header[104] = 8, 1 },
		"compatible features": func(q *qcow2Image) { be.PutUint64(q.header[80:], 1<<63|1) },
		"short header":        func(q *qcow2Image) { q.header = q.header[:104]; be.PutUint32(q.header[100:], 104) },
		"version 2":           func(q *qcow2Image) { q.header = q.header[:72]; be.PutUint32(q.header[4:], 2) },
		"extensions":          func(q *qcow2Image) { q.extension(0x6803f857, "names").extension(7, "").extension(0, "") },
		"words behind the end": func(q *qcow2Image) {
			q.extension(0, "").extension(0x44415441, "not reached")
		},
		"empty disk": func(q *qcow2Image) { clear(q.header[24:32]); clear(q.header[36:48]) },
	}
	for name, bend := range cases {
		q := newQCOW2()
		bend(q)
		_, err := inspectAllWays(t, q.bytes(), inspect.QCOW2)
		require.NoError(t, err, name)
	}
}

func TestAcceptsQCOW2WhoseLastClusterIsPartial(t *testing.T) {
	q := newQCOW2()
	be.PutUint64(q.header[40:], 4<<16)
	_, err := inspectAllWays(t, append(q.bytes(), make([]byte, 8)...), inspect.QCOW2)
	require.NoError(t, err)
	_, err = inspectAllWays(t, q.bytes(), inspect.QCOW2)
	requireRefused(t, err, inspect.QCOW2, "qcow2 image has its tables outside the file")
}

func TestRefusesDamagedOrDependentQCOW2(t *testing.T) {
	u32 := func(off int, value uint32) func(*qcow2Image) {
		return func(q *qcow2Image) { be.PutUint32(q.header[off:], value) }
	}
	u64 := func(off int, value uint64) func(*qcow2Image) {
		return func(q *qcow2Image) { be.PutUint64(q.header[off:], value) }
	}
	const (
		outside  = "has its tables outside the file"
		size     = "claims a virtual size that its tables cannot hold"
		tables   = "has tables of an invalid size"
		clusters = "has an invalid cluster size"
		length   = "has an invalid header length"
	)
	cases := []struct {
		reason string
		bend   func(q *qcow2Image)
	}{
		{"has the unknown version 0", u32(4, 0)},
		{"has the unknown version 4", u32(4, 4)},
		{"has a backing file", u64(8, 1<<63)},
		{clusters, u32(20, 8)},
		{clusters, u32(20, 22)},
		{clusters, u32(20, 1<<31)},
		{size, u64(24, 1<<29+1)},
		{size, u64(24, 1<<63)},
		{size, u64(24, 1<<64-1)},
		{size, u32(36, 0)},
		{tables, u32(36, 4<<20+1)},
		{tables, u32(36, 1<<32-1)},
		{tables, u32(56, 0)},
		{tables, u32(56, 129)},
		{tables, u32(56, 1<<32-1)},
		{"is encrypted", u32(32, 1)},
		{"is encrypted", u32(32, 2)},
		{"has internal snapshots", u32(60, 1)},
		{outside, u64(40, 0)},
		{outside, u64(40, 1<<16+8)},
		{outside, u64(40, 1<<63)},
		{outside, u64(40, 1<<62)},
		{outside, u64(48, 0)},
		{outside, u64(48, 4<<16)},
		{"has an external data file", u64(72, 4)},
		{"has an external data file", u64(72, 1<<63|4)},
		{"needs the unsupported feature 4", u64(72, 1<<4)},
		{"needs the unsupported feature 63", u64(72, 1<<63)},
		{"has an invalid refcount width", u32(96, 7)},
		{length, u32(100, 0)},
		{length, u32(100, 108)},
		{length, u32(100, 1<<16+8)},
		{length, u32(100, 1<<32-8)},
		{"has an unknown compression type", func(q *qcow2Image) { q.header[104] = 1 }},
		{"has an unknown compression type", func(q *qcow2Image) { q.header[104], q.header[79] = 2, 8 }},
		{"has an unknown compression type", func(q *qcow2Image) { q.header[79] = 8 }},
		{"has a header extension that is too long", func(q *qcow2Image) {
			q.extension(7, "x")
			be.PutUint32(q.extensions[4:], 1<<16)
		}},
		{"has a header extension that is too long", func(q *qcow2Image) {
			q.extension(7, "x")
			be.PutUint32(q.extensions[4:], 1<<32-1)
		}},
	}
	for _, c := range cases {
		q := newQCOW2()
		c.bend(q)
		_, err := inspectAllWays(t, q.bytes(), inspect.QCOW2)
		requireRefused(t, err, inspect.QCOW2, "qcow2 image "+c.reason)
	}
}

// A cluster of 2 MiB reaches past what is kept of the image, so extensions
// could hide there.
func TestRefusesQCOW2ExtensionsThatDoNotEnd(t *testing.T) {
	q := newQCOW2()
	be.PutUint32(q.header[20:], 21)
	q.extension(7, string(make([]byte, 200<<10)))
	data := q.bytes()
	for off := 210 << 10; off < len(data); off += 8 {
		be.PutUint32(data[off:], 7)
	}
	data = append(data, make([]byte, 8*mib)...)
	be.PutUint64(data[40:], 2*mib)
	be.PutUint64(data[48:], 4*mib)
	_, err := inspectAllWays(t, data, inspect.QCOW2)
	require.NoError(t, err, "they end")

	for off := 112 + 8 + 200<<10; off < 320<<10; off += 8 {
		be.PutUint32(data[off:], 7)
	}
	_, err = inspectAllWays(t, data, inspect.QCOW2)
	requireRefused(t, err, inspect.QCOW2, "qcow2 image has no end of its header extensions")
}
