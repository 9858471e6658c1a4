package agentclient

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net/http"

	"github.com/cumulite/cumulite/cloud/fleet/join"
	"github.com/cumulite/cumulite/compute"
	"github.com/cumulite/cumulite/platform/errs"
)

// resumes is how often a download that was cut is resumed without a byte more.
const resumes = 3

// NewImages gives the bytes of images from the controllers. config has the
// host's certificate, and whom it believes; ask gets a ticket for an image.
func NewImages(config *tls.Config, ask func(ctx context.Context, imageID string) (join.Ticket, error)) compute.Images {
	return images{newClient(config), ask}
}

type images struct {
	client *http.Client
	ask    func(ctx context.Context, imageID string) (join.Ticket, error)
}

// Open implements compute.Images. A download that is cut is resumed with a
// ticket of its own, from any controller. Who reads checks what it got.
func (i images) Open(ctx context.Context, imageID string) (io.ReadCloser, error) {
	d := &download{images: i, ctx: ctx, id: imageID, size: -1}
	return d, d.resume()
}

// download is an image that is being read.
type download struct {
	images
	ctx  context.Context // of who reads
	id   string
	at   int64 // bytes that were read
	size int64 // of the image
	body io.ReadCloser
	idle int // resumes since the last byte
}

// resume goes on with what was not read yet.
func (d *download) resume() error {
	ticket, err := d.ask(d.ctx, d.id)
	if err != nil {
		return err
	}
	err = errs.New(errs.Unavailable, "no controller has an address for images")
	for _, address := range ticket.Addresses {
		if err = d.from(address, ticket.Query); err == nil || !errs.Is(err, errs.Unavailable) {
			return err
		}
	}
	return err
}

func (d *download) from(address, query string) error {
	request, err := http.NewRequestWithContext(d.ctx, http.MethodGet, "https://"+address+join.ImagesPath+d.id+"?"+query, nil)
	if err != nil {
		return errs.Invalidf("image %s has no address", d.id).Because(err)
	}
	want := http.StatusOK
	if d.at > 0 {
		want = http.StatusPartialContent
		request.Header.Set("Range", fmt.Sprintf("bytes=%d-", d.at))
	}
	response, err := d.client.Do(request)
	if err != nil {
		return errs.New(errs.Unavailable, "the controller at %s cannot be asked for image %s", address, d.id).Because(err)
	}
	if response.StatusCode != want {
		defer response.Body.Close()
		return failure(response)
	}
	d.body, d.size = response.Body, d.at+response.ContentLength
	return nil
}

// Read implements io.Reader.
func (d *download) Read(p []byte) (int, error) {
	for {
		n, err := d.body.Read(p)
		d.at += int64(n)
		switch {
		case n > 0:
			d.idle = 0
			return n, nil // an error comes again
		case err == nil, errors.Is(err, io.EOF) && d.at >= d.size:
			return n, err
		case d.ctx.Err() != nil:
			return 0, d.ctx.Err()
		}
		if d.idle++; d.idle > resumes {
			return 0, err
		}
		d.body.Close()
		if err := d.resume(); err != nil {
			return 0, err
		}
	}
}

// Close implements io.Closer.
func (d *download) Close() error { return d.body.Close() }
