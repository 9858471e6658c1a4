package inspect_test

import (
	"bytes"
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/cumulite/cumulite/image/inspect"
)

// FuzzInspect holds what is promised of any bytes whatever: no panic, memory
// within bounds, a verdict that is a Report or a *Refused, and the same one
// however the image is cut or read. The gap of zeros between the first and
// the second half of the data lets small inputs reach past what is kept.
func FuzzInspect(f *testing.F) {
	formats := []inspect.Format{
		inspect.Raw, inspect.QCOW2, inspect.VMDK, inspect.VHD, inspect.VHDX, inspect.VDI, inspect.ISO, inspect.AMI, inspect.Ploop,
	}
	for i, format := range formats {
		if data, ok := good()[format]; ok {
			f.Add(data[:min(len(data), 400<<10)], uint8(i), uint16(4095), uint32(0))
			f.Add(data[:min(len(data), 400<<10)], uint8(0), uint16(511), uint32(mib))
		}
	}
	f.Add(newVMDK().bytes(), uint8(2), uint16(7), uint32(0))
	f.Add(fixedVHD(bootSector()), uint8(3), uint16(0), uint32(0))
	f.Add([]byte(vmdkText("monolithicFlat", `RW 1 FLAT "/etc/passwd" 0`)), uint8(2), uint16(9), uint32(0))
	f.Fuzz(func(t *testing.T, data []byte, kind uint8, chunk uint16, gap uint32) {
		declared := formats[int(kind)%len(formats)]
		half := len(data) / 2
		image := bytes.Join([][]byte{data[:half], make([]byte, gap%mib), data[half:]}, nil)
		want, wantErr := inspectWhole(image, declared)
		if refused := new(inspect.Refused); wantErr != nil {
			require.True(t, errors.As(wantErr, &refused), wantErr)
			require.Equal(t, declared, refused.Format)
			require.NotEmpty(t, refused.Reason)
			require.Less(t, len(refused.Reason), 400)
			require.Zero(t, want)
		} else {
			require.Equal(t, declared, want.Format)
			require.GreaterOrEqual(t, want.VirtualSize, int64(0))
		}
		ins := inspect.New(declared)
		for rest := image; len(rest) > 0; {
			n := min(1+int(chunk), len(rest))
			if _, err := ins.Write(rest[:n]); err != nil {
				break
			}
			rest = rest[n:]
		}
		got, gotErr := ins.Finish()
		require.Equal(t, wantErr, gotErr)
		require.Equal(t, want, got)
		require.LessOrEqual(t, inspect.Kept(ins), mib)
		read, readErr := inspect.Inspect(bytes.NewReader(image), int64(len(image)), declared)
		require.Equal(t, wantErr, readErr)
		require.Equal(t, want, read)
	})
}
