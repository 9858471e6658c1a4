package dhcp

import (
	"errors"
	"log/slog"
	"os"
	"sync/atomic"

	"golang.org/x/sys/unix"
)

// Link is where requests come from and answers go to: one port's link.
type Link interface {
	Receive(buf []byte) (int, error)
	Send(frame []byte) error
	Close() error
}

// Responder answers on one link until it is closed.
type Responder struct {
	link  Link
	lease atomic.Pointer[Lease]
	log   *slog.Logger
	done  chan struct{}
}

// Serve starts to answer on a link, which is the responder's from now on.
func Serve(link Link, lease *Lease, log *slog.Logger) *Responder {
	r := &Responder{link: link, log: log, done: make(chan struct{})}
	r.lease.Store(lease)
	go r.run()
	return r
}

// Set changes what is answered from now on.
func (r *Responder) Set(lease *Lease) { r.lease.Store(lease) }

// Close ends the responder.
func (r *Responder) Close() error {
	err := r.link.Close()
	<-r.done
	return err
}

func (r *Responder) run() {
	defer close(r.done)
	buf := make([]byte, 4096) // more than the longest message that anyone sends
	for {
		n, err := r.link.Receive(buf)
		if errors.Is(err, unix.ENETDOWN) {
			continue // told once when the link goes down; it may come up again
		}
		if err != nil {
			if !errors.Is(err, os.ErrClosed) {
				r.log.Warn("DHCP ends on a port", "error", err)
			}
			return
		}
		answer := r.lease.Load().Answer(buf[:n])
		if answer == nil {
			continue
		}
		if err := r.link.Send(answer); err != nil {
			r.log.Debug("DHCP answer not sent", "error", err)
		}
	}
}
