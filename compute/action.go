package compute

import (
	"context"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/uptrace/bun"

	"github.com/cumulite/cumulite/platform/auth"
	"github.com/cumulite/cumulite/platform/errs"
	"github.com/cumulite/cumulite/platform/flow"
	"github.com/cumulite/cumulite/platform/policy"
	"github.com/cumulite/cumulite/platform/store"
)

// Action is something that was asked of a server, and its row. It outlives the
// server as long as the record of that.
type Action struct {
	bun.BaseModel `bun:"table:compute_actions,alias:action"`
	ID            string    `bun:"id,pk"` // rises with time
	ServerID      string    `bun:"server_id,notnull"`
	ProjectID     string    `bun:"project_id,notnull"` // of whoever asked
	UserID        string    `bun:"user_id,notnull"`
	RequestID     string    `bun:"request_id,notnull"` // what the API knows it by
	Name          string    `bun:"name,notnull"`       // "create", "reboot"
	Failed        bool      `bun:"failed,notnull"`
	StartedAt     time.Time `bun:"started_at,notnull"`
	UpdatedAt     time.Time `bun:"updated_at,notnull"`
}

// ActionEvent is one step of an action, and its row.
type ActionEvent struct {
	bun.BaseModel `bun:"table:compute_action_events,alias:event"`
	ActionID      string     `bun:"action_id,pk"`
	Name          string     `bun:"name,pk"`
	Host          string     `bun:"host,notnull"` // "" without one
	Failed        bool       `bun:"failed,notnull"`
	Details       *string    `bun:"details"` // why it failed, in words for its owner
	StartedAt     time.Time  `bun:"started_at,notnull"`
	FinishedAt    time.Time  `bun:"finished_at,notnull"` // of the last attempt
	Attempt       int        `bun:"attempt,notnull"`     // which it was
	NextAt        *time.Time `bun:"next_at"`             // when the next one is; nil when there is none
	UnderWay      bool       `bun:"-"`                   // it is tried, or will be again: neither failed nor finished yet
}

// beginAction notes that the request in ctx asks something of a server.
func (s *Service) beginAction(ctx context.Context, tx *store.Tx, serverID, name string) error {
	id, err := uuid.NewV7()
	if err != nil {
		return err
	}
	g, now := auth.From(ctx), s.Clock.Now()
	_, err = tx.Exec(ctx, `INSERT INTO compute_actions (id, server_id, project_id, user_id, request_id, name, failed, started_at, updated_at)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)`, id.String(), serverID, g.ProjectID(), g.UserID(), auth.RequestID(ctx), name, false, now, now)
	return err
}

// endAction notes the end of what the request in ctx asked of a server; cause
// is why it failed, nil when it did not.
func (s *Service) endAction(ctx context.Context, tx *store.Tx, serverID string, cause error) error {
	_, err := tx.Exec(ctx, "UPDATE compute_actions SET failed = ?, updated_at = ? WHERE server_id = ? AND request_id = ?",
		cause != nil, s.Clock.Now(), serverID, auth.RequestID(ctx))
	return err
}

// failLastAction notes that what was asked of a server last came to nothing.
func (s *Service) failLastAction(ctx context.Context, tx *store.Tx, serverID string) error {
	_, err := tx.Exec(ctx, "UPDATE compute_actions SET failed = ?, updated_at = ? WHERE id = (SELECT MAX(id) FROM compute_actions WHERE server_id = ?)",
		true, s.Clock.Now(), serverID)
	return err
}

// recordEvent notes an attempt at a step of what the request in ctx asked of a
// server. The last attempt stands for all.
func (s *Service) recordEvent(ctx context.Context, tx *store.Tx, serverID, host, name string, ev flow.StepEvent) error {
	var action string
	err := tx.QueryRow(ctx, `UPDATE compute_actions SET updated_at = ? WHERE id =
		(SELECT MAX(id) FROM compute_actions WHERE server_id = ? AND request_id = ?) RETURNING id`, s.Clock.Now(), serverID, auth.RequestID(ctx)).Scan(&action)
	if store.IsNone(err) {
		return nil // nobody asked: it began by itself
	}
	if err != nil {
		return err
	}
	var next *time.Time
	if !ev.Next.IsZero() {
		next = &ev.Next
	}
	_, err = tx.Exec(ctx, `INSERT INTO compute_action_events (action_id, name, host, failed, details, started_at, finished_at, attempt, next_at)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (action_id, name) DO UPDATE SET host = EXCLUDED.host, failed = EXCLUDED.failed,
		details = EXCLUDED.details, finished_at = EXCLUDED.finished_at, attempt = EXCLUDED.attempt, next_at = EXCLUDED.next_at`,
		action, name, host, ev.Err != nil, detailsOf(ev.Err), ev.Started, ev.Finished, ev.Attempt, next)
	return err
}

