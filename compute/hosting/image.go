package hosting

import (
	"context"
	"crypto/sha512"
	"encoding/hex"
	"io"

	"github.com/cumulite/cumulite/compute"
	"github.com/cumulite/cumulite/platform/errs"
)

// CopyImage writes the bytes of an image to w and makes sure that they are
// the image's. Bytes that break off, or do not come, are errs.Unavailable;
// others than the spec says are errs.Invalid; what w gives is handed on.
func CopyImage(ctx context.Context, w io.Writer, images compute.Images, img compute.ImageSpec) error {
	r, err := images.Open(ctx, img.ID)
	if err != nil {
		return err
	}
	defer r.Close()
	sum := sha512.New()
	from := &source{r: io.LimitReader(r, img.Size+1)}
	n, err := io.Copy(io.MultiWriter(w, sum), from)
	switch {
	case from.err != nil:
		return errs.New(errs.Unavailable, "image %s broke off after %d bytes", img.ID, n).Because(from.err)
	case err != nil:
		return err
	case n < img.Size:
		return errs.New(errs.Unavailable, "image %s ended after %d of %d bytes", img.ID, n, img.Size)
	case n > img.Size:
		return errs.Invalidf("image %s is longer than %d bytes", img.ID, img.Size)
	case hex.EncodeToString(sum.Sum(nil)) != img.Checksum:
		return errs.Invalidf("image %s has not the checksum it had when it was uploaded", img.ID)
	}
	return nil
}

// source keeps a reader's own error apart from the writer's.
type source struct {
	r   io.Reader
	err error
}

func (s *source) Read(p []byte) (int, error) {
	n, err := s.r.Read(p)
	if err != nil && err != io.EOF {
		s.err = err
	}
	return n, err
}
