// Package flowtest tests the operations of a service: that each of their steps
// may run twice, that a failure at any step leaves nothing behind, that each
// undo may run twice, and that the death of the process at any point changes
// nothing about how it ends.
//
//	func TestOperations(t *testing.T) {
//		flowtest.Run(t, func(t *testing.T) flowtest.Harness {
//			db, host := storetest.Open(t, flow.Migrations(), compute.Migrations()), sim.NewHost()
//			var s *compute.Service
//			return flowtest.Harness{
//				Engine: func(o *flow.Options) *flow.Engine {
//					e := flow.New(db, clock.System(), o)
//					s = compute.New(db, e, host)
//					return e
//				},
//				Snapshot: func() map[string]string { … },
//				Cases: map[string]flowtest.Case{"compute.server.create": {
//					Start: func(ctx context.Context) error { return s.Create(ctx, …) },
//					Stays: func(name string) bool { return name == "server" },
//				}},
//			}
//		})
//	}
package flowtest

import (
	"context"
	"testing"
	"testing/synctest"

	"github.com/cumulite/cumulite/platform/clock"
	"github.com/cumulite/cumulite/platform/flow"
)

// Harness is a fresh world: a store, drivers and a service over them. It is
// made inside a testing/synctest bubble, so nothing in it may wait for real
// sockets or processes.
type Harness struct {
	// Engine makes an engine with these options on the world's store, and a
	// service that registers its operations there, over the world's drivers:
	// what a start of the process does. It does not run the engine. It is
	// called again after a kill.
	Engine func(opts *flow.Options) *flow.Engine
	// Cases has one for each kind that the engine knows.
	Cases map[string]Case
	// Snapshot tells all that there is, in drivers and in rows, by name:
	// "ports" → "2", "server" → "ACTIVE". It holds nothing that differs
	// between two worlds to which the same happened: no random id, no time.
	Snapshot func() map[string]string
	// Clock is the one that engine and drivers were given; nil when that is clock.System.
	Clock *clock.Manual
}

// Case is how operations of one kind come about.
type Case struct {
	// Prepare makes what the operation needs to be there, through the service
	// last made by Engine, whose operations are carried out. Optional.
	Prepare func(ctx context.Context) error
	// Start has the service start the operation.
	Start func(ctx context.Context) error
	// Stays tells which names of a Snapshot may differ from those before Start
	// once the operation was undone: a row in ERROR. nil: none may.
	Stays func(name string) bool
}

// Run tests every kind of operation that the harness's engine knows, and
// fails when one has no Case.
func Run(t *testing.T, newHarness func(t *testing.T) Harness) {
	for _, kind := range kinds(t, newHarness) {
		t.Run(kind, func(t *testing.T) {
			s := &suite{kind: kind, play: func(p plan) (o outcome, err error) {
				synctest.Test(t, func(t *testing.T) { o, err = play(t, newHarness(t), kind, p) })
				return o, err
			}}
			for _, err := range s.check() {
				t.Error(err)
			}
		})
	}
}

// kinds gives what the engine knows, and sees that there is a Case for each.
func kinds(t *testing.T, newHarness func(t *testing.T) Harness) (known []string) {
	synctest.Test(t, func(t *testing.T) {
		h := newHarness(t)
		known = h.Engine(nil).Kinds()
		if len(known) == 0 {
			t.Error("the engine knows no kind of operation")
		}
		for _, kind := range known {
			if _, has := h.Cases[kind]; !has {
				t.Errorf("operations of kind %s have no Case", kind)
			}
		}
		if len(h.Cases) > len(known) {
			t.Errorf("there are Cases for kinds that the engine does not know; it knows %q", known)
		}
	})
	return known
}
