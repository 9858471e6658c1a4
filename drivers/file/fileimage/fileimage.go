// Package fileimage keeps the bytes of images in files: one file an image,
// named by its id, below a folder of its own.
//
//	files, err := fileimage.Open("/var/lib/cumulite/images")
//
// What Commit acknowledged is synced to disk, file and folder both.
package fileimage

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"github.com/google/uuid"

	"github.com/cumulite/cumulite/image"
	"github.com/cumulite/cumulite/platform/errs"
)

// Store is an image.Store on a folder. Its methods may be called from any goroutine.
type Store struct {
	objects string // whole objects, by id
	staging string // objects to be, named at random
}

// Open gives the store in folder dir, which is made (mode 0700) if need be.
// One process at a time may use it.
func Open(dir string) (*Store, error) {
	s := &Store{objects: filepath.Join(dir, "objects"), staging: filepath.Join(dir, "staging")}
	for _, d := range []string{s.objects, s.staging} {
		if err := os.MkdirAll(d, 0o700); err != nil {
			return nil, err
		}
	}
	return s, nil
}

// Stage implements image.Store.
func (s *Store) Stage(_ context.Context, id string) (image.Staged, error) {
	if _, err := s.path(id); err != nil {
		return nil, err
	}
	f, err := os.CreateTemp(s.staging, "upload-")
	if err != nil {
		return nil, kind(err)
	}
	return &staged{store: s, id: id, f: f}, nil
}

// Open implements image.Store.
func (s *Store) Open(_ context.Context, id string, offset int64) (io.ReadCloser, error) {
	path, err := s.path(id)
	if err != nil {
		return nil, err
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, kind(err)
	}
	if _, err := f.Seek(offset, io.SeekStart); err != nil {
		return nil, errors.Join(kind(err), f.Close())
	}
	return f, nil
}

// Delete implements image.Store.
func (s *Store) Delete(_ context.Context, id string) error {
	path, err := s.path(id)
	if err != nil {
		return err
	}
	err = os.Remove(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return kind(errors.Join(err, syncDir(s.objects)))
}

// Objects implements image.Store.
func (s *Store) Objects(context.Context) ([]string, error) {
	entries, err := os.ReadDir(s.objects)
	if err != nil {
		return nil, kind(err)
	}
	ids := make([]string, 0, len(entries))
	for _, e := range entries {
		if uuid.Validate(e.Name()) == nil {
			ids = append(ids, e.Name())
		}
	}
	return ids, nil
}

// Sweep implements image.Store.
func (s *Store) Sweep(context.Context) error {
	entries, err := os.ReadDir(s.staging)
	for _, e := range entries {
		err = errors.Join(err, os.Remove(filepath.Join(s.staging, e.Name())))
	}
	return kind(err)
}

// path gives the file of an object. Only ids become names of files.
func (s *Store) path(id string) (string, error) {
	if len(id) != 36 || uuid.Validate(id) != nil {
		return "", errs.Invalidf("%q is no image id", id)
	}
	return filepath.Join(s.objects, id), nil
}

// staged is a file that is being written.
type staged struct {
	store *Store
	id    string
	f     *os.File // nil once ended
}

// Write implements io.Writer.
func (w *staged) Write(p []byte) (int, error) {
	n, err := w.f.Write(p)
	return n, kind(err)
}

// Commit implements image.Staged: the file is linked to its name, which fails
// when the name is taken, after its bytes are on disk.
func (w *staged) Commit(_ context.Context, v image.Verified) error {
	if v.ID() != w.id {
		return errs.New(errs.Internal, "bytes of %s cannot be verified by those of %q", w.id, v.ID())
	}
	defer w.Abort()
	info, err := w.f.Stat()
	if err != nil {
		return kind(err)
	}
	if info.Size() != v.Size() {
		return errs.New(errs.Internal, "%d bytes of %s were verified, %d written", v.Size(), w.id, info.Size())
	}
	if err := w.f.Sync(); err != nil {
		return kind(err)
	}
	path, err := w.store.path(w.id)
	if err != nil {
		return err
	}
	if err := os.Link(w.f.Name(), path); err != nil {
		return kind(err)
	}
	return kind(syncDir(w.store.objects))
}

// Abort implements image.Staged.
func (w *staged) Abort() {
	if w.f != nil {
		_ = w.f.Close()
		_ = os.Remove(w.f.Name())
		w.f = nil
	}
}

// syncDir puts the names in a folder on disk.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// kind says what an error of the file system means to the service.
func kind(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, fs.ErrNotExist):
		return errs.NotFoundf("The image's data could not be found.").Because(err)
	case errors.Is(err, fs.ErrExist):
		return errs.Conflictf("The image has data already.").Because(err)
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT):
		return errs.New(errs.TooLarge, "There is not enough disk space on the image storage media.").Because(err)
	}
	return errs.New(errs.Unavailable, "The image storage cannot be used.").Because(err)
}
