package simcompute

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// OpenState gives the machine that is kept in dir, an empty one at first: its
// guests are there again as the last call on each left them, whatever became of
// the process. What a call that was cut did is not; it is repeated by whoever
// made it. Only one State at a time has a directory.
func OpenState(dir string) (*State, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil { // config drives have secrets
		return nil, err
	}
	files, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	s := NewState()
	s.dir = dir
	for _, f := range files {
		id, whole := strings.CutSuffix(f.Name(), suffix)
		if !whole { // its writer died: the file before it is there still
			if err := os.Remove(filepath.Join(dir, f.Name())); err != nil {
				return nil, err
			}
			continue
		}
		if s.machines[id], err = readMachine(s.path(id)); err != nil {
			return nil, err
		}
	}
	return s, nil
}

const suffix = ".json"

func (s *State) path(id string) string { return filepath.Join(s.dir, id+suffix) }

func readMachine(path string) (*machine, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	m := new(machine)
	if err := json.Unmarshal(text, m); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return m, nil
}

// keep writes down what a guest is. Calls for a guest come one after the
// other, so nobody else writes its file.
func (s *State) keep(id string) error {
	s.mu.Lock()
	m := s.machines[id]
	if s.dir == "" || m == nil {
		s.mu.Unlock()
		return nil
	}
	text, err := json.Marshal(m)
	s.mu.Unlock()
	if err != nil {
		return err
	}
	return replaceFile(s.path(id), text)
}

// discard takes away the file of a guest that is there.
func (s *State) discard(id string) error {
	s.mu.Lock()
	there := s.dir != "" && s.machines[id] != nil
	s.mu.Unlock()
	if !there {
		return nil
	}
	if err := os.Remove(s.path(id)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return syncFile(s.dir)
}

// replaceFile makes text the content of a file, whole and on disk.
func replaceFile(path string, text []byte) error {
	part := path + ".part"
	if err := os.WriteFile(part, text, 0o600); err != nil {
		return err
	}
	if err := syncFile(part); err != nil {
		return err
	}
	if err := os.Rename(part, path); err != nil {
		return err
	}
	return syncFile(filepath.Dir(path))
}

func syncFile(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}
