package inspect

import (
	"bytes"
	"encoding/binary"
)

const (
	vmdkSparse   = "KDMV"
	vmdkCOWD     = "COWD"
	vmdkSESparse = "\xbe\xba\xfe\xca\x00\x00\x00\x00"

	// vmdkAtEnd in place of the grain directory's offset says that it is
	// in a footer.
	vmdkAtEnd = 1<<64 - 1
	// vmdkFooter is the size of footer marker, footer and end-of-stream
	// marker, a sector each.
	vmdkFooter       = 3 * sector
	vmdkFooterMarker = 3

	vmdkRedundant  = 1 << 1 // flags: there is a second grain directory
	vmdkCompressed = 1 << 16
)

// vmdk is VMware's sparse extent with an embedded descriptor: the types
// monolithicSparse and streamOptimized. All other types are a text that names
// files, and are refused.
type vmdk struct {
	header     []byte
	sectors    uint64
	directory  int64 // length in bytes of each grain directory
	descriptor descriptor
}

func (v *vmdk) head(h []byte) error {
	if !hasAt(h, 0, vmdkSparse) {
		return v.other(h)
	}
	if len(h) < sector {
		return refuse(VMDK, "is cut off in its header")
	}
	v.header = h[:sector]
	if err := v.geometry(); err != nil {
		return err
	}
	text, err := v.text(h)
	if err != nil {
		return err
	}
	if v.descriptor, err = parseDescriptor(text); err != nil {
		return err
	}
	return v.agree()
}

// other says what an image is that has no sparse header.
func (v *vmdk) other(h []byte) error {
	if isTextDescriptor(h) {
		return refuse(VMDK, "is a descriptor that names other files; only monolithicSparse and streamOptimized are accepted")
	}
	if hasAt(h, 0, vmdkCOWD) || hasAt(h, 0, vmdkSESparse) {
		return refuse(VMDK, "is an extent of an ESX disk; only monolithicSparse and streamOptimized are accepted")
	}
	return notDeclared(VMDK)
}

// geometry checks the header's own numbers. A capacity of 0 matters: QEMU
// then takes the embedded descriptor for one that names other files.
func (v *vmdk) geometry() error {
	if version := v.u32(4); version < 1 || version > 3 {
		return refuse(VMDK, "has the unknown version %d", version)
	}
	if string(v.header[73:77]) != "\n \r\n" {
		return refuse(VMDK, "was damaged by a transfer as text")
	}
	if algorithm := binary.LittleEndian.Uint16(v.header[77:]); algorithm > 1 {
		return refuse(VMDK, "has an unknown compression")
	}
	v.sectors = v.u64(12)
	if v.sectors == 0 || v.sectors > maxVirtualSize/sector {
		return refuse(VMDK, "has an impossible virtual size")
	}
	grain, perTable := v.u64(20), uint64(v.u32(44))
	if grain == 0 || grain > 1<<21 || grain&(grain-1) != 0 || perTable == 0 || perTable > 512 {
		return refuse(VMDK, "has an invalid grain size")
	}
	covered := grain * perTable
	v.directory = 4 * int64((v.sectors+covered-1)/covered)
	return nil
}

// text returns the embedded descriptor. QEMU looks for it in the second
// sector, wherever the header puts it, and reads on to a zero byte, so both
// must be there.
func (v *vmdk) text(h []byte) ([]byte, error) {
	off, n := v.u64(28), v.u64(36)
	if off != 1 || n == 0 {
		return nil, refuse(VMDK, "has no descriptor in its second sector")
	}
	if n >= headSize/sector {
		return nil, refuse(VMDK, "has a descriptor that is too long")
	}
	end := sector * (1 + int(n))
	if len(h) < end {
		return nil, refuse(VMDK, "is cut off in its descriptor")
	}
	text, padding, _ := bytes.Cut(h[sector:end], []byte{0})
	if len(text) == end-sector || !allZero(padding) {
		return nil, refuse(VMDK, "has a descriptor that is not padded with zeros")
	}
	return text, nil
}

// agree holds the descriptor against the header.
func (v *vmdk) agree() error {
	compressed := v.u32(8)&vmdkCompressed != 0
	if compressed != (v.descriptor.createType == streamOptimized) {
		return refuse(VMDK, "has a descriptor of type %s that contradicts its header", v.descriptor.createType)
	}
	if v.descriptor.sectors != v.sectors {
		return refuse(VMDK, "has a descriptor that states another size than its header")
	}
	return nil
}

func (v *vmdk) whole(img *image) (Report, error) {
	header, end := v.header, img.size
	if v.u64(56) == vmdkAtEnd {
		footer, err := v.footer(img)
		if err != nil {
			return Report{}, err
		}
		header, end = footer, end-vmdkFooter
	}
	first, second := binary.LittleEndian.Uint64(header[56:]), binary.LittleEndian.Uint64(header[48:])
	if !v.holds(first, end) || v.u32(8)&vmdkRedundant != 0 && !v.holds(second, end) {
		return Report{}, refuse(VMDK, "has its grain directory outside the file")
	}
	return Report{VirtualSize: int64(v.sectors) * sector}, nil
}

// holds says whether a grain directory at a sector lies behind the header,
// inside a file that ends at end.
func (v *vmdk) holds(directory uint64, end int64) bool {
	return directory > 0 && directory <= maxVirtualSize/sector &&
		span{int64(directory) * sector, v.directory}.within(end)
}

// footer returns the footer of a stream-optimized image. Readers take it in
// place of the header, so it may differ in the grain directories' place only.
func (v *vmdk) footer(img *image) ([]byte, error) {
	if img.size < sector+vmdkFooter || v.u32(8)&vmdkCompressed == 0 {
		return nil, refuse(VMDK, "has no footer")
	}
	tail := img.tail[len(img.tail)-vmdkFooter:]
	marker, footer, eos := tail[:sector], tail[sector:2*sector], tail[2*sector:]
	if !allZero(marker[8:12]) || binary.LittleEndian.Uint32(marker[12:]) != vmdkFooterMarker || !allZero(eos[:16]) {
		return nil, refuse(VMDK, "has no footer")
	}
	if !bytes.Equal(footer[:48], v.header[:48]) || !bytes.Equal(footer[73:], v.header[73:]) {
		return nil, refuse(VMDK, "has a footer that contradicts its header")
	}
	return footer, nil
}

func (v *vmdk) u32(off int) uint32 { return binary.LittleEndian.Uint32(v.header[off:]) }
func (v *vmdk) u64(off int) uint64 { return binary.LittleEndian.Uint64(v.header[off:]) }
