package rpc

import (
	"context"

	"github.com/cumulite/cumulite/platform/errs"
)

// Fault is what a test makes of one call.
type Fault int

// The faults.
const (
	None   Fault = iota
	Fail         // the request is lost: the method does not run
	Drop         // the method runs, its answer is lost
	Repeat       // the method runs twice, the second answer arrives
)

// Options are the options of InProcess; nil is none.
type Options struct {
	// Fault is asked before each call what shall become of it. It may wait, to delay the call.
	Fault func(ctx context.Context, method string) Fault
}

// InProcess gives a Caller to a Mux in this process. Requests and answers are
// encoded and decoded as over any other transport. The method's ctx ends with
// the caller's but carries nothing else of it.
func InProcess(m *Mux, opts *Options) Caller {
	if opts == nil || opts.Fault == nil {
		return inProcess{m}
	}
	return Faulty(inProcess{m}, opts.Fault)
}

type inProcess struct{ mux *Mux }

// Call implements Caller.
func (c inProcess) Call(ctx context.Context, method string, request []byte) ([]byte, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	remote, done := detach(ctx)
	defer done()
	return c.mux.Serve(remote, method, request), nil
}

// detach gives a context without ctx's values that ends when ctx does.
func detach(ctx context.Context) (context.Context, func()) {
	remote, cancel := context.WithCancel(context.Background())
	if deadline, is := ctx.Deadline(); is {
		remote, cancel = context.WithDeadline(context.Background(), deadline)
	}
	stop := context.AfterFunc(ctx, cancel)
	return remote, func() { stop(); cancel() }
}

// Faulty is c, over any transport, with the faults that a test wants: fault is
// asked before each call what shall become of it, and may wait, to delay it.
func Faulty(c Caller, fault func(ctx context.Context, method string) Fault) Caller {
	return faulty{c, fault}
}

type faulty struct {
	Caller
	fault func(ctx context.Context, method string) Fault
}

// Call implements Caller.
func (c faulty) Call(ctx context.Context, method string, request []byte) ([]byte, error) {
	fault := c.fault(ctx, method)
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if fault == Fail {
		return nil, errs.New(errs.Unavailable, "the request did not arrive")
	}
	reply, err := c.Caller.Call(ctx, method, request)
	if fault == Repeat && err == nil {
		reply, err = c.Caller.Call(ctx, method, request)
	}
	if fault == Drop && err == nil {
		return nil, errs.New(errs.Unavailable, "the answer was lost")
	}
	return reply, err
}
