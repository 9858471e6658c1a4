package inspect

import "encoding/binary"

const (
	vdiMagic       = "\x7f\x10\xda\xbe"
	vdiMagicOffset = 0x40
	vdiHeader      = 512
	vdiVersion     = 0x00010001
	vdiBlock       = 1 << 20

	vdiDynamic = 1
	vdiStatic  = 2
)

// vdi is VirtualBox's disk image, version 1.1, the only one that tools write
// since 2008. Undo and differencing images depend on another file.
type vdi struct {
	size int64
	bmap span
	data int64
}

func (v *vdi) head(h []byte) error {
	if !hasAt(h, vdiMagicOffset, vdiMagic) {
		return notDeclared(VDI)
	}
	if len(h) < vdiHeader {
		return refuse(VDI, "is cut off in its header")
	}
	u32 := func(off int) uint32 { return binary.LittleEndian.Uint32(h[off:]) }
	if u32(0x44) != vdiVersion {
		return refuse(VDI, "has an unknown version")
	}
	if t := u32(0x4c); t != vdiDynamic && t != vdiStatic {
		return refuse(VDI, "depends on another image")
	}
	// The ids of the image that this one was linked to and of its parent.
	if !allZero(h[0x1a8:0x1c8]) {
		return refuse(VDI, "has a parent image")
	}
	if u32(0x168) != sector || u32(0x178) != vdiBlock || u32(0x17c) != 0 {
		return refuse(VDI, "has an unusual sector or block size")
	}
	size, blocks := binary.LittleEndian.Uint64(h[0x170:]), u32(0x180)
	if size > uint64(blocks)*vdiBlock {
		return refuse(VDI, "claims a size that its blocks cannot hold")
	}
	v.size = int64(size)
	v.bmap = span{int64(u32(0x154)), 4 * int64(blocks)}
	v.data = int64(u32(0x158))
	return nil
}

func (v *vdi) whole(img *image) (Report, error) {
	if v.bmap.off < vdiHeader || v.bmap.off%sector != 0 || v.data%sector != 0 ||
		v.data < v.bmap.off+v.bmap.len || !v.bmap.within(img.size) {
		return Report{}, refuse(VDI, "has its block map or data outside the file")
	}
	return Report{VirtualSize: v.size}, nil
}

func allZero(b []byte) bool {
	for _, c := range b {
		if c != 0 {
			return false
		}
	}
	return true
}
