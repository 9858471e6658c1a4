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
// however the image is cut or read.
//
// The image is one of the corpus (or none), with patch written into it at an
// offset, cut off by a length; resealed mends the checksums, so that what is
// behind them is reached.
func FuzzInspect(f *testing.F) {
	bases := [][]byte{
		nil, good()[inspect.Raw], newQCOW2().bytes(), newVMDK().bytes(), newStreamVMDK().bytes(), newDynamicVHD().bytes(),
		fixedVHD(bootSector()), newVHDX().bytes(), newVDI(), isoImage(), []byte(vmdkText("monolithicFlat", `RW 1 FLAT "/x" 0`)),
	}
	formats := []inspect.Format{
		inspect.Raw, inspect.QCOW2, inspect.VMDK, inspect.VHD, inspect.VHDX, inspect.VDI, inspect.ISO, inspect.AMI, inspect.Ploop,
	}
	for base := range bases {
		for kind := range formats {
			f.Add(uint8(base), uint8(kind), []byte{}, uint32(0), uint32(0), uint16(4096), false)
		}
	}
	f.Add(uint8(0), uint8(1), newQCOW2().bytes()[:512], uint32(0), uint32(0), uint16(1), false)
	f.Add(uint8(3), uint8(2), []byte(vmdkText("streamOptimized", `RW 1 SPARSE "x"`)), uint32(512), uint32(0), uint16(9), false)
	f.Add(uint8(7), uint8(4), newVHDX().metadata[:256], uint32(2*mib), uint32(0), uint16(0), true)
	f.Add(uint8(7), uint8(4), newVHDX().regions[0][:96], uint32(192<<10), uint32(0), uint16(0), true)
	f.Add(uint8(5), uint8(3), newDynamicVHD().header[:64], uint32(512), uint32(0), uint16(0), true)
	f.Fuzz(func(t *testing.T, base, kind uint8, patch []byte, at, cut uint32, chunk uint16, resealed bool) {
		image := patched(bases[int(base)%len(bases)], patch, at, cut)
		if resealed {
			reseal(image)
		}
		requirePromises(t, image, formats[int(kind)%len(formats)], int(chunk))
	})
}

// requirePromises inspects an image in one piece, in chunks and at random
// access.
func requirePromises(t *testing.T, image []byte, declared inspect.Format, chunk int) {
	want, wantErr := inspectWhole(image, declared)
	if refused := new(inspect.Refused); wantErr != nil {
		require.True(t, errors.As(wantErr, &refused), wantErr)
		require.Equal(t, declared, refused.Format)
		require.NotEmpty(t, refused.Reason)
		require.Less(t, len(refused.Reason), 500)
		require.Zero(t, want)
	} else {
		require.Equal(t, declared, want.Format)
		require.GreaterOrEqual(t, want.VirtualSize, int64(0))
	}
	ins := inspect.New(declared)
	step := max(1+chunk, len(image)/1024) // at most about a thousand writes
	for rest := image; len(rest) > 0; {
		n := min(step, len(rest))
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
}

// patched returns a copy of base with patch at an offset inside it or at its
// end, without its last cut bytes.
func patched(base, patch []byte, at, cut uint32) []byte {
	off := int(at) % (len(base) + 1)
	image := make([]byte, max(len(base), off+len(patch)))
	copy(image, base)
	copy(image[off:], patch)
	return image[:len(image)-int(cut)%(len(image)+1)]
}

// reseal mends the checksums of whatever is a VHD or VHDX.
func reseal(image []byte) {
	switch {
	case bytes.HasPrefix(image, []byte("vhdxfile")) && len(image) >= 320<<10:
		for i := range 2 {
			crc(image[(1+i)*64<<10:][:4096])
		}
		copy(image[256<<10:], crc(image[192<<10:][:64<<10]))
	case bytes.HasPrefix(image, []byte("conectix")) && len(image) >= 2048:
		vhdSum(image[:512], 64)
		vhdSum(image[512:1536], 36)
		vhdSum(image[len(image)-512:], 64)
	}
}
