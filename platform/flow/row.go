package flow

import (
	"context"
	"errors"
	"time"

	"github.com/uptrace/bun"

	"github.com/cumulite/cumulite/platform/auth"
	"github.com/cumulite/cumulite/platform/store"
)

// row is an operation as it is stored.
type row struct {
	bun.BaseModel `bun:"table:flow_operations,alias:op"`
	ID            string     `bun:"id,pk"`
	Kind          string     `bun:"kind"`
	Resource      string     `bun:"resource"`
	Args          string     `bun:"args"`
	Caller        auth.Grant `bun:"caller,type:text"`
	RequestID     string     `bun:"request_id"`
	Forward       bool       `bun:"forward"`
	Step          int        `bun:"step"`    // to be done next, or to be undone next
	Undoing       bool       `bun:"undoing"` // it unwinds
	Cancelled     bool       `bun:"cancelled"`
	Cause         string     `bun:"cause"` // why it unwinds
	Owner         string     `bun:"owner"` // the engine that has it, "" for none
	LeaseUntil    time.Time  `bun:"lease_until"`
	Attempt       int64      `bun:"attempt"` // raised by each claim: who holds an older one may write nothing
	Tries         int        `bun:"tries"`   // of the present step, so far
	DueAt         time.Time  `bun:"due_at"`
	Deadline      time.Time  `bun:"deadline"`
	LastError     string     `bun:"last_error"`
	CreatedAt     time.Time  `bun:"created_at"`
}

// errLost says that another engine has the operation now.
var errLost = errors.New("flow: the operation was taken over")

// claimable holds for operations that nobody has, or whose owner let the lease
// end, if they are due and the oldest of their resource.
const claimable = `due_at <= ? AND (owner = '' OR lease_until <= ?)
	AND NOT EXISTS (SELECT 1 FROM flow_operations older WHERE older.resource = op.resource AND older.id < op.id)`

// claim takes up to n operations that are due.
func (e *Engine) claim(ctx context.Context, n int64) (rows []row, err error) {
	now := e.clk.Now()
	err = e.db.Write(ctx, func(ctx context.Context, tx *store.Tx) error {
		rows = nil
		if err := tx.NewSelect().Model(&rows).Where(claimable, now, now).Order("due_at", "id").Limit(n).Scan(ctx); err != nil {
			return err
		}
		for i := range rows {
			r := &rows[i]
			r.Owner, r.LeaseUntil = e.opts.Owner, now.Add(e.opts.Lease)
			r.Attempt++
			_, err := tx.Exec(ctx, "UPDATE flow_operations SET owner = ?, lease_until = ?, attempt = ? WHERE id = ?",
				r.Owner, r.LeaseUntil, r.Attempt, r.ID)
			if err != nil {
				return err
			}
		}
		return nil
	})
	return rows, err
}

// guard holds for the row while this claim of it does.
const guard = " WHERE id = ? AND owner = ? AND attempt = ?"

// store writes where the operation stands, and gives it up when release is set.
func (r *row) store(ctx context.Context, tx *store.Tx, release bool) error {
	owner := r.Owner
	if release {
		owner = ""
	}
	res, err := tx.Exec(ctx, `UPDATE flow_operations SET args = ?, step = ?, undoing = ?, cause = ?, tries = ?, due_at = ?, last_error = ?, owner = ?`+guard,
		r.Args, r.Step, r.Undoing, r.Cause, r.Tries, r.DueAt, r.LastError, owner, r.ID, r.Owner, r.Attempt)
	if err != nil {
		return err
	}
	if n, err := res.RowsAffected(); err != nil || n == 0 {
		return errors.Join(errLost, err)
	}
	return nil
}

// remove ends the operation.
func (r *row) remove(ctx context.Context, tx *store.Tx) error {
	res, err := tx.Exec(ctx, "DELETE FROM flow_operations"+guard, r.ID, r.Owner, r.Attempt)
	if err != nil {
		return err
	}
	if n, err := res.RowsAffected(); err != nil || n == 0 {
		return errors.Join(errLost, err)
	}
	return nil
}

// adopt gives up what an earlier process of this owner had, so that it is claimed at once.
func (e *Engine) adopt(ctx context.Context) error {
	return e.db.Write(ctx, func(ctx context.Context, tx *store.Tx) error {
		_, err := tx.Exec(ctx, "UPDATE flow_operations SET owner = '', attempt = attempt + 1 WHERE owner = ?", e.opts.Owner)
		return err
	})
}

// heartbeat extends the leases of what this engine runs.
func (e *Engine) heartbeat(ctx context.Context) error {
	return e.db.Write(ctx, func(ctx context.Context, tx *store.Tx) error {
		_, err := tx.Exec(ctx, "UPDATE flow_operations SET lease_until = ? WHERE owner = ?", e.clk.Now().Add(e.opts.Lease), e.opts.Owner)
		return err
	})
}

// nextDue gives when the next operation can be claimed, if there is one to wait for.
func (e *Engine) nextDue(ctx context.Context) (at time.Time, is bool, err error) {
	var rows []row
	err = e.db.Read().NewSelect().Model(&rows).Column("due_at", "lease_until", "owner").Where("owner <> ?", e.opts.Owner).
		Where("NOT EXISTS (SELECT 1 FROM flow_operations older WHERE older.resource = op.resource AND older.id < op.id)").
		OrderExpr("CASE WHEN owner = '' OR lease_until < due_at THEN due_at ELSE lease_until END").Limit(1).Scan(ctx)
	if err != nil || len(rows) == 0 {
		return at, false, err
	}
	at = rows[0].DueAt
	if rows[0].Owner != "" && rows[0].LeaseUntil.After(at) {
		at = rows[0].LeaseUntil
	}
	return at, true, nil
}
