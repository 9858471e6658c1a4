package wire

import (
	"context"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/cumulite/cumulite/platform/clock"
	"github.com/cumulite/cumulite/platform/errs"
	"github.com/cumulite/cumulite/platform/rpc"
)

// look is how often a waiting call looks whether its peer is still there.
const look = time.Second

// Caller sends requests in one direction and gives each answer to the call that waits for it.
type Caller struct {
	nc    *nats.Conn
	d     Direction
	id    string
	there func(host string) bool
	done  context.Context
	close context.CancelFunc

	mu      sync.Mutex
	last    uint64
	waiting map[string]chan *nats.Msg // by subject of the answer
	lives   map[string]string         // of peers, as they said last, by what their answers begin with
}

// NewCaller gives the Caller of nc to (or from) host, or AllHosts. there says
// whether the peer can be reached right now.
func NewCaller(nc *nats.Conn, d Direction, host string, there func(host string) bool) (*Caller, error) {
	c := &Caller{nc: nc, d: d, id: nats.NewInbox()[len(nats.InboxPrefix):], there: there, waiting: map[string]chan *nats.Msg{}, lives: map[string]string{}}
	c.done, c.close = context.WithCancel(context.Background())
	sub, err := nc.Subscribe(d.Answers(host)+c.id+".*", c.deliver)
	if err == nil {
		_, err = nc.Subscribe(d.Anew(host), c.lose)
	}
	if err != nil {
		return nil, err
	}
	return c, sub.SetPendingLimits(maxQueued, maxQueuedBytes)
}

// deliver gives an answer to its call. A late or second one finds nobody and is dropped.
func (c *Caller) deliver(msg *nats.Msg) {
	c.mu.Lock()
	answer := c.waiting[msg.Subject]
	delete(c.waiting, msg.Subject)
	c.mu.Unlock()
	if answer != nil {
		answer <- msg // has room for one
	}
}

// lose ends the calls to a peer that is connected as another process than
// before. One that was sent just then may be among them; it may run, as any
// call whose answer is lost.
func (c *Caller) lose(msg *nats.Msg) {
	peer, life := strings.TrimSuffix(msg.Subject, anew), string(msg.Data)
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.lives[peer] == life {
		return
	}
	c.lives[peer] = life
	for reply, answer := range c.waiting {
		if strings.HasPrefix(reply, peer) {
			delete(c.waiting, reply)
			answer <- nil // has room for one
		}
	}
}

// Close ends all calls. The connection is closed by its owner.
func (c *Caller) Close() { c.close() }

// Of gives the calls to (or from) host.
func (c *Caller) Of(host string) rpc.Caller { return line{c, host} }

type line struct {
	*Caller
	host string
}

// Call implements rpc.Caller.
func (l line) Call(ctx context.Context, method string, request []byte) ([]byte, error) {
	if len(request) > MaxMessage {
		return nil, errs.New(errs.TooLarge, "the request of %s has %d bytes; %d are the most", method, len(request), MaxMessage)
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	reply, answer := l.expect()
	defer l.forget(reply)
	msg := &nats.Msg{Subject: l.d.Do(l.host), Reply: reply, Data: request, Header: nats.Header{
		headerMethod: {method}, headerWait: {strconv.FormatInt(wait(ctx).Microseconds(), 10)}}}
	if !l.nc.IsConnected() { // else the request would be kept and sent when nobody waits any more
		return nil, errs.New(errs.Unavailable, "%s: not connected", l.host)
	}
	if err := l.nc.PublishMsg(msg); err != nil {
		return nil, errs.New(errs.Unavailable, "%s: the request of %s was not sent", l.host, method).Because(err)
	}
	return l.await(ctx, reply, answer)
}

// wait is how long ctx's caller waits.
func wait(ctx context.Context) time.Duration {
	if deadline, is := ctx.Deadline(); is {
		return max(0, min(deadline.Sub(clock.System().Now()), MaxWait))
	}
	return MaxWait
}

func (l line) expect() (string, <-chan *nats.Msg) {
	answer := make(chan *nats.Msg, 1)
	l.mu.Lock()
	defer l.mu.Unlock()
	l.last++
	reply := l.d.Answers(l.host) + l.id + "." + strconv.FormatUint(l.last, 10)
	l.waiting[reply] = answer
	return reply, answer
}

func (l line) forget(reply string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.waiting, reply)
}

// await gives the answer, or says why none comes; then the peer is told to stop.
func (l line) await(parent context.Context, reply string, answer <-chan *nats.Msg) ([]byte, error) {
	ctx, done := context.WithTimeout(parent, MaxWait)
	defer done()
	for {
		now, stop := context.WithTimeout(ctx, look)
		select {
		case msg := <-answer:
			stop()
			if msg == nil {
				return nil, errs.New(errs.Unavailable, "%s was lost during the call", l.host)
			}
			if len(msg.Data) == 0 && msg.Header.Get("Status") == "503" {
				return nil, errs.New(errs.Unavailable, "%s is not connected", l.host)
			}
			return msg.Data, nil
		case <-now.Done():
			stop()
		case <-l.done.Done():
			stop()
			return nil, errs.New(errs.Unavailable, "%s: the connection was closed during the call", l.host)
		}
		switch {
		case ctx.Err() != nil:
			_ = l.nc.Publish(l.d.Requests(l.host)+verbCancel, []byte(reply))
			if err := parent.Err(); err != nil {
				return nil, err
			}
			return nil, errs.New(errs.Unavailable, "%s did not answer within %v", l.host, MaxWait)
		case !l.there(l.host):
			return nil, errs.New(errs.Unavailable, "%s was lost during the call", l.host)
		}
	}
}
