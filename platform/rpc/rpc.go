// Package rpc carries calls to hosts. A call is a method's name, an encoded
// request and an encoded answer; the methods are those of a driver interface.
//
//	mux := rpc.NewMux()                                  // on the host
//	rpc.Handle(mux, "pause", func(ctx context.Context, id string) (bool, error) { … })
//	host := rpc.InProcess(mux, nil)                      // in the controller
//	done, err := rpc.Invoke[string, bool](ctx, host, "pause", id)
//
// Errors keep their kind, code and message on the way; causes stay where they
// arose. A call may arrive twice, and its answer may be lost: what changes
// something carries an operation id and is harmless when repeated. The
// caller's Grant does not travel. Bytes of images do not either.
package rpc

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"runtime/debug"
	"slices"

	"github.com/cumulite/cumulite/platform/errs"
	"github.com/cumulite/cumulite/platform/store"
)

// Caller sends one request to one host and waits for its answer. Transports
// implement it. An error says that no answer came (errs.Unavailable, or ctx's
// end); what the method itself answered, its errors included, is in the bytes.
type Caller interface {
	Call(ctx context.Context, method string, request []byte) ([]byte, error)
}

// Mux is the receiving side: methods by name. Handle fills it before it serves.
type Mux struct {
	methods map[string]func(ctx context.Context, request []byte) ([]byte, error)
}

// NewMux gives a Mux without methods.
func NewMux() *Mux {
	return &Mux{methods: map[string]func(context.Context, []byte) ([]byte, error){}}
}

// Methods gives the names of the methods, sorted.
func (m *Mux) Methods() []string { return slices.Sorted(maps.Keys(m.methods)) }

// Handle makes fn answer method. A second fn for a method replaces the first.
func Handle[In, Out any](m *Mux, method string, fn func(context.Context, In) (Out, error)) {
	m.methods[method] = func(ctx context.Context, request []byte) ([]byte, error) {
		var in In
		if err := json.Unmarshal(request, &in); err != nil {
			return nil, errs.Invalidf("the request of %s does not decode", method).Because(err)
		}
		out, err := fn(ctx, in)
		if err != nil {
			return nil, err
		}
		return json.Marshal(out)
	}
}

// Serve answers one request: what a transport calls. It always gives an
// answer; a panic in the method becomes an Internal error in it.
func (m *Mux) Serve(ctx context.Context, method string, request []byte) []byte {
	result, err := m.run(ctx, method, request)
	if err != nil {
		return Refusal(err)
	}
	encoded, err := json.Marshal(answer{Result: result})
	if err != nil {
		return Refusal(err)
	}
	return encoded
}

func (m *Mux) run(ctx context.Context, method string, request []byte) (result []byte, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic in %s: %v\n%s", method, p, debug.Stack())
		}
	}()
	fn := m.methods[method]
	if fn == nil {
		return nil, errs.New(errs.NotSupported, "this host has no method %s", method)
	}
	return fn(ctx, request)
}

// Invoke calls method at c. Inside store.Write it is refused: no transaction waits for a host.
func Invoke[In, Out any](ctx context.Context, c Caller, method string, in In) (Out, error) {
	var out Out
	if store.InWrite(ctx) {
		return out, errs.New(errs.Internal, "a call to a host (%s) inside a transaction", method)
	}
	request, err := json.Marshal(in)
	if err != nil {
		return out, fmt.Errorf("encode the request of %s: %w", method, err)
	}
	reply, err := c.Call(ctx, method, request)
	if err != nil {
		return out, err
	}
	var a answer
	if err := json.Unmarshal(reply, &a); err != nil {
		return out, errs.New(errs.Unavailable, "the answer to %s does not decode", method).Because(err)
	}
	if a.Error != nil {
		return out, a.Error.decode()
	}
	if err := json.Unmarshal(a.Result, &out); err != nil {
		return out, errs.New(errs.Unavailable, "the answer to %s does not decode", method).Because(err)
	}
	return out, nil
}
