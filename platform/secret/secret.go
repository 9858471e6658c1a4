// Package secret holds what must not be seen: values that print as "***"
// wherever they end up, and the box that encrypts them for storage.
//
//	password := secret.New("s3cret")
//	fmt.Println(password)          // ***
//	bcrypt(password.Reveal())      // the only way to the value
//	row.Sealed, err = box.Seal(password, "compute/servers/"+id)
package secret

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"crypto/subtle"
	"database/sql/driver"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"

	"github.com/cumulite/cumulite/platform/durable"
)

const hidden = "***"

// String is text that prints, logs and encodes as "***". It decodes from JSON
// as itself, so that it can stand in a request's struct.
type String struct{ value string }

// New makes a secret of s.
func New(s string) String { return String{s} }

// Reveal gives the value. Each call is a place that a reviewer looks at.
func (s String) Reveal() string { return s.value }

// IsZero reports whether the secret is empty.
func (s String) IsZero() bool { return s.value == "" }

// Equal compares in constant time.
func (s String) Equal(other String) bool {
	return subtle.ConstantTimeCompare([]byte(s.value), []byte(other.value)) == 1
}

// String implements fmt.Stringer and hides the value.
func (String) String() string { return hidden }

// Format hides the value from every verb, %#v and %x included.
func (String) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, hidden) }

// LogValue hides the value from slog.
func (String) LogValue() slog.Value { return slog.StringValue(hidden) }

// MarshalJSON hides the value.
func (String) MarshalJSON() ([]byte, error) { return []byte(`"` + hidden + `"`), nil }

// MarshalText hides the value.
func (String) MarshalText() ([]byte, error) { return []byte(hidden), nil }

// UnmarshalJSON takes the value from a JSON string.
func (s *String) UnmarshalJSON(b []byte) error { return json.Unmarshal(b, &s.value) }

// Value refuses to store the secret: only what a Box sealed may be stored.
func (String) Value() (driver.Value, error) {
	return nil, errors.New("secret: a secret is stored sealed or not at all")
}

// Box seals secrets with AES-256-GCM for storage.
type Box struct{ aead cipher.AEAD }

// KeySize is the length of a box's key in bytes.
const KeySize = 32

// NewBox makes a box of a key of KeySize bytes.
func NewBox(key []byte) (*Box, error) {
	if len(key) != KeySize {
		return nil, fmt.Errorf("secret: the key has %d bytes, not %d", len(key), KeySize)
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	aead, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		return nil, err
	}
	return &Box{aead}, nil
}

// Seal encrypts s. The place ("compute/server/<id>/user_data") is bound to it:
// what was sealed for one place does not open at another.
func (b *Box) Seal(s String, place string) []byte {
	return b.aead.Seal(nil, nil, []byte(s.value), []byte(place))
}

// Open decrypts what Seal made for the same place.
func (b *Box) Open(sealed []byte, place string) (String, error) {
	plain, err := b.aead.Open(nil, nil, sealed, []byte(place))
	if err != nil {
		return String{}, fmt.Errorf("secret: what is stored at %s does not open with this key", place)
	}
	return String{string(plain)}, nil
}

// KeyFile reads the key at path, or makes one there (mode 0600, synced to disk) when there is none.
func KeyFile(path string) ([]byte, error) {
	key, err := os.ReadFile(path)
	if err == nil {
		if len(key) != KeySize {
			return nil, fmt.Errorf("secret: %s has %d bytes, not %d", path, len(key), KeySize)
		}
		return key, nil
	}
	if !errors.Is(err, os.ErrNotExist) {
		return nil, err
	}
	key = make([]byte, KeySize)
	_, _ = rand.Read(key)
	return key, durable.Write(path, key)
}
