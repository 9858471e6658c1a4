package inspect_test

import (
	"bytes"
	"strings"
	"testing"

	"github.com/kdomanski/iso9660"
	"github.com/stretchr/testify/require"

	"github.com/cumulite/cumulite/image/inspect"
)

func TestAcceptsTheISOOfAnotherWriter(t *testing.T) {
	w, err := iso9660.NewWriter()
	require.NoError(t, err)
	defer func() { require.NoError(t, w.Cleanup()) }()
	require.NoError(t, w.AddFile(strings.NewReader("instance-id: i-1"), "meta-data"))
	var b bytes.Buffer
	require.NoError(t, w.WriteTo(&b, "cidata"))
	report, err := inspectAllWays(t, b.Bytes(), inspect.ISO)
	require.NoError(t, err)
	require.Equal(t, inspect.Report{Format: inspect.ISO, VirtualSize: int64(b.Len())}, report)
}

func TestHybridISOIsAcceptedAndReported(t *testing.T) {
	data := isoImage()
	copy(data, bootSector())
	copy(data[512:], "EFI PART")
	report, err := inspectAllWays(t, append(data, make([]byte, 300<<10)...), inspect.ISO)
	require.NoError(t, err)
	require.Equal(t, inspect.Report{Format: inspect.ISO, VirtualSize: 64 << 10, BootSector: true, GPT: true}, report)
}

func TestBridgeISOIsAccepted(t *testing.T) {
	data := isoImage()
	copy(data[36<<10:], "\x00BEA01\x01")
	copy(data[38<<10:], "\x00NSR02\x01")
	_, err := inspectAllWays(t, data, inspect.ISO)
	require.NoError(t, err)
}

func TestRefusesDamagedISO(t *testing.T) {
	const pvd = 32 << 10
	cases := []struct {
		reason string
		bend   func(b []byte)
	}{
		{"iso image has no primary volume descriptor", func(b []byte) { b[pvd] = 2 }},
		{"iso image has no primary volume descriptor", func(b []byte) { b[pvd+6] = 2 }},
		{"iso image has contradictory sizes in its volume descriptor", func(b []byte) { b[pvd+80]++ }},
		{"iso image has contradictory sizes in its volume descriptor", func(b []byte) { b[pvd+130]++ }},
		{"iso image has an invalid block size of 4096", func(b []byte) {
			le.PutUint16(b[pvd+128:], 4096)
			be.PutUint16(b[pvd+130:], 4096)
		}},
		{"iso image has an empty volume", func(b []byte) { clear(b[pvd+80 : pvd+88]) }},
		{"iso image has no end of its volume descriptors", func(b []byte) { b[34<<10] = 2 }},
		{"iso image has no end of its volume descriptors", func(b []byte) { clear(b[34<<10:]) }},
		{"iso image is cut off: its volume has 67584 bytes and the file 65536", func(b []byte) {
			le.PutUint32(b[pvd+80:], 33)
			be.PutUint32(b[pvd+84:], 33)
		}},
		{"image is declared iso but its content is udf", func(b []byte) { copy(b[pvd+1:], "BEA01") }},
		{"image is declared iso but its content is not iso", func(b []byte) { b[pvd+1] = 'c' }},
	}
	for _, c := range cases {
		data := isoImage()
		c.bend(data)
		_, err := inspectAllWays(t, data, inspect.ISO)
		requireRefused(t, err, inspect.ISO, c.reason)
	}
}
