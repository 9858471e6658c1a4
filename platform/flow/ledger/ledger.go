// Package ledger keeps the operations of package flow in the database: which
// there are, who may work on which, and what was recorded of each.
//
// An entry has one owner at most, and its fence is raised by each claim and
// each record: what an owner writes who has lost it changes nothing. The
// entries of a key are worked on one at a time, in the order of their Add.
package ledger

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"strings"
	"time"

	"github.com/cumulite/cumulite/platform/errs"
	"github.com/cumulite/cumulite/platform/store"
)

//go:embed *.sql
var files embed.FS

// Migrations gives the table of operations.
func Migrations() store.Migrations { return store.Migrations{Name: "flow", Files: files} }

// ErrCancelled is the answer of Record for a cancelled entry that would go on.
var ErrCancelled = errs.New(errs.Conflict, "The operation was cancelled.")

// ErrFence is the answer of Record for an entry that is not as it was read.
var ErrFence = errors.New("the row is not as this worker left it")

// Entry is an operation as it is stored.
type Entry struct {
	ID, Kind, Key     string
	Caller, RequestID string
	Forward           bool // it cannot be cancelled
	Created, Deadline time.Time
	Owner             string    // who works on it, or ""
	Due               time.Time // when it may be claimed; the end of the lease while it has an owner
	Fence             int64
	Claims            int // since the last record
	State
}

// State is the part of an entry that an attempt at a step changes.
type State struct {
	Step      int // the one to do next or, undoing, to undo next
	Undoing   bool
	Cancelled bool
	Attempt   int    // failed attempts at this step
	Args      string // JSON
	Failure   error  // the last one
	Cause     error  // why it is undone
}

// Move is what becomes of an entry.
type Move struct {
	State
	Keep bool      // the owner goes on
	Due  time.Time // when it may be claimed again, unless it is kept
	Over bool      // the entry goes
}

// Ledger is the view that one owner has of all entries.
type Ledger struct {
	db    *store.Store
	owner string
}

// New gives owner's view of the entries in db.
func New(db *store.Store, owner string) *Ledger { return &Ledger{db, owner} }

const columns = "id, kind, key, caller, request_id, fence, claims, deadline, created_at, owner, due_at, forward, step, undoing, cancelled, attempt, args, failure, cause"

// Only the oldest operation of a key may be claimed, and by an engine that
// knows its kind. What has this engine's name is either running or being released.
const claimable = `owner <> ? AND kind IN (LIST) AND NOT EXISTS
	(SELECT 1 FROM flow_operations o WHERE o.key = f.key AND o.seq < f.seq)`

const (
	nextDueSQL = `SELECT due_at FROM flow_operations f WHERE ` + claimable + ` ORDER BY due_at LIMIT 1`
	claimSQL   = `UPDATE flow_operations SET owner = ?, due_at = ?, fence = fence + 1, claims = claims + 1
		WHERE due_at <= ? AND id IN (SELECT id FROM flow_operations f WHERE due_at <= ? AND ` + claimable + `
		ORDER BY due_at LIMIT ?) RETURNING ` + columns
	releaseSQL = `UPDATE flow_operations SET owner = '', due_at = ? WHERE owner = ? AND id NOT IN (LIST)`
	boundSQL   = `UPDATE flow_operations SET due_at = ? WHERE due_at > ?`
	renewSQL   = `UPDATE flow_operations SET due_at = ? WHERE owner = ? RETURNING id, cancelled`
	cancelSQL  = `UPDATE flow_operations SET cancelled = ?, due_at = CASE WHEN owner = '' AND due_at > ? THEN ? ELSE due_at END
		WHERE key = ? AND NOT forward AND NOT undoing RETURNING id, cancelled`
	insertSQL = `INSERT INTO flow_operations (id, kind, key, args, caller, request_id, forward, step, undoing, cancelled,
		attempt, failure, cause, owner, fence, claims, due_at, deadline, created_at, seq)
		VALUES (?, ?, ?, ?, ?, ?, ?, 0, ?, ?, 0, '', '', ?, ?, ?, ?, ?, ?, ?)`
	lastSQL   = `SELECT COALESCE(MAX(seq), 0) FROM flow_operations WHERE key = ?`
	recordSQL = `UPDATE flow_operations SET step = ?, undoing = ?, attempt = ?, args = ?, failure = ?, cause = ?, claims = ?,
		owner = ?, due_at = CASE WHEN owner = ? THEN due_at ELSE ? END, fence = fence + 1
		WHERE id = ? AND owner = ? AND fence = ? RETURNING cancelled`
	endSQL  = `DELETE FROM flow_operations WHERE id = ? AND owner = ? AND fence = ? RETURNING cancelled`
	ownSQL  = `SELECT ` + columns + ` FROM flow_operations WHERE id = ? AND owner = ?`
	listSQL = `SELECT ` + columns + ` FROM flow_operations `
)

