package fleet

import (
	"context"
	"io"
	"net/url"
	"time"

	"github.com/cumulite/cumulite/cloud/fleet/join"
	"github.com/cumulite/cumulite/image"
	"github.com/cumulite/cumulite/platform/auth"
	"github.com/cumulite/cumulite/platform/errs"
	"github.com/cumulite/cumulite/platform/rpc"
)

// answers are the methods that controllers answer to a host. The transport
// knows which host asks.
func (f *Fleet) answers(host string) *rpc.Mux {
	mux := rpc.NewMux()
	rpc.Handle(mux, join.MethodRefresh, func(_ context.Context, in join.Refresh) (*join.Answer, error) {
		answer := f.answer()
		if in.CSR == nil {
			return answer, nil
		}
		var err error
		answer.Certificate, err = f.Authority.ForHost(in.CSR, host)
		return answer, err
	})
	rpc.Handle(mux, join.MethodTicket, func(ctx context.Context, id string) (join.Ticket, error) { return f.Ticket(ctx, host, id) })
	return mux
}

// Addresses are where hosts may join now.
func (f *Fleet) Addresses() []string { return f.answer().Addresses }

// answer says where the controllers are.
func (f *Fleet) answer() *join.Answer {
	living := f.living()
	return &join.Answer{
		Controllers: join.Of(living, func(c join.Controller) string { return c.Hosts }),
		Addresses:   join.Of(living, func(c join.Controller) string { return c.HTTPS }),
	}
}

// Ticket lets a host pull an image that a server on it is made of. An image
// that is no more is errs.NotFound.
func (f *Fleet) Ticket(ctx context.Context, host, id string) (join.Ticket, error) {
	ctx = auth.AsService(ctx, "compute")
	if _, err := f.Image.Verified(ctx, id); err != nil {
		return join.Ticket{}, err
	}
	uses, err := f.Compute.UsesImage(ctx, host, id)
	if err != nil {
		return join.Ticket{}, err
	}
	if !uses {
		return join.Ticket{}, errs.Forbiddenf("No server on host %s is made of image %s.", host, id)
	}
	return join.Ticket{Addresses: f.answer().Addresses, Query: f.ticket(host, id)}, nil
}

// Bytes gives an image's size and its bytes from offset on, to a host that has
// a ticket for them.
func (f *Fleet) Bytes(ctx context.Context, host, id string, query url.Values, offset int64) (size int64, r io.ReadCloser, err error) {
	is, err := f.admitted(ctx, host)
	if err != nil {
		return 0, nil, err
	}
	if !is {
		return 0, nil, errs.Forbiddenf("Host %s is not of this cloud.", host)
	}
	if err := f.checkTicket(host, id, query); err != nil {
		return 0, nil, err
	}
	ctx = auth.AsService(ctx, "compute")
	var v image.Verified
	if v, err = f.Image.Verified(ctx, id); err != nil {
		return 0, nil, err
	}
	if offset < 0 || offset > v.Size() {
		return 0, nil, errs.Invalidf("There is nothing behind byte %d.", v.Size())
	}
	r, err = f.Image.Open(ctx, v, offset)
	return v.Size(), r, err
}

// grace is how long a controller that was just started waits for its hosts to
// come back: it was away, not they.
const grace = 5 * time.Second

const lookEvery = 20 * time.Millisecond

// patient calls a host, for which it waits a little when this controller is new.
type patient struct {
	f    *Fleet
	host string
	rpc.Caller
}

// Call implements rpc.Caller.
func (p patient) Call(ctx context.Context, method string, request []byte) ([]byte, error) {
	for !p.f.server.Connected(p.host) && p.f.Clock.Now().Before(p.f.since.Add(grace)) && ctx.Err() == nil {
		due, stop := p.f.Clock.At(p.f.Clock.Now().Add(lookEvery))
		select {
		case <-due:
		case <-ctx.Done():
		}
		stop()
	}
	return p.Caller.Call(ctx, method, request)
}
