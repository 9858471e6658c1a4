package inspect_test

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"slices"
	"strings"
)

// This file builds small images, byte by byte, so that each test can bend
// the one field that it is about. TestQEMUOpensTheCorpus holds the builders
// against the real tool.

var (
	be = binary.BigEndian
	le = binary.LittleEndian
)

// bootSector is a first sector with a boot signature.
func bootSector() []byte {
	b := make([]byte, 512)
	b[510], b[511] = 0x55, 0xaa
	return b
}

// qcow2Image is a version 3 image of 1 MiB, empty: header, L1 table,
// refcount table and one refcount block, a cluster each.
type qcow2Image struct {
	header     []byte
	extensions []byte
}

func newQCOW2() *qcow2Image {
	h := make([]byte, 112)
	copy(h, "QFI\xfb")
	be.PutUint32(h[4:], 3)
	be.PutUint32(h[20:], 16)
	be.PutUint64(h[24:], mib)
	be.PutUint32(h[36:], 1)
	be.PutUint64(h[40:], 1<<16)
	be.PutUint64(h[48:], 2<<16)
	be.PutUint32(h[56:], 1)
	be.PutUint32(h[96:], 4)
	be.PutUint32(h[100:], 112)
	return &qcow2Image{header: h}
}

// extension adds a header extension.
func (q *qcow2Image) extension(kind uint32, data string) *qcow2Image {
	q.extensions = be.AppendUint32(q.extensions, kind)
	q.extensions = be.AppendUint32(q.extensions, uint32(len(data)))
	q.extensions = append(q.extensions, data...)
	for len(q.extensions)%8 != 0 {
		q.extensions = append(q.extensions, 0)
	}
	return q
}

func (q *qcow2Image) bytes() []byte {
	b := make([]byte, 4<<16)
	copy(b, append(q.header, q.extensions...))
	be.PutUint64(b[2<<16:], 3<<16)
	for cluster := range 4 {
		be.PutUint16(b[3<<16+2*cluster:], 1)
	}
	return b
}

// vmdkImage is a sparse extent of 1 MiB, empty: header, descriptor, one grain
// directory and its table; stream-optimized with the directory behind it all
// and a footer.
type vmdkImage struct {
	header     []byte
	descriptor string
	footer     []byte // nil without
}

func newVMDK() *vmdkImage {
	h := make([]byte, 512)
	copy(h, "KDMV")
	le.PutUint32(h[4:], 1)
	le.PutUint32(h[8:], 1)
	le.PutUint64(h[12:], mib/512)
	le.PutUint64(h[20:], 128)
	le.PutUint64(h[28:], 1)
	le.PutUint64(h[36:], 20)
	le.PutUint32(h[44:], 512)
	le.PutUint64(h[56:], 21)
	le.PutUint64(h[64:], 128)
	copy(h[73:], "\n \r\n")
	return &vmdkImage{header: h, descriptor: vmdkText("monolithicSparse", `RW 2048 SPARSE "disk.vmdk"`)}
}

func newStreamVMDK() *vmdkImage {
	v := newVMDK()
	le.PutUint32(v.header[4:], 3)
	le.PutUint32(v.header[8:], 0x30001)
	le.PutUint16(v.header[77:], 1)
	v.footer = bytes.Clone(v.header)
	le.PutUint64(v.header[56:], 1<<64-1)
	v.descriptor = vmdkText("streamOptimized", `RDONLY 2048 SPARSE "disk.vmdk"`)
	return v
}

func vmdkText(createType string, lines ...string) string {
	return "# Disk DescriptorFile\nversion=1\nCID=1ed83eb7\nparentCID=ffffffff\n" +
		fmt.Sprintf("createType=%q\n\n# Extent description\n", createType) + strings.Join(lines, "\n") +
		"\n\n# The Disk Data Base\n#DDB\n\nddb.virtualHWVersion = \"4\"\nddb.adapterType = \"ide\"\n"
}

