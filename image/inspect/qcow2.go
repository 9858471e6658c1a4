package inspect

import (
	"encoding/binary"
	"math/bits"
)

const (
	qcow2Magic    = "QFI\xfb"
	qcow2HeaderV2 = 72
	qcow2HeaderV3 = 104

	// Incompatible features. A reader must refuse an image with one that it
	// does not know; Glance knows these four and refuses the third.
	qcow2Dirty       = 1 << 0
	qcow2Corrupt     = 1 << 1
	qcow2DataFile    = 1 << 2
	qcow2Compression = 1 << 3

	// Header extensions.
	qcow2ExtEnd      = 0
	qcow2ExtDataFile = 0x44415441

	// QEMU's bounds for the tables that it loads when it opens an image.
	qcow2MaxL1       = 32 << 20
	qcow2MaxRefTable = 8 << 20
)

// qcow2 is QEMU's copy-on-write format, versions 2 and 3.
//
// The dirty and corrupt marks are accepted, as Glance does: they say that
// reference counts may be wrong, which a reader repairs or does not need.
// Internal snapshots are refused: their tables are metadata that nobody
// checks, no service uses them, and they carry contents that whoever shares
// the image does not see. So are encrypted images, for which no driver has
// the key.
type qcow2 struct {
	cluster  int64
	size     uint64
	l1       span
	refTable span
}

func (q *qcow2) head(h []byte) error {
	if !hasAt(h, 0, qcow2Magic) {
		return notDeclared(QCOW2)
	}
	if len(h) < qcow2HeaderV2 {
		return refuse(QCOW2, "is cut off in its header")
	}
	if err := q.geometry(h); err != nil {
		return err
	}
	if err := q.foreign(h); err != nil {
		return err
	}
	switch version := binary.BigEndian.Uint32(h[4:]); version {
	case 2:
		return q.extensions(h, qcow2HeaderV2)
	case 3:
		return q.version3(h)
	default:
		return refuse(QCOW2, "has the unknown version %d", version)
	}
}

// geometry reads sizes and the place of the tables.
func (q *qcow2) geometry(h []byte) error {
	clusterBits := binary.BigEndian.Uint32(h[20:])
	if clusterBits < 9 || clusterBits > 21 {
		return refuse(QCOW2, "has an invalid cluster size")
	}
	q.cluster = 1 << clusterBits
	q.size = binary.BigEndian.Uint64(h[24:])
	l1Entries, refClusters := binary.BigEndian.Uint32(h[36:]), binary.BigEndian.Uint32(h[56:])
	// Each L1 entry covers one cluster of L2 entries, 8 bytes each.
	covered := uint(2*clusterBits - 3)
	if q.size > maxVirtualSize || (q.size+1<<covered-1)>>covered > uint64(l1Entries) {
		return refuse(QCOW2, "claims a virtual size that its tables cannot hold")
	}
	q.l1 = span{int64(binary.BigEndian.Uint64(h[40:])), 8 * int64(l1Entries)}
	q.refTable = span{int64(binary.BigEndian.Uint64(h[48:])), int64(refClusters) * q.cluster}
	if q.l1.len > qcow2MaxL1 || q.refTable.len > qcow2MaxRefTable || refClusters == 0 {
		return refuse(QCOW2, "has tables of an invalid size")
	}
	return nil
}

// foreign refuses what makes the image depend on something outside it, in
// the fields that both versions have.
func (q *qcow2) foreign(h []byte) error {
	if binary.BigEndian.Uint64(h[8:]) != 0 {
		return refuse(QCOW2, "has a backing file")
	}
	if binary.BigEndian.Uint32(h[32:]) != 0 {
		return refuse(QCOW2, "is encrypted")
	}
	if binary.BigEndian.Uint32(h[60:]) != 0 {
		return refuse(QCOW2, "has internal snapshots")
	}
	return nil
}

// version3 checks the fields that version 3 adds.
func (q *qcow2) version3(h []byte) error {
	if len(h) < qcow2HeaderV3 {
		return refuse(QCOW2, "is cut off in its header")
	}
	features := binary.BigEndian.Uint64(h[72:])
	if features&qcow2DataFile != 0 {
		return refuse(QCOW2, "has an external data file")
	}
	if unknown := features &^ (qcow2Dirty | qcow2Corrupt | qcow2Compression); unknown != 0 {
		return refuse(QCOW2, "needs the unsupported feature %d", bits.TrailingZeros64(unknown))
	}
	if binary.BigEndian.Uint32(h[96:]) > 6 {
		return refuse(QCOW2, "has an invalid refcount width")
	}
	length := int64(binary.BigEndian.Uint32(h[100:]))
	if length < qcow2HeaderV3 || length%8 != 0 || length > min(q.cluster, int64(len(h))) {
		return refuse(QCOW2, "has an invalid header length")
	}
	var compression byte // zlib, unless the longer header says zstd
	if length > qcow2HeaderV3 {
		compression = h[qcow2HeaderV3]
	}
	if compression > 1 || (compression != 0) != (features&qcow2Compression != 0) {
		return refuse(QCOW2, "has an unknown compression type")
	}
	return q.extensions(h, length)
}

// extensions walks the header extensions, which end within the first cluster.
func (q *qcow2) extensions(h []byte, off int64) error {
	end := min(q.cluster, int64(len(h)))
	for end-off >= 8 {
		kind := binary.BigEndian.Uint32(h[off:])
		length := int64(binary.BigEndian.Uint32(h[off+4:]))
		off += 8
		switch {
		case kind == qcow2ExtEnd:
			return nil
		case kind == qcow2ExtDataFile:
			return refuse(QCOW2, "names an external data file")
		case length > end-off:
			return refuse(QCOW2, "has a header extension that is too long")
		}
		off += (length + 7) &^ 7
	}
	if end < q.cluster {
		return refuse(QCOW2, "has no end of its header extensions")
	}
	return nil
}

func (q *qcow2) whole(img *image) (Report, error) {
	if !q.holds(q.refTable, img.size) || q.l1.len > 0 && !q.holds(q.l1, img.size) {
		return Report{}, refuse(QCOW2, "has its tables outside the file")
	}
	return Report{VirtualSize: int64(q.size)}, nil
}

// holds says whether a table lies behind the header, aligned, inside the
// file. The file's last cluster may be written in part.
func (q *qcow2) holds(table span, size int64) bool {
	rounded := (size + q.cluster - 1) &^ (q.cluster - 1)
	return table.off >= q.cluster && table.off%q.cluster == 0 && table.within(rounded)
}
