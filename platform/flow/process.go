package flow

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"runtime/debug"

	"github.com/cumulite/cumulite/platform/errs"
	"github.com/cumulite/cumulite/platform/store"
)

// kind is an Operation without its type parameter.
type kind interface {
	open(r *row) (process, error)
}

// process is an operation under way, bound to its arguments.
type process interface {
	steps() int
	name(i int) string
	effect(i int) bool // the step does something outside
	do(ctx context.Context, i, try int) error
	save(ctx context.Context, tx *store.Tx, i int) error
	undo(ctx context.Context, i, try int, cause error) error
	done(ctx context.Context, tx *store.Tx) error
	failed(ctx context.Context, tx *store.Tx, cause error) error
	observe(ctx context.Context, tx *store.Tx, ev StepEvent) error
	args() (string, error)
}

type bound[A any] struct {
	op  *Operation[A]
	run *Run[A]
}

func (o *Operation[A]) open(r *row) (process, error) {
	b := bound[A]{op: o, run: &Run[A]{ID: r.ID, Key: r.Resource}}
	if err := json.Unmarshal([]byte(r.Args), &b.run.Args); err != nil {
		return nil, fmt.Errorf("decode the arguments of %s %s: %w", r.Kind, r.ID, err)
	}
	return b, nil
}

func (b bound[A]) steps() int { return len(b.op.Steps) }

func (b bound[A]) name(i int) string {
	if i < 0 || i >= len(b.op.Steps) {
		return "finish"
	}
	return b.op.Steps[i].Name
}

func (b bound[A]) effect(i int) bool { return b.op.Steps[i].Do != nil }

func (b bound[A]) do(ctx context.Context, i, try int) error {
	b.run.Attempt = try
	if b.op.Steps[i].Do == nil {
		return nil
	}
	return guarded(func() error { return b.op.Steps[i].Do(ctx, b.run) })
}

func (b bound[A]) save(ctx context.Context, tx *store.Tx, i int) error {
	if b.op.Steps[i].Save == nil {
		return nil
	}
	return b.op.Steps[i].Save(ctx, tx, b.run)
}

func (b bound[A]) undo(ctx context.Context, i, try int, cause error) error {
	b.run.Attempt, b.run.Cause = try, cause
	if b.op.Steps[i].Undo == nil {
		return nil
	}
	return guarded(func() error { return b.op.Steps[i].Undo(ctx, b.run) })
}

func (b bound[A]) done(ctx context.Context, tx *store.Tx) error {
	if b.op.Done == nil {
		return nil
	}
	return b.op.Done(ctx, tx, b.run)
}

func (b bound[A]) failed(ctx context.Context, tx *store.Tx, cause error) error {
	b.run.Cause = cause
	if b.op.Failed == nil {
		return nil
	}
	return b.op.Failed(ctx, tx, b.run, cause)
}

func (b bound[A]) observe(ctx context.Context, tx *store.Tx, ev StepEvent) error {
	if b.op.Observe == nil {
		return nil
	}
	return b.op.Observe(ctx, tx, b.run, ev)
}

func (b bound[A]) args() (string, error) {
	text, err := json.Marshal(b.run.Args)
	return string(text), err
}

// guarded makes a panic of fn an error that is final.
func guarded(fn func() error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = Final(fmt.Errorf("panic: %v\n%s", p, debug.Stack()))
		}
	}()
	return fn()
}

// cause is an error in the form that is stored while an operation unwinds.
type cause struct {
	Kind errs.Kind `json:"kind"`
	Code string    `json:"code,omitempty"`
	Msg  string    `json:"msg,omitempty"`
	Text string    `json:"text"`
}

func encodeCause(err error) string {
	text, _ := json.Marshal(cause{Kind: errs.KindOf(err), Code: errs.CodeOf(err), Msg: errs.Message(err), Text: err.Error()})
	return string(text)
}

func decodeCause(text string) error {
	var c cause
	if text == "" || json.Unmarshal([]byte(text), &c) != nil {
		return ErrDeadline
	}
	return &errs.Error{Kind: c.Kind, Code: c.Code, Msg: c.Msg, Err: errors.New(c.Text)}
}
