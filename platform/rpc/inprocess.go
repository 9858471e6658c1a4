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
	if opts == nil {
		opts = &Options{}
	}
	return inProcess{m, *opts}
}

type inProcess struct {
	mux  *Mux
	opts Options
}

// Call implements Caller.
func (c inProcess) Call(ctx context.Context, method string, request []byte) ([]byte, error) {
	fault := None
	if c.opts.Fault != nil {
		fault = c.opts.Fault(ctx, method)
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if fault == Fail {
		return nil, errs.New(errs.Unavailable, "the request did not arrive")
	}
	remote, done := detach(ctx)
	defer done()
	reply := c.mux.Serve(remote, method, request)
	if fault == Repeat {
		reply = c.mux.Serve(remote, method, request)
	}
	if fault == Drop {
		return nil, errs.New(errs.Unavailable, "the answer was lost")
	}
	return reply, nil
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
