package compute

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/cumulite/cumulite/platform/auth"
	"github.com/cumulite/cumulite/platform/errs"
	"github.com/cumulite/cumulite/platform/flow"
	"github.com/cumulite/cumulite/platform/policy"
	"github.com/cumulite/cumulite/platform/store"
)

// operations are the handles by which the service starts what takes time. The
// key of each operation is the server's id: those of one server run one after
// the other.
type operations struct {
	create  *flow.Handle[createArgs]
	remove  *flow.Handle[deleteArgs]
	power   map[ServerAction]*flow.Handle[powerArgs]
	rebuild *flow.Handle[rebuildArgs]
	attach  *flow.Handle[attachArgs]
	detach  *flow.Handle[detachArgs]
	release *flow.Handle[detachArgs]
	refresh *flow.Handle[refreshArgs]
	forget  *flow.Handle[forgetArgs]
}

func (s *Service) register() {
	s.ops = operations{
		create:  owning(s, s.createOperation()),
		remove:  owning(s, s.deleteOperation()),
		power:   map[ServerAction]*flow.Handle[powerArgs]{},
		rebuild: owning(s, s.rebuildOperation()),
		attach:  flow.Register(s.Ops, s.attachOperation()),
		detach:  flow.Register(s.Ops, s.detachOperation()),
		release: flow.Register(s.Ops, s.releaseOperation()),
		refresh: flow.Register(s.Ops, s.refreshOperation()),
		forget:  flow.Register(s.Ops, s.forgetOperation()),
	}
	for action, p := range powers {
		s.ops.power[action] = owning(s, s.powerOperation(action, p))
	}
}

// owning registers an operation that owns the task of its server meanwhile.
func owning[A any](s *Service, op flow.Operation[A]) *flow.Handle[A] {
	s.owning[op.Kind] = true
	return flow.Register(s.Ops, op)
}

// begin checks that the caller may do action to a server, marks the server,
// and starts the operation that does it, all in one transaction. name is that
// of the instance action; start gives the operation's id, and may name further
// columns that it changed.
func (s *Service) begin(ctx context.Context, id string, rule policy.Action, action ServerAction, name string, start func(ctx context.Context, tx *store.Tx, srv *Server) (op string, columns []string, err error)) (*Server, error) {
	return s.changeServer(ctx, rule, id, func(ctx context.Context, tx *store.Tx, srv *Server) ([]string, error) {
		if err := srv.State().Allow(action, id, s.isAdmin(ctx)); err != nil {
			return nil, err
		}
		srv.setState(srv.State().Begin(action))
		if err := s.beginAction(ctx, tx, id, name); err != nil {
			return nil, err
		}
		op, columns, err := start(ctx, tx, srv)
		if machine[action].task != TaskNone {
			srv.Operation = op
		}
		return columns, err
	})
}

// settle ends an operation on a server: change says what it is now. One that
// another operation has taken over, or that was reset, is left as it is.
func (s *Service) settle(ctx context.Context, tx *store.Tx, op, id string, cause error, change func(srv *Server) (columns []string)) error {
	if err := s.endAction(ctx, tx, id, cause); err != nil {
		return err
	}
	srv, err := lockServer(ctx, tx, id)
	if store.IsNone(err) || err == nil && !srv.owned(op) {
		return nil
	}
	if err != nil {
		return err
	}
	if srv.Operation == "" && errors.Is(cause, flow.ErrCancelled) && srv.VM != VMBuilding {
		return nil // an earlier release has cancelled it for another operation
	}
	columns := change(srv)
	if err := s.emit(ctx, tx, "updated", srv); err != nil {
		return err
	}
	return s.save(ctx, tx, srv, columns...)
}

// fail puts a server into VMError because of cause.
func (s *Service) fail(srv *Server, cause error) (columns []string) {
	srv.setState(State{VM: VMError})
	srv.Fault = s.faultOf(cause)
	return []string{"fault"}
}

// faultOf is what is told of an error: to all what they may read, to
// administrators the whole.
func (s *Service) faultOf(cause error) *Fault {
	f := &Fault{Code: 500, Message: errs.Message(cause), Details: cause.Error(), CreatedAt: s.Clock.Now()}
	if f.Message == "" {
		f.Message = "The operation failed because of an internal error."
	}
	return f
}

// observe records the attempts at an operation's steps as events of the
// action that started it; at says on which host, and how many were tried before.
func observe[A any](s *Service, at func(*A) (host string, before int)) func(context.Context, *store.Tx, *flow.Run[A], flow.StepEvent) error {
	return func(ctx context.Context, tx *store.Tx, r *flow.Run[A], ev flow.StepEvent) error {
		if ev.Step == "" {
			return nil // only the end of the operation was left
		}
		host, before := at(&r.Args)
		return s.recordEvent(ctx, tx, r.Key, host, eventName(ev.Step, ev.Undo, before), ev)
	}
}

// eventName is what a step is called among the events of an action. A name
// stands there once: steps on further hosts have a number, which is not shown.
func eventName(step string, undo bool, before int) string {
	name := "compute_" + step
	if undo {
		name = "compute_undo_" + step
	}
	if before > 0 {
		name = fmt.Sprintf("%s#%d", name, before+1)
	}
	return name
}

// asCompute gives the context in which compute speaks to other services on
// behalf of whoever started an operation.
func asCompute(ctx context.Context) context.Context { return auth.AsService(ctx, "compute") }

// lockServer gives a server whose row nobody else changes before tx has ended.
func lockServer(ctx context.Context, tx *store.Tx, id string) (*Server, error) {
	if err := tx.Lock(ctx, "compute.server."+id); err != nil {
		return nil, err
	}
	return store.Get[Server](ctx, tx, id)
}

// server gives a server to a step.
func (s *Service) server(ctx context.Context, id string) (*Server, error) {
	srv, err := store.Get[Server](ctx, s.DB.Read(), id)
	if store.IsNone(err) {
		return nil, noServer(id)
	}
	return srv, err
}

// hypervisor gives the driver of a host. One that is known to be down is
// errs.Unavailable at once.
func (s *Service) hypervisor(host string) (Hypervisor, error) {
	h, known := s.hosts.Get(host)
	if _, down := s.down.Load(host); down || !known {
		return nil, unavailable(host)
	}
	return h, nil
}

// waits are the callers that wait for the end of an operation in this process.
type waits struct {
	mu  sync.Mutex
	ops map[string]chan error
}

// on gives a channel that tells how an operation ended.
func (w *waits) on(op string) <-chan error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.ops == nil {
		w.ops = map[string]chan error{}
	}
	c := make(chan error, 1)
	w.ops[op] = c
	return c
}

// off forgets an operation.
func (w *waits) off(op string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.ops, op)
}

// end tells who waits for an operation, once tx is committed.
func (w *waits) end(tx *store.Tx, op string, err error) {
	tx.AfterCommit(func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		if c := w.ops[op]; c != nil {
			c <- err
			delete(w.ops, op)
		}
	})
}
