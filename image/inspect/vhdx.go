package inspect

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"hash/crc32"
)

const (
	vhdxSignature = "vhdxfile"

	// Two headers and two region tables, each in 64 KiB of its own.
	vhdxHeader1     = 64 << 10
	vhdxHeader2     = 128 << 10
	vhdxHeaderSize  = 4 << 10
	vhdxRegions1    = 192 << 10
	vhdxRegions2    = 256 << 10
	vhdxTableSize   = 64 << 10
	vhdxMaxEntries  = 2047
	vhdxAlign       = 1 << 20
	vhdxHasParent   = 1 << 1 // file parameters
	vhdxRequired    = 1 << 0 // region table entry
	vhdxMetaRequire = 1 << 2 // metadata table entry
)

// The structures that this inspector knows, by GUID. Any other that a reader
// is required to know is refused.
const (
	vhdxBAT      = "2dc27766-f623-4200-9d64-115e9bfd4a08"
	vhdxMetadata = "8b7ca206-4790-4b9a-b8fe-575f050f886e"

	vhdxFileParameters = "caa16737-fa36-4d43-b3b6-33f0aa44e76b"
	vhdxDiskSize       = "2fa54224-cd1b-4876-b211-5dbed83bf4b8"
	vhdxDiskID         = "beca12ab-b2e6-4523-93ef-c309e000c746"
	vhdxLogicalSector  = "8141bf1d-a96f-4709-ba47-f233a8faab5f"
	vhdxPhysicalSector = "cda348c7-445d-4471-9cc9-e9885251c556"
	vhdxParentLocator  = "a8d35f2d-b30b-454d-abf7-d3d84834ab0c"
)

// vhdx is Hyper-V's format ([MS-VHDX]). An image that was not closed is
// refused: readers replay its log, which may rewrite what was inspected.
type vhdx struct {
	regions map[string]span
}

func (v *vhdx) head(h []byte) error {
	if !hasAt(h, 0, vhdxSignature) {
		return notDeclared(VHDX)
	}
	if len(h) < vhdxRegions2+vhdxTableSize {
		return refuse(VHDX, "is cut off in its headers")
	}
	if err := vhdxClosed(h); err != nil {
		return err
	}
	// Readers differ in which of the two tables they take.
	table := h[vhdxRegions1:][:vhdxTableSize]
	if !bytes.Equal(table, h[vhdxRegions2:][:vhdxTableSize]) {
		return refuse(VHDX, "has two region tables that differ")
	}
	return v.regionTable(table)
}

// vhdxClosed checks that there is a valid header, and that the latest says
// that the log is empty.
func vhdxClosed(h []byte) error {
	var latest uint64
	valid, closed := false, true
	for _, off := range []int{vhdxHeader1, vhdxHeader2} {
		b := h[off:][:vhdxHeaderSize]
		if !hasAt(b, 0, "head") || !vhdxChecksum(b) || binary.LittleEndian.Uint16(b[66:]) != 1 {
			continue
		}
		empty, sequence := allZero(b[48:64]), binary.LittleEndian.Uint64(b[8:])
		switch {
		case !valid || sequence > latest:
			closed = empty
		case sequence == latest:
			closed = closed && empty
		}
		valid, latest = true, max(latest, sequence)
	}
	if !valid {
		return refuse(VHDX, "has no valid header")
	}
	if !closed {
		return refuse(VHDX, "was not closed: its log has to be replayed")
	}
	return nil
}

func (v *vhdx) regionTable(t []byte) error {
	count := binary.LittleEndian.Uint32(t[8:])
	if !hasAt(t, 0, "regi") || !vhdxChecksum(t) || count > vhdxMaxEntries {
		return refuse(VHDX, "has a damaged region table")
	}
	v.regions = map[string]span{}
	for entry := t[16:]; count > 0; entry, count = entry[32:], count-1 {
		id, required := guid(entry), binary.LittleEndian.Uint32(entry[28:])&vhdxRequired != 0
		if id != vhdxBAT && id != vhdxMetadata {
			if required {
				return refuse(VHDX, "needs the unknown region %s", id)
			}
			continue
		}
		at := span{int64(binary.LittleEndian.Uint64(entry[16:])), int64(binary.LittleEndian.Uint32(entry[24:]))}
		if _, again := v.regions[id]; again || at.off < vhdxAlign || at.off%vhdxAlign != 0 || at.len < vhdxTableSize {
			return refuse(VHDX, "has an invalid region table")
		}
		v.regions[id] = at
	}
	if len(v.regions) != 2 {
		return refuse(VHDX, "lacks a region")
	}
	return nil
}

