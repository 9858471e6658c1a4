package inspect

import (
	"bytes"
	"encoding/binary"
)

const (
	vhdCookie       = "conectix"
	vhdSparseCookie = "cxsparse"
	vhdSparseHeader = 1024
	vhdNone         = 1<<64 - 1 // an offset that points nowhere

	vhdMaxGeometry = 65535 * 16 * 255 * sector

	vhdFixed        = 2
	vhdDynamic      = 3
	vhdDifferencing = 4
)

// vhd is the Virtual Hard Disk format of Virtual PC (QEMU: vpc). A fixed disk
// is raw with a footer; a dynamic one has a copy of the footer in front, then
// a header and the block allocation table.
type vhd struct {
	front []byte // the footer's copy, nil when there is none
	table span
	held  uint64 // bytes that the table can map
}

func (v *vhd) head(h []byte) error {
	if !hasAt(h, 0, vhdCookie) {
		return nil // a fixed disk, or none: the end will tell
	}
	if len(h) < sector {
		return refuse(VHD, "is cut off in its header")
	}
	v.front = h[:sector]
	if err := checkFooter(v.front); err != nil {
		return err
	}
	if vhdType(v.front) != vhdDynamic {
		return refuse(VHD, "begins with the header of a disk that is not dynamic")
	}
	off := binary.BigEndian.Uint64(v.front[16:])
	if off < sector || off%sector != 0 || off > uint64(len(h)) || len(h)-int(off) < vhdSparseHeader {
		return refuse(VHD, "has its dynamic header at an unusual place")
	}
	return v.sparseHeader(h[off:][:vhdSparseHeader])
}

// sparseHeader reads the header of a dynamic disk.
func (v *vhd) sparseHeader(h []byte) error {
	if !hasAt(h, 0, vhdSparseCookie) || !vhdChecksum(h, 36) {
		return refuse(VHD, "has a damaged dynamic header")
	}
	if !allZero(h[40:56]) || !allZero(h[64:768]) {
		return refuse(VHD, "has a parent image")
	}
	entries, block := binary.BigEndian.Uint32(h[28:]), binary.BigEndian.Uint32(h[32:])
	if block < sector || block&(block-1) != 0 {
		return refuse(VHD, "has an invalid block size")
	}
	v.held = uint64(entries) * uint64(block)
	v.table = span{int64(binary.BigEndian.Uint64(h[16:])), 4 * int64(entries)}
	return nil
}

func (v *vhd) whole(img *image) (Report, error) {
	if len(img.tail) < sector || !hasAt(img.tail, len(img.tail)-sector, vhdCookie) {
		if v.front != nil {
			return Report{}, refuse(VHD, "is cut off: it has no footer")
		}
		return Report{}, notDeclared(VHD)
	}
	footer := img.tail[len(img.tail)-sector:]
	if err := checkFooter(footer); err != nil {
		return Report{}, err
	}
	if vhdType(footer) == vhdFixed {
		return v.fixed(footer, img)
	}
	return v.dynamic(footer, img)
}

func (v *vhd) fixed(footer []byte, img *image) (Report, error) {
	size := vhdSize(footer)
	if v.front != nil || binary.BigEndian.Uint64(footer[16:]) != vhdNone {
		return Report{}, refuse(VHD, "is fixed by its footer but has a dynamic header")
	}
	if size != uint64(img.size-sector) {
		return Report{}, refuse(VHD, "has a footer that states another size than the file's")
	}
	return plainDisk(img.head, int64(size)), nil
}

func (v *vhd) dynamic(footer []byte, img *image) (Report, error) {
	// Readers differ in which of the two they take.
	if v.front == nil || !bytes.Equal(v.front[16:24], footer[16:24]) || !bytes.Equal(v.front[48:64], footer[48:64]) {
		return Report{}, refuse(VHD, "has a footer that contradicts its header")
	}
	if v.table.off < sector || !v.table.within(img.size-sector) {
		return Report{}, refuse(VHD, "has its block table outside the file")
	}
	size := vhdSize(footer)
	if size > v.held {
		return Report{}, refuse(VHD, "claims a virtual size that its table cannot hold")
	}
	return Report{VirtualSize: int64(size)}, nil
}

// checkFooter judges a footer or its copy by itself.
func checkFooter(f []byte) error {
	if !vhdChecksum(f, 64) {
		return refuse(VHD, "has a damaged footer")
	}
	switch vhdType(f) {
	case vhdFixed, vhdDynamic:
	case vhdDifferencing:
		return refuse(VHD, "has a parent image")
	default:
		return refuse(VHD, "has an unknown type of disk")
	}
	size := vhdSize(f)
	if size > maxVirtualSize {
		return refuse(VHD, "has an impossible virtual size")
	}
	// QEMU computes the size from the geometry for most creators, unless the
	// geometry is the largest there is. It is rounded down from the true
	// size, so it may be smaller, never larger.
	geometry := uint64(binary.BigEndian.Uint16(f[56:])) * uint64(f[58]) * uint64(f[59]) * sector
	if geometry > size && geometry != vhdMaxGeometry {
		return refuse(VHD, "has a geometry larger than its size")
	}
	return nil
}

func vhdType(footer []byte) uint32 { return binary.BigEndian.Uint32(footer[60:]) }
func vhdSize(footer []byte) uint64 { return binary.BigEndian.Uint64(footer[48:]) }

// vhdChecksum verifies the checksum at off: the ones' complement of the sum
// of all other bytes.
func vhdChecksum(b []byte, off int) bool {
	var sum uint32
	for i, c := range b {
		if i < off || i >= off+4 {
			sum += uint32(c)
		}
	}
	return binary.BigEndian.Uint32(b[off:]) == ^sum
}
