package libvirt

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/cumulite/cumulite/compute"
	"github.com/cumulite/cumulite/compute/hosting"
	"github.com/cumulite/cumulite/platform/durable"
)

// guestDir is the directory of one guest.
type guestDir string

func (d *Driver) guest(id string) guestDir { return guestDir(filepath.Join(d.dir, "guests", id)) }

func (g guestDir) base() string      { return filepath.Join(string(g), "base") }
func (g guestDir) root() string      { return filepath.Join(string(g), "root.qcow2") }
func (g guestDir) ephemeral() string { return filepath.Join(string(g), "ephemeral.raw") }
func (g guestDir) swap() string      { return filepath.Join(string(g), "swap.raw") }
func (g guestDir) config() string    { return filepath.Join(string(g), "config.iso") }
func (g guestDir) console() string   { return filepath.Join(string(g), "console.log") }
func (g guestDir) calls() string     { return filepath.Join(string(g), "calls") }

func (g guestDir) exists() bool {
	_, err := os.Stat(string(g))
	return err == nil
}

// create makes the file at path whole or not at all: fill writes it under
// another name. A file that is there is left alone.
func create(path string, fill func(part string) error) error {
	if _, err := os.Lstat(path); err == nil || !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return durable.Replace(path, fill)
}

func ignoreMissing(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// write writes a file with what fn gives it.
func write(path string, fn func(w io.Writer) error) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	return errors.Join(fn(f), f.Close())
}

// journal keeps the calls of each guest in a file beside its disks.
type journal struct{ d *Driver }

func (j journal) Calls(id string) ([]string, error) {
	text, err := os.ReadFile(j.d.guest(id).calls())
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return strings.Split(strings.TrimSuffix(string(text), "\n"), "\n"), err
}

func (j journal) SetCalls(id string, calls []string) error {
	g := j.d.guest(id)
	return ignoreMissing(durable.Write(g.calls(), []byte(strings.Join(calls, "\n")+"\n")))
}

// readConsole gives the end of a console log.
func readConsole(path string, lines int) ([]byte, error) {
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil // it has never started
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	end, err := f.Seek(0, io.SeekEnd)
	if err != nil {
		return nil, err
	}
	from := max(0, end-compute.MaxConsole)
	log, err := io.ReadAll(io.NewSectionReader(f, from, end-from))
	return hosting.LastLines(log, lines), err
}

// trimConsole gives the room that a console log takes, but for its end, back to
// the file system. QEMU goes on writing behind it undisturbed.
func trimConsole(path string) {
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return
	}
	if old := info.Size() - 2*compute.MaxConsole; old > 0 {
		_ = unix.Fallocate(int(f.Fd()), unix.FALLOC_FL_PUNCH_HOLE|unix.FALLOC_FL_KEEP_SIZE, 0, old)
	}
}
