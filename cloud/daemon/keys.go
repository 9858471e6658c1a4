package daemon

import (
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"github.com/cumulite/cumulite/platform/errs"
)

// opening has whoever opens a cloud with the same keys wait until done is called.
func opening(dir string) (done func(), err error) {
	var lock *os.File
	if err = os.MkdirAll(dir, 0o700); err == nil {
		lock, err = os.OpenFile(filepath.Join(dir, "opening"), os.O_CREATE|os.O_RDWR, 0o600)
	}
	if err == nil {
		err = unix.Flock(int(lock.Fd()), unix.LOCK_EX)
	}
	if err != nil {
		return nil, errs.Invalidf("cannot use the directory of keys %s: %v", dir, err)
	}
	return func() { _ = lock.Close() }, nil
}
