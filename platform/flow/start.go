package flow

import (
	"context"
	"encoding/json"
	"time"

	"github.com/google/uuid"

	"github.com/cumulite/cumulite/platform/auth"
	"github.com/cumulite/cumulite/platform/errs"
	"github.com/cumulite/cumulite/platform/store"
)

// Handle starts operations of one kind.
type Handle[A any] struct {
	engine *Engine
	op     *Operation[A]
}

// Register makes e carry out op. It is called before Run; a kind that stands
// twice is a mistake of the program and panics.
func Register[A any](e *Engine, op Operation[A]) *Handle[A] {
	if op.Deadline == 0 {
		op.Deadline = time.Hour
	}
	if _, twice := e.kinds[op.Kind]; twice || op.Kind == "" {
		panic("flow: kind " + op.Kind + " is registered twice or has no name")
	}
	e.kinds[op.Kind] = &op
	return &Handle[A]{e, &op}
}

// Start stores an operation on the resource named by key in tx, to be carried
// out with the Grant of ctx after the commit, when older operations on the
// resource have ended.
func (h *Handle[A]) Start(ctx context.Context, tx *store.Tx, key string, args A) (id string, err error) {
	text, err := json.Marshal(args)
	if err != nil {
		return "", errs.Wrap(err, "start %s", h.op.Kind)
	}
	v7, err := uuid.NewV7()
	if err != nil {
		return "", err
	}
	now := h.engine.clk.Now()
	r := &row{ID: v7.String(), Kind: h.op.Kind, Resource: key, Args: string(text), Caller: auth.From(ctx), RequestID: auth.RequestID(ctx),
		Forward: h.op.Forward, DueAt: now, LeaseUntil: now, Deadline: now.Add(h.op.Deadline), CreatedAt: now}
	if err := insert(ctx, tx, r); err != nil {
		return "", errs.Wrap(err, "start %s", h.op.Kind)
	}
	tx.AfterCommit(h.engine.wake)
	return r.ID, nil
}

func insert(ctx context.Context, tx *store.Tx, r *row) error {
	caller, err := json.Marshal(r.Caller)
	if err != nil {
		return err
	}
	_, err = tx.Exec(ctx, `INSERT INTO flow_operations (id, kind, resource, args, caller, request_id, forward, step, undoing, cancelled, cause, owner,
		lease_until, attempt, tries, due_at, deadline, last_error, created_at) VALUES (?, ?, ?, ?, ?, ?, ?, 0, ?, ?, '', '', ?, 0, 0, ?, ?, '', ?)`,
		r.ID, r.Kind, r.Resource, r.Args, string(caller), r.RequestID, r.Forward, false, false, r.LeaseUntil, r.DueAt, r.Deadline, r.CreatedAt)
	return err
}

// Cancel has the operations on key unwind, those that can: the step that runs
// is told by its ctx after the commit.
func (e *Engine) Cancel(ctx context.Context, tx *store.Tx, key string) error {
	_, err := tx.Exec(ctx, "UPDATE flow_operations SET cancelled = ?, due_at = ? WHERE resource = ? AND forward = ? AND undoing = ?",
		true, e.clk.Now(), key, false, false)
	tx.AfterCommit(func() {
		e.interrupt(key)
		e.wake()
	})
	return err
}

// Info is what may be known of an operation under way.
type Info struct {
	ID, Kind, Key, Step string
	Undoing             bool
	Tries               int
	LastError           string // for administrators: causes stand in it
	DueAt, Deadline     time.Time
	CreatedAt           time.Time
}

// List gives the operations on key, or all of them for "", the oldest first.
func (e *Engine) List(ctx context.Context, key string) ([]Info, error) {
	var rows []row
	q := e.db.Read().NewSelect().Model(&rows).Order("id")
	if key != "" {
		q = q.Where("resource = ?", key)
	}
	if err := q.Scan(ctx); err != nil {
		return nil, err
	}
	infos := make([]Info, len(rows))
	for i, r := range rows {
		infos[i] = Info{ID: r.ID, Kind: r.Kind, Key: r.Resource, Undoing: r.Undoing, Tries: r.Tries, LastError: r.LastError,
			DueAt: r.DueAt, Deadline: r.Deadline, CreatedAt: r.CreatedAt}
		if k := e.kinds[r.Kind]; k != nil {
			if p, err := k.open(&r); err == nil {
				infos[i].Step = p.name(r.Step)
			}
		}
	}
	return infos, nil
}
