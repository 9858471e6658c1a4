package token

import (
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/cumulite/cumulite/platform/durable"
	"github.com/cumulite/cumulite/platform/errs"
	"github.com/cumulite/cumulite/platform/secret"
)

// Keys are the keys of a repository in Keystone's layout: a directory whose
// files are named by numbers. The highest is the primary key, which seals; all
// open; 0 is staged to be the next primary, so that every process has it before
// any token is sealed with it. It may be used by many goroutines.
type Keys struct {
	dir  string
	mu   sync.RWMutex
	ring []*key // primary first
	seen time.Time
}

// OpenKeys reads the repository at dir. One that is not there is made (mode
// 0700, the keys 0600) with a primary and a staged key.
func OpenKeys(dir string) (*Keys, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	k := &Keys{dir: dir}
	numbers, err := k.numbers()
	if err != nil {
		return nil, err
	}
	if len(numbers) == 0 {
		if err := k.write(1); err != nil {
			return nil, err
		}
	}
	if _, err := k.staged(); err != nil {
		return nil, err
	}
	return k, k.reload()
}

// staged gives the names of the keys, once one is staged: there is none where
// a process was killed before it had made it.
func (k *Keys) staged() ([]int, error) {
	numbers, err := k.numbers()
	if err != nil || len(numbers) > 0 && numbers[len(numbers)-1] == 0 {
		return numbers, err
	}
	return append(numbers, 0), k.write(0)
}

// Rotate makes the staged key the primary, stages a new one, and removes the
// oldest until maxActive remain (at least 3 keep tokens valid over one rotation).
func (k *Keys) Rotate(maxActive int) error {
	if maxActive < 1 {
		return errs.Invalidf("At least one key must remain.")
	}
	numbers, err := k.staged()
	if err != nil {
		return err
	}
	next := numbers[0] + 1
	if err := os.Rename(k.path(0), k.path(next)); err != nil {
		return err
	}
	if err := k.write(0); err != nil {
		return err
	}
	numbers = append([]int{next}, numbers[:len(numbers)-1]...)
	for n := len(numbers) + 1; n > max(maxActive, 2); n-- {
		if err := os.Remove(k.path(numbers[n-2])); err != nil {
			return err
		}
	}
	return k.reload()
}

// Seal writes a token.
func (k *Keys) Seal(t Token) (secret.String, error) {
	plain, err := t.payload()
	if err != nil {
		return secret.String{}, errs.Wrap(err, "write a token")
	}
	if err := k.refresh(); err != nil {
		return secret.String{}, err
	}
	k.mu.RLock()
	primary := k.ring[0]
	k.mu.RUnlock()
	return secret.New(base64.RawURLEncoding.EncodeToString(primary.seal(plain, t.IssuedAt))), nil
}

// Open reads a token: errs.Unauthenticated when it was not sealed with one of
// the keys. It does not look at the time.
func (k *Keys) Open(text secret.String) (Token, error) {
	raw, err := base64.RawURLEncoding.DecodeString(strings.TrimRight(text.Reveal(), "="))
	if err != nil {
		return Token{}, unknown(err)
	}
	plain, at, ok := k.open(raw)
	if !ok && k.refresh() == nil { // sealed by a process that rotated
		plain, at, ok = k.open(raw)
	}
	if !ok {
		return Token{}, unknown(errors.New("no key opens the token"))
	}
	t, err := readPayload(plain)
	if err != nil {
		return Token{}, unknown(err)
	}
	t.IssuedAt = at
	return t, nil
}

func unknown(cause error) error {
	return errs.New(errs.Unauthenticated, "The request you have made requires authentication.").Because(cause)
}

func (k *Keys) open(raw []byte) (plain []byte, at time.Time, ok bool) {
	k.mu.RLock()
	ring := k.ring
	k.mu.RUnlock()
	for _, each := range ring {
		if plain, at, ok = each.open(raw); ok {
			return plain, at, true
		}
	}
	return nil, at, false
}

// refresh reads the keys again when the directory has changed.
func (k *Keys) refresh() error {
	info, err := os.Stat(k.dir)
	if err != nil {
		return err
	}
	k.mu.RLock()
	seen := k.seen
	k.mu.RUnlock()
	if info.ModTime().Equal(seen) {
		return nil
	}
	return k.reload()
}

func (k *Keys) reload() error {
	info, err := os.Stat(k.dir)
	if err != nil {
		return err
	}
	numbers, err := k.numbers()
	if err != nil {
		return err
	}
	var ring []*key
	for _, n := range numbers {
		text, err := os.ReadFile(k.path(n))
		if errors.Is(err, fs.ErrNotExist) { // rotated away meanwhile
			continue
		}
		if err != nil {
			return err
		}
		each, err := newKey(strings.TrimSpace(string(text)))
		if err != nil {
			return errs.Wrap(err, "read %s", k.path(n))
		}
		ring = append(ring, each)
	}
	if len(ring) == 0 {
		return fmt.Errorf("%s has no keys", k.dir)
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	k.ring, k.seen = ring, info.ModTime()
	return nil
}

// numbers gives the names of the keys, the highest first; other files are left alone.
func (k *Keys) numbers() ([]int, error) {
	entries, err := os.ReadDir(k.dir)
	if err != nil {
		return nil, err
	}
	var numbers []int
	for _, e := range entries {
		if n, err := strconv.Atoi(e.Name()); err == nil && n >= 0 && strconv.Itoa(n) == e.Name() {
			numbers = append(numbers, n)
		}
	}
	slices.Sort(numbers)
	slices.Reverse(numbers)
	return numbers, nil
}

func (k *Keys) path(n int) string { return filepath.Join(k.dir, strconv.Itoa(n)) }

// write makes a new key: whole on disk, or not at all.
func (k *Keys) write(n int) error { return durable.Write(k.path(n), []byte(randomKey())) }