func (v *vmdkImage) bytes() []byte {
	b := make([]byte, 128*512)
	copy(b, v.header)
	copy(b[512:], v.descriptor)
	le.PutUint32(b[21*512:], 22)
	if v.footer != nil {
		marker := make([]byte, 512)
		le.PutUint64(marker, 1)
		le.PutUint32(marker[12:], 3)
		b = append(append(append(b, marker...), v.footer...), make([]byte, 512)...)
	}
	return b
}

// vhdFooter is the footer of a disk of the given type, checksum included.
func vhdFooter(kind uint32, size, next uint64) []byte {
	f := make([]byte, 512)
	copy(f, "conectix")
	be.PutUint32(f[8:], 2)
	be.PutUint32(f[12:], 0x10000)
	be.PutUint64(f[16:], next)
	copy(f[28:], "win ")
	be.PutUint64(f[40:], size)
	be.PutUint64(f[48:], size)
	be.PutUint16(f[56:], 30)
	f[58], f[59] = 4, 17
	be.PutUint32(f[60:], kind)
	return vhdSum(f, 64)
}

// vhdSum sets the checksum at off.
func vhdSum(b []byte, off int) []byte {
	be.PutUint32(b[off:], 0)
	var sum uint32
	for _, c := range b {
		sum += uint32(c)
	}
	be.PutUint32(b[off:], ^sum)
	return b
}

func fixedVHD(disk []byte) []byte {
	return append(bytes.Clone(disk), vhdFooter(2, uint64(len(disk)), 1<<64-1)...)
}

// dynamicVHD is an empty dynamic disk of 2 MiB.
type dynamicVHD struct{ front, header, footer []byte }

func newDynamicVHD() *dynamicVHD {
	h := make([]byte, 1024)
	copy(h, "cxsparse")
	be.PutUint64(h[8:], 1<<64-1)
	be.PutUint64(h[16:], 1536)
	be.PutUint32(h[24:], 0x10000)
	be.PutUint32(h[28:], 1)
	be.PutUint32(h[32:], 2*mib)
	f := vhdFooter(3, 2*mib, 512)
	return &dynamicVHD{front: bytes.Clone(f), header: vhdSum(h, 36), footer: f}
}

func (v *dynamicVHD) bytes() []byte {
	return slices.Concat(v.front, v.header, bytes.Repeat([]byte{0xff}, 512), v.footer)
}

// newVDI is an empty dynamic disk of 3 MiB.
func newVDI() []byte {
	b := make([]byte, 1024)
	copy(b, "<<< Oracle VM VirtualBox Disk Image >>>\n")
	for off, value := range map[int]uint32{
		0x40: 0xbeda107f, 0x44: 0x00010001, 0x48: 0x180, 0x4c: 1, 0x154: 512, 0x158: 1024,
		0x168: 512, 0x170: 3 * mib, 0x178: mib, 0x180: 3,
	} {
		le.PutUint32(b[off:], value)
	}
	copy(b[0x188:], "an id of 16 byte")
	copy(b[512:], bytes.Repeat([]byte{0xff}, 12))
	return b
}

// vhdxImage is an empty disk of 3 MiB: headers, a log at 1 MiB, metadata at
// 2 MiB, the block allocation table at 3 MiB.
type vhdxImage struct {
	headers  [2][]byte
	regions  [2][]byte
	metadata []byte
}

