package inspect

import "fmt"

// Format is a disk format by its name in the Image API (disk_format).
type Format string

// The disk formats that can be declared and are inspected. AMI, ARI and AKI
// are names for machine, ramdisk and kernel images whose content is raw.
const (
	Raw   Format = "raw"
	QCOW2 Format = "qcow2"
	VMDK  Format = "vmdk"
	VHD   Format = "vhd"
	VHDX  Format = "vhdx"
	VDI   Format = "vdi"
	ISO   Format = "iso"
	AMI   Format = "ami"
	ARI   Format = "ari"
	AKI   Format = "aki"
)

// Formats that are recognised in order to be refused. Ploop is the only one
// of them that the Image API lets a user declare.
const (
	Ploop Format = "ploop"
	LUKS  Format = "luks"
	QCOW  Format = "qcow"
	QED   Format = "qed"
	Bochs Format = "bochs"
	Cloop Format = "cloop"
	UDF   Format = "udf"
)

// vpc is the name that QEMU's tools use for VHD.
const vpc Format = "vpc"

// maxVirtualSize bounds the virtual size that any format may claim, in bytes:
// 64 PiB, the width of an offset inside qcow2. It keeps arithmetic on sizes
// far from overflow; quotas are someone else's.
const maxVirtualSize = 1 << 56

// Report is what is known of an accepted image.
type Report struct {
	// Format is the format found, which is the one declared (VHD for "vpc").
	Format Format
	// VirtualSize is the size in bytes of the disk that a guest sees. For
	// ISO it is the size of the volume, which padding may follow.
	VirtualSize int64
	// BootSector is true when the guest's first sector ends with the boot
	// signature 55 AA, with or without a partition table. It is known only
	// of formats that store the disk from the first byte on (raw and its
	// kin, ISO, fixed VHD) and false for the others.
	BootSector bool
	// GPT is true when there is a GUID partition table; see BootSector.
	GPT bool
}

// Refused is the error for an image that is not accepted. Its message is fit
// for the image's owner.
type Refused struct {
	// Format is the format that was declared.
	Format Format
	// Reason is a whole clause, such as "image is declared raw but its
	// content is qcow2".
	Reason string
}

// Error returns the reason.
func (r *Refused) Error() string { return r.Reason }

// refuse returns a *Refused for the declared format f, with the words
// "<f> image" in front of the reason.
func refuse(f Format, format string, args ...any) error {
	return &Refused{Format: f, Reason: string(f) + " image " + fmt.Sprintf(format, args...)}
}

// notDeclared returns the *Refused for content that is not of the declared
// format f and of no other known format either.
func notDeclared(f Format) error {
	return &Refused{Format: f, Reason: fmt.Sprintf("image is declared %s but its content is not %s", f, f)}
}

// parser knows one format. Its methods are called once each, in this order.
type parser interface {
	// head judges the first headSize bytes, or all when there are fewer. A
	// refusal here stops an upload early.
	head(head []byte) error
	// whole judges what only the complete image shows. It leaves
	// Report.Format to the caller.
	whole(img *image) (Report, error)
}

// regional is a parser that needs one more region than head and tail. It is
// asked after head; the region begins at headSize or later and has at most
// maxRegion bytes.
type regional interface {
	parser
	region() span
}

// image is what was kept of a complete image.
type image struct {
	size   int64
	head   []byte
	tail   []byte // the last tailSize bytes, or all when there are fewer
	region []byte // what a regional parser asked for, short when cut off
}

// span is a range of bytes in an image.
type span struct{ off, len int64 }

// within says whether the span lies inside a file of the given size.
func (s span) within(size int64) bool {
	return s.off >= 0 && s.len >= 0 && s.off <= size && s.len <= size-s.off
}

// newParser returns the parser of a declared format, nil when the format
// cannot be accepted.
func newParser(f Format) parser {
	switch f {
	case Raw, AMI, ARI, AKI:
		return raw{}
	case QCOW2:
		return new(qcow2)
	case VMDK:
		return new(vmdk)
	case VHD:
		return new(vhd)
	case VHDX:
		return new(vhdx)
	case VDI:
		return new(vdi)
	case ISO:
		return new(iso)
	}
	return nil
}
