package computerpc

import (
	"context"
	"slices"
	"time"

	"github.com/cumulite/cumulite/compute"
	"github.com/cumulite/cumulite/platform/rpc"
)

// Client gives the host that answers at c. It has the optional methods
// (compute.Suspender, compute.Watcher) for those of the abilities that the
// host told in HostInfo.Abilities, and no others.
func Client(c rpc.Caller, abilities []compute.Ability) compute.Hypervisor {
	base := client{c}
	suspends := slices.Contains(abilities, compute.CanSuspend)
	watches := slices.Contains(abilities, compute.CanWatch)
	switch {
	case suspends && watches:
		return struct {
			client
			suspender
			watcher
		}{base, suspender{c}, watcher{c}}
	case suspends:
		return struct {
			client
			suspender
		}{base, suspender{c}}
	case watches:
		return struct {
			client
			watcher
		}{base, watcher{c}}
	}
	return base
}

type client struct{ c rpc.Caller }

func call[In any](ctx context.Context, c rpc.Caller, method string, in In) error {
	_, err := rpc.Invoke[In, none](ctx, c, method, in)
	return err
}

func (h client) Describe(ctx context.Context) (compute.HostInfo, error) {
	return rpc.Invoke[none, compute.HostInfo](ctx, h.c, methodDescribe, none{})
}

func (h client) Guests(ctx context.Context) ([]compute.Guest, error) {
	return rpc.Invoke[none, []compute.Guest](ctx, h.c, methodGuests, none{})
}

func (h client) Console(ctx context.Context, id string, lines int) ([]byte, error) {
	return rpc.Invoke[onGuest, []byte](ctx, h.c, methodConsole, onGuest{ID: id, Lines: lines})
}

func (h client) Create(ctx context.Context, op string, spec compute.GuestSpec) error {
	return call(ctx, h.c, methodCreate, onSpec{Op: op, Spec: spec})
}

func (h client) Start(ctx context.Context, op string, spec compute.GuestSpec) error {
	return call(ctx, h.c, methodStart, onSpec{Op: op, Spec: spec})
}

func (h client) Stop(ctx context.Context, op, id string, grace time.Duration) error {
	return call(ctx, h.c, methodStop, onGuest{Op: op, ID: id, Grace: grace})
}

func (h client) Reset(ctx context.Context, op, id string) error {
	return call(ctx, h.c, methodReset, onGuest{Op: op, ID: id})
}

func (h client) Pause(ctx context.Context, op, id string) error {
	return call(ctx, h.c, methodPause, onGuest{Op: op, ID: id})
}

func (h client) Resume(ctx context.Context, op, id string) error {
	return call(ctx, h.c, methodResume, onGuest{Op: op, ID: id})
}

func (h client) Remove(ctx context.Context, op, id string) error {
	return call(ctx, h.c, methodRemove, onGuest{Op: op, ID: id})
}

func (h client) Plug(ctx context.Context, op, id string, nic compute.NIC) error {
	return call(ctx, h.c, methodPlug, onGuest{Op: op, ID: id, NIC: &nic})
}

func (h client) Unplug(ctx context.Context, op, id, portID string) error {
	return call(ctx, h.c, methodUnplug, onGuest{Op: op, ID: id, PortID: portID})
}

type suspender struct{ sc rpc.Caller }

func (h suspender) Suspend(ctx context.Context, op, id string) error {
	return call(ctx, h.sc, methodSuspend, onGuest{Op: op, ID: id})
}

func (h suspender) Wake(ctx context.Context, op string, spec compute.GuestSpec) error {
	return call(ctx, h.sc, methodWake, onSpec{Op: op, Spec: spec})
}

type watcher struct{ wc rpc.Caller }

// Watch asks the host again and again for what changed since. It ends with
// the first call that fails, and when the host says that changes were lost.
func (h watcher) Watch(ctx context.Context) (<-chan compute.Guest, error) {
	at, err := h.changes(ctx, changesIn{})
	if err != nil {
		return nil, err
	}
	out := make(chan compute.Guest)
	go h.follow(ctx, changesIn{Log: at.Log, After: at.Next}, out)
	return out, nil
}

func (h watcher) changes(ctx context.Context, in changesIn) (changesOut, error) {
	return rpc.Invoke[changesIn, changesOut](ctx, h.wc, methodChanges, in)
}

// follow hands on changes until the host breaks off: one that answers nothing
// without having waited for something would be asked without end.
func (h watcher) follow(ctx context.Context, at changesIn, out chan<- compute.Guest) {
	defer close(out)
	for ctx.Err() == nil {
		soon, done := context.WithTimeout(ctx, pollFor/2)
		got, err := h.changes(ctx, at)
		hasty := soon.Err() == nil && len(got.Changes) == 0
		done()
		if err != nil || got.Lost || hasty {
			return
		}
		for _, g := range got.Changes {
			select {
			case out <- g:
			case <-ctx.Done():
				return
			}
		}
		at.After = got.Next
	}
}
