package flow

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"strings"
	"time"

	"github.com/cumulite/cumulite/platform/errs"
	"github.com/cumulite/cumulite/platform/store"
)

// row is a stored operation.
type row struct {
	id, kind, key     string
	caller, requestID string
	fence             int64
	deadline, created time.Time
	owner             string
	due               time.Time
	forward           bool
	state
}

// state is the part of a row that an attempt at a step changes.
type state struct {
	step      int
	undoing   bool
	cancelled bool
	attempt   int
	args      string
	failure   string
	cause     string
}

const columns = "id, kind, key, caller, request_id, fence, deadline, created_at, owner, due_at, forward, step, undoing, cancelled, attempt, args, failure, cause"

func (r *row) scan(from interface{ Scan(...any) error }) error {
	var deadline, created, due int64
	err := from.Scan(&r.id, &r.kind, &r.key, &r.caller, &r.requestID, &r.fence, &deadline, &created, &r.owner, &due,
		&r.forward, &r.step, &r.undoing, &r.cancelled, &r.attempt, &r.args, &r.failure, &r.cause)
	r.deadline, r.created, r.due = time.UnixMicro(deadline).UTC(), time.UnixMicro(created).UTC(), time.UnixMicro(due).UTC()
	return err
}

func scanRows(rows *sql.Rows, err error) ([]row, error) {
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	var all []row
	for rows.Next() {
		var r row
		if err := r.scan(rows); err != nil {
			return nil, err
		}
		all = append(all, r)
	}
	return all, rows.Err()
}

// Only the oldest operation of a key may be claimed, and by an engine that
// knows its kind. What has this engine's name is either running or being released.
const claimable = `owner <> ? AND kind IN (KINDS) AND NOT EXISTS
	(SELECT 1 FROM flow_operations o WHERE o.key = f.key AND o.seq < f.seq)`

const (
	nextDueSQL = `SELECT due_at FROM flow_operations f WHERE ` + claimable + ` ORDER BY due_at LIMIT 1`
	claimSQL   = `UPDATE flow_operations SET owner = ?, due_at = ?, fence = fence + 1
		WHERE due_at <= ? AND id IN (SELECT id FROM flow_operations f WHERE due_at <= ? AND ` + claimable + `
		ORDER BY due_at LIMIT ?) RETURNING ` + columns
	releaseSQL = `UPDATE flow_operations SET owner = '', due_at = ? WHERE owner = ?`
	beatSQL    = `UPDATE flow_operations SET due_at = ? WHERE owner = ? RETURNING id, cancelled`
	cancelSQL  = `UPDATE flow_operations SET cancelled = ?, due_at = CASE WHEN owner = '' AND due_at > ? THEN ? ELSE due_at END
		WHERE key = ? AND NOT forward AND NOT undoing RETURNING id`
	insertSQL = `INSERT INTO flow_operations (id, kind, key, args, caller, request_id, forward, step, undoing, cancelled,
		attempt, failure, cause, owner, fence, due_at, deadline, created_at, seq)
		VALUES (?, ?, ?, ?, ?, ?, ?, 0, ?, ?, 0, '', '', '', 0, ?, ?, ?,
		(SELECT COALESCE(MAX(seq), 0) + 1 FROM flow_operations WHERE key = ?))`
	recordSQL = `UPDATE flow_operations SET step = ?, undoing = ?, attempt = ?, args = ?, failure = ?, cause = ?,
		owner = ?, due_at = CASE WHEN owner = ? THEN due_at ELSE ? END, fence = fence + 1
		WHERE id = ? AND owner = ? AND fence = ? RETURNING cancelled`
	endSQL    = `DELETE FROM flow_operations WHERE id = ? AND owner = ? AND fence = ? RETURNING cancelled`
	reloadSQL = `SELECT ` + columns + ` FROM flow_operations WHERE id = ? AND owner = ?`
	listSQL   = `SELECT ` + columns + ` FROM flow_operations WHERE key = ? OR ? = '' ORDER BY created_at, key, seq`
)

// forKinds completes a statement with as many parameters as there are kinds.
func (e *Engine) forKinds(statement string) string {
	return strings.Replace(statement, "KINDS", questionMarks(len(e.kinds)), 1)
}

// claimableArgs are the parameters of claimable.
func (e *Engine) claimableArgs() []any {
	args := []any{e.opts.Owner}
	for _, k := range e.Kinds() {
		args = append(args, k)
	}
	return args
}

