package imageapi

import (
	"context"
	"io"
	"net/http"

	"github.com/cumulite/cumulite/platform/errs"
	"github.com/cumulite/cumulite/platform/httpapi"
)

// download streams an image's bytes, or the range of them that is asked for.
// An image without bytes is 204, as in Glance.
func (h handler) download(r *httpapi.Request) (any, error) {
	v, err := h.images.Verified(r.Ctx(), r.PathValue("image_id"))
	if errs.Is(err, errs.Conflict) {
		r.Status(http.StatusNoContent)
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	r.Header().Set("Content-MD5", v.Checksum())
	return httpapi.Stream{Size: v.Size(), Open: func(ctx context.Context, offset int64) (io.ReadCloser, error) {
		return h.images.Open(ctx, v, offset)
	}}, nil
}
