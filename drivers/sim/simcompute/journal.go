package simcompute

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
)

// journal is a file to which what guests are is appended: a line for each
// change, the last line of a guest counts. What append has taken is on disk;
// those that append at the same time share a sync.
type journal struct {
	path string

	mu    sync.Mutex // of what is written
	file  *os.File   // nil until the first line
	lines int64
	size  int64
	least int64 // size when it was last written anew

	syncing sync.Mutex
	synced  int64 // lines
}

// line is one of a journal; one without Machine says that the guest is gone.
type line struct {
	ID      string
	Machine json.RawMessage `json:",omitempty"`
}

const (
	journalName = "guests.journal"
	garbage     = 16 << 20 // bytes of it that are let be
)

// openJournal gives the journal in dir and what it has of each guest.
func openJournal(dir string) (*journal, map[string]json.RawMessage, error) {
	j := &journal{path: filepath.Join(dir, journalName)}
	guests, err := j.read()
	if errors.Is(err, fs.ErrNotExist) {
		return j, map[string]json.RawMessage{}, nil
	}
	if err != nil {
		return nil, nil, err
	}
	return j, guests, j.rewrite(guests) // without what a writer that died left at the end
}

// read gives the last line of each guest. What follows the last end of a line
// was never acknowledged.
func (j *journal) read() (map[string]json.RawMessage, error) {
	text, err := os.ReadFile(j.path)
	if err != nil {
		return nil, err
	}
	guests := map[string]json.RawMessage{}
	for n := 1; ; n++ {
		head, rest, whole := bytes.Cut(text, []byte("\n"))
		if !whole {
			return guests, nil
		}
		var l line
		if err := json.Unmarshal(head, &l); err != nil {
			return nil, fmt.Errorf("%s, line %d: %w", j.path, n, err)
		}
		if text = rest; l.Machine == nil {
			delete(guests, l.ID)
		} else {
			guests[l.ID] = l.Machine
		}
	}
}

// append adds a line.
func (j *journal) append(l line) error {
	text, err := json.Marshal(l)
	if err != nil {
		return err
	}
	n, err := j.write(append(text, '\n'))
	if err != nil {
		return err
	}
	return j.sync(n)
}

func (j *journal) write(text []byte) (line int64, err error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.size > 4*j.least+garbage {
		guests, err := j.read()
		if err == nil {
			err = j.rewrite(guests)
		}
		if err != nil {
			return 0, err
		}
	}
	if j.file == nil {
		if err := j.rewrite(nil); err != nil {
			return 0, err
		}
	}
	written, err := j.file.Write(text)
	if err != nil { // the rest of a line must not be the beginning of the next
		return 0, errors.Join(err, j.file.Truncate(j.size))
	}
	j.size += int64(written)
	j.lines++
	return j.lines, nil
}

// sync has the first so many lines on disk.
func (j *journal) sync(line int64) error {
	j.syncing.Lock()
	defer j.syncing.Unlock()
	if j.synced >= line {
		return nil
	}
	j.mu.Lock()
	file, lines := j.file, j.lines
	j.mu.Unlock()
	if err := file.Sync(); err != nil && !errors.Is(err, os.ErrClosed) { // a file that was replaced is on disk
		return err
	}
	j.synced = lines
	return nil
}

// rewrite makes a journal that has one line of each guest, and is on disk.
func (j *journal) rewrite(guests map[string]json.RawMessage) error {
	var text bytes.Buffer
	encoder := json.NewEncoder(&text)
	for id, machine := range guests {
		if err := encoder.Encode(line{id, machine}); err != nil {
			return err
		}
	}
	if err := replaceFile(j.path, text.Bytes()); err != nil {
		return err
	}
	file, err := os.OpenFile(j.path, os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return err
	}
	if j.file != nil {
		err = j.file.Close()
	}
	j.file, j.size, j.least = file, int64(text.Len()), int64(text.Len())
	return err
}

// removeIf takes the file away when the machine has no guests.
func (j *journal) removeIf(empty func() bool) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.file == nil || !empty() {
		return nil
	}
	err := errors.Join(j.file.Close(), os.Remove(j.path))
	j.file = nil
	return errors.Join(err, syncFile(filepath.Dir(j.path)))
}