// Add stores a new entry, which is due from its creation on. One with a lease
// is this owner's from the start, as if it had been claimed, unless there are
// others of its key. Entries of the same key wait for each other: the order of
// their numbers is that of commits.
func (l *Ledger) Add(ctx context.Context, tx *store.Tx, e *Entry, lease time.Time) error {
	if err := tx.Lock(ctx, "flow."+e.Key); err != nil {
		return err
	}
	var last int64
	if err := tx.QueryRow(ctx, lastSQL, e.Key).Scan(&last); err != nil {
		return err
	}
	e.Owner, e.Due, e.Fence, e.Claims = "", e.Created, 0, 0
	if last == 0 && !lease.IsZero() {
		e.Owner, e.Due, e.Fence, e.Claims = l.owner, lease, 1, 1
	}
	_, err := tx.Exec(ctx, insertSQL, e.ID, e.Kind, e.Key, e.Args, e.Caller, e.RequestID, e.Forward, false, false,
		e.Owner, e.Fence, e.Claims, e.Due.UnixMicro(), e.Deadline.UnixMicro(), e.Created.UnixMicro(), last+1)
	return err
}

// NextDue says when the next entry of these kinds may be claimed; zero when there is none.
func (l *Ledger) NextDue(ctx context.Context, kinds []string) (time.Time, error) {
	var due int64
	query, args := list(nextDueSQL, []any{l.owner}, kinds)
	err := l.db.QueryRow(ctx, query, args...).Scan(&due)
	if store.IsNone(err) {
		return time.Time{}, nil
	}
	return moment(due), err
}

// Claim makes this owner the one of the entries of these kinds that are due
// longest, until the lease ends.
func (l *Ledger) Claim(ctx context.Context, kinds []string, most int, now, lease time.Time) (claimed []Entry, err error) {
	due := now.UnixMicro()
	query, args := list(claimSQL, []any{l.owner, lease.UnixMicro(), due, due, l.owner}, kinds)
	err = l.db.Write(ctx, func(ctx context.Context, tx *store.Tx) error {
		claimed, err = scanAll(tx.Query(ctx, query, append(args, most)...))
		return err
	})
	if err != nil {
		return nil, err
	}
	return claimed, nil
}

// Release frees all that has this owner's name, except for those at work: what
// an earlier process of this name has left, or a claim whose answer was lost.
// Nothing is due later than latest afterwards: a clock that went back since
// would have it wait for as long as that.
func (l *Ledger) Release(ctx context.Context, now, latest time.Time, atWork []string) error {
	return l.db.Write(ctx, func(ctx context.Context, tx *store.Tx) error {
		query, args := list(releaseSQL, []any{now.UnixMicro(), l.owner}, atWork)
		_, err := tx.Exec(ctx, query, args...)
		_, late := tx.Exec(ctx, boundSQL, latest.UnixMicro(), latest.UnixMicro())
		return errors.Join(err, late)
	})
}

// Renew extends the leases of this owner, and gives the ids of its entries,
// true for those that were cancelled.
func (l *Ledger) Renew(ctx context.Context, lease time.Time) (owned map[string]bool, err error) {
	err = l.db.Write(ctx, func(ctx context.Context, tx *store.Tx) error {
		owned, err = scanIDs(tx.Query(ctx, renewSQL, lease.UnixMicro(), l.owner))
		return err
	})
	return owned, err
}

