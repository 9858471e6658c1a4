package computetest

import (
	"bytes"
	"context"
	"crypto/sha512"
	"encoding/hex"
	"errors"
	"io"
	"os"
	"sync"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/cumulite/cumulite/compute"
	"github.com/cumulite/cumulite/platform/errs"
)

// Images is the source of images that the suite gives to a host. Its images
// can be made to fail, lie and hang.
type Images struct {
	mu     sync.Mutex
	stored map[string]*stored
}

type stored struct {
	open  func() (io.ReadCloser, error)
	fail  int           // the next so many readers break in the middle
	hang  chan struct{} // readers wait for it to be closed
	there chan struct{} // closed when a reader waits
	opens int
}

// NewImages gives an empty source.
func NewImages() *Images { return &Images{stored: map[string]*stored{}} }

// Add stores content as a new image.
func (im *Images) Add(format string, content []byte, virtualSize int64) compute.ImageSpec {
	sum := sha512.Sum512(content)
	return im.add(format, int64(len(content)), virtualSize, sum[:], func() (io.ReadCloser, error) {
		return io.NopCloser(bytes.NewReader(content)), nil
	})
}

// AddFile makes the file at path a new image.
func (im *Images) AddFile(t *testing.T, format, path string, virtualSize int64) compute.ImageSpec {
	t.Helper()
	f, err := os.Open(path)
	require.NoError(t, err)
	defer f.Close()
	sum := sha512.New()
	size, err := io.Copy(sum, f)
	require.NoError(t, err)
	return im.add(format, size, virtualSize, sum.Sum(nil), func() (io.ReadCloser, error) { return os.Open(path) })
}

func (im *Images) add(format string, size, virtualSize int64, sum []byte, open func() (io.ReadCloser, error)) compute.ImageSpec {
	spec := compute.ImageSpec{
		ID: uuid.NewString(), Format: format, Size: size, VirtualSize: virtualSize, Checksum: hex.EncodeToString(sum),
	}
	im.mu.Lock()
	defer im.mu.Unlock()
	im.stored[spec.ID] = &stored{open: open}
	return spec
}

// Bootable stores a raw image of 1 MiB whose boot sector prints GUEST-READY on
// the first serial port and halts: a guest without an operating system.
func (im *Images) Bootable() compute.ImageSpec {
	disk := make([]byte, 1<<20)
	copy(disk, bootSector)
	copy(disk[len(bootSector):], "\r\nGUEST-READY\r\n\x00")
	disk[510], disk[511] = 0x55, 0xaa
	return im.Add("raw", disk, int64(len(disk)))
}

// bootSector is loaded at 7C00h; the text follows it.
var bootSector = []byte{
	0x31, 0xc0, //       xor  ax, ax
	0x8e, 0xd8, //       mov  ds, ax
	0xbe, 0x16, 0x7c, // mov  si, text
	0xba, 0xf8, 0x03, // mov  dx, 3F8h
	0xfc,       //       cld
	0xac,       // next: lodsb
	0x84, 0xc0, //       test al, al
	0x74, 0x03, //       jz   halt
	0xee,       //       out  dx, al
	0xeb, 0xf8, //       jmp  next
	0xf4,       // halt: hlt
	0xeb, 0xfd, //       jmp  halt
}

// Open implements compute.Images.
func (im *Images) Open(ctx context.Context, id string) (io.ReadCloser, error) {
	im.mu.Lock()
	defer im.mu.Unlock()
	s := im.stored[id]
	if s == nil {
		return nil, errs.Missing("image", id)
	}
	s.opens++
	r, err := s.open()
	if err != nil {
		return nil, err
	}
	if s.hang != nil {
		return &hanging{ReadCloser: r, ctx: ctx, until: s.hang, there: s.there}, nil
	}
	if s.fail > 0 {
		s.fail--
		return &breaking{r}, nil
	}
	return r, nil
}

// Opens gives how often image id was opened.
func (im *Images) Opens(id string) int {
	im.mu.Lock()
	defer im.mu.Unlock()
	return im.stored[id].opens
}

// Break makes the next reader of image id fail in the middle.
func (im *Images) Break(id string) {
	im.mu.Lock()
	defer im.mu.Unlock()
	im.stored[id].fail = 1
}

// Hang makes readers of image id wait until release is called or their ctx
// ends. reached is closed when the first one waits.
func (im *Images) Hang(id string) (reached <-chan struct{}, release func()) {
	im.mu.Lock()
	defer im.mu.Unlock()
	s := im.stored[id]
	s.hang, s.there = make(chan struct{}), make(chan struct{})
	hang := s.hang
	return s.there, sync.OnceFunc(func() {
		close(hang)
		im.mu.Lock()
		defer im.mu.Unlock()
		s.hang = nil
	})
}

type hanging struct {
	io.ReadCloser
	ctx          context.Context
	until, there chan struct{}
	once         sync.Once
}

func (h *hanging) Read(p []byte) (int, error) {
	h.once.Do(func() { close(h.there) })
	select {
	case <-h.until:
		return h.ReadCloser.Read(p)
	case <-h.ctx.Done():
		return 0, h.ctx.Err()
	}
}

type breaking struct{ io.ReadCloser }

func (b *breaking) Read(p []byte) (int, error) {
	n, _ := b.ReadCloser.Read(p[:min(len(p), 100)])
	return n, errors.New("the connection broke")
}
