// Package flow carries long operations through to their end, whatever happens
// to the process. An operation is a list of steps; it is stored in the
// transaction of the change that it carries on, each step that ends is
// recorded in a transaction, and what fails for good is undone step by step.
//
//	ops := flow.New(db, clk, nil)
//	create := flow.Register(ops, flow.Operation[CreateArgs]{
//		Kind: "compute.server.create",
//		Steps: []flow.Step[CreateArgs]{
//			{Name: "port", Do: makePort, Undo: deletePort},
//			{Name: "guest", Do: startGuest, Undo: destroyGuest},
//		},
//		Done: markActive, Failed: markError,
//	})
//	go ops.Run(ctx)
//	…
//	err := db.Write(ctx, func(ctx context.Context, tx *store.Tx) error {
//		…
//		_, err := create.Start(ctx, tx, server.ID, CreateArgs{…})
//		return err
//	})
//
// Every function of an operation may run twice: a process may die between an
// effect and its record. Objects that a step makes therefore have ids that
// were chosen before, so that a repeat finds them. Steps are stored by their
// position: operations whose steps change their order get a new Kind.
package flow

import (
	"context"
	"errors"
	"time"

	"github.com/cumulite/cumulite/platform/errs"
	"github.com/cumulite/cumulite/platform/flow/ledger"
	"github.com/cumulite/cumulite/platform/store"
)

// Operation says what happens in operations of one kind.
type Operation[A any] struct {
	// Kind names it, "compute.server.create"; unique in an engine.
	Kind  string
	Steps []Step[A]
	// Deadline is the time from the start after which the operation is
	// undone. An undo, and a step of a Forward operation, has as much for
	// each attempt, and is tried again. 0 is an hour.
	Deadline time.Duration
	// Forward operations (deletes) are never undone or cancelled: each step
	// is tried until it succeeds.
	Forward bool
	// Done is called in the transaction that ends it well. Its error counts as one of the last step.
	Done func(ctx context.Context, tx *store.Tx, r *Run[A]) error
	// Failed is called in the transaction that ends it once all was undone.
	Failed func(ctx context.Context, tx *store.Tx, r *Run[A], cause error) error
	// Observe is called in the transaction that records the end or the
	// failure of a step. One that cannot even record a failure is left out.
	Observe func(ctx context.Context, tx *store.Tx, r *Run[A], ev StepEvent) error
}

// Step is one effect outside of the database with what takes it back.
type Step[A any] struct {
	Name string
	// Do has the effect. It may run twice. A step without Do only saves, in
	// the transaction that records the step before it. Its ctx carries the
	// Grant and the request's id of whoever started the operation.
	Do func(ctx context.Context, r *Run[A]) error
	// Skip, asked once the step before has its effect, tells that there is
	// nothing to do at this one: it is left out with its Save. nil: never.
	Skip func(r *Run[A]) bool
	// Save changes rows in the transaction that records the step as done. Its
	// error counts as one of Do.
	Save func(ctx context.Context, tx *store.Tx, r *Run[A]) error
	// Undo takes the effect back. It may run twice, and also when Do failed,
	// half ran, or never began. It is tried until it succeeds. nil: there is
	// nothing to take back.
	Undo func(ctx context.Context, r *Run[A]) error
}

// StepEvent tells what came of one attempt at a step.
type StepEvent struct {
	Step              string
	Undo              bool
	Started, Finished time.Time
	Attempt           int       // from 1
	Err               error     // nil: the step is done
	Final             bool      // with Err: it is not tried again, the operation is undone
	Next              time.Time // with Err: when it is tried again; zero when it is not
}

// Run is an operation in the hands of its steps.
type Run[A any] struct {
	ID, Key string
	Args    A     // what a step puts here is stored when it ends
	Attempt int   // at this step, from 1
	Again   bool  // a worker may have been at it that ended, with its process, before it could say so
	Cause   error // why it is undone; nil while it goes forward
}

// Info is what can be seen of an operation that has not ended.
type Info struct {
	ID, Kind, Key   string
	Step, RequestID string // the step at work or next, "" when only the end is left; the request that started it
	Undo            bool   // it is being undone
	Forward         bool   // it cannot be cancelled
	Cancelled       bool
	Owner           string // the engine that runs it, "" while it waits
	Attempt         int    // failed attempts at this step
	// LastError is the last of them; errs.Message gives what its owner may read.
	LastError error
	// Due is when it is tried next, or when the lease of its owner ends.
	Created, Due, Deadline time.Time
}

// ErrCancelled is the cause of an operation that Cancel ended.
var ErrCancelled = ledger.ErrCancelled

// ErrKilled, from Options.Fault, ends an engine as the death of its process
// would: it writes nothing any more, and Run returns it.
var ErrKilled = errors.New("killed")

type finalError struct{ error }

func (e finalError) Unwrap() error { return e.error }

// Final marks an error as not worth another attempt: the operation is undone
// at once. Errors of kinds that are not errs.Transient are final by themselves.
func Final(err error) error {
	if err == nil {
		return nil
	}
	return finalError{err}
}

func isFinal(err error) bool {
	var f finalError
	return errors.As(err, &f) || !errs.Transient(err)
}

// Point is a moment at which Options.Fault is asked.
type Point string

// The points of an attempt. An error at AfterRecord is that of a commit whose
// answer was lost.
const (
	BeforeDo     Point = "before do"
	AfterDo      Point = "after do"
	BeforeUndo   Point = "before undo"
	AfterUndo    Point = "after undo"
	BeforeRecord Point = "before record"
	AfterRecord  Point = "after record"
)
