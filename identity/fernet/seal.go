package fernet

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
	"time"
)

// The envelope: version, seconds since 1970, initialization vector, AES-CBC
// ciphertext, HMAC-SHA256 of all before it.
const (
	envelope   = 0x80
	keySize    = 32
	headSize   = 1 + 8
	minSize    = headSize + aes.BlockSize + aes.BlockSize + sha256.Size
	maxEncoded = 4096 // characters of a token that is looked at
)

// ErrInvalid says that a text is no token of ours; it does not say why, since
// whoever tries does not need to know.
var ErrInvalid = errors.New("fernet: not a token of these keys")

type key struct {
	number int
	text   string
	sign   []byte
	block  cipher.Block
}

func parseKey(number int, text string) (*key, error) {
	raw, err := base64.URLEncoding.DecodeString(text)
	if err != nil || len(raw) != keySize {
		return nil, fmt.Errorf("a key is %d bytes in base64url", keySize)
	}
	block, err := aes.NewCipher(raw[keySize/2:])
	if err != nil {
		return nil, err
	}
	return &key{number: number, text: text, sign: raw[:keySize/2], block: block}, nil
}

// seal encrypts and signs a payload, without padding characters at the end, as Keystone does.
func (k *Keys) seal(issued time.Time, payload []byte) string {
	k.mu.RLock()
	primary := k.all[0]
	k.mu.RUnlock()
	pad := aes.BlockSize - len(payload)%aes.BlockSize
	size := headSize + aes.BlockSize + len(payload) + pad
	token := make([]byte, size, size+sha256.Size)
	token[0] = envelope
	binary.BigEndian.PutUint64(token[1:], uint64(issued.Unix()))
	iv, body := token[headSize:headSize+aes.BlockSize], token[headSize+aes.BlockSize:]
	_, _ = rand.Read(iv)
	copy(body, payload)
	copy(body[len(payload):], bytes.Repeat([]byte{byte(pad)}, pad))
	cipher.NewCBCEncrypter(primary.block, iv).CryptBlocks(body, body)
	return base64.RawURLEncoding.EncodeToString(append(token, primary.mac(token)...))
}

// open gives what was sealed by one of the keys.
func (k *Keys) open(text string) (issued time.Time, payload []byte, err error) {
	if len(text) > maxEncoded {
		return time.Time{}, nil, ErrInvalid
	}
	token, err := base64.RawURLEncoding.Strict().DecodeString(strings.TrimRight(text, "="))
	if err != nil || len(token) < minSize || token[0] != envelope || (len(token)-minSize)%aes.BlockSize != 0 {
		return time.Time{}, nil, ErrInvalid
	}
	signed, mac := token[:len(token)-sha256.Size], token[len(token)-sha256.Size:]
	one := k.signer(signed, mac)
	if one == nil {
		return time.Time{}, nil, ErrInvalid
	}
	body := signed[headSize+aes.BlockSize:]
	cipher.NewCBCDecrypter(one.block, signed[headSize:headSize+aes.BlockSize]).CryptBlocks(body, body)
	pad := int(body[len(body)-1])
	if pad == 0 || pad > aes.BlockSize {
		return time.Time{}, nil, ErrInvalid
	}
	seconds := binary.BigEndian.Uint64(signed[1:])
	return time.Unix(int64(seconds), 0).UTC(), body[:len(body)-pad], nil
}

// signer gives the key whose signature mac is.
func (k *Keys) signer(signed, mac []byte) *key {
	k.mu.RLock()
	defer k.mu.RUnlock()
	for _, each := range k.all {
		if hmac.Equal(each.mac(signed), mac) {
			return each
		}
	}
	return nil
}

func (k *key) mac(signed []byte) []byte {
	h := hmac.New(sha256.New, k.sign)
	h.Write(signed)
	return h.Sum(nil)
}
