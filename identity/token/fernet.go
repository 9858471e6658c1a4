package token

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"time"
)

// The layout of a Fernet token: version, time, vector, ciphertext, signature.
// https://github.com/fernet/spec/blob/master/Spec.md
const (
	fernetVersion = 0x80
	keySize       = 32
	headSize      = 1 + 8 + aes.BlockSize
	minSize       = headSize + aes.BlockSize + sha256.Size
)

// key is a Fernet key. The time of sealing is a parameter, which is why this
// is not the library: that one asks the machine's clock.
type key struct {
	signing []byte
	block   cipher.Block
}

// newKey reads a key as it stands in a file: 32 bytes in URL-safe base64.
func newKey(text string) (*key, error) {
	raw, err := base64.URLEncoding.DecodeString(text)
	if err != nil || len(raw) != keySize {
		return nil, errors.New("a Fernet key is 32 bytes in URL-safe base64")
	}
	block, err := aes.NewCipher(raw[keySize/2:])
	return &key{raw[:keySize/2], block}, err
}

// randomKey makes the text of a new key.
func randomKey() string {
	raw := make([]byte, keySize)
	_, _ = rand.Read(raw)
	return base64.URLEncoding.EncodeToString(raw)
}

// seal encrypts and signs plain. Two calls never give the same.
func (k *key) seal(plain []byte, at time.Time) []byte {
	pad := aes.BlockSize - len(plain)%aes.BlockSize
	out := make([]byte, headSize, headSize+len(plain)+pad+sha256.Size)
	out[0] = fernetVersion
	binary.BigEndian.PutUint64(out[1:], uint64(at.Unix()))
	_, _ = rand.Read(out[9:headSize])
	out = append(out, plain...)
	for range pad {
		out = append(out, byte(pad))
	}
	cipher.NewCBCEncrypter(k.block, out[9:headSize]).CryptBlocks(out[headSize:], out[headSize:])
	return k.sign(out)
}

func (k *key) sign(b []byte) []byte {
	mac := hmac.New(sha256.New, k.signing)
	mac.Write(b)
	return mac.Sum(b)
}

// open gives what was sealed with k, and when. raw stays as it is.
func (k *key) open(raw []byte) (plain []byte, at time.Time, ok bool) {
	size := len(raw) - sha256.Size
	if len(raw) < minSize || raw[0] != fernetVersion || (size-headSize)%aes.BlockSize != 0 {
		return nil, at, false
	}
	mac := hmac.New(sha256.New, k.signing)
	mac.Write(raw[:size])
	if !hmac.Equal(mac.Sum(nil), raw[size:]) {
		return nil, at, false
	}
	plain = make([]byte, size-headSize)
	cipher.NewCBCDecrypter(k.block, raw[9:headSize]).CryptBlocks(plain, raw[headSize:size])
	pad := int(plain[len(plain)-1])
	if pad == 0 || pad > aes.BlockSize {
		return nil, at, false
	}
	at = time.Unix(int64(binary.BigEndian.Uint64(raw[1:])), 0).UTC() //nolint:gosec // signed by us
	return plain[:len(plain)-pad], at, true
}