// region asks for the metadata table and the items that follow it.
func (v *vhdx) region() span {
	at := v.regions[vhdxMetadata]
	return span{at.off, min(at.len, maxRegion)}
}

func (v *vhdx) whole(img *image) (Report, error) {
	for _, at := range v.regions {
		if !at.within(img.size) {
			return Report{}, refuse(VHDX, "has a region outside the file")
		}
	}
	items, err := vhdxItems(img.region)
	if err != nil {
		return Report{}, err
	}
	parameters, size, logical := items[vhdxFileParameters], items[vhdxDiskSize], items[vhdxLogicalSector]
	if len(parameters) != 8 || len(size) != 8 || len(logical) != 4 {
		return Report{}, refuse(VHDX, "lacks metadata")
	}
	if binary.LittleEndian.Uint32(parameters[4:])&vhdxHasParent != 0 {
		return Report{}, refuse(VHDX, "has a parent image")
	}
	block, bytesPerSector := binary.LittleEndian.Uint32(parameters), binary.LittleEndian.Uint32(logical)
	if block < 1<<20 || block > 256<<20 || block&(block-1) != 0 || bytesPerSector != 512 && bytesPerSector != 4096 {
		return Report{}, refuse(VHDX, "has an invalid block or sector size")
	}
	virtual := binary.LittleEndian.Uint64(size)
	entries := uint64(v.regions[vhdxBAT].len) / 8
	if virtual > entries*uint64(block) {
		return Report{}, refuse(VHDX, "claims a virtual size that its table cannot hold")
	}
	return Report{VirtualSize: int64(virtual)}, nil
}

// vhdxItems returns the known metadata items by GUID.
func vhdxItems(m []byte) (map[string][]byte, error) {
	if len(m) < vhdxTableSize || !hasAt(m, 0, "metadata") {
		return nil, refuse(VHDX, "has a damaged metadata table")
	}
	count := binary.LittleEndian.Uint16(m[10:])
	if count > vhdxMaxEntries {
		return nil, refuse(VHDX, "has a damaged metadata table")
	}
	items := map[string][]byte{}
	for entry := m[32:]; count > 0; entry, count = entry[32:], count-1 {
		id := guid(entry)
		switch id {
		case vhdxFileParameters, vhdxDiskSize, vhdxDiskID, vhdxLogicalSector, vhdxPhysicalSector:
		case vhdxParentLocator:
			return nil, refuse(VHDX, "has a parent image")
		default:
			if binary.LittleEndian.Uint32(entry[24:])&vhdxMetaRequire != 0 {
				return nil, refuse(VHDX, "needs the unknown metadata %s", id)
			}
			continue
		}
		at := span{int64(binary.LittleEndian.Uint32(entry[16:])), int64(binary.LittleEndian.Uint32(entry[20:]))}
		if _, again := items[id]; again || at.off < vhdxTableSize || !at.within(int64(len(m))) {
			return nil, refuse(VHDX, "has an invalid metadata table")
		}
		items[id] = m[at.off:][:at.len]
	}
	return items, nil
}

// vhdxChecksum verifies the CRC-32C at offset 4, computed as if it were zero.
func vhdxChecksum(b []byte) bool {
	table := crc32.MakeTable(crc32.Castagnoli)
	sum := crc32.Update(0, table, b[:4])
	sum = crc32.Update(sum, table, make([]byte, 4))
	sum = crc32.Update(sum, table, b[8:])
	return binary.LittleEndian.Uint32(b[4:]) == sum
}

// guid reads a GUID, whose first three groups are little-endian.
func guid(b []byte) string {
	return fmt.Sprintf("%08x-%04x-%04x-%x-%x", binary.LittleEndian.Uint32(b),
		binary.LittleEndian.Uint16(b[4:]), binary.LittleEndian.Uint16(b[6:]), b[8:10], b[10:16])
}
