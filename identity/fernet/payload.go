package fernet

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/vmihailenco/msgpack/v5"
	"github.com/vmihailenco/msgpack/v5/msgpcode"
)

// The kinds of payloads by their numbers. Keystone has also 3 (trust), 4, 5, 6
// (federated), 7 (OAuth 1), 9 (application credential) and 10 (OAuth 2).
const (
	unscoped      = 0
	domainScoped  = 1
	projectScoped = 2
	systemScoped  = 8
)

const systemAll = "all"

// pack writes a payload: kind, user, methods, scope (but when unscoped), expiry, audit ids.
func pack(t Token) ([]byte, error) {
	bits, err := methodBits(t.Methods)
	if err != nil {
		return nil, err
	}
	audits := make([][]byte, len(t.AuditIDs))
	for i, id := range t.AuditIDs {
		if audits[i], err = base64.RawURLEncoding.DecodeString(id); err != nil {
			return nil, fmt.Errorf("fernet: %q is not an audit id", id)
		}
	}
	var b bytes.Buffer
	w := writer{enc: msgpack.NewEncoder(&b)}
	head := func(size, kind int) {
		w.do(w.enc.EncodeArrayLen(size))
		w.do(w.enc.EncodeUint(uint64(kind)))
		w.id(t.UserID)
		w.do(w.enc.EncodeUint(bits))
	}
	switch {
	case t.System:
		head(6, systemScoped)
		w.do(w.enc.EncodeString(systemAll))
	case t.ProjectID != "":
		head(6, projectScoped)
		w.id(t.ProjectID)
	case t.DomainID != "":
		head(6, domainScoped)
		w.domain(t.DomainID)
	default:
		head(5, unscoped)
	}
	w.do(w.enc.EncodeFloat64(float64(t.ExpiresAt.UnixMicro()) / 1e6))
	w.do(w.enc.EncodeArrayLen(len(audits)))
	for _, a := range audits {
		w.do(w.enc.EncodeBytes(a))
	}
	return b.Bytes(), w.err
}

// unpack reads what pack or Keystone wrote.
func unpack(payload []byte) (t Token, err error) {
	r := reader{dec: msgpack.NewDecoder(bytes.NewReader(payload))}
	size, kind := r.length(), r.number()
	t.UserID = r.id()
	t.Methods = methodNames(uint64(r.number()))
	switch {
	case kind == systemScoped && size == 6:
		t.System = r.text() == systemAll
		r.check(t.System)
	case kind == projectScoped && size == 6:
		t.ProjectID = r.id()
	case kind == domainScoped && size == 6:
		t.DomainID = r.domain()
	default:
		r.check(kind == unscoped && size == 5)
	}
	t.ExpiresAt = time.UnixMicro(int64(math.Round(r.float() * 1e6))).UTC()
	for range r.length() {
		t.AuditIDs = append(t.AuditIDs, base64.RawURLEncoding.EncodeToString(r.bytes()))
	}
	return t, r.err
}

func methodBits(names []string) (bits uint64, err error) {
	for _, name := range names {
		i := slices.Index(methods, name)
		if i < 0 {
			return 0, fmt.Errorf("fernet: the method %q has no bit", name)
		}
		bits |= 1 << i
	}
	return bits, nil
}

// methodNames gives the highest first, as Keystone does.
func methodNames(bits uint64) (names []string) {
	for i, name := range slices.Backward(methods) {
		if bits&(1<<i) != 0 {
			names = append(names, name)
		}
	}
	return names
}

// writer keeps the first error.
type writer struct {
	enc *msgpack.Encoder
	err error
}

func (w *writer) do(err error) {
	if w.err == nil {
		w.err = err
	}
}

// id writes a pair: whether the id is a UUID in bytes, and the id.
func (w *writer) id(id string) {
	raw, ok := uuidBytes(id)
	w.do(w.enc.EncodeArrayLen(2))
	w.do(w.enc.EncodeBool(ok))
	if ok {
		w.do(w.enc.EncodeBytes(raw))
	} else {
		w.do(w.enc.EncodeString(id))
	}
}

// domain writes a UUID in bytes, or another id ("default") as text.
func (w *writer) domain(id string) {
	if raw, ok := uuidBytes(id); ok {
		w.do(w.enc.EncodeBytes(raw))
	} else {
		w.do(w.enc.EncodeString(id))
	}
}

// uuidBytes gives the bytes of a UUID in the one form that comes back from them.
func uuidBytes(id string) ([]byte, bool) {
	raw, err := hex.DecodeString(id)
	return raw, err == nil && len(raw) == 16 && hex.EncodeToString(raw) == id
}

// reader keeps the first error; after it everything reads as zero.
type reader struct {
	dec *msgpack.Decoder
	err error
}

func read[T any](r *reader, from func() (T, error)) (v T) {
	if r.err == nil {
		v, r.err = from()
	}
	return v
}

func (r *reader) check(ok bool) {
	if r.err == nil && !ok {
		r.err = ErrInvalid
	}
}

func (r *reader) length() int {
	n := read(r, r.dec.DecodeArrayLen)
	r.check(n >= 0 && n <= 16)
	if r.err != nil {
		return 0
	}
	return n
}

func (r *reader) number() int    { return read(r, r.dec.DecodeInt) }
func (r *reader) float() float64 { return read(r, r.dec.DecodeFloat64) }
func (r *reader) text() string   { return read(r, r.dec.DecodeString) }
func (r *reader) bytes() []byte  { return read(r, r.dec.DecodeBytes) }

func (r *reader) id() string {
	r.check(r.length() == 2)
	if !read(r, r.dec.DecodeBool) {
		return r.text()
	}
	raw := r.bytes()
	r.check(len(raw) == 16)
	return hex.EncodeToString(raw)
}

func (r *reader) domain() string {
	code := read(r, r.dec.PeekCode)
	if !msgpcode.IsBin(code) {
		return r.text()
	}
	raw := r.bytes()
	if len(raw) == 16 {
		return hex.EncodeToString(raw)
	}
	return string(raw)
}
