package libvirt

import (
	"context"
	"errors"
	"net"
	"time"

	golibvirt "github.com/digitalocean/go-libvirt"
	"github.com/digitalocean/go-libvirt/socket/dialers"

	"github.com/cumulite/cumulite/compute/hosting"
	"github.com/cumulite/cumulite/platform/errs"
)

const (
	callTime = time.Minute      // a call that libvirtd has not answered by then: it hangs
	saveTime = 30 * time.Minute // writing or reading a guest's memory
	linger   = 2 * time.Second  // how long an ended ctx still waits for an answer
	dialTime = 15 * time.Second
)

// conn is the connection to libvirtd, made when it is needed and made anew
// when it was lost.
type conn struct {
	socket string
	lock   chan struct{} // holds one token while session is looked at
	now    *session
}

// session is one connection; closing its socket ends every call on it.
type session struct {
	*golibvirt.Libvirt
	socket net.Conn
}

func newConn(socket string) *conn { return &conn{socket: socket, lock: make(chan struct{}, 1)} }

// session gives the connection that is there, or makes one.
func (c *conn) session(ctx context.Context) (*session, error) {
	ctx, cancel := context.WithTimeout(ctx, dialTime)
	defer cancel()
	select {
	case c.lock <- struct{}{}:
	case <-ctx.Done():
		return nil, unavailable(ctx.Err())
	}
	defer func() { <-c.lock }()
	if c.now != nil && c.now.IsConnected() {
		return c.now, nil
	}
	s, err := dial(ctx, c.socket)
	if err != nil {
		return nil, unavailable(err)
	}
	c.now = s
	return s, nil
}

func dial(ctx context.Context, path string) (*session, error) {
	var d net.Dialer
	socket, err := d.DialContext(ctx, "unix", path)
	if err != nil {
		return nil, err
	}
	// A libvirtd that takes the connection and says nothing must not hold us.
	stop := context.AfterFunc(ctx, func() { socket.Close() })
	l := golibvirt.NewWithDialer(dialers.NewAlreadyConnected(socket))
	if err := l.ConnectToURI(golibvirt.QEMUSystem); err != nil {
		socket.Close()
		return nil, err
	}
	if !stop() {
		return nil, context.Cause(ctx)
	}
	return &session{Libvirt: l, socket: socket}, nil
}

// close ends the connection.
func (c *conn) close() {
	c.lock <- struct{}{}
	defer func() { <-c.lock }()
	if c.now != nil {
		c.now.socket.Close()
		c.now = nil
	}
}

// ask asks libvirtd. An answer that does not come within limit closes the
// connection. When ctx ends, the answer is still waited for a little: what was
// begun is better known than guessed.
func ask[T any](ctx context.Context, c *conn, limit time.Duration, fn func(l *golibvirt.Libvirt) (T, error)) (T, error) {
	var none T
	s, err := c.session(ctx)
	if err != nil {
		return none, err
	}
	type answer struct {
		value T
		err   error
	}
	answered := make(chan answer, 1)
	go func() {
		v, err := fn(s.Libvirt)
		answered <- answer{v, err}
	}()
	patience, cancel := context.WithTimeout(context.WithoutCancel(ctx), limit)
	defer cancel()
	stop := context.AfterFunc(ctx, func() {
		wait, done := context.WithTimeout(patience, linger)
		defer done()
		<-wait.Done()
		cancel()
	})
	defer stop()
	select {
	case a := <-answered:
		return a.value, kind(a.err)
	case <-patience.Done():
		if ctx.Err() != nil {
			return none, ctx.Err()
		}
		s.socket.Close()
		return none, errs.New(errs.Unavailable, "libvirtd did not answer for %v", limit)
	}
}

// tell is ask for calls that answer nothing.
func tell(ctx context.Context, c *conn, limit time.Duration, fn func(l *golibvirt.Libvirt) error) error {
	_, err := ask(ctx, c, limit, func(l *golibvirt.Libvirt) (struct{}, error) { return struct{}{}, fn(l) })
	return err
}

func unavailable(cause error) error {
	return errs.New(errs.Unavailable, "libvirtd cannot be reached").Because(cause)
}

// kind gives an error of libvirt the kind that the contract names. What
// libvirt says stays hidden from users: it has paths in it.
func kind(err error) error {
	var e golibvirt.Error
	var ours *errs.Error
	switch {
	case err == nil || errors.As(err, &ours):
		return err
	case !errors.As(err, &e):
		return unavailable(err)
	}
	switch golibvirt.ErrorNumber(e.Code) {
	case golibvirt.ErrNoDomain:
		return hosting.Missing("").Because(err)
	case golibvirt.ErrOperationInvalid:
		return errs.Conflictf("the guest's state does not allow this").Because(err)
	case golibvirt.ErrOperationTimeout:
		return errs.New(errs.Unavailable, "libvirt is busy with the guest").Because(err)
	case golibvirt.ErrConfigUnsupported:
		return errs.New(errs.NotSupported, "this host cannot make such a guest").Because(err)
	case golibvirt.ErrXMLError, golibvirt.ErrXMLDetail, golibvirt.ErrXMLInvalidSchema, golibvirt.ErrDomExist:
		return errs.Invalidf("libvirt refuses the definition of the guest").Because(err)
	}
	return err
}

// is reports whether libvirt answered with one of codes.
func is(err error, codes ...golibvirt.ErrorNumber) bool {
	var e golibvirt.Error
	if !errors.As(err, &e) {
		return false
	}
	for _, code := range codes {
		if e.Code == uint32(code) {
			return true
		}
	}
	return false
}
