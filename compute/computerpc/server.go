// Package computerpc carries the calls of compute.Hypervisor between a
// controller and the host they are for.
//
//	computerpc.Serve(ctx, mux, host)                     // in the host's agent
//	host := computerpc.Client(caller, info.Abilities)    // in the controller
package computerpc

import (
	"context"
	"time"

	"github.com/cumulite/cumulite/compute"
	"github.com/cumulite/cumulite/platform/rpc"
)

// The methods and what they are asked with.
const (
	methodDescribe = "compute.describe"
	methodGuests   = "compute.guests"
	methodCreate   = "compute.create"
	methodStart    = "compute.start"
	methodStop     = "compute.stop"
	methodReset    = "compute.reset"
	methodPause    = "compute.pause"
	methodResume   = "compute.resume"
	methodRemove   = "compute.remove"
	methodPlug     = "compute.plug"
	methodUnplug   = "compute.unplug"
	methodConsole  = "compute.console"
	methodSuspend  = "compute.suspend"
	methodWake     = "compute.wake"
	methodChanges  = "compute.changes"
)

type none struct{}

// onSpec asks for a guest to be made as spec says.
type onSpec struct {
	Op   string            `json:"op"`
	Spec compute.GuestSpec `json:"spec"`
}

// onGuest asks for something of an existing guest; the last fields are for the
// methods that need them.
type onGuest struct {
	Op     string        `json:"op,omitempty"`
	ID     string        `json:"id"`
	Grace  time.Duration `json:"grace,omitempty"`
	NIC    *compute.NIC  `json:"nic,omitempty"`
	PortID string        `json:"port_id,omitempty"`
	Lines  int           `json:"lines,omitempty"`
}

// Serve answers on mux for h, with the optional abilities that h has. Changes
// for watchers are collected until ctx ends.
func Serve(ctx context.Context, mux *rpc.Mux, h compute.Hypervisor) {
	rpc.Handle(mux, methodDescribe, func(ctx context.Context, _ none) (compute.HostInfo, error) {
		return h.Describe(ctx)
	})
	rpc.Handle(mux, methodGuests, func(ctx context.Context, _ none) ([]compute.Guest, error) {
		return h.Guests(ctx)
	})
	rpc.Handle(mux, methodConsole, func(ctx context.Context, in onGuest) ([]byte, error) {
		return h.Console(ctx, in.ID, in.Lines)
	})
	handleSpec(mux, methodCreate, h.Create)
	handleSpec(mux, methodStart, h.Start)
	handle(mux, methodStop, func(ctx context.Context, in onGuest) error { return h.Stop(ctx, in.Op, in.ID, in.Grace) })
	handle(mux, methodReset, func(ctx context.Context, in onGuest) error { return h.Reset(ctx, in.Op, in.ID) })
	handle(mux, methodPause, func(ctx context.Context, in onGuest) error { return h.Pause(ctx, in.Op, in.ID) })
	handle(mux, methodResume, func(ctx context.Context, in onGuest) error { return h.Resume(ctx, in.Op, in.ID) })
	handle(mux, methodRemove, func(ctx context.Context, in onGuest) error { return h.Remove(ctx, in.Op, in.ID) })
	handle(mux, methodUnplug, func(ctx context.Context, in onGuest) error { return h.Unplug(ctx, in.Op, in.ID, in.PortID) })
	handle(mux, methodPlug, func(ctx context.Context, in onGuest) error {
		nic := compute.NIC{} // is refused by the host
		if in.NIC != nil {
			nic = *in.NIC
		}
		return h.Plug(ctx, in.Op, in.ID, nic)
	})
	if s, ok := h.(compute.Suspender); ok {
		handle(mux, methodSuspend, func(ctx context.Context, in onGuest) error { return s.Suspend(ctx, in.Op, in.ID) })
		handleSpec(mux, methodWake, s.Wake)
	}
	if w, ok := h.(compute.Watcher); ok {
		rpc.Handle(mux, methodChanges, newLog(ctx, w).since)
	}
}

func handle(mux *rpc.Mux, method string, fn func(context.Context, onGuest) error) {
	rpc.Handle(mux, method, func(ctx context.Context, in onGuest) (none, error) { return none{}, fn(ctx, in) })
}

func handleSpec(mux *rpc.Mux, method string, fn func(context.Context, string, compute.GuestSpec) error) {
	rpc.Handle(mux, method, func(ctx context.Context, in onSpec) (none, error) { return none{}, fn(ctx, in.Op, in.Spec) })
}