// Cancel marks the entries of key that can be cancelled, gives their ids, and
// has those that wait come due.
func (l *Ledger) Cancel(ctx context.Context, tx *store.Tx, key string, now time.Time) (map[string]bool, error) {
	return scanIDs(tx.Query(ctx, cancelSQL, true, now.UnixMicro(), now.UnixMicro(), key))
}

// Record has m become of e, which this owner has claimed, and tells whether
// there may be an entry of its key to claim then. It changes nothing and gives
// ErrFence, or ErrCancelled when a cancelled entry would go forward.
func (l *Ledger) Record(ctx context.Context, tx *store.Tx, e *Entry, m Move) (more bool, err error) {
	owner, claims := "", 0
	if m.Keep {
		owner, claims = l.owner, 1
	}
	var result *sql.Row
	if m.Over {
		result = tx.QueryRow(ctx, endSQL, e.ID, l.owner, e.Fence)
	} else {
		result = tx.QueryRow(ctx, recordSQL, m.Step, m.Undoing, m.Attempt, m.Args, encode(m.Failure), encode(m.Cause),
			claims, owner, owner, m.Due.UnixMicro(), e.ID, l.owner, e.Fence)
	}
	var cancelled bool
	err = result.Scan(&cancelled)
	switch {
	case store.IsNone(err):
		return false, ErrFence
	case err == nil && cancelled && !m.Undoing && !e.Forward:
		return false, ErrCancelled
	case err != nil || !m.Over:
		return !m.Keep, err
	}
	var last int64
	err = tx.QueryRow(ctx, lastSQL, e.Key).Scan(&last)
	return last > 0, err
}

// Own reads an entry of this owner again; store.IsNone tells that it is not
// there or not its own.
func (l *Ledger) Own(ctx context.Context, id string) (e Entry, err error) {
	err = e.scan(l.db.QueryRow(ctx, ownSQL, id, l.owner))
	return e, err
}

// List gives the entries of keys, or of all keys when there are none, the
// oldest first, those of a key in the order in which they run.
func (l *Ledger) List(ctx context.Context, keys []string) ([]Entry, error) {
	query, args := list(listSQL+map[bool]string{true: "WHERE key IN (LIST) "}[len(keys) > 0]+"ORDER BY created_at, key, seq", nil, keys)
	return scanAll(l.db.Query(ctx, query, args...))
}

// list completes a statement and its arguments with the values of its list.
func list(statement string, args []any, values []string) (string, []any) {
	marks := "''" // IN () is not SQL, and no value is empty
	if len(values) > 0 {
		marks = "?" + strings.Repeat(", ?", len(values)-1)
	}
	for _, v := range values {
		args = append(args, v)
	}
	return strings.Replace(statement, "LIST", marks, 1), args
}

func (e *Entry) scan(from interface{ Scan(...any) error }) error {
	var deadline, created, due int64
	var failure, cause string
	err := from.Scan(&e.ID, &e.Kind, &e.Key, &e.Caller, &e.RequestID, &e.Fence, &e.Claims, &deadline, &created, &e.Owner, &due,
		&e.Forward, &e.Step, &e.Undoing, &e.Cancelled, &e.Attempt, &e.Args, &failure, &cause)
	e.Deadline, e.Created, e.Due = moment(deadline), moment(created), moment(due)
	e.Failure, e.Cause = decode(failure), decode(cause)
	return err
}

func moment(micro int64) time.Time { return time.UnixMicro(micro).UTC() }

func scanAll(rows *sql.Rows, err error) ([]Entry, error) {
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	var all []Entry
	for rows.Next() {
		var e Entry
		if err := e.scan(rows); err != nil {
			return nil, err
		}
		all = append(all, e)
	}
	return all, rows.Err()
}

// scanIDs reads ids, each with whether it was cancelled.
func scanIDs(rows *sql.Rows, err error) (map[string]bool, error) {
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	ids := map[string]bool{}
	for rows.Next() {
		var id string
		var cancelled bool
		if err := rows.Scan(&id, &cancelled); err != nil {
			return nil, err
		}
		ids[id] = cancelled
	}
	return ids, rows.Err()
}
