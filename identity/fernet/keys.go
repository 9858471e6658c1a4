package fernet

import (
	"cmp"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
)

// staged is the number of the key that seals next: others know it already, so
// that they read what is sealed with it the moment it becomes the primary key.
const staged = 0

// DefaultMaxKeys is how many keys Rotate keeps: Keystone's max_active_keys.
const DefaultMaxKeys = 3

// Keys is a key repository: the primary key, which has the highest number,
// seals; it, the older ones and the staged one open. It may be used by many
// goroutines.
type Keys struct {
	dir string // "" in memory

	mu  sync.RWMutex
	all []*key // the primary key first, the staged one last
}

// New makes a repository that lives as long as the program.
func New() *Keys {
	k := &Keys{}
	for n := range 2 {
		k.all = append(k.all, mustKey(n, newKey()))
	}
	k.sort()
	return k
}

// Open reads the repository in a directory, which it makes (mode 0700, keys
// 0600) when it is not there. Its files are those of keystone-manage fernet_setup.
func Open(dir string) (*Keys, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	k := &Keys{dir: dir}
	if err := k.Reload(); err != nil {
		return nil, err
	}
	for n := staged; len(k.all) < 2; n++ {
		if err := k.write(n, newKey()); err != nil {
			return nil, err
		}
		if err := k.Reload(); err != nil {
			return nil, err
		}
	}
	return k, nil
}

// Reload reads the directory again, after another process rotated its keys.
func (k *Keys) Reload() error {
	if k.dir == "" {
		return nil
	}
	entries, err := os.ReadDir(k.dir)
	if err != nil {
		return err
	}
	var all []*key
	for _, e := range entries {
		n, err := strconv.Atoi(e.Name())
		if err != nil || n < 0 {
			continue // not a key
		}
		text, err := os.ReadFile(filepath.Join(k.dir, e.Name()))
		if err != nil {
			return err
		}
		one, err := parseKey(n, strings.TrimSpace(string(text)))
		if err != nil {
			return fmt.Errorf("fernet: %s: %w", filepath.Join(k.dir, e.Name()), err)
		}
		all = append(all, one)
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	k.all = all
	k.sort()
	return nil
}

// Rotate makes the staged key the primary one, stages a new one, and forgets
// the oldest beyond limit keys (0: DefaultMaxKeys). A token stays readable
// while its key is kept: rotate no more often than a token's life divided by
// limit-2. It may be repeated after a crash.
func (k *Keys) Rotate(limit int) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	limit = max(cmp.Or(limit, DefaultMaxKeys), 2)
	next := k.all[len(k.all)-1]
	promoted := &key{number: k.all[0].number + 1, text: next.text, sign: next.sign, block: next.block}
	fresh := mustKey(staged, newKey())
	for _, each := range []*key{promoted, fresh} {
		if err := k.write(each.number, each.text); err != nil {
			return err
		}
	}
	k.all[len(k.all)-1] = fresh
	k.all = append(k.all, promoted)
	k.sort()
	for len(k.all) > limit {
		oldest := len(k.all) - 2
		if err := k.remove(k.all[oldest].number); err != nil {
			return err
		}
		k.all = slices.Delete(k.all, oldest, oldest+1)
	}
	return nil
}

func (k *Keys) sort() {
	slices.SortFunc(k.all, func(a, b *key) int { return cmp.Compare(b.number, a.number) })
}

// write puts a key into the directory whole or not at all.
func (k *Keys) write(number int, text string) (err error) {
	if k.dir == "" {
		return nil
	}
	path := filepath.Join(k.dir, strconv.Itoa(number))
	f, err := os.OpenFile(path+".tmp", os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = f.WriteString(text)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	return os.Rename(path+".tmp", path)
}

func (k *Keys) remove(number int) error {
	if k.dir == "" {
		return nil
	}
	return os.Remove(filepath.Join(k.dir, strconv.Itoa(number)))
}

// newKey gives the text of a random key.
func newKey() string {
	raw := make([]byte, keySize)
	_, _ = rand.Read(raw)
	return base64.URLEncoding.EncodeToString(raw)
}

// mustKey parses what newKey made.
func mustKey(number int, text string) *key {
	k, err := parseKey(number, text)
	if err != nil {
		panic(err)
	}
	return k
}
