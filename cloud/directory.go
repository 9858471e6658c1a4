package cloud

import (
	"errors"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"github.com/cumulite/cumulite/platform/errs"
)

// directory is the folder of a cloud, held by one process at a time.
type directory struct {
	path      string
	ephemeral bool
	lock      *os.File
}

// ErrInUse is why a cloud cannot be opened that another process has open.
var ErrInUse = errors.New("another process uses it")

// memory is where an ephemeral cloud is kept, if it is there.
const memory = "/dev/shm"

func openDirectory(path string) (*directory, error) {
	d := &directory{path: path, ephemeral: path == ""}
	var err error
	if d.ephemeral {
		d.path, err = os.MkdirTemp(temporary(), "cumulite-*") // mode 0700
	} else if d.path, err = filepath.Abs(path); err == nil {
		err = os.MkdirAll(d.path, 0o700)
	}
	if err == nil {
		err = d.take()
	}
	if err != nil {
		return nil, errs.Invalidf("cannot use the state directory %s: %v", d.path, err).Because(err)
	}
	return d, nil
}

func temporary() string {
	if info, err := os.Stat(memory); err == nil && info.IsDir() {
		return memory
	}
	return "" // the system's
}

// take makes sure that nobody else looks into the directory, or uses it.
func (d *directory) take() (err error) {
	if err := os.Chmod(d.path, 0o700); err != nil {
		return err
	}
	if d.lock, err = os.OpenFile(filepath.Join(d.path, "lock"), os.O_CREATE|os.O_RDWR, 0o600); err != nil {
		return err
	}
	if err := unix.Flock(int(d.lock.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		d.lock.Close()
		if errors.Is(err, unix.EWOULDBLOCK) {
			return ErrInUse
		}
		return err
	}
	return nil
}

// close lets others have it; an ephemeral one is removed.
func (d *directory) close() error {
	err := d.lock.Close()
	if d.ephemeral {
		err = errors.Join(err, os.RemoveAll(d.path))
	}
	return err
}