var (
	guidBAT        = []byte("\x66\x77\xc2\x2d\x23\xf6\x00\x42\x9d\x64\x11\x5e\x9b\xfd\x4a\x08")
	guidMetadata   = []byte("\x06\xa2\x7c\x8b\x90\x47\x9a\x4b\xb8\xfe\x57\x5f\x05\x0f\x88\x6e")
	guidParameters = []byte("\x37\x67\xa1\xca\x36\xfa\x43\x4d\xb3\xb6\x33\xf0\xaa\x44\xe7\x6b")
	guidDiskSize   = []byte("\x24\x42\xa5\x2f\x1b\xcd\x76\x48\xb2\x11\x5d\xbe\xd8\x3b\xf4\xb8")
	guidDiskID     = []byte("\xab\x12\xca\xbe\xe6\xb2\x23\x45\x93\xef\xc3\x09\xe0\x00\xc7\x46")
	guidLogical    = []byte("\x1d\xbf\x41\x81\x6f\xa9\x09\x47\xba\x47\xf2\x33\xa8\xfa\xab\x5f")
	guidPhysical   = []byte("\xc7\x48\xa3\xcd\x5d\x44\x71\x44\x9c\xc9\xe9\x88\x52\x51\xc5\x56")
	guidLocator    = []byte("\x2d\x5f\xd3\xa8\x0b\xb3\x4d\x45\xab\xf7\xd3\xd8\x48\x34\xab\x0c")
	guidUnknown    = []byte("sixteen bytes id")
)

func newVHDX() *vhdxImage {
	v := &vhdxImage{metadata: make([]byte, mib)}
	for i := range v.headers {
		h := make([]byte, 4096)
		copy(h, "head")
		le.PutUint64(h[8:], uint64(i+1))
		copy(h[32:], guidUnknown)
		le.PutUint16(h[66:], 1)
		le.PutUint32(h[68:], mib)
		le.PutUint64(h[72:], mib)
		v.headers[i] = crc(h)
		r := make([]byte, 64<<10)
		copy(r, "regi")
		le.PutUint32(r[8:], 2)
		putRegion(r[16:], guidBAT, 3*mib)
		putRegion(r[48:], guidMetadata, 2*mib)
		v.regions[i] = crc(r)
	}
	copy(v.metadata, "metadata")
	v.item(guidParameters, le.AppendUint32(nil, mib), make([]byte, 4))
	v.item(guidDiskSize, le.AppendUint64(nil, 3*mib))
	v.item(guidDiskID, guidUnknown)
	v.item(guidLogical, le.AppendUint32(nil, 512))
	v.item(guidPhysical, le.AppendUint32(nil, 4096))
	return v
}

func putRegion(b, id []byte, off uint64) {
	copy(b, id)
	le.PutUint64(b[16:], off)
	le.PutUint32(b[24:], mib)
	le.PutUint32(b[28:], 1)
}

// item adds a required metadata item.
func (v *vhdxImage) item(id []byte, parts ...[]byte) {
	n := int(le.Uint16(v.metadata[10:]))
	le.PutUint16(v.metadata[10:], uint16(n+1))
	data := slices.Concat(parts...)
	entry, off := v.metadata[32+32*n:], 64<<10+64*n
	copy(entry, id)
	le.PutUint32(entry[16:], uint32(off))
	le.PutUint32(entry[20:], uint32(len(data)))
	le.PutUint32(entry[24:], 4)
	copy(v.metadata[off:], data)
}

func (v *vhdxImage) bytes() []byte {
	b := make([]byte, 4*mib)
	copy(b, "vhdxfile")
	for i := range 2 {
		copy(b[(1+i)*64<<10:], v.headers[i])
		copy(b[(3+i)*64<<10:], v.regions[i])
	}
	copy(b[2*mib:], v.metadata)
	return b
}

// crc sets the CRC-32C at offset 4.
func crc(b []byte) []byte {
	le.PutUint32(b[4:], 0)
	le.PutUint32(b[4:], crc32.Checksum(b, crc32.MakeTable(crc32.Castagnoli)))
	return b
}

// isoImage is a volume with a primary descriptor and a terminator only.
func isoImage() []byte {
	b := make([]byte, 64<<10)
	primary := b[32<<10:]
	copy(primary, "\x01CD001\x01")
	le.PutUint32(primary[80:], 32)
	be.PutUint32(primary[84:], 32)
	le.PutUint16(primary[128:], 2048)
	be.PutUint16(primary[130:], 2048)
	copy(b[34<<10:], "\xffCD001\x01")
	return b
}

// luksImage begins a LUKS version 1 volume.
func luksImage() []byte {
	b := make([]byte, 8192)
	copy(b, "LUKS\xba\xbe\x00\x01")
	return b
}
