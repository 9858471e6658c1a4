// Package state keeps records as files, one each, so that what a process had
// in force is known to the next. A file is written whole or not at all and is
// readable by its owner only.
package state

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/cumulite/cumulite/platform/durable"
)

const suffix = ".json"

// Records are the records of one kind by id, in memory and in a folder. They
// are not for concurrent use.
type Records[T any] struct {
	dir   string
	items map[string]T
}

// Load reads the records in a folder, which is made when it is missing.
func Load[T any](dir string) (*Records[T], error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	r := &Records[T]{dir: dir, items: map[string]T{}}
	for _, e := range entries {
		name, is := strings.CutSuffix(e.Name(), suffix)
		if !is {
			os.Remove(filepath.Join(dir, e.Name())) // half written when a process ended
			continue
		}
		if err := r.read(name); err != nil {
			return nil, fmt.Errorf("%s: %w", filepath.Join(dir, e.Name()), err)
		}
	}
	return r, nil
}

func (r *Records[T]) read(name string) error {
	id, err := url.PathUnescape(name)
	if err != nil {
		return err
	}
	text, err := os.ReadFile(filepath.Join(r.dir, name+suffix))
	if err != nil {
		return err
	}
	var item T
	if err := json.Unmarshal(text, &item); err != nil {
		return err
	}
	r.items[id] = item
	return nil
}

func (r *Records[T]) path(id string) string {
	return filepath.Join(r.dir, url.PathEscape(id)+suffix)
}

// Get gives a record and whether there is one.
func (r *Records[T]) Get(id string) (T, bool) {
	item, is := r.items[id]
	return item, is
}

// IDs gives all ids in order.
func (r *Records[T]) IDs() []string { return slices.Sorted(maps.Keys(r.items)) }

// All gives all records by id. The map is the caller's.
func (r *Records[T]) All() map[string]T { return maps.Clone(r.items) }

// Put writes a record; it is on disk when Put returns.
func (r *Records[T]) Put(id string, item T) error {
	text, err := json.Marshal(item)
	if err != nil {
		return err
	}
	if err := durable.Write(r.path(id), text); err != nil {
		return err
	}
	r.items[id] = item
	return nil
}

// Forget drops a record from memory; its file stays.
func (r *Records[T]) Forget(id string) { delete(r.items, id) }

// Delete forgets a record; one that is not there is no error.
func (r *Records[T]) Delete(id string) error {
	if err := durable.Remove(r.path(id)); err != nil {
		return err
	}
	delete(r.items, id)
	return nil
}
