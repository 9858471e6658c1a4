package inspect_test

import (
	"testing"

	"github.com/cumulite/cumulite/image/inspect"
)

func TestRefusesDamagedOrDependentVDI(t *testing.T) {
	u32 := func(off int, value uint32) func([]byte) {
		return func(b []byte) { le.PutUint32(b[off:], value) }
	}
	cases := []struct {
		reason string
		bend   func(b []byte)
	}{
		{"image is declared vdi but its content is not vdi", u32(0x40, 0)},
		{"vdi image has an unknown version", u32(0x44, 0x00020001)},
		{"vdi image depends on another image", u32(0x4c, 3)},
		{"vdi image depends on another image", u32(0x4c, 4)},
		{"vdi image has a parent image", u32(0x1a8, 1)},
		{"vdi image has a parent image", u32(0x1c4, 1)},
		{"vdi image has an unusual sector or block size", u32(0x168, 4096)},
		{"vdi image has an unusual sector or block size", u32(0x178, 512)},
		{"vdi image has an unusual sector or block size", u32(0x17c, 512)},
		{"vdi image claims a size that its blocks cannot hold", u32(0x170, 3*mib+1)},
		{"vdi image claims a size that its blocks cannot hold", u32(0x174, 1<<31)},
		{"vdi image has its block map or data outside the file", u32(0x154, 0)},
		{"vdi image has its block map or data outside the file", u32(0x154, 513)},
		{"vdi image has its block map or data outside the file", u32(0x154, 1024)},
		{"vdi image has its block map or data outside the file", u32(0x158, 512)},
		{"vdi image has its block map or data outside the file", u32(0x158, 1025)},
		{"vdi image has its block map or data outside the file", u32(0x180, 1<<30)},
	}
	for _, c := range cases {
		data := newVDI()
		c.bend(data)
		_, err := inspectAllWays(t, data, inspect.VDI)
		requireRefused(t, err, inspect.VDI, c.reason)
	}
}
