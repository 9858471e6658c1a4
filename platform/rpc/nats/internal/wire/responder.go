package wire

import (
	"context"
	"log/slog"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/cumulite/cumulite/platform/clock"
	"github.com/cumulite/cumulite/platform/errs"
	"github.com/cumulite/cumulite/platform/rpc"
)

// fresh is how old the proof may be that the connection works when a call begins.
const fresh = time.Second

// Responder runs requests, each in a goroutine of its own, and sends their answers.
type Responder struct {
	nc  *nats.Conn
	d   Direction
	mux func(host string) *rpc.Mux
	log *slog.Logger

	ctx     context.Context
	stop    context.CancelFunc
	running sync.WaitGroup
	subs    []*nats.Subscription

	mu    sync.Mutex
	calls map[string]context.CancelFunc // by subject of the answer
	load  map[string]int                // calls of each host
	epoch uint64                        // which connection requests come over
	old   int                           // requests that wait here and came over the one before

	proof sync.Mutex
	seen  time.Time // the connection was alive
}

// Answer answers the requests to (or from) host, or AllHosts, with the methods
// that mux gives for it, until Close. Those of one queue share the requests.
func Answer(nc *nats.Conn, d Direction, host, queue string, mux func(host string) *rpc.Mux, log *slog.Logger) (*Responder, error) {
	r := &Responder{nc: nc, d: d, mux: mux, log: log, calls: map[string]context.CancelFunc{}, load: map[string]int{}}
	r.ctx, r.stop = context.WithCancel(context.Background())
	requests := d.Requests(host)
	connected := nc.StatusChanged(nats.CONNECTED)
	r.epoch = nc.Stats().Reconnects
	r.running.Go(func() { r.follow(connected) })
	var err error
	if queue == "" { // one subscription keeps a cancel behind its request
		err = r.subscribe(requests+".*", "")
	} else if err = r.subscribe(requests+verbDo, queue); err == nil {
		err = r.subscribe(requests+verbCancel, "")
	}
	if err != nil {
		r.Close()
		return nil, err
	}
	return r, nil
}

func (r *Responder) subscribe(subject, queue string) error {
	sub, err := r.nc.QueueSubscribe(subject, queue, r.receive)
	if err == nil {
		r.mu.Lock()
		r.subs = append(r.subs, sub)
		r.mu.Unlock()
		err = sub.SetPendingLimits(maxQueued, maxQueuedBytes)
	}
	return err
}

// Close ends all calls and waits for them.
func (r *Responder) Close() {
	for _, sub := range r.subs {
		_ = sub.Unsubscribe()
	}
	r.mu.Lock()
	r.stop()
	r.mu.Unlock()
	r.running.Wait()
}

// receive takes one message. A peer may name only its own answers: who answers
// has more rights than who asks.
func (r *Responder) receive(msg *nats.Msg) {
	late := r.late()
	host, call := hostOf(msg.Subject), msg.Reply
	cancels := strings.HasSuffix(msg.Subject, verbCancel)
	if cancels {
		call = string(msg.Data)
	}
	if !strings.HasPrefix(call, r.d.Answers(host)) {
		r.log.Warn("a message that asks for an answer elsewhere", "host", host, "answer", call)
		return
	}
	if cancels {
		r.cancel(call)
		return
	}
	ctx, epoch, err := r.begin(host, call, msg.Header.Get(headerWait), late)
	if err != nil {
		r.respond(call, rpc.Refusal(err))
		return
	}
	go r.run(ctx, epoch, host, msg)
}

// late says whether the message now received came over a connection before this one, or may have.
func (r *Responder) late() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.old--
	return r.old >= 0 || r.epoch != r.nc.Stats().Reconnects
}

// begin notes a call, with the context that ends when its caller gives up.
func (r *Responder) begin(host, call, wait string, late bool) (context.Context, uint64, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if late {
		return nil, 0, tooLate(host)
	}
	if r.ctx.Err() != nil {
		return nil, 0, errs.New(errs.Unavailable, "%s: closing", host)
	}
	if r.load[host] >= MaxRunning {
		return nil, 0, errs.New(errs.Unavailable, "%s: %d calls are running", host, MaxRunning)
	}
	us, err := strconv.ParseInt(wait, 10, 64)
	if err != nil || us < 0 || us > MaxWait.Microseconds() {
		return nil, 0, errs.Invalidf("a call that waits %q microseconds", wait)
	}
	ctx, cancel := context.WithTimeout(r.ctx, time.Duration(us)*time.Microsecond)
	r.calls[call] = cancel
	r.load[host]++
	r.running.Add(1)
	return ctx, r.epoch, nil
}

func tooLate(host string) error {
	return errs.New(errs.Unavailable, "%s: the request came over a connection that was lost", host)
}

func (r *Responder) run(ctx context.Context, epoch uint64, host string, msg *nats.Msg) {
	defer r.running.Done()
	answer := r.answer(ctx, epoch, host, msg)
	r.end(host, msg.Reply)
	r.respond(msg.Reply, answer)
}

func (r *Responder) answer(ctx context.Context, epoch uint64, host string, msg *nats.Msg) []byte {
	if !r.live(epoch) {
		return rpc.Refusal(tooLate(host))
	}
	if err := ctx.Err(); err != nil {
		return rpc.Refusal(err)
	}
	mux := r.mux(host)
	if mux == nil {
		mux = rpc.NewMux()
	}
	return mux.Serve(ctx, msg.Header.Get(headerMethod), msg.Data)
}

func (r *Responder) end(host, call string) {
	r.cancel(call)
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.load[host]--; r.load[host] == 0 {
		delete(r.load, host)
	}
}

func (r *Responder) cancel(call string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if cancel := r.calls[call]; cancel != nil {
		cancel()
		delete(r.calls, call)
	}
}

func (r *Responder) respond(call string, answer []byte) {
	if len(answer) > MaxMessage {
		answer = rpc.Refusal(errs.New(errs.TooLarge, "the answer has %d bytes; %d are the most", len(answer), MaxMessage))
	}
	if err := r.nc.Publish(call, answer); err != nil {
		r.log.Warn("an answer was not sent", "error", err)
	}
}

// live says whether the connection epoch worked within the last second, and
// asks if nobody knows. A process that stood still, or was cut off, finds old
// requests in its buffers: their callers are gone, and nothing must be done
// for them. Whatever was sent before the answer to our question came before
// it, cancels included.
func (r *Responder) live(epoch uint64) bool {
	r.proof.Lock()
	defer r.proof.Unlock()
	now := clock.System().Now()
	if age := now.Sub(r.seen); age >= 0 && age < fresh {
		return true
	}
	if !r.nc.IsConnected() || r.nc.FlushTimeout(Ping) != nil || r.nc.Stats().Reconnects != epoch {
		return false
	}
	r.seen = now
	return true
}

// follow notes each new connection, until Close.
func (r *Responder) follow(connected chan nats.Status) {
	defer r.nc.RemoveStatusListener(connected)
	for {
		select {
		case <-connected:
		case <-r.ctx.Done():
			return
		}
		r.mu.Lock()
		r.epoch, r.old = r.nc.Stats().Reconnects, 0
		for _, sub := range r.subs {
			waiting, _, _ := sub.Pending()
			r.old += waiting
		}
		r.mu.Unlock()
	}
}
