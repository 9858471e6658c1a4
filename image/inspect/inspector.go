package inspect

import (
	"fmt"
	"io"
)

const (
	// headSize is kept of an image's beginning. It reaches to the end of
	// VHDX's second region table, the farthest fixed structure there is.
	headSize = 320 << 10
	// tailSize is kept of an image's end: the VHD footer and VMDK's three
	// last sectors.
	tailSize = 4 << 10
	// maxRegion bounds what a parser may ask for between head and tail.
	maxRegion = 128 << 10
)

// Inspector inspects one image that is written to it from beginning to end.
// It is not safe for concurrent use.
type Inspector struct {
	declared Format
	parser   parser
	judged   bool     // the head was judged
	found    []Format // in the head
	err      error

	size   int64
	head   []byte
	tail   tail
	want   span
	region []byte
}

// New returns an Inspector for an image that is declared to have the given
// format. "vpc" is taken as VHD. A format that is never accepted is refused
// by the first Write or by Finish.
func New(declared Format) *Inspector {
	if declared == vpc {
		declared = VHD
	}
	i := &Inspector{declared: declared, parser: newParser(declared)}
	if i.parser == nil {
		reason := fmt.Sprintf("disk format %q is not supported", string(declared))
		i.err = &Refused{Format: declared, Reason: reason}
	}
	return i
}

// Write takes the next bytes of the image and keeps none of p. It returns a
// *Refused as soon as the image is known to be bad, and from then on.
func (i *Inspector) Write(p []byte) (int, error) {
	if i.err != nil {
		return 0, i.err
	}
	n := min(len(p), headSize-len(i.head))
	i.head = append(i.head, p[:n]...)
	if len(i.head) == headSize {
		i.judgeHead()
	}
	i.keepRegion(p)
	i.tail.write(p)
	i.size += int64(len(p))
	if i.err != nil {
		return 0, i.err
	}
	return len(p), nil
}

// Finish returns the verdict on the whole image: a Report, or a *Refused.
// Nothing may be written afterwards; a second Finish returns the same.
func (i *Inspector) Finish() (Report, error) {
	i.judgeHead()
	if i.err != nil {
		return Report{}, i.err
	}
	img := &image{size: i.size, head: i.head, tail: i.tail.bytes(), region: i.region}
	report, err := i.judgeWhole(img)
	if err != nil {
		i.err = err
		return Report{}, err
	}
	report.Format = i.declared
	return report, nil
}

// Inspect gives the verdict of an Inspector on an image of known size that
// can be read anywhere. It reads the regions that matter, not the whole. An
// error that is not a *Refused comes from r.
func Inspect(r io.ReaderAt, size int64, declared Format) (Report, error) {
	if size < 0 {
		return Report{}, fmt.Errorf("read image: negative size %d", size)
	}
	i := New(declared)
	head, err := readSpan(r, span{0, min(size, headSize)})
	if err != nil {
		return Report{}, err
	}
	i.head = head
	i.judgeHead()
	end := min(i.want.off+i.want.len, size)
	if i.region, err = readSpan(r, span{i.want.off, max(0, end-i.want.off)}); err != nil {
		return Report{}, err
	}
	off := max(0, size-tailSize)
	if i.tail.buf, err = readSpan(r, span{off, size - off}); err != nil {
		return Report{}, err
	}
	i.size = size
	return i.Finish()
}

// judgeHead gives the verdict on the image's beginning, once.
func (i *Inspector) judgeHead() {
	if i.judged || i.err != nil {
		return
	}
	i.judged, i.found = true, sniffHead(i.head)
	if i.err = contradiction(i.declared, i.found); i.err != nil {
		return
	}
	if i.err = i.parser.head(i.head); i.err != nil {
		return
	}
	if r, ok := i.parser.(regional); ok {
		i.want = r.region()
	}
}

func (i *Inspector) judgeWhole(img *image) (Report, error) {
	if err := contradiction(i.declared, append(i.found, sniffTail(img.tail)...)); err != nil {
		return Report{}, err
	}
	report, err := i.parser.whole(img)
	if err != nil {
		return Report{}, err
	}
	if report.VirtualSize < 0 || report.VirtualSize > maxVirtualSize {
		return Report{}, refuse(i.declared, "has an impossible virtual size")
	}
	return report, nil
}

// keepRegion keeps what p, which begins at i.size, holds of the wanted region.
func (i *Inspector) keepRegion(p []byte) {
	from := i.want.off + int64(len(i.region)) - i.size
	to := min(i.want.off+i.want.len-i.size, int64(len(p)))
	if from >= 0 && from < to {
		i.region = append(i.region, p[from:to]...)
	}
}

// tail keeps the last tailSize bytes of what is written to it.
type tail struct{ buf []byte }

func (t *tail) write(p []byte) {
	if len(p) >= tailSize {
		t.buf = append(t.buf[:0], p[len(p)-tailSize:]...)
		return
	}
	if len(t.buf)+len(p) > 2*tailSize {
		t.buf = t.buf[:copy(t.buf, t.bytes())]
	}
	t.buf = append(t.buf, p...)
}

func (t *tail) bytes() []byte { return t.buf[max(0, len(t.buf)-tailSize):] }

func readSpan(r io.ReaderAt, s span) ([]byte, error) {
	b := make([]byte, s.len)
	n, err := r.ReadAt(b, s.off)
	if n == len(b) {
		return b, nil
	}
	return nil, fmt.Errorf("read image at %d: %w", s.off, err)
}
