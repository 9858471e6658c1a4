package inspect

// sector is the unit in which all disk formats but ISO count.
const sector = 512

// raw accepts everything: what is recognised as another format was refused
// before it is asked.
type raw struct{}

func (raw) head([]byte) error { return nil }

func (raw) whole(img *image) (Report, error) { return plainDisk(img.head, img.size), nil }

// plainDisk reports on a disk that is stored from the image's first byte on.
func plainDisk(head []byte, size int64) Report {
	return Report{
		VirtualSize: size,
		BootSector:  hasAt(head, 510, "\x55\xaa"),
		GPT:         hasAt(head, 512, "EFI PART") || hasAt(head, 4096, "EFI PART"),
	}
}
