package inspect

import "encoding/binary"

const (
	isoSector     = 2048
	isoIdentifier = "CD001"
	// isoDescriptors bounds the set of volume descriptors; real volumes
	// have fewer than six.
	isoDescriptors = 64

	isoPrimary    = 1
	isoTerminator = 255
)

// iso is ISO 9660 (ECMA-119). An MBR or GPT in its system area is that of a
// hybrid image, and a UDF volume that follows the descriptors that of a
// bridge; both are usual and harmless.
type iso struct{ volume int64 }

func (i *iso) head(head []byte) error {
	if !hasAt(head, volumeDescriptor+1, isoIdentifier) {
		return notDeclared(ISO)
	}
	set := head[volumeDescriptor:]
	if len(set) < isoSector {
		return refuse(ISO, "is cut off in its volume descriptors")
	}
	if err := i.primary(set[:isoSector]); err != nil {
		return err
	}
	for range isoDescriptors {
		if len(set) < isoSector || !hasAt(set, 1, isoIdentifier) {
			break
		}
		if set[0] == isoTerminator {
			return nil
		}
		set = set[isoSector:]
	}
	return refuse(ISO, "has no end of its volume descriptors")
}

// primary reads the primary volume descriptor. It holds numbers twice, in
// both byte orders, and readers differ in which they take.
func (i *iso) primary(d []byte) error {
	if d[0] != isoPrimary || d[6] != 1 {
		return refuse(ISO, "has no primary volume descriptor")
	}
	blocks, block := binary.LittleEndian.Uint32(d[80:]), binary.LittleEndian.Uint16(d[128:])
	if blocks != binary.BigEndian.Uint32(d[84:]) || block != binary.BigEndian.Uint16(d[130:]) {
		return refuse(ISO, "has contradictory sizes in its volume descriptor")
	}
	if block != 512 && block != 1024 && block != 2048 {
		return refuse(ISO, "has an invalid block size of %d", block)
	}
	i.volume = int64(blocks) * int64(block)
	if i.volume == 0 {
		return refuse(ISO, "has an empty volume")
	}
	return nil
}

func (i *iso) whole(img *image) (Report, error) {
	if i.volume > img.size {
		return Report{}, refuse(ISO, "is cut off: its volume has %d bytes and the file %d", i.volume, img.size)
	}
	return plainDisk(img.head, i.volume), nil
}
