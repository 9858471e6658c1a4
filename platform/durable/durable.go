// Package durable writes files that are whole and on disk when it returns, and
// otherwise, also after a power failure, what they were before.
//
//	err := durable.Write("/var/lib/cumulite/secrets.key", key)
package durable

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
)

// Write makes data the content of the file at path, for its owner only.
func Write(path string, data []byte) error {
	return Replace(path, func(part string) error { return os.WriteFile(part, data, 0o600) })
}

// Replace makes a file whole or not at all, in place of one that may be there:
// fill makes it under the name that it is given. A process that dies leaves at
// most a file with that name, path + ".part", which the next Replace removes.
// One file is not replaced by two callers at once.
func Replace(path string, fill func(part string) error) error {
	part := path + ".part"
	if err := missingIsFine(os.Remove(part)); err != nil {
		return err
	}
	err := fill(part)
	if err == nil {
		err = Sync(part)
	}
	if err == nil {
		err = os.Rename(part, path)
	}
	if err != nil {
		return errors.Join(err, missingIsFine(os.Remove(part)))
	}
	return Sync(filepath.Dir(path))
}

// Remove removes the file at path for good. One that is not there is no error.
func Remove(path string) error {
	if err := missingIsFine(os.Remove(path)); err != nil {
		return err
	}
	return Sync(filepath.Dir(path))
}

// Sync has the content of a file, or the names in a folder, on disk.
func Sync(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

func missingIsFine(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}
