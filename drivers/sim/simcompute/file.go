package simcompute

import (
	"encoding/json"
	"errors"
	"fmt"
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
	s := NewState()
	journal, guests, err := openJournal(dir)
	if err != nil {
		return nil, err
	}
	s.journal = journal
	for id, text := range guests {
		m := new(machine)
		if err := json.Unmarshal(text, m); err != nil {
			return nil, fmt.Errorf("%s, guest %s: %w", journal.path, id, err)
		}
		s.machines[id] = m
	}
	return s, s.takeOver(dir)
}

// takeOver reads the files that an earlier release had, one for each guest,
// and removes them once the journal has what they say.
func (s *State) takeOver(dir string) error {
	files, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, f := range files {
		id, whole := strings.CutSuffix(f.Name(), ".json")
		path := filepath.Join(dir, f.Name())
		if f.Name() == journalName {
			continue
		}
		if whole {
			if s.machines[id], err = readMachine(path); err != nil {
				return err
			}
			if err := s.keep(id); err != nil {
				return err
			}
		} // else its writer died: the file before it was there still
		if err := os.Remove(path); err != nil {
			return err
		}
	}
	return nil
}

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
// other, so nobody else writes of it.
func (s *State) keep(id string) error {
	s.mu.Lock()
	m := s.machines[id]
	if s.journal == nil || m == nil {
		s.mu.Unlock()
		return nil
	}
	text, err := json.Marshal(m)
	s.mu.Unlock()
	if err != nil {
		return err
	}
	return s.journal.append(line{id, text})
}

// discard writes down that a guest is gone, and lets it go.
func (s *State) discard(id string) error {
	s.mu.Lock()
	there := s.machines[id] != nil
	s.mu.Unlock()
	if s.journal != nil && there {
		if err := s.journal.append(line{ID: id}); err != nil {
			return err
		}
	}
	s.mu.Lock()
	delete(s.machines, id)
	s.mu.Unlock()
	if s.journal == nil {
		return nil
	}
	return s.journal.removeIf(func() bool {
		s.mu.Lock()
		defer s.mu.Unlock()
		return len(s.machines) == 0
	})
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
