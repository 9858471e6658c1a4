package flow

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/cumulite/cumulite/platform/auth"
	"github.com/cumulite/cumulite/platform/errs"
	"github.com/cumulite/cumulite/platform/flow/ledger"
	"github.com/cumulite/cumulite/platform/store"
)

// kind is a registered Operation without its type.
type kind struct {
	name     string
	forward  bool
	deadline time.Duration
	steps    []stepInfo
	bind     func(ledger.Entry) (binding, error)
}

type stepInfo struct {
	name     string
	do, undo bool // there is one
}

// stepName gives "" for a step that there is not: only the end is left.
func (k *kind) stepName(step int) string {
	if step >= 0 && step < len(k.steps) {
		return k.steps[step].name
	}
	return ""
}

// binding is the typed side of one operation: its functions with its Run.
type binding interface {
	prepare(attempt int, again bool, cause error)
	skips(step int) bool
	do(ctx context.Context, step int) error
	undo(ctx context.Context, step int) error
	save(ctx context.Context, tx *store.Tx, step int) error
	done(ctx context.Context, tx *store.Tx) error
	failed(ctx context.Context, tx *store.Tx) error
	observe(ctx context.Context, tx *store.Tx, ev StepEvent) error
	args() ([]byte, error)
}

// Handle starts operations of one kind.
type Handle[A any] struct {
	e    *Engine
	kind *kind
}

// Register makes operations of a kind known to e. It must be called before
// Run, and panics when the kind is registered already: a programming error.
func Register[A any](e *Engine, op Operation[A]) *Handle[A] {
	if _, twice := e.kinds[op.Kind]; twice || op.Kind == "" {
		panic(fmt.Sprintf("flow: the kind %q is registered twice or empty", op.Kind))
	}
	k := &kind{name: op.Kind, forward: op.Forward, deadline: op.Deadline}
	if k.deadline <= 0 {
		k.deadline = time.Hour
	}
	for _, s := range op.Steps {
		k.steps = append(k.steps, stepInfo{s.Name, s.Do != nil, s.Undo != nil})
	}
	k.bind = func(en ledger.Entry) (binding, error) {
		b := &bound[A]{op: &op, run: Run[A]{ID: en.ID, Key: en.Key}}
		if err := json.Unmarshal([]byte(en.Args), &b.run.Args); err != nil {
			return nil, errs.Wrap(err, "decode the arguments of %s", en.Kind) // and so never stored over them
		}
		return b, nil
	}
	e.kinds[op.Kind] = k
	return &Handle[A]{e, k}
}

// Start stores an operation in tx, with the Grant and the request's id of
// ctx; it begins once tx is committed and the operations of the same key that
// were started before have ended.
func (h *Handle[A]) Start(ctx context.Context, tx *store.Tx, key string, args A) (id string, err error) {
	text, err := json.Marshal(args)
	caller, failed := json.Marshal(auth.From(ctx))
	if err := errors.Join(err, failed); err != nil {
		return "", errs.Wrap(err, "start %s", h.kind.name)
	}
	now := h.e.clk.Now()
	en := ledger.Entry{ID: uuid.NewString(), Kind: h.kind.name, Key: key, Caller: string(caller), RequestID: auth.RequestID(ctx),
		Forward: h.kind.forward, Created: now, Deadline: now.Add(h.kind.deadline), State: ledger.State{Args: string(text)}}
	if err := h.e.ledger.Add(ctx, tx, &en, h.e.roll.Reserve(en.ID, now)); err != nil {
		return "", errs.Wrap(err, "start %s", h.kind.name)
	}
	if en.Owner == "" {
		tx.AfterCommit(h.e.wake)
	} else {
		tx.AfterCommit(func() { h.e.begin(en) })
	}
	return en.ID, nil
}

// bound implements binding.
type bound[A any] struct {
	op  *Operation[A]
	run Run[A]
}

func (b *bound[A]) prepare(attempt int, again bool, cause error) {
	b.run.Attempt, b.run.Again, b.run.Cause = attempt, again, cause
}

func (b *bound[A]) skips(step int) bool {
	return b.op.Steps[step].Skip != nil && b.op.Steps[step].Skip(&b.run)
}

func (b *bound[A]) do(ctx context.Context, step int) error { return b.op.Steps[step].Do(ctx, &b.run) }

func (b *bound[A]) undo(ctx context.Context, step int) error {
	return b.op.Steps[step].Undo(ctx, &b.run)
}

func (b *bound[A]) save(ctx context.Context, tx *store.Tx, step int) error {
	if fn := b.op.Steps[step].Save; fn != nil {
		return fn(ctx, tx, &b.run)
	}
	return nil
}

func (b *bound[A]) done(ctx context.Context, tx *store.Tx) error {
	if b.op.Done == nil {
		return nil
	}
	return b.op.Done(ctx, tx, &b.run)
}

func (b *bound[A]) failed(ctx context.Context, tx *store.Tx) error {
	if b.op.Failed == nil {
		return nil
	}
	return b.op.Failed(ctx, tx, &b.run, b.run.Cause)
}

func (b *bound[A]) observe(ctx context.Context, tx *store.Tx, ev StepEvent) error {
	if b.op.Observe == nil {
		return nil
	}
	return b.op.Observe(ctx, tx, &b.run, ev)
}

func (b *bound[A]) args() ([]byte, error) { return json.Marshal(b.run.Args) }
