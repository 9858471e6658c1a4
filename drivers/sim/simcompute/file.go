package simcompute

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/cumulite/cumulite/platform/durable"
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
	return durable.Write(s.path(id), text)
}

// discard takes away the file of a guest that is there.
func (s *State) discard(id string) error {
	s.mu.Lock()
	there := s.dir != "" && s.machines[id] != nil
	s.mu.Unlock()
	if !there {
		return nil
	}
	return durable.Remove(s.path(id))
}