// nextDue says when the next operation may be claimed; zero when there is none.
func (e *Engine) nextDue(ctx context.Context) (time.Time, error) {
	if len(e.kinds) == 0 {
		return time.Time{}, nil
	}
	var due int64
	err := e.db.QueryRow(ctx, e.forKinds(nextDueSQL), e.claimableArgs()...).Scan(&due)
	if store.IsNone(err) {
		return time.Time{}, nil
	}
	return time.UnixMicro(due).UTC(), err
}

// claim makes this engine the owner of the operations that are due longest.
func (e *Engine) claim(ctx context.Context, most int) (claimed []row, err error) {
	now := e.clk.Now()
	args := []any{e.opts.Owner, now.Add(e.opts.Lease).UnixMicro(), now.UnixMicro(), now.UnixMicro()}
	args = append(append(args, e.claimableArgs()...), most)
	err = e.write(ctx, func(ctx context.Context, tx *store.Tx) error {
		claimed, err = scanRows(tx.Query(ctx, e.forKinds(claimSQL), args...))
		return err
	})
	if err != nil {
		return nil, err
	}
	return claimed, nil
}

// release frees what an earlier engine of this name has left.
func (e *Engine) release(ctx context.Context) error {
	return e.write(ctx, func(ctx context.Context, tx *store.Tx) error {
		_, err := tx.Exec(ctx, releaseSQL, e.clk.Now().UnixMicro(), e.opts.Owner)
		return err
	})
}

// heartbeat extends the leases, and interrupts the jobs whose operation was
// cancelled by another process or lost to another engine.
func (e *Engine) heartbeat(ctx context.Context, now time.Time) error {
	e.mu.Lock()
	var jobs []*job
	for _, j := range e.running {
		jobs = append(jobs, j)
	}
	e.mu.Unlock()
	owned := map[string]bool{} // and cancelled
	err := e.write(ctx, func(ctx context.Context, tx *store.Tx) error {
		clear(owned)
		rows, err := tx.Query(ctx, beatSQL, now.Add(e.opts.Lease).UnixMicro(), e.opts.Owner)
		if err != nil {
			return err
		}
		defer func() { _ = rows.Close() }()
		for rows.Next() {
			var id string
			var cancelled bool
			if err := rows.Scan(&id, &cancelled); err != nil {
				return err
			}
			owned[id] = cancelled
		}
		return rows.Err()
	})
	if err != nil {
		return err
	}
	for _, j := range jobs {
		if cancelled, mine := owned[j.id]; !mine {
			j.interrupt(errLost)
		} else if cancelled {
			j.interrupt(ErrCancelled)
		}
	}
	return nil
}

// write is the store's Write for an engine that is alive.
func (e *Engine) write(ctx context.Context, fn func(ctx context.Context, tx *store.Tx) error) error {
	if e.isKilled() {
		return ErrKilled
	}
	return e.db.Write(ctx, fn)
}

// failure is how an error is stored.
type failure struct {
	Kind      errs.Kind `json:"kind"`
	Resource  string    `json:"resource,omitempty"`
	ID        string    `json:"id,omitempty"`
	Code      string    `json:"code,omitempty"`
	Msg       string    `json:"msg,omitempty"`
	Text      string    `json:"text"`
	Cancelled bool      `json:"cancelled,omitempty"`
}

const maxText = 2000 // bytes of an error's text that are kept

func encodeError(err error) string {
	f := failure{Text: err.Error(), Cancelled: errors.Is(err, ErrCancelled)}
	var e *errs.Error
	if errors.As(err, &e) {
		f.Kind, f.Resource, f.ID, f.Code, f.Msg = e.Kind, e.Resource, e.ID, e.Code, e.Msg
	}
	if len(f.Text) > maxText {
		f.Text = strings.ToValidUTF8(f.Text[:maxText], "")
	}
	text, _ := json.Marshal(f) // strings and numbers
	return string(text)
}

func decodeError(text string) error {
	if text == "" {
		return nil
	}
	var f failure
	if err := json.Unmarshal([]byte(text), &f); err != nil {
		return errs.Wrap(err, "read a stored error")
	}
	known := &errs.Error{Kind: f.Kind, Resource: f.Resource, ID: f.ID, Code: f.Code, Msg: f.Msg}
	if f.Cancelled {
		known.Err = ErrCancelled
	}
	return past{f.Text, known}
}

// past is an error that was stored: its text, and what errs knew of it.
type past struct {
	text  string
	known *errs.Error
}

func (p past) Error() string { return p.text }
func (p past) Unwrap() error { return p.known }