// detailsOf gives what the owner of a server may read of an error.
func detailsOf(err error) *string {
	if err == nil {
		return nil
	}
	text := errs.Message(err)
	if text == "" {
		text = "An internal error. The log has it under the request's id."
	}
	return &text
}

// actions says what actions can be filtered by, for changes-since and
// changes-before; the request's id is the marker.
var actions = store.Listing[Action]{Key: "request_id", Default: []store.Sort{{Field: "id", Desc: true}},
	Columns: map[string]store.Column{"id": {Name: "id"}, "updated_at": {Name: "updated_at", Kind: store.Time}}}

// ListActions gives a page of what was asked of a server, the newest first;
// deleted also finds servers that were deleted.
func (s *Service) ListActions(ctx context.Context, serverID string, deleted bool, q store.Query) (list []Action, more bool, err error) {
	if _, err := s.serverOfActions(ctx, ActionActionsList, serverID, deleted); err != nil {
		return nil, false, err
	}
	return actions.Find(ctx, s.DB.Read(), q, func(q *bun.SelectQuery) *bun.SelectQuery { return q.Where("server_id = ?", serverID) })
}

// GetAction gives what a request asked of a server, with its events, the first first.
func (s *Service) GetAction(ctx context.Context, serverID, requestID string, deleted bool) (*Action, []ActionEvent, error) {
	if _, err := s.serverOfActions(ctx, ActionActionsShow, serverID, deleted); err != nil {
		return nil, nil, err
	}
	a := new(Action)
	err := s.DB.Read().NewSelect().Model(a).Where("server_id = ? AND request_id = ?", serverID, requestID).OrderBy("id", bun.OrderAsc).Limit(1).Scan(ctx)
	if store.IsNone(err) {
		return nil, nil, errs.NotFoundf("Action %s not found", requestID)
	}
	if err != nil {
		return nil, nil, err
	}
	events := []ActionEvent{}
	err = s.DB.Read().NewSelect().Model(&events).Where("action_id = ?", a.ID).Order("started_at", "name").Scan(ctx)
	if err != nil {
		return nil, nil, err
	}
	events, err = s.underWay(ctx, a, events)
	return a, events, err
}

// underWay completes the events of an action by what its operation does now:
// the step that is tried again says so, the one whose first attempt is under
// way has no row yet.
func (s *Service) underWay(ctx context.Context, a *Action, events []ActionEvent) ([]ActionEvent, error) {
	ops, err := s.Ops.List(ctx, a.ServerID)
	if err != nil {
		return nil, err
	}
	at := slices.IndexFunc(ops, func(op flow.Info) bool { return op.RequestID == a.RequestID })
	last := a.StartedAt
	for i := range events {
		e := &events[i]
		e.Name, _, _ = strings.Cut(e.Name, "#")
		if at >= 0 && e.NextAt != nil && ops[at].Attempt > 0 && e.Name == eventName(ops[at].Step, ops[at].Undo, 0) {
			e.tryAgain(s.Clock.Now())
		}
		if e.FinishedAt.After(last) {
			last = e.FinishedAt
		}
	}
	if at < 0 || ops[at].Owner == "" || ops[at].Step == "" || ops[at].Attempt > 0 {
		return events, nil
	}
	return append(events, ActionEvent{ActionID: a.ID, Name: eventName(ops[at].Step, ops[at].Undo, 0), StartedAt: last, Attempt: 1, UnderWay: true}), nil
}

// tryAgain has an event say that its step is tried again, and when.
func (e *ActionEvent) tryAgain(now time.Time) {
	e.UnderWay = true
	next := "under way"
	if wait := e.NextAt.Sub(now); wait > 0 {
		next = fmt.Sprintf("in %d s", int(math.Ceil(wait.Seconds())))
	}
	text := fmt.Sprintf("attempt %d, next %s", e.Attempt, next)
	if e.Details != nil {
		text = strings.TrimSuffix(*e.Details, ".") + "; " + text
	}
	e.Details = &text
}

// serverOfActions checks that the caller may see what was asked of a server,
// and gives the project of that.
func (s *Service) serverOfActions(ctx context.Context, action policy.Action, id string, deleted bool) (projectID string, err error) {
	table := "compute_servers"
	if deleted {
		table = "compute_known_servers"
	}
	err = s.DB.QueryRow(ctx, "SELECT project_id FROM "+table+" WHERE id = ?", id).Scan(&projectID)
	if store.IsNone(err) || err == nil && projectID != auth.From(ctx).ProjectID() && !s.isAdmin(ctx) {
		return "", errs.NotFoundf("Instance %s could not be found.", id)
	}
	if err != nil {
		return "", err
	}
	return projectID, s.policy.Check(ctx, action, policy.Target{"project_id": projectID})
}
