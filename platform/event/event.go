// Package event tells other services what happened. An event is written in
// the transaction of the change it tells of, so that neither can be without
// the other, and is delivered to each subscriber at least once, in order.
//
//	bus := event.New(db, clk, nil)
//	bus.Subscribe("network", []string{"identity.project.deleted"}, forgetProject)
//	go bus.Run(ctx)
//	…
//	err := db.Write(ctx, func(ctx context.Context, tx *store.Tx) error {
//		…
//		return bus.Emit(ctx, tx, "identity", "project.deleted", project.ID, project)
//	})
package event

import (
	"cmp"
	"context"
	"embed"
	"encoding/json"
	"log/slog"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/cumulite/cumulite/platform/auth"
	"github.com/cumulite/cumulite/platform/clock"
	"github.com/cumulite/cumulite/platform/errs"
	"github.com/cumulite/cumulite/platform/store"
)

// Event is something that happened, as it is stored.
type Event struct {
	Seq       int64           // rises with each commit; never used twice
	ID        string          // a UUID, by which a second delivery can be told
	Type      string          // "identity.project.deleted": begins with the service
	Service   string          // who emitted it
	Resource  string          // the id of what it is about
	ProjectID string          // of the caller, "" without one
	UserID    string          // of the caller
	RequestID string          // of the request that caused it
	Payload   json.RawMessage // what the service says about it
	At        time.Time
}

// Handler is told of one event at a time. An error has it called again later
// with the same event; until it succeeds the subscriber hears of no other. It
// may be called again with an event that it has handled.
type Handler func(ctx context.Context, ev Event) error

// Options are a Bus's settings; nil means the defaults.
type Options struct {
	Logger *slog.Logger // nil discards
	// Retention is how long events are kept after they were delivered, and
	// how long a subscriber may stay away without missing any. Default: 7 days.
	Retention time.Duration
	// Poll is how often to look for events of other processes. Default: a minute.
	Poll time.Duration
	// Backoff is how long to wait after a handler failed so many times in a
	// row. Default: a second, doubled up to five minutes.
	Backoff func(failures int) time.Duration
}

// Bus stores and delivers events.
type Bus struct {
	db   *store.Store
	clk  clock.Clock
	opts Options
	subs []*subscriber
}

//go:embed *.sql
var files embed.FS

// Migrations gives the tables of the outbox.
func Migrations() store.Migrations { return store.Migrations{Name: "event", Files: files} }

// New gives a Bus on a store that has the tables of Migrations.
func New(db *store.Store, clk clock.Clock, opts *Options) *Bus {
	b := &Bus{db: db, clk: clk}
	if opts != nil {
		b.opts = *opts
	}
	b.opts.Logger = cmp.Or(b.opts.Logger, slog.New(slog.DiscardHandler))
	if b.opts.Retention <= 0 {
		b.opts.Retention = 7 * 24 * time.Hour
	}
	if b.opts.Poll <= 0 {
		b.opts.Poll = time.Minute
	}
	if b.opts.Backoff == nil {
		b.opts.Backoff = func(failures int) time.Duration {
			return min(time.Second<<min(failures-1, 16), 5*time.Minute)
		}
	}
	return b
}

// Emit stores an event in tx: "project.deleted" of service "identity" has the
// type "identity.project.deleted". The caller and the request are those of
// ctx. Subscribers are woken by the commit. The order of events is that of
// commits: where several transactions run at once they wait for each other
// here, so the row is written at the end of tx, by Tx.Last.
func (b *Bus) Emit(ctx context.Context, tx *store.Tx, service, typ, resource string, payload any) error {
	body, err := json.Marshal(payload)
	if err != nil {
		return errs.Wrap(err, "emit %s", typ)
	}
	if !strings.HasPrefix(typ, service+".") {
		typ = service + "." + typ
	}
	g := auth.From(ctx)
	ev := Event{ID: uuid.NewString(), Type: typ, Service: service, Resource: resource, ProjectID: g.ProjectID(), UserID: g.UserID(),
		RequestID: auth.RequestID(ctx), Payload: body, At: b.clk.Now()}
	tx.Last(func(ctx context.Context) error { return errs.Wrap(ev.insert(ctx, tx), "emit %s", typ) })
	tx.AfterCommit(b.wake)
	return nil
}

// insert writes the row, with the next number.
func (ev *Event) insert(ctx context.Context, tx *store.Tx) error {
	if err := tx.QueryRow(ctx, "UPDATE event_last SET seq = seq + ? RETURNING seq", 1).Scan(&ev.Seq); err != nil {
		return err
	}
	_, err := tx.Exec(ctx, `INSERT INTO event_events
		(seq, id, type, service, resource, project_id, user_id, request_id, payload, at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
		ev.Seq, ev.ID, ev.Type, ev.Service, ev.Resource, ev.ProjectID, ev.UserID, ev.RequestID, string(ev.Payload), ev.At)
	return err
}

// Subscribe has fn called for each event of these types: whole names, or
// prefixes as in "compute.*"; "*" is every event. The subscriber goes on where
// the one of that name stopped, also after a restart; a new name begins with
// the oldest event that is kept. It must be called before Run.
func (b *Bus) Subscribe(name string, types []string, fn Handler) {
	b.subs = append(b.subs, &subscriber{bus: b, name: name, types: slices.Clone(types), fn: fn, woken: make(chan struct{}, 1)})
}

func (b *Bus) wake() {
	for _, s := range b.subs {
		select {
		case s.woken <- struct{}{}:
		default: // it is awake
		}
	}
}
