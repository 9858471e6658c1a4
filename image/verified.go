package image

import (
	"crypto/md5" //nolint:gosec // Glance's checksum field is MD5; os_hash_value is SHA-512
	"crypto/sha512"
	"encoding/hex"
	"errors"
	"hash"
	"io"

	"github.com/cumulite/cumulite/image/inspect"
	"github.com/cumulite/cumulite/platform/errs"
)

// HashAlgo is the algorithm of os_hash_value.
const HashAlgo = "sha512"

// Verified stands for bytes whose content was checked to be what was declared.
// Only this package makes one; the zero Verified stands for nothing.
type Verified struct {
	id          string
	format      string
	size        int64
	virtualSize int64
	md5         string
	sha512      string
}

// ID is the id of the object, which is the image's.
func (v Verified) ID() string { return v.id }

// Format is the disk format that the bytes have: "raw", "qcow2", "vmdk", "vhd", "iso".
func (v Verified) Format() string { return v.format }

// Size is the number of bytes.
func (v Verified) Size() int64 { return v.size }

// VirtualSize is the size in bytes of the disk that a guest sees.
func (v Verified) VirtualSize() int64 { return v.virtualSize }

// Checksum is the bytes' MD5 in hex.
func (v Verified) Checksum() string { return v.md5 }

// Hash is the bytes' SHA-512 in hex.
func (v Verified) Hash() string { return v.sha512 }

// verifier is the writer through which all bytes of an image pass once.
type verifier struct {
	id        string
	inspector *inspect.Inspector
	size      int64
	md5       hash.Hash
	sha512    hash.Hash
	all       io.Writer
}

// newVerifier checks what is declared to be of the given disk format.
func newVerifier(id, diskFormat string) *verifier {
	v := &verifier{id: id, inspector: inspect.New(inspect.Format(diskFormat)), md5: md5.New(), sha512: sha512.New()} //nolint:gosec // see above
	v.all = io.MultiWriter(v.inspector, v.md5, v.sha512)
	return v
}

// Write implements io.Writer; it fails as soon as the bytes cannot be what was declared.
func (v *verifier) Write(p []byte) (int, error) {
	n, err := v.all.Write(p)
	v.size += int64(n)
	return n, refusal(err)
}

// finish gives the verdict on all bytes.
func (v *verifier) finish() (Verified, error) {
	report, err := v.inspector.Finish()
	if err != nil {
		return Verified{}, refusal(err)
	}
	return Verified{id: v.id, format: string(report.Format), size: v.size, virtualSize: report.VirtualSize,
		md5: hex.EncodeToString(v.md5.Sum(nil)), sha512: hex.EncodeToString(v.sha512.Sum(nil))}, nil
}

// refusal makes an inspector's refusal the caller's to read.
func refusal(err error) error {
	var refused *inspect.Refused
	if errors.As(err, &refused) {
		return errs.New(errs.Unsupported, "Image content is not acceptable: %s.", refused.Reason)
	}
	return err
}
